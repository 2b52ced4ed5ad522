// lutra/cluster/copies.hpp: finds duplicate rows.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/bit_cast.hpp>
#include <lutra/core/ordered.hpp>
#include <lutra/core/types.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG::detail {

/// A hash of a row: equal rows have equal hashes; 0 and -0 are equal. Four independent chains of multiplications, for speed.
inline std::uint64_t row_hash(const float* x, std::size_t d) {
    constexpr std::uint64_t kFactor = 0xff51afd7ed558ccdU;
    std::uint64_t chains[4] = {1, 2, 3, 4};
    for (std::size_t t = 0; t < d; ++t) {
        std::uint64_t& chain = chains[t % 4];
        chain = (chain ^ bit_cast<std::uint32_t>(x[t] + 0.F)) * kFactor;
        chain ^= chain >> 32;
    }
    return ((chains[0] * kFactor + chains[1]) * kFactor + chains[2]) * kFactor + chains[3];
}

/// Marks each row of x [n, d] that equals an earlier one; x has no NaN. Cost: one pass over x and a sort of n numbers.
inline std::vector<bool> find_copies(MatrixView x) {
    std::vector<Pair<std::uint64_t, std::size_t>> rows(x.n);
    for (std::size_t i = 0; i < x.n; ++i) rows[i] = {row_hash(x.row(i), x.d), i};
    std::sort(rows.begin(), rows.end());
    std::vector<bool> is_copy(x.n, false);
    std::vector<std::size_t> different;  // rows of one hash
    for (std::size_t i = 0; i < x.n; ++i) {
        if (i == 0 || rows[i].first != rows[i - 1].first) different.clear();
        const std::size_t row = rows[i].second;
        const auto equal = [&](std::size_t other) { return std::equal(x.row(row), x.row(row) + x.d, x.row(other)); };
        if (std::any_of(different.begin(), different.end(), equal))
            is_copy[row] = true;
        else
            different.push_back(row);
    }
    return is_copy;
}

}  // namespace lutra::inline LUTRA_ABI_TAG::detail
