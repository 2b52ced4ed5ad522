// lutra/core/bisect.hpp: the k-th smallest of many integers by bisection: one vectorised count per step, no mispredicted branch.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/config.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace lutra::inline LUTRA_ABI_TAG {

/// A key, and how many keys are at or below it.
struct KeyCount {
    std::int32_t key = 0;
    std::size_t n = 0;
};

/// One of the keys: at least k and at most k + more keys are at or below it; a larger `more` takes fewer passes. If ties leave no
/// such key: the k-th smallest. Needs: 1 <= k <= keys.size(). Cost: at most 35 passes.
inline KeyCount kth_least(std::span<const std::int32_t> keys, std::size_t k, std::size_t more = 0) {
    std::int32_t least = keys[0], most = keys[0];
    for (const std::int32_t key : keys) least = std::min(least, key);
    for (const std::int32_t key : keys) most = std::max(most, key);
    std::int64_t below = std::int64_t(least) - 1;  // fewer than k up to `below`, at least k up to found.key
    KeyCount found{most, keys.size()};
    while (found.key - below > 1 && found.n > k + more) {
        const auto middle = std::int32_t(below + (found.key - below) / 2);
        std::uint32_t n = 0;
        for (const std::int32_t key : keys) n += key <= middle;
        if (n < k)
            below = middle;
        else
            found = {middle, n};
    }
    std::int32_t last = least;  // found.key may lie between two keys
    for (const std::int32_t key : keys) last = std::max(last, key <= found.key ? key : least);
    return {last, found.n};
}

}  // namespace lutra::inline LUTRA_ABI_TAG
