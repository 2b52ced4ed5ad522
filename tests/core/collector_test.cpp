// Tests of core/collector.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/collector.hpp>
#include <lutra/core/random.hpp>
#include <lutra/core/reservoir.hpp>

#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace {
using lutra::Id;
using lutra::IdFilter;

const auto kEven = [](Id id) { return id % 2 == 0; };

using Pairs = std::vector<std::pair<float, Id>>;

/// Scores where collectors could disagree, several times each, under ids in no order.
Pairs scores_at_the_ends(std::uint32_t seed) {
    using Limits = std::numeric_limits<float>;
    constexpr std::array kScores{Limits::max(),
                                 -Limits::max(),
                                 Limits::infinity(),
                                 -Limits::infinity(),
                                 Limits::min(),
                                 Limits::denorm_min(),
                                 0.F,
                                 -Limits::denorm_min(),
                                 -0.F,
                                 1.F,
                                 Limits::quiet_NaN(),
                                 0x1.fffffcp127F};
    const std::vector<std::size_t> order = lutra::permutation(4 * kScores.size(), 4 * kScores.size(), seed);
    Pairs pairs;
    for (std::size_t i = 0; i < order.size(); ++i) pairs.emplace_back(kScores[order[i] % kScores.size()], Id(i));
    return pairs;
}

/// What a collector writes, distances by their bits.
template <class C>
std::vector<std::pair<std::uint32_t, Id>> written(const Pairs& pairs, std::size_t k, lutra::Metric metric) {
    lutra::Arena arena;
    const IdFilter all;
    std::vector<float> distances(k);
    std::vector<Id> ids(k);
    C collector = C::make(distances.data(), ids.data(), k, &all, arena);
    for (const auto& [score, id] : pairs)
        if (score <= collector.threshold()) collector.push(score, id);
    collector.write(metric, lutra::Order::best_first, distances.data(), ids.data());
    std::vector<std::pair<std::uint32_t, Id>> hits;
    for (std::size_t i = 0; i < k; ++i) hits.emplace_back(std::bit_cast<std::uint32_t>(distances[i]), ids[i]);
    return hits;
}
}  // namespace

TEST_CASE("Collectors of the k best agree bit for bit at the largest float, at infinities, zeros, denormals and NaN") {
    for (std::uint32_t seed = 1; seed <= 20; ++seed)
        for (const std::size_t k : {1, 2, 7, 8, 20, 23, 24, 39, 40, 41, 60})
            for (const lutra::Metric metric : {lutra::Metric::l2, lutra::Metric::inner_product}) {
                CAPTURE(k);
                CAPTURE(seed);
                const Pairs pairs = scores_at_the_ends(seed);
                CHECK(written<lutra::TopCollector>(pairs, k, metric) == written<lutra::Reservoir>(pairs, k, metric));
            }
}

TEST_CASE("Collectors of the k best keep the largest float before empty slots, and give zeros as +0") {
    constexpr float kLargest = lutra::TopK::kEmpty;
    const auto bits = [](float x) { return std::bit_cast<std::uint32_t>(x); };
    const auto check = [&](lutra::Metric metric, float largest, const auto& hits) {
        CAPTURE(lutra::metric_name(metric));
        CHECK(hits == std::vector<std::pair<std::uint32_t, Id>>{
                          {bits(0.F), 2}, {bits(0.F), 3}, {bits(largest), 1}, {bits(largest), 4}, {bits(largest), lutra::kNoId}});
    };
    const Pairs pairs{{kLargest, 4}, {0.F, 3}, {-0.F, 2}, {kLargest, 1}};
    for (const lutra::Metric metric : {lutra::Metric::l2, lutra::Metric::inner_product}) {
        const float largest = metric == lutra::Metric::l2 ? kLargest : -kLargest;
        check(metric, largest, written<lutra::TopCollector>(pairs, 5, metric));
        check(metric, largest, written<lutra::Reservoir>(pairs, 5, metric));
    }
}

TEST_CASE("TopCollector: its threshold is the worst of the k best") {
    std::array<float, 2> scores;
    std::array<Id, 2> ids;
    const IdFilter all;
    lutra::TopCollector collector{{scores.data(), ids.data(), 2}, &all};
    CHECK(collector.threshold() == lutra::TopK::kEmpty);
    for (const float score : {3.F, 1.F, 2.F}) collector.push(score, Id(score));
    CHECK(collector.threshold() == 2.F);
}

TEST_CASE("RangeCollector: keeps what is strictly nearer than the radius") {
    const IdFilter all;
    lutra::RangeCollector collector{2.F, &all};
    CHECK(collector.threshold() == 2.F);
    for (const float score : {3.F, 1.F, 2.F, -5.F}) collector.push(score, Id(10 * score));
    CHECK(collector.hits == std::vector<lutra::detail::Pair<float, Id>>{{1.F, 10}, {-5.F, -50}});
}

TEST_CASE("Collectors: want what the filter lets pass") {
    const IdFilter even = IdFilter::predicate(kEven);
    CHECK(lutra::TopCollector{{}, &even}.wants(4));
    CHECK_FALSE(lutra::TopCollector{{}, &even}.wants(5));
    CHECK(lutra::RangeCollector{0, &even}.wants(4));
    CHECK_FALSE(lutra::RangeCollector{0, &even}.wants(5));
}
