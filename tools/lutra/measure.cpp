// tools/lutra/measure.cpp: see measure.hpp.  SPDX-License-Identifier: MIT
#include "measure.hpp"

#include "failure.hpp"
#include "stopwatch.hpp"

#include <lutra/core/hits.hpp>

#include <algorithm>
#include <vector>

namespace command {

namespace {
constexpr std::size_t kMostRepeats = 100;     // of the batch
constexpr std::size_t kMostSingles = 20'000;  // calls with one query
constexpr std::size_t kWarmUps = 20;

/// The value below which a share of the values lies.
double percentile(std::vector<double>& values, double share) {
    const auto at = values.begin() + std::ptrdiff_t(share * double(values.size() - 1) + 0.5);
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

/// Seconds of each run(i), i = 0, 1, ...: once at least, then until `most` or until the time is used up.
template <class Run>
std::vector<double> time_repeats(std::size_t most, double seconds, Run run) {
    std::vector<double> times;
    const Stopwatch all;
    do {
        const Stopwatch one;
        run(times.size());
        times.push_back(one.seconds());
    } while (times.size() < most && all.seconds() + times.back() < seconds);
    return times;
}
}  // namespace

Measured measure(const Index& index, MatrixView queries, const RecallJudge& judge, const SearchParams& params,
                 const Resources& resources, double seconds) {
    Hits hits(queries.n, kRecallAt), one(1, kRecallAt);
    const auto all_at_once = [&](std::size_t) { check(index.search(queries, kRecallAt, hits.view(), params, resources)); };
    const auto one_by_one = [&](std::size_t i) {
        const std::size_t row = i % queries.n;
        check(index.search(queries.rows(row, row + 1), kRecallAt, one.view(), params, resources));
    };
    all_at_once(0);  // warms up, and finds what the recall is of
    const Recall found{judge.recall(hits, 1).value(), judge.recall(hits, kRecallAt).value()};
    std::vector<double> batches = time_repeats(kMostRepeats, seconds / 2, all_at_once);
    time_repeats(kWarmUps, seconds / 10, one_by_one);
    std::vector<double> singles = time_repeats(kMostSingles, seconds / 2, one_by_one);
    return {found, {double(queries.n) / percentile(batches, 0.5), 1e6 * percentile(singles, 0.5), 1e6 * percentile(singles, 0.99)}};
}

}  // namespace command
