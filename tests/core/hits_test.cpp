// Tests of core/hits.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/hits.hpp>

TEST_CASE("Hits: has k slots for every query, and a view that starts at any of them") {
    lutra::Hits hits(3, 5);
    CHECK(hits.distances.size() == 15);
    CHECK(hits.ids.size() == 15);
    const lutra::HitsView last = hits.view().rows_from(2, hits.k);
    CHECK(last.distances == hits.distances.data() + 10);
    CHECK(last.ids == hits.ids.data() + 10);
}
