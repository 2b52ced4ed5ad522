// lutra/cluster/minibatch_kmeans.hpp: k-means on random batches, for more rows than fit in memory or are worth a full pass.
// Main path: minibatch_kmeans() -> seed_centroids() on a sample -> each step: draw a batch, assign, move, reassign starved ones.
// Source: Sculley, "Web-scale k-means clustering", WWW 2010. When starved centroids are moved and when it stops follow the
// documented behaviour of scikit-learn's MiniBatchKMeans.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/cluster/copies.hpp>
#include <lutra/cluster/row_source.hpp>
#include <lutra/cluster/seeding.hpp>
#include <lutra/core/guarded.hpp>
#include <lutra/core/ordered.hpp>
#include <lutra/core/params.hpp>
#include <lutra/core/random.hpp>
#include <lutra/core/validate.hpp>
#include <lutra/kernels/nearest.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string_view>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

struct MiniBatchConfig {
    std::size_t batch = 1024;   ///< rows of a step
    std::size_t max_steps = 0;  ///< 0: as many as draw each row a hundred times on average
    Seeding seeding = Seeding::random;
    std::size_t init_size = 0;  ///< rows the first centroids are chosen from; 0: three times the batch or k, whichever is more
    std::uint32_t seed = 1234;
    float reassignment_ratio = 0.01F;     ///< 0 to 1: centroids with less than this share of the largest one's rows are starved
    std::size_t max_no_improvement = 10;  ///< stop after so many steps without a better mean; 0: never
    float tol = 0;                        ///< stop when a step moves the centroids by no more, in sum of squares; 0: never
    std::string_view stage = "mini-batch k-means";
};

struct MiniBatchKMeans {
    AlignedVector<float> centroids;  ///< [k, d]
    std::size_t k = 0, d = 0;
    std::size_t steps = 0;
    double batch_mean = 0;  ///< the smoothed mean of squared distances the last batches had
};

/// Trains k centroids on the rows of a source; each step uses `batch` rows drawn with replacement.
///
/// Cost: batch k d multiply-adds a step, spread over the executor; memory: the batch, the sample the first centroids are chosen
/// from and 8 k d bytes, whatever n is. The same bits for any executor. Errors: bad_argument, too_few_rows (n < k),
/// not_finite, cancelled, and those of the source.
template <RowSource Source>
Result<MiniBatchKMeans> minibatch_kmeans(const Source& source, std::size_t k, const MiniBatchConfig& config = {},
                                         const Resources& resources = {});

namespace detail {

/// A row number in [0, n), also for n above 2^32.
inline std::size_t draw_row(std::size_t n, Rng& rng) {
    const std::uint64_t high = rng.next();
    return std::size_t((high << 32 | rng.next()) % n);
}

/// `count` different rows of n; memory in proportion to count, whatever n is.
inline std::vector<std::size_t> different_rows(std::size_t n, std::size_t count, Rng& rng) {
    if (count > n / 4) return permutation(n, count, rng.next());
    std::vector<std::size_t> rows;
    while (rows.size() < count) {
        while (rows.size() < count) rows.push_back(draw_row(n, rng));
        std::sort(rows.begin(), rows.end(), Less());
        rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    }
    return rows;
}

/// Stops the steps when the smoothed mean no longer falls, or centroids hardly move.
class EarlyStop {
public:
    EarlyStop(const MiniBatchConfig& config, std::size_t n)
        : config_(config), share_(std::min(1.0, 2.0 * double(config.batch) / (double(n) + 1))) {}

    /// mean: of the squared distances of a batch; moved: sum of the squared ways of the centroids.
    bool after(std::size_t step, double mean, double moved) {
        if (step == 0) return false;  // the first centroids are rows: their mean says nothing
        smoothed_ = step == 1 ? mean : smoothed_ + share_ * (mean - smoothed_);
        if (config_.tol > 0 && moved <= double(config_.tol)) return true;
        if (smoothed_ < least_) return least_ = smoothed_, without_ = 0, false;
        return config_.max_no_improvement != 0 && ++without_ >= config_.max_no_improvement;
    }
    double mean() const { return smoothed_; }

private:
    const MiniBatchConfig& config_;
    double share_, smoothed_ = 0, least_ = std::numeric_limits<double>::infinity();
    std::size_t without_ = 0;
};

/// The centroids, and the number of rows each has been given.
class MiniBatchState {
public:
    MiniBatchState(AlignedVector<float> centroids, std::size_t k, std::size_t d, const MiniBatchConfig& config,
                   const Resources& resources)
        : centroids_(Metric::l2, std::move(centroids), k, d),
          k_(k),
          d_(d),
          config_(config),
          resources_(resources),
          workspace_(resources),
          chunk_(chunk_of_workers()) {
        counts_.resize(k), scores_.resize(config.batch);
        best_.resize(config.batch), order_.resize(config.batch), means_.resize(d);
        chunk_ids_.resize(chunks() * config.batch), chunk_scores_.resize(chunks() * config.batch);
    }

    const AlignedVector<float>& centroids() const { return centroids_.rows(); }

    /// One step with rows x [batch, d]. Returns the sum of the squared distances to the centroids before they move.
    double step(const float* x, double& moved) {
        assign(x);
        moved = move(x);
        return std::accumulate(scores_.begin(), scores_.end(), 0.0);
    }

    bool has_unused() const { return std::find(counts_.begin(), counts_.end(), std::size_t{0}) != counts_.end(); }

    /// Moves starved centroids, at most batch / 2, to different rows of the batch that do not coincide with a centroid.
    void reassign(const float* x, Rng& rng) {
        std::vector<std::size_t> starved = starved_centroids();
        if (starved.empty()) return;
        std::vector<std::size_t> rows = rows_without_centroid(x);
        starved.resize(std::min(starved.size(), rows.size()));
        std::vector<bool> is_starved(k_, false);
        for (std::size_t i = 0; i < starved.size(); ++i) {
            std::swap(rows[i], rows[i + rng.below(rows.size() - i)]);
            std::copy_n(x + rows[i] * d_, d_, centroids_.row(starved[i]));
            centroids_.prepare_row(starved[i]);
            is_starved[starved[i]] = true;
        }
        centroids_.find_far();
        std::size_t least = std::numeric_limits<std::size_t>::max();
        for (std::size_t j = 0; j < k_; ++j)
            if (!is_starved[j]) least = std::min(least, counts_[j]);
        for (const std::size_t j : starved) counts_[j] = least;  // with 0 they would jump to the next row they are given
    }

private:
    // Centroids of a task: two tasks a worker, as a batch is too short to be shared out by rows and each task packs all of it.
    std::size_t chunk_of_workers() const {
        const std::size_t tasks = 2 * resources_.executor.workers();
        return std::max<std::size_t>(512, (k_ + tasks - 1) / tasks);
    }

    // Rows of the last step's batch x that do not coincide with a centroid, without duplicates.
    std::vector<std::size_t> rows_without_centroid(const float* x) const {
        const std::vector<bool> is_copy = find_copies({x, config_.batch, d_});
        std::vector<std::size_t> rows;
        for (std::size_t i = 0; i < config_.batch; ++i)
            if (scores_[i] > 0 && !is_copy[i]) rows.push_back(i);
        return rows;
    }

    std::size_t chunks() const { return (k_ + chunk_ - 1) / chunk_; }

    void assign(const float* x) {
        const std::size_t n = config_.batch;
        resources_.executor.for_ranges(k_, chunk_, [&](std::size_t begin, std::size_t end, std::size_t worker) {
            const std::size_t at = begin / chunk_ * n;
            nearest(best{}, {x, n, d_}, centroids_.view(begin, end), workspace_.arena(worker), chunk_ids_.data() + at,
                    chunk_scores_.data() + at);
        });
        for (std::size_t i = 0; i < n; ++i) {
            std::size_t best = 0;
            for (std::size_t c = 1; c < chunks(); ++c)
                if (chunk_scores_[c * n + i] < chunk_scores_[best * n + i]) best = c;
            scores_[i] = chunk_scores_[best * n + i];
            if (!is_finite(scores_[i])) best = best_in_double(x + i * d_, i);
            best_[i] = proposed(best, i);
        }
    }

    std::size_t proposed(std::size_t chunk, std::size_t i) const {
        return chunk * chunk_ + std::size_t(chunk_ids_[chunk * config_.batch + i]);
    }
    // The chunk with the nearest centroid of row i of the batch where all distances overflow.
    std::size_t best_in_double(const float* row, std::size_t i) const {
        const auto score = [&](std::size_t chunk) {
            return score_in_double(Metric::l2, row, centroids_.row(proposed(chunk, i)), d_);
        };
        std::size_t best = 0;
        for (std::size_t c = 1; c < chunks(); ++c)
            if (score(c) < score(best)) best = c;
        return best;
    }

    // Each centroid stays the mean of all rows it has had. The sum of the squared ways.
    double move(const float* x) {
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        std::sort(order_.begin(), order_.end(),
                  [this](auto a, auto b) { return best_[a] != best_[b] ? best_[a] < best_[b] : a < b; });
        double moved = 0;
        for (std::size_t begin = 0, end = 0; begin < order_.size(); begin = end) {
            const std::size_t j = best_[order_[begin]];
            while (end < order_.size() && best_[order_[end]] == j) ++end;
            moved += move(j, x, begin, end);
        }
        centroids_.find_far();
        return moved;
    }

    double move(std::size_t j, const float* x, std::size_t begin, std::size_t end) {
        float* c = centroids_.row(j);
        const double before = double(counts_[j]), all = double(counts_[j] += end - begin);
        for (std::size_t t = 0; t < d_; ++t) means_[t] = double(c[t]) * before;
        for (std::size_t i = begin; i < end; ++i)
            for (std::size_t t = 0; t < d_; ++t) means_[t] += double(x[order_[i] * d_ + t]);
        double moved = 0;
        for (std::size_t t = 0; t < d_; ++t) {
            const auto to = float(means_[t] / all);
            moved += (double(to) - double(c[t])) * (double(to) - double(c[t]));
            c[t] = to;
        }
        centroids_.prepare_row(j);
        return moved;
    }

    std::vector<std::size_t> starved_centroids() const {
        const double few = double(config_.reassignment_ratio) * double(*std::max_element(counts_.begin(), counts_.end()));
        std::vector<std::size_t> starved;
        for (std::size_t j = 0; j < k_; ++j)
            if (double(counts_[j]) < few) starved.push_back(j);
        const std::size_t most = config_.batch / 2;
        if (starved.size() <= most) return starved;
        std::sort(starved.begin(), starved.end(),
                  [this](auto a, auto b) { return counts_[a] != counts_[b] ? counts_[a] < counts_[b] : a < b; });
        starved.resize(most);
        return starved;
    }

    Centroids centroids_;
    std::size_t k_, d_;
    const MiniBatchConfig& config_;
    const Resources& resources_;
    BorrowedWorkspace workspace_;
    std::size_t chunk_;
    std::vector<std::size_t> counts_;        // [k] rows each has had
    std::vector<float> scores_;              // [batch]
    std::vector<double> means_;              // [d]
    std::vector<std::size_t> best_, order_;  // [batch] nearest centroid; rows by centroid
    std::vector<std::int32_t> chunk_ids_;    // [chunks, batch]
    std::vector<float> chunk_scores_;
};

inline Status check_minibatch(std::size_t n, std::size_t d, std::size_t k, const MiniBatchConfig& config) {
    if (n == 0 || d == 0 || k == 0)
        return {Errc::bad_argument, "{}: {} rows of d = {}, k = {}; each must be at least 1", config.stage, n, d, k};
    if (k > std::size_t(std::numeric_limits<std::int32_t>::max()))
        return {Errc::bad_argument, "{}: k = {}; accepted: up to 2^31 - 1", config.stage, k};
    if (n < k)
        return {Errc::too_few_rows,
                "{}: {} rows cannot make {} clusters; give at least {} rows, or ask for at most {} clusters",
                config.stage,
                n,
                k,
                k,
                n};
    if (config.batch == 0) return {Errc::bad_argument, "{}: batch = 0; accepted: 1 or more", config.stage};
    if (config.init_size != 0 && config.init_size < k)
        return {Errc::bad_argument, "{}: init_size = {}; accepted: 0, or at least k = {}", config.stage, config.init_size, k};
    if (!(config.reassignment_ratio >= 0 && config.reassignment_ratio <= 1))
        return {Errc::bad_argument, "{}: reassignment_ratio = {}; accepted: 0 to 1", config.stage, config.reassignment_ratio};
    if (!(config.tol >= 0)) return {Errc::bad_argument, "{}: tol = {}; accepted: 0 or more", config.stage, config.tol};
    return {};
}

/// minibatch_kmeans() of what has been checked.
template <RowSource Source>
Result<MiniBatchKMeans> run_minibatch(const Source& source, std::size_t k, const MiniBatchConfig& config,
                                      const Resources& resources);

}  // namespace detail

template <RowSource Source>
Result<MiniBatchKMeans> minibatch_kmeans(const Source& source, std::size_t k, const MiniBatchConfig& config,
                                         const Resources& resources) {
    LUTRA_TRY(detail::check_minibatch(source.n(), source.d(), k, config));
    return guarded(config.stage, [&] { return detail::run_minibatch(source, k, config, resources); });
}

template <RowSource Source>
Result<MiniBatchKMeans> detail::run_minibatch(const Source& source, std::size_t k, const MiniBatchConfig& config,
                                              const Resources& resources) {
    const std::size_t n = source.n(), d = source.d();
    const std::size_t init = std::min(n, config.init_size != 0 ? config.init_size : 3 * std::max(k, config.batch));
    const std::size_t most_steps = config.max_steps != 0 ? config.max_steps : std::max<std::size_t>(1, 100 * n / config.batch);
    Rng rng(config.seed);
    AlignedVector<float> x(init * d);
    LUTRA_TRY(source.gather(detail::different_rows(n, init, rng), x.data()));
    LUTRA_TRY(check_finite(config.stage, {x.data(), init, d}));
    auto first = seed_centroids({x.data(), init, d}, k, config.seeding, rng.next(), config.stage, resources);
    if (!first) return first.status();
    detail::MiniBatchState state(*std::move(first), k, d, config, resources);
    x = AlignedVector<float>(config.batch * d);

    detail::EarlyStop stop(config, n);
    std::vector<std::size_t> rows(config.batch);
    std::size_t step = 0, since = 0;
    for (bool done = false; step < most_steps && !done; ++step) {
        LUTRA_TRY(resources.progress.report(config.stage, step, most_steps));
        for (std::size_t& row : rows) row = detail::draw_row(n, rng);
        LUTRA_TRY(source.gather(rows, x.data()));
        LUTRA_TRY(check_finite(config.stage, {x.data(), config.batch, d}));
        double moved = 0;
        const double sum = state.step(x.data(), moved);
        since += config.batch;
        if (state.has_unused() || since >= 10 * k) since = 0, state.reassign(x.data(), rng);
        done = stop.after(step, sum / double(config.batch), moved);
    }
    LUTRA_TRY(resources.progress.report(config.stage, most_steps, most_steps));
    return MiniBatchKMeans{state.centroids(), k, d, step, stop.mean()};
}

}  // namespace lutra::inline LUTRA_ABI_TAG
