// lutra/core/digits.hpp: reads a whole number from the front of a text. (std::from_chars would be shared by units compiled for different
// machines, see ordered.hpp.)  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/config.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace lutra::inline LUTRA_ABI_TAG::detail {

/// The number whose decimal digits the text begins with, which are removed from it; nothing, and the text as it was, if it begins with
/// no digit or the number is above `most`.
inline std::optional<std::uint64_t> read_digits(std::string_view& text, std::uint64_t most) {
    std::uint64_t value = 0;
    std::size_t n = 0;
    for (; n < text.size() && text[n] >= '0' && text[n] <= '9'; ++n) {
        const auto digit = std::uint64_t(text[n] - '0');
        if (value > (most - digit) / 10 || digit > most) return std::nullopt;
        value = value * 10 + digit;
    }
    if (n == 0) return std::nullopt;
    text.remove_prefix(n);
    return value;
}

}  // namespace lutra::inline LUTRA_ABI_TAG::detail
