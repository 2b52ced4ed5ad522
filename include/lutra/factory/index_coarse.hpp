// lutra/factory/index_coarse.hpp: the coarse quantizer that is an index over the centroids: "IVF65536(IVF256,PQ64x4fs,RFlat),Flat".
// SPDX-License-Identifier: MIT
//
// k-means of the outer index compares centroids exactly; the inner index is trained on those centroids and stores them. Its results
// are approximate in add() and search() alike, so a row is stored where a search for it looks. For inner products centroids
// therefore have length 1 here and lists part rows by direction: an index over centroids finds the largest products, not the
// nearest centroids, so searches through it would miss rows stored in the nearest list (bench/DEAD_ENDS.md).
#pragma once
#include <lutra/factory/index.hpp>
#include <lutra/kernels/nearest.hpp>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Owns an index of the centroids. Search effort is set by the inner index's nprobe and k_factor, which are saved with it.
/// Memory: the inner index, and a copy of the centroids as it reconstructs them, for residuals and for rows it finds no list for.
class IndexCoarse {
public:
    static constexpr bool learns() { return true; }

    explicit IndexCoarse(Index index) : index_(std::move(index)) {}

    IndexCoarse untrained() const { return IndexCoarse(index_.untrained()); }

    Status build(AlignedVector<float> centroids, std::size_t nlist, std::size_t d, Metric, const Resources& resources = {}) {
        const MatrixView rows{centroids.data(), nlist, d};
        if (Status status = index_.train(rows, resources); !status.ok())
            return {status.code(), "index over the centroids: {}", status.message()};
        LUTRA_TRY(index_.add(rows, resources));
        return keep_centroids();
    }

    std::size_t nlist() const { return index_.ntotal(); }
    const float* centroid(std::size_t list) const { return centroids_.data() + list * index_.dim(); }
    std::string token() const { return std::string("(").append(index_.spec()).append(")"); }
    const Index& index() const { return index_; }

    static constexpr bool takes_lengths() { return false; }
    static constexpr bool wants_spreads() { return false; }
    void set_spreads(std::span<const float>) {}

    void probe(MatrixView q, std::size_t nprobe, Id* lists, float* distances, Arena& arena) const {
        ask(q, nprobe, lists, arena);
        for (std::size_t i = 0; i < q.n; ++i) {
            if (nprobe == nlist())
                std::iota(lists + i * nprobe, lists + (i + 1) * nprobe, Id{0});  // all: none may be missing
            else if (lists[i * nprobe] == kNoId)
                lists[i * nprobe] = nearest_list(q.row(i), arena);
        }
        for (std::size_t p = 0; distances != nullptr && p < q.n * nprobe; ++p)
            if (lists[p] != kNoId) distances[p] = distance_to(q.row(p / nprobe), std::size_t(lists[p]));
    }

    std::size_t probe_bytes(std::size_t n, std::size_t nprobe) const {
        return std::max(arena_bytes<float>(n * nprobe) + index_.search_bytes(n, nprobe, {}),
                        nearest_by_exact_scores_bytes(nlist()));
    }

    void assign(MatrixView x, Id* lists, Arena& arena) const {
        probe(x, 1, lists, nullptr, arena);
        for (std::size_t i = 0; i < x.n; ++i) lists[i] = std::max(lists[i], Id{0});
    }

    Status save(Writer& out, std::size_t, Metric) const { return index_.save(out); }

    /// Makes one of an index loaded from a file.
    static Result<IndexCoarse> of(Index index, const IndexHeader& header, std::size_t nlist) {
        if (index.dim() != header.d || without_norm(index.metric()) != header.metric)
            return Status{Errc::bad_file, "coarse quantizer of d = {} ({}) in an index of d = {} ({})",
                          index.dim(),    metric_name(index.metric()),
                          header.d,       metric_name(header.metric)};
        if (index.ntotal() != (header.is_trained ? nlist : 0))
            return Status{Errc::bad_file, "coarse quantizer with {} centroids in a{} index of {} lists", index.ntotal(),
                          header.is_trained ? " trained" : "n untrained", nlist};
        if (!index.ids_are_places()) return Status{Errc::bad_file, "coarse quantizer whose ids are not 0 to {}", nlist - 1};
        IndexCoarse coarse(std::move(index));
        LUTRA_TRY(coarse.keep_centroids());
        return coarse;
    }

private:
    Metric metric() const { return without_norm(index_.metric()); }

    Status keep_centroids() {
        centroids_.resize(index_.ntotal() * index_.dim());
        return index_.reconstruct_n(0, index_.ntotal(), centroids_.data());
    }

    // Can fail only for lack of memory, as the shape fits and the index is trained; then it throws.
    void ask(MatrixView q, std::size_t n, Id* lists, Arena& arena) const {
        const Arena::Frame frame(arena);
        Resources resources;
        Workspace rest(arena);
        resources.workspace = &rest;
        const Status status = index_.search(q, n, {arena.take<float>(q.n * n).data(), lists}, {}, resources);
        if (!status.ok()) detail::fail(status);
    }

    float distance_to(const float* q, std::size_t list) const {
        return distance_of(metric(), score_row(metric(), q, centroid(list), index_.dim()));
    }

    // The list of a row whose search met only empty lists of the inner index; -1 if the row has NaN.
    Id nearest_list(const float* x, Arena& arena) const {
        Id list = kNoId;
        nearest_by_exact_scores(metric(), {centroids_.data(), nullptr, nlist(), index_.dim()}, {&x, 1}, &list, arena);
        return list;
    }

    Index index_;
    AlignedVector<float> centroids_;  // [nlist, d]
};
static_assert(CoarseQuantizer<IndexCoarse>);  // AnyCoarse loads it

}  // namespace lutra::inline LUTRA_ABI_TAG
