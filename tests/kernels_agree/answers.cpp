// What one build answers, as text: compared with the builds for other instruction sets by compare.cmake.
// SPDX-License-Identifier: MIT
//
// Rows are small whole numbers, so sums of squares and products are exact in any order, and a mean is one division of exact
// numbers. Only distances to such means are left to rounding, and these rows have no ties so near that it decides one.
#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/coarse/one_list.hpp>
#include <lutra/encodings/flat/flat.hpp>
#include <lutra/encodings/pq4fs/pq4fs_file.hpp>
#include <lutra/ivf/ivf_file.hpp>
#include <lutra/refine/refine_file.hpp>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>
#if LUTRA_HAS_TILES
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <cerrno>
#include <cstddef>
#endif

namespace {
using namespace lutra;
using FlatIndex = Ivf<OneList, Flat>;
using ListsFlat = Ivf<FlatCoarse, Flat>;
using ListsCodes = Ivf<FlatCoarse, Pq4FastScan>;
using Codes = Ivf<OneList, Pq4FastScan>;

constexpr std::size_t kDim = 80, kRows = 1000, kQueries = 70, kNeighbours = 10, kCentroids = 300;

/// Each near one of four values, so that two columns together are sixteen clusters; sums of squared differences are below 2^24.
AlignedVector<float> whole_numbers(std::size_t n, std::uint32_t seed) {
    Rng rng(seed);
    AlignedVector<float> x(n * kDim);
    for (float& v : x) v = float(130 * rng.below(4) + rng.below(41)) - 215;
    return x;
}

/// FNV-1a.
class Digest {
public:
    void add(const void* from, std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) hash_ = (hash_ ^ static_cast<const unsigned char*>(from)[i]) * 0x100000001b3U;
    }
    std::uint64_t value() const { return hash_; }

private:
    std::uint64_t hash_ = 0xcbf29ce484222325U;
};

void print(const char* index, Metric metric, const char* what, const Digest& digest) {
    std::printf("%s, %s: %s %016llx\n", index, metric == Metric::l2 ? "l2" : "inner product", what,
                static_cast<unsigned long long>(digest.value()));
}

/// Queries together, and alone: other kernels serve those.
template <class I>
bool print_neighbours(const char* name, const I& index, const SearchParams& params) {
    const AlignedVector<float> queries = whole_numbers(kQueries, 2);
    const MatrixView q{queries.data(), kQueries, kDim};
    Digest together, alone;
    Result<Hits> hits = search(index, q, kNeighbours, params);
    if (!hits) return false;
    together.add(hits->ids.data(), hits->ids.size() * sizeof(Id));
    for (std::size_t i = 0; i < kQueries; ++i) {
        hits = search(index, q.rows(i, i + 1), kNeighbours, params);
        if (!hits) return false;
        alone.add(hits->ids.data(), hits->ids.size() * sizeof(Id));
    }
    print(name, index.metric(), "neighbours", together);
    print(name, index.metric(), "neighbours of one query after the other", alone);
    return true;
}

/// The whole file: centroids, codebooks, codes, ids.
template <class I>
bool print_file(const char* name, const I& index) {
    MemoryWriter file;
    if (!index.save(file)) return false;
    Digest digest;
    digest.add(file.bytes().data(), file.bytes().size());
    print(name, index.metric(), "file", digest);
    return true;
}

template <class Lists>
void print_lists(const char* name, const Lists& index) {
    Digest digest;
    for (std::size_t l = 0; l < index.nlist(); ++l) {
        const auto ids = index.lists().ids(l);
        const std::uint64_t size = ids.size();
        digest.add(&size, sizeof(size));
        for (const lutra::Id id : ids) digest.add(&id, sizeof id);
    }
    print(name, index.metric(), "lists", digest);
}

/// Centroids that are whole numbers themselves, many enough that a query alone is compared with their bytes.
bool print_partition(Metric metric) {
    FlatCoarse coarse;
    if (!coarse.build(whole_numbers(kCentroids, 3), kCentroids, kDim, metric)) return false;
    const AlignedVector<float> rows = whole_numbers(kRows, 1);
    const MatrixView x{rows.data(), kRows, kDim};
    Arena arena;
    std::vector<Id> lists(kRows * kCentroids);
    Digest assigned, probed, alone;
    coarse.assign(x, lists.data(), arena);
    assigned.add(lists.data(), kRows * sizeof(Id));
    for (const std::size_t nprobe : {1, 7, 37, 150}) {
        coarse.probe(x, nprobe, lists.data(), nullptr, arena);
        probed.add(lists.data(), kRows * nprobe * sizeof(Id));
        for (std::size_t i = 0; i < kQueries; ++i) {
            coarse.probe(x.rows(i, i + 1), nprobe, lists.data(), nullptr, arena);
            alone.add(lists.data(), nprobe * sizeof(Id));
        }
    }
    print("300 lists", metric, "assigned", assigned);
    print("300 lists", metric, "probed", probed);
    print("300 lists", metric, "probed by one query after the other", alone);
    return true;
}

template <class I>
bool fill(I& index) {
    const AlignedVector<float> rows = whole_numbers(kRows, 1);
    const MatrixView x{rows.data(), kRows, kDim};
    return index.train(x).ok() && index.add(x).ok();
}

// Centroids of length 1 take a root of their sum of squares, so files with them differ in last bits: their lists are compared.
bool print_all(Metric metric) {
    const bool whole = metric == Metric::l2;
    FlatIndex flat(kDim, metric, 1, OneList{}, Flat(kDim));
    ListsFlat lists(kDim, metric, 8, FlatCoarse{}, Flat(kDim));
    Codes codes(kDim, metric, 1, OneList{}, Pq4FastScan(kDim, 40));
    Refine<ListsCodes> refined(ListsCodes(kDim, metric, 8, FlatCoarse{}, Pq4FastScan(kDim, 40)));
    if (!fill(flat) || !fill(lists) || !fill(codes) || !fill(refined)) return false;
    SearchParams some, refine;
    some.nprobe = refine.nprobe = 3, refine.k_factor = 10;
    if (!print_partition(metric)) return false;
    print_lists("IVF8,Flat", lists);
    print_lists("IVF8,PQ40x4fs,RFlat", refined.base());
    return print_file("Flat", flat) && (!whole || print_file("IVF8,Flat", lists)) && print_file("PQ40x4fs", codes) &&
           (!whole || print_file("IVF8,PQ40x4fs,RFlat", refined)) && print_neighbours("Flat", flat, {}) &&
           print_neighbours("IVF8,Flat", lists, some) && print_neighbours("IVF8,PQ40x4fs,RFlat", refined, refine);
}

bool machine_has_it() {
#if defined(__AVX512VNNI__) && defined(__AVX512VBMI__)
    return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi");
#elif defined(__AVX512VNNI__)
    return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#elif defined(__AVX512BW__)
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#elif defined(__AVX2__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#elif defined(__SSSE3__)
    return __builtin_cpu_supports("ssse3");
#else
    return true;
#endif
}

/// From now on the system refuses what tiles are asked for by; false if it cannot be made to.
bool refuse_tiles() {
#if LUTRA_HAS_TILES
    sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_arch_prctl, 0, 1),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog filter = {std::size(code), code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0 &&
           !tiles_granted();
#else
    return false;
#endif
}
}  // namespace

int main(int argc, char** argv) {
    if (!machine_has_it()) return std::puts("this machine does not have the instructions"), 0;
    if (argc > 1 && argv[1] == std::string_view("refuse_tiles") && !refuse_tiles())
        return std::puts("this machine cannot refuse tiles"), 0;
    return print_all(Metric::l2) && print_all(Metric::inner_product) ? 0 : 1;
}
