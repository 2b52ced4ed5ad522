// lutra/kernels/rank_in_double.hpp: ranks rows by distances in double, if those in float overflow.
// SPDX-License-Identifier: MIT
//
// A finite vector has nearest rows even if every distance is beyond the largest float (distance.hpp then says infinity or NaN,
// which no collector takes). Such queries are rare, so this need not be fast.
#pragma once
#include <lutra/core/ordered.hpp>
#include <lutra/core/types.hpp>
#include <lutra/core/validate.hpp>
#include <lutra/core/workspace.hpp>

#include <algorithm>
#include <cstddef>
#include <span>

namespace lutra::inline LUTRA_ABI_TAG {

/// The score of row x [d] for q [d] in double, which finite vectors cannot overflow.
inline double score_in_double(Metric metric, const float* q, const float* x, std::size_t d) {
    double sum = 0;
    for (std::size_t t = 0; t < d; ++t) {
        const double difference = double(q[t]) - double(x[t]);
        sum += metric == Metric::l2 ? difference * difference : -double(q[t]) * double(x[t]);
    }
    return sum;
}

/// What fill_in_double() takes from the arena for n rows.
constexpr std::size_t fill_in_double_bytes(std::size_t n) {
    return arena_bytes<detail::Pair<double, Id>>(n) + arena_bytes<bool>(n);
}

/// Fills the empty slots at the end of ranked, of at most x.n, of a query q [d] with those rows of x [n, d] that are missing there,
/// best first by distances in double, ties to the lower row. A query that is not finite has no nearest rows: its slots stay empty.
/// Cost: n d multiply-adds if a slot is empty, else none.
inline void fill_in_double(Metric metric, const float* q, MatrixView x, std::span<Id> ranked, Arena& arena) {
    const auto empty = std::find(ranked.begin(), ranked.end(), kNoId);
    if (empty == ranked.end() || !std::all_of(q, q + x.d, [](float v) { return detail::is_finite(v); })) return;
    const Arena::Frame frame(arena);
    const auto order = arena.take<detail::Pair<double, Id>>(x.n);
    const auto found = arena.take<bool>(x.n);
    std::fill(found.begin(), found.end(), false);
    std::for_each(ranked.begin(), empty, [&](Id row) { found[std::size_t(row)] = true; });
    std::size_t n = 0;
    for (std::size_t j = 0; j < x.n; ++j) {
        const double score = found[j] ? 0 : score_in_double(metric, q, x.row(j), x.d);
        if (!found[j] && score == score) order[n++] = {score, Id(j)};
    }
    const std::size_t wanted = std::min(n, std::size_t(ranked.end() - empty));
    std::partial_sort(order.begin(), order.begin() + std::ptrdiff_t(wanted), order.begin() + std::ptrdiff_t(n));
    for (std::size_t i = 0; i < wanted; ++i) empty[std::ptrdiff_t(i)] = order[i].second;
}

}  // namespace lutra::inline LUTRA_ABI_TAG
