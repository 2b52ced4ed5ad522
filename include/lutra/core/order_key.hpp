// lutra/core/order_key.hpp: floats as integers of the same order, which compare and are counted faster.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/config.hpp>

#include <bit>
#include <cstdint>

namespace lutra::inline LUTRA_ABI_TAG {

/// Rises with the float; -0 is below 0, and NaN is beyond the infinities.
constexpr std::int32_t order_key(float x) {
    const auto bits = std::bit_cast<std::int32_t>(x);
    return bits ^ std::int32_t(std::uint32_t(bits >> 31) >> 1);
}

/// The float with this key.
constexpr float from_order_key(std::int32_t key) { return std::bit_cast<float>(key ^ std::int32_t(std::uint32_t(key >> 31) >> 1)); }

}  // namespace lutra::inline LUTRA_ABI_TAG
