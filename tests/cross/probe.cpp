// What lutra answers on one target: ids and file bytes of some indexes, compared with those of every other target. tools/cross
// builds and runs it for many.  SPDX-License-Identifier: MIT
//
//   probe [FILE]    with FILE also saves an index there and loads it again
//
// Values are multiples of 1/16 and their sums are exact, so only means, lengths and what is computed from them are left to rounding.
#include <lutra/lutra.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace {
using namespace lutra;

constexpr std::size_t kDim = 32, kRows = 2000, kQueries = 50, kNeighbours = 10;

struct Kind {
    std::string_view factory;
    Metric metric;
};
constexpr Kind kKinds[] = {
    {"Flat", Metric::l2},
    {"IVF16,Flat", Metric::inner_product},
    {"IVF16,Flat", Metric::cosine},
    {"IVF16,PQ8x4fs,RFlat", Metric::l2},
    {"IVF16,PQ16x4fsr", Metric::l2},
    {"IVF64(IVF8,Flat),PQ8x4fs", Metric::inner_product},
};
/// The digest of the ids that all of them find and of their files.
constexpr std::uint64_t kAnswers = 0x72d44fb4c133dacaU;

/// FNV-1a.
class Digest {
public:
    void add(std::uint64_t value, int bytes) {
        for (int b = 0; b < bytes; ++b) hash_ = (hash_ ^ (value >> (8 * b) & 255)) * 0x100000001b3U;
    }
    std::uint64_t value() const { return hash_; }

private:
    std::uint64_t hash_ = 0xcbf29ce484222325U;
};

std::uint64_t digest(const std::vector<Id>& ids) {
    Digest all;
    for (const Id id : ids) all.add(std::uint64_t(id), 8);
    return all.value();
}
std::uint64_t digest(std::span<const std::byte> bytes) {
    Digest all;
    for (const std::byte byte : bytes) all.add(std::uint64_t(byte), 1);
    return all.value();
}

/// Rows in 16 clusters. (A linear congruential generator: short, and the same everywhere.)
std::vector<float> clustered(std::size_t n, std::uint32_t& state) {
    const auto next = [&] { return (state = state * 1664525U + 1013904223U) >> 16; };
    std::vector<float> x;
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t cluster = next() % 16;
        for (std::uint32_t t = 0; t < kDim; ++t) {
            const std::uint32_t centre = (cluster * 2654435761U + t * 40503U) >> 7 & 63, noise = next() % 33 + next() % 33;
            x.push_back(float(2 * int(centre) + int(noise) - 96) / 16);
        }
    }
    return x;
}

struct Data {
    std::vector<float> rows, queries;
};

Result<std::vector<Id>> found_in(const Index& index, const Data& data) {
    Result<Hits> hits = search(index, {data.queries, kDim}, kNeighbours, {.nprobe = 4, .k_factor = 4});
    LUTRA_TRY(hits.status());
    return std::vector<Id>(hits->ids.begin(), hits->ids.end());
}

/// A loaded index, which must find these ids and save these bytes.
Status check_loaded(const Result<Index>& loaded, const Data& data, const std::vector<Id>& ids, std::span<const std::byte> bytes) {
    LUTRA_TRY(loaded.status());
    const Result<std::vector<Id>> found = found_in(*loaded, data);
    LUTRA_TRY(found.status());
    if (*found != ids) return {Errc::bad_file, "loaded: it finds other ids"};
    MemoryWriter again;
    LUTRA_TRY(loaded->save(again));
    if (!std::equal(bytes.begin(), bytes.end(), again.bytes().begin(), again.bytes().end()))
        return {Errc::bad_file, "loaded: it saves other bytes"};
    return {};
}

#if defined(LUTRA_NO_FILES)
Status check_file(const Index&, const char*, const Data&, const std::vector<Id>&, std::span<const std::byte>) { return {}; }
#else
Status check_file(const Index& index, const char* path, const Data& data, const std::vector<Id>& ids,
                  std::span<const std::byte> bytes) {
    if (path == nullptr) return {};
    LUTRA_TRY(save_index(index, path));
    return check_loaded(load_index(std::string(path)), data, ids, bytes);
}
#endif

void print(const Kind& kind, std::uint64_t ids, std::uint64_t file) {
    const auto high = [](std::uint64_t h) { return static_cast<unsigned long>(h >> 32); };  // newlib's printf has no %llx
    const auto low = [](std::uint64_t h) { return static_cast<unsigned long>(h & 0xffffffffU); };
    const std::string factory(kind.factory), metric(metric_name(kind.metric));
    std::printf("%-24s %-13s ids %08lx%08lx file %08lx%08lx\n", factory.c_str(), metric.c_str(), high(ids), low(ids), high(file),
                low(file));
}

/// Trains, adds, searches, saves, loads and uses in place; prints the digests and adds them to all others.
Status answer(const Kind& kind, const Data& data, const char* path, Digest& all) {
    Result<Index> index = index_factory(kDim, kind.factory, kind.metric);
    LUTRA_TRY(index.status());
    LUTRA_TRY(index->train({data.rows, kDim}));
    LUTRA_TRY(index->add({data.rows, kDim}));
    const Result<std::vector<Id>> ids = found_in(*index, data);
    LUTRA_TRY(ids.status());
    MemoryWriter file;
    LUTRA_TRY(index->save(file));
    MemoryReader in(file.bytes());
    LUTRA_TRY(check_loaded(load_index(in), data, *ids, file.bytes()));
    LUTRA_TRY(check_loaded(open_index(file.bytes()), data, *ids, file.bytes()));
    LUTRA_TRY(check_file(*index, path, data, *ids, file.bytes()));
    print(kind, digest(*ids), digest(file.bytes()));
    all.add(digest(*ids), 8), all.add(digest(file.bytes()), 8);
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    const std::string isa(isa_name());
    std::printf("%s, %d bits\n", isa.c_str(), int(8 * sizeof(void*)));
    std::uint32_t state = 12345;
    Data data;
    data.rows = clustered(kRows, state), data.queries = clustered(kQueries, state);
    Digest all;
    for (const Kind& kind : kKinds)
        if (const Status status = answer(kind, data, argc > 1 ? argv[1] : nullptr, all); !status.ok())
            return std::printf("%s: %s\n", std::string(kind.factory).c_str(), status.c_str()), 1;
    std::printf("answers %08lx%08lx: %s\n", static_cast<unsigned long>(all.value() >> 32),
                static_cast<unsigned long>(all.value() & 0xffffffffU), all.value() == kAnswers ? "as everywhere" : "THEY DIFFER");
    return all.value() == kAnswers ? 0 : 1;
}
