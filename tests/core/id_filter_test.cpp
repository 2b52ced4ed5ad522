// Tests of core/id_filter.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/id_filter.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <limits>

using lutra::Id;
using lutra::IdFilter;

namespace {
struct Even {
    bool operator()(Id id) const { return id % 2 == 0; }
};
template <class F>
concept MakesPredicate = requires(F&& f) {
    IdFilter::predicate(static_cast<F&&>(f));
};
}  // namespace

TEST_CASE("IdFilter: the default one lets everything pass") {
    const IdFilter filter;
    CHECK_FALSE(filter.active());
    CHECK(filter.accepts(0));
    CHECK(filter.accepts(std::numeric_limits<Id>::max()));
}

TEST_CASE("IdFilter: bit i of a bitmap, lowest first, stands for id i") {
    const std::array<std::uint8_t, 2> bits{0b10000001, 0b00000010};
    const IdFilter filter = IdFilter::bitmap(bits.data(), 16);
    CHECK(filter.active());
    for (Id id = 0; id < 16; ++id) {
        CAPTURE(id);
        CHECK(filter.accepts(id) == (id == 0 || id == 7 || id == 9));
    }
}

TEST_CASE("IdFilter: ids outside a bitmap do not pass") {
    const std::array<std::uint8_t, 2> bits{0xff, 0xff};
    const IdFilter filter = IdFilter::bitmap(bits.data(), 10);
    CHECK(filter.accepts(9));
    for (const Id id : {Id{10}, Id{16}, Id{-1}, std::numeric_limits<Id>::max(), std::numeric_limits<Id>::min()}) {
        CAPTURE(id);
        CHECK_FALSE(filter.accepts(id));
    }
}

TEST_CASE("IdFilter: an empty bitmap lets nothing pass") { CHECK_FALSE(IdFilter::bitmap(nullptr, 0).accepts(0)); }

TEST_CASE("IdFilter: a predicate decides by itself") {
    const auto even = [](Id id) { return id % 2 == 0; };
    const IdFilter filter = IdFilter::predicate(even);
    CHECK(filter.active());
    CHECK(filter.accepts(4));
    CHECK_FALSE(filter.accepts(5));
}

TEST_CASE("IdFilter: a predicate that would be gone before the search does not compile") {
    static_assert(MakesPredicate<Even&>);
    static_assert(MakesPredicate<const Even&>);
    static_assert(!MakesPredicate<Even>);
    static_assert(!MakesPredicate<const Even>);
}

TEST_CASE("IdFilter: of a set that it owns, and copies share") {
    IdFilter filter = lutra::IdSet::range(2, 9) & ~lutra::IdSet::range(4, 6);
    const IdFilter copy = filter;
    filter = IdFilter();
    CHECK(copy.active());
    for (Id id = -1; id < 20; ++id) {
        CAPTURE(id);
        CHECK(copy.accepts(id) == (id >= 2 && id < 9 && id != 4 && id != 5));
    }
    CHECK_FALSE(IdFilter(lutra::IdSet()).accepts(0));  // the empty set, unlike no filter
    CHECK(IdFilter(~lutra::IdSet()).accepts(0));
}

TEST_CASE("IdFilter: of places asks about their ids, in every form and of places of places, too") {
    const std::array<Id, 4> ids{7, 4, 100, 9}, again{3, 0, 1, 2};  // places of ids, and places of those
    const auto odd = [](Id id) { return id % 2 != 0; };
    const std::array<std::uint8_t, 2> bits{0b10101010, 0b10101010};
    for (const IdFilter& filter : {IdFilter::predicate(odd), IdFilter::bitmap(bits.data(), 16),
                                   IdFilter(lutra::IdSet::bitmap(bits.data(), 16)), IdFilter(~lutra::IdSet::of({{4, 100}}))}) {
        const IdFilter places = filter.of_places(std::span<const Id>(ids)), places_again = places.of_places(std::span<const Id>(again));
        for (std::size_t i = 0; i < ids.size(); ++i) {
            CAPTURE(i);
            CHECK(places.accepts(Id(i)) == filter.accepts(ids[i]));
            CHECK(places_again.accepts(Id(i)) == filter.accepts(ids[std::size_t(again[i])]));
        }
    }
    CHECK_FALSE(IdFilter().of_places(std::span<const Id>(ids)).active());
    CHECK(IdFilter().of_places(std::span<const Id>(ids)).accepts(50));
}
