// lutra/factory/load_record.hpp: the definition of load_index().  SPDX-License-Identifier: MIT
//
// A record begins with a fourcc, by which the catalog finds the reader of what an encoding writes, and a table here that of others:
// of records that hold another record ("IxPT", transforms; "IxMp" and "IxM2", an id map; "IxRF", a refine stage).
// A unit that includes this compiles the whole library; save_load.hpp includes it, except with LUTRA_COMPILED.
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
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

/// Reads a record; depth: number of records and transforms around it.
Result<Index> load_record(Reader& in, std::size_t depth, IndexOptions options);
/// The same behind the fourcc.
Result<Index> load_record(Fourcc fourcc, Reader& in, std::size_t depth, IndexOptions options);

inline Status too_deep() {
    return {Errc::bad_file, "nested too deep; accepted: {} records and transforms in each other", kMaxNesting};
}

/// Reads the transforms before the record of the index, first applied first. d: the columns of the rows, and on return those of the
/// last output.
inline Status read_transforms(Reader& in, std::size_t depth, std::size_t& d, std::vector<PutBefore>& transforms) {
    std::int32_t n = 0;
    LUTRA_TRY(read_value(in, n));
    if (n < 0) return {Errc::bad_file, "{} transforms; accepted: 0 or more", n};
    if (std::size_t(n) > kMaxNesting - depth) return too_deep();
    for (std::int32_t i = 0; i < n; ++i) {
        Fourcc fourcc;
        LUTRA_TRY(read_fourcc(in, fourcc));
        Result<PutBefore> transform = load_transform(fourcc, in, d, Transforms{});
        LUTRA_TRY(transform.status());
        transforms.push_back(std::move(*transform));
    }
    return {};
}

/// Reads transforms, possibly none, and the index behind them.
inline Result<Index> load_transformed(Reader& in, std::size_t depth, IndexOptions options) {
    IndexHeader header;
    std::vector<PutBefore> transforms;
    LUTRA_TRY(read_header(in, header));
    std::size_t d = header.d;
    LUTRA_TRY(read_transforms(in, depth, d, transforms));
    Result<Index> index = load_record(in, depth + std::max<std::size_t>(1, transforms.size()), options);
    LUTRA_TRY(index.status());
    if (index->dim() != d) return Status{Errc::bad_file, "transform to {} columns before an index of d = {}", d, index->dim()};
    for (std::size_t i = transforms.size(); i-- > 0;) index = transforms[i](std::move(*index));
    return index;
}

template <IdMapKind Kind>
Result<Index> load_with_id_map(Reader& in, std::size_t depth, IndexOptions options) {
    return read_id_map(in, Kind, [&] { return load_record(in, depth + 1, options); });
}

inline Result<Index> load_refined(Reader& in, std::size_t depth, IndexOptions options) {
    Result<Refine<Index>> index = read_refine(in, [&] { return load_record(in, depth + 1, options); });
    LUTRA_TRY(index.status());
    return Index(std::move(*index));
}

/// A record that no encoding writes, and its reader. The records of encodings come from the catalog.
struct OtherRecord {
    Fourcc fourcc;
    std::string_view name;
    LoadRecord load;
};
inline constexpr std::array<OtherRecord, 4> kOtherRecords = {{
    {"IxPT", "transforms", load_transformed},
    {"IxRF", "RFlat", load_refined},
    {id_map_record(IdMapKind::one_way), "id map", load_with_id_map<IdMapKind::one_way>},
    {id_map_record(IdMapKind::two_way), "id map", load_with_id_map<IdMapKind::two_way>},
}};

/// All records, for errors.
inline std::string known_records() {
    std::string text = encoding_records(Encodings{});
    for (const OtherRecord& other : kOtherRecords) append_records(text, std::span(&other.fourcc, 1), other.name);
    return text;
}

inline Result<Index> load_record(Reader& in, std::size_t depth, IndexOptions options) {
    Fourcc fourcc;
    LUTRA_TRY(read_fourcc(in, fourcc));
    return load_record(fourcc, in, depth, options);
}

inline Result<Index> load_record(Fourcc fourcc, Reader& in, std::size_t depth, IndexOptions options) {
    if (depth >= kMaxNesting) return too_deep();
    for (const OtherRecord& other : kOtherRecords)
        if (fourcc == other.fourcc) return other.load(in, depth, options);
    if (const LoadRecord load = find_loader(fourcc, Encodings{})) return load(in, depth, options);
    return unexpected_record(fourcc, known_records(), in.position());
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

inline Result<AnyCoarse> AnyCoarse::load(Reader& in, const IndexHeader& index, std::size_t nlist, std::size_t depth,
                                         IndexOptions options) {
    Fourcc fourcc;
    LUTRA_TRY(read_fourcc(in, fourcc));
    if (is_flat_record(fourcc)) return detail::load_centroids(fourcc, in, index, nlist);
    Result<Index> over_centroids = detail::load_record(fourcc, in, depth + 1, options);
    LUTRA_TRY(over_centroids.status());
    return detail::coarse_of(std::move(*over_centroids), index, nlist);
}

LUTRA_INLINE Result<Index> load_index(Reader& in, IndexOptions options) {
    return guarded("load", [&]() -> Result<Index> {
        if constexpr (sizeof(std::size_t) < sizeof(std::uint64_t))  // then every length in the stream is a std::size_t
            if (in.remaining() > std::numeric_limits<std::size_t>::max())
                return Status{Errc::unsupported, "{} bytes, more than this machine can address", in.remaining()};
        return detail::load_record(in, 0, options);
    });
}

LUTRA_INLINE Result<Index> load_index(const std::string& path, IndexOptions options) {
    return guarded("load", [&]() -> Result<Index> {
        Result<FileReader> file = FileReader::open(path);
        LUTRA_TRY(file.status());
        Result<Index> index = load_index(*file, options);
        if (!index.ok()) return Status{index.status().code(), "{}: {}", path_text(path), index.status().message()};
        if (file->remaining() != 0)
            return Status{Errc::bad_file, "{}: {} bytes follow the index record, which ends at {}", path_text(path),
                          file->remaining(), file->position()};
        return index;
    });
}

}  // namespace lutra::inline LUTRA_ABI_TAG
