// lutra/cluster/pruned_assignment.hpp: assigns rows to moving centroids, iteration by iteration; bounds exclude most distances.
// SPDX-License-Identifier: MIT
// Main path: follow() takes over the moved centroids; the first assign() compares everything and stores a bound for each row and
// each group of centroids; later calls compare a row with its own group and with the groups that the bounds do not exclude. Source:
// the group bounds of Ding et al., "Yinyang K-Means", ICML 2015. Ours: no bounds of single centroids; the remaining work is dense
// products of a group and all rows of a tile that need it.
//
//   bound(row, group) <= the score of the row with every centroid of the group, now          L2: |x - c|, else -x.c
//   a group whose farthest centroid has moved by m in all since it was stored: bound - reach m      reach: 1, else |x|
//
// Ids and scores are those of nearest(): a pair is excluded only if its exact score is larger, and if rounding might decide between
// two centroids, their exact scores do.
#pragma once
#include <lutra/core/counting_sort.hpp>
#include <lutra/core/params.hpp>
#include <lutra/kernels/nearest.hpp>
#include <lutra/kernels/rounding.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Rows x [n, d] and k moving centroids in groups; x must outlive it. Memory: 4 n (groups + 1) + 8 k (d + 4) bytes.
/// The same bits for any executor.
class PrunedAssignment {
public:
    /// Rows per task: enough to fill panels with the rows that need a group, few enough to stay in L2 from group to group. With
    /// 8,192 rows, which do not fit, k-means of words (d = 200, 1,024 centroids) took 1.25 times as long, of speech (d = 256) 1.3,
    /// of SIFT (d = 128) 1.02; with 1,024 as long or a little longer (Zen 4).
    static constexpr std::size_t kTile = 2048;

    /// group_of [k], each below n_groups. Near centroids in one group exclude most.
    PrunedAssignment(MatrixView x, Metric metric, std::span<const std::int32_t> group_of, std::size_t n_groups,
                     const Resources& resources)
        : x_(x), metric_(metric), resources_(resources), workspace_(resources), group_of_(group_of.begin(), group_of.end()) {
        const std::size_t k = group_of.size();
        first_.resize(n_groups + 1), members_.resize(k), place_.resize(k), moved_.resize(n_groups);
        norms_.resize(x.n), bounds_.resize(n_groups * x.n);
        counting_sort_by(group_of, std::span(first_), [&](std::size_t at, std::size_t j) { place_[j] = at, members_[at] = Id(j); });
    }

    /// Takes over centroids [k, d]. Call it once before every round of assign().
    void follow(const AlignedVector<float>& centroids) {
        bounded_ = following_;
        if (!following_) start(centroids);
        resources_.executor.for_each(moved_.size(), [&](std::size_t g, std::size_t) {
            const double farthest = move(g, centroids.data());
            if (bounded_) moved_[g] += kUp * float(std::sqrt(farthest));
        });
        most_moved_ = *std::max_element(moved_.begin(), moved_.end());
        centroids_.prepare();
    }

    /// Assigns rows [begin, end), begin a multiple of kTile: ids [x.n], as the previous round left them, and scores [x.n].
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
    CentroidsView group(std::size_t g) const { return centroids_.view(first_[g], first_[g + 1]); }
    float* bounds(const Tile& tile, std::size_t g) { return bounds_.data() + tile.first * moved_.size() + g * tile.n; }

    // The origin is fixed from here on, and so is the length of each row.
    void start(const AlignedVector<float>& centroids) {
        following_ = true;
        centroids_ = Centroids(metric_, centroids, members_.size(), x_.d);
        const float* origin = centroids_.view().origin;
        resources_.executor.for_ranges(x_.n, kTile, [&](std::size_t begin, std::size_t end, std::size_t) {
            for (std::size_t i = begin; i < end; ++i) {
                const float* row = x_.row(i);
                origin != nullptr ? l2sqr_rows(best{}, row, origin, 1, x_.d, &norms_[i]) : squared_norms(row, 1, x_.d, &norms_[i]);
                norms_[i] = std::sqrt(norms_[i]);
            }
        });
    }

    // The largest squared movement of a centroid of group g.
    double move(std::size_t g, const float* centroids) {
        double farthest = 0;
        for (std::size_t m = first_[g]; m < first_[g + 1]; ++m) {
            const float* to = centroids + std::size_t(members_[m]) * x_.d;
            float* at = centroids_.row(m);
            double way = 0;
            for (std::size_t t = 0; t < x_.d; ++t) way += (double(to[t]) - double(at[t])) * (double(to[t]) - double(at[t]));
            farthest = std::max(farthest, way);
            std::copy_n(to, x_.d, at);
        }
        return farthest;
    }

    float reach(std::size_t row) const { return metric_ == Metric::l2 ? 1.F : norms_[row]; }

    // An upper bound of the rounding of a score: (|x| + |c|)^2 is at least the sum of the squares.
    float rounding(std::size_t row) const {
        const float longest = centroids_.view().longest, sum = norms_[row] + longest;
        return rounding_slack(x_.d) * (metric_ == Metric::l2 ? sum * sum : norms_[row] * longest);
    }

    float lower_bound(std::size_t row, float score) const {
        const float least = score - rounding(row);
        return metric_ == Metric::l2 ? std::sqrt(std::max(0.F, least + norms_[row] * norms_[row])) : least;
    }

    // A group whose bound is above this has no centroid better than one with this score.
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
        const auto proposals = no_proposals(tile, arena);
        nearest_in_groups(
            best{}, tile.n, groups.first(count), arena, [&](std::size_t i) { return x_.row(tile.first + i); },
            [&](std::size_t i, std::size_t at, const Proposal& p) { merge_proposal(tile, proposals, numbers[at], i, p); });
        decide(tile, proposals, arena);
    }

    void compare_needed(const Tile& tile, Arena& arena) {
        const Arena::Frame frame(arena);
        const auto own = arena.take<std::int32_t>(tile.n), list = arena.take<std::int32_t>(tile.n);
        const auto limits = arena.take<float>(tile.n);
        for (std::size_t i = 0; i < tile.n; ++i) own[i] = group_of_[std::size_t(tile.ids[i])];
        const auto proposals = no_proposals(tile, arena);
        compare_own(tile, proposals, own, list, arena);
        for (std::size_t i = 0; i < tile.n; ++i) limits[i] = limit(tile.first + i, proposals[i].score);
        for (std::size_t g = 0; g < moved_.size(); ++g) {
            const float* bound = bounds(tile, g);
            std::size_t count = 0;
            for (std::size_t i = 0; i < tile.n; ++i) {  // no branches: an eighth of the pairs are needed, in no order
                list[count] = std::int32_t(i);
                const bool excluded = bound[i] - reach(tile.first + i) * moved_[g] > limits[i];
                count += std::size_t(!excluded & (own[i] != std::int32_t(g)));
            }
            compare(tile, proposals, g, list.first(count), arena);
            for (const std::int32_t i : list.first(count))
                limits[std::size_t(i)] = limit(tile.first + std::size_t(i), proposals[std::size_t(i)].score);
        }
        decide(tile, proposals, arena);
    }

    std::span<Proposal> no_proposals(const Tile& tile, Arena& arena) const {
        const auto proposals = arena.take<Proposal>(tile.n);
        std::fill(proposals.begin(), proposals.end(), Proposal{});
        return proposals;
    }

    // Compares each row with the group of its last centroid: most rows are done after that.
    void compare_own(const Tile& tile, std::span<Proposal> proposals, std::span<const std::int32_t> own,
                     std::span<std::int32_t> list, Arena& arena) {
        const Arena::Frame frame(arena);
        const auto first = arena.take<std::size_t>(moved_.size() + 1);
        counting_sort_by(own, first, [&](std::size_t at, std::size_t i) { list[at] = std::int32_t(i); });
        for (std::size_t g = 0; g < moved_.size(); ++g)
            compare(tile, proposals, g, list.subspan(first[g], first[g + 1] - first[g]), arena);
    }

    void compare(const Tile& tile, std::span<Proposal> proposals, std::size_t g, std::span<const std::int32_t> list, Arena& arena) {
        if (list.empty() || size(g) == 0) return;
        const CentroidsView centroids = group(g);
        nearest_in_groups(
            best{}, list.size(), {&centroids, 1}, arena, [&](std::size_t l) { return x_.row(tile.first + std::size_t(list[l])); },
            [&](std::size_t l, std::size_t, const Proposal& p) { merge_proposal(tile, proposals, g, std::size_t(list[l]), p); });
    }

    // Merges the proposal of group g for row i of the tile; centroid numbers in it count from the group's first centroid.
    void merge_proposal(const Tile& tile, std::span<Proposal> proposals, std::size_t g, std::size_t i, const Proposal& p) {
        const std::size_t row = tile.first + i;
        bounds(tile, g)[i] = lower_bound(row, p.score) + reach(row) * moved_[g];
        proposals[i].merge(p, std::int32_t(first_[g]));
    }

    void decide(const Tile& tile, std::span<const Proposal> proposals, Arena& arena) {
        const Arena::Frame frame(arena);
        const CentroidsView all = centroids_.view();
        const auto unclear = arena.take<const float*>(tile.n);
        const auto numbers = arena.take<Id>(tile.n);
        std::size_t count = 0;
        for (std::size_t i = 0; i < tile.n; ++i) {
            tile.ids[i] = std::int32_t(members_[std::size_t(proposals[i].j)]), unclear[count] = x_.row(tile.first + i);
            count += !is_clear(all, proposals[i]);
        }
        nearest_by_exact_scores(metric_, {all.rows, members_.data(), all.k, all.d}, unclear.first(count), numbers.data(), arena);
        for (std::size_t u = 0; u < count; ++u)
            tile.ids[std::size_t(unclear[u] - x_.row(tile.first)) / x_.d] = std::int32_t(numbers[u]);
        for (std::size_t i = 0; i < tile.n; ++i)
            tile.scores[i] = score_row(metric_, x_.row(tile.first + i), row_of(tile.ids[i]), x_.d);
    }

    const float* row_of(std::int32_t id) const { return centroids_.row(place_[std::size_t(id)]); }

    MatrixView x_;
    Metric metric_;
    const Resources& resources_;
    BorrowedWorkspace workspace_;
    std::vector<std::int32_t> group_of_;  // [k]
    std::vector<Id> members_;             // [k] group by group, rising in each
    std::vector<std::size_t> first_;      // [groups + 1] into members_
    std::vector<std::size_t> place_;      // [k] where in members_ each is
    Centroids centroids_;                 // in the order of members_
    std::vector<float> moved_;            // [groups] ways summed up, rounded up
    float most_moved_ = 0;                // the largest of moved_
    std::vector<float> norms_;            // [n] |x|, less the origin
    AlignedVector<float> bounds_;         // tile by tile [groups, rows of the tile]: bound + reach * moved_ when stored
    bool following_ = false, bounded_ = false;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
