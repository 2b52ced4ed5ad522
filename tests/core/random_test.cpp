// Tests of core/random.hpp: fixed numbers, because files and training depend on them.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/random.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

using lutra::permutation;
using lutra::Rng;

TEST_CASE("Rng: is mt19937, whose 10000th number from seed 5489 the standard gives") {
    Rng rng(5489);
    for (int i = 1; i < 10000; ++i) rng.next();
    CHECK(rng.next() == 4123659995U);
}

TEST_CASE("Rng: the first numbers of seed 1234 are the same everywhere") {
    Rng rng(1234);
    CHECK(rng.next() == 822569775U);
    CHECK(rng.next() == 2137449171U);
    CHECK(rng.next() == 2671936806U);
}

TEST_CASE("Rng: equal seeds give equal numbers, different seeds do not") {
    CHECK(Rng(1).normal(100) == Rng(1).normal(100));
    CHECK(Rng(1).normal(100) != Rng(2).normal(100));
}

TEST_CASE("Rng: below(n) stays below n and reaches every value") {
    Rng rng(3);
    std::vector<int> counts(7);
    for (int i = 0; i < 7000; ++i) ++counts[rng.below(7)];
    for (const int count : counts) CHECK(std::abs(count - 1000) < 200);
}

TEST_CASE("Rng: uniform() is in [0, 1) with mean 1/2") {
    Rng rng(4);
    double sum = 0;
    for (int i = 0; i < 10000; ++i) {
        const float u = rng.uniform();
        REQUIRE((u >= 0 && u < 1));
        sum += double(u);
    }
    CHECK(sum / 10000 == doctest::Approx(0.5).epsilon(0.02));
}

TEST_CASE("Rng: normal() has mean 0 and variance 1") {
    double sum = 0, squares = 0;
    for (const float x : Rng(5).normal(20000)) sum += double(x), squares += double(x) * double(x);
    CHECK(std::abs(sum / 20000) < 0.03);
    CHECK(squares / 20000 == doctest::Approx(1).epsilon(0.03));
}

TEST_CASE("permutation: holds every number once") {
    for (std::size_t n : {0, 1, 2, 100}) {
        std::vector<std::size_t> order = permutation(n, n, 9);
        std::sort(order.begin(), order.end());
        REQUIRE(order.size() == n);
        for (std::size_t i = 0; i < n; ++i) CHECK(order[i] == i);
    }
}

TEST_CASE("permutation: a shorter one is the beginning of the whole") {
    const std::vector<std::size_t> whole = permutation(50, 50, 1), part = permutation(50, 20, 1);
    CHECK(std::equal(part.begin(), part.end(), whole.begin()));
    CHECK(part.size() == 20);
}

TEST_CASE("permutation: is the same everywhere") {
    CHECK(permutation(10, 10, 1234) == std::vector<std::size_t>{5, 4, 8, 2, 6, 9, 1, 7, 0, 3});
    CHECK(permutation(1000000, 4, 1234) == std::vector<std::size_t>{569775, 451309, 942150, 599904});
}
