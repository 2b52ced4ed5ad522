// lutra/encodings/pq4fs/codebook.hpp: product quantization to 4 bits: M sub-quantizers of 16 centroids each.
// SPDX-License-Identifier: MIT
// Main path: train_codebook() -> k-means of each slice of the rows;  encode_rows() -> nearest centroid of each slice.
// Source: Jegou, Douze, Schmid, "Product Quantization for Nearest Neighbor Search", IEEE TPAMI 33(1), 2011.
#pragma once
#include <lutra/cluster/kmeans.hpp>
#include <lutra/core/aligned.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Centroids per sub-quantizer.
inline constexpr std::size_t kPq4Centroids = 16;

/// The fine centroids, in two orders: as in files, and with the 16 of a sub-quantizer side by side for kernels.
class Pq4Codebook {
public:
    Pq4Codebook(std::size_t d, std::size_t m) : d_(d), m_(m) {}

    std::size_t dim() const { return d_; }
    std::size_t m() const { return m_; }
    std::size_t dsub() const { return d_ / m_; }
    bool is_trained() const { return !centroids_.empty(); }

    /// [M, 16, dsub]; nothing before training.
    const AlignedVector<float>& centroids() const { return centroids_; }
    /// Component t of the 16 centroids of sub-quantizer m: [M, dsub, 16].
    const float* lanes(std::size_t m, std::size_t t) const { return lanes_.data() + (m * dsub() + t) * kPq4Centroids; }
    const float* centroid(std::size_t m, std::size_t code) const { return centroids_.data() + (m * kPq4Centroids + code) * dsub(); }

    void set(AlignedVector<float> centroids) {
        centroids_ = std::move(centroids);
        lanes_.resize(centroids_.size());
        for (std::size_t m = 0; m < m_; ++m)
            for (std::size_t t = 0; t < dsub(); ++t)
                for (std::size_t c = 0; c < kPq4Centroids; ++c) lanes_[(m * dsub() + t) * kPq4Centroids + c] = centroid(m, c)[t];
    }

private:
    std::size_t d_, m_;
    AlignedVector<float> centroids_, lanes_;
};

/// Trains all sub-quantizers of rows x [n, d], each by k-means on its slice, spread over the executor.
/// Cost: 16 n d multiply-adds an iteration. The same bits for any executor.
/// Errors: too_few_rows (n < 16), cancelled.
inline Status train_codebook(MatrixView x, Pq4Codebook& codebook, const Resources& resources) {
    if (x.n < kPq4Centroids)
        return {Errc::too_few_rows, "train: 4-bit product quantization needs at least {} rows and got n = {}", kPq4Centroids, x.n};
    const std::size_t dsub = codebook.dsub(), size = kPq4Centroids * dsub;
    AlignedVector<float> centroids(codebook.m() * size);
    std::vector<Status> failed(resources.executor.workers());
    LUTRA_TRY(resources.progress.report("train: codebook", 0, codebook.m()));
    resources.executor.for_each(codebook.m(), [&](std::size_t m, std::size_t worker) {
        std::vector<float> slice(x.n * dsub);
        for (std::size_t i = 0; i < x.n; ++i) std::copy_n(x.row(i) + m * dsub, dsub, slice.data() + i * dsub);
        KMeansConfig config;
        config.max_points_per_centroid = x.n;
        Result<KMeans> found = kmeans({slice.data(), x.n, dsub}, kPq4Centroids, config);
        if (!found.ok())
            failed[worker] = found.status();
        else
            std::copy_n(found->centroids.data(), size, centroids.data() + m * size);
    });
    for (Status& status : failed) LUTRA_TRY(std::move(status));
    codebook.set(std::move(centroids));
    return resources.progress.report("train: codebook", codebook.m(), codebook.m());
}

namespace detail {

// Sixteen rows at a time, one in each lane.
inline constexpr std::size_t kEncodeLanes = 16;

// slice[t][lane] = component m * dsub + t of each row, less the centroid's.
inline void gather_slice(const float* const* rows, const float* centroid, std::size_t first, std::size_t dsub, float* slice) {
    for (std::size_t lane = 0; lane < kEncodeLanes; ++lane)
        for (std::size_t t = 0; t < dsub; ++t)
            slice[t * kEncodeLanes + lane] = rows[lane][first + t] - (centroid != nullptr ? centroid[first + t] : 0.F);
}

// The lowest-numbered nearest of 16 centroids [16, dsub] for each lane of slice [dsub, 16].
inline void nearest_of_16(const float* centroids, const float* slice, std::size_t dsub, std::int32_t* codes) {
    float least[kEncodeLanes];
    for (std::size_t lane = 0; lane < kEncodeLanes; ++lane) least[lane] = std::numeric_limits<float>::infinity(), codes[lane] = 0;
    for (std::size_t c = 0; c < kPq4Centroids; ++c) {
        float sum[kEncodeLanes] = {};
        for (std::size_t t = 0; t < dsub; ++t)
            for (std::size_t lane = 0; lane < kEncodeLanes; ++lane) {
                const float difference = slice[t * kEncodeLanes + lane] - centroids[c * dsub + t];
                sum[lane] += difference * difference;
            }
        for (std::size_t lane = 0; lane < kEncodeLanes; ++lane) {
            codes[lane] = sum[lane] < least[lane] ? std::int32_t(c) : codes[lane];
            least[lane] = sum[lane] < least[lane] ? sum[lane] : least[lane];
        }
    }
}

}  // namespace detail

/// set(i, m, code) for every row i < n and sub-quantizer m: rows are pointers to d floats, taken less `centroid` [d] if it is
/// not null. Cost: 16 d multiply-adds a row.
template <class Set>
void encode_rows(const Pq4Codebook& codebook, std::span<const float* const> rows, const float* centroid, std::vector<float>& slice,
                 Set&& set) {
    const std::size_t dsub = codebook.dsub();
    slice.resize(detail::kEncodeLanes * dsub);
    for (std::size_t i = 0; i < rows.size(); i += detail::kEncodeLanes) {
        const std::size_t n = std::min(detail::kEncodeLanes, rows.size() - i);
        const float* group[detail::kEncodeLanes];
        for (std::size_t lane = 0; lane < detail::kEncodeLanes; ++lane) group[lane] = rows[i + std::min(lane, n - 1)];
        for (std::size_t m = 0; m < codebook.m(); ++m) {
            std::int32_t codes[detail::kEncodeLanes];
            detail::gather_slice(group, centroid, m * dsub, dsub, slice.data());
            detail::nearest_of_16(codebook.centroid(m, 0), slice.data(), dsub, codes);
            for (std::size_t lane = 0; lane < n; ++lane) set(i + lane, m, std::uint8_t(codes[lane]));
        }
    }
}

}  // namespace lutra::inline LUTRA_ABI_TAG
