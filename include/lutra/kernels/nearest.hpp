// lutra/kernels/nearest.hpp: finds the nearest centroid of each point.  SPDX-License-Identifier: MIT
// Main path: nearest() -> where centroids have bytes, nearest_by_bytes(): byte_rows.hpp -> exact scores of what they leave. Else
// nearest_in_groups(): fused products, the best and the second best of each point -> is_clear() -> points that are not clear:
// scan_rows(), which compares exactly.
//
// k-means and add() spend their time here. Without bytes the argmin is fused into the matrix product of panel.hpp: no distance is
// ever written. argmin_j |x - c_j|^2 = argmin_j (|c_j|^2 - 2 x.c_j), both less a common origin (centroids.hpp); for inner product
// argmin_j (-x.c_j). Points for which rounding might decide, some in a thousand, are decided by the distances of distance.hpp, ties
// to the lower number: so the result is that of a search among the centroids, in every build.
#pragma once
#include <lutra/core/bit_cast.hpp>
#include <lutra/core/types.hpp>
#include <lutra/core/workspace.hpp>
#include <lutra/kernels/centroids.hpp>
#include <lutra/kernels/distance.hpp>
#include <lutra/kernels/panel.hpp>
#include <lutra/kernels/rank_in_double.hpp>
#include <lutra/kernels/rounding.hpp>
#include <lutra/kernels/scan_rows.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace lutra::inline LUTRA_ABI_TAG {

/// Rows per task of those who call nearest() in parallel: whole groups of panels on every instruction set, eight with AVX-512.
inline constexpr std::size_t kNearestGrain = 1536;

/// The result of the products for one point and some centroids. Scores are terms[j] - {2,1} x'.c', up to rounding.
struct Proposal {
    std::int32_t j = 0;                                // the centroid with the best score, ties to the lower number
    float score = std::numeric_limits<float>::max();   // its score
    float second = std::numeric_limits<float>::max();  // the best score of the others
    float squared = 0;                                 // |x'|^2

    /// Merges the proposal of another group, whose centroids have the numbers from `first` on.
    void merge(const Proposal& other, std::int32_t first) {
        second = std::min({std::max(score, other.score), second, other.second});
        squared = other.squared;
        if (other.score < score || (other.score == score && other.j + first < j)) score = other.score, j = other.j + first;
    }
};

/// True if the proposed centroid is certainly the nearest by exact scores (distance.hpp), too: the second is worse by more than the
/// error of both ways of computing. A tighter count than rounding.hpp's, as a point that is not clear costs k distances. u = 2^-24,
/// a = |x'|, b = longest |c'|, D = the second's distance, r = roundings_of_sum(d); for each of the two, L2:
///   the product, in one chain                d u 2 a b
///   the term; the sum of both                r u b^2 + u (2 a b + b^2)
///   x' and c' in place of x and c            2 u (a + b)^2
///   the exact score, with its differences    (r + 2) u D
/// Inner product: d u a b, and r u a b for the exact one. A bound with NaN or infinity in it says no.
inline bool is_clear(const CentroidsView& c, const Proposal& p) {
    constexpr float kUnit = 0x1.04p-24F;  // u and what terms of higher order add
    const float a = std::sqrt(p.squared), b = c.longest_near, gap = p.second - p.score;
    const float chain = float(c.d + 2), sum = float(roundings_of_sum(c.d) + 2);
    const float underflow = underflow_slack(c.d);
    if (c.metric == Metric::inner_product) return gap > kUnit * 2 * (chain + sum) * a * b + underflow;
    const float distance = std::max(0.F, (p.second == TopK::kEmpty ? p.score : p.second) + p.squared);
    const float off = 2 * (chain * 2 * a * b + sum * b * b) + 4 * (a + b) * (a + b) + 2 * sum * distance;
    const bool far_is_farther = a + std::sqrt(std::max(0.F, p.score + p.squared)) < 0.99F * c.far;
    return gap > kUnit * off + underflow && far_is_farther;
}

// found(i, g, proposal) for every point i < n and every group g of centroids. point(i) is a pointer to d floats; groups have k >= 1
// and one d, metric and origin.
template <class Point, class Found>
void nearest_in_groups(scalar, std::size_t n, std::span<const CentroidsView> groups, Arena&, Point&& point, Found&& found) {
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t g = 0; g < groups.size(); ++g) {
            const CentroidsView& c = groups[g];
            const float* x = point(i);
            const auto centred = [&](std::size_t t) { return x[t] - (c.origin != nullptr ? c.origin[t] : 0.F); };
            const float scale = c.metric == Metric::l2 ? -2.F : -1.F;
            Proposal p;
            for (std::size_t t = 0; t < c.d; ++t) p.squared += centred(t) * centred(t);
            for (std::size_t j = 0; j < c.k; ++j) {
                float product = 0;
                for (std::size_t t = 0; t < c.d; ++t) product += c.centred[j * c.d + t] * (scale * centred(t));
                const float score = c.terms[j] + product;
                if (score < p.score)  // never true of NaN
                    p.second = p.score, p.score = score, p.j = std::int32_t(j);
                else if (score < p.second)
                    p.second = score;
            }
            found(i, g, p);
        }
}

#if !defined(LUTRA_SCALAR_ONLY)
namespace detail {

// The proposals for the lanes of one panel. Ids are kept as bits of floats, as they are only ever selected.
template <class Arch, class Shape>
struct LaneProposals {
    using B = simd::Floats<Arch>;
    static constexpr std::size_t kLanes = Shape::kLanes;
    alignas(64) float score[Shape::kWidth];
    alignas(64) float second[Shape::kWidth];
    alignas(64) float id[Shape::kWidth];
    alignas(64) float squared[Shape::kWidth];

    void reset() {
        std::fill_n(score, Shape::kWidth, std::numeric_limits<float>::max());
        std::fill_n(second, Shape::kWidth, std::numeric_limits<float>::max());
        std::fill_n(id, Shape::kWidth, bit_cast<float>(std::int32_t{0}));
    }

    // |x'|^2 of each point from the panel, which holds it times `scale`.
    void measure(const float* panel, std::size_t d, float scale) {
        B sum[Shape::kVectors];
        LUTRA_UNROLL for (B& s : sum) s = B(0.F);
        for (std::size_t t = 0; t < d; ++t, panel += Shape::kWidth) LUTRA_UNROLL for (std::size_t v = 0; v < Shape::kVectors; ++v) {
                const B x = B::load_aligned(panel + v * kLanes);
                sum[v] = simd::fma(x, x, sum[v]);
            }
        for (std::size_t v = 0; v < Shape::kVectors; ++v) (sum[v] * B(1 / (scale * scale))).store_aligned(squared + v * kLanes);
    }

    // A tile that is not full repeats its last row, which must not become its own second: repeated rows are infinitely far.
    void update(const Tile<Shape, B>& tile, const float* terms, std::size_t first, std::size_t n_rows) {
        float last[Shape::kRows];
        const float* const term = n_rows == Shape::kRows ? terms + first : last;
        if (n_rows != Shape::kRows)
            for (std::size_t r = 0; r < Shape::kRows; ++r)
                last[r] = r < n_rows ? terms[first + r] : std::numeric_limits<float>::infinity();
        LUTRA_UNROLL for (std::size_t v = 0; v < Shape::kVectors; ++v) {
            B best_score = B::load_aligned(score + v * kLanes), best_id = B::load_aligned(id + v * kLanes);
            B next = B::load_aligned(second + v * kLanes);
            LUTRA_UNROLL for (std::size_t r = 0; r < Shape::kRows; ++r) {
                const B s = tile.acc[r][v] + B(term[r]);
                const auto better = s < best_score;
                next = simd::min(simd::max(best_score, s), next);
                best_score = xsimd::select(better, s, best_score);
                best_id = xsimd::select(better, B(bit_cast<float>(std::int32_t(first + r))), best_id);
            }
            best_score.store_aligned(score + v * kLanes);
            best_id.store_aligned(id + v * kLanes);
            next.store_aligned(second + v * kLanes);
        }
    }

    Proposal proposal(std::size_t lane) const {
        return {bit_cast<std::int32_t>(id[lane]), score[lane], second[lane], squared[lane]};
    }
};

// One panel against one chunk of centroids. Not inlined, so that every pointer of the inner loop has a register.
template <class Arch, class Shape>
[[gnu::noinline]] void propose(const float* panel, const CentroidsView& c, std::size_t first, std::size_t n,
                               LaneProposals<Arch, Shape>& lanes) {
    for_tiles<Arch, Shape>(panel, c.centred + first * c.d, n, c.d, [&](const auto& tile, std::size_t j, std::size_t n_rows) {
        lanes.update(tile, c.terms, first + j, n_rows);
    });
}

}  // namespace detail

/// Like the scalar version, up to the rounding of the products. Points come in groups of panels, centroids in chunks that stay in
/// the L2 cache while every panel of the group passes over them.
template <class Arch, class Point, class Found>
void nearest_in_groups(Arch, std::size_t n, std::span<const CentroidsView> groups, Arena& arena, Point&& point, Found&& found) {
    using Shape = PanelShape<Arch, kMaxPanelVectors>;
    using Lanes = detail::LaneProposals<Arch, Shape>;
    constexpr std::size_t kPanels = 4;  // that share what is read of the centroids: 128 KB, half of a small L2
    static_assert(kNearestGrain % (kPanels * Shape::kWidth) == 0);
    const std::size_t d = groups[0].d;
    const std::size_t chunk =
        std::max<std::size_t>(Shape::kRows, (std::size_t{128} << 10) / (d * sizeof(float)) / Shape::kRows * Shape::kRows);
    const float scale = groups[0].metric == Metric::l2 ? -2.F : -1.F;
    const Arena::Frame frame(arena);
    const auto panels = arena.take<float>(kPanels * Shape::kWidth * d);
    const auto lanes = arena.take<Lanes>(kPanels);

    for (std::size_t i0 = 0; i0 < n; i0 += kPanels * Shape::kWidth) {
        const std::size_t n_points = std::min(n - i0, kPanels * Shape::kWidth),
                          n_panels = (n_points + Shape::kWidth - 1) / Shape::kWidth;
        for (std::size_t p = 0; p < n_panels; ++p) {
            const float* points[Shape::kWidth];
            for (std::size_t l = 0; l < Shape::kWidth; ++l)
                points[l] = p * Shape::kWidth + l < n_points ? point(i0 + p * Shape::kWidth + l) : nullptr;
            pack_panel(points, Shape::kWidth, d, groups[0].origin, scale, panels.data() + p * Shape::kWidth * d);
            lanes[p].measure(panels.data() + p * Shape::kWidth * d, d, scale);
        }
        for (std::size_t g = 0; g < groups.size(); ++g) {
            const CentroidsView& c = groups[g];
            for (std::size_t p = 0; p < n_panels; ++p) lanes[p].reset();
            for (std::size_t j0 = 0; j0 < c.k; j0 += chunk)
                for (std::size_t p = 0; p < n_panels; ++p)
                    detail::propose<Arch, Shape>(panels.data() + p * Shape::kWidth * d, c, j0, std::min(chunk, c.k - j0), lanes[p]);
            for (std::size_t i = 0; i < n_points; ++i) found(i0 + i, g, lanes[i / Shape::kWidth].proposal(i % Shape::kWidth));
        }
    }
}
#endif

/// What nearest_by_exact_scores() takes from the arena for one point and n centroids.
constexpr std::size_t nearest_by_exact_scores_bytes(std::size_t n) {
    return arena_bytes<TopCollector>(1) + arena_bytes<TopCollector*>(1) + arena_bytes<float>(1) + fill_in_double_bytes(n);
}

/// found [points]: the number of the nearest centroid by exact scores, ties to the lower number. Every finite point gets one; a
/// point with NaN gets -1. points are pointers to d floats; numbers [c.n], if given, replace the row numbers of c. Cost: that of a
/// search, c.n * d multiply-adds a point.
inline void nearest_by_exact_scores(Metric metric, const RowsView& c, std::span<const float* const> points, Id* found,
                                    Arena& arena) {
    constexpr std::size_t kFewPoints = 3;  // centroids lie in a cache: from here on a tile of queries is faster than one by one
    const Arena::Frame frame(arena);
    const IdFilter all;
    const auto collectors = arena.take<TopCollector>(points.size());
    const auto pointers = arena.take<TopCollector*>(points.size());
    const auto scores = arena.take<float>(points.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
        collectors[i] = {TopK(&scores[i], found + i, 1), &all};
        pointers[i] = &collectors[i];
    }
    scan_rows<TopCollector>(metric, c, points, pointers, arena, kFewPoints);
    for (std::size_t i = 0; i < points.size(); ++i) {
        if (found[i] != kNoId) continue;
        fill_in_double(metric, points[i], {c.rows, c.n, c.d}, {found + i, 1}, arena);
        if (found[i] != kNoId) found[i] = c.id(std::size_t(found[i]));
    }
}

namespace detail {

/// The nearest of some centroids by exact scores, ties to the lower number. score, if not null: its score.
inline std::int32_t nearest_of(const CentroidsView& c, const float* x, const RowsNear& some, float* score) {
    std::uint32_t nearest = some.rows[0];
    if (some.n == 1 && score == nullptr) return std::int32_t(nearest);
    float least = score_row(c.metric, x, c.rows + nearest * c.d, c.d);
    for (std::size_t i = 1; i < some.n; ++i) {
        const float other = score_row(c.metric, x, c.rows + some.rows[i] * c.d, c.d);
        if (other < least) least = other, nearest = some.rows[i];
    }
    if (score != nullptr) *score = least;
    return std::int32_t(nearest);
}

/// ids and scores of the first points of x by the bytes of centroids; unclear(i) for points of which they say nothing. Ends, at the
/// point that is returned, where the bound leaves so many centroids that products of floats are faster.
template <class Unclear>
std::size_t nearest_by_bytes(MatrixView x, const CentroidsView& c, Arena& arena, std::int32_t* ids, float* scores,
                             Unclear&& unclear) {
    constexpr std::size_t kTrial = 96;  // points between two looks, at least
    // So many exact scores of a point, 25 ns each (d = 128, Zen 4), take what bytes save, about 0.5 ns a centroid.
    const std::size_t many = 2 + c.k / 64, room = round_up(c.k, kByteGroup);
    const std::size_t together = std::min(ByteRows::most_together(), x.n);
    const Arena::Frame frame(arena);
    const auto points = arena.take<const float*>(together);
    const auto found = arena.take<RowsNear>(together);
    for (RowsNear& f : found) f.rows = arena.take<std::uint32_t>(room).data();
    std::size_t compared = 0, looked = 0;
    for (std::size_t i = 0, n; i < x.n; i += n) {
        if (i - looked >= kTrial) {
            if (compared > many * (i - looked)) return i;
            compared = 0, looked = i;
        }
        n = std::min(together, x.n - i);
        for (std::size_t q = 0; q < n; ++q) points[q] = x.row(i + q);
        c.bytes->may_be_near(points.first(n), c.first_byte_row, c.first_byte_row + c.k, 1, found.data(), arena);
        for (std::size_t q = 0; q < n; ++q) {
            compared += found[q].n;
            if (found[q].n == 0)
                ids[i + q] = 0, unclear(i + q);
            else
                ids[i + q] = nearest_of(c, points[q], found[q], scores == nullptr ? nullptr : scores + i + q);
        }
    }
    return x.n;
}

}  // namespace detail

/// ids [n] for x [n, d]: the nearest centroid by exact scores (distance.hpp), ties to the lower number; scores [n], if not null,
/// those scores. k >= 1. A point that is not finite gets some number below k. The result of a point does not depend on the others.
/// Cost: n k d multiply-adds, in products; of bytes where the centroids have them. Twice that for points nearly as far from two
/// centroids.
template <class Arch>
void nearest(Arch arch, MatrixView x, const CentroidsView& c, Arena& arena, std::int32_t* ids, float* scores) {
    const Arena::Frame frame(arena);
    const auto unclear = arena.take<const float*>(x.n);
    const auto numbers = arena.take<Id>(x.n);
    std::size_t count = 0, first = 0;
    if constexpr (kHasBytes)
        if (c.bytes != nullptr)
            first = detail::nearest_by_bytes(x, c, arena, ids, scores, [&](std::size_t i) { unclear[count++] = x.row(i); });
    nearest_in_groups(
        arch, x.n - first, {&c, 1}, arena, [&](std::size_t i) { return x.row(first + i); },
        [&](std::size_t i, std::size_t, const Proposal& p) {
            ids[first + i] = p.j, unclear[count] = x.row(first + i);
            count += !is_clear(c, p);
        });
    nearest_by_exact_scores(c.metric, {c.rows, nullptr, c.k, c.d}, unclear.first(count), numbers.data(), arena);
    const auto score = [&](std::size_t i) {
        if (scores != nullptr) scores[i] = score_row(c.metric, x.row(i), c.rows + std::size_t(ids[i]) * c.d, c.d);
    };
    for (std::size_t u = 0; u < count; ++u) {
        const auto i = std::size_t(unclear[u] - x.data) / x.d;
        if (numbers[u] != kNoId) ids[i] = std::int32_t(numbers[u]);
        if (i < first) score(i);
    }
    for (std::size_t i = first; i < x.n; ++i) score(i);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
