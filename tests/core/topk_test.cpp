// Tests of core/topk.hpp: against a sorted list of everything that was pushed.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/random.hpp>
#include <lutra/core/topk.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace {
using lutra::Id;
using lutra::kNoId;
using lutra::Metric;
using lutra::TopK;
using Hits = std::vector<std::pair<float, Id>>;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

Hits top(const Hits& pushed, std::size_t k, Metric metric = Metric::l2) {
    std::vector<float> scores(k);
    std::vector<Id> ids(k);
    TopK heap(scores.data(), ids.data(), k);
    for (const auto& [score, id] : pushed) heap.push(score, id);
    heap.write(metric);
    Hits hits(k);
    for (std::size_t i = 0; i < k; ++i) hits[i] = {scores[i], ids[i]};
    return hits;
}
/// The definition: sort by score, then id; fill up with empty slots.
Hits sorted(Hits pushed, std::size_t k) {
    std::sort(pushed.begin(), pushed.end());
    pushed.resize(k, {TopK::kEmpty, kNoId});
    return pushed;
}
Hits random_hits(std::size_t n, std::size_t different_scores, std::uint32_t seed) {
    lutra::Rng rng(seed);
    const std::vector<std::size_t> ids = lutra::permutation(n, n, seed);
    Hits hits;
    for (const std::size_t id : ids) hits.emplace_back(float(rng.below(different_scores)) - 5, Id(id));
    return hits;
}
}  // namespace

TEST_CASE("TopK: equals a sort, with few ties and with many, for every k around the number of pushes") {
    for (std::size_t n : {0, 1, 2, 31, 32, 33, 500})
        for (std::size_t k : {1, 2, 3, 10, 31, 32, 33, 100, 600})
            for (std::size_t different_scores : {1, 3, 1000000}) {
                CAPTURE(n);
                CAPTURE(k);
                CAPTURE(different_scores);
                const Hits hits = random_hits(n, different_scores, std::uint32_t(n + k));
                CHECK(top(hits, k) == sorted(hits, k));
            }
}

TEST_CASE("TopK: the order of arrival does not matter") {
    Hits hits = random_hits(200, 20, 1);
    const Hits want = top(hits, 30);
    std::reverse(hits.begin(), hits.end());
    CHECK(top(hits, 30) == want);
    std::sort(hits.begin(), hits.end());
    CHECK(top(hits, 30) == want);
}

TEST_CASE("TopK: NaN and +infinity never enter, -infinity and the largest float do") {
    const float largest = std::numeric_limits<float>::max();
    const Hits hits = top({{kNaN, 1}, {kInfinity, 2}, {-kInfinity, 3}, {-kNaN, 4}, {1.F, 5}}, 4);
    CHECK(hits == Hits{{-kInfinity, 3}, {1.F, 5}, {TopK::kEmpty, kNoId}, {TopK::kEmpty, kNoId}});
    CHECK(top({{largest, 9}, {std::nextafter(largest, 0.F), 7}}, 3) ==
          Hits{{std::nextafter(largest, 0.F), 7}, {largest, 9}, {TopK::kEmpty, kNoId}});
    CHECK(top({{largest, 9}, {largest, 0}, {largest, 4}}, 2) == Hits{{largest, 0}, {largest, 4}});
}

TEST_CASE("TopK: NaN does not disturb a full heap") {
    CHECK(top({{1.F, 1}, {2.F, 2}, {kNaN, 3}, {0.F, 4}, {kNaN, 5}}, 2) == Hits{{0.F, 4}, {1.F, 1}});
}

TEST_CASE("TopK: worst() is the k-th best so far, and the largest float before there are k") {
    float scores[2];
    Id ids[2];
    TopK heap(scores, ids, 2);
    CHECK(heap.k() == 2);
    CHECK(heap.worst() == TopK::kEmpty);
    heap.push(1.F, 1);
    CHECK(heap.worst() == TopK::kEmpty);
    heap.push(3.F, 3);
    CHECK(heap.worst() == 3.F);
    heap.push(2.F, 2);
    CHECK(heap.worst() == 2.F);
}

TEST_CASE("TopK: accepts() says what push() would do") {
    float score;
    Id id;
    TopK heap(&score, &id, 1);
    heap.push(5.F, 50);
    CHECK(heap.accepts(4.F, 99));
    CHECK(heap.accepts(5.F, 49));
    CHECK_FALSE(heap.accepts(5.F, 50));
    CHECK_FALSE(heap.accepts(6.F, 0));
    CHECK_FALSE(heap.accepts(kNaN, 0));
}

TEST_CASE("TopK: inner products change their sign back, empty slots become the lowest float") {
    CHECK(top({{-3.F, 1}, {2.F, 2}}, 3, Metric::inner_product) == Hits{{3.F, 1}, {-2.F, 2}, {-TopK::kEmpty, kNoId}});
}
