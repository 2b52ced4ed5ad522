// lutra/io/texmex.hpp: reads and writes .fvecs, .bvecs and .ivecs: each row is its dimension as int32, then values as f4, u1 or i4.
// Source: http://corpus-texmex.irisa.fr.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/validate.hpp>
#include <lutra/io/row_array.hpp>
#include <lutra/io/stream.hpp>

#include <limits>

namespace lutra::inline LUTRA_ABI_TAG {

/// The rows of a whole .fvecs (f4), .bvecs (u1) or .ivecs (i4) file.  Errc::bad_file: no rows (so no dimension), a dimension below
/// 1, a size that is not whole rows; of a file in memory, a last row of another dimension. Other rows are checked when they are
/// read, so that opening a large file does not read all of it.
Result<RowArray> parse_texmex(const FileFront& file, Scalar scalar);

/// x [n, d] as .fvecs.  Errc::bad_argument: no rows or no columns, which this format cannot say.
Status write_fvecs(Writer& out, MatrixView x);
/// ids [n, k] as .ivecs.  Errc::bad_argument: as above, or an id that is not an int32 (its row is named).
Status write_ivecs(Writer& out, const Id* ids, std::size_t n, std::size_t k);

namespace detail {

inline Status check_texmex_shape(std::size_t n, std::size_t d) {
    if (n > 0 && d > 0 && d <= kMaxColumns) return {};
    return {Errc::bad_argument,
            "{} rows of {} columns cannot be written: .fvecs and .ivecs need 1 row or more, and 1 to {} columns; "
            "use .npy",
            n, d, kMaxColumns};
}

inline Status write_id32(Writer& out, Id id, std::size_t row) {
    using Limits = std::numeric_limits<std::int32_t>;
    if (id < Limits::min() || id > Limits::max())
        return {Errc::bad_argument, "row {} has id {}: .ivecs holds 32-bit ids; use .npy", row, id};
    return write_value(out, static_cast<std::int32_t>(id));
}

}  // namespace detail

inline Result<RowArray> parse_texmex(const FileFront& file, Scalar scalar) {
    if (file.size == 0)
        return Status{Errc::bad_file, "no rows: an empty file of this format has no dimension; 1 row or more is accepted"};
    std::int32_t d = 0;
    MemoryReader in(file.bytes);
    LUTRA_TRY(read_value(in, d));
    if (d <= 0) return Status{Errc::bad_file, "row 0 says it has {} columns; 1 or more are accepted", d};
    RowArray a{nullptr, 0, std::size_t(d), scalar, RowOrder::prefixed_rows, std::endian::little, file.offset + sizeof d};
    const std::uint64_t row_bytes = std::uint64_t(d) * scalar_size(scalar) + sizeof d;
    a.n = std::size_t(file.size / row_bytes);
    if (a.n == 0 || file.size % row_bytes != 0)
        return Status{Errc::bad_file, "{} bytes are not whole rows: row 0 says it has {} columns, so each takes {} bytes",
                      file.size, d, row_bytes};
    if (!file.is_whole()) return a;
    a.data = file.bytes.data() + sizeof d;
    LUTRA_TRY(detail::check_prefix(a, a.n - 1));
    return a;
}

inline Status write_fvecs(Writer& out, MatrixView x) {
    LUTRA_TRY(check_whole_rows("write_fvecs", x));
    LUTRA_TRY(detail::check_texmex_shape(x.n, x.d));
    for (std::size_t row = 0; row < x.n; ++row) {
        LUTRA_TRY(write_value(out, static_cast<std::int32_t>(x.d)));
        LUTRA_TRY(write_values(out, x.row(row), x.d));
    }
    return {};
}

inline Status write_ivecs(Writer& out, const Id* ids, std::size_t n, std::size_t k) {
    LUTRA_TRY(detail::check_texmex_shape(n, k));
    for (std::size_t row = 0; row < n; ++row) {
        LUTRA_TRY(write_value(out, static_cast<std::int32_t>(k)));
        for (std::size_t i = 0; i < k; ++i) LUTRA_TRY(detail::write_id32(out, ids[row * k + i], row));
    }
    return {};
}

}  // namespace lutra::inline LUTRA_ABI_TAG
