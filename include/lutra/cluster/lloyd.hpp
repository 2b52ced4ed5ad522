// lutra/cluster/lloyd.hpp: Lloyd's algorithm: the definition of kmeans().  SPDX-License-Identifier: MIT
//
// kmeans.hpp includes it, except with LUTRA_COMPILED.
#pragma once
#include <lutra/cluster/copies.hpp>
#include <lutra/cluster/kmeans.hpp>
#include <lutra/cluster/kmeans_checks.hpp>
#include <lutra/cluster/pruned_assignment.hpp>
#include <lutra/core/counting_sort.hpp>
#include <lutra/core/guarded.hpp>
#include <lutra/core/ordered.hpp>
#include <lutra/core/params.hpp>
#include <lutra/core/random.hpp>
#include <lutra/kernels/nearest.hpp>
#include <lutra/kernels/normalize.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

/// One run of Lloyd's algorithm over rows that are already sampled.
class Lloyd {
public:
    Lloyd(MatrixView x, std::size_t k, const KMeansConfig& config, const std::vector<float>& weights, const Resources& resources)
        : x_(x),
          k_(k),
          config_(config),
          weights_(weights),
          resources_(resources),
          workspace_(resources),
          centroids_(config.metric, AlignedVector<float>(k * x.d, 0.F), k, x.d) {
        best_.resize(x.n), scores_.resize(x.n);
    }

    Status run(std::uint32_t seed, std::size_t done, std::size_t total) {
        start(seed);
        std::vector<std::int32_t> before;
        for (std::size_t i = 0, most = config_.iterations; i < most; ++i) {
            if (i == kFirstPruned && prunes()) begin_pruning();
            LUTRA_TRY(assign(std::min(done + i * x_.n, total), total));
            objective_.push_back(objective());
            const bool stands = best_ == before;
            before = best_;
            clusters_.assign(best_, k_);
            update();
            if (i + 1 < config_.iterations && !stands)
                split_large();
            else if (!move_empty())
                break;
            else
                most = config_.iterations + kMoreIterations;
        }
        return {};
    }

    /// The last objective as a cost: lower is better for every metric.
    double last_objective() const { return objective_.empty() ? std::numeric_limits<double>::infinity() : objective_.back(); }
    KMeans result() const {
        KMeans result{centroids_.rows(), k_, x_.d, objective_};
        if (config_.metric == Metric::inner_product)
            for (double& sum : result.objective) sum = -sum;
        return result;
    }

private:
    float* centroid(std::size_t j) { return centroids_.row(j); }

    void start(std::uint32_t seed) {
        objective_.clear(), pruned_.reset();
        const std::vector<std::size_t> rows = permutation(x_.n, k_, seed);
        for (std::size_t j = 0; j < k_; ++j) copy_as_centroid(x_.row(rows[j]), centroid(j));
        centroids_.choose_origin();
    }

    // c [d] becomes what a cluster of this row alone has.
    void copy_as_centroid(const float* row, float* c) const {
        std::copy_n(row, x_.d, c);
        if (config_.spherical) normalize_rows(c, 1, x_.d, c);
    }

    // Products of bytes are faster than bounds that exclude products of floats: SIFT, 1,024 centroids, 0.83 s against 1.09; speech
    // 1.38 against 2.77; SIFT, 4,096, 12.5 against 15.3 (Zen 4).
    bool prunes() const {
        if (config_.assignment != Assignment::automatic) return config_.assignment == Assignment::pruned;
        return k_ >= 512 && config_.iterations > 3 && centroids_.bytes().empty();
    }

    // Groups the centroids after the first iteration: the seeds are rows of x and move far in it.
    void begin_pruning() {
        const std::size_t n_groups = std::clamp<std::size_t>(k_ / kGroupSize, 1, x_.d);
        KMeansConfig config;
        config.iterations = kGroupIterations, config.assignment = Assignment::plain;
        Resources resources = resources_;
        resources.progress = {};
        const std::vector<float> all_equal;
        Lloyd groups({centroids_.row(0), k_, x_.d}, n_groups, config, all_equal, resources);
        static_cast<void>(groups.run(config.seed, 0, 0));  // without a progress callback it cannot fail
        pruned_.emplace(x_, config_.metric, groups.best_, n_groups, resources_);
    }

    // Rows between two progress reports: about ten billion multiply-adds, some tenths of a second.
    std::size_t rows_per_report() const {
        return round_up(std::size_t(std::max<std::uint64_t>(1, 10'000'000'000 / (std::uint64_t{k_} * x_.d))),
                        PrunedAssignment::kTile);
    }

    Status assign(std::size_t done, std::size_t total) {
        if (pruned_)
            pruned_->follow(centroids_.rows());
        else
            centroids_.prepare();
        for (std::size_t i0 = 0; i0 < x_.n; i0 += rows_per_report()) {
            const std::size_t end = i0 + std::min(rows_per_report(), x_.n - i0);
            LUTRA_TRY(resources_.progress.report(config_.stage, done + i0, total));
            pruned_ ? pruned_->assign(i0, end, best_.data(), scores_.data()) : assign_plain(i0, end);
        }
        return {};
    }

    void assign_plain(std::size_t i0, std::size_t end) {
        const CentroidsView centroids = centroids_.view();
        resources_.executor.for_ranges(end - i0, kNearestGrain, [&](std::size_t b, std::size_t e, std::size_t worker) {
            const std::size_t i = i0 + b;
            const MatrixView rows = x_.rows(i, i0 + e);
            nearest(best{}, rows, centroids, workspace_.arena(worker), best_.data() + i, scores_.data() + i);
        });
    }

    double objective() const {
        double sum = 0;
        for (std::size_t i = 0; i < x_.n; ++i) {
            sum += weights_.empty() ? double(scores_[i]) : double(scores_[i]) * double(weights_[i]);
        }
        return sum;
    }

    bool counts(std::size_t row) const { return weights_.empty() || weights_[row] > 0; }

    // The number of different rows with a weight in each cluster: only a cluster with two or more can be split.
    std::vector<std::size_t> different_rows_of_clusters() const {
        std::vector<std::size_t> sizes(k_, 0);
        for (std::size_t i = 0; i < x_.n; ++i) sizes[std::size_t(best_[i])] += counts(i) && !copies_[i];
        return sizes;
    }

    // The empty clusters. Duplicate rows are searched for when there first are some.
    std::vector<std::size_t> empty_clusters() {
        std::vector<bool> used(k_, false);
        for (std::size_t i = 0; i < x_.n; ++i)
            if (counts(i)) used[std::size_t(best_[i])] = true;
        std::vector<std::size_t> empty;
        for (std::size_t j = 0; j < k_; ++j)
            if (!used[j]) empty.push_back(j);
        if (!empty.empty() && copies_.empty()) copies_ = find_copies(x_);
        return empty;
    }

    // Each cluster is summed by one worker in the order of the rows: the same bits for any number of workers.
    void update() {
        resources_.executor.for_ranges(k_, 16, [&](std::size_t begin, std::size_t end, std::size_t worker) {
            const Arena::Frame frame(workspace_.arena(worker));
            const auto sum = workspace_.arena(worker).template take<double>(x_.d);
            for (std::size_t j = begin; j < end; ++j) mean(j, sum.data());
        });
    }

    // Sums in double: finite floats do not overflow them, and the mean of equal rows is that row. Without rows that count the
    // centroid stays.
    void mean(std::size_t j, double* sum) {
        float* c = centroid(j);
        double total = 0;
        std::fill_n(sum, x_.d, 0.0);
        for (const std::size_t i : clusters_.of(j)) {
            const float* row = x_.row(i);
            const double weight = weights_.empty() ? 1.0 : double(weights_[i]);
            for (std::size_t t = 0; t < x_.d; ++t) sum[t] += weight * double(row[t]);
            total += weight;
        }
        if (!(total > 0)) return;
        for (std::size_t t = 0; t < x_.d; ++t) c[t] = float(sum[t] / total);
        if (config_.spherical) normalize_rows(c, 1, x_.d, c);
    }

    // An empty cluster takes half of a large one: both centroids are the large one's, moved apart by one part in 1024.
    void split_large() {
        const std::vector<std::size_t> empty = empty_clusters();
        if (empty.empty()) return;
        std::vector<std::size_t> sizes = different_rows_of_clusters();
        Rng rng(kSplitSeed);
        for (const std::size_t j : empty) {
            const std::size_t from = pick_large(sizes, rng);
            if (sizes[from] < 2) return;  // no cluster left to split
            split(from, j);
            sizes[j] = sizes[from] / 2, sizes[from] -= sizes[j];
        }
    }

    void split(std::size_t from, std::size_t to) {
        std::copy_n(centroid(from), x_.d, centroid(to));
        const auto scale = [](float& v, float by) {
            v = std::clamp(v * by, -std::numeric_limits<float>::max(), std::numeric_limits<float>::max());
        };
        for (std::size_t t = 0; t < x_.d; ++t) {
            scale(centroid(to)[t], t % 2 == 0 ? 1 + kSplit : 1 - kSplit);
            scale(centroid(from)[t], t % 2 == 0 ? 1 - kSplit : 1 + kSplit);
        }
        for (const std::size_t j : {from, to})
            if (config_.spherical) normalize_rows(centroid(j), 1, x_.d, centroid(j));
    }

    // Walks the clusters and takes one with a probability that grows with its size; the largest if that takes too long.
    std::size_t pick_large(const std::vector<std::size_t>& sizes, Rng& rng) const {
        std::size_t j = 0;
        for (std::size_t tries = 0; tries < 10 * k_; ++tries, j = (j + 1) % k_)
            if (sizes[j] != 0 && rng.uniform() < float(sizes[j] - 1) / float(x_.n - k_)) return j;
        return std::size_t(std::max_element(sizes.begin(), sizes.end()) - sizes.begin());
    }

    // At the end of a run: a split is a guess for the next iteration to test, and never succeeds among copies of one row. So empty
    // clusters move to the rows farthest from their centroid, each from a cluster with other rows. False if no row can be moved:
    // then an empty cluster becomes a copy of another one.
    bool move_empty() {
        const std::vector<std::size_t> empty = empty_clusters();
        if (empty.empty()) return false;
        std::vector<std::size_t> sizes = different_rows_of_clusters();
        std::size_t moved = 0;
        for (const auto& [distance, row] : farthest_rows(sizes)) {
            if (moved == empty.size()) break;
            if (sizes[std::size_t(best_[row])]-- < 2) continue;
            copy_as_centroid(x_.row(row), centroid(empty[moved++]));
        }
        for (std::size_t i = 0; moved == 0 && i < empty.size(); ++i)
            std::copy_n(centroid(std::size_t(best_[0])), x_.d, centroid(empty[i]));
        return moved != 0;
    }

    // Pairs of negated squared distance and row, the farthest first; without rows that are alone in their cluster.
    std::vector<Pair<double, std::size_t>> farthest_rows(const std::vector<std::size_t>& sizes) {
        std::vector<Pair<double, std::size_t>> rows;
        std::vector<float> own(x_.d);
        for (std::size_t i = 0; i < x_.n; ++i) {
            if (!counts(i) || copies_[i] || sizes[std::size_t(best_[i])] < 2) continue;
            copy_as_centroid(x_.row(i), own.data());
            const double distance = score_in_double(Metric::l2, own.data(), centroid(std::size_t(best_[i])), x_.d);
            if (distance > 0) rows.push_back({-distance, i});
        }
        std::sort(rows.begin(), rows.end());
        return rows;
    }

    static constexpr std::size_t kFirstPruned = 1;  // the iteration that stores the first bounds
    static constexpr std::size_t kGroupSize = 32;   // centroids of a group: four tiles of rows on AVX-512
    // Groups hardly become better after that: with 2, 8 and 25 iterations 0.292, 0.280, 0.279 of all pairs are compared (1,024
    // centroids of SIFT), 0.417, 0.379, 0.378 (speech), 0.792, 0.755, 0.749 (words).
    static constexpr std::size_t kGroupIterations = 8;
    static constexpr std::size_t kMoreIterations = 8;  // at most, after clusters were moved at the end: bounds the extra time
    static constexpr std::uint32_t kSplitSeed = 1234;  // as faiss, and so is kSplit
    static constexpr float kSplit = 1.F / 1024;

    MatrixView x_;
    std::size_t k_;
    const KMeansConfig& config_;
    const std::vector<float>& weights_;
    const Resources& resources_;
    BorrowedWorkspace workspace_;

    Centroids centroids_;
    std::vector<std::int32_t> best_;  // [n] cluster of each row
    std::vector<float> scores_;       // [n] of that cluster
    Grouped clusters_;                // the rows of each
    std::vector<bool> copies_;        // [n] whether an equal row comes before it, once there were empty clusters
    std::vector<double> objective_;   // costs: inner products are negated
    std::optional<PrunedAssignment> pruned_;
};

inline std::vector<float> sampled_weights(MatrixView x, std::size_t limit, const KMeansConfig& config) {
    if (config.weights == nullptr) return {};
    if (x.n <= limit) return {config.weights, config.weights + x.n};
    std::vector<float> weights(limit);
    const std::vector<std::size_t> rows = permutation(x.n, limit, config.seed);
    for (std::size_t i = 0; i < limit; ++i) weights[i] = config.weights[rows[i]];
    return weights;
}

/// kmeans() of what has been checked.
Result<KMeans> run_kmeans(MatrixView x, std::size_t k, const KMeansConfig& config, const Resources& resources);

/// n = k: the rows are the centroids.
inline KMeans rows_as_centroids(MatrixView x, bool spherical) {
    AlignedVector<float> centroids(x.data, x.data + x.n * x.d);
    for (std::size_t j = 0; spherical && j < x.n; ++j)
        normalize_rows(centroids.data() + j * x.d, 1, x.d, centroids.data() + j * x.d);
    return {std::move(centroids), x.n, x.d, {}};
}

}  // namespace detail

LUTRA_INLINE Result<KMeans> kmeans(MatrixView x, std::size_t k, const KMeansConfig& config, const Resources& resources) {
    LUTRA_TRY(detail::check_kmeans(x, k, config));
    return guarded(config.stage, [&] { return detail::run_kmeans(x, k, config, resources); });
}

inline Result<KMeans> detail::run_kmeans(MatrixView x, std::size_t k, const KMeansConfig& config, const Resources& resources) {
    if (x.n == k) return detail::rows_as_centroids(x, config.spherical);
    const std::size_t limit = k > x.n / config.max_points_per_centroid ? x.n : k * config.max_points_per_centroid;
    const std::vector<float> weights = detail::sampled_weights(x, limit, config);
    AlignedVector<float> sample;
    if (limit < x.n) {
        sample = training_sample(x, limit, config.seed);
        x = {sample.data(), limit, x.d};
    }
    const std::size_t total = config.redo * config.iterations * x.n;
    detail::Lloyd lloyd(x, k, config, weights, resources);
    KMeans kept;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t redo = 0; redo < config.redo; ++redo) {
        const std::uint32_t seed = config.seed + 1 + std::uint32_t(redo) * 15486557U;  // as faiss seeds its runs
        LUTRA_TRY(lloyd.run(seed, redo * config.iterations * x.n, total));
        if (redo != 0 && !(lloyd.last_objective() < least)) continue;
        least = lloyd.last_objective();
        kept = lloyd.result();
    }
    LUTRA_TRY(resources.progress.report(config.stage, total, total));
    return kept;
}

}  // namespace lutra::inline LUTRA_ABI_TAG
