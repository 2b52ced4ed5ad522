// lutra/encodings/pq4fs/codebook.hpp: product quantization to 4 bits: M sub-quantizers of 16 centroids each.
// SPDX-License-Identifier: MIT
// Source: Jegou, Douze, Schmid, "Product Quantization for Nearest Neighbor Search", IEEE TPAMI 33(1), 2011.
#pragma once
#include <lutra/core/aligned.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>

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
        for (std::size_t m = 0; m < m_; ++m) set_lanes(m);
    }
    /// Those of one sub-quantizer, [16, dsub], where all are set.
    void set(std::size_t m, const float* centroids) {
        std::copy_n(centroids, kPq4Centroids * dsub(), centroids_.data() + m * kPq4Centroids * dsub());
        set_lanes(m);
    }

private:
    void set_lanes(std::size_t m) {
        for (std::size_t t = 0; t < dsub(); ++t)
            for (std::size_t c = 0; c < kPq4Centroids; ++c) lanes_[(m * dsub() + t) * kPq4Centroids + c] = centroid(m, c)[t];
    }

    std::size_t d_, m_;
    AlignedVector<float> centroids_, lanes_;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
