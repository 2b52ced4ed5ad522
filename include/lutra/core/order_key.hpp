// lutra/core/order_key.hpp: maps floats to integers of the same order, which compare and count faster.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/bit_cast.hpp>

#include <cstdint>

namespace lutra::inline LUTRA_ABI_TAG {

/// The key of a float: increasing in x; -0 is below 0, and NaN is beyond the infinities.
constexpr std::int32_t order_key(float x) {
    const auto bits = bit_cast<std::int32_t>(x);
    return bits ^ std::int32_t(std::uint32_t(bits >> 31) >> 1);
}

/// The float that has this key.
constexpr float from_order_key(std::int32_t key) { return bit_cast<float>(key ^ std::int32_t(std::uint32_t(key >> 31) >> 1)); }

}  // namespace lutra::inline LUTRA_ABI_TAG
