// lutra/coarse/flat_coarse.hpp: the partition of "IVF{n}": every centroid is compared.  SPDX-License-Identifier: MIT
//
// probe() scans the centroids as a Flat list is scanned, so a query finds the same lists alone or in a batch; assign() uses
// the fused argmin of kernels/nearest.hpp. Cost: nlist * d multiply-adds a row; one query reads the centroids once.
#pragma once
#include <lutra/core/concepts.hpp>
#include <lutra/io/flat_record.hpp>
#include <lutra/kernels/nearest.hpp>
#include <lutra/kernels/scan_rows.hpp>

#include <cstddef>
#include <numeric>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

class FlatCoarse {
public:
    static constexpr bool kLearns = true;

    void build(AlignedVector<float> centroids, std::size_t nlist, std::size_t d, Metric metric) {
        centroids_ = std::move(centroids), nlist_ = nlist, d_ = d, metric_ = metric;
        terms_.resize(nlist);
        centroid_terms(metric, centroids_.data(), nlist, d, terms_.data());
    }

    std::size_t nlist() const { return nlist_; }
    const float* centroid(std::size_t list) const { return centroids_.data() + list * d_; }

    void probe(MatrixView q, std::size_t nprobe, Id* lists, Arena& arena) const {
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
        scan_rows<TopCollector>(metric_, {centroids_.data(), nullptr, nlist_, d_}, queries, hits, arena);
        for (TopCollector& c : collectors) c.top.write(metric_);
        if (nprobe == nlist_) fill_up(lists, q.n);
    }

    void assign(MatrixView x, Id* lists, Arena& arena) const {
        const Arena::Frame frame(arena);
        const auto ids = arena.take<std::int32_t>(x.n);
        const auto scores = arena.take<float>(x.n);
        nearest(best{}, x.data, x.n, {centroids_.data(), terms_.data(), nlist_, d_, metric_}, arena, ids.data(), scores.data());
        for (std::size_t i = 0; i < x.n; ++i) lists[i] = ids[i];
    }

    /// A Flat record of the centroids; of no rows before training.
    Status save(Writer& out, std::size_t d, Metric metric) const {
        return write_flat_record(out, {centroids_.data(), nlist_, d}, nlist_ != 0 ? metric_ : metric);
    }

    static Result<FlatCoarse> load(Reader& in, const IndexHeader& index, std::size_t nlist) {
        Fourcc fourcc;
        IndexHeader header;
        AlignedVector<float> centroids;
        LUTRA_TRY(read_fourcc(in, fourcc));
        if (!is_flat_record(fourcc)) return unexpected_record(fourcc, "IxF2, IxFI, IxFl (a Flat coarse quantizer)", in.position());
        LUTRA_TRY(read_flat_record(in, header, centroids));
        if (header.d != index.d)
            return Status{Errc::bad_file, "coarse quantizer of d = {} in an index of d = {}", header.d, index.d};
        if (header.ntotal != (index.is_trained ? nlist : 0))
            return Status{Errc::bad_file, "coarse quantizer with {} centroids in a{} index of {} lists", header.ntotal,
                          index.is_trained ? " trained" : "n untrained", nlist};
        FlatCoarse coarse;
        if (index.is_trained) coarse.build(std::move(centroids), nlist, header.d, header.metric);
        return coarse;
    }

private:
    // All lists were asked for: none may be missing because its centroid's distance overflows or is NaN.
    void fill_up(Id* lists, std::size_t n) const {
        for (Id* row = lists; n-- > 0; row += nlist_)
            if (row[nlist_ - 1] == kNoId) std::iota(row, row + nlist_, Id{0});
    }

    AlignedVector<float> centroids_;  // [nlist, d]
    AlignedVector<float> terms_;      // [nlist], see centroid_terms()
    std::size_t nlist_ = 0, d_ = 0;
    Metric metric_ = Metric::l2;
};
static_assert(CoarseQuantizer<FlatCoarse>);

}  // namespace lutra::inline LUTRA_ABI_TAG
