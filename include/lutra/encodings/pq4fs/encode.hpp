// lutra/encodings/pq4fs/encode.hpp: encodes rows, sixteen at a time: the nearest of 16 centroids for each slice.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/encodings/pq4fs/codebook.hpp>
#include <lutra/kernels/panel.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

// Sixteen rows at a time, one in each lane.
inline constexpr std::size_t kEncodeLanes = 16;

// lanes [d, 16]: component t of each row, less the centroid's.
inline void transpose_rows(const float* const* rows, const float* centroid, std::size_t d, float* lanes) {
#if defined(LUTRA_SCALAR_ONLY)
    for (std::size_t l = 0; l < kEncodeLanes; ++l)
        for (std::size_t t = 0; t < d; ++t) lanes[t * kEncodeLanes + l] = rows[l][t];
#else
    pack_panel(rows, kEncodeLanes, d, nullptr, 1.F, lanes);
#endif
    for (std::size_t t = 0; t < d && centroid != nullptr; ++t)
        for (std::size_t l = 0; l < kEncodeLanes; ++l) lanes[t * kEncodeLanes + l] -= centroid[t];
}

// codes [16]: the lowest-numbered nearest of 16 centroids [16, dsub] for each lane of slice [dsub, 16]; least [16]: its squared
// distance.
inline void nearest_of_16(scalar, const float* centroids, const float* slice, std::size_t dsub, float* codes, float* least) {
    for (std::size_t l = 0; l < kEncodeLanes; ++l) least[l] = std::numeric_limits<float>::infinity(), codes[l] = 0;
    for (std::size_t c = 0; c < kPq4Centroids; ++c)
        for (std::size_t l = 0; l < kEncodeLanes; ++l) {
            float sum = 0;
            for (std::size_t t = 0; t < dsub; ++t) {
                const float difference = slice[t * kEncodeLanes + l] - centroids[c * dsub + t];
                sum += difference * difference;
            }
            if (sum < least[l]) least[l] = sum, codes[l] = float(c);
        }
}

#if !defined(LUTRA_SCALAR_ONLY)
template <class Arch>
void nearest_of_16(Arch, const float* centroids, const float* slice, std::size_t dsub, float* codes, float* scores) {
    using B = simd::Floats<Arch>;
    constexpr std::size_t kVectors = kEncodeLanes / B::size;
    B least[kVectors], code[kVectors];
    for (std::size_t v = 0; v < kVectors; ++v) least[v] = B(std::numeric_limits<float>::infinity()), code[v] = B(0.F);
    for (std::size_t c = 0; c < kPq4Centroids; ++c) {
        B sum[kVectors];
        for (std::size_t v = 0; v < kVectors; ++v) sum[v] = B(0.F);
        for (std::size_t t = 0; t < dsub; ++t) {
            const B centroid(centroids[c * dsub + t]);
            for (std::size_t v = 0; v < kVectors; ++v) {
                const B difference = B::load_aligned(slice + t * kEncodeLanes + v * B::size) - centroid;
                sum[v] = simd::fma(difference, difference, sum[v]);
            }
        }
        for (std::size_t v = 0; v < kVectors; ++v) {
            const auto nearer = sum[v] < least[v];
            least[v] = xsimd::select(nearer, sum[v], least[v]);
            code[v] = xsimd::select(nearer, B(float(c)), code[v]);
        }
    }
    for (std::size_t v = 0; v < kVectors; ++v)
        code[v].store_aligned(codes + v * B::size), least[v].store_aligned(scores + v * B::size);
}
#endif

// The codes of lanes whose squared distances overflow floats.
inline void nearest_of_16_far(const float* centroids, const float* slice, std::size_t dsub, float* codes, const float* scores) {
    for (std::size_t l = 0; l < kEncodeLanes; ++l) {
        if (scores[l] - scores[l] == 0) continue;
        double least = std::numeric_limits<double>::infinity();
        codes[l] = 0;
        for (std::size_t c = 0; c < kPq4Centroids; ++c) {
            double sum = 0;
            for (std::size_t t = 0; t < dsub; ++t) {
                const double difference = double(slice[t * kEncodeLanes + l]) - double(centroids[c * dsub + t]);
                sum += difference * difference;
            }
            if (sum < least) least = sum, codes[l] = float(c);
        }
    }
}

// Calls set(m, codes) for every slice of sixteen rows lanes [d, 16]; for all slices a second time if a square overflows.
template <class Set>
void encode_lanes(const Pq4Codebook& codebook, const float* lanes, Set&& set) {
    const std::size_t dsub = codebook.dsub(), size = dsub * kEncodeLanes;
    alignas(64) float codes[kEncodeLanes], scores[kEncodeLanes], all[kEncodeLanes] = {};
    for (std::size_t m = 0; m < codebook.m(); ++m) {
        nearest_of_16(best{}, codebook.centroid(m, 0), lanes + m * size, dsub, codes, scores);
        for (std::size_t l = 0; l < kEncodeLanes; ++l) all[l] += scores[l];
        set(m, codes);
    }
    if (std::all_of(all, all + kEncodeLanes, [](float sum) { return sum - sum == 0; })) return;
    for (std::size_t m = 0; m < codebook.m(); ++m) {
        nearest_of_16(best{}, codebook.centroid(m, 0), lanes + m * size, dsub, codes, scores);
        nearest_of_16_far(codebook.centroid(m, 0), lanes + m * size, dsub, codes, scores);
        set(m, codes);
    }
}

}  // namespace detail

/// Calls set(i, m, codes, n) for every sub-quantizer m and run of n <= 16 rows from row i on, with their codes [n] as floats; a run
/// may be set twice. Rows are pointers to d floats; `centroid` [d] is subtracted unless null. Cost: 16 d multiply-adds a row.
template <class Set>
void encode_rows(const Pq4Codebook& codebook, std::span<const float* const> rows, const float* centroid,
                 AlignedVector<float>& lanes, Set&& set) {
    lanes.resize(detail::kEncodeLanes * codebook.dim());
    for (std::size_t i = 0; i < rows.size(); i += detail::kEncodeLanes) {
        const std::size_t n = std::min(detail::kEncodeLanes, rows.size() - i);
        const float* group[detail::kEncodeLanes];
        for (std::size_t l = 0; l < detail::kEncodeLanes; ++l) group[l] = rows[i + std::min(l, n - 1)];
        detail::transpose_rows(group, centroid, codebook.dim(), lanes.data());
        detail::encode_lanes(codebook, lanes.data(), [&](std::size_t m, const float* codes) { set(i, m, codes, n); });
    }
}

}  // namespace lutra::inline LUTRA_ABI_TAG
