// lutra/encodings/pq4fs/slice_kmeans.hpp: k-means for the 16 centroids of one sub-quantizer, sixteen rows at a time.
// SPDX-License-Identifier: MIT
// Main path: SliceKMeans() packs one slice of the rows -> run(): k-means++ starts tried on the first rows, the best goes on over
// all. Sources: Lloyd, IEEE Trans. Inf. Theory 28(2), 1982; k-means++: Arthur and Vassilvitskii, SODA 2007.
#pragma once
#include <lutra/cluster/seeding.hpp>
#include <lutra/encodings/pq4fs/encode.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG::detail {

/// k-means of columns [first, first + dsub) of rows x [n, d], n >= 16, taken in the order given.
class SliceKMeans {
public:
    SliceKMeans(MatrixView x, std::span<const std::size_t> order, std::size_t first, std::size_t dsub)
        : n_(order.size()),
          dsub_(dsub),
          rows_(std::min(n_, kRowsOfStarts) * dsub),
          lanes_((n_ + kEncodeLanes - 1) / kEncodeLanes * kEncodeLanes * dsub),
          unit_(unit_of(x, first, dsub)) {
        for (std::size_t i = 0; i < n_; ++i)
            for (std::size_t t = 0; t < dsub; ++t) {
                const float value = x.row(order[i])[first + t] / unit_;
                if (i < kRowsOfStarts) rows_[i * dsub + t] = value;
                lanes_[i / kEncodeLanes * block() + t * kEncodeLanes + i % kEncodeLanes] = value;
            }
    }

    /// Centroids [16, dsub] into out. Deterministic in the rows, their order and the seed.
    void run(std::uint32_t seed, float* out) {
        const std::size_t some = std::min(n_, kRowsOfStarts);
        double least = std::numeric_limits<double>::infinity();
        AlignedVector<float> chosen;
        for (std::size_t start = 0; start < kStarts; ++start) {
            Rng rng(seed + std::uint32_t(start));
            centroids_ = seed_plus_plus({rows_.data(), some, dsub_}, kPq4Centroids, rng, {}, {}).value();
            const double objective = lloyd(some, kIterationsOfStarts);
            if (objective < least) least = objective, chosen = centroids_;
        }
        if (!chosen.empty()) centroids_ = chosen;
        if (some < n_) lloyd(n_, kIterations);
        for (std::size_t i = 0; i < centroids_.size(); ++i) out[i] = centroids_[i] * unit_;
    }

private:
    static constexpr std::size_t kRowsOfStarts = 4096, kStarts = 4, kIterationsOfStarts = 25, kIterations = 25;
    static constexpr double kWorthwhile = 1e-4;  // an iteration that gains a smaller share of the objective is the last

    std::size_t block() const { return kEncodeLanes * dsub_; }

    // The factor of all values, a power of two: 1, or such that neither sums nor squares of very large values overflow.
    static float unit_of(MatrixView x, std::size_t first, std::size_t dsub) {
        float most = 0;
        for (std::size_t i = 0; i < x.n; ++i)
            for (std::size_t t = 0; t < dsub; ++t) most = std::max(most, std::abs(x.row(i)[first + t]));
        return most < 0x1p50F ? 1.F : std::ldexp(1.F, std::ilogb(most) - 40);
    }

    // The sum of squared distances before the last step.
    double lloyd(std::size_t n, std::size_t iterations) {
        double objective = std::numeric_limits<double>::infinity();
        for (std::size_t i = 0; i < iterations; ++i) {
            const double now = iterate(n);
            const bool done = !(now < objective * (1 - kWorthwhile));
            objective = std::min(objective, now);
            if (done) break;
        }
        return objective;
    }

    // Rows and their number are summed lane by lane, so that no addition waits for the one before it.
    double iterate(std::size_t n) {
        const std::size_t size = (dsub_ + 1) * kEncodeLanes;
        sums_.assign(kPq4Centroids * size, 0.F);
        std::array<double, kEncodeLanes> objective{};
        for (std::size_t i = 0; i < n; i += kEncodeLanes) {
            alignas(64) float codes[kEncodeLanes], scores[kEncodeLanes];
            const float* rows = lanes_.data() + i * dsub_;
            nearest_of_16(best{}, centroids_.data(), rows, dsub_, codes, scores);
            for (std::size_t l = 0; l < std::min(kEncodeLanes, n - i); ++l) {
                float* sum = sums_.data() + std::size_t(std::int32_t(codes[l])) * size + l;
                for (std::size_t t = 0; t < dsub_; ++t) sum[t * kEncodeLanes] += rows[t * kEncodeLanes + l];
                sum[dsub_ * kEncodeLanes] += 1, objective[l] += double(scores[l]);
            }
        }
        for (std::size_t c = 0; c < kPq4Centroids; ++c) move(c, sums_.data() + c * size);
        return std::accumulate(objective.begin(), objective.end(), 0.0);
    }

    // A centroid without rows stays; k-means++ leaves none unless rows are equal.
    void move(std::size_t c, const float* sums) {
        const auto total = [sums](std::size_t t) {
            return std::accumulate(sums + t * kEncodeLanes, sums + (t + 1) * kEncodeLanes, 0.0);
        };
        const double rows = total(dsub_);
        for (std::size_t t = 0; t < dsub_ && rows > 0; ++t) centroids_[c * dsub_ + t] = float(total(t) / rows);
    }

    std::size_t n_, dsub_;
    AlignedVector<float> rows_;              // [kRowsOfStarts, dsub]
    AlignedVector<float> lanes_;             // [n / 16, dsub, 16]
    float unit_;                             // what rows_, lanes_ and centroids_ are multiples of
    AlignedVector<float> centroids_, sums_;  // [16, dsub]; [16, dsub + 1, 16]
};

}  // namespace lutra::inline LUTRA_ABI_TAG::detail
