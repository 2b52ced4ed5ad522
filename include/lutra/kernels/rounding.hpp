// lutra/kernels/rounding.hpp: bounds the difference of a fused product's score and the exact one.  SPDX-License-Identifier: MIT
//
// panel.hpp sums d products in one chain, distance.hpp in some order of at most as many steps. With u = 2^-24, S = |q|^2 + |x|^2:
//
//   2 q.x, in a chain                                          d u 2 |q||x|             <=  d u S
//   |q|^2 and |x|^2, sums of squares                                                    <=  (d + 2) u S
//   |q - x|^2 exactly, each difference rounded, too            (d + 4) u |q - x|^2      <=  (2 d + 8) u S
//   q and x less an origin, if there is one; sums of the above; the slack itself        <=  12 u S
//
// together (4 d + 22) u S; the 10 u S above that are for u^2 (more columns need no more: sums in lanes are rounded less often than
// this counts). An inner product has d u |q||x| for the chain and (d + 2) u |q||x| for the exact one. Squares and products below
// the smallest normal float m lose up to m instead, each as often.
#pragma once
#include <lutra/core/config.hpp>

#include <cstddef>
#include <limits>

namespace lutra::inline LUTRA_ABI_TAG {

/// The largest difference of the two scores for d columns, relative to |q|^2 + |x|^2 for L2 and to |q||x| for inner products.
constexpr float rounding_slack(std::size_t d) { return float(4 * d + 32) * 0x1p-24F; }

/// Added to that difference, for numbers below the smallest normal float.
constexpr float underflow_slack(std::size_t d) { return float(4 * d + 32) * std::numeric_limits<float>::min(); }

}  // namespace lutra::inline LUTRA_ABI_TAG
