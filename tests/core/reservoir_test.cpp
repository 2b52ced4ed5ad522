// The pool of candidates against a full sort.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/core/random.hpp>
#include <lutra/core/reservoir.hpp>

#include <algorithm>
#include <limits>
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

std::vector<Pair> collect(const std::vector<Pair>& all, std::size_t k, std::size_t run, const IdFilter& filter = {}) {
    Arena arena;
    Reservoir pool(k, &filter, arena);
    for (std::size_t first = 0; first < all.size(); first += run) {
        const std::size_t n = std::min(run, all.size() - first);
        if (run == 1)
            pool.push(all[first].score, all[first].id);
        else
            pool.append(
                n, [&](std::size_t i) { return all[first + i].score; }, [&](std::size_t i) { return all[first + i].id; });
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
