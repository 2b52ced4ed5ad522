// Tests of core/id_set.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/id_set.hpp>
#include <lutra/core/random.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "support/count_new.hpp"

using lutra::IdSet;

namespace {

constexpr lutra::Id kFar = lutra::Id{1} << 40;

// Which of the ids around `first` are in the set, and some that are far off.
std::vector<bool> answers(const IdSet& set, lutra::Id first = 0) {
    std::vector<bool> out;
    for (lutra::Id id = first; id < first + 700; ++id) out.push_back(set.contains(id));
    for (lutra::Id id = kFar - 1; id < kFar + 300; ++id) out.push_back(set.contains(id));
    for (const lutra::Id id : {lutra::Id{0}, lutra::Id{1}, kFar + 5000, lutra::kMaxId}) out.push_back(set.contains(id));
    return out;
}

std::vector<bool> combined(const std::vector<bool>& a, const std::vector<bool>& b, bool (*both)(bool, bool)) {
    std::vector<bool> out;
    for (std::size_t i = 0; i < a.size(); ++i) out.push_back(both(a[i], b[i]));
    return out;
}

std::vector<lutra::Id> scattered(lutra::Id first, lutra::Id end) {
    lutra::Rng rng(std::uint32_t(end - first));
    std::vector<lutra::Id> ids;
    for (lutra::Id id = first; id < end; ++id)
        if (rng.below(2) == 0) ids.push_back(id);
    return ids;
}

// Sets kept as changes and as bitmaps that begin and end at any bit of a word, from 0 on and far from it, and what is not in them.
std::vector<IdSet> sets_of_all_kinds(lutra::Id first) {
    std::vector<lutra::Id> few, apart = scattered(first, first + 100);
    for (const lutra::Id id : {3, 64, 65, 500}) few.push_back(first + id);
    std::vector<IdSet> sets = {IdSet(),
                               IdSet::of(scattered(first, first + 640)),
                               IdSet::of(scattered(first + 130, first + 333)),
                               IdSet::of(scattered(kFar, kFar + 200)),
                               IdSet::of(few),
                               IdSet::range(first, first + 64),
                               IdSet::range(first + 63, first + 300),
                               IdSet::range(first + 200, kFar + 250)};
    apart.push_back(kFar + 5000);
    sets.push_back(IdSet::of(apart));
    for (std::size_t i = 0, n = sets.size(); i < n; ++i) sets.push_back(~sets[i]);
    return sets;
}

std::size_t bytes_of(const IdSet& set) {
    const std::size_t before = lutra_test::allocated_bytes();
    const IdSet copy = set;
    return lutra_test::allocated_bytes() - before;
}

}  // namespace

TEST_CASE("IdSet: holds the ids it was made of, in any order and also twice, and no other") {
    const std::vector<lutra::Id> ids = {9, 2, 3, 2, lutra::kMaxId, -1, 4, std::numeric_limits<lutra::Id>::max()};
    const IdSet set = IdSet::of(ids);
    for (lutra::Id id = -2; id < 20; ++id) {
        CAPTURE(id);
        CHECK(set.contains(id) == (id == 2 || id == 3 || id == 4 || id == 9));
    }
    CHECK(set.contains(lutra::kMaxId));
    CHECK_FALSE(set.contains(lutra::kMaxId - 1));
    CHECK_FALSE(IdSet().contains(0));
    CHECK_FALSE(IdSet::of({}).contains(0));
}

TEST_CASE("IdSet: a range ends before its end, an empty one holds nothing, and ids begin at 0") {
    CHECK_FALSE(IdSet::range(3, 7).contains(2));
    CHECK(IdSet::range(3, 7).contains(3));
    CHECK(IdSet::range(3, 7).contains(6));
    CHECK_FALSE(IdSet::range(3, 7).contains(7));
    CHECK(answers(IdSet::range(7, 7)) == answers(IdSet()));
    CHECK(answers(IdSet::range(7, 3)) == answers(IdSet()));
    CHECK(answers(IdSet::range(-5, 3)) == answers(IdSet::range(0, 3)));
    CHECK_FALSE((~IdSet::range(5, 6)).contains(-1));
}

TEST_CASE("IdSet: from a bitmap or a predicate, as IdFilter reads them") {
    const std::array<std::uint8_t, 2> bits{0b10000001, 0b11111110};
    const IdSet set = IdSet::bitmap(bits.data(), 10), sevens = IdSet::where(100, [](lutra::Id id) { return id % 7 == 0; });
    for (lutra::Id id = 0; id < 200; ++id) {
        CAPTURE(id);
        CHECK(set.contains(id) == (id == 0 || id == 7 || id == 9));
        CHECK(sevens.contains(id) == (id < 100 && id % 7 == 0));
    }
    CHECK_FALSE(IdSet::bitmap(nullptr, 0).contains(0));
}

TEST_CASE("IdSet: and, or and not are those of each id, whatever form the sets have") {
    for (const lutra::Id first : {lutra::Id{0}, lutra::Id{1}, lutra::Id{64}, kFar}) {
        const std::vector<IdSet> sets = sets_of_all_kinds(first);
        for (const IdSet& a : sets) {
            const std::vector<bool> in_a = answers(a, first);
            CHECK(answers(~a, first) == combined(in_a, in_a, [](bool x, bool) { return !x; }));
            CHECK(answers(~~a, first) == in_a);
            for (const IdSet& b : sets) {
                const std::vector<bool> in_b = answers(b, first);
                CHECK(answers(a & b, first) == combined(in_a, in_b, [](bool x, bool y) { return x && y; }));
                CHECK(answers(a | b, first) == combined(in_a, in_b, [](bool x, bool y) { return x || y; }));
                CHECK(answers(~(a & ~b), first) == combined(in_a, in_b, [](bool x, bool y) { return !x || y; }));
            }
        }
    }
}

TEST_CASE("IdSet: takes a bit an id where ids are scattered, and two numbers a run where there are few") {
    const IdSet even = IdSet::where(64000, [](lutra::Id id) { return id % 2 == 0; });
    CHECK(bytes_of(even) <= 64000 / 8 + 8);
    CHECK(bytes_of(~even) == bytes_of(even));
    CHECK(bytes_of(IdSet::range(5, kFar)) == 16);
    CHECK(bytes_of(even & IdSet::range(100, 102)) <= 16);
    CHECK(bytes_of(even | ~even) == 0);
    const IdSet one_of_500 = IdSet::where(1'000'000, [](lutra::Id id) { return id % 500 == 0; });
    CHECK(bytes_of(one_of_500) <= 1'000'000 / 8);  // for its speed, four times its changes
    const IdSet one_of_5000 = IdSet::where(1'000'000, [](lutra::Id id) { return id % 5000 == 0; });
    CHECK(bytes_of(one_of_5000) == 200 * 2 * 8);
}

TEST_CASE("IdSet: equal sets are those of the same ids, however they were made") {
    for (const lutra::Id first : {lutra::Id{0}, lutra::Id{77}}) {
        const std::vector<IdSet> sets = sets_of_all_kinds(first);
        for (const IdSet& a : sets)
            for (const IdSet& b : sets) {
                CHECK((a == b) == (answers(a, first) == answers(b, first)));
                CHECK((a & b) == (b & a));
                CHECK(((a | b) & a) == a);
                CHECK(((a & b) | (a & ~b)) == a);
                CHECK((a & b).empty() == (IdSet() == (a & b)));
                IdSet both = a, either = a;
                both &= b, either |= b;
                CHECK(both == (a & b));
                CHECK(either == (a | b));
            }
    }
    CHECK(IdSet().empty());
    CHECK_FALSE((~IdSet()).empty());
    CHECK_FALSE(IdSet::range(3, 4).empty());
}

TEST_CASE("IdSet: bitmaps are made and combined in the memory of a few bitmaps") {
    constexpr std::size_t kIds = 1'000'000;
    const auto taken = [](auto&& make) {
        const std::size_t before = lutra_test::allocated_bytes();
        CHECK_FALSE(make().empty());
        return lutra_test::allocated_bytes() - before;
    };
    const std::vector<std::uint8_t> bits(kIds / 8, 0b01010101);
    const IdSet tenant = IdSet::bitmap(bits.data(), kIds), deleted = IdSet::where(kIds, [](lutra::Id id) { return id % 3 == 0; });
    CHECK(taken([&] { return IdSet::bitmap(bits.data(), kIds); }) <= 2 * kIds / 8 + 64);
    CHECK(taken([&] { return IdSet::where(lutra::Id(kIds), [](lutra::Id id) { return id % 3 == 0; }); }) <= 2 * kIds / 8 + 64);
    CHECK(taken([&] { return tenant & ~deleted; }) <= 5 * kIds / 8);
    CHECK(taken([&] { return tenant | deleted; }) <= 6 * kIds / 8);
    CHECK(taken([&] { return tenant & IdSet::range(1000, kFar); }) <= 4 * kIds / 8);
    CHECK(taken([&] { return tenant & ~IdSet::of(std::vector<lutra::Id>{7, 9000, kFar}); }) <= 4 * kIds / 8);
    CHECK(taken([&] { return IdSet::of(scattered(0, lutra::Id(kIds) / 10)); }) <= 5 * 8 * kIds / 10);
}
