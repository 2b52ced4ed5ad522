// What core/concepts.hpp promises of batches without rows, for every kind of index: they are no error, and change nothing.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

#include "contracts/contract_cases.hpp"

#include <lutra/parallel/threads.hpp>

using namespace contracts;
using lutra::Errc;

namespace {
/// No rows of d columns, and nowhere.
lutra::MatrixView no_rows(std::size_t d) { return {nullptr, 0, d}; }

template <class F>
void for_each_executor(F&& f) {
    lutra::ThreadPool pool(3);
    lutra::Workspace workspace;
    f(lutra::Resources{});
    f(lutra::Resources{pool.executor(), nullptr, {}});
    f(lutra::Resources{pool.executor(), &workspace, {}});
}
}  // namespace

TEST_CASE("search: no queries give no hits, in a full index and in an empty one") {
    for_each_case([](const Case& c) {
        const lutra::Index full = filled(c, rows_with_ties(50, c.d)), empty = trained(c);
        for (const lutra::Index* index : {&full, &empty})
            for_each_executor([&](const lutra::Resources& resources) {
                CHECK(index->search(no_rows(c.d), 3, {}, {}, resources).ok());
                CHECK(index->search(no_rows(c.d), 3, {}, all_lists(*index), resources).ok());
                CHECK(lutra::search(*index, no_rows(c.d), 3, {}, resources)->ids.empty());
            });
    });
}

TEST_CASE("range_search: no queries give no hits: one limit, which is 0") {
    for_each_case([](const Case& c) {
        const lutra::Index full = filled(c, rows_with_ties(50, c.d)), empty = trained(c);
        for (const lutra::Index* index : {&full, &empty})
            for_each_executor([&](const lutra::Resources& resources) {
                CHECK(range_search(*index, no_rows(c.d), 1, {}, resources).empty());
                CHECK(range_search(*index, no_rows(c.d), 1, all_lists(*index), resources).empty());
            });
    });
}

TEST_CASE("add, add_with_ids: no rows leave the index as it was, and the next id too") {
    for_each_case([](const Case& c) {
        for (const std::size_t n : {0, 50}) {
            CAPTURE(n);
            const Matrix x = rows_with_ties(50, c.d), more = rows_with_ties(20, c.d, 2);
            lutra::Index index = trained(c), untouched = trained(c);
            if (n != 0) require_ok(index.add(x)), require_ok(untouched.add(x));
            for_each_executor([&](const lutra::Resources& resources) {
                CHECK(index.add(no_rows(c.d), resources).ok());
                CHECK(index.add_with_ids(no_rows(c.d), nullptr, resources).ok());
            });
            CHECK(saved(index) == saved(untouched));
            require_ok(index.add(more)), require_ok(untouched.add(more));
            CHECK(saved(index) == saved(untouched));
        }
    });
}

TEST_CASE("search, add: no rows are refused where rows would be: other columns, k = 0, an untrained index") {
    for_each_case([](const Case& c) {
        lutra::Index index = filled(c, rows_with_ties(50, c.d)), raw = untrained(c);
        lutra::RangeHits range;
        CHECK(index.search(no_rows(c.d + 1), 3, {}).code() == Errc::bad_argument);
        CHECK(index.range_search(no_rows(c.d + 1), 3, range).code() == Errc::bad_argument);
        CHECK(index.add(no_rows(c.d + 1)).code() == Errc::bad_argument);
        CHECK(index.add_with_ids(no_rows(c.d + 1), nullptr).code() == Errc::bad_argument);
        CHECK(index.search(no_rows(c.d), 0, {}).code() == Errc::bad_argument);
        if (raw.is_trained()) return;
        CHECK(raw.search(no_rows(c.d), 3, {}).code() == Errc::not_trained);
        CHECK(raw.range_search(no_rows(c.d), 3, range).code() == Errc::not_trained);
        CHECK(raw.add(no_rows(c.d)).code() == Errc::not_trained);
        CHECK(raw.add_with_ids(no_rows(c.d), nullptr).code() == Errc::not_trained);
    });
}
