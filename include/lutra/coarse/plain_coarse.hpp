// lutra/coarse/plain_coarse.hpp: the partition of a plain "IVF{n}", one without a coarse quantizer of its own in parentheses. Few
// centroids are all compared; of many, where products of bytes are slow, 4-bit codes propose and exact distances decide.
// SPDX-License-Identifier: MIT
//
// Comparing a query with 7,650 centroids of 256 floats reads 7.8 MB. Their 4-bit codes are 0.25 MB: they are scanned
// (encodings/pq4fs), and only the few dozen best centroids are compared exactly. The number of candidates is measured in build():
// for a sample of centroids we measure how deep in code order their true neighbours lie, and double that. This overestimates what
// a row needs, as a centroid lies further from the others than a row from its own. FlatCoarse compares every centroid if the
// candidates are a large share of all, if there are few lists, and for queries by inner product, which are not like centroids: of
// 4,000 words four got another list. Rows are assigned by L2 there too, through the codes, unless centroids have length 1.
// Where many queries go by bytes of the centroids (kernels/byte_rows.hpp), there are no codes: bytes miss no list, and for 16 of
// 4,096 centroids take 5 us where codes take 18 (bench/DEAD_ENDS.md has more).
// Source: the coarse search over codes is that of faiss's "IVF{n}(PQ{M}x4fs,RFlat)".
#pragma once
#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/core/validate.hpp>
#include <lutra/encodings/pq4fs/pq4fs.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// FlatCoarse, with a shorter way for probe() and assign() where there are many lists and products of bytes are slow; files are
/// FlatCoarse's. Memory beside the centroids: d / 8 + 8 bytes a list, and FlatCoarse's.
class PlainCoarse {
public:
    static constexpr bool learns() { return true; }
    /// Fewer are all compared: for 32 of 1,024 lists codes leave half (bench/DEAD_ENDS.md).
    static constexpr std::size_t kMinLists = 2048;

    PlainCoarse untrained() const { return {}; }

    Status build(AlignedVector<float> centroids, std::size_t nlist, std::size_t d, Metric metric, const Resources& resources = {}) {
        LUTRA_TRY(flat_.build(std::move(centroids), nlist, d, metric, resources));
        d_ = d;
        codes_.clear(), needed_.fill(nlist);
        if (nlist < kMinLists || flat_.near().many_by_bytes() || flat_.near().metric() != Metric::l2 ||
            !check_finite("centroids", rows()).ok())
            return {};
        LUTRA_TRY(encode(resources));
        measure(resources.executor);
        return {};
    }

    std::size_t nlist() const { return flat_.nlist(); }
    const float* centroid(std::size_t list) const { return flat_.centroid(list); }
    std::string token() const { return flat_.token(); }

    /// The number of centroids compared exactly for nprobe lists; 0: all.
    std::size_t candidates(std::size_t nprobe) const {
        std::size_t level = 0;
        while (level < kLevels && nprobes_at(level) < nprobe) ++level;
        if (codes_.empty() || level == kLevels) return 0;
        std::size_t more = 0;  // never falls with nprobe, so that a larger nprobe finds all lists of a smaller one
        for (std::size_t l = 0; l <= level; ++l) more = std::max(more, needed_[l] - std::min(needed_[l], nprobes_at(l)));
        // Twice the worst of 128 samples, and some if that was little. Of 19,000 searches for 1 to 64 of 2,048 to 8,192 lists
        // (SIFT, speech) 6 missed a list so; 35 without the factor, 11 without the 16, 115 without both.
        const std::size_t n = nprobe + 2 * more + 16;
        return n <= nlist() / 8 ? n : 0;
    }

    void probe(MatrixView q, std::size_t nprobe, Id* lists, float* distances, Arena& arena) const {
        const std::size_t n = wants_spreads() ? 0 : candidates(nprobe);
        n == 0 ? flat_.probe(q, nprobe, lists, distances, arena) : find_near(q, nprobe, n, lists, distances, arena);
    }

    /// For L2 the list that probe() gives first: if the codes miss the nearest one, add() and search() miss it alike.
    void assign(MatrixView x, Id* lists, Arena& arena) const {
        const std::size_t n = candidates(1);
        if (n == 0) return flat_.assign(x, lists, arena);
        find_near(x, 1, n, lists, nullptr, arena);
        for (std::size_t i = 0; i < x.n; ++i) lists[i] = std::max(lists[i], Id{0});
    }

    static constexpr bool takes_lengths() { return true; }
    bool wants_spreads() const { return flat_.wants_spreads(); }
    void set_spreads(std::span<const float> rms) { flat_.set_spreads(rms); }

    Status save(Writer& out, std::size_t d, Metric metric) const { return flat_.save(out, d, metric); }
    static Result<PlainCoarse> load(Reader& in, const IndexHeader& index, std::size_t nlist, std::size_t = 0, IndexOptions = {}) {
        Fourcc fourcc;
        LUTRA_TRY(read_fourcc(in, fourcc));
        return load(fourcc, in, index, nlist);
    }
    /// What follows the fourcc.
    static Result<PlainCoarse> load(Fourcc fourcc, Reader& in, const IndexHeader& index, std::size_t nlist) {
        AlignedVector<float> centroids;
        LUTRA_TRY(FlatCoarse::read(fourcc, in, index, nlist, centroids));
        PlainCoarse coarse;
        if (index.is_trained) LUTRA_TRY(coarse.build(std::move(centroids), nlist, std::size_t(index.d), index.metric));
        return coarse;
    }

private:
    static constexpr std::size_t kTogether = 4;                // queries per pass over the codes
    static constexpr std::size_t kLevels = 5, kSamples = 128;  // measured for nprobe = 1, 4, 16, 64, 256

    static constexpr std::size_t nprobes_at(std::size_t level) { return std::size_t{1} << (2 * level); }
    MatrixView rows() const { return {flat_.centroid(0), flat_.nlist(), d_}; }

    Status encode(const Resources& resources) {
        pq_ = Pq4FastScan(d_, d_ % 4 == 0 ? d_ / 4 : d_ % 2 == 0 ? d_ / 2 : d_);
        const MatrixView sample = rows().rows(0, std::min(nlist(), pq_.training_rows()));
        LUTRA_TRY(pq_.train(Metric::l2, sample, sample, resources));
        std::vector<const float*> pointers(nlist());
        for (std::size_t l = 0; l < nlist(); ++l) pointers[l] = centroid(l);
        codes_.assign((nlist() + Pq4FastScan::kBlock - 1) / Pq4FastScan::kBlock * pq_.block_bytes(), std::byte{0});
        pq_.encode(pointers, nullptr, codes_.data(), 0);
        ids_.resize(nlist());
        std::iota(ids_.begin(), ids_.end(), Id{0});
        return {};
    }

    // needed_: the number of best centroids by code that contain the nprobe nearest, for every sample.
    void measure(const Executor& executor) {
        AlignedVector<float> decoded(nlist() * d_);
        for (std::size_t l = 0; l < nlist(); ++l)
            pq_.decode(codes_.data() + l / Pq4FastScan::kBlock * pq_.block_bytes(), l % Pq4FastScan::kBlock, nullptr,
                       decoded.data() + l * d_);
        std::vector<std::array<std::size_t, kLevels>> ranks(kSamples);
        executor.for_each(kSamples,
                          [&](std::size_t i, std::size_t) { ranks[i] = ranks_of(i * nlist() / kSamples, decoded.data()); });
        needed_.fill(0);
        for (const auto& rank : ranks)
            for (std::size_t level = 0; level < kLevels; ++level) needed_[level] = std::max(needed_[level], rank[level]);
    }

    // For each level the worst rank, by distance to `decoded` [nlist, d], of the nearest neighbours of centroid i.
    std::array<std::size_t, kLevels> ranks_of(std::size_t i, const float* decoded) const {
        std::vector<float> exact(nlist()), rough(nlist());
        score_rows(Metric::l2, centroid(i), rows().data, nlist(), d_, exact.data());
        score_rows(Metric::l2, centroid(i), decoded, nlist(), d_, rough.data());
        exact[i] = rough[i] = std::numeric_limits<float>::infinity();
        std::vector<std::size_t> order(nlist());
        std::iota(order.begin(), order.end(), std::size_t{0});
        const std::size_t most = std::min(nprobes_at(kLevels - 1), nlist());
        std::partial_sort(order.begin(), order.begin() + std::ptrdiff_t(most), order.end(),
                          [&](std::size_t a, std::size_t b) { return exact[a] < exact[b]; });
        std::array<std::size_t, kLevels> ranks{};
        float worst = -std::numeric_limits<float>::infinity();
        for (std::size_t level = 0, j = 0; level < kLevels; ++level) {
            for (; j < std::min(nprobes_at(level), most); ++j) worst = std::max(worst, rough[order[j]]);
            ranks[level] = std::size_t(std::count_if(rough.begin(), rough.end(), [&](float score) { return score <= worst; }));
        }
        return ranks;
    }

    void find_near(MatrixView q, std::size_t nprobe, std::size_t n, Id* lists, float* distances, Arena& arena) const {
        const Arena::Frame frame(arena);
        if (distances == nullptr) distances = arena.take<float>(q.n * nprobe).data();
        for (std::size_t i = 0; i < q.n; i += kTogether)
            find_near_some(q.rows(i, std::min(q.n, i + kTogether)), nprobe, n, lists + i * nprobe, distances + i * nprobe, arena);
    }

    // Probes for at most kTogether queries, with n candidates each.
    void find_near_some(MatrixView q, std::size_t nprobe, std::size_t n, Id* lists, float* distances, Arena& arena) const {
        const Arena::Frame frame(arena);
        const IdFilter all;
        const Pq4FastScan::State* states[kTogether];
        Reservoir found[kTogether];
        Reservoir* pointers[kTogether];
        for (std::size_t i = 0; i < q.n; ++i) {
            states[i] = pq_.prepare(Metric::l2, q.row(i), arena);
            found[i] = Reservoir(n, &all, arena), pointers[i] = &found[i];
        }
        pq_.scan<Reservoir>(Metric::l2, {states, q.n}, {}, {codes_.data(), ids_.data(), nlist()}, {pointers, q.n}, arena);
        const auto scores = arena.take<float>(n);
        const auto ids = arena.take<Id>(n);
        for (std::size_t i = 0; i < q.n; ++i) {
            found[i].write(Metric::l2, Order::any, scores.data(), ids.data());
            Id* const own = lists + i * nprobe;
            if (ids[n - 1] != kNoId) flat_.near().rank(q.row(i), ids, nprobe, own, distances + i * nprobe, arena);
            if (ids[n - 1] == kNoId || own[nprobe - 1] == kNoId)  // a query with NaN, or so long that distances overflow
                flat_.near().probe(q.rows(i, i + 1), nprobe, own, distances + i * nprobe, arena);
        }
    }

    FlatCoarse flat_;
    std::size_t d_ = 1;
    Pq4FastScan pq_{1, 1};
    AlignedVector<std::byte> codes_;  // all centroids as one list of codes; empty: every centroid is compared
    std::vector<Id> ids_;             // [nlist]: 0, 1, 2 ...
    std::array<std::size_t, kLevels> needed_{};
};
static_assert(StoredCoarse<PlainCoarse>);

}  // namespace lutra::inline LUTRA_ABI_TAG
