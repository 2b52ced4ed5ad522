// Tests of core/bisect.hpp against sorting.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/bisect.hpp>
#include <lutra/core/random.hpp>

#include <algorithm>
#include <limits>
#include <vector>

TEST_CASE("kth_least: as sorting finds it, with ties and extremes") {
    std::vector<std::int32_t> keys = {
        5, -7, 5, 0, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max(), 5};
    std::vector<std::int32_t> sorted = keys;
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t k = 1; k <= keys.size(); ++k) {
        const lutra::KeyCount found = lutra::kth_least(keys, k);
        CHECK(found.key == sorted[k - 1]);
        CHECK(found.n == std::size_t(std::upper_bound(sorted.begin(), sorted.end(), found.key) - sorted.begin()));
    }
}

TEST_CASE("kth_least: with room for more it ends with k to k + more keys, or where too many are equal with the k-th") {
    lutra::Rng rng(1);
    for (const std::uint32_t values : {3U, 1000U, 1U << 30}) {
        std::vector<std::int32_t> keys(500);
        for (auto& key : keys) key = std::int32_t(rng.below(values)) - 1000;
        std::vector<std::int32_t> sorted = keys;
        std::sort(sorted.begin(), sorted.end());
        for (const std::size_t k : {1, 7, 250, 499, 500})
            for (const std::size_t more : {0, 8, 64}) {
                CAPTURE(k);
                CAPTURE(more);
                const lutra::KeyCount found = lutra::kth_least(keys, k, more);
                CHECK(found.n == std::size_t(std::upper_bound(sorted.begin(), sorted.end(), found.key) - sorted.begin()));
                CHECK(std::find(keys.begin(), keys.end(), found.key) != keys.end());
                CHECK(found.n >= k);
                if (found.n > k + more) CHECK(std::count(keys.begin(), keys.end(), sorted[k - 1]) > std::ptrdiff_t(more));
                if (found.n > k + more) CHECK(found.key == sorted[k - 1]);
            }
    }
}
