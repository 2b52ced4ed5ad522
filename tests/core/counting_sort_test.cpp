// Tests of core/counting_sort.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/counting_sort.hpp>
#include <lutra/core/random.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "support/count_new.hpp"

namespace {
std::vector<std::int32_t> random_groups(std::size_t n, std::size_t n_groups) {
    lutra::Rng rng(std::uint32_t(n + n_groups));
    std::vector<std::int32_t> groups(n);
    for (auto& g : groups) g = std::int32_t(rng.below(n_groups));
    return groups;
}
}  // namespace

TEST_CASE("Grouped: the items of each group are rising, as a stable sort has them") {
    lutra::Grouped grouped;  // the same memory for all
    for (const std::size_t n_groups : {1, 2, 31, 200})
        for (const std::size_t n : {0, 1, 2, 33, 100}) {
            CAPTURE(n_groups);
            CAPTURE(n);
            const auto group_of = random_groups(n, n_groups);
            std::vector<std::size_t> order(n);
            std::iota(order.begin(), order.end(), std::size_t{0});
            std::ranges::stable_sort(order, {}, [&](std::size_t i) { return group_of[i]; });
            grouped.assign(group_of, n_groups);
            std::vector<std::size_t> got;
            for (std::size_t g = 0; g < n_groups; ++g) {
                CHECK(grouped.size(g) == std::size_t(std::ranges::count(group_of, std::int32_t(g))));
                for (const std::size_t i : grouped.of(g)) CHECK(group_of[i] == std::int32_t(g));
                got.insert(got.end(), grouped.of(g).begin(), grouped.of(g).end());
            }
            CHECK(got == order);
        }
}

TEST_CASE("counting_sort: items may be more than a number, and some may be left out") {
    const std::vector<std::pair<std::int32_t, char>> all{{2, 'a'}, {0, 'b'}, {-1, 'c'}, {2, 'd'}, {0, 'e'}, {3, 'f'}};
    const auto visit = [&](auto&& f) {
        for (const auto& item : all)
            if (item.first >= 0) f(std::size_t(item.first), item.second, std::size_t(item.second));
    };
    std::vector<std::uint32_t> first(5, 77);
    std::vector<char> sorted(5);
    lutra::counting_sort(std::span(first), visit, [&](std::size_t at, char c, std::size_t code) {
        CHECK(code == std::size_t(c));
        sorted[at] = c;
    });
    CHECK(first == std::vector<std::uint32_t>{0, 2, 2, 4, 5});
    CHECK(sorted == std::vector<char>{'b', 'e', 'a', 'd', 'f'});
}

TEST_CASE("counting_sort: allocates nothing") {
    const auto group_of = random_groups(100, 7);
    std::vector<std::uint32_t> first(8), sorted(100);
    const std::size_t before = lutra_test::allocations();
    lutra::counting_sort_by(group_of, std::span(first), [&](std::size_t at, std::size_t i) { sorted[at] = std::uint32_t(i); });
    CHECK(lutra_test::allocations() == before);
}
