// lutra/io/stream.hpp: byte streams that indexes are saved to and loaded from. Files are in file.hpp, so a build without a file
// system can still load an index from memory.  SPDX-License-Identifier: MIT
//
// All numbers in files are little-endian. On a big-endian machine the value helpers swap.
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/core/guarded.hpp>
#include <lutra/core/result.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// A source of bytes. Every length found in a file is checked against remaining() before memory is allocated for it, so a wrong
/// header cannot allocate more than the size of the file.
class Reader {
public:
    virtual ~Reader() = default;
    /// Exactly n bytes, or Errc::bad_file (the stream ends before) or Errc::io_error.
    virtual Status read(void* to, std::size_t n) = 0;
    virtual std::uint64_t position() const = 0;   ///< bytes read so far
    virtual std::uint64_t remaining() const = 0;  ///< bytes left

    /// True if the bytes lie in memory that outlives what is read, so that an index may use them where they are.
    virtual bool lends() const { return false; }
    /// The next n bytes, of a reader that lends; they are read then. Errors: bad_file.
    virtual Status lend(std::size_t n, const std::byte*& at) {
        at = nullptr;
        return {Errc::unsupported, "{} bytes in place; accepted: streams in memory", n};
    }

    /// Where an index that is read takes its memory from; null: the heap.
    virtual Room* room() const { return nullptr; }
    /// An error unless there are so many bytes, for one vector each.
    Status check_room(std::initializer_list<std::uint64_t> bytes) const {
        if (room() == nullptr) return {};
        std::uint64_t wanted = 0;
        for (const std::uint64_t n : bytes) wanted += (n + kCacheLine - 1) / kCacheLine * kCacheLine;
        if (wanted <= room()->left()) return {};
        return {Errc::out_of_memory, "{} bytes wanted of a room with {} left", wanted, room()->left()};
    }
    /// An error if there is a room: what needs the heap.
    Status check_heap(std::string_view what) const {
        if (room() == nullptr) return {};
        return {Errc::unsupported, "{}: needs memory of the heap, and a room was given", what};
    }
};

/// A sink of bytes.
class Writer {
public:
    virtual ~Writer() = default;
    /// All n bytes, or Errc::io_error with the system's reason.
    virtual Status write(const void* from, std::size_t n) = 0;
};

/// What becomes of bytes in memory: an index copies what it needs, or uses them in place, where they must stay.
enum class FromMemory : std::uint8_t { copy, in_place };

/// Reads bytes owned by the caller: flash, a mapped file, a buffer. Numbers of a big-endian machine are always copied.
class MemoryReader final : public Reader {
public:
    explicit MemoryReader(std::span<const std::byte> bytes, FromMemory use = FromMemory::copy)
        : bytes_(bytes), lends_(use == FromMemory::in_place && std::endian::native == std::endian::little) {}
    /// In place; what cannot be is kept in `room`, which both outlive the index. Needs a little-endian machine.
    MemoryReader(std::span<const std::byte> bytes, Room& room) : MemoryReader(bytes, FromMemory::in_place) { room_ = &room; }

    Status read(void* to, std::size_t n) override {
        const std::byte* from = nullptr;
        LUTRA_TRY(lend(n, from));
        if (n != 0) std::memcpy(to, from, n);
        return {};
    }
    std::uint64_t position() const override { return position_; }
    std::uint64_t remaining() const override { return bytes_.size() - position_; }
    bool lends() const override { return lends_; }
    Room* room() const override { return room_; }
    Status lend(std::size_t n, const std::byte*& at) override {
        if (n > remaining())
            return {Errc::bad_file, "truncated: {} bytes wanted at offset {}, {} are left", n, position_, remaining()};
        at = bytes_.data() + position_;
        position_ += n;
        return {};
    }

private:
    std::span<const std::byte> bytes_;
    std::size_t position_ = 0;
    bool lends_;
    Room* room_ = nullptr;
};

/// Another reader, which lends nothing: what is read by it is copied.
class CopyingReader final : public Reader {
public:
    explicit CopyingReader(Reader& in) : in_(in) {}
    Status read(void* to, std::size_t n) override { return in_.read(to, n); }
    std::uint64_t position() const override { return in_.position(); }
    std::uint64_t remaining() const override { return in_.remaining(); }

private:
    Reader& in_;
};

/// Collects bytes in a vector.
class MemoryWriter final : public Writer {
public:
    Status write(const void* from, std::size_t n) override {
        const auto* bytes = static_cast<const std::byte*>(from);
        return guarded("write", [&] { return bytes_.insert(bytes_.end(), bytes, bytes + n), Status(); });
    }
    std::span<const std::byte> bytes() const { return bytes_; }

private:
    std::vector<std::byte> bytes_;
};

namespace detail {
template <class T>
void swap_to_little([[maybe_unused]] T* values, [[maybe_unused]] std::size_t n) {
    if constexpr (std::endian::native == std::endian::big && sizeof(T) > 1)
        for (std::size_t i = 0; i < n; ++i) {
            auto* bytes = reinterpret_cast<unsigned char*>(values + i);
            std::reverse(bytes, bytes + sizeof(T));
        }
}
}  // namespace detail

/// n little-endian values into memory that is there already.
template <class T>
Status read_values(Reader& in, T* to, std::size_t n) {
    static_assert(std::is_arithmetic_v<T> || std::is_same_v<T, std::byte>);
    LUTRA_TRY(in.read(to, n * sizeof(T)));
    detail::swap_to_little(to, n);
    return {};
}
template <class T>
Status read_value(Reader& in, T& to) {
    return read_values(in, &to, 1);
}
/// An empty vector that takes its memory where the reader says.
template <class T>
AlignedVector<T> vector_for(const Reader& in) {
    return AlignedVector<T>(AlignedAllocator<T>(in.room()));
}

/// n values into a vector, whose memory is taken only after the stream is known to hold them.
template <class T, class Allocator>
Status read_vector(Reader& in, std::vector<T, Allocator>& to, std::uint64_t n) {
    if (n > in.remaining() / sizeof(T))
        return {
            Errc::bad_file, "truncated: {} values of {} bytes wanted at offset {}, {} bytes are left", n, sizeof(T), in.position(),
            in.remaining()};
    if constexpr (std::is_same_v<Allocator, AlignedAllocator<T>>)
        LUTRA_TRY(in.check_room({n * sizeof(T)}));
    else
        LUTRA_TRY(in.check_heap("values that are kept"));
    to.resize(std::size_t(n));
    return read_values(in, to.data(), to.size());
}

template <class T>
Status write_values(Writer& out, const T* from, std::size_t n) {
    static_assert(std::is_arithmetic_v<T> || std::is_same_v<T, std::byte>);
    if constexpr (std::endian::native == std::endian::little || sizeof(T) == 1) return out.write(from, n * sizeof(T));
    for (std::size_t i = 0; i < n; ++i) {
        T value = from[i];
        detail::swap_to_little(&value, 1);
        LUTRA_TRY(out.write(&value, sizeof(T)));
    }
    return {};
}
template <class T>
Status write_value(Writer& out, T value) {
    return write_values(out, &value, 1);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
