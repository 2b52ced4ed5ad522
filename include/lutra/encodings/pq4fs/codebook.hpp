// lutra/encodings/pq4fs/codebook.hpp: product quantization to 4 bits: M sub-quantizers of 16 centroids each.
// SPDX-License-Identifier: MIT
// Main path: train_codebook() -> k-means of each slice of the rows;  encode_rows() -> nearest centroid of each slice.
// Source: Jegou, Douze, Schmid, "Product Quantization for Nearest Neighbor Search", IEEE TPAMI 33(1), 2011.
#pragma once
#include <lutra/cluster/kmeans.hpp>
#include <lutra/core/aligned.hpp>
#include <lutra/kernels/panel.hpp>

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

// lanes [d, 16]: component t of each row, less the centroid's.
inline void transpose_rows(const float* const* rows, const float* centroid, std::size_t d, float* lanes) {
#if defined(LUTRA_SCALAR_ONLY)
    for (std::size_t l = 0; l < kEncodeLanes; ++l)
        for (std::size_t t = 0; t < d; ++t) lanes[t * kEncodeLanes + l] = rows[l][t];
#else
    pack_panel(rows, kEncodeLanes, d, 1.F, lanes);
#endif
    for (std::size_t t = 0; t < d && centroid != nullptr; ++t)
        for (std::size_t l = 0; l < kEncodeLanes; ++l) lanes[t * kEncodeLanes + l] -= centroid[t];
}

// codes [16]: the lowest-numbered nearest of 16 centroids [16, dsub] for each lane of slice [dsub, 16].
inline void nearest_of_16(scalar, const float* centroids, const float* slice, std::size_t dsub, float* codes) {
    float least[kEncodeLanes];
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
void nearest_of_16(Arch, const float* centroids, const float* slice, std::size_t dsub, float* codes) {
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
    for (std::size_t v = 0; v < kVectors; ++v) code[v].store_aligned(codes + v * B::size);
}
#endif

}  // namespace detail

/// set(i, m, codes, n) for every sub-quantizer m and run of n <= 16 rows from row i on: their codes [n], as floats. Rows are
/// pointers to d floats, taken less `centroid` [d] if it is not null. Cost: 16 d multiply-adds a row.
template <class Set>
void encode_rows(const Pq4Codebook& codebook, std::span<const float* const> rows, const float* centroid,
                 AlignedVector<float>& lanes, Set&& set) {
    const std::size_t dsub = codebook.dsub();
    lanes.resize(detail::kEncodeLanes * codebook.dim());
    for (std::size_t i = 0; i < rows.size(); i += detail::kEncodeLanes) {
        const std::size_t n = std::min(detail::kEncodeLanes, rows.size() - i);
        const float* group[detail::kEncodeLanes];
        for (std::size_t l = 0; l < detail::kEncodeLanes; ++l) group[l] = rows[i + std::min(l, n - 1)];
        detail::transpose_rows(group, centroid, codebook.dim(), lanes.data());
        for (std::size_t m = 0; m < codebook.m(); ++m) {
            alignas(64) float codes[detail::kEncodeLanes];
            detail::nearest_of_16(best{}, codebook.centroid(m, 0), lanes.data() + m * dsub * detail::kEncodeLanes, dsub, codes);
            set(i, m, codes, n);
        }
    }
}

}  // namespace lutra::inline LUTRA_ABI_TAG
