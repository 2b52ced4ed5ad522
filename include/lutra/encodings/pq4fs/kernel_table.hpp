// lutra/encodings/pq4fs/kernel_table.hpp: a row of a query's table, in floats: what each code of one sub-quantizer adds to the
// score. SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/types.hpp>
#include <lutra/encodings/pq4fs/codebook.hpp>
#include <lutra/simd/arch.hpp>

#include <algorithm>
#include <cstddef>

namespace lutra::inline LUTRA_ABI_TAG {

/// The table [M, 16] of a query q [d]: what each code of each sub-quantizer adds to the score. A view: its rows are computed where
/// they are needed.
struct Pq4Table {
    const Pq4Codebook& codebook;
    Metric metric;
    const float* q;
};

namespace detail {

/// The least entry of a table's row and the distance to its largest.
struct RowRange {
    float least, width;
};

// row [16]: row m of the table, less the least of its entries; sums [16] += the row before that.
inline RowRange table_row(scalar, Pq4Table table, std::size_t m, float* row, float* sums) {
    const auto [codebook, metric, q] = table;
    std::fill_n(row, kPq4Centroids, 0.F);
    for (std::size_t t = 0; t < codebook.dsub(); ++t) {
        const float x = q[m * codebook.dsub() + t];
        const float* centroids = codebook.lanes(m, t);
        for (std::size_t c = 0; c < kPq4Centroids; ++c)
            row[c] += metric == Metric::l2 ? (x - centroids[c]) * (x - centroids[c]) : -x * centroids[c];
    }
    const float least = *std::min_element(row, row + kPq4Centroids), largest = *std::max_element(row, row + kPq4Centroids);
    for (std::size_t c = 0; c < kPq4Centroids; ++c) sums[c] += row[c], row[c] -= least;
    return {least, largest - least};
}

#if !defined(LUTRA_SCALAR_ONLY)
template <class Arch>
RowRange table_row(Arch, Pq4Table table, std::size_t m, float* row, float* sums) {
    const auto [codebook, metric, q] = table;
    using B = simd::Floats<Arch>;
    constexpr std::size_t kBatches = kPq4Centroids / B::size;
    B entries[kBatches];
    LUTRA_UNROLL for (B& e : entries) e = B(0.F);
    for (std::size_t t = 0; t < codebook.dsub(); ++t) {
        const B x(q[m * codebook.dsub() + t]);
        const float* centroids = codebook.lanes(m, t);
        LUTRA_UNROLL for (std::size_t i = 0; i < kBatches; ++i) {
            const B centroid = B::load_aligned(centroids + i * B::size), off = x - centroid;
            entries[i] = metric == Metric::l2 ? simd::fma(off, off, entries[i]) : entries[i] - x * centroid;
        }
    }
    B low = entries[0], high = entries[0];
    LUTRA_UNROLL for (std::size_t i = 1; i < kBatches; ++i) low = xsimd::min(low, entries[i]), high = xsimd::max(high, entries[i]);
    const float least = simd::least<Arch>(low), largest = -simd::least<Arch>(-high);
    LUTRA_UNROLL for (std::size_t i = 0; i < kBatches; ++i) {
        (B::load_aligned(sums + i * B::size) + entries[i]).store_aligned(sums + i * B::size);
        (entries[i] - B(least)).store_aligned(row + i * B::size);
    }
    return {least, largest - least};
}
#endif

}  // namespace detail

}  // namespace lutra::inline LUTRA_ABI_TAG
