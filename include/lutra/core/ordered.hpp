// lutra/core/ordered.hpp: a comparison and a pair of lutra's own, for sorting by std.  SPDX-License-Identifier: MIT
//
// std::sort of floats or of std::pairs is one function for the whole program, of which the linker keeps the body it meets first: a unit
// for AVX-512 would hand its body to one for any machine. With a type of lutra's in its name, which has the ABI tag, it does not.
// tests/odr/wide_symbols_test.py looks for those that are left.
#pragma once
#include <lutra/core/config.hpp>

namespace lutra::inline LUTRA_ABI_TAG::detail {

/// a < b.
struct Less {
    template <class T>
    constexpr bool operator()(const T& a, const T& b) const {
        return a < b;
    }
};

/// A std::pair, in order of `first`, then of `second`.
template <class A, class B>
struct Pair {
    A first;
    B second;

    friend constexpr bool operator==(const Pair&, const Pair&) = default;
    friend constexpr bool operator<(const Pair& a, const Pair& b) {
        return a.first < b.first || (!(b.first < a.first) && a.second < b.second);
    }
};

}  // namespace lutra::inline LUTRA_ABI_TAG::detail
