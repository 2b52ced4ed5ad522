// Tests of core/collector.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/collector.hpp>

#include <array>
#include <utility>
#include <vector>

namespace {
using lutra::Id;
using lutra::IdFilter;

const auto kEven = [](Id id) { return id % 2 == 0; };
}  // namespace

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
    CHECK(collector.hits == std::vector<std::pair<float, Id>>{{1.F, 10}, {-5.F, -50}});
}

TEST_CASE("Collectors: want what the filter lets pass") {
    const IdFilter even = IdFilter::predicate(kEven);
    CHECK(lutra::TopCollector{{}, &even}.wants(4));
    CHECK_FALSE(lutra::TopCollector{{}, &even}.wants(5));
    CHECK(lutra::RangeCollector{0, &even}.wants(4));
    CHECK_FALSE(lutra::RangeCollector{0, &even}.wants(5));
}
