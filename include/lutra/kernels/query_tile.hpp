// lutra/kernels/query_tile.hpp: compares a tile of queries with runs of rows and finds the pairs under each query's threshold.
// SPDX-License-Identifier: MIT
//
// The fused product of panel.hpp proposes, the caller's exact distance decides. Lowering every proposal by `slack` (rounding.hpp)
// times the squared lengths (L2), or times |q||x| (inner product), makes it a lower bound of the exact score: no pair that belongs
// in the result is lost, and about none that does not is proposed. For L2 the bound is
//     (1 - slack) (|x|^2 + |q|^2) - 2 q.x  <=  exact,   compared as   (1 - slack) |x|^2 - 2 q.x  <=  threshold - (1 - slack) |q|^2
// Where that underflows, underflow_slack() is taken off as well. A squared length that overflows counts as -infinity, and a
// comparison with NaN proposes the pair.
#pragma once
#include <lutra/core/types.hpp>
#include <lutra/core/workspace.hpp>
#include <lutra/kernels/distance.hpp>
#include <lutra/kernels/panel.hpp>
#include <lutra/kernels/rounding.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

namespace lutra::inline LUTRA_ABI_TAG {

/// Queries, packed once, to compare with any number of rows. Lives in the Arena it was made from.
///   scan(x, n, visit)   calls visit(query, row) for every pair that may score at or below the query's threshold; visit
///                       returns the query's threshold from then on
///   set_threshold       starts at -infinity: no pair is visited. Scores as in distance.hpp, lower is better
template <class Arch>
class QueryTile;

/// The definition: every pair is scored.
template <>
class QueryTile<scalar> {
public:
    static constexpr std::size_t kMaxQueries = 64;
    static constexpr std::size_t kMinQueries = 2;  ///< below this, one query at a time is as fast

    QueryTile(Arena& arena, Metric metric, std::span<const float* const> queries, std::size_t d)
        : metric_(metric), d_(d), queries_(queries), thresholds_(arena.take<float>(queries.size())) {
        std::fill(thresholds_.begin(), thresholds_.end(), -std::numeric_limits<float>::infinity());
    }

    static constexpr std::size_t bytes(std::size_t n_queries, std::size_t) {
        return arena_bytes<float>(n_queries);
    }  ///< in the arena

    void set_threshold(std::size_t query, float threshold) { thresholds_[query] = threshold; }

    template <class Visit>
    void scan(const float* x, std::size_t n, Visit&& visit) {
        for (std::size_t j = 0; j < n; ++j)
            for (std::size_t i = 0; i < queries_.size(); ++i)
                if (score_row(metric_, queries_[i], x + j * d_, d_) <= thresholds_[i]) thresholds_[i] = visit(i, j);
    }

private:
    Metric metric_;
    std::size_t d_;
    std::span<const float* const> queries_;
    std::span<float> thresholds_;
};

#if !defined(LUTRA_SCALAR_ONLY)
template <class Arch>
class QueryTile {
    using B = simd::Floats<Arch>;
    static constexpr std::size_t kLanes = B::size, kMaxWidth = kMaxPanelVectors * kLanes;

public:
    static constexpr std::size_t kMaxQueries = 8 * kMaxWidth;
    static constexpr std::size_t kMinQueries = kLanes / 2;

    QueryTile(Arena& arena, Metric metric, std::span<const float* const> queries, std::size_t d)
        : metric_(metric), d_(d), n_queries_(queries.size()), slack_(rounding_slack(d)), underflow_(underflow_slack(d)) {
        const std::size_t padded = round_up(n_queries_, kLanes);
        panels_ = arena.take<float>(padded * d);
        offsets_ = arena.take<float>(padded), limits_ = arena.take<float>(padded);
        std::fill(offsets_.begin(), offsets_.end(), 0.F);
        std::fill(limits_.begin(), limits_.end(), -std::numeric_limits<float>::infinity());
        pack(queries);
    }

    static constexpr std::size_t bytes(std::size_t n_queries, std::size_t d) {
        const std::size_t padded = round_up(n_queries, kLanes);
        return arena_bytes<float>(padded * d) + 2 * arena_bytes<float>(padded);
    }

    void set_threshold(std::size_t query, float threshold) { limits_[query] = threshold - offsets_[query]; }

    template <class Visit>
    void scan(const float* x, std::size_t n, Visit&& visit) {
        constexpr std::size_t kChunk = 256;  // rows per pass over the panels: they and their terms stay in the L2 cache
        alignas(64) float terms[kChunk];
        for (std::size_t j = 0; j < n; j += kChunk) {
            const std::size_t n_rows = std::min(kChunk, n - j);
            row_terms(x + j * d_, n_rows, terms);
            for (std::size_t lane = 0; lane < limits_.size(); lane += kMaxWidth)
                scan_panel(lane, x + j * d_, n_rows, terms, j, visit);
        }
    }

private:
    // Panels are as wide as they can be; the last one has only the vectors it needs.
    static std::size_t vectors_at(std::size_t lane, std::size_t padded) {
        return std::min(kMaxPanelVectors, (padded - lane) / kLanes);
    }

    void pack(std::span<const float* const> queries) {
        float longest = 0;
        for (std::size_t lane = 0; lane < limits_.size(); lane += kMaxWidth) {
            const std::size_t width = vectors_at(lane, limits_.size()) * kLanes;
            const float* pointers[kMaxWidth];
            for (std::size_t i = 0; i < width; ++i) pointers[i] = lane + i < n_queries_ ? queries[lane + i] : nullptr;
            pack_panel(pointers, width, d_, nullptr, metric_ == Metric::l2 ? -2.F : -1.F, panels_.data() + lane * d_);
        }
        for (std::size_t i = 0; i < n_queries_; ++i) {
            float squared;
            squared_norms(queries[i], 1, d_, &squared);
            if (metric_ == Metric::l2) offsets_[i] = lower_bound(squared);
            if (squared > longest) longest = squared;
        }
        longest_ = std::sqrt(longest + underflow_);
    }

    void row_terms(const float* x, std::size_t n, float* terms) const {
        squared_norms(x, n, d_, terms);
        if (metric_ == Metric::l2)
            for (std::size_t j = 0; j < n; ++j) terms[j] = lower_bound(terms[j]);
        else
            for (std::size_t j = 0; j < n; ++j) terms[j] = -slack_ * longest_ * std::sqrt(terms[j] + underflow_) - underflow_;
    }

    // A lower bound of the true squared length. -infinity if it overflows: a product with it may still be finite.
    float lower_bound(float squared) const {
        const float bound = (1 - slack_) * squared - underflow_;
        return bound <= std::numeric_limits<float>::max() ? bound : -std::numeric_limits<float>::infinity();
    }

    template <class Visit>
    void scan_panel(std::size_t lane, const float* x, std::size_t n, const float* terms, std::size_t first_row, Visit& visit) {
        static_assert(kMaxPanelVectors == 3);
        switch (vectors_at(lane, limits_.size())) {
            case 3:
                return scan_shape<PanelShape<Arch, 3>>(lane, x, n, terms, first_row, visit);
            case 2:
                return scan_shape<PanelShape<Arch, 2>>(lane, x, n, terms, first_row, visit);
            default:
                return scan_shape<PanelShape<Arch, 1>>(lane, x, n, terms, first_row, visit);
        }
    }

    template <class Shape, class Visit>
    void scan_shape(std::size_t lane, const float* x, std::size_t n, const float* terms, std::size_t first_row, Visit& visit) {
        float* limits = limits_.data() + lane;
        for_tiles<Arch, Shape>(panels_.data() + lane * d_, x, n, d_, [&](const auto& tile, std::size_t j, std::size_t n_rows) {
            auto all_worse = B(0.F) == B(0.F);
            LUTRA_UNROLL for (std::size_t v = 0; v < Shape::kVectors; ++v) {
                const B limit = B::load_aligned(limits + v * kLanes);
                LUTRA_UNROLL for (std::size_t r = 0; r < Shape::kRows; ++r) all_worse =
                    all_worse & (tile.acc[r][v] + B(terms[j + std::min(r, n_rows - 1)]) > limit);
            }
            if (!xsimd::all(all_worse)) visit_tile<Shape>(tile, lane, terms + j, first_row + j, n_rows, visit);
        });
    }

    // The rare part: some pair of this tile is under its limit. Limits move while pairs are visited.
    template <class Shape, class Tile, class Visit>
    void visit_tile(const Tile& tile, std::size_t lane, const float* terms, std::size_t first_row, std::size_t n_rows,
                    Visit& visit) {
        for (std::size_t r = 0; r < n_rows; ++r)
            for (std::size_t v = 0; v < Shape::kVectors; ++v) {
                const std::size_t first = lane + v * kLanes;
                const auto worse = tile.acc[r][v] + B(terms[r]) > B::load_aligned(limits_.data() + first);
                for (std::uint32_t left = ~simd::bits<Arch>(worse) & lanes_in_use(first); left != 0; left &= left - 1) {
                    const std::size_t query = first + std::size_t(std::countr_zero(left));
                    set_threshold(query, visit(query, first_row + r));
                }
            }
    }

    std::uint32_t lanes_in_use(std::size_t first) const {
        const std::size_t n = std::min(kLanes, n_queries_ - std::min(n_queries_, first));
        return std::uint32_t((std::uint64_t{1} << n) - 1);
    }

    Metric metric_;
    std::size_t d_, n_queries_;
    float slack_, underflow_, longest_ = 0;
    std::span<float> panels_;   // one panel after the other, [d, width] each
    std::span<float> offsets_;  // the query's part of the lower bound, (1 - slack) |q|^2 for L2
    std::span<float> limits_;   // threshold - offset, per lane
};
#endif

}  // namespace lutra::inline LUTRA_ABI_TAG
