// lutra/coarse/flat_coarse.hpp: the partition of "IVF{n}": every centroid is compared.  SPDX-License-Identifier: MIT
//
// Exact distances decide, in probe() and in assign(): a query finds the same lists alone or in a batch, and a row is stored in the
// list that a search for it visits first. One query scans the centroids as a Flat list is scanned, or first their bytes
// (byte_rows.hpp), many go through kernels/top_rows.hpp; assign() uses the fused argmin of kernels/nearest.hpp.
// Cost: nlist * d multiply-adds a row; one query reads the centroids once. Memory: 8 nlist d bytes for L2, 4 for inner product.
#pragma once
#include <lutra/coarse/byte_rows.hpp>
#include <lutra/core/concepts.hpp>
#include <lutra/io/flat_record.hpp>
#include <lutra/kernels/nearest.hpp>
#include <lutra/kernels/scan_rows.hpp>
#include <lutra/kernels/top_rows.hpp>

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

class FlatCoarse {
public:
    static constexpr bool kLearns = true;

    FlatCoarse untrained() const { return {}; }

    Status build(AlignedVector<float> centroids, std::size_t nlist, std::size_t d, Metric metric, const Resources& = {}) {
        centroids_ = Centroids(metric, std::move(centroids), nlist, d), nlist_ = nlist, d_ = d, metric_ = metric;
        bytes_ = ByteRows();
        if (ByteRows::kFast && nlist >= kLeastForBytes && d >= kLeastColumns) bytes_ = ByteRows(centroid(0), nlist, d, metric);
        return {};
    }

    std::size_t nlist() const { return nlist_; }
    const float* centroid(std::size_t list) const { return centroids_.row(list); }
    std::string token() const { return {}; }

    void probe(MatrixView q, std::size_t nprobe, Id* lists, Arena& arena) const {
        compare(q, nprobe, lists, arena);
        for (std::size_t i = 0; i < q.n; ++i)
            fill_in_double(metric_, q.row(i), centroid(0), nlist_, d_, {lists + i * nprobe, nprobe}, arena);
        if (nprobe == nlist_) fill_up(lists, q.n);
    }

    /// The best nprobe of some lists for q [d], by the exact distances of their centroids; scores has room for nprobe.
    template <class Number>
    void rank(const float* q, std::span<const Number> candidates, std::size_t nprobe, Id* lists, float* scores) const {
        constexpr std::size_t kAhead = 4;
        TopK top(scores, lists, nprobe);
        for (std::size_t i = 0; i < candidates.size() + kAhead; ++i) {
            if (i < candidates.size())
                for (std::size_t t = 0; t < d_; t += kCacheLine / sizeof(float))
                    simd::prefetch(centroid(std::size_t(candidates[i])) + t);
            if (i < kAhead) continue;
            const auto list = candidates[i - kAhead];
            top.push(score_row(metric_, q, centroid(std::size_t(list)), d_), Id(list));
        }
        top.write(metric_);
    }

    void assign(MatrixView x, Id* lists, Arena& arena) const {
        const Arena::Frame frame(arena);
        const auto ids = arena.take<std::int32_t>(x.n);
        nearest(best{}, x.data, x.n, centroids_.view(), arena, ids.data(), nullptr);
        for (std::size_t i = 0; i < x.n; ++i) lists[i] = ids[i];
    }

    /// A Flat record of the centroids; of no rows before training.
    Status save(Writer& out, std::size_t d, Metric metric) const {
        return write_flat_record(out, {centroid(0), nlist_, d}, nlist_ != 0 ? metric_ : metric);
    }

    static Result<FlatCoarse> load(Reader& in, const IndexHeader& index, std::size_t nlist, std::size_t = 0) {
        Fourcc fourcc;
        AlignedVector<float> centroids;
        LUTRA_TRY(read_fourcc(in, fourcc));
        LUTRA_TRY(read(fourcc, in, index, nlist, centroids));
        FlatCoarse coarse;
        if (index.is_trained) LUTRA_TRY(coarse.build(std::move(centroids), nlist, std::size_t(index.d), index.metric));
        return coarse;
    }

    /// The centroids of the record that begins with this fourcc; none before training.
    static Status read(Fourcc fourcc, Reader& in, const IndexHeader& index, std::size_t nlist, AlignedVector<float>& centroids) {
        IndexHeader header;
        if (!is_flat_record(fourcc)) return unexpected_record(fourcc, "IxF2, IxFI, IxFl (a Flat coarse quantizer)", in.position());
        LUTRA_TRY(read_flat_record(in, header, centroids));
        if (header.d != index.d) return {Errc::bad_file, "coarse quantizer of d = {} in an index of d = {}", header.d, index.d};
        if (header.ntotal == (index.is_trained ? nlist : 0)) return {};
        return {Errc::bad_file, "coarse quantizer with {} centroids in a{} index of {} lists", header.ntotal,
                index.is_trained ? " trained" : "n untrained", nlist};
    }

private:
    static constexpr std::size_t kLeastForBytes = 256, kLeastColumns = 48;  // less is compared sooner than chosen from

    // By float distances: -1 where there are none, because they overflow or the query has NaN.
    void compare(MatrixView q, std::size_t nprobe, Id* lists, Arena& arena) const {
#if !defined(LUTRA_SCALAR_ONLY)
        if (q.n >= TopRows<best>::kMinQueries && nprobe <= nlist_ / 4) return probe_many(q, nprobe, lists, arena);
#endif
        if (q.n >= ByteRows::kMaxQueries || !bytes_pay(nprobe)) return probe_each(q, nprobe, lists, arena);
        for (std::size_t i = 0; i < q.n; ++i) probe_by_bytes(q.rows(i, i + 1), nprobe, lists + i * nprobe, arena);
    }

#if !defined(LUTRA_SCALAR_ONLY)
    void probe_many(MatrixView q, std::size_t nprobe, Id* lists, Arena& arena) const {
        const Arena::Frame frame(arena);
        TopRows<best> top(arena, centroids_.view(), nprobe);
        const float* queries[TopRows<best>::kWidth];
        for (std::size_t i = 0; i < q.n; i += TopRows<best>::kWidth) {
            const std::size_t n = std::min(TopRows<best>::kWidth, q.n - i);
            for (std::size_t j = 0; j < n; ++j) queries[j] = q.row(i + j);
            top.find({queries, n}, lists + i * nprobe);
        }
    }
#endif

    void probe_each(MatrixView q, std::size_t nprobe, Id* lists, Arena& arena) const {
        const Arena::Frame frame(arena);
        const auto scores = arena.take<float>(q.n * nprobe);
        const auto collectors = arena.take<TopCollector>(q.n);
        const auto hits = arena.take<TopCollector*>(q.n);
        const auto queries = arena.take<const float*>(q.n);
        const IdFilter all;
        for (std::size_t i = 0; i < q.n; ++i) {
            collectors[i] = {TopK(scores.data() + i * nprobe, lists + i * nprobe, nprobe), &all};
            hits[i] = &collectors[i], queries[i] = q.row(i);
        }
        scan_rows<TopCollector>(metric_, {centroid(0), nullptr, nlist_, d_}, queries, hits, arena);
        for (TopCollector& c : collectors) c.top.write(metric_);
    }

    // Of a few lists near centroids that stay in L2 meanwhile, choosing costs more than comparing all: SIFT, 1,024 centroids of 512
    // bytes, 12.3 us against 11.0 for one list, 33 against 33 for 16, 58 against 66 for 32 (Zen 5); of 800 bytes 10.9 against 12.4.
    bool bytes_pay(std::size_t nprobe) const {
        constexpr std::size_t kInCache = 640 << 10, kManyLists = 16;
        return !bytes_.empty() && nprobe <= nlist_ / 8 && (nprobe >= kManyLists || nlist_ * d_ * sizeof(float) > kInCache);
    }

    // One query: what may be near by its bytes is compared.
    void probe_by_bytes(MatrixView q, std::size_t nprobe, Id* lists, Arena& arena) const {
        const Arena::Frame frame(arena);
        const auto near = arena.take<std::uint32_t>(nlist_ + 1);
        const std::size_t n = bytes_.may_be_near(q.data, nprobe, near.data(), arena);
        if (n == 0) return probe_each(q, nprobe, lists, arena);
        rank<std::uint32_t>(q.data, near.first(n), nprobe, lists, arena.take<float>(nprobe).data());
    }

    // All lists were asked for: none may be missing because the query or a centroid has NaN.
    void fill_up(Id* lists, std::size_t n) const {
        for (Id* row = lists; n-- > 0; row += nlist_)
            if (row[nlist_ - 1] == kNoId) std::iota(row, row + nlist_, Id{0});
    }

    Centroids centroids_;
    ByteRows bytes_;  // of many centroids, for queries that come alone
    std::size_t nlist_ = 0, d_ = 0;
    Metric metric_ = Metric::l2;
};
static_assert(CoarseQuantizer<FlatCoarse>);

}  // namespace lutra::inline LUTRA_ABI_TAG
