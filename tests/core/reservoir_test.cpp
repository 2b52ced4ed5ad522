// The pool of candidates against a full sort.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/core/random.hpp>
#include <lutra/core/reservoir.hpp>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

using namespace lutra;

namespace {

struct Pair {
    float score;
    Id id;
    bool operator==(const Pair&) const = default;
};

// What must come out: the k first by (score, id), NaN and too large left out.
std::vector<Pair> sorted_best(std::vector<Pair> all, std::size_t k) {
    std::erase_if(all, [](const Pair& p) { return !(p.score <= TopK::kEmpty); });
    std::ranges::sort(all, [](const Pair& a, const Pair& b) { return a.score != b.score ? a.score < b.score : a.id < b.id; });
    all.resize(std::min(all.size(), k));
    return all;
}

template <class PairOf, class LocationOf>
void append(Reservoir& pool, std::size_t n, PairOf&& pair, LocationOf&& location) {
    std::vector<float> scores(n);
    for (std::size_t i = 0; i < n; ++i) scores[i] = pair(i).score;
    pool.append(scores, location, [&](std::size_t i) { return pair(i).id; });
}

std::vector<Pair> collect(const std::vector<Pair>& all, std::size_t k, std::size_t run, const IdFilter& filter = {}) {
    Arena arena;
    Reservoir pool(k, &filter, arena);
    for (std::size_t first = 0; first < all.size(); first += run) {
        const std::size_t n = std::min(run, all.size() - first);
        if (run == 1)
            pool.push(all[first].score, all[first].id);
        else
            append(
                pool, n, [&](std::size_t i) { return all[first + i]; },
                [&](std::size_t i) { return std::uint64_t(all[first + i].id); });
    }
    std::vector<float> distances(k + 1, -7.F);
    std::vector<Id> ids(k + 1, -7);
    pool.write(Metric::l2, Order::best_first, distances.data(), ids.data());
    CHECK(distances[k] == -7.F);
    CHECK(ids[k] == -7);
    std::vector<Pair> found;
    for (std::size_t i = 0; i < k && ids[i] != kNoId; ++i) found.push_back({distances[i], ids[i]});
    for (std::size_t i = found.size(); i < k; ++i) CHECK(ids[i] == kNoId);
    return found;
}

std::vector<Pair> random_pairs(std::size_t n, std::size_t distinct, std::uint32_t seed) {
    Rng rng(seed);
    std::vector<Pair> all(n);
    for (std::size_t i = 0; i < n; ++i)
        all[i] = {distinct == 0 ? rng.normal() : float(rng.below(distinct)) - 2.F, Id(i * 7919 % (n + 1))};
    return all;
}

}  // namespace

TEST_CASE("Reservoir: keeps the k best, whatever the order, the ties and the runs") {
    for (const std::size_t k : {1, 2, 10, 33, 100, 1000})
        for (const std::size_t n : {0, 1, 9, 100, 101, 167, 1000, 5000})
            for (const std::size_t distinct : {0, 1, 2, 5, 300})
                for (const std::size_t run : {1, 31, 256}) {
                    CAPTURE(k);
                    CAPTURE(n);
                    CAPTURE(distinct);
                    CAPTURE(run);
                    const std::vector<Pair> all = random_pairs(n, distinct, std::uint32_t(n + k));
                    CHECK(collect(all, k, run) == sorted_best(all, k));
                }
}

TEST_CASE("Reservoir: the same id under the same score again and again") {
    std::vector<Pair> all(3000, {1.F, 5});
    for (std::size_t i = 0; i < 60; ++i) all[i * 50] = {i % 2 == 0 ? 1.F : 2.F, Id(i % 10)};
    for (const std::size_t k : {1, 10, 100}) CHECK(collect(all, k, 256) == sorted_best(all, k));
}

TEST_CASE("Reservoir: NaN and infinity never enter, the order of negative scores and of zeros is right") {
    const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<Pair> all = {{nan, 0},  {-nan, 1},   {inf, 2},     {-3.F, 3},  {0.F, 5},
                                   {-0.F, 4}, {1e-42F, 6}, {-1e-42F, 7}, {-1e30F, 8}};
    const std::vector<Pair> want = {{-1e30F, 8}, {-3.F, 3}, {-1e-42F, 7}, {0.F, 4}, {0.F, 5}, {1e-42F, 6}};
    CHECK(collect(all, 20, 1) == want);
    CHECK(collect(all, 20, 256) == want);
}

TEST_CASE("Reservoir: asks the filter") {
    const std::vector<Pair> all = random_pairs(2000, 0, 3);
    std::vector<Pair> odd;
    std::ranges::copy_if(all, std::back_inserter(odd), [](const Pair& p) { return p.id % 2 == 1; });
    const auto is_odd = [](Id id) { return id % 2 == 1; };
    CHECK(collect(all, 50, 256, IdFilter::predicate(is_odd)) == sorted_best(odd, 50));
}

TEST_CASE("Reservoir: takes over what another has found") {
    const std::vector<Pair> all = random_pairs(3000, 40, 9);
    const IdFilter filter;
    Arena arena;
    Reservoir a(20, &filter, arena), b(20, &filter, arena);
    for (std::size_t i = 0; i < all.size(); ++i) (i % 3 == 0 ? a : b).push(all[i].score, all[i].id);
    a.take_over(b);
    std::vector<float> distances(20);
    std::vector<Id> ids(20);
    a.write(Metric::inner_product, Order::best_first, distances.data(), ids.data());
    const std::vector<Pair> want = sorted_best(all, 20);
    for (std::size_t i = 0; i < 20; ++i) {
        CHECK(distances[i] == -want[i].score);
        CHECK(ids[i] == want[i].id);
    }
}

namespace {

struct Placed {
    Pair pair;
    std::uint64_t place;
};

// Of `all`, in this order, the k best by what exact(place) says, out of the `wanted` best by score. ids [place] has their ids.
template <class Exact>
std::vector<Pair> rescored(const std::vector<Placed>& all, const std::vector<Id>& ids_of, std::size_t wanted, std::size_t k,
                           Exact&& exact, Order order = Order::best_first) {
    const IdFilter filter;
    Arena arena;
    const LocationIds lookup{
        &ids_of, [](const void* ids, std::uint64_t place) { return (*static_cast<const std::vector<Id>*>(ids))[place]; }};
    Reservoir pools[2] = {Reservoir(wanted, &filter, arena, lookup), Reservoir(wanted, &filter, arena, lookup)};
    for (std::size_t first = 0; first < all.size(); first += 100) {
        const std::size_t n = std::min<std::size_t>(100, all.size() - first);
        append(
            pools[first / 100 % 2], n, [&](std::size_t i) { return all[first + i].pair; },
            [&](std::size_t i) { return all[first + i].place; });
    }
    pools[0].take_over(pools[1]);
    pools[0].rescore(
        k, [](std::uint64_t) {},
        [&](const std::uint64_t* some, std::size_t n, float* scores) {
            for (std::size_t i = 0; i < n; ++i) scores[i] = exact(some[i]);
        });
    std::vector<float> distances(k);
    std::vector<Id> ids(k);
    pools[0].write(Metric::l2, order, distances.data(), ids.data());
    std::vector<Pair> found;
    for (std::size_t i = 0; i < k && ids[i] != kNoId; ++i) found.push_back({distances[i], ids[i]});
    return found;
}

}  // namespace

TEST_CASE("Reservoir: rescore() orders the best estimates by other scores and writes the best of those") {
    const std::vector<Pair> pairs = random_pairs(3000, 50, 4);
    std::vector<Placed> all;
    std::vector<Id> ids;
    for (const Pair& p : pairs) all.push_back({p, all.size()}), ids.push_back(p.id);
    const auto exact = [](std::uint64_t i) {
        if (i % 11 == 0) return i % 2 == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
        return float(i * 7 % 100);
    };
    std::vector<std::size_t> order(all.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
        return pairs[a].score != pairs[b].score ? pairs[a].score < pairs[b].score : pairs[a].id < pairs[b].id;
    });
    for (const std::size_t wanted : {1, 10, 33, 500})
        for (const std::size_t k : {1, 7, 33, 400}) {
            if (k > wanted) continue;
            std::vector<Pair> best;
            for (std::size_t i = 0; i < wanted; ++i) best.push_back({exact(order[i]), ids[order[i]]});
            CHECK(rescored(all, ids, wanted, k, exact) == sorted_best(best, k));
            CHECK(sorted_best(rescored(all, ids, wanted, k, exact, Order::any), k) == sorted_best(best, k));
        }
}

TEST_CASE("Reservoir: which candidates are rescored does not depend on their order, also where scores and ids are equal") {
    std::vector<Placed> all;
    std::vector<Id> ids(2000);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        ids[i] = Id(i % 3);
        all.push_back({{float(i % 2), ids[i]}, i});
    }
    const auto exact = [](std::uint64_t place) { return float(place * 17 % 1000); };
    const std::vector<Pair> want = rescored(all, ids, 24, 16, exact);
    Rng rng(8);
    for (int round = 0; round < 20; ++round) {
        for (std::size_t i = all.size(); i-- > 1;) std::swap(all[i], all[rng.below(i + 1)]);
        CHECK(rescored(all, ids, 24, 16, exact) == want);
    }
}
