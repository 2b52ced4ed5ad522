// lutra/core/bit_cast.hpp: std::bit_cast, which libc++ has from version 14 on and compilers without it, too.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/config.hpp>

#include <type_traits>

namespace lutra::inline LUTRA_ABI_TAG {

/// The To that has the bytes of `from`.
template <class To, class From>
constexpr To bit_cast(const From& from) {
    static_assert(sizeof(To) == sizeof(From) && std::is_trivially_copyable_v<To> && std::is_trivially_copyable_v<From>);
    return __builtin_bit_cast(To, from);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
