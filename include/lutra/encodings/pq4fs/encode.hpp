// lutra/encodings/pq4fs/encode.hpp: encodes rows, sixteen at a time (kernel_encode.hpp): for each slice the nearest of 16
// centroids.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/encodings/pq4fs/codebook.hpp>
#include <lutra/encodings/pq4fs/kernel_encode.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

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
