// lutra/core/aligned.hpp: vectors aligned to cache lines, and on huge pages when they are large.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/config.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace lutra::inline LUTRA_ABI_TAG {

inline constexpr std::size_t kCacheLine = 64;
inline constexpr std::size_t kHugePage = std::size_t{2} << 20;

constexpr std::size_t round_up(std::size_t n, std::size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

/// True if a T may lie at this address.
template <class T>
bool is_aligned(const void* p) {
    return reinterpret_cast<std::uintptr_t>(p) % alignof(T) == 0;
}

namespace detail {
constexpr std::align_val_t alignment_for(std::size_t bytes) {
    return std::align_val_t{bytes >= 2 * kHugePage ? kHugePage : kCacheLine};
}
inline void* allocate_aligned(std::size_t bytes) {
    void* p = ::operator new(bytes, alignment_for(bytes));
#if defined(__linux__)
    if (bytes >= 2 * kHugePage) ::madvise(p, bytes, MADV_HUGEPAGE);  // only a hint: fewer page walks in list scans
#endif
    return p;
}
inline void free_aligned(void* p, std::size_t bytes) { ::operator delete(p, alignment_for(bytes)); }
[[noreturn]] inline void no_memory() {
#if LUTRA_HAS_EXCEPTIONS
    throw std::bad_alloc();
#else
    std::abort();
#endif
}
}  // namespace detail

/// Memory of the caller's for what an index keeps, in a program without a heap. The index must not outlive it. What is given back
/// last is free again, so that vectors which live for a call cost nothing.
class Room {
public:
    explicit Room(std::span<std::byte> bytes) {
        const std::size_t skipped = (kCacheLine - reinterpret_cast<std::uintptr_t>(bytes.data()) % kCacheLine) % kCacheLine;
        if (skipped < bytes.size()) bytes_ = bytes.subspan(skipped);
    }
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;

    std::size_t used() const { return used_; }
    std::size_t left() const { return bytes_.size() - used_; }

    void* take(std::size_t n) {
        void* const p = bytes_.data() + used_;
        used_ += std::min(round_up(n, kCacheLine), left());
        return p;
    }
    void give_back(void* p, std::size_t n) {
        std::byte* const from = static_cast<std::byte*>(p);
        if (from + round_up(n, kCacheLine) == bytes_.data() + used_) used_ -= round_up(n, kCacheLine);
    }

private:
    std::span<std::byte> bytes_;
    std::size_t used_ = 0;
};

/// Allocator for std::vector: cache-line aligned (2 MiB aligned and on huge pages from 4 MiB), and resize() leaves new
/// elements uninitialised, so a vector about to be read into from a file is not written twice. With a room, memory is taken there:
/// Reader::check_room() asks first. Without enough it is as if the heap ran out. A copy is on the heap; a vector that is
/// assigned to keeps its room.
template <class T>
struct AlignedAllocator {
    using value_type = T;

    using propagate_on_container_move_assignment = std::true_type;
    using propagate_on_container_swap = std::true_type;

    AlignedAllocator() = default;
    explicit AlignedAllocator(Room* r) : room(r) {}
    template <class U>
    AlignedAllocator(const AlignedAllocator<U>& other) : room(other.room) {}
    AlignedAllocator select_on_container_copy_construction() const { return {}; }

    T* allocate(std::size_t n) {
        if (room == nullptr) return static_cast<T*>(detail::allocate_aligned(n * sizeof(T)));
        if (n * sizeof(T) > room->left()) detail::no_memory();
        return static_cast<T*>(room->take(n * sizeof(T)));
    }
    void deallocate(T* p, std::size_t n) {
        if (room == nullptr) return detail::free_aligned(p, n * sizeof(T));
        room->give_back(p, n * sizeof(T));
    }

    template <class U>
    void construct(U* p) {
        ::new (static_cast<void*>(p)) U;
    }
    template <class U, class... Args>
    void construct(U* p, Args&&... args) {
        ::new (static_cast<void*>(p)) U(std::forward<Args>(args)...);
    }

    template <class U>
    bool operator==(const AlignedAllocator<U>& other) const {
        return room == other.room;
    }

    Room* room = nullptr;
};

template <class T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

/// Memory allocated like an AlignedVector's, but without elements: in unoptimised builds a vector constructs and destroys each one.
class AlignedBytes {
public:
    explicit AlignedBytes(std::size_t n) : bytes_(static_cast<std::byte*>(detail::allocate_aligned(n)), Free{n}) {}
    std::byte* data() const { return bytes_.get(); }
    std::size_t size() const { return bytes_.get_deleter().size; }

private:
    struct Free {
        std::size_t size;
        void operator()(std::byte* p) const { detail::free_aligned(p, size); }
    };
    std::unique_ptr<std::byte[], Free> bytes_;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
