// lutra/io/npy.hpp: reads and writes NumPy's .npy files: parse_npy() for versions 1 to 3, write_npy() for floats and ids.
// Main path: parse_npy() -> magic and header length -> NpyParser (the dictionary) -> make_row_array().
// Source: numpy.lib.format.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/digits.hpp>
#include <lutra/core/validate.hpp>
#include <lutra/io/row_array.hpp>
#include <lutra/io/stream.hpp>

#include <limits>
#include <optional>
#include <string_view>

namespace lutra::inline LUTRA_ABI_TAG {

/// The array in a whole .npy file. Accepted: '<', '>', '=' or '|' followed by f2, f4, f8, u1, i1 (vectors), i4 or i8 (ids); C or
/// Fortran order; two dimensions [n, d], or one, which is a single row [1, d] (a vector saved alone). No rows is fine.
/// Errc::bad_file: not such a file, or a header that does not fit the bytes after it.  Cost: the header only.
Result<RowArray> parse_npy(const FileFront& file);

/// x [n, d] as '<f4'; byte for byte what numpy.save writes.
Status write_npy(Writer& out, MatrixView x);
/// ids [n, k] as '<i8'; byte for byte what numpy.save writes.
Status write_npy(Writer& out, const Id* ids, std::size_t n, std::size_t k);

namespace detail {

inline constexpr std::string_view kNpyMagic = "\x93NUMPY";

struct NpyShape {
    std::size_t dims = 0;                  // as written, also past the two that are kept
    std::array<std::uint64_t, 2> sizes{};  // the first two
};
/// The entries of the dictionary. Texts point into the file.
struct NpyHeader {
    std::optional<std::string_view> descr;
    std::optional<bool> fortran_order;
    std::optional<NpyShape> shape;
};

/// Reads {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }: a Python literal, its keys in any order.
class NpyParser {
public:
    explicit NpyParser(std::string_view text) : text_(text), rest_(text) {}

    Status parse(NpyHeader& header) {
        LUTRA_TRY(need('{'));
        while (!take('}')) {
            LUTRA_TRY(field(header));
            if (!take(',') && next() != '}') return expected("',' or '}'");
        }
        if (next() != kEnd) return expected("nothing after '}'");
        if (header.descr && header.fortran_order && header.shape) return {};
        return {Errc::bad_file, "the .npy header needs 'descr', 'fortran_order' and 'shape'"};
    }

private:
    static constexpr char kEnd = '\0';

    Status field(NpyHeader& header) {
        std::string_view key;
        LUTRA_TRY(quoted(key));
        LUTRA_TRY(need(':'));
        if (key == "descr" && !header.descr) return quoted(header.descr.emplace());
        if (key == "fortran_order" && !header.fortran_order) return boolean(header.fortran_order.emplace());
        if (key == "shape" && !header.shape) return tuple(header.shape.emplace());
        return expected("'descr', 'fortran_order' and 'shape', each once");
    }

    Status quoted(std::string_view& text) {
        const char quote = next();
        const std::size_t end = quote == '\'' || quote == '"' ? rest_.find(quote, 1) : std::string_view::npos;
        if (end == std::string_view::npos) return expected("a quoted text such as '<f4'");
        text = rest_.substr(1, end - 1);
        rest_.remove_prefix(end + 1);
        return {};
    }

    Status boolean(bool& value) {
        next();
        value = rest_.starts_with("True");
        if (!value && !rest_.starts_with("False")) return expected("True or False");
        rest_.remove_prefix(value ? 4 : 5);
        return {};
    }

    Status tuple(NpyShape& shape) {
        LUTRA_TRY(need('('));
        while (!take(')')) {
            std::uint64_t size = 0;
            LUTRA_TRY(number(size));
            if (shape.dims < shape.sizes.size()) shape.sizes[shape.dims] = size;
            ++shape.dims;
            if (!take(',') && next() != ')') return expected("',' or ')'");
        }
        return {};
    }

    Status number(std::uint64_t& value) {
        next();
        const auto size = read_digits(rest_, std::numeric_limits<std::uint64_t>::max());
        if (!size) return expected("a size of at most 20 digits");
        value = *size;
        if (rest_.starts_with('L')) rest_.remove_prefix(1);  // Python 2 wrote long integers so
        return {};
    }

    /// The next character that is not a space, or kEnd; the spaces are dropped.
    char next() {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
        return rest_.empty() ? kEnd : rest_.front();
    }
    bool take(char c) {
        if (next() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    Status need(char c) { return take(c) ? Status{} : expected(std::string_view(&c, 1)); }
    Status expected(std::string_view what) const {
        return {Errc::bad_file, "the .npy header is malformed at character {}: expected {}", text_.size() - rest_.size(), what};
    }

    std::string_view text_, rest_;
};

inline bool is_plain_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= ' ' && c <= '~') || c == '\n' || c == '\r' || c == '\t'; });
}

/// The text of a header: its begin, and its size as stated in the file.
struct NpyText {
    std::size_t begin = 0, size = 0;
};
inline Status find_npy_text(const FileFront& file, NpyText& text) {
    const std::string_view front(reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size());
    if (!front.starts_with(kNpyMagic)) return {Errc::bad_file, "not a .npy file: it does not begin with \\x93NUMPY"};
    MemoryReader in(file.bytes.subspan(kNpyMagic.size()));
    std::array<std::uint8_t, 2> version{};
    LUTRA_TRY(read_values(in, version.data(), version.size()));
    if (version[0] < 1 || version[0] > 3 || version[1] != 0)
        return {Errc::bad_file, ".npy version {}.{} is unknown; 1.0, 2.0 and 3.0 are accepted", version[0], version[1]};
    std::uint32_t size = 0;
    std::uint16_t short_size = 0;  // version 1
    LUTRA_TRY(version[0] == 1 ? read_value(in, short_size) : read_value(in, size));
    text = {kNpyMagic.size() + std::size_t(in.position()), std::size_t(size) + short_size};
    if (text.size <= file.size - text.begin) return {};
    return {Errc::bad_file, "truncated: the .npy header is said to have {} bytes, {} are left", text.size, file.size - text.begin};
}

/// The number of bytes at the front of the file that parsing needs.
inline std::size_t npy_front_size(const FileFront& file) {
    NpyText text;
    return find_npy_text(file, text).ok() ? text.begin + text.size : 0;
}

/// The text of the header, which must be in the front.
inline Status npy_text(const FileFront& file, NpyText text, std::string_view& header) {
    if (text.size > file.bytes.size() - text.begin)
        return {Errc::bad_file, "the .npy header has {} bytes; {} are accepted", text.size, file.bytes.size() - text.begin};
    header = {reinterpret_cast<const char*>(file.bytes.data()) + text.begin, text.size};
    if (!is_plain_ascii(header)) return {Errc::bad_file, "the .npy header has bytes that are not ASCII text"};
    return {};
}

inline Status parse_descr(std::string_view descr, RowArray& kind) {
    const char endian = descr.empty() ? ' ' : descr.front();
    kind.endian = endian == '<' ? std::endian::little : endian == '>' ? std::endian::big : std::endian::native;
    const bool known_endian = std::string_view("<>=|").find(endian) != std::string_view::npos;
    for (std::size_t i = 0; known_endian && i <= std::size_t(Scalar::i8); ++i) {
        kind.scalar = Scalar(i);
        if (descr.substr(1) == scalar_name(kind.scalar)) return {};
    }
    return {Errc::bad_file,
            "values of type '{}' are not accepted; f2, f4, f8, u1, i1 (vectors), i4, i8 (ids) after '<', '>', '=' or '|' are",
            descr};
}

inline Status write_npy_header(Writer& out, std::string_view descr, std::size_t n, std::size_t d) {
    constexpr std::size_t kSize = 128;  // two 64-byte lines hold any shape, and numpy pads to a multiple of 64 too
    const Message text = Message::format("{'descr': '{}', 'fortran_order': False, 'shape': ({}, {}), }", descr, n, d);
    std::array<char, kSize> header;
    header.fill(' ');
    const std::string_view start("\x93NUMPY\x01\x00\x76\x00", 10);  // version 1.0, 118 bytes of text
    std::copy(start.begin(), start.end(), header.begin());
    std::copy(text.view().begin(), text.view().end(), header.begin() + 10);
    header.back() = '\n';
    return out.write(header.data(), header.size());
}

}  // namespace detail

inline Result<RowArray> parse_npy(const FileFront& file) {
    detail::NpyText where;
    std::string_view text;
    LUTRA_TRY(detail::find_npy_text(file, where));
    LUTRA_TRY(detail::npy_text(file, where, text));
    const FileFront array = file.after(where.begin + where.size);
    detail::NpyHeader header;
    LUTRA_TRY(detail::NpyParser(text).parse(header));
    RowArray kind;
    LUTRA_TRY(detail::parse_descr(*header.descr, kind));
    kind.order = *header.fortran_order ? RowOrder::columns : RowOrder::rows;
    const auto [dims, sizes] = *header.shape;
    if (dims == 1) return make_row_array(array, 1, sizes[0], kind);
    if (dims == 2) return make_row_array(array, sizes[0], sizes[1], kind);
    return Status{Errc::bad_file, "the .npy array has {} dimensions; 2 (rows, columns) or 1 (a single row) are accepted", dims};
}

inline Status write_npy(Writer& out, MatrixView x) {
    LUTRA_TRY(check_whole_rows("write_npy", x));
    LUTRA_TRY(detail::write_npy_header(out, "<f4", x.n, x.d));
    return write_values(out, x.data, x.n * x.d);
}

inline Status write_npy(Writer& out, const Id* ids, std::size_t n, std::size_t k) {
    LUTRA_TRY(detail::write_npy_header(out, "<i8", n, k));
    return write_values(out, ids, n * k);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
