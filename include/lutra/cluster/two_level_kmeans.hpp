// lutra/cluster/two_level_kmeans.hpp: many centroids, fast: k-means of groups, k-means in each group, then rounds of Lloyd's
// algorithm in which a row looks at the centroids of its own and the nearest groups only.  SPDX-License-Identifier: MIT
// Main path: two_level_kmeans() -> split into about sqrt(k) groups -> kmeans() in each -> refine(): assign near -> means.
// Source: hierarchical k-means as in Nister and Stewenius, CVPR 2006; the refining rounds across groups are ours.
#pragma once
#include <lutra/cluster/kmeans.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string_view>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

struct TwoLevelConfig {
    std::size_t iterations = 10;    ///< of k-means on both levels
    std::size_t refine_rounds = 3;  ///< over all rows afterwards
    std::size_t near_groups = 8;    ///< whose centroids a row is compared with in those
    std::uint32_t seed = 1234;
    std::size_t max_points_per_centroid = 256;  ///< more rows than k times this are sampled
    std::string_view stage = "two-level k-means";
};

/// k centroids [k, d] of x [n, d], squared L2.
///
/// Cost: about n sqrt(k) d (2 iterations + near_groups refine_rounds) multiply-adds, spread over the executor; k-means has n k d in
/// each iteration. Memory: 16 n + 8 k d bytes, and 4 n d while the second level is made. The same bits for any executor.
/// Errors: bad_argument, too_few_rows (n < k), not_finite, cancelled.
inline Result<AlignedVector<float>> two_level_kmeans(MatrixView x, std::size_t k, const TwoLevelConfig& config = {},
                                                     const Resources& resources = {});

namespace detail {

/// Items in order of a number each has, [numbers + 1] bounds.
struct Grouped {
    std::vector<std::size_t> first, items;

    Grouped(std::span<const std::int32_t> number_of, std::size_t numbers) : first(numbers + 1), items(number_of.size()) {
        for (const std::int32_t g : number_of) ++first[std::size_t(g) + 1];
        std::partial_sum(first.begin(), first.end(), first.begin());
        std::vector<std::size_t> next(first.begin(), first.end() - 1);
        for (std::size_t i = 0; i < items.size(); ++i) items[next[std::size_t(number_of[i])]++] = i;
    }
    std::size_t size(std::size_t g) const { return first[g + 1] - first[g]; }
    std::span<const std::size_t> of(std::size_t g) const { return {items.data() + first[g], size(g)}; }
};

class TwoLevel {
public:
    TwoLevel(MatrixView x, std::size_t k, const TwoLevelConfig& config, const Resources& resources)
        : x_(x), k_(k), config_(config), resources_(resources), workspace_(resources) {
        best_.resize(x.n), scores_.resize(x.n), centroids_.resize(k * x.d), terms_.resize(k);
    }

    Result<AlignedVector<float>> run() {
        LUTRA_TRY(report(0));
        LUTRA_TRY(split());
        for (std::size_t round = 0; round < config_.refine_rounds; ++round) {
            LUTRA_TRY(report(round + 1));
            refine();
        }
        LUTRA_TRY(report(config_.refine_rounds + 1));
        return std::move(centroids_);
    }

private:
    Status report(std::size_t done) const { return resources_.progress.report(config_.stage, done, config_.refine_rounds + 1); }
    KMeansConfig level(std::size_t number) const {
        KMeansConfig config;
        config.iterations = config_.iterations, config.seed = config_.seed + std::uint32_t(number), config.stage = config_.stage;
        return config;
    }

    // Both levels; the centroids of group g are numbers first_[g] .. first_[g + 1] - 1.
    Status split() {
        const std::size_t n_groups = std::max<std::size_t>(1, std::size_t(std::lround(std::sqrt(double(k_)))));
        Resources resources = resources_;
        resources.progress = {};
        const auto top = kmeans(x_, n_groups, level(0), resources);
        if (!top) return top.status();
        centroid_terms(Metric::l2, top->centroids.data(), n_groups, x_.d, terms_.data());
        resources_.executor.for_ranges(x_.n, kGrain, [&](std::size_t begin, std::size_t end, std::size_t worker) {
            nearest(best{}, x_.row(begin), end - begin, {top->centroids.data(), terms_.data(), n_groups, x_.d, Metric::l2},
                    workspace_.arena(worker), best_.data() + begin, scores_.data() + begin);
        });
        const Grouped rows(best_, n_groups);
        share_out(rows, n_groups);
        std::vector<Status> failed(n_groups);
        resources_.executor.for_each(n_groups, [&](std::size_t g, std::size_t) { failed[g] = split_group(rows.of(g), g); });
        for (const Status& status : failed) LUTRA_TRY(status);
        return {};
    }

    // One centroid for every group with rows, the others by shares of the rows that are left; never more than rows, as k <= n.
    void share_out(const Grouped& rows, std::size_t n_groups) {
        std::vector<std::size_t> used(n_groups + 1);  // groups with rows before each
        for (std::size_t g = 0; g < n_groups; ++g) used[g + 1] = used[g] + (rows.size(g) != 0);
        const std::size_t n_left = std::max<std::size_t>(1, x_.n - used.back()), k_left = k_ - used.back();
        first_.resize(n_groups + 1);
        for (std::size_t g = 0; g <= n_groups; ++g) first_[g] = used[g] + (rows.first[g] - used[g]) * k_left / n_left;
    }

    Status split_group(std::span<const std::size_t> rows, std::size_t g) {
        const std::size_t k = first_[g + 1] - first_[g];
        if (k == 0) return {};
        AlignedVector<float> own(rows.size() * x_.d);
        for (std::size_t i = 0; i < rows.size(); ++i) std::copy_n(x_.row(rows[i]), x_.d, own.data() + i * x_.d);
        const auto made = kmeans({own.data(), rows.size(), x_.d}, k, level(1 + g));
        if (!made) return made.status();
        std::copy_n(made->centroids.data(), k * x_.d, centroids_.data() + first_[g] * x_.d);
        for (const std::size_t row : rows) best_[row] = std::int32_t(first_[g]);
        return {};
    }

    // Lloyd's iteration, with the centroids of near groups only.
    void refine() {
        const std::vector<std::int32_t> groups = groups_of_rows();
        const Grouped rows(groups, first_.size() - 1);
        const AlignedVector<float> middles = group_middles();
        squared_norms(centroids_.data(), k_, x_.d, terms_.data());
        resources_.executor.for_each(first_.size() - 1, [&](std::size_t g, std::size_t worker) {
            if (rows.size(g) != 0) assign_near(rows.of(g), near_groups(middles, g), workspace_.arena(worker));
        });
        const Grouped members(best_, k_);
        resources_.executor.for_ranges(k_, 16, [&](std::size_t begin, std::size_t end, std::size_t) {
            for (std::size_t j = begin; j < end; ++j) mean(members.of(j), centroids_.data() + j * x_.d);
        });
    }

    std::vector<std::int32_t> groups_of_rows() const {
        std::vector<std::int32_t> of_centroid(k_), of_row(x_.n);
        for (std::size_t g = 0; g + 1 < first_.size(); ++g)
            std::fill(of_centroid.begin() + std::ptrdiff_t(first_[g]), of_centroid.begin() + std::ptrdiff_t(first_[g + 1]),
                      std::int32_t(g));
        for (std::size_t i = 0; i < x_.n; ++i) of_row[i] = of_centroid[std::size_t(best_[i])];
        return of_row;
    }

    AlignedVector<float> group_middles() const {
        AlignedVector<float> middles((first_.size() - 1) * x_.d, 0.F);
        for (std::size_t g = 0; g + 1 < first_.size(); ++g) {
            float* middle = middles.data() + g * x_.d;
            for (std::size_t j = first_[g]; j < first_[g + 1]; ++j)
                for (std::size_t t = 0; t < x_.d; ++t) middle[t] += centroids_[j * x_.d + t] / float(first_[g + 1] - first_[g]);
        }
        return middles;
    }

    // Groups with centroids, nearest first, g itself among them.
    std::vector<std::size_t> near_groups(const AlignedVector<float>& middles, std::size_t g) const {
        std::vector<float> distances(first_.size() - 1);
        score_rows(Metric::l2, middles.data() + g * x_.d, middles.data(), distances.size(), x_.d, distances.data());
        std::vector<std::size_t> groups;
        for (std::size_t other = 0; other < distances.size(); ++other)
            if (first_[other] != first_[other + 1]) groups.push_back(other);
        const std::size_t wanted = std::min(config_.near_groups, groups.size());
        const auto nearer = [&](std::size_t a, std::size_t b) {
            return distances[a] != distances[b] ? distances[a] < distances[b] : a < b;
        };
        std::partial_sort(groups.begin(), groups.begin() + std::ptrdiff_t(wanted), groups.end(), nearer);
        groups.resize(wanted);
        return groups;
    }

    void assign_near(std::span<const std::size_t> rows, std::span<const std::size_t> groups, Arena& arena) {
        std::vector<CentroidsView> views;
        for (const std::size_t g : groups)
            views.push_back(
                {centroids_.data() + first_[g] * x_.d, terms_.data() + first_[g], first_[g + 1] - first_[g], x_.d, Metric::l2});
        for (const std::size_t row : rows) scores_[row] = std::numeric_limits<float>::infinity();
        nearest_in_groups(
            best{}, rows.size(), std::span<const CentroidsView>(views), arena, [&](std::size_t i) { return x_.row(rows[i]); },
            [&](std::size_t i, std::size_t at, std::int32_t j, float score) {
                if (!(score < scores_[rows[i]])) return;
                scores_[rows[i]] = score, best_[rows[i]] = std::int32_t(first_[groups[at]]) + j;
            });
    }

    // A centroid without rows stays where it is.
    void mean(std::span<const std::size_t> rows, float* c) const {
        if (rows.empty()) return;
        std::fill_n(c, x_.d, 0.F);
        for (const std::size_t row : rows)
            for (std::size_t t = 0; t < x_.d; ++t) c[t] += x_.row(row)[t];
        for (std::size_t t = 0; t < x_.d; ++t) c[t] /= float(rows.size());
    }

    static constexpr std::size_t kGrain = 1536;

    MatrixView x_;
    std::size_t k_;
    const TwoLevelConfig& config_;
    const Resources& resources_;
    BorrowedWorkspace workspace_;
    std::vector<std::int32_t> best_;  // [n] the group, then the centroid of each row
    std::vector<float> scores_;       // [n]
    AlignedVector<float> centroids_, terms_;
    std::vector<std::size_t> first_;  // [groups + 1] centroids of each group
};

}  // namespace detail

inline Result<AlignedVector<float>> two_level_kmeans(MatrixView x, std::size_t k, const TwoLevelConfig& config,
                                                     const Resources& resources) {
    KMeansConfig checked;
    checked.stage = config.stage, checked.max_points_per_centroid = config.max_points_per_centroid;
    LUTRA_TRY(detail::check_kmeans(x, k, checked));
    if (config.near_groups == 0) return Status{Errc::bad_argument, "{}: near_groups = 0; accepted: 1 or more", config.stage};
    const std::size_t limit = k > x.n / config.max_points_per_centroid ? x.n : k * config.max_points_per_centroid;
    AlignedVector<float> sample;
    if (limit < x.n) {
        sample = training_sample(x, limit, config.seed);
        x = {sample.data(), limit, x.d};
    }
    return detail::TwoLevel(x, k, config, resources).run();
}

}  // namespace lutra::inline LUTRA_ABI_TAG
