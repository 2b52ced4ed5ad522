// lutra/encodings/pq4fs/codebook.hpp: product quantization to 4 bits: M sub-quantizers of 16 centroids each.
// SPDX-License-Identifier: MIT
// Source: Jegou, Douze, Schmid, "Product Quantization for Nearest Neighbor Search", IEEE TPAMI 33(1), 2011.
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/encodings/pq4fs/far_pieces.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Centroids per sub-quantizer.
inline constexpr std::size_t kPq4Centroids = 16;

/// The fine centroids in two orders: as in files, and with the 16 of a sub-quantizer side by side for kernels.
class Pq4Codebook {
public:
    Pq4Codebook(std::size_t d, std::size_t m) : d_(d), m_(m), dsub_(d / m) {}

    std::size_t dim() const { return d_; }
    std::size_t m() const { return m_; }
    std::size_t dsub() const { return dsub_; }
    bool is_trained() const { return !centroids_.empty(); }

    /// [M, 16, dsub]; nothing before training.
    const AlignedVector<float>& centroids() const { return centroids_; }
    /// Component t of the 16 centroids of sub-quantizer m: [M, dsub, 16].
    const float* lanes(std::size_t m, std::size_t t) const { return lanes_.data() + (m * dsub() + t) * kPq4Centroids; }
    const float* centroid(std::size_t m, std::size_t code) const { return centroids_.data() + (m * kPq4Centroids + code) * dsub(); }

    void set(AlignedVector<float> centroids) {
        centroids_ = std::move(centroids);
        lanes_ = AlignedVector<float>(centroids_.size(), centroids_.get_allocator());
        for (std::size_t m = 0; m < m_; ++m) set_lanes(m);
        find_far();
    }
    /// Sets the centroids [16, dsub] of one sub-quantizer, in a codebook that is complete. Call find_far() after the last.
    void set(std::size_t m, const float* centroids) {
        std::copy_n(centroids, kPq4Centroids * dsub(), centroids_.data() + m * kPq4Centroids * dsub());
        set_lanes(m);
    }

    /// True if outliers have drawn some centroids far from all others (far_pieces.hpp); bit c of far(m) is set for those.
    bool has_far() const { return !far_.empty(); }
    std::uint32_t far(std::size_t m) const { return far_.empty() ? 0 : far_[m]; }
    void find_far() {
        far_ = AlignedVector<std::uint16_t>(m_, centroids_.get_allocator());
        if (!detail::find_far_codes(centroids_.data(), m_, dsub(), far_, centroids_.get_allocator())) far_.clear();
        largest_ = 0, longest_ = std::sqrt(longest_squared());
        for (std::size_t i = 0; i < centroids_.size(); ++i) {
            const std::size_t code = i / dsub(), m = code / kPq4Centroids;
            const float c = centroids_[i];
            if ((far(m) >> code % kPq4Centroids & 1) == 0 && c - c == 0) largest_ = std::max(largest_, std::abs(c));
        }
    }
    /// The largest magnitude of a component of the centroids that are not far, as of the last find_far().
    float largest() const { return largest_; }
    /// The largest length of a decoded vector, less its origin.
    double longest() const { return longest_; }

private:
    double longest_squared() const {
        double all = 0;
        for (std::size_t m = 0; m < m_; ++m) {
            double most = 0;
            for (std::size_t c = 0; c < kPq4Centroids; ++c) {
                double sum = 0;
                for (std::size_t t = 0; t < dsub(); ++t) sum += double(centroid(m, c)[t]) * double(centroid(m, c)[t]);
                most = std::max(most, sum);
            }
            all += most;
        }
        return all;
    }

    void set_lanes(std::size_t m) {
        for (std::size_t t = 0; t < dsub(); ++t)
            for (std::size_t c = 0; c < kPq4Centroids; ++c) lanes_[(m * dsub() + t) * kPq4Centroids + c] = centroid(m, c)[t];
    }

    std::size_t d_, m_, dsub_;
    AlignedVector<float> centroids_, lanes_;
    AlignedVector<std::uint16_t> far_;  // [M], or empty
    float largest_ = 0;
    double longest_ = 0;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
