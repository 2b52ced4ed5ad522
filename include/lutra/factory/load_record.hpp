// lutra/factory/load_record.hpp: what load_index() does.  SPDX-License-Identifier: MIT
//
// The first four bytes say which record follows; the catalog knows who reads it. Wrappers ("IxPT", a transform; "IxMp" and
// "IxM2", an id map; "IxRF", rows to refine with) hold another record.
// Compiles the whole library, in every unit that includes it; save_load.hpp does, except with LUTRA_COMPILED.
#pragma once
#include <lutra/factory/catalog.hpp>
#include <lutra/factory/save_load.hpp>
#include <lutra/io/file.hpp>
#include <lutra/refine/refine_file.hpp>
#include <lutra/transform/transformed.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

inline constexpr std::size_t kMaxNesting = 50;

Result<Index> load_record(Reader& in, std::size_t depth);
/// What follows the fourcc.
Result<Index> load_record(Fourcc fourcc, Reader& in, std::size_t depth);

inline Result<Index> load_transformed(Reader& in, std::size_t depth) {
    IndexHeader header;
    std::int32_t transforms = 0;
    LUTRA_TRY(read_header(in, header));
    LUTRA_TRY(read_value(in, transforms));
    if (transforms < 0 || std::size_t(transforms) > kMaxNesting)
        return Status{Errc::bad_file, "{} transforms in a row; accepted: 0 to {}", transforms, kMaxNesting};
    for (std::int32_t i = 0; i < transforms; ++i) {
        Fourcc fourcc;
        LUTRA_TRY(read_fourcc(in, fourcc));
        if (fourcc != L2norm::kRecord) return unexpected_record(fourcc, "VNrm (L2norm)", in.position());
        LUTRA_TRY(L2norm::load(in, header.d));
    }
    Result<Index> index = load_record(in, depth + 1);
    LUTRA_TRY(index.status());
    if (index->dim() != header.d)
        return Status{Errc::bad_file, "transform to {} columns before an index of d = {}", header.d, index->dim()};
    for (std::int32_t i = 0; i < transforms; ++i) index = Index(Transformed<Index>(std::move(*index)));
    return index;
}

inline Result<Index> load_with_id_map(Reader& in, std::size_t depth) {
    IndexHeader header;
    std::vector<Id> map;
    LUTRA_TRY(read_header(in, header));
    Result<Index> index = load_record(in, depth + 1);
    LUTRA_TRY(index.status());
    LUTRA_TRY(read_counted(in, map));
    if (map.size() != index->ntotal())
        return Status{Errc::bad_file, "id map of {} ids for {} vectors", map.size(), index->ntotal()};
    LUTRA_TRY(index->map_ids(map));
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
    if (depth > kMaxNesting) return Status{Errc::bad_file, "records nested more than {} deep", kMaxNesting};
    if (fourcc == Fourcc("IxPT")) return load_transformed(in, depth);
    if (fourcc == Fourcc("IxMp") || fourcc == Fourcc("IxM2")) return load_with_id_map(in, depth);
    if (fourcc == Fourcc("IxRF")) return load_refined(in, depth);
    if (auto loaded = load_with_encoding(fourcc, in, depth, Encodings{})) return std::move(*loaded);
    Status status = unexpected_record(
        fourcc, "IxF2, IxFI (Flat), IwFl (IVF,Flat), IPfs, IwPf (PQ..x4fs), IxPT (L2norm), IxRF (RFlat), IxMp, IxM2 (id maps)",
        in.position());
    return status;
}

}  // namespace detail

inline Result<AnyCoarse> AnyCoarse::load(Reader& in, const IndexHeader& index, std::size_t nlist, std::size_t depth) {
    Fourcc fourcc;
    LUTRA_TRY(read_fourcc(in, fourcc));
    if (is_flat_record(fourcc)) {
        Result<ScannedCoarse> centroids = ScannedCoarse::load(fourcc, in, index, nlist);
        LUTRA_TRY(centroids.status());
        return AnyCoarse(std::move(*centroids));
    }
    Result<Index> over_centroids = detail::load_record(fourcc, in, depth + 1);
    LUTRA_TRY(over_centroids.status());
    Result<IndexCoarse> coarse = IndexCoarse::of(std::move(*over_centroids), index, nlist);
    LUTRA_TRY(coarse.status());
    return AnyCoarse(std::move(*coarse));
}

LUTRA_INLINE Result<Index> load_index(Reader& in) { return detail::load_record(in, 0); }

LUTRA_INLINE Result<Index> load_index(const std::string& path) {
    Result<FileReader> file = FileReader::open(path);
    LUTRA_TRY(file.status());
    Result<Index> index = load_index(*file);
    if (!index.ok()) return Status{index.status().code(), "{}: {}", path, index.status().message()};
    if (file->remaining() != 0)
        return Status{Errc::bad_file, "{}: {} bytes follow the index record, which ends at {}", path, file->remaining(),
                      file->position()};
    return index;
}

}  // namespace lutra::inline LUTRA_ABI_TAG
