// lutra/kernels/normalize.hpp: rows scaled to length 1.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/types.hpp>

#include <cmath>
#include <cstddef>

namespace lutra::inline LUTRA_ABI_TAG {

/// to [n, d] = rows of x [n, d] at length 1 (they may be the same memory). A row of zeros stays one. The length is summed
/// in double, so no finite row over- or underflows.
inline void normalize_rows(const float* x, std::size_t n, std::size_t d, float* to) {
    for (std::size_t i = 0; i < n; ++i, x += d, to += d) {
        double squared = 0;
        for (std::size_t t = 0; t < d; ++t) squared += double(x[t]) * double(x[t]);
        const double scale = squared > 0 ? 1 / std::sqrt(squared) : 0;
        for (std::size_t t = 0; t < d; ++t) to[t] = float(double(x[t]) * scale);
    }
}

}  // namespace lutra::inline LUTRA_ABI_TAG
