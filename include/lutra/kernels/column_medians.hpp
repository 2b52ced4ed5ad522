// lutra/kernels/column_medians.hpp: an origin that does not follow one far row.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/order_key.hpp>
#include <lutra/core/ordered.hpp>
#include <lutra/core/validate.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace lutra::inline LUTRA_ABI_TAG {

/// out [d]: the median of each column over at most 255 of the rows x [n, d], n >= 1, spread evenly; 0 where it is not finite.
inline void column_medians(const float* x, std::size_t n, std::size_t d, float* out) {
    constexpr std::size_t kSample = 255;
    const std::size_t some = std::min(n, kSample);
    std::array<std::int32_t, kSample> all;
    const std::span<std::int32_t> keys(all.data(), some);
    for (std::size_t t = 0; t < d; ++t) {
        for (std::size_t i = 0; i < some; ++i) keys[i] = order_key(x[i * n / some * d + t]);
        std::nth_element(keys.begin(), keys.begin() + std::ptrdiff_t(some / 2), keys.end(), detail::Less());
        const float median = from_order_key(keys[some / 2]);
        out[t] = detail::is_finite(median) ? median : 0.F;
    }
}

}  // namespace lutra::inline LUTRA_ABI_TAG
