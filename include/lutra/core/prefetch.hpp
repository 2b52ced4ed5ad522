// lutra/core/prefetch.hpp: asks for memory before it is used. Any address will do; where the compiler cannot ask, nothing happens.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/aligned.hpp>

#include <cstddef>

namespace lutra::inline LUTRA_ABI_TAG {

/// The cache line at p, to read.
inline void prefetch_line(const void* p) {
#if defined(__GNUC__)
    __builtin_prefetch(p);
#else
    static_cast<void>(p);
#endif
}

/// The cache line at p, to write.
inline void prefetch_line_to_write(const void* p) {
#if defined(__GNUC__)
    __builtin_prefetch(p, 1);
#else
    static_cast<void>(p);
#endif
}

/// A line for every kCacheLine of n bytes from p on, to read.
inline void prefetch_bytes(const void* p, std::size_t n) {
    for (std::size_t at = 0; at < n; at += kCacheLine) prefetch_line(static_cast<const std::byte*>(p) + at);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
