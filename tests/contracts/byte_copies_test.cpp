// Indexes with and without 8-bit copies of their rows answer alike, bit for bit, and keep to what was chosen.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/factory/save_load.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "contracts/contract_cases.hpp"

using namespace contracts;

namespace {
/// Two indexes that went the same way, one with copies.
struct Pair {
    Case c;
    lutra::Index with, without;

    explicit Pair(const Case& one) : c(one), with(trained(one)), without(trained({one.spec, one.metric, one.d, false})) {}

    void add(const Matrix& x) {
        require_ok(with.add(x));
        require_ok(without.add(x));
    }

    void check_alike(const Matrix& q, bool whole = false) const {
        CHECK(keeps_copies(with) == (c.has_copies() && !whole));
        CHECK_FALSE(keeps_copies(without));
        CHECK((with.storage().form == without.storage().form) == !keeps_copies(with));
        CHECK(saved(with) == saved(without));
        const auto some = [](Id id) { return id % 3 == 0; };
        lutra::SearchParams filtered;
        filtered.filter = lutra::IdFilter::predicate(some);
        for (const lutra::SearchParams& params : {lutra::SearchParams{}, all_lists(with), filtered}) {
            const Found found = search(with, q, 9, params);
            CHECK(search(without, q, 9, params) == found);
            for (std::size_t i = 0; i < q.n; i += 5) CHECK(search(without, q.view().rows(i, i + 1), 9, params) == Found{found[i]});
            const float radius = found[0][5].first;
            CHECK(range_search(without, q, radius, params) == range_search(with, q, radius, params));
        }
    }
};

Matrix whole_numbers(std::size_t n, std::size_t d) {
    Matrix x = rows_with_ties(n, d, 5);
    for (float& v : x.values) v = std::clamp(std::nearbyint(v * 60 + 100), 0.F, 255.F) + 0.F;  // -0 is not whole
    return x;
}

lutra::Index loaded_with(const std::vector<std::byte>& bytes, lutra::IndexOptions options) {
    lutra::MemoryReader in(bytes);
    return lutra::load_index(in, options).value();
}

template <class F>
void for_flat_kinds(F&& f) {
    for (const char* spec : {"Flat", "IVF16,Flat", "L2norm,IVF16,Flat", "IVF16,Flat,RFlat"})
        for (const Metric metric : {Metric::l2, Metric::inner_product}) {
            const Case c{spec, metric, 40};
            CAPTURE(c);
            f(c);
        }
}
}  // namespace

TEST_CASE("byte copies: searches answer alike with and without them, after every change") {
    for_flat_kinds([](const Case& c) {
        const Matrix x = rows_with_ties(300, c.d), more = rows_with_ties(90, c.d, 2), q = rows_with_ties(21, c.d, 3);
        Pair pair(c);
        pair.add(x);
        pair.check_alike(q);
        pair.add(more);
        pair.check_alike(q);
        const auto gone = [](Id id) { return id % 4 == 1; };
        for (lutra::Index* index : {&pair.with, &pair.without})
            CHECK(index->remove_ids(lutra::IdFilter::predicate(gone)).value() > 90);
        pair.check_alike(q);
        for (lutra::Index* index : {&pair.with, &pair.without}) index->reset();
        pair.add(more);
        pair.check_alike(q);
    });
}

TEST_CASE("byte copies: a merge with an index that chose otherwise keeps to its own choice, empty or not") {
    for_flat_kinds([](const Case& c) {
        const Matrix few = rows_with_ties(60, c.d, 2), whole = whole_numbers(50, c.d), q = rows_with_ties(21, c.d, 3);
        for (const Matrix& before : {Matrix(0, c.d), few, whole})
            for (const Matrix& others : {rows_with_ties(120, c.d), whole}) {
                Pair pair(c), other(c);
                pair.add(before), other.add(others);
                const Id shift = Id(before.n);
                require_ok(pair.with.merge_from(other.without, shift));
                require_ok(pair.without.merge_from(other.with, shift));
                const bool all_whole = !c.normalises() && before.values != few.values && others.values == whole.values;
                pair.check_alike(q, all_whole);
                other.add(few);
                other.check_alike(q);
            }
    });
}

TEST_CASE("byte copies: a file loads with and without them, whichever way it was made") {
    for_flat_kinds([](const Case& c) {
        const Matrix x = rows_with_ties(300, c.d), q = rows_with_ties(21, c.d, 3);
        Pair pair(c);
        pair.add(x);
        const auto file = saved(pair.with);
        pair.with = loaded_with(saved(pair.without), {});
        pair.without = loaded_with(file, {.byte_copies = false});
        pair.check_alike(q);
        pair.add(rows_with_ties(9, c.d, 4));
        pair.check_alike(q);
    });
}

TEST_CASE("byte copies: rows of whole numbers are bytes without them, too, and have none when a row is not whole") {
    for (const char* spec : {"Flat", "IVF16,Flat"})
        for (const Metric metric : {Metric::l2, Metric::inner_product}) {
            const Case c{spec, metric, 40};
            Pair pair(c);
            pair.add(whole_numbers(200, c.d));
            const Matrix q = whole_numbers(21, c.d);
            pair.check_alike(q, true);
            CHECK(pair.without.storage().form == "whole numbers as bytes");
            CHECK(pair.without.storage().bytes < 230 * (c.d + 4 + 8) + 16 * 16 * (c.d + 4));  // 16 rows a block, of each list
            pair.add(rows_with_ties(30, c.d));
            pair.check_alike(q);
        }
}

TEST_CASE("byte copies: storage() counts them, and says what else is kept") {
    const std::size_t n = 320, d = 64;
    const Matrix x = lutra_test::normal_matrix(n, d, 1);
    Pair pair({"Flat", Metric::l2, d});
    pair.add(x);
    CHECK(pair.without.storage().form == "floats");
    CHECK(pair.without.storage().bytes == n * (4 * d + 8));
    CHECK(pair.with.storage().bytes == n * (4 * d + 8 + (lutra::kHasBytes ? d + 12 : 0)));
    CHECK(filled({"PQ32x4fs,RFlat", Metric::l2, d}, x).storage().form == "4-bit codes; rows to compare: floats");
    CHECK(filled({"PQ32x4fs,RFlat", Metric::l2, d}, x).storage().bytes == n * (16 + 8 + 4 * d));
    CHECK(filled({"PQ32x4fs,RFlat", Metric::l2, d}, whole_numbers(n, d)).storage().form ==
          "4-bit codes; rows to compare: whole numbers as bytes");
}

TEST_CASE("search: a filter may search itself, of a batch too") {
    constexpr std::size_t kRows = 600, kDim = 64;
    const Matrix x = lutra_test::normal_matrix(kRows, kDim, 31), q = lutra_test::normal_matrix(40, kDim, 32);
    lutra::Index index = lutra::index_factory(kDim, "Flat", lutra::Metric::l2).value();
    REQUIRE(index.add(x).ok());
    const lutra::Hits alone = lutra::search(index, q, 3).value();
    const auto searches = [&](lutra::Id) { return lutra::search(index, q, 3).value().ids == alone.ids; };
    lutra::SearchParams filtered;
    filtered.filter = lutra::IdFilter::predicate(searches);
    CHECK(lutra::search(index, q.view().rows(0, 20), 3, filtered).value().ids ==
          std::vector<lutra::Id>(alone.ids.begin(), alone.ids.begin() + 60));
}
