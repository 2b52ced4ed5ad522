// lutra/core/aligned.hpp: vectors aligned to cache lines, and on huge pages when they are large.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/config.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
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
}  // namespace detail

/// Allocator for std::vector: cache-line aligned (2 MiB aligned and on huge pages from 4 MiB), and resize() leaves new
/// elements uninitialised, so a vector about to be read into from a file is not written twice.
template <class T>
struct AlignedAllocator {
    using value_type = T;

    AlignedAllocator() = default;
    template <class U>
    AlignedAllocator(const AlignedAllocator<U>&) {}

    T* allocate(std::size_t n) { return static_cast<T*>(detail::allocate_aligned(n * sizeof(T))); }
    void deallocate(T* p, std::size_t n) { detail::free_aligned(p, n * sizeof(T)); }

    template <class U>
    void construct(U* p) {
        ::new (static_cast<void*>(p)) U;
    }
    template <class U, class... Args>
    void construct(U* p, Args&&... args) {
        ::new (static_cast<void*>(p)) U(std::forward<Args>(args)...);
    }

    template <class U>
    bool operator==(const AlignedAllocator<U>&) const {
        return true;
    }
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
