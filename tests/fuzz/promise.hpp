// tests/fuzz/promise.hpp: what fuzz targets share.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/hits.hpp>
#include <lutra/core/result.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

namespace fuzz {

/// Ends the program where a promise is broken, as a sanitizer does.
inline void require(bool kept, const char* promise) {
    if (kept) return;
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
}

inline void require_reason(const lutra::Status& status) {
    require(status.ok() || !status.message().empty(), "what fails has a reason");
}

/// A number that any change of the input changes: chooses what is done with it, so that files can be inputs as they are.
inline unsigned sum(std::span<const std::uint8_t> input) {
    unsigned s = 0;
    for (const std::uint8_t byte : input) s = s * 31 + byte;
    return s;
}

/// n values that repeat late, from -2 to 2.
inline std::vector<float> values(std::size_t n) {
    std::vector<float> v(n);
    for (std::size_t i = 0; i < n; ++i) v[i] = float(int(i * 2654435761U >> 7U) % 200 - 100) / 50.F;
    return v;
}

inline bool same_bits(const lutra::Hits& a, const lutra::Hits& b) {
    return a.ids == b.ids && std::memcmp(a.distances.data(), b.distances.data(), a.distances.size() * sizeof(float)) == 0;
}

}  // namespace fuzz
