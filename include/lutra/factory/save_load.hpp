// lutra/factory/save_load.hpp: saves and loads indexes in faiss's file format.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/guarded.hpp>
#include <lutra/factory/index.hpp>
#if !defined(LUTRA_NO_FILES)
#include <lutra/io/file.hpp>
#endif

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Reads one index record from the front of a stream; bytes behind the record stay unread.
/// Errors: bad_file (truncated, damaged), unsupported (a record of faiss's that this version does not build), io_error.
Result<Index> load_index(Reader& in, IndexOptions options = {});
/// The same from bytes in memory, which are used in place: flash, a resource of the program, a mapped file. They must stay, and
/// stay as they are, while the index lives; bytes behind the record are not looked at.
///
/// The index answers searches as a loaded one does, to the bit, but is read-only: train(), add(), remove_ids(), merge_from() and
/// make_direct_map() return unsupported. Not copied: rows of Flat and RFlat, ids, and 4-bit codes where the machine scans them as
/// files have them. Copied: centroids, codebooks, an index over centroids, 32 bytes a list, ids behind an id map around lists, and
/// codes that another layout suits better (AVX-512 VBMI), of residuals for L2, or in blocks of more than 32. There are no bytes
/// beside floats, so a batch is slower than in a loaded index. Ids are not checked: a damaged file may give wrong ids, no worse.
/// Opening reads what it copies, and all rows if lists for inner products of any length are to be ranked. Errors: as load_index().
Result<Index> open_index(std::span<const std::byte> bytes);
/// Bytes of a temporary would be gone.
template <class T>
Result<Index> open_index(const std::vector<T>&& bytes) = delete;

/// Writes a record that faiss can read. Errors: those of the stream.
template <SearchIndex I>
Status save_index(const I& index, Writer& out) {
    return index.save(out);
}

#if !defined(LUTRA_NO_FILES)
/// Reads a file. With options.mmap it is used in place, as by open_index(), and the index owns the map: the file must not be made
/// shorter or changed while the index lives (io/mapped.hpp). Errors: those of a stream, not_found, and bad_file if bytes follow the
/// record.
Result<Index> load_index(const std::string& path, IndexOptions options = {});

/// Writes a file that faiss can read. The file appears under its name only when it is complete and on the disk.
template <SearchIndex I>
Status save_index(const I& index, const std::string& path) {
    return guarded("save", [&] { return write_file(path, [&](Writer& out) { return index.save(out); }); });
}
#endif

}  // namespace lutra::inline LUTRA_ABI_TAG

#if !defined(LUTRA_COMPILED)
#include <lutra/factory/load_record.hpp>
#endif
