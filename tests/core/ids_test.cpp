// Tests of core/ids.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/ids.hpp>

#include <limits>
#include <vector>

namespace {
using lutra::Errc;
using lutra::Id;
using lutra::kMaxId;
using lutra::NextId;
constexpr Id kLargest = std::numeric_limits<Id>::max();
}  // namespace

TEST_CASE("NextId: counts from 0, and stays above every id that was passed") {
    NextId next;
    CHECK(next.value() == 0);
    next.pass(Id{-1});
    CHECK(next.value() == 0);
    next.pass(Id{7});
    next.pass(Id{3});
    CHECK(next.value() == 8);
    next.pass(kMaxId);
    CHECK(next.value() == kLargest);
    next.pass(kLargest);  // from a file: it may hold what add_with_ids() refuses
    CHECK(next.value() == kLargest);
}

TEST_CASE("NextId: there is room up to the largest id and no further") {
    CHECK(NextId(kMaxId).check_room(1).ok());
    CHECK(NextId(kMaxId).check_room(2).code() == Errc::bad_argument);
    CHECK(NextId(kLargest).check_room(0).ok());
    CHECK(NextId(kLargest).check_room(1).code() == Errc::bad_argument);
}

TEST_CASE("NextId: after a merge it is above what the other has held, shifted either way, and never beyond the end") {
    const auto merged = [](Id own, Id other, Id shift) {
        NextId next(own);
        next.pass(NextId(other), shift);
        return next.value();
    };
    CHECK(merged(10, 5, 10) == 15);
    CHECK(merged(10, 5, 0) == 10);
    CHECK(merged(10, 50, -20) == 30);
    CHECK(merged(0, kLargest, 5) == kLargest);
}

TEST_CASE("ids of the caller's are 0 to kMaxId; without rows there need not be any") {
    const std::vector<Id> good = {0, 5, 5, kMaxId}, low = {0, -1}, high = {kLargest};
    CHECK(lutra::check_given_ids(good.data(), good.size()).ok());
    CHECK(lutra::check_given_ids(nullptr, 0).ok());
    CHECK(lutra::check_given_ids(nullptr, 1).code() == Errc::bad_argument);
    CHECK(lutra::check_given_ids(low.data(), low.size()).code() == Errc::bad_argument);
    CHECK(lutra::check_given_ids(high.data(), high.size()).code() == Errc::bad_argument);
}

TEST_CASE("a shift must leave an id between 0 and kMaxId") {
    CHECK(lutra::check_shift(5, -5).ok());
    CHECK_FALSE(lutra::check_shift(5, -6).ok());
    CHECK(lutra::check_shift(5, kMaxId - 5).ok());
    CHECK_FALSE(lutra::check_shift(5, kMaxId - 4).ok());
}

TEST_CASE("WantedIds: each id is met once, and the first that is missing is named") {
    lutra::WantedIds wanted(10, 3, 5);
    CHECK_FALSE(wanted.meet(9).has_value());
    CHECK(wanted.meet(12) == 2U);
    CHECK_FALSE(wanted.meet(12).has_value());
    CHECK(wanted.meet(10) == 0U);
    CHECK(wanted.status().message().find("11") != std::string_view::npos);
    CHECK(wanted.meet(11) == 1U);
    CHECK(wanted.status().ok());
}

TEST_CASE("WantedIds: of more ids than there are vectors, and of ids beyond the end, some are missing") {
    lutra::WantedIds many(0, std::numeric_limits<std::size_t>::max(), 2);
    CHECK(many.meet(1) == 1U);
    CHECK(many.meet(0) == 0U);
    CHECK(many.meet(7) == 7U);
    CHECK(many.status().code() == Errc::not_found);
    lutra::WantedIds last(kLargest, 2, 1);
    CHECK(last.meet(kLargest) == 0U);
    CHECK(last.status().code() == Errc::not_found);
}
