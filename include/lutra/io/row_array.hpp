// lutra/io/row_array.hpp: RowArray, rows of numbers in the bytes of a file, and their conversion to floats or ids.
// The parser of every format returns a RowArray; code above it knows no formats.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/bit_cast.hpp>
#include <lutra/core/result.hpp>
#include <lutra/core/types.hpp>
#include <lutra/io/half.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace lutra::inline LUTRA_ABI_TAG {

/// The type of a number in a file, named as numpy does: kind and bytes.
enum class Scalar : std::uint8_t { f2, f4, f8, u1, i1, i4, i8 };

constexpr std::size_t scalar_size(Scalar s) { return std::array<std::size_t, 7>{2, 4, 8, 1, 1, 4, 8}[std::size_t(s)]; }
constexpr std::string_view scalar_name(Scalar s) {
    return std::array<std::string_view, 7>{"f2", "f4", "f8", "u1", "i1", "i4", "i8"}[std::size_t(s)];
}
/// Ids are 32- or 64-bit integers, vectors are everything else.
constexpr bool holds_ids(Scalar s) { return s == Scalar::i4 || s == Scalar::i8; }

/// The order of the values in a file.
///   rows           [n, d] row-major (C order)
///   columns        [d, n] row-major (Fortran order)
///   prefixed_rows  as rows, and before each row its dimension as little-endian int32 (texmex)
enum class RowOrder : std::uint8_t { rows, columns, prefixed_rows };

/// The most columns any file may have: the formats and faiss keep d in an int32.
inline constexpr std::uint64_t kMaxColumns = 0x7fffffff;

/// The front of a file, at least its headers, and the size of the whole. `bytes` may be the whole file.
struct FileFront {
    FileFront() = default;
    FileFront(std::span<const std::byte> whole) : bytes(whole), size(whole.size()) {}
    FileFront(std::span<const std::byte> front, std::uint64_t file_size) : bytes(front), size(file_size) {}

    bool is_whole() const { return bytes.size() == size; }
    /// The rest behind the first n bytes.  Needs: n <= size.
    FileFront after(std::size_t n) const {
        FileFront rest(bytes.subspan(std::min(n, bytes.size())), size - n);
        rest.offset = offset + n;
        return rest;
    }

    std::span<const std::byte> bytes;
    std::uint64_t size = 0, offset = 0;  ///< offset: where it begins in the file
};

/// Rows in the bytes of a file.
struct RowArray {
    const std::byte* data = nullptr;  ///< the first value of row 0; any alignment. Somebody else keeps it; null: not in memory
    std::size_t n = 0, d = 0;
    Scalar scalar = Scalar::f4;
    RowOrder order = RowOrder::rows;
    std::endian endian = std::endian::little;
    std::uint64_t offset = 0;  ///< of that value in the file
    std::size_t first = 0;     ///< the number of row 0 in messages

    std::size_t row_bytes() const {
        return d * scalar_size(scalar) + (order == RowOrder::prefixed_rows ? sizeof(std::int32_t) : 0);
    }
};

/// An array that fills `values` to the last byte, or Errc::bad_file: no columns, too many, fewer or more bytes than n rows take.
/// n and d come from a file and may be anything.
Result<RowArray> make_row_array(const FileFront& values, std::uint64_t n, std::uint64_t d, RowArray kind);

/// Rows [begin, end) as To, into out [end - begin, d]. To is float for vectors and Id for holds_ids(a.scalar).
/// Needs: begin <= end <= a.n, rows in memory.  Errc::bad_file: a row's prefix is not d (the row is named).
template <class To>
Status read_rows(const RowArray& a, std::size_t begin, std::size_t end, To* out);

/// True if the bytes of the rows are a matrix of this machine's floats.
inline bool is_float_matrix(const RowArray& a) {
    return a.scalar == Scalar::f4 && a.order == RowOrder::rows && a.endian == std::endian::native;
}

namespace detail {

struct Half {
    std::uint16_t bits;
    operator float() const { return half_to_float(bits); }
};

template <class T>
T load(const std::byte* from, bool swapped) {
    std::array<std::byte, sizeof(T)> bytes;
    std::memcpy(bytes.data(), from, sizeof(T));
    if (swapped) std::reverse(bytes.begin(), bytes.end());
    return bit_cast<T>(bytes);
}

/// n values that follow each other, to out[0], out[step], out[2 step] ...
template <class From, class To>
void convert(const std::byte* from, bool swapped, std::size_t n, To* out, std::size_t step) {
    if (std::is_same_v<From, To> && !swapped && step == 1) return void(std::memcpy(out, from, n * sizeof(To)));
    for (std::size_t i = 0; i < n; ++i) out[i * step] = static_cast<To>(load<From>(from + i * sizeof(From), swapped));
}

inline void convert_run(const RowArray& a, const std::byte* from, std::size_t n, float* out, std::size_t step) {
    const bool swapped = a.endian != std::endian::native;
    switch (a.scalar) {
        case Scalar::f2:
            return convert<Half>(from, swapped, n, out, step);
        case Scalar::f4:
            return convert<float>(from, swapped, n, out, step);
        case Scalar::f8:
            return convert<double>(from, swapped, n, out, step);
        case Scalar::u1:
            return convert<std::uint8_t>(from, swapped, n, out, step);
        case Scalar::i1:
            return convert<std::int8_t>(from, swapped, n, out, step);
        case Scalar::i4:
        case Scalar::i8:
            break;
    }
    LUTRA_ASSERT(false && "ids are not vectors");
}
inline void convert_run(const RowArray& a, const std::byte* from, std::size_t n, Id* out, std::size_t step) {
    const bool swapped = a.endian != std::endian::native;
    LUTRA_ASSERT(holds_ids(a.scalar));
    if (a.scalar == Scalar::i4) return convert<std::int32_t>(from, swapped, n, out, step);
    convert<std::int64_t>(from, swapped, n, out, step);
}

template <class To>
void read_columns(const RowArray& a, std::size_t begin, std::size_t end, To* out) {
    constexpr std::size_t kTile = 256;  // rows whose output lines stay in cache while the columns go by
    const std::size_t size = scalar_size(a.scalar);
    for (; begin < end; begin += kTile, out += kTile * a.d) {
        const std::size_t count = std::min(kTile, end - begin);
        for (std::size_t c = 0; c < a.d; ++c) convert_run(a, a.data + (c * a.n + begin) * size, count, out + c, a.d);
    }
}

/// Errc::bad_file unless the dimension written before the row is d.
inline Status check_prefix(const RowArray& a, std::size_t row) {
    const std::byte* prefix = a.data + row * a.row_bytes() - sizeof(std::int32_t);
    const auto d = load<std::int32_t>(prefix, std::endian::native == std::endian::big);
    if (std::int64_t(d) == std::int64_t(a.d)) return {};
    return {Errc::bad_file, "row {} says it has {} columns, row 0 has {}; all rows must have the same", a.first + row, d, a.d};
}

template <class To>
Status read_prefixed_rows(const RowArray& a, std::size_t begin, std::size_t end, To* out) {
    for (std::size_t row = begin; row < end; ++row, out += a.d) {
        LUTRA_TRY(check_prefix(a, row));
        convert_run(a, a.data + row * a.row_bytes(), a.d, out, 1);
    }
    return {};
}

}  // namespace detail

inline Result<RowArray> make_row_array(const FileFront& values, std::uint64_t n, std::uint64_t d, RowArray kind) {
    if (d == 0 || d > kMaxColumns) return Status{Errc::bad_file, "{} columns; 1 to {} are accepted", d, kMaxColumns};
    const std::uint64_t row_bytes = d * scalar_size(kind.scalar), whole_rows = values.size / row_bytes;
    if (n > whole_rows)
        return Status{Errc::bad_file, "truncated: the header says {} rows of {} bytes, {} bytes follow it", n, row_bytes,
                      values.size};
    if (n * row_bytes != values.size)
        return Status{Errc::bad_file, "{} bytes too many after {} rows of {} bytes", values.size - n * row_bytes, n, row_bytes};
    kind.data = values.is_whole() ? values.bytes.data() : nullptr;
    kind.offset = values.offset;
    kind.n = std::size_t(n);
    kind.d = std::size_t(d);
    return kind;
}

template <class To>
Status read_rows(const RowArray& a, std::size_t begin, std::size_t end, To* out) {
    LUTRA_ASSERT(begin <= end && end <= a.n);
    if (begin == end) return {};
    if (a.order == RowOrder::prefixed_rows) return detail::read_prefixed_rows(a, begin, end, out);
    if (a.order == RowOrder::columns)
        detail::read_columns(a, begin, end, out);
    else
        detail::convert_run(a, a.data + begin * a.row_bytes(), (end - begin) * a.d, out, 1);
    return {};
}

}  // namespace lutra::inline LUTRA_ABI_TAG
