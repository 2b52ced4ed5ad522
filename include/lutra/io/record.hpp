// lutra/io/record.hpp: the building blocks of records in faiss's index format: four-character codes, the common header, counted
// arrays.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/message.hpp>
#include <lutra/core/types.hpp>
#include <lutra/io/stream.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Four ASCII bytes that say which record follows.
struct Fourcc {
    std::array<char, 4> text{};

    constexpr Fourcc() = default;
    constexpr Fourcc(const char (&s)[5]) : text{s[0], s[1], s[2], s[3]} {}

    bool operator==(const Fourcc&) const = default;

    constexpr std::string_view view() const { return {text.data(), text.size()}; }

    /// For messages: bytes that cannot be printed are shown as '?'.
    std::array<char, 4> printable() const {
        auto shown = text;
        for (char& c : shown)
            if (c < ' ' || c > '~') c = '?';
        return shown;
    }
};

inline Status read_fourcc(Reader& in, Fourcc& fourcc) { return in.read(fourcc.text.data(), fourcc.text.size()); }
inline Status write_fourcc(Writer& out, Fourcc fourcc) { return out.write(fourcc.text.data(), fourcc.text.size()); }

/// The largest nesting depth of records and transforms in a file; a factory string counts as the file of its index with ids of the
/// caller's. Each transform, each RFlat, each index and each index over centroids on the deepest path counts one, and so does the
/// id map. Calls nest as deep: at the limit every call fits into 256 KB of stack (measured without sanitizers, whose frames are
/// larger).
inline constexpr std::size_t kMaxNesting = 16;

inline Status nested_too_deep() {
    return {Errc::bad_file, "nested too deep; accepted: {} records and transforms in each other", kMaxNesting};
}

/// Appends to a list of what is accepted: "IxF2, IxFI (Flat), IwFl (IVF,Flat)".
inline void append_records(Message& text, std::span<const Fourcc> records, std::string_view name, std::string_view before = {}) {
    for (const Fourcc& fourcc : records) text.append(text.view().empty() ? "" : ", ").append(fourcc.view());
    text.append(" (").append(before).append(name).append(")");
}

/// An error about the record whose fourcc ends at `position`. accepted: text, or a function that makes it.
template <class Accepted>
Status unexpected_record(Fourcc found, const Accepted& accepted, std::uint64_t position) {
    const auto shown = found.printable();
    return {Errc::bad_file, "record \"{}\" was found at offset {} where one of these is expected: {}",
            std::string_view(shown.data(), shown.size()), position - 4, accepted};
}

/// The header that follows the code in every index record. It has two numbers that faiss does not use: it writes 1 << 20 for both
/// and ignores them when reading. lutra keeps its note in the second.
struct IndexHeader {
    static constexpr std::int32_t kMaxDim = 1 << 20;
    static constexpr std::int64_t kNoNote = 1 << 20;

    std::size_t d = 0;
    std::uint64_t ntotal = 0;
    bool is_trained = true;
    Metric metric = Metric::l2;
    std::int64_t note = kNoNote;
};

/// A bool is one byte, 0 or 1; anything else is a damaged file.
inline Status read_bool(Reader& in, bool& to) {
    std::uint8_t byte = 0;
    LUTRA_TRY(read_value(in, byte));
    if (byte > 1) return {Errc::bad_file, "flag at offset {} is {}; accepted: 0 or 1", in.position() - 1, byte};
    to = byte == 1;
    return {};
}

inline Status read_header(Reader& in, IndexHeader& header) {
    std::int32_t d = 0, metric = 0;
    std::int64_t ntotal = 0, unused = 0;
    LUTRA_TRY(read_value(in, d));
    LUTRA_TRY(read_value(in, ntotal));
    LUTRA_TRY(read_value(in, unused));
    LUTRA_TRY(read_value(in, header.note));
    LUTRA_TRY(read_bool(in, header.is_trained));
    LUTRA_TRY(read_value(in, metric));
    if (d < 1 || d > IndexHeader::kMaxDim)
        return {Errc::bad_file, "dimension {} in the header; accepted: 1 to {}", d, IndexHeader::kMaxDim};
    if (ntotal < 0) return {Errc::bad_file, "{} vectors in the header; accepted: 0 or more", ntotal};
    if (metric != 0 && metric != 1)
        return {Errc::unsupported, "metric number {} in the header; accepted: 0 (inner product) or 1 (L2)", metric};
    header.d = std::size_t(d), header.ntotal = std::uint64_t(ntotal), header.metric = Metric(metric);
    return {};
}

inline Status write_header(Writer& out, const IndexHeader& header) {
    LUTRA_TRY(write_value(out, std::int32_t(header.d)));
    LUTRA_TRY(write_value(out, std::int64_t(header.ntotal)));
    LUTRA_TRY(write_value(out, IndexHeader::kNoNote));
    LUTRA_TRY(write_value(out, header.note));
    LUTRA_TRY(write_value(out, std::uint8_t(header.is_trained)));
    return write_value(out, std::int32_t(header.metric));
}

/// A u64 count and that many values of `size` bytes, where they lie.
inline Status lend_counted(Reader& in, std::size_t size, const std::byte*& at, std::size_t& count) {
    std::uint64_t n = 0;
    LUTRA_TRY(read_value(in, n));
    if (n > in.remaining() / size)
        return {Errc::bad_file, "truncated: {} values of {} bytes wanted at offset {}, {} bytes are left", n, size, in.position(),
                in.remaining()};
    count = std::size_t(n);
    return in.lend(count * size, at);
}

/// A u64 count and that many values.
template <class T, class Allocator>
Status read_counted(Reader& in, std::vector<T, Allocator>& to) {
    std::uint64_t count = 0;
    LUTRA_TRY(read_value(in, count));
    return read_vector(in, to, count);
}
/// A u64 count and that many values, at any address: where they lie, if the reader lends them, else in `copy`.
template <class T>
Status read_or_lend_counted(Reader& in, std::vector<T>& copy, const std::byte*& at, std::size_t& count) {
    if (in.lends()) return lend_counted(in, sizeof(T), at, count);
    LUTRA_TRY(read_counted(in, copy));
    at = reinterpret_cast<const std::byte*>(copy.data()), count = copy.size();
    return {};
}
template <class T>
Status write_counted(Writer& out, const T* from, std::size_t n) {
    LUTRA_TRY(write_value(out, std::uint64_t(n)));
    return write_values(out, from, n);
}

/// id(i) for each i < n.
template <class IdOf>
Status write_ids(Writer& out, std::size_t n, IdOf&& id) {
    Id some[512];
    for (std::size_t i = 0; i < n; i += std::size(some)) {
        const std::size_t m = std::min(std::size(some), n - i);
        for (std::size_t j = 0; j < m; ++j) some[j] = id(i + j);
        LUTRA_TRY(write_values(out, some, m));
    }
    return {};
}

}  // namespace lutra::inline LUTRA_ABI_TAG
