// lutra/kernels/normalize.hpp: lengths of rows, and scaling rows to length 1.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/types.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

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

/// |x|, no more than the largest float; NaN or infinity if a component is.
inline float length(const float* x, std::size_t d) {
    double squared = 0;
    for (std::size_t t = 0; t < d; ++t) squared += double(x[t]) * double(x[t]);
    const double root = std::sqrt(squared);
    return float(std::isfinite(root) ? std::min(root, double(std::numeric_limits<float>::max())) : root);
}

/// True if every row has length 1, up to rounding (1e-4), or 0 (silent frames).
inline bool have_unit_length(MatrixView x) {
    for (std::size_t i = 0; i < x.n; ++i) {
        const float l = length(x.row(i), x.d);
        if (!(std::abs(l - 1) < 1e-4F) && l != 0) return false;
    }
    return true;
}

/// True if a partition for inner products should consider the lengths of rows: not if all have length 1, or are so short that the
/// squares of their differences underflow.
inline bool lengths_matter(MatrixView x) {
    constexpr float kShortest = 0x1p-50F;
    for (std::size_t i = 0; i < x.n; ++i)
        if (!(length(x.row(i), x.d) < kShortest)) return !have_unit_length(x);
    return false;
}

}  // namespace lutra::inline LUTRA_ABI_TAG
