// lutra/encodings/pq4fs/kernel_encode.hpp: the nearest of 16 centroids for a slice of sixteen rows.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/encodings/pq4fs/codebook.hpp>
#include <lutra/kernels/panel.hpp>

#include <cstddef>
#include <limits>

namespace lutra::inline LUTRA_ABI_TAG::detail {

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

}  // namespace lutra::inline LUTRA_ABI_TAG::detail
