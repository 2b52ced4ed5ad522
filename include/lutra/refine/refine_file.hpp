// lutra/refine/refine_file.hpp: Refine::save() and load(): faiss's record of a refine stage.
// SPDX-License-Identifier: MIT
//
//   "IxRF"   header, the base's record, a Flat record with the rows, k_factor. Ids of the caller's put it inside an id map: "IxM2",
//            header, the record, ids; an index that was loaded from an "IxMp" keeps that kind
#pragma once
#include <lutra/io/flat_record.hpp>
#include <lutra/io/id_map_record.hpp>
#include <lutra/refine/refine.hpp>

#include <cstddef>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

template <SearchIndex Base>
Status Refine<Base>::save(Writer& out) const {
    return guarded("save", [&]() -> Status {
        const IndexHeader header{dim(), ntotal(), is_trained(), metric()};
        const auto record = [&]() -> Status {
            LUTRA_TRY(write_fourcc(out, kRecord));
            LUTRA_TRY(write_header(out, header));
            LUTRA_TRY(base_.save(out));
            LUTRA_TRY(write_flat_header(out, {dim(), ntotal(), true, metric()}));
            LUTRA_TRY(for_chunks_of_rows(ntotal(), dim(), [&](std::size_t first, MatrixView chunk, float* rows) {
                for (std::size_t i = 0; i < chunk.n; ++i) rows_.copy(first + i, rows + i * dim());
                return write_values(out, rows, chunk.n * dim());
            }));
            return write_value(out, k_factor_);
        };
        if (!has_map()) return record();
        return write_id_map(out, id_map_, header, record, [&](std::size_t place) { return id_of(place); });
    });
}

/// Puts together the parts read from a file: the base with its vectors, and their rows [base.ntotal(), d] by place.
/// Errors: bad_file if the base's ids are not places, or k_factor is out of range.
template <SearchIndex Base>
Result<Refine<Base>> Refine<Base>::assemble(Base&& base, RowStore&& rows, float k_factor) {
    if (rows.size() != base.ntotal())
        return Status{Errc::bad_file, "refine record: {} rows for {} vectors", rows.size(), base.ntotal()};
    if (!(k_factor >= 1 && k_factor <= kMaxFactor))
        return Status{Errc::bad_file, "refine record: k_factor = {}; accepted: 1 to {}", k_factor, kMaxFactor};
    if (!rows.in_place() && !base.ids_are_places())  // in place ids are checked when they lead to a row
        return Status{Errc::bad_file,
                      "refine record: the ids in it must be 0 to {}, each once, to lead to the rows; other ids belong into an id "
                      "map around it",
                      Id(base.ntotal()) - 1};
    Refine index(std::move(base), std::move(rows));
    index.k_factor_ = k_factor;
    return index;
}

namespace detail {

inline Status read_refine_rows(Reader& in, const IndexHeader& header, RowStore& rows) {
    Fourcc fourcc;
    IndexHeader own;
    LUTRA_TRY(read_fourcc(in, fourcc));
    if (!is_flat_record(fourcc)) return unexpected_record(fourcc, "IxF2, IxFI, IxFl: rows to refine with", in.position());
    LUTRA_TRY(read_flat_header(in, own));
    if (own.d != header.d || own.ntotal != header.ntotal || own.metric != header.metric)
        return {Errc::bad_file,
                "refine record of {} vectors of d = {} ({}) with rows of {} of d = {} ({}); they must be alike",
                header.ntotal,
                header.d,
                metric_name(header.metric),
                own.ntotal,
                own.d,
                metric_name(own.metric)};
    const auto n = std::size_t(own.ntotal);
    if (in.lends()) {
        const std::byte* at = nullptr;
        LUTRA_TRY(in.lend(n * own.d * sizeof(float), at));
        rows.use_in_place(at, n);
        return {};
    }
    return for_chunks_of_rows(n, own.d, [&](std::size_t first, MatrixView chunk, float* values) -> Status {
        LUTRA_TRY(read_values(in, values, chunk.n * chunk.d));
        rows.reserve(chunk, n - first);
        rows.append(chunk);
        return {};
    });
}

}  // namespace detail

template <SearchIndex Base>
Result<Refine<Base>> Refine<Base>::load(Reader& in, IndexOptions options) {
    return read_index<Refine>(in, options);
}

template <SearchIndex Base>
Result<Refine<Base>> Refine<Base>::load_record(Fourcc fourcc, Reader& in, std::size_t depth, IndexOptions options) {
    if (fourcc != kRecord) return unexpected_record(fourcc, "IxRF (RFlat)", in.position());
    IndexHeader header;
    LUTRA_TRY(read_header(in, header));
    Result<Base> base = read_record<Base>(in, depth + 1, options);
    LUTRA_TRY(base.status());
    if (base->dim() != header.d || base->ntotal() != header.ntotal || without_norm(base->metric()) != header.metric)
        return Status{Errc::bad_file,
                      "refine record of {} vectors of d = {} ({}) around {} of d = {} ({}); they must be alike",
                      header.ntotal,
                      header.d,
                      metric_name(header.metric),
                      base->ntotal(),
                      base->dim(),
                      metric_name(base->metric())};
    RowStore rows(header.d);
    float k_factor = 0;
    LUTRA_TRY(detail::read_refine_rows(in, header, rows));
    LUTRA_TRY(read_value(in, k_factor));
    return assemble(std::move(*base), std::move(rows), k_factor);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
