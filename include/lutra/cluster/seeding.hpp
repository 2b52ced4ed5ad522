// lutra/cluster/seeding.hpp: chooses the first centroids of k-means among the rows.  SPDX-License-Identifier: MIT
// Sources: k-means++: Arthur and Vassilvitskii, SODA 2007. AFK-MC^2: Bachem, Lucic, Hassani, Krause, "Fast and provably good
// seedings for k-means", NIPS 2016: a Markov chain in place of each draw of k-means++, so no pass over all rows for each centroid.
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/core/guarded.hpp>
#include <lutra/core/params.hpp>
#include <lutra/core/random.hpp>
#include <lutra/kernels/distance.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

enum class Seeding {
    random,            ///< rows, each as likely as any other
    kmeans_plus_plus,  ///< each next row with a probability in proportion to its squared distance to those chosen; n k d
    afk_mc2            ///< nearly that distribution, by chains of kChain rows; k^2 kChain d / 2 multiply-adds, n d once
};

/// k rows of x [n, d] (1 <= k <= n, finite) as centroids [k, d]. The same bits for any executor.  Errors: cancelled.
inline Result<AlignedVector<float>> seed_centroids(MatrixView x, std::size_t k, Seeding seeding, std::uint32_t seed,
                                                   std::string_view stage = "seeding", const Resources& resources = {});

namespace detail {

inline AlignedVector<float> random_rows(MatrixView x, std::size_t k, std::uint32_t seed) {
    AlignedVector<float> chosen(k * x.d);
    const std::vector<std::size_t> rows = permutation(x.n, k, seed);
    for (std::size_t j = 0; j < k; ++j) std::copy_n(x.row(rows[j]), x.d, chosen.data() + j * x.d);
    return chosen;
}

/// Cumulative weights [n], to draw rows in proportion to their weight.
class Draw {
public:
    void set(const std::vector<float>& weights) {
        sums_.resize(weights.size());
        double sum = 0;
        for (std::size_t i = 0; i < weights.size(); ++i) sums_[i] = sum += double(weights[i]);
    }
    /// Any row if all weights are 0.
    std::size_t operator()(Rng& rng) const {
        const double high = double(rng.uniform()), u = (high + double(rng.uniform()) * 0x1p-24) * sums_.back();
        if (!(sums_.back() > 0)) return rng.below(sums_.size());
        return std::min(std::size_t(std::upper_bound(sums_.begin(), sums_.end(), u) - sums_.begin()), sums_.size() - 1);
    }

private:
    std::vector<double> sums_;
};

/// Lowers nearest [n] to the squared distance to c [d], if that is smaller.
inline void nearer(MatrixView x, const float* c, std::vector<float>& nearest, const Executor& executor) {
    executor.for_ranges(x.n, 1024, [&](std::size_t begin, std::size_t end, std::size_t) {
        for (std::size_t i = begin; i < end; ++i) nearest[i] = std::min(nearest[i], score_row(Metric::l2, c, x.row(i), x.d));
    });
}

inline Result<AlignedVector<float>> seed_plus_plus(MatrixView x, std::size_t k, Rng& rng, std::string_view stage,
                                                   const Resources& resources) {
    AlignedVector<float> chosen(k * x.d);
    std::vector<float> nearest(x.n, std::numeric_limits<float>::max());
    Draw draw;
    std::size_t row = rng.below(x.n);
    for (std::size_t j = 0; j < k; ++j) {
        if (j % 64 == 0) LUTRA_TRY(resources.progress.report(stage, j, k));
        std::copy_n(x.row(row), x.d, chosen.data() + j * x.d);
        if (j + 1 == k) break;
        nearer(x, x.row(row), nearest, resources.executor);
        draw.set(nearest);
        row = draw(rng);
    }
    return chosen;
}

/// The chains of AFK-MC^2. Rows are proposed with q(i) = d(i, first)^2 / (2 sum) + 1 / (2 n).
class MarkovSeeding {
public:
    MarkovSeeding(MatrixView x, Rng& rng, const Executor& executor) : x_(x), rng_(rng) {
        first_ = rng.below(x.n);
        proposal_.assign(x.n, std::numeric_limits<float>::max());
        nearer(x, x.row(first_), proposal_, executor);
        double sum = 0;
        for (const float v : proposal_) sum += double(v);
        for (float& v : proposal_) v = (sum > 0 ? float(double(v) / (2 * sum)) : 0.F) + float(0.5 / double(x.n));
        draw_.set(proposal_);
    }

    std::size_t first() const { return first_; }

    /// The next row, given those chosen [n_chosen, d].
    std::size_t next(const float* chosen, std::size_t n_chosen, const Executor& executor) {
        std::size_t candidates[kChain];
        float distances[kChain], uniforms[kChain];
        for (std::size_t c = 0; c < kChain; ++c) candidates[c] = draw_(rng_), uniforms[c] = rng_.uniform();
        executor.for_ranges(kChain, 16, [&](std::size_t begin, std::size_t end, std::size_t) {
            for (std::size_t c = begin; c < end; ++c) distances[c] = to_nearest(candidates[c], chosen, n_chosen);
        });
        std::size_t at = 0;
        for (std::size_t c = 1; c < kChain; ++c) {
            const double forward = double(distances[c]) * double(proposal_[candidates[at]]);
            const double back = double(distances[at]) * double(proposal_[candidates[c]]);
            if (back <= 0 || forward > double(uniforms[c]) * back) at = c;
        }
        return candidates[at];
    }

private:
    static constexpr std::size_t kChain = 200;  // the length the paper recommends

    float to_nearest(std::size_t row, const float* chosen, std::size_t n_chosen) const {
        float least = std::numeric_limits<float>::max(), some[64];
        for (std::size_t j = 0; j < n_chosen; j += 64) {
            const std::size_t n = std::min<std::size_t>(64, n_chosen - j);
            score_rows(Metric::l2, x_.row(row), chosen + j * x_.d, n, x_.d, some);
            least = std::min(least, *std::min_element(some, some + n));
        }
        return least;
    }

    MatrixView x_;
    Rng& rng_;
    std::size_t first_ = 0;
    std::vector<float> proposal_;
    Draw draw_;
};

inline Result<AlignedVector<float>> seed_afk_mc2(MatrixView x, std::size_t k, Rng& rng, std::string_view stage,
                                                 const Resources& resources) {
    AlignedVector<float> chosen(k * x.d);
    MarkovSeeding chains(x, rng, resources.executor);
    for (std::size_t j = 0; j < k; ++j) {
        if (j % 64 == 0) LUTRA_TRY(resources.progress.report(stage, j, k));
        const std::size_t row = j == 0 ? chains.first() : chains.next(chosen.data(), j, resources.executor);
        std::copy_n(x.row(row), x.d, chosen.data() + j * x.d);
    }
    return chosen;
}

}  // namespace detail

inline Result<AlignedVector<float>> seed_centroids(MatrixView x, std::size_t k, Seeding seeding, std::uint32_t seed,
                                                   std::string_view stage, const Resources& resources) {
    return guarded(stage, [&]() -> Result<AlignedVector<float>> {
        Rng rng(seed);
        if (seeding == Seeding::kmeans_plus_plus) return detail::seed_plus_plus(x, k, rng, stage, resources);
        if (seeding == Seeding::afk_mc2) return detail::seed_afk_mc2(x, k, rng, stage, resources);
        return detail::random_rows(x, k, seed);
    });
}

}  // namespace lutra::inline LUTRA_ABI_TAG
