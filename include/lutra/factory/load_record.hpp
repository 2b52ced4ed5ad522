// lutra/factory/load_record.hpp: the definition of load_index().  SPDX-License-Identifier: MIT
//
// A record begins with a fourcc, by which the catalog finds the reader of what an encoding writes, and Index::load_record() that of
// records that hold another one: "IxPT", transforms, and "IxRF", a refine stage. Id maps: io/id_map_record.hpp.
// A unit that includes this compiles the whole library; save_load.hpp includes it, except with LUTRA_COMPILED.
#pragma once
#include <lutra/core/guarded.hpp>
#include <lutra/factory/catalog.hpp>
#include <lutra/factory/make_index.hpp>
#include <lutra/factory/save_load.hpp>
#include <lutra/io/id_map_record.hpp>
#if !defined(LUTRA_NO_FILES)
#include <lutra/io/mapped.hpp>
#endif
#include <lutra/refine/refine_file.hpp>
#include <lutra/transform/transformed.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

/// Reads `n` transforms before the record of the index, first applied first. d: the columns of the rows, and on return those of the
/// last output.
inline Status read_transforms(Reader& in, std::size_t n, std::size_t& d, std::vector<PutBefore>& transforms) {
    for (std::size_t i = 0; i < n; ++i) {
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
    TransformsHeader header;
    std::vector<PutBefore> transforms;
    LUTRA_TRY(read_transforms_header(in, depth, header));
    LUTRA_TRY(read_transforms(in, header.n, header.d, transforms));
    Result<Index> index = read_record<Index>(in, depth + std::max<std::size_t>(1, transforms.size()), options);
    LUTRA_TRY(index.status());
    LUTRA_TRY(check_transformed_columns(header.d, index->dim()));
    for (std::size_t i = transforms.size(); i-- > 0;) index = transforms[i](std::move(*index));
    return index;
}

/// All records, for errors.
inline Message known_records() {
    Message text = encoding_records(Encodings{});
    append_records(text, std::span(&kTransformsRecord, 1), "transforms");
    append_records(text, std::span(&Refine<Index>::kRecord, 1), "RFlat");
    for (const IdMapKind kind : {IdMapKind::one_way, IdMapKind::two_way}) {
        const Fourcc fourcc = id_map_record(kind);
        append_records(text, std::span(&fourcc, 1), "id map");
    }
    return text;
}

// Neither is inlined: AnyCoarse::load() stays on the stack while an index over centroids loads.
[[gnu::noinline]] inline Result<AnyCoarse> load_centroids(Fourcc fourcc, Reader& in, const IndexHeader& index, std::size_t nlist) {
    Result<FlatCoarse> coarse = FlatCoarse::load(fourcc, in, index, nlist);
    LUTRA_TRY(coarse.status());
    return AnyCoarse(std::move(*coarse));
}

[[gnu::noinline]] inline Result<AnyCoarse> coarse_of(Index over_centroids, const IndexHeader& header, std::size_t nlist) {
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
    CopyingReader copies(in);  // the index over centroids is small, and its ids and rows lead to lists: they are checked
    Result<Index> over_centroids = read_record<Index>(fourcc, copies, depth + 1, options);
    LUTRA_TRY(over_centroids.status());
    return detail::coarse_of(std::move(*over_centroids), index, nlist);
}

LUTRA_INLINE Result<Index> Index::load_record(Fourcc fourcc, Reader& in, std::size_t depth, IndexOptions options) {
    if (fourcc == kTransformsRecord) return detail::load_transformed(in, depth, options);
    if (fourcc == Refine<Index>::kRecord) return detail::load_as_index<Refine<Index>>(fourcc, in, depth, options);
    if (const LoadRecord load = find_loader(fourcc, Encodings{})) return load(fourcc, in, depth, options);
    return unexpected_record(fourcc, detail::known_records, in.position());
}

LUTRA_INLINE Result<Index> load_index(Reader& in, IndexOptions options) { return read_index<Index>(in, options); }

LUTRA_INLINE Result<Index> open_index(std::span<const std::byte> bytes) {
    MemoryReader in(bytes, FromMemory::in_place);
    return load_index(in);
}

#if !defined(LUTRA_NO_FILES)
namespace detail {

/// The index of a file, which ends behind its record.
inline Result<Index> load_all_of(Reader& file, const std::string& path, IndexOptions options) {
    Result<Index> index = load_index(file, options);
    if (!index.ok()) return Status{index.status().code(), "{}: {}", path_text(path), index.status().message()};
    if (file.remaining() != 0)
        return Status{Errc::bad_file, "{}: {} bytes follow the index record, which ends at {}", path_text(path), file.remaining(),
                      file.position()};
    return index;
}

inline Result<Index> load_mapped(const std::string& path, IndexOptions options) {
    Result<MappedFile> file = MappedFile::open(path);
    LUTRA_TRY(file.status());
    auto kept = std::make_shared<const MappedFile>(std::move(*file));
    MemoryReader in(kept->bytes(), FromMemory::in_place);
    options.mmap = false;
    Result<Index> index = load_all_of(in, path, options);
    if (index.ok()) index->keep(std::move(kept));
    return index;
}

}  // namespace detail

LUTRA_INLINE Result<Index> load_index(const std::string& path, IndexOptions options) {
    return guarded("load", [&]() -> Result<Index> {
        if (options.mmap) return detail::load_mapped(path, options);
        Result<FileReader> file = FileReader::open(path);
        LUTRA_TRY(file.status());
        return detail::load_all_of(*file, path, options);
    });
}
#endif

}  // namespace lutra::inline LUTRA_ABI_TAG
