// lutra/factory/load_record.hpp: what load_index() does.  SPDX-License-Identifier: MIT
//
// The first four bytes say which record follows; the catalog knows who reads it. Wrappers ("IxPT", a transform; "IxMp" and
// "IxM2", an id map; "IxRF", rows to refine with) hold another record.
// Compiles the whole library, in every unit that includes it; save_load.hpp does, except with LUTRA_COMPILED.
#pragma once
#include <lutra/core/guarded.hpp>
#include <lutra/factory/catalog.hpp>
#include <lutra/factory/make_index.hpp>
#include <lutra/factory/save_load.hpp>
#include <lutra/factory/words.hpp>
#include <lutra/io/file.hpp>
#include <lutra/io/id_map_record.hpp>
#include <lutra/refine/refine_file.hpp>
#include <lutra/transform/transformed.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

/// `depth` counts the records and transforms around this one.
Result<Index> load_record(Reader& in, std::size_t depth);
/// What follows the fourcc.
Result<Index> load_record(Fourcc fourcc, Reader& in, std::size_t depth);

inline Status too_deep() {
    return {Errc::bad_file, "nested too deep; accepted: {} records and transforms in each other", kMaxNesting};
}

/// What is before the record of the index; a record without transforms is a record, too.
inline Status read_transforms(Reader& in, std::size_t depth, IndexHeader& header, std::int32_t& transforms) {
    LUTRA_TRY(read_header(in, header));
    LUTRA_TRY(read_value(in, transforms));
    if (transforms < 0) return {Errc::bad_file, "{} transforms; accepted: 0 or more", transforms};
    if (std::size_t(transforms) > kMaxNesting - depth) return too_deep();
    for (std::int32_t i = 0; i < transforms; ++i) {
        Fourcc fourcc;
        LUTRA_TRY(read_fourcc(in, fourcc));
        if (fourcc != L2norm::kRecord) return unexpected_record(fourcc, "VNrm (L2norm)", in.position());
        LUTRA_TRY(L2norm::load(in, header.d));
    }
    return {};
}

inline Result<Index> load_transformed(Reader& in, std::size_t depth) {
    IndexHeader header;
    std::int32_t transforms = 0;
    LUTRA_TRY(read_transforms(in, depth, header, transforms));
    Result<Index> index = load_record(in, depth + std::max<std::size_t>(1, std::size_t(transforms)));
    LUTRA_TRY(index.status());
    if (index->dim() != header.d)
        return Status{Errc::bad_file, "transform to {} columns before an index of d = {}", header.d, index->dim()};
    for (std::int32_t i = 0; i < transforms; ++i) index = Index(Transformed<Index>(std::move(*index)));
    return index;
}

inline Status read_refine_rows(Reader& in, const IndexHeader& header, AlignedVector<float>& rows) {
    Fourcc fourcc;
    IndexHeader own;
    LUTRA_TRY(read_fourcc(in, fourcc));
    if (!is_flat_record(fourcc)) return unexpected_record(fourcc, "IxF2, IxFI: rows to refine with", in.position());
    LUTRA_TRY(read_flat_record(in, own, rows));
    if (own.d == header.d && own.ntotal == header.ntotal && own.metric == header.metric) return {};
    return {Errc::bad_file,
            "refine record of {} vectors of d = {} ({}) with rows of {} of d = {} ({}); they must be alike",
            header.ntotal,
            header.d,
            metric_name(header.metric),
            own.ntotal,
            own.d,
            metric_name(own.metric)};
}

inline Result<Index> load_refined(Reader& in, std::size_t depth) {
    IndexHeader header;
    LUTRA_TRY(read_header(in, header));
    Result<Index> base = load_record(in, depth + 1);
    LUTRA_TRY(base.status());
    if (base->dim() != header.d || base->ntotal() != header.ntotal || base->metric() != header.metric)
        return Status{Errc::bad_file,
                      "refine record of {} vectors of d = {} ({}) around {} of d = {} ({}); they must be alike",
                      header.ntotal,
                      header.d,
                      metric_name(header.metric),
                      base->ntotal(),
                      base->dim(),
                      metric_name(base->metric())};
    AlignedVector<float> rows;
    float k_factor = 0;
    LUTRA_TRY(read_refine_rows(in, header, rows));
    LUTRA_TRY(read_value(in, k_factor));
    Result<Refine<Index>> index = Refine<Index>::assemble(std::move(*base), std::move(rows), k_factor);
    LUTRA_TRY(index.status());
    return Index(std::move(*index));
}

inline Result<Index> load_record(Reader& in, std::size_t depth) {
    Fourcc fourcc;
    LUTRA_TRY(read_fourcc(in, fourcc));
    return load_record(fourcc, in, depth);
}

inline Result<Index> load_record(Fourcc fourcc, Reader& in, std::size_t depth) {
    if (depth >= kMaxNesting) return too_deep();
    if (fourcc == Fourcc("IxPT")) return load_transformed(in, depth);
    if (const auto kind = id_map_kind(fourcc)) return read_id_map(in, *kind, [&] { return load_record(in, depth + 1); });
    if (fourcc == Fourcc("IxRF")) return load_refined(in, depth);
    if (const LoadRecord load = find_loader(fourcc, Encodings{})) return load(in, depth);
    return unexpected_record(
        fourcc, "IxF2, IxFI (Flat), IwFl (IVF,Flat), IPfs, IwPf (PQ..x4fs), IxPT (L2norm), IxRF (RFlat), IxMp, IxM2 (id maps)",
        in.position());
}

inline Result<AnyCoarse> load_centroids(Fourcc fourcc, Reader& in, const IndexHeader& index, std::size_t nlist) {
    Result<PlainCoarse> coarse = PlainCoarse::load(fourcc, in, index, nlist);
    LUTRA_TRY(coarse.status());
    return AnyCoarse(std::move(*coarse));
}

inline Result<AnyCoarse> coarse_of(Index over_centroids, const IndexHeader& header, std::size_t nlist) {
    Result<IndexCoarse> coarse = IndexCoarse::of(std::move(over_centroids), header, nlist);
    LUTRA_TRY(coarse.status());
    return AnyCoarse(std::move(*coarse));
}

}  // namespace detail

inline Result<AnyCoarse> AnyCoarse::load(Reader& in, const IndexHeader& index, std::size_t nlist, std::size_t depth) {
    Fourcc fourcc;
    LUTRA_TRY(read_fourcc(in, fourcc));
    if (is_flat_record(fourcc)) return detail::load_centroids(fourcc, in, index, nlist);
    Result<Index> over_centroids = detail::load_record(fourcc, in, depth + 1);
    LUTRA_TRY(over_centroids.status());
    return detail::coarse_of(std::move(*over_centroids), index, nlist);
}

LUTRA_INLINE Result<Index> load_index(Reader& in) {
    return guarded("load", [&] { return detail::load_record(in, 0); });
}

LUTRA_INLINE Result<Index> load_index(const std::string& path) {
    return guarded("load", [&]() -> Result<Index> {
        Result<FileReader> file = FileReader::open(path);
        LUTRA_TRY(file.status());
        Result<Index> index = load_index(*file);
        if (!index.ok()) return Status{index.status().code(), "{}: {}", path_text(path), index.status().message()};
        if (file->remaining() != 0)
            return Status{Errc::bad_file, "{}: {} bytes follow the index record, which ends at {}", path_text(path),
                          file->remaining(), file->position()};
        return index;
    });
}

}  // namespace lutra::inline LUTRA_ABI_TAG
