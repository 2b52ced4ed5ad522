// lutra/coarse/centroid_search.hpp: the best centroids for each query, comparing all of them.
// SPDX-License-Identifier: MIT
//
// Exact scores decide: a query finds the same centroids alone or in a batch. Where bytes pay, their bound says which centroids may
// be near (kernels/byte_rows.hpp); else many queries go through kernels/top_rows.hpp, and few scan the centroids as a Flat list is.
#pragma once
#include <lutra/core/concepts.hpp>
#include <lutra/core/count_ranks.hpp>
#include <lutra/core/order_key.hpp>
#include <lutra/core/ordered.hpp>
#include <lutra/core/prefetch.hpp>
#include <lutra/core/topk.hpp>
#include <lutra/kernels/byte_rows.hpp>
#include <lutra/kernels/nearest.hpp>
#include <lutra/kernels/scan_rows.hpp>
#include <lutra/kernels/top_rows.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Owns centroids [k, d]. Const calls are thread-safe with one arena a thread, and allocate nothing once that is warm.
/// Cost: k d multiply-adds a query; one query alone reads the centroids once. Memory: 8 k d bytes for L2, 4 for inner product; k d
/// and some numbers a centroid more where bytes are kept, and up to k d / 2 for few columns.
class CentroidSearch {
public:
    CentroidSearch() = default;
    /// only_assigns: for owners that use assign() and need no fast lone queries.
    CentroidSearch(Metric metric, AlignedVector<float> centroids, std::size_t k, std::size_t d, bool only_assigns = false)
        : centroids_(metric, std::move(centroids), k, d, !only_assigns), k_(k), d_(d), metric_(metric) {
        if constexpr (kHasBytes)
            if (!only_assigns && metric == Metric::l2 && k * d >= kLeastForFewColumns && !centroids_.in_room()) keep_few_columns();
    }

    std::size_t k() const { return k_; }
    std::size_t d() const { return d_; }
    Metric metric() const { return metric_; }
    const float* centroid(std::size_t j) const { return centroids_.row(j); }

    /// True if many queries go by bytes.
    bool many_by_bytes() const { return kBytesPay && !centroids_.bytes().empty(); }

    /// lists and distances as in CoarseQuantizer; nprobe <= k(). Ties go to the lower number.
    void probe(MatrixView q, std::size_t nprobe, Id* lists, float* distances, Arena& arena) const {
        const Arena::Frame frame(arena);
        if (distances == nullptr) distances = arena.take<float>(q.n * nprobe).data();
        compare(q, nprobe, lists, distances, arena);
        for (std::size_t i = 0; i < q.n; ++i) {
            for (std::size_t p = (i + 1) * nprobe; p-- > i * nprobe && lists[p] == kNoId;)  // empty slots are the last
                distances[p] = std::numeric_limits<float>::infinity();
            fill_in_double(metric_, q.row(i), {centroid(0), k_, d_}, {lists + i * nprobe, nprobe}, arena);
        }
        if (nprobe == k_) fill_up(lists, q.n, arena);
    }

    /// What probe() takes from the arena for n queries.
    std::size_t probe_bytes(std::size_t n, std::size_t nprobe) const {
        const std::size_t each = arena_bytes<TopCollector>(n) + 2 * arena_bytes<void*>(n) + scan_rows_bytes(n, d_);
        std::size_t most = std::max(each, fill_in_double_bytes(k_));
        if (kHasBytes && !centroids_.bytes().empty()) most = std::max(most, bytes_by_bytes(n, nprobe));
        if (!few_columns_.empty()) most = std::max(most, few_columns_bytes(nprobe));
#if !defined(LUTRA_SCALAR_ONLY)
        if (n >= TopRows<best>::kMinQueries && nprobe <= k_ / 4) most = std::max(most, TopRows<best>::bytes(k_, d_, nprobe));
#endif
        return arena_bytes<float>(n * nprobe) + most;
    }

    /// The best nprobe among given lists for q [d], by the exact scores of their centroids.
    void rank(const float* q, std::span<const Id> candidates, std::size_t nprobe, Id* lists, float* distances, Arena& arena) const {
        const Arena::Frame frame(arena);
        const auto scores = arena.take<float>(candidates.size());
        score(q, candidates, scores.data());
        keep_best(candidates, scores.data(), nprobe, lists, distances);
    }

    /// lists [x.n]: the best list of each row, the one that probe() gives first; some number below k() for a row that is not
    /// finite.
    void assign(MatrixView x, Id* lists, Arena& arena) const {
        const Arena::Frame frame(arena);
        const auto numbers = arena.take<std::int32_t>(x.n);
        std::size_t done = 0;
        if constexpr (kHasBytes)
            for (float ignored; done < x.n && few_columns_pay(x.n, 1); ++done)
                if (!probe_in_few_columns(x.row(done), 1, lists + done, &ignored, arena)) break;
        nearest(best{}, x.rows(done, x.n), centroids_.view(), arena, numbers.data(), nullptr);
        for (std::size_t i = done; i < x.n; ++i) lists[i] = numbers[i - done];
    }

    /// Sets component t of centroid j; call complete() once after the last. Cannot fail for inner product.
    void set_component(std::size_t j, std::size_t t, float value) {
        centroids_.row(j)[t] = value;
        centroids_.prepare_row(j);
    }
    void complete() { centroids_.find_far(); }

private:
    // Without an instruction that pays for many, bytes pay for lone queries only, and not if few lists are asked for and the
    // centroids stay in L2: SIFT, 1,024 centroids of 512 bytes, 12.3 us against 11.0 for one list, 33 against 33 for 16, 58 against
    // 66 for 32 (Zen 5); of 800 bytes 10.9 against 12.4.
    static constexpr std::size_t kFewQueries = 4, kManyLists = 16, kInCache = 640 << 10;
    // Bytes of all columns. Lone queries with VNNI, Granite Rapids (2 MB of L2), all columns and few: SIFT, 4,096 x 128, 1, 8 and 32
    // lists: 5.2, 8.1, 11.6 us and 5.4, 8.7, 16.7; speech, 7,650 x 256: 38, 47, 53 and 12, 15, 24.
    static constexpr std::size_t kLeastForFewColumns = kBytesPay ? 1 << 20 : 1 << 19;

    void keep_few_columns() {
        CentroidBytes few = CentroidBytes::in_few_columns(centroid(0), k_, d_);
        if (!few.empty()) few_columns_.push_back(std::move(few));
    }

    // False if a score is infinite or NaN.
    template <class Number>
    bool score(const float* q, std::span<const Number> candidates, float* scores) const {
        constexpr std::size_t kAhead = 4;  // rows: a score takes 25 ns, memory 100
        bool finite = true;
        for (std::size_t i = 0; i < candidates.size() + kAhead; ++i) {
            if (i < candidates.size()) prefetch_bytes(centroid(std::size_t(candidates[i])), d_ * sizeof(float));
            if (i < kAhead) continue;
            float& score = scores[i - kAhead] = score_row(metric_, q, centroid(std::size_t(candidates[i - kAhead])), d_);
            finite &= score <= std::numeric_limits<float>::max();
        }
        return finite;
    }

    template <class Number>
    void keep_best(std::span<const Number> candidates, const float* scores, std::size_t nprobe, Id* lists, float* distances) const {
        TopK top(distances, lists, nprobe);
        for (std::size_t i = 0; i < candidates.size(); ++i) top.push(scores[i], Id(candidates[i]));
        top.write(metric_);
    }

    // rank() of at least nprobe candidates that rise, so that those with one score are in their order.
    void rank_rising(const float* q, const RowsNear& near, std::size_t nprobe, Id* lists, float* distances, Arena& arena) const {
        constexpr std::size_t kMostCounted = 512;  // counting takes n^2 / 16 steps, a heap some 20 ns a candidate
        const Arena::Frame frame(arena);
        const std::span<const std::uint32_t> candidates(near.rows, near.n);
        const auto scores = arena.take<float>(near.n);
        if (!score(q, candidates, scores.data()) || near.n > kMostCounted)
            return keep_best(candidates, scores.data(), nprobe, lists, distances);
        const auto keys = arena.take<std::int32_t>(near.n);
        const auto ranks = arena.take<std::uint32_t>(near.n);
        for (std::size_t i = 0; i < near.n; ++i) keys[i] = order_key(scores[i] + 0.F);  // -0 equals 0
        count_ranks(keys, ranks.data());
        for (std::size_t i = 0; i < near.n; ++i)
            if (ranks[i] < nprobe) lists[ranks[i]] = Id(candidates[i]), distances[ranks[i]] = distance_of(metric_, scores[i]);
    }

    // By float distances; -1 where distances overflow or the query has NaN.
    void compare(MatrixView q, std::size_t nprobe, Id* lists, float* distances, Arena& arena) const {
        std::size_t done = 0;
        if constexpr (kHasBytes) {
            if (few_columns_pay(q.n, nprobe)) return probe_each_in_few_columns(q, nprobe, lists, distances, arena);
            if (bytes_pay(q.n, nprobe)) done = probe_by_bytes(q, nprobe, lists, distances, arena);
        }
        if (done == q.n) return;
        lists += done * nprobe, distances += done * nprobe;
#if !defined(LUTRA_SCALAR_ONLY)
        if (q.n - done >= TopRows<best>::kMinQueries && nprobe <= k_ / 4)
            return probe_many(q.rows(done, q.n), nprobe, lists, distances, arena);
#endif
        probe_each(q.rows(done, q.n), nprobe, lists, distances, arena);
    }

#if !defined(LUTRA_SCALAR_ONLY)
    void probe_many(MatrixView q, std::size_t nprobe, Id* lists, float* distances, Arena& arena) const {
        const Arena::Frame frame(arena);
        TopRows<best> top(arena, centroids_.view(), nprobe);
        const float* queries[TopRows<best>::kWidth];
        for (std::size_t i = 0; i < q.n; i += TopRows<best>::kWidth) {
            const std::size_t n = std::min(TopRows<best>::kWidth, q.n - i);
            for (std::size_t j = 0; j < n; ++j) queries[j] = q.row(i + j);
            top.find({queries, n}, lists + i * nprobe, distances + i * nprobe);
        }
    }
#endif

    void probe_each(MatrixView q, std::size_t nprobe, Id* lists, float* distances, Arena& arena) const {
        const Arena::Frame frame(arena);
        const auto collectors = arena.take<TopCollector>(q.n);
        const auto pointers = arena.take<TopCollector*>(q.n);
        const auto queries = arena.take<const float*>(q.n);
        const IdFilter all;
        for (std::size_t i = 0; i < q.n; ++i) {
            collectors[i] = {TopK(distances + i * nprobe, lists + i * nprobe, nprobe), &all};
            pointers[i] = &collectors[i], queries[i] = q.row(i);
        }
        scan_rows<TopCollector>(metric_, {centroid(0), nullptr, k_, d_}, queries, pointers, arena);
        for (TopCollector& c : collectors) c.top.write(metric_);
    }

    bool few_columns_pay(std::size_t n, std::size_t nprobe) const {
        return !few_columns_.empty() && (!kBytesPay || n < kFewQueries) && nprobe <= k_ / 8;
    }

    void probe_each_in_few_columns(MatrixView q, std::size_t nprobe, Id* lists, float* distances, Arena& arena) const {
        for (std::size_t i = 0; i < q.n; ++i, lists += nprobe, distances += nprobe)
            if (!probe_in_few_columns(q.row(i), nprobe, lists, distances, arena))
                probe_each(q.rows(i, i + 1), nprobe, lists, distances, arena);
    }

    // The exact scores of the nprobe nearest in few columns say what all others are compared with. False for a query that is not
    // finite or too long.
    bool probe_in_few_columns(const float* q, std::size_t nprobe, Id* lists, float* distances, Arena& arena) const {
        const Arena::Frame frame(arena);
        const std::size_t room = round_up(k_, kByteGroup);
        const auto least = arena.take<float>(room), scores = arena.take<float>(room);
        const float length = few_columns_.front().lower_bounds(q, least.data(), arena);
        if (!(length >= 0)) return false;
        RowsNear near{arena.take<std::uint32_t>(room).data(), 0};
        const auto find = [&](float limit) { near.n = std::min(k_, find_up_to(best{}, least.data(), room, limit, near.rows)); };
        find(ByteRows::kth(least.data(), k_, nprobe, arena));
        if (!score(q, std::span<const std::uint32_t>(near.rows, near.n), scores.data())) return false;
        std::nth_element(scores.begin(), scores.begin() + std::ptrdiff_t(nprobe - 1), scores.begin() + std::ptrdiff_t(near.n),
                         detail::Less());
        find(scores[nprobe - 1] - length);
        rank_rising(q, near, nprobe, lists, distances, arena);
        return true;
    }

    bool bytes_pay(std::size_t n, std::size_t nprobe) const {
        if (centroids_.bytes().empty() || nprobe > k_ / 8) return false;
        return kBytesPay || (n < kFewQueries && (nprobe >= kManyLists || k_ * d_ * sizeof(float) > kInCache));
    }

    // Centroids that may be near by their bytes are compared exactly. Ends, at the query that is returned, where the bound leaves
    // so many that products of floats are faster.
    std::size_t probe_by_bytes(MatrixView q, std::size_t nprobe, Id* lists, float* distances, Arena& arena) const {
        const Arena::Frame frame(arena);
        const std::size_t room = round_up(k_, kByteGroup);
        // So many exact scores of a query, 25 ns each, take what bytes save, about 2.5 ns a centroid (1,024 of d = 128, Zen 4).
        const std::size_t many = nprobe + nprobe / 2 + k_ / 10;
        const std::size_t most = std::min(ByteRows::most_together(), q.n);
        const auto queries = arena.take<const float*>(most);
        const auto near = arena.take<RowsNear>(most);
        for (RowsNear& found : near) found.rows = arena.take<std::uint32_t>(room).data();
        for (std::size_t i = 0; i < q.n;) {
            const std::size_t n = std::min(most, q.n - i);
            for (std::size_t j = 0; j < n; ++j) queries[j] = q.row(i + j);
            centroids_.bytes().may_be_near(queries.first(n), 0, k_, nprobe, near.data(), arena);
            std::size_t compared = 0;
            for (std::size_t j = 0; j < n; ++j, ++i) {
                compared += near[j].n;
                if (near[j].n == 0)
                    probe_each(q.rows(i, i + 1), nprobe, lists + i * nprobe, distances + i * nprobe, arena);
                else
                    rank_rising(q.row(i), near[j], nprobe, lists + i * nprobe, distances + i * nprobe, arena);
            }
            if (compared > n * many) return i;
        }
        return q.n;
    }

    std::size_t few_columns_bytes(std::size_t nprobe) const {
        return 3 * arena_bytes<float>(round_up(k_, kByteGroup)) +
               std::max(few_columns_.front().near_bytes(1, nprobe), 3 * arena_bytes<float>(k_));
    }

    // What probe_by_bytes() takes from the arena, and the searches by floats where it ends.
    std::size_t bytes_by_bytes(std::size_t n, std::size_t nprobe) const {
        const std::size_t most = std::min(ByteRows::most_together(), n);
        const std::size_t one = arena_bytes<TopCollector>(1) + 2 * arena_bytes<void*>(1) + scan_rows_bytes(1, d_);
        return arena_bytes<void*>(most) + arena_bytes<RowsNear>(most) +
               most * arena_bytes<std::uint32_t>(round_up(k_, kByteGroup)) +
               std::max({one, centroids_.bytes().near_bytes(most, nprobe), 3 * arena_bytes<float>(k_)});
    }

    // If all lists are asked for, none may be missing because the query or a centroid has NaN.
    void fill_up(Id* lists, std::size_t n, Arena& arena) const {
        const Arena::Frame frame(arena);
        const auto there = arena.take<bool>(k_);
        for (Id* row = lists; n-- > 0; row += k_) {
            if (row[k_ - 1] != kNoId) continue;
            std::fill(there.begin(), there.end(), false);
            std::size_t found = 0;
            for (; row[found] != kNoId; ++found) there[std::size_t(row[found])] = true;
            for (std::size_t j = 0; j < k_; ++j)
                if (!there[j]) row[found++] = Id(j);
        }
    }

    Centroids centroids_;
    std::vector<CentroidBytes> few_columns_;  // one, of many centroids; or none
    std::size_t k_ = 0, d_ = 0;
    Metric metric_ = Metric::l2;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
