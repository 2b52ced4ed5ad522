// tools/lutra/measure.hpp: measures recall and speed of searches of one index.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/params.hpp>
#include <lutra/factory/index.hpp>
#include <lutra/tune/recall.hpp>

#include <cstddef>

namespace command {
using namespace lutra;

inline constexpr std::size_t kRecallAt = 10;

/// Shares in [0, 1], over all queries; see RecallJudge.
///   at_1    queries whose true nearest is returned first
///   at_10   of the true 10 nearest, those found among the 10 returned
struct Recall {
    double at_1 = 0, at_10 = 0;
};

struct Speed {
    double batch_qps = 0;           ///< queries/s, all in one call; the median of the repeats
    double p50_us = 0, p99_us = 0;  ///< one query a call
};

struct Measured {
    Recall recall;
    Speed speed;
};

/// Searches k = 10 in warm memory: all queries in one call, several times, then one by one; about `seconds` in all, but every
/// query once at least in one call.
Measured measure(const Index& index, MatrixView queries, const RecallJudge& judge, const SearchParams& params,
                 const Resources& resources, double seconds);

}  // namespace command
