// lutra/cluster/two_level_kmeans.hpp: hierarchical k-means for many centroids: k-means into groups, k-means in each group, then
// rounds of Lloyd's algorithm that compare a row with the centroids of its own and the nearest groups only.
// SPDX-License-Identifier: MIT
// Main path: two_level_kmeans() -> split into about sqrt(k) groups -> kmeans() in each -> refine(): assign near -> means.
// Source: hierarchical k-means as in Nister and Stewenius, CVPR 2006; the refining rounds across groups are ours.
#pragma once
#include <lutra/cluster/copies.hpp>
#include <lutra/cluster/kmeans.hpp>
#include <lutra/cluster/kmeans_checks.hpp>
#include <lutra/core/counting_sort.hpp>
#include <lutra/core/guarded.hpp>
#include <lutra/core/params.hpp>
#include <lutra/core/validate.hpp>
#include <lutra/kernels/nearest.hpp>

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
    std::size_t near_groups = 8;    ///< groups whose centroids a row is compared with in those rounds
    std::uint32_t seed = 1234;
    std::size_t max_points_per_centroid = 256;  ///< more rows than k times this are sampled
    std::string_view stage = "two-level k-means";
};

/// Trains k centroids [k, d] on x [n, d] by squared L2.
///
/// Cost: about n sqrt(k) d (2 iterations + near_groups refine_rounds) multiply-adds, spread over the executor; k-means has n k d in
/// each iteration. Memory: 28 n + 16 k d bytes, and 4 n d while the second level is made. The same bits for any executor.
/// Errors: bad_argument, too_few_rows (n < k), not_finite, cancelled.
inline Result<AlignedVector<float>> two_level_kmeans(MatrixView x, std::size_t k, const TwoLevelConfig& config = {},
                                                     const Resources& resources = {});

namespace detail {

class TwoLevel {
public:
    TwoLevel(MatrixView x, std::size_t k, const TwoLevelConfig& config, const Resources& resources)
        : x_(x),
          k_(k),
          config_(config),
          resources_(resources),
          workspace_(resources),
          centroids_(Metric::l2, AlignedVector<float>(k * x.d, 0.F), k, x.d) {
        best_.resize(x.n), proposals_.resize(x.n), numbers_.resize(k);
        std::iota(numbers_.begin(), numbers_.end(), Id{0});
    }

    Result<AlignedVector<float>> run() {
        LUTRA_TRY(report(0));
        LUTRA_TRY(split());
        for (std::size_t round = 0; round < config_.refine_rounds; ++round) {
            LUTRA_TRY(report(round + 1));
            refine();
        }
        LUTRA_TRY(report(config_.refine_rounds + 1));
        return centroids_.rows();
    }

private:
    Status report(std::size_t done) const { return resources_.progress.report(config_.stage, done, config_.refine_rounds + 1); }
    KMeansConfig level(std::size_t number) const {
        KMeansConfig config;
        config.iterations = config_.iterations, config.seed = config_.seed + std::uint32_t(number), config.stage = config_.stage;
        return config;
    }

    // Trains both levels; the centroids of group g have numbers first_[g] .. first_[g + 1] - 1.
    Status split() {
        const std::size_t n_groups = std::max<std::size_t>(1, std::size_t(std::lround(std::sqrt(double(k_)))));
        Resources resources = resources_;
        resources.progress = {};
        auto made = kmeans(x_, n_groups, level(0), resources);
        if (!made) return made.status();
        const Centroids top(Metric::l2, std::move(made->centroids), n_groups, x_.d);
        resources_.executor.for_ranges(x_.n, kNearestGrain, [&](std::size_t begin, std::size_t end, std::size_t worker) {
            nearest(best{}, x_.rows(begin, end), top.view(), workspace_.arena(worker), best_.data() + begin, nullptr);
        });
        const Grouped rows(best_, n_groups);
        share_out(rows, n_groups);
        std::vector<Status> failed(n_groups);
        resources_.executor.for_each(n_groups, [&](std::size_t g, std::size_t) { failed[g] = split_group(rows.of(g), g); });
        for (const Status& status : failed) LUTRA_TRY(status);
        return {};
    }

    // Distributes the centroids: one for every group with rows, the others in proportion to the remaining rows; never more than
    // rows, as k <= n. Copies of a row count once if there are enough different rows: they need no centroids of their own.
    void share_out(const Grouped& rows, std::size_t n_groups) {
        const std::vector<bool> is_copy = find_copies(x_);
        const auto n_copies = std::size_t(std::count_if(is_copy.begin(), is_copy.end(), [](bool copy) { return copy; }));
        const bool once = x_.n - n_copies >= k_;
        std::vector<std::size_t> before(n_groups + 1);  // rows in the groups before each
        for (std::size_t g = 0; g < n_groups; ++g) {
            before[g + 1] = before[g];
            for (const std::size_t row : rows.of(g)) before[g + 1] += !(once && is_copy[row]);
        }
        std::vector<std::size_t> used(n_groups + 1);  // groups with rows before each
        for (std::size_t g = 0; g < n_groups; ++g) used[g + 1] = used[g] + (rows.size(g) != 0);
        const std::size_t n_left = std::max<std::size_t>(1, before.back() - used.back()), k_left = k_ - used.back();
        first_.resize(n_groups + 1);
        for (std::size_t g = 0; g <= n_groups; ++g) first_[g] = used[g] + (before[g] - used[g]) * k_left / n_left;
    }

    Status split_group(std::span<const std::size_t> rows, std::size_t g) {
        const std::size_t k = first_[g + 1] - first_[g];
        if (k == 0) return {};
        AlignedVector<float> own(rows.size() * x_.d);
        for (std::size_t i = 0; i < rows.size(); ++i) std::copy_n(x_.row(rows[i]), x_.d, own.data() + i * x_.d);
        const auto made = kmeans({own.data(), rows.size(), x_.d}, k, level(1 + g));
        if (!made) return made.status();
        std::copy_n(made->centroids.data(), k * x_.d, centroids_.row(first_[g]));
        for (const std::size_t row : rows) best_[row] = std::int32_t(first_[g]);
        return {};
    }

    // One iteration of Lloyd's algorithm over the centroids of near groups only.
    void refine() {
        const std::vector<std::int32_t> groups = groups_of_rows();
        const Grouped rows(groups, first_.size() - 1);
        const AlignedVector<float> middles = group_middles();
        centroids_.choose_origin();
        resources_.executor.for_each(first_.size() - 1, [&](std::size_t g, std::size_t worker) {
            if (rows.size(g) != 0) assign_near(rows.of(g), near_groups(middles, g), workspace_.arena(worker));
        });
        const Grouped members(best_, k_);
        resources_.executor.for_ranges(k_, 16, [&](std::size_t begin, std::size_t end, std::size_t worker) {
            const Arena::Frame frame(workspace_.arena(worker));
            const auto sum = workspace_.arena(worker).template take<double>(x_.d);
            for (std::size_t j = begin; j < end; ++j) mean(members.of(j), sum, centroids_.row(j));
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
                for (std::size_t t = 0; t < x_.d; ++t) middle[t] += centroids_.row(j)[t] / float(first_[g + 1] - first_[g]);
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
        for (const std::size_t g : groups) views.push_back(centroids_.view(first_[g], first_[g + 1]));
        for (const std::size_t row : rows) proposals_[row] = {};
        nearest_in_groups(
            best{}, rows.size(), std::span<const CentroidsView>(views), arena, [&](std::size_t i) { return x_.row(rows[i]); },
            [&](std::size_t i, std::size_t at, const Proposal& p) {
                proposals_[rows[i]].merge(p, std::int32_t(first_[groups[at]]));
            });
        for (const std::size_t row : rows)
            best_[row] = is_clear(centroids_.view(), proposals_[row]) ? proposals_[row].j : exact_near(x_.row(row), groups, arena);
    }

    // The nearest centroid of these groups by exact scores, for rows where rounding might decide.
    std::int32_t exact_near(const float* row, std::span<const std::size_t> groups, Arena& arena) const {
        double least = std::numeric_limits<double>::infinity();
        Id nearest = 0;
        for (const std::size_t g : groups) {
            Id best = 0;
            nearest_by_exact_scores(Metric::l2,
                                    {centroids_.row(first_[g]), numbers_.data() + first_[g], first_[g + 1] - first_[g], x_.d},
                                    {&row, 1}, &best, arena);
            const double score = score_in_double(Metric::l2, row, centroids_.row(std::size_t(best)), x_.d);
            if (score < least) least = score, nearest = best;
        }
        return std::int32_t(nearest);
    }

    // A centroid without rows stays where it is.
    void mean(std::span<const std::size_t> rows, std::span<double> sum, float* c) const {
        if (rows.empty()) return;
        std::fill(sum.begin(), sum.end(), 0.0);
        for (const std::size_t row : rows)
            for (std::size_t t = 0; t < x_.d; ++t) sum[t] += double(x_.row(row)[t]);
        for (std::size_t t = 0; t < x_.d; ++t) c[t] = float(sum[t] / double(rows.size()));
    }

    MatrixView x_;
    std::size_t k_;
    const TwoLevelConfig& config_;
    const Resources& resources_;
    BorrowedWorkspace workspace_;
    std::vector<std::int32_t> best_;   // [n] the group, then the centroid of each row
    std::vector<Proposal> proposals_;  // [n]
    std::vector<Id> numbers_;          // [k] 0, 1, 2 ...
    Centroids centroids_;
    std::vector<std::size_t> first_;  // [groups + 1] centroids of each group
};

}  // namespace detail

inline Result<AlignedVector<float>> two_level_kmeans(MatrixView x, std::size_t k, const TwoLevelConfig& config,
                                                     const Resources& resources) {
    KMeansConfig checked;
    checked.stage = config.stage, checked.max_points_per_centroid = config.max_points_per_centroid;
    LUTRA_TRY(detail::check_kmeans(x, k, checked));
    if (config.near_groups == 0) return Status{Errc::bad_argument, "{}: near_groups = 0; accepted: 1 or more", config.stage};
    return guarded(config.stage, [&]() -> Result<AlignedVector<float>> {
        const std::size_t limit = k > x.n / config.max_points_per_centroid ? x.n : k * config.max_points_per_centroid;
        AlignedVector<float> sample;
        if (limit < x.n) {
            sample = training_sample(x, limit, config.seed);
            x = {sample.data(), limit, x.d};
        }
        return detail::TwoLevel(x, k, config, resources).run();
    });
}

}  // namespace lutra::inline LUTRA_ABI_TAG
