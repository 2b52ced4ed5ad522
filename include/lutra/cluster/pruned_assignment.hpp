// lutra/cluster/pruned_assignment.hpp: each row's nearest centroid, again and again while the centroids move, without
// computing what cannot have changed.  SPDX-License-Identifier: MIT
// Main path: follow() takes over where the centroids are; the first assign() compares everything and notes a bound for each row
// and each group of centroids; later ones compare a row with its own group and with those the bound does not exclude.
// Source: the group bounds of Ding et al., "Yinyang K-Means", ICML 2015. Ours: no bounds of single centroids; what is left to do
// are dense products, all rows of a tile that need a group against that group.
//
//   bound(row, group) <= the score of the row with every centroid of the group, now          L2: |x - c|, else -x.c
//   a group whose farthest centroid has moved by m in all since the bound was noted: bound - reach m      reach: 1, else |x|
//
// Ids and scores have the bits nearest() gives: a pair is left out only where its score is larger by more than rounding.
#pragma once
#include <lutra/core/params.hpp>
#include <lutra/kernels/nearest.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Rows x [n, d] and k moving centroids in groups; x must outlive it. Memory: 4 n (groups + 1) + 4 k (d + 3) bytes.
/// The same bits for any executor.
class PrunedAssignment {
public:
    /// A task has this many rows: few enough for the caches, enough to fill panels with those that need a group.
    static constexpr std::size_t kTile = 8192;

    /// group_of [k], each below n_groups. Near centroids in one group exclude most.
    PrunedAssignment(MatrixView x, Metric metric, std::span<const std::int32_t> group_of, std::size_t n_groups,
                     const Resources& resources)
        : x_(x), metric_(metric), resources_(resources), workspace_(resources), group_of_(group_of.begin(), group_of.end()) {
        const std::size_t k = group_of.size();
        first_.resize(n_groups + 1), members_.resize(k), rows_.resize(k * x.d), terms_.resize(k), moved_.resize(n_groups);
        norms_.resize(x.n), bounds_.resize(n_groups * x.n);
        for (const std::int32_t g : group_of_) ++first_[std::size_t(g) + 1];
        std::partial_sum(first_.begin(), first_.end(), first_.begin());
        std::vector<std::size_t> next(first_.begin(), first_.end() - 1);
        for (std::size_t j = 0; j < k; ++j) members_[next[std::size_t(group_of_[j])]++] = std::int32_t(j);
        squared_norms(x.data, x.n, x.d, norms_.data());
        for (float& norm : norms_) norm = std::sqrt(norm);
    }

    /// Takes over centroids [k, d]. Once before every round of assign().
    void follow(const float* centroids) {
        bounded_ = following_, following_ = true;
        resources_.executor.for_each(moved_.size(), [&](std::size_t g, std::size_t) {
            const double farthest = move(g, centroids);
            if (bounded_) moved_[g] += kUp * float(std::sqrt(farthest));
        });
        most_moved_ = *std::max_element(moved_.begin(), moved_.end());
        squared_norms(rows_.data(), members_.size(), x_.d, terms_.data());
        longest_ = std::sqrt(*std::max_element(terms_.begin(), terms_.end()));
        centroid_terms(metric_, rows_.data(), members_.size(), x_.d, terms_.data());
    }

    /// Rows [begin, end), begin a multiple of kTile: ids [x.n], as the round before left them, and scores [x.n].
    void assign(std::size_t begin, std::size_t end, std::int32_t* ids, float* scores) {
        resources_.executor.for_ranges(end - begin, kTile, [&](std::size_t b, std::size_t e, std::size_t worker) {
            const Tile tile{begin + b, e - b, ids + begin + b, scores + begin + b};
            bounded_ ? compare_needed(tile, workspace_.arena(worker)) : compare_all(tile, workspace_.arena(worker));
        });
    }

private:
    struct Tile {
        std::size_t first, n;  // rows first .. first + n - 1
        std::int32_t* ids;     // [n], as are the scores
        float* scores;
    };

    static constexpr float kUp = 1 + 0x1p-20F;  // above the rounding of a few operations

    std::size_t size(std::size_t g) const { return first_[g + 1] - first_[g]; }
    CentroidsView group(std::size_t g) const {
        return {rows_.data() + first_[g] * x_.d, terms_.data() + first_[g], size(g), x_.d, metric_};
    }
    float* bounds(const Tile& tile, std::size_t g) { return bounds_.data() + tile.first * moved_.size() + g * tile.n; }

    // The squared way of the centroid of group g that went farthest.
    double move(std::size_t g, const float* centroids) {
        double farthest = 0;
        for (std::size_t m = first_[g]; m < first_[g + 1]; ++m) {
            const float* to = centroids + std::size_t(members_[m]) * x_.d;
            float* at = rows_.data() + m * x_.d;
            double way = 0;
            for (std::size_t t = 0; t < x_.d; ++t) way += (double(to[t]) - double(at[t])) * (double(to[t]) - double(at[t]));
            farthest = std::max(farthest, way);
            std::copy_n(to, x_.d, at);
        }
        return farthest;
    }

    float reach(std::size_t row) const { return metric_ == Metric::l2 ? 1.F : norms_[row]; }

    // Twice what the rounding of d products and sums can do to a score.
    float rounding(std::size_t row) const {
        const float sum = norms_[row] + longest_;
        return float(x_.d + 8) * 0x1p-22F * (metric_ == Metric::l2 ? sum * sum : norms_[row] * longest_);
    }

    float lower_bound(std::size_t row, float score) const {
        const float least = score - rounding(row);
        return metric_ == Metric::l2 ? std::sqrt(std::max(0.F, least + norms_[row] * norms_[row])) : least;
    }

    // A group whose bound is above this has no better centroid than one of this score.
    float limit(std::size_t row, float score) const {
        const float most = score + rounding(row);
        const float bound = metric_ == Metric::l2 ? std::sqrt(std::max(0.F, most + norms_[row] * norms_[row])) : most;
        return bound + (kUp - 1) * (std::abs(bound) + reach(row) * most_moved_);
    }

    void compare_all(const Tile& tile, Arena& arena) {
        const Arena::Frame frame(arena);
        const auto groups = arena.take<CentroidsView>(moved_.size());
        const auto numbers = arena.take<std::size_t>(moved_.size());
        std::size_t count = 0;
        for (std::size_t g = 0; g < moved_.size(); ++g)
            if (size(g) != 0) groups[count] = group(g), numbers[count++] = g;
        std::fill_n(tile.scores, tile.n, std::numeric_limits<float>::infinity());
        nearest_in_groups(
            best{}, tile.n, groups.first(count), arena, [&](std::size_t i) { return x_.row(tile.first + i); },
            [&](std::size_t i, std::size_t at, std::int32_t j, float score) { note(tile, numbers[at], i, j, score); });
    }

    void compare_needed(const Tile& tile, Arena& arena) {
        const Arena::Frame frame(arena);
        const auto own = arena.take<std::int32_t>(tile.n), list = arena.take<std::int32_t>(tile.n);
        const auto limits = arena.take<float>(tile.n);
        for (std::size_t i = 0; i < tile.n; ++i) own[i] = group_of_[std::size_t(tile.ids[i])];
        compare_own(tile, own, list, arena);
        for (std::size_t i = 0; i < tile.n; ++i) limits[i] = limit(tile.first + i, tile.scores[i]);
        for (std::size_t g = 0; g < moved_.size(); ++g) {
            const float* bound = bounds(tile, g);
            std::size_t count = 0;
            for (std::size_t i = 0; i < tile.n; ++i) {  // no branches: an eighth of the pairs are needed, in no order
                list[count] = std::int32_t(i);
                const bool excluded = bound[i] - reach(tile.first + i) * moved_[g] > limits[i];
                count += std::size_t(!excluded & (own[i] != std::int32_t(g)));
            }
            compare(tile, g, list.first(count), arena);
            for (const std::int32_t i : list.first(count))
                limits[std::size_t(i)] = limit(tile.first + std::size_t(i), tile.scores[std::size_t(i)]);
        }
    }

    // Each row with the group it was nearest to: most are done after that.
    void compare_own(const Tile& tile, std::span<const std::int32_t> own, std::span<std::int32_t> list, Arena& arena) {
        const Arena::Frame frame(arena);
        const auto ends = arena.take<std::size_t>(moved_.size() + 1);
        std::fill(ends.begin(), ends.end(), std::size_t{0});
        for (const std::int32_t g : own) ++ends[std::size_t(g) + 1];
        std::partial_sum(ends.begin(), ends.end(), ends.begin());
        for (std::size_t i = 0; i < tile.n; ++i) list[ends[std::size_t(own[i])]++] = std::int32_t(i);
        std::fill_n(tile.scores, tile.n, std::numeric_limits<float>::infinity());
        for (std::size_t g = 0, begin = 0; g < moved_.size(); begin = ends[g++])
            compare(tile, g, list.subspan(begin, ends[g] - begin), arena);
    }

    void compare(const Tile& tile, std::size_t g, std::span<const std::int32_t> list, Arena& arena) {
        if (list.empty() || size(g) == 0) return;
        const CentroidsView centroids = group(g);
        nearest_in_groups(
            best{}, list.size(), {&centroids, 1}, arena, [&](std::size_t l) { return x_.row(tile.first + std::size_t(list[l])); },
            [&](std::size_t l, std::size_t, std::int32_t j, float score) { note(tile, g, std::size_t(list[l]), j, score); });
    }

    // Centroid j of group g has the best score of the group for row i of the tile.
    void note(const Tile& tile, std::size_t g, std::size_t i, std::int32_t j, float score) {
        const std::size_t row = tile.first + i;
        bounds(tile, g)[i] = lower_bound(row, score) + reach(row) * moved_[g];
        const std::int32_t id = members_[first_[g] + std::size_t(j)];
        if (score < tile.scores[i] || (score == tile.scores[i] && id < tile.ids[i])) tile.scores[i] = score, tile.ids[i] = id;
    }

    MatrixView x_;
    Metric metric_;
    const Resources& resources_;
    BorrowedWorkspace workspace_;
    std::vector<std::int32_t> group_of_, members_;  // [k] each; members_ group by group, rising in each
    std::vector<std::size_t> first_;                // [groups + 1] into members_
    AlignedVector<float> rows_, terms_;             // [k, d], [k] in the order of members_
    std::vector<float> moved_;                      // [groups] ways summed up, rounded up
    float most_moved_ = 0, longest_ = 0;            // of all groups; of all centroids
    std::vector<float> norms_;                      // [n] |x|
    AlignedVector<float> bounds_;                   // tile by tile [groups, rows of the tile]: bound + reach * moved_ when noted
    bool following_ = false, bounded_ = false;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
