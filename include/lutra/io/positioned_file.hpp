// lutra/io/positioned_file.hpp: PositionedFile, read by any thread at any offset, and reading rows from it.
// Main path: read_rows() -> blocks -> PositionedFile::read().  SPDX-License-Identifier: MIT
//
// Rows are read, not mapped: if another program shortens a mapped file, the system ends the process that touches it.
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/io/mapped.hpp>
#include <lutra/io/row_array.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

/// A regular file. Its size is that of the moment it was opened. Const and thread-safe.
class PositionedFile {
public:
    /// Errc::not_found (no such file), unsupported (a folder, pipe or device) or io_error (with the system's reason).
    static Result<PositionedFile> open(const std::string& path);

    std::uint64_t size() const;
    /// n bytes from `offset` on.  Needs: offset + n <= size().  Errc::bad_file: the file has become shorter; io_error.
    Status read(std::uint64_t offset, void* to, std::size_t n) const;

private:
#if LUTRA_HAS_POSIX
    using Source = OpenFile;
#else
    using Source = MappedFile;  // a copy
#endif
    explicit PositionedFile(Source source) : source_(std::move(source)) {}

    Source source_;
};

#if LUTRA_HAS_POSIX
inline Result<PositionedFile> PositionedFile::open(const std::string& path) {
    auto file = open_regular_file(path);
    if (!file) return file.status();
    return PositionedFile(*std::move(file));
}

inline std::uint64_t PositionedFile::size() const { return source_.size; }

inline Status PositionedFile::read(std::uint64_t offset, void* to, std::size_t n) const {
    auto* at = static_cast<std::byte*>(to);
    while (n > 0) {
        const ssize_t got = ::pread(::fileno(source_.file.get()), at, n, off_t(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return {Errc::io_error, "cannot read at offset {}: {}", offset, last_error().message()};
        if (got == 0) return {Errc::bad_file, "the file became shorter while it was read: it ends at offset {}", offset};
        offset += std::uint64_t(got), at += got, n -= std::size_t(got);
    }
    return {};
}
#else
inline Result<PositionedFile> PositionedFile::open(const std::string& path) {
    auto file = MappedFile::open(path);
    if (!file) return file.status();
    return PositionedFile(*std::move(file));
}

inline std::uint64_t PositionedFile::size() const { return source_.bytes().size(); }

inline Status PositionedFile::read(std::uint64_t offset, void* to, std::size_t n) const {
    std::copy_n(source_.bytes().data() + offset, n, static_cast<std::byte*>(to));
    return {};
}
#endif

/// The bytes that are read at once where rows need conversion: they stay in a cache until they are converted.
inline constexpr std::size_t kReadBlock = std::size_t{1} << 16;

/// Rows [begin, end) of an array whose rows, or columns, follow each other without a gap.
template <class To>
Status read_blocks(const PositionedFile& file, const RowArray& a, std::size_t begin, std::size_t end, To* out) {
    const std::size_t prefix = a.order == RowOrder::prefixed_rows ? sizeof(std::int32_t) : 0;
    const std::size_t most = std::min(std::max<std::size_t>(1, kReadBlock / a.row_bytes()), end - begin);
    const AlignedBytes block(most * a.row_bytes());
    for (; begin < end; begin += most) {
        RowArray part = a;
        part.n = std::min(most, end - begin), part.first = begin, part.data = block.data() + prefix;
        LUTRA_TRY(file.read(a.offset - prefix + std::uint64_t(begin) * a.row_bytes(), block.data(), part.n * a.row_bytes()));
        LUTRA_TRY(read_rows(part, 0, part.n, out));
        out += part.n * a.d;
    }
    return {};
}

/// Rows [begin, end) of a column-major array: a piece of each column at a time.
template <class To>
Status read_column_blocks(const PositionedFile& file, const RowArray& a, std::size_t begin, std::size_t end, To* out) {
    constexpr std::size_t kShortest = 1024;  // values of a column: a call for fewer costs more than their copy
    const std::size_t size = scalar_size(a.scalar);
    const std::size_t most = std::min(std::max(kShortest, kReadBlock / (a.d * size)), end - begin);
    const AlignedBytes block(most * a.d * size);
    for (; begin < end; begin += most) {
        RowArray part = a;
        part.n = std::min(most, end - begin), part.first = begin, part.data = block.data();
        for (std::size_t c = 0; c < a.d; ++c)
            LUTRA_TRY(
                file.read(a.offset + (std::uint64_t(c) * a.n + begin) * size, block.data() + c * part.n * size, part.n * size));
        LUTRA_TRY(read_rows(part, 0, part.n, out));
        out += part.n * a.d;
    }
    return {};
}

/// Rows [begin, end) of an array in a file, as To, into out [end - begin, d].  Errors: those of read_rows() and
/// PositionedFile::read().
template <class To>
Status read_rows(const PositionedFile& file, const RowArray& a, std::size_t begin, std::size_t end, To* out) {
    if (begin == end) return {};
    if (a.order == RowOrder::columns) return read_column_blocks(file, a, begin, end, out);
    if (std::is_same_v<To, float> && is_float_matrix(a))
        return file.read(a.offset + std::uint64_t(begin) * a.row_bytes(), out, (end - begin) * a.row_bytes());
    return read_blocks(file, a, begin, end, out);
}

/// Errc::bad_file unless the last row's prefix, if rows have one, is d.
inline Status check_last_row(const PositionedFile& file, const RowArray& a) {
    if (a.order != RowOrder::prefixed_rows || a.n == 0) return {};
    std::array<std::byte, sizeof(std::int32_t)> prefix;
    LUTRA_TRY(file.read(a.offset - prefix.size() + std::uint64_t(a.n - 1) * a.row_bytes(), prefix.data(), prefix.size()));
    RowArray last = a;
    last.first = a.n - 1, last.data = prefix.data() + prefix.size();
    return check_prefix(last, 0);
}

}  // namespace detail

}  // namespace lutra::inline LUTRA_ABI_TAG
