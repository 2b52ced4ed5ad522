// lutra/coarse/flat_coarse.hpp: the coarse quantizer of "IVF{n}": compares a query with every centroid.
// SPDX-License-Identifier: MIT
//
// Exact distances decide in probe() and assign(). L2, and inner product with centroids of length 1: a row is stored in the list
// that a search for it visits first. Inner product with centroids of any length (list_order.hpp): a row is stored in the nearest
// list, and lists are visited by the score their best row may have. Cost: nlist * d multiply-adds a row; one query reads the
// centroids, or their bytes, once. Memory: 8 nlist d bytes for L2, 4 for inner product with centroids of length 1, else 12; and
// nlist d where bytes are kept (kernels/centroids.hpp).
#pragma once
#include <lutra/coarse/centroid_search.hpp>
#include <lutra/coarse/list_order.hpp>
#include <lutra/core/validate.hpp>
#include <lutra/io/flat_record.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

class FlatCoarse {
public:
    static constexpr bool learns() { return true; }

    FlatCoarse untrained() const { return {}; }

    /// Takes the centroids [nlist, d]. Errors: bad_argument (cosine).
    Status build(AlignedVector<float> centroids, std::size_t nlist, std::size_t d, Metric metric, const Resources& = {}) {
        LUTRA_TRY(check_part_metric("coarse quantizer", metric));
        const bool by_length = metric == Metric::inner_product && !have_unit_length({centroids.data(), nlist, d});
        order_ = by_length ? ListOrder({centroids.data(), nlist, d}) : ListOrder();
        near_ = CentroidSearch(by_length ? Metric::l2 : metric, std::move(centroids), nlist, d, by_length);
        metric_ = metric;
        return {};
    }

    std::size_t nlist() const { return near_.k(); }
    const float* centroid(std::size_t list) const { return near_.centroid(list); }
    std::string token() const { return {}; }
    /// The search that assigns rows to lists: by L2, or by inner product with centroids of length 1.
    const CentroidSearch& near() const { return near_; }

    static constexpr bool takes_lengths() { return true; }
    bool wants_spreads() const { return !order_.empty(); }
    void set_spreads(std::span<const float> rms) { order_.set_spreads(rms); }

    void probe(MatrixView q, std::size_t nprobe, Id* lists, float* distances, Arena& arena) const {
        order_.empty() ? near_.probe(q, nprobe, lists, distances, arena) : order_.probe(q, nprobe, lists, distances, arena);
    }
    std::size_t probe_bytes(std::size_t n, std::size_t nprobe) const {
        return order_.empty() ? near_.probe_bytes(n, nprobe) : order_.probe_bytes(n, nprobe);
    }
    void assign(MatrixView x, Id* lists, Arena& arena) const { near_.assign(x, lists, arena); }

    /// Writes the centroids as a Flat record; without rows before training.
    Status save(Writer& out, std::size_t d, Metric metric) const {
        return write_flat_record(out, {centroid(0), nlist(), d}, nlist() != 0 ? metric_ : metric);
    }

    static Result<FlatCoarse> load(Reader& in, const IndexHeader& index, std::size_t nlist, std::size_t = 0, IndexOptions = {}) {
        Fourcc fourcc;
        LUTRA_TRY(read_fourcc(in, fourcc));
        return load(fourcc, in, index, nlist);
    }
    /// What follows the fourcc. No centroids before training.
    static Result<FlatCoarse> load(Fourcc fourcc, Reader& in, const IndexHeader& index, std::size_t nlist) {
        AlignedVector<float> centroids = vector_for<float>(in);
        LUTRA_TRY(read(fourcc, in, index, nlist, centroids));
        FlatCoarse coarse;
        if (index.is_trained && index.metric == Metric::inner_product && !have_unit_length({centroids.data(), nlist, index.d}))
            LUTRA_TRY(in.check_heap("inner products with centroids of any length"));
        const std::uint64_t numbers = nlist * sizeof(float);  // three a centroid, the centroids less an origin, and that
        LUTRA_TRY(in.check_room({numbers, numbers, numbers, index.d * numbers, index.d * sizeof(float)}));
        if (index.is_trained) LUTRA_TRY(coarse.build(std::move(centroids), nlist, std::size_t(index.d), index.metric));
        return coarse;
    }

private:
    static Status read(Fourcc fourcc, Reader& in, const IndexHeader& index, std::size_t nlist, AlignedVector<float>& centroids) {
        IndexHeader header;
        if (!is_flat_record(fourcc)) return unexpected_record(fourcc, "IxF2, IxFI, IxFl (a Flat coarse quantizer)", in.position());
        LUTRA_TRY(read_flat_record(in, header, centroids));
        if (header.d != index.d) return {Errc::bad_file, "coarse quantizer of d = {} in an index of d = {}", header.d, index.d};
        if (header.ntotal == (index.is_trained ? nlist : 0)) return {};
        return {Errc::bad_file, "coarse quantizer with {} centroids in a{} index of {} lists", header.ntotal,
                index.is_trained ? " trained" : "n untrained", nlist};
    }

    CentroidSearch near_;
    ListOrder order_;  // empty: near_ chooses the lists to visit, too
    Metric metric_ = Metric::l2;
};
static_assert(StoredCoarse<FlatCoarse>);

}  // namespace lutra::inline LUTRA_ABI_TAG
