// lutra/io/half.hpp: converts 16-bit floats (IEEE 754 binary16) to 32-bit ones, exactly and without hardware support.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/bit_cast.hpp>

#include <cstdint>

namespace lutra::inline LUTRA_ABI_TAG {

/// The value of a half given by its bits: s eeeee mmmmmmmmmm. Every half is a float; a NaN keeps its payload.
inline float half_to_float(std::uint16_t bits) {
    const std::uint32_t sign = std::uint32_t(bits & 0x8000) << 16;
    const std::uint32_t exponent = (bits >> 10) & 0x1f, mantissa = bits & 0x3ff;
    if (exponent == 0) {  // zero and subnormals: mantissa * 2^-24
        const float value = static_cast<float>(mantissa) * 0x1p-24f;
        return sign != 0 ? -value : value;
    }
    const std::uint32_t exponent32 = exponent == 0x1f ? 0xff : exponent + (127 - 15);
    return bit_cast<float>(sign | exponent32 << 23 | mantissa << 13);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
