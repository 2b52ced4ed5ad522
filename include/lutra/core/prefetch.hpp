// lutra/core/prefetch.hpp: prefetches cache lines. Any address is allowed; without compiler support nothing happens.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/aligned.hpp>

#include <cstddef>

namespace lutra::inline LUTRA_ABI_TAG {

/// Prefetches the cache line at p, to read.
inline void prefetch_line(const void* p) {
#if defined(__GNUC__)
    __builtin_prefetch(p);
#else
    static_cast<void>(p);
#endif
}

/// Prefetches the cache line at p, to write.
inline void prefetch_line_to_write(const void* p) {
#if defined(__GNUC__)
    __builtin_prefetch(p, 1);
#else
    static_cast<void>(p);
#endif
}

/// Prefetches n bytes from p on, to read: one line for every kCacheLine bytes.
inline void prefetch_bytes(const void* p, std::size_t n) {
    for (std::size_t at = 0; at < n; at += kCacheLine) prefetch_line(static_cast<const std::byte*>(p) + at);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
