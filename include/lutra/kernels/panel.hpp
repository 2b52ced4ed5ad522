// lutra/kernels/panel.hpp: a matrix product of many rows and a panel of queries, in tiles that stay in registers.
// SPDX-License-Identifier: MIT
//
// The inner loop of k-means, of the coarse search of a batch and of list-major scans of Flat, where the machine has no fast
// products of bytes (byte_lanes.hpp). An epilogue consumes each tile of
// scores while it is in registers, so the matrix of scores need not be written.
//
//   panel [d, Width]   Width queries side by side, transposed: panel[t * Width + lane] = scale * (query(lane)[t] - origin[t])
//   rows  [n, d]       read in place, never copied or packed: lists, centroids
//
//              lane 0 .. 15      16 .. 31      32 .. 47        Width = Vectors * 16 lanes (AVX-512)
//   row 0     acc[0][0]          acc[0][1]      acc[0][2]      one tile = Rows * Vectors registers
//   ...                                                        for each t: Vectors loads, Rows broadcasts,
//   row 7     acc[7][0]          acc[7][1]      acc[7][2]      Rows * Vectors multiply-adds
//
// With scale = -2 (L2) or -1 (inner product) the score is acc plus a term of the row alone: |x|^2 - 2 q.x, or -q.x, so the kernel
// does not depend on the metric. Epilogues: nearest.hpp keeps an argmin, query_tile.hpp compares with thresholds, top_rows.hpp
// alone stores the scores, of a few thousand centroids.
//
// A sum runs over t in order in one lane, so its bits do not depend on the pair's position in tile and panel.
// Cost: n * Width * d multiply-adds; the panel should stay in the L1 cache (Width * d * 4 bytes: 24 KB at d = 128).
#pragma once
#include <lutra/core/prefetch.hpp>
#include <lutra/simd/arch.hpp>

#include <algorithm>
#include <cstddef>

#if !defined(LUTRA_SCALAR_ONLY)
namespace lutra::inline LUTRA_ABI_TAG {

template <class Arch, std::size_t Vectors_>
struct PanelShape {
    static constexpr std::size_t kLanes = simd::Floats<Arch>::size;
    static constexpr std::size_t kVectors = Vectors_;
    static constexpr std::size_t kWidth = kVectors * kLanes;
    // Accumulators, the panel's vectors and one broadcast must fit the registers (8 rows with AVX-512 and 3 vectors, 4 with AVX2);
    // more than 12 rows gain nothing.
    static constexpr std::size_t kRows = std::min<std::size_t>((simd::kRegisters<Arch> - kVectors - 1) / kVectors / 2 * 2, 12);
};

/// Widest panel: three vectors of lanes.
inline constexpr std::size_t kMaxPanelVectors = 3;

namespace detail {

// Some lanes of a panel, from the one at `first`: first[t * width + l] = scale * (queries[l][t] - origin[t]).
struct PanelLanes {
    float* first;
    std::size_t width;
    const float* origin;  // or null: 0
    float scale;
};

// Components t .. t + 3 of four queries: four short loads, four short stores.
inline void pack_square(const float* const* queries, std::size_t t, const PanelLanes& lanes) {
    using B = xsimd::make_sized_batch_t<float, 4>;
    const B off = lanes.origin != nullptr ? B::load_unaligned(lanes.origin + t) : B(0.F);
    const auto row = [&](std::size_t l) { return (B::load_unaligned(queries[l] + t) - off) * B(lanes.scale); };
    const B a = row(0), b = row(1), c = row(2), e = row(3);
    const B ac = zip_lo(a, c), be = zip_lo(b, e), ac2 = zip_hi(a, c), be2 = zip_hi(b, e);
    zip_lo(ac, be).store_unaligned(lanes.first + t * lanes.width);
    zip_hi(ac, be).store_unaligned(lanes.first + (t + 1) * lanes.width);
    zip_lo(ac2, be2).store_unaligned(lanes.first + (t + 2) * lanes.width);
    zip_hi(ac2, be2).store_unaligned(lanes.first + (t + 3) * lanes.width);
}

// Components t .. end - 1 of one query, which may be null.
inline void pack_column(const float* query, std::size_t t, std::size_t end, const PanelLanes& lanes) {
    const auto off = [&](std::size_t i) { return lanes.origin != nullptr ? lanes.origin[i] : 0.F; };
    for (; t < end; ++t) lanes.first[t * lanes.width] = query != nullptr ? lanes.scale * (query[t] - off(t)) : 0.F;
}

}  // namespace detail

/// panel [d, width] from queries [width] (pointers to d floats each; null packs zeros), less origin [d] (null: 0), times scale;
/// width is a multiple of 4. Cost: one pass over both.
inline void pack_panel(const float* const* queries, std::size_t width, std::size_t d, const float* origin, float scale,
                       float* panel) {
    // A cache line of each query at a time. The last float of the next strip is prefetched: if queries are not aligned to lines, a
    // strip spans two, and the first of them is loaded already.
    constexpr std::size_t kStrip = 16;
    for (std::size_t t0 = 0; t0 < d; t0 += kStrip)
        for (std::size_t lane = 0; lane < width; lane += 4) {
            const float* const* four = queries + lane;
            const bool full = four[0] && four[1] && four[2] && four[3];
            std::size_t t = t0;
            const std::size_t end = std::min(d, t0 + kStrip);
            for (std::size_t l = 0; l < 4 && full; ++l) prefetch_line(four[l] + end + kStrip - 1);
            for (; full && t + 4 <= end; t += 4) detail::pack_square(four, t, {panel + lane, width, origin, scale});
            for (std::size_t l = 0; l < 4; ++l) detail::pack_column(four[l], t, end, {panel + lane + l, width, origin, scale});
        }
}

namespace detail {

template <class Shape, class B>
struct Tile {
    B acc[Shape::kRows][Shape::kVectors];
};

template <class Arch, class Shape>
inline void multiply(const float* const (&rows)[Shape::kRows], std::size_t d, const float* panel,
                     Tile<Shape, simd::Floats<Arch>>& tile) {
    using B = simd::Floats<Arch>;
    B acc[Shape::kRows][Shape::kVectors];
    LUTRA_UNROLL for (auto& row : acc) LUTRA_UNROLL for (B& a : row) a = B(0.F);
    for (std::size_t t = 0; t < d; ++t, panel += Shape::kWidth) {
        B q[Shape::kVectors];
        LUTRA_UNROLL for (std::size_t v = 0; v < Shape::kVectors; ++v) q[v] = B::load_aligned(panel + v * Shape::kLanes);
        LUTRA_UNROLL for (std::size_t r = 0; r < Shape::kRows; ++r) {
            const B x(rows[r][t]);
            LUTRA_UNROLL for (std::size_t v = 0; v < Shape::kVectors; ++v) acc[r][v] = simd::fma(x, q[v], acc[r][v]);
        }
    }
    LUTRA_UNROLL for (std::size_t r = 0; r < Shape::kRows; ++r) LUTRA_UNROLL for (std::size_t v = 0; v < Shape::kVectors; ++v)
        tile.acc[r][v] = acc[r][v];
}

}  // namespace detail

/// Calls epilogue(tile, first_row, n_rows) for every tile of rows x [n, d]; the last tile repeats its last row to fill up.
template <class Arch, class Shape, class Epilogue>
void for_tiles(const float* panel, const float* x, std::size_t n, std::size_t d, Epilogue&& epilogue) {
    for (std::size_t j = 0; j < n; j += Shape::kRows) {
        const std::size_t n_rows = std::min(Shape::kRows, n - j);
        const float* rows[Shape::kRows];
        for (std::size_t r = 0; r < Shape::kRows; ++r) rows[r] = x + (j + std::min(r, n_rows - 1)) * d;
        detail::Tile<Shape, simd::Floats<Arch>> tile;
        detail::multiply<Arch, Shape>(rows, d, panel, tile);
        epilogue(tile, j, n_rows);
    }
}

}  // namespace lutra::inline LUTRA_ABI_TAG
#endif
