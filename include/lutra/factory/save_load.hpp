// lutra/factory/save_load.hpp: saves and loads indexes in faiss's file format.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/guarded.hpp>
#include <lutra/factory/index.hpp>
#if !defined(LUTRA_NO_FILES)
#include <lutra/io/file.hpp>
#endif

#include <string>

namespace lutra::inline LUTRA_ABI_TAG {

/// Reads one index record from the front of a stream; bytes behind the record stay unread.
/// Errors: bad_file (truncated, damaged), unsupported (a record of faiss's that this version does not build), io_error.
Result<Index> load_index(Reader& in, IndexOptions options = {});
/// Writes a record that faiss can read. Errors: those of the stream.
template <SearchIndex I>
Status save_index(const I& index, Writer& out) {
    return index.save(out);
}

#if !defined(LUTRA_NO_FILES)
/// Reads a file. Errors: those of a stream, not_found, and bad_file if bytes follow the record.
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
