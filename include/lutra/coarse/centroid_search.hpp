// lutra/coarse/centroid_search.hpp: the best centroids for each query, comparing all of them.
// SPDX-License-Identifier: MIT
//
// Exact scores decide: a query finds the same centroids alone or in a batch. One query scans them as a Flat list is scanned, or
// first their bytes (kernels/byte_rows.hpp), many go through kernels/top_rows.hpp.
#pragma once
#include <lutra/core/concepts.hpp>
#include <lutra/core/prefetch.hpp>
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

namespace lutra::inline LUTRA_ABI_TAG {

/// Owns centroids [k, d]. Const calls are thread-safe with one arena a thread, and allocate nothing once that is warm.
/// Cost: k d multiply-adds a query; one query alone reads the centroids once. Memory: 8 k d bytes for L2, 4 for inner product; k d
/// more where queries alone go by bytes.
class CentroidSearch {
public:
    CentroidSearch() = default;
    /// without_bytes: keeps no bytes of the centroids, for owners that use assign() and need no fast lone queries.
    CentroidSearch(Metric metric, AlignedVector<float> centroids, std::size_t k, std::size_t d, bool without_bytes = false)
        : centroids_(metric, std::move(centroids), k, d), k_(k), d_(d), metric_(metric) {
        if (ByteRows::kFast && !without_bytes && k >= kLeastForBytes && d >= kLeastColumns)
            bytes_ = ByteRows(centroid(0), k, d, metric);
    }

    std::size_t k() const { return k_; }
    std::size_t d() const { return d_; }
    Metric metric() const { return metric_; }
    const float* centroid(std::size_t j) const { return centroids_.row(j); }

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

    /// The best nprobe among given lists for q [d], by the exact scores of their centroids.
    template <class Number>
    void rank(const float* q, std::span<const Number> candidates, std::size_t nprobe, Id* lists, float* distances) const {
        constexpr std::size_t kAhead = 4;
        TopK top(distances, lists, nprobe);
        for (std::size_t i = 0; i < candidates.size() + kAhead; ++i) {
            if (i < candidates.size()) prefetch_bytes(centroid(std::size_t(candidates[i])), d_ * sizeof(float));
            if (i < kAhead) continue;
            const auto list = candidates[i - kAhead];
            top.push(score_row(metric_, q, centroid(std::size_t(list)), d_), Id(list));
        }
        top.write(metric_);
    }

    /// lists [x.n]: the best list of each row, the one that probe() gives first; some number below k() for a row that is not
    /// finite.
    void assign(MatrixView x, Id* lists, Arena& arena) const {
        const Arena::Frame frame(arena);
        const auto numbers = arena.take<std::int32_t>(x.n);
        nearest(best{}, x, centroids_.view(), arena, numbers.data(), nullptr);
        for (std::size_t i = 0; i < x.n; ++i) lists[i] = numbers[i];
    }

    /// Sets component t of centroid j; call complete() once after the last. Cannot fail for inner product.
    void set_component(std::size_t j, std::size_t t, float value) {
        centroids_.row(j)[t] = value;
        centroids_.prepare_row(j);
        if (!bytes_.empty()) bytes_.set_row(j, centroid(j));
    }
    void complete() { centroids_.find_far(); }

private:
    static constexpr std::size_t kLeastForBytes = 256, kLeastColumns = 48;  // below, comparing all is faster

    // By float distances; -1 where distances overflow or the query has NaN.
    void compare(MatrixView q, std::size_t nprobe, Id* lists, float* distances, Arena& arena) const {
#if !defined(LUTRA_SCALAR_ONLY)
        if (q.n >= TopRows<best>::kMinQueries && nprobe <= k_ / 4) return probe_many(q, nprobe, lists, distances, arena);
#endif
        if (q.n >= ByteRows::kMaxQueries || !bytes_pay(nprobe)) return probe_each(q, nprobe, lists, distances, arena);
        for (std::size_t i = 0; i < q.n; ++i)
            probe_by_bytes(q.rows(i, i + 1), nprobe, lists + i * nprobe, distances + i * nprobe, arena);
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

    // If the centroids stay in L2 and few lists are asked for, bytes cost more than they save: SIFT, 1,024 centroids of 512 bytes,
    // 12.3 us against 11.0 for one list, 33 against 33 for 16, 58 against 66 for 32 (Zen 5); of 800 bytes 10.9 against 12.4.
    bool bytes_pay(std::size_t nprobe) const {
        constexpr std::size_t kInCache = 640 << 10, kManyLists = 16;
        return !bytes_.empty() && nprobe <= k_ / 8 && (nprobe >= kManyLists || k_ * d_ * sizeof(float) > kInCache);
    }

    // One query: centroids that may be near by their bytes are compared exactly.
    void probe_by_bytes(MatrixView q, std::size_t nprobe, Id* lists, float* distances, Arena& arena) const {
        const Arena::Frame frame(arena);
        const auto near = arena.take<std::uint32_t>(k_ + 1);
        const std::size_t n = bytes_.may_be_near(q.data, nprobe, near.data(), arena);
        if (n == 0) return probe_each(q, nprobe, lists, distances, arena);
        rank<std::uint32_t>(q.data, near.first(n), nprobe, lists, distances);
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
    ByteRows bytes_;  // of the centroids, for lone queries; empty if there are few
    std::size_t k_ = 0, d_ = 0;
    Metric metric_ = Metric::l2;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
