// lutra/kernels/nearest.hpp: for each point, its nearest centroid.  SPDX-License-Identifier: MIT
//
// The argmin is fused into the matrix product of panel.hpp: no distance is ever written. k-means and add() spend their
// time here. argmin_j |x - c_j|^2 = argmin_j (|c_j|^2 - 2 x.c_j); for inner product argmin_j (-x.c_j).
#pragma once
#include <lutra/core/types.hpp>
#include <lutra/core/workspace.hpp>
#include <lutra/kernels/distance.hpp>
#include <lutra/kernels/panel.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace lutra::inline LUTRA_ABI_TAG {

/// Centroids as the kernel wants them: rows [k, d] and one term per row, |c|^2 for L2, 0 for inner product.
struct CentroidsView {
    const float* rows = nullptr;
    const float* terms = nullptr;
    std::size_t k = 0, d = 0;
    Metric metric = Metric::l2;
};

/// terms [k] for a CentroidsView.
inline void centroid_terms(Metric metric, const float* centroids, std::size_t k, std::size_t d, float* terms) {
    if (metric == Metric::l2) return squared_norms(centroids, k, d, terms);
    std::fill_n(terms, k, 0.F);
}

// found(i, g, j, score) for every point i < n and every group g of centroids: the lowest row j of the group that minimises
// terms[j] - {2,1} x.c_j, and that minimum. point(i) is a pointer to d floats; groups have k >= 1 and one d and metric.
template <class Point, class Found>
void nearest_in_groups(scalar, std::size_t n, std::span<const CentroidsView> groups, Arena&, Point&& point, Found&& found) {
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t g = 0; g < groups.size(); ++g) {
            const CentroidsView& c = groups[g];
            const float* x = point(i);
            const float scale = c.metric == Metric::l2 ? -2.F : -1.F;
            std::size_t best_j = 0;
            float best_score = std::numeric_limits<float>::max();
            for (std::size_t j = 0; j < c.k; ++j) {
                float product = 0;
                for (std::size_t t = 0; t < c.d; ++t) product += c.rows[j * c.d + t] * (scale * x[t]);
                const float score = c.terms[j] + product;
                if (score < best_score) best_score = score, best_j = j;
            }
            found(i, g, std::int32_t(best_j), best_score);
        }
}

#if !defined(LUTRA_SCALAR_ONLY)
namespace detail {

// Best score and centroid of each lane of one panel. The ids travel as the bits of floats: they are only ever selected.
template <class Arch, class Shape>
struct LaneArgmin {
    using B = simd::Floats<Arch>;
    alignas(64) float score[Shape::kWidth];
    alignas(64) float id[Shape::kWidth];

    void reset() {
        std::fill_n(score, Shape::kWidth, std::numeric_limits<float>::max());
        std::fill_n(id, Shape::kWidth, std::bit_cast<float>(std::int32_t{0}));
    }

    void update(const Tile<Shape, B>& tile, const float* terms, std::size_t first, std::size_t n_rows) {
        LUTRA_UNROLL for (std::size_t v = 0; v < Shape::kVectors; ++v) {
            B best_score = B::load_aligned(score + v * Shape::kLanes), best_id = B::load_aligned(id + v * Shape::kLanes);
            LUTRA_UNROLL for (std::size_t r = 0; r < Shape::kRows; ++r) {
                const std::size_t j = first + std::min(r, n_rows - 1);
                const B s = tile.acc[r][v] + B(terms[j]);
                const auto better = s < best_score;
                best_score = xsimd::select(better, s, best_score);
                best_id = xsimd::select(better, B(std::bit_cast<float>(std::int32_t(j))), best_id);
            }
            best_score.store_aligned(score + v * Shape::kLanes);
            best_id.store_aligned(id + v * Shape::kLanes);
        }
    }
};

}  // namespace detail

/// As the scalar one, up to the rounding of the products. Points go in groups of panels; centroids in chunks that stay in
/// the L2 cache while every panel of the group passes over them.
template <class Arch, class Point, class Found>
void nearest_in_groups(Arch, std::size_t n, std::span<const CentroidsView> groups, Arena& arena, Point&& point, Found&& found) {
    using Shape = PanelShape<Arch, kMaxPanelVectors>;
    using Argmin = detail::LaneArgmin<Arch, Shape>;
    constexpr std::size_t kPanels = 4;
    const std::size_t d = groups[0].d;
    const std::size_t chunk =
        std::max<std::size_t>(Shape::kRows, (std::size_t{128} << 10) / (d * sizeof(float)) / Shape::kRows * Shape::kRows);
    const float scale = groups[0].metric == Metric::l2 ? -2.F : -1.F;
    const Arena::Frame frame(arena);
    const auto panels = arena.take<float>(kPanels * Shape::kWidth * d);
    const auto lanes = arena.take<Argmin>(kPanels);

    for (std::size_t i0 = 0; i0 < n; i0 += kPanels * Shape::kWidth) {
        const std::size_t n_points = std::min(n - i0, kPanels * Shape::kWidth),
                          n_panels = (n_points + Shape::kWidth - 1) / Shape::kWidth;
        for (std::size_t p = 0; p < n_panels; ++p) {
            const float* points[Shape::kWidth];
            for (std::size_t l = 0; l < Shape::kWidth; ++l)
                points[l] = p * Shape::kWidth + l < n_points ? point(i0 + p * Shape::kWidth + l) : nullptr;
            pack_panel(points, Shape::kWidth, d, scale, panels.data() + p * Shape::kWidth * d);
        }
        for (std::size_t g = 0; g < groups.size(); ++g) {
            const CentroidsView& c = groups[g];
            for (std::size_t p = 0; p < n_panels; ++p) lanes[p].reset();
            for (std::size_t j0 = 0; j0 < c.k; j0 += chunk)
                for (std::size_t p = 0; p < n_panels; ++p)
                    for_tiles<Arch, Shape>(panels.data() + p * Shape::kWidth * d, c.rows + j0 * d, std::min(chunk, c.k - j0), d,
                                           [&](const auto& tile, std::size_t j, std::size_t n_rows) {
                                               lanes[p].update(tile, c.terms, j0 + j, n_rows);
                                           });
            for (std::size_t i = 0; i < n_points; ++i)
                found(i0 + i, g, std::bit_cast<std::int32_t>(lanes[i / Shape::kWidth].id[i % Shape::kWidth]),
                      lanes[i / Shape::kWidth].score[i % Shape::kWidth]);
        }
    }
}
#endif

/// ids [n], scores [n] for x [n, d]: the lowest j that minimises terms[j] - {2,1} x.c_j, and that minimum. k >= 1.
template <class Arch>
void nearest(Arch arch, const float* x, std::size_t n, const CentroidsView& c, Arena& arena, std::int32_t* ids, float* scores) {
    nearest_in_groups(
        arch, n, {&c, 1}, arena, [&](std::size_t i) { return x + i * c.d; },
        [&](std::size_t i, std::size_t, std::int32_t j, float score) { ids[i] = j, scores[i] = score; });
}

}  // namespace lutra::inline LUTRA_ABI_TAG
