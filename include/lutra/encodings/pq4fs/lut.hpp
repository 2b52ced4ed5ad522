// lutra/encodings/pq4fs/lut.hpp: a query's look-up tables: what each code of each sub-quantizer adds to the score, in a byte.
// SPDX-License-Identifier: MIT
//
//   table [M, 16] float    |q_m - c|^2, or -q_m.c for inner product
//   lut   [M, 16] byte     round((table - least of its row) / step), step = widest pair of partner rows / 254
//   score = bias + step * (sum of M bytes),  bias = sum of the least of each row
//
// A byte is off by half a step at most, so a score is off by M * step / 2 at most, and by about step * sqrt(M / 12). Partners
// (pq4_partner) share a byte in the kernels, so their two widths together are what 254 steps must hold, the largest sum of two
// rounded entries then being 255. Against a byte for each alone, recall@10 of M = 64 on a million
// SIFT descriptors fell by 0.0013 and the share found among 100 did not change, for kernels 1.4 times as fast.
// Source: Andre, Kermarrec, Le Scouarnec, VLDB 2015, section 4; one scale for all sub-quantizers, so that bytes add up.
#pragma once
#include <lutra/core/types.hpp>
#include <lutra/core/workspace.hpp>
#include <lutra/encodings/pq4fs/codebook.hpp>
#include <lutra/encodings/pq4fs/kernel.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace lutra::inline LUTRA_ABI_TAG {

/// A query ready to be compared with codes.
struct Pq4Lut {
    const std::uint8_t* lut = nullptr;  // [M padded to whole runs, 16]; zeros past M
    float bias = 0, step = 0, inverse_step = 0;
    bool finite = false;  // false for a query with NaN, infinity or distances that overflow: it finds nothing

    float score(std::uint32_t sum) const { return bias + step * float(sum); }

    /// Sums from here on have scores above `threshold`; at most a few that do are below it too, or as many as a float at
    /// the threshold cannot tell apart.
    std::uint32_t limit(float threshold) const {
        if (!finite || !(bias <= threshold)) return 0;
        if (step == 0) return std::numeric_limits<std::uint32_t>::max();
        const float rounding = std::abs(threshold) * 0x1p-23F;  // what score() may lose where bias is far above a step
        const float steps = (threshold - bias + rounding) * inverse_step * (1 + 0x1p-20F);  // never short by rounding
        return steps < 1e9F ? std::uint32_t(steps) + 2 : std::numeric_limits<std::uint32_t>::max();
    }
};

namespace detail {

// row [16]: what sub-quantizer m adds to the score of each of its codes.
inline void table_row(const Pq4Codebook& codebook, Metric metric, const float* q, std::size_t m, float* row) {
    float sum[kPq4Centroids] = {};
    for (std::size_t t = 0; t < codebook.dsub(); ++t) {
        const float x = q[m * codebook.dsub() + t];
        const float* centroids = codebook.lanes(m, t);
        if (metric == Metric::l2)
            for (std::size_t c = 0; c < kPq4Centroids; ++c) sum[c] += (x - centroids[c]) * (x - centroids[c]);
        else
            for (std::size_t c = 0; c < kPq4Centroids; ++c) sum[c] -= x * centroids[c];
    }
    std::copy_n(sum, kPq4Centroids, row);
}

// By halves, so that each step is one instruction on all lanes.
inline float least_of_16(const float* row) {
    float a[8], b[4];
    for (std::size_t c = 0; c < 8; ++c) a[c] = std::min(row[c], row[c + 8]);
    for (std::size_t c = 0; c < 4; ++c) b[c] = std::min(a[c], a[c + 4]);
    return std::min(std::min(b[0], b[1]), std::min(b[2], b[3]));
}

inline float largest_of_16(const float* row) {
    float a[8], b[4];
    for (std::size_t c = 0; c < 8; ++c) a[c] = std::max(row[c], row[c + 8]);
    for (std::size_t c = 0; c < 4; ++c) b[c] = std::max(a[c], a[c + 4]);
    return std::max(std::max(b[0], b[1]), std::max(b[2], b[3]));
}

inline void quantize_row(const float* row, float least, float inverse_step, std::uint8_t* bytes) {
    std::int32_t rounded[kPq4Centroids];
    for (std::size_t c = 0; c < kPq4Centroids; ++c) rounded[c] = std::int32_t((row[c] - least) * inverse_step + 0.5F);
    for (std::size_t c = 0; c < kPq4Centroids; ++c) bytes[c] = std::uint8_t(std::min(rounded[c], 254));
}

}  // namespace detail

/// The tables of query q [d], in the arena. `runs` is M padded to whole runs of the layout.
inline Pq4Lut make_lut(const Pq4Codebook& codebook, Metric metric, const float* q, std::size_t runs, Arena& arena) {
    const std::size_t m_all = codebook.m();
    const auto bytes = arena.take<std::uint8_t>(runs * kPq4Centroids);
    const Arena::Frame frame(arena);
    const auto table = arena.take<float>(m_all * kPq4Centroids);
    const auto least = arena.take<float>(m_all);
    Pq4Lut lut{bytes.data()};
    const auto width = arena.take<float>(m_all);
    float widest = 0, all[kPq4Centroids] = {};
    for (std::size_t m = 0; m < m_all; ++m) {
        float* row = table.data() + m * kPq4Centroids;
        detail::table_row(codebook, metric, q, m, row);
        least[m] = detail::least_of_16(row), width[m] = detail::largest_of_16(row) - least[m];
        lut.bias += least[m];
        for (std::size_t c = 0; c < kPq4Centroids; ++c) all[c] += row[c];
    }
    for (std::size_t m = 0; m < m_all; ++m)
        widest = std::max(widest, width[m] + (pq4_partner(m) < m_all ? width[pq4_partner(m)] : 0));
    // Neither NaN nor infinity anywhere: one of them would be left in a sum.
    lut.finite = lut.bias - lut.bias == 0 && widest - widest == 0;
    for (const float sum : all) lut.finite = lut.finite && sum - sum == 0;
    if (!lut.finite) return lut;
    const float inverse = widest > 0 ? 254 / widest : 0;
    const bool usable = inverse <= std::numeric_limits<float>::max();  // else the rows are as good as constant
    lut.step = usable ? widest / 254 : 0, lut.inverse_step = usable ? inverse : 0;
    for (std::size_t m = 0; m < m_all; ++m)
        detail::quantize_row(table.data() + m * kPq4Centroids, least[m], lut.inverse_step, bytes.data() + m * kPq4Centroids);
    std::fill(bytes.begin() + std::ptrdiff_t(m_all * kPq4Centroids), bytes.end(), std::uint8_t{0});
    return lut;
}

}  // namespace lutra::inline LUTRA_ABI_TAG
