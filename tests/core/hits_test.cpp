// Tests of core/hits.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/hits.hpp>

namespace {
template <class H>
concept HasRow = requires(H&& hits) {
    static_cast<H&&>(hits).row(0);
};
}  // namespace

TEST_CASE("Hits: has k slots for every query, and a view that starts at any of them") {
    lutra::Hits hits(3, 5);
    CHECK(hits.distances.size() == 15);
    CHECK(hits.ids.size() == 15);
    const lutra::HitsView last = hits.view().rows_from(2, hits.k);
    CHECK(last.distances == hits.distances.data() + 10);
    CHECK(last.ids == hits.ids.data() + 10);
}

TEST_CASE("Hits: row(i) has the neighbours of query i and no empty slots, of a view too") {
    lutra::Hits hits(3, 3);
    hits.ids = {4, 7, lutra::kNoId, lutra::kNoId, lutra::kNoId, lutra::kNoId, 1, 2, 3};
    hits.distances = {0.5F, 0.75F, 9, 9, 9, 9, 1, 2, 3};
    CHECK(hits.row(0).size() == 2);
    CHECK(hits.row(1).empty());
    CHECK(hits.row(2).size() == 3);
    CHECK(hits.row(0)[1].id == 7);
    CHECK(hits.row(0)[1].distance == 0.75F);
    CHECK(hits.view().row(2, 3).ids.data() == hits.ids.data() + 6);
    CHECK(hits.view().row(2, 3).distances.data() == hits.distances.data() + 6);
    lutra::Id ids = 0;
    float distances = 0;
    for (std::size_t i = 0; i < hits.nq; ++i)
        for (const auto [id, distance] : hits.row(i)) ids += id, distances += distance;
    CHECK(ids == 17);
    CHECK(distances == 7.25F);
}

TEST_CASE("Hits: row(i) of no slots, and of a range search") {
    const lutra::Hits none(2, 0);
    CHECK(none.row(1).empty());
    const lutra::RangeHits hits{{0, 2, 2, 3}, {1, 2, 3}, {5, 6, 7}};
    CHECK(hits.row(0).size() == 2);
    CHECK(hits.row(0)[1].id == 6);
    CHECK(hits.row(1).empty());
    CHECK(hits.row(2)[0].distance == 3);
}

TEST_CASE("Hits: a row of hits that would be gone before it is read does not compile") {
    static_assert(HasRow<lutra::Hits&> && HasRow<const lutra::Hits&> && HasRow<const lutra::RangeHits&>);
    static_assert(!HasRow<lutra::Hits> && !HasRow<const lutra::Hits> && !HasRow<lutra::RangeHits>);
}
