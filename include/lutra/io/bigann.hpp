// lutra/io/bigann.hpp: reads .fbin, .u8bin, .i8bin and .ibin of big-ann benchmarks: uint32 n, uint32 d, then n rows of d values.
// Source: https://big-ann-benchmarks.com.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/io/row_array.hpp>
#include <lutra/io/stream.hpp>

namespace lutra::inline LUTRA_ABI_TAG {

/// The rows of a whole .fbin (f4), .u8bin (u1), .i8bin (i1) or .ibin (i4) file. No rows is fine.
/// Errc::bad_file: a header that does not fit the bytes after it.
inline Result<RowArray> parse_bigann(const FileFront& file, Scalar scalar) {
    MemoryReader in(file.bytes);
    std::uint32_t n = 0, d = 0;
    LUTRA_TRY(read_value(in, n));
    LUTRA_TRY(read_value(in, d));
    RowArray kind;
    kind.scalar = scalar;
    return make_row_array(file.after(std::size_t(in.position())), n, d, kind);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
