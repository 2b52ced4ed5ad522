// A workspace on memory of the caller's never grows: workspace_bytes() says what a search takes, for every kind of index, and with
// less the search says so before it begins.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/factory/save_load.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "contracts/contract_cases.hpp"
#include "support/count_new.hpp"
#include "support/serial_executor.hpp"

using namespace contracts;

namespace {
/// Queries of all kinds: plain ones, zeros, such as make distances overflow, and NaN.
Matrix mixed_queries(std::size_t n, std::size_t d) {
    Matrix q = rows_with_ties(n, d, 3);
    for (std::size_t i = 2; i < n; i += 9) std::fill_n(q.row(i), d, 3e38F);
    for (std::size_t i = 3; i < n; i += 11) q.row(i)[0] = std::numeric_limits<float>::quiet_NaN();
    return q;
}

struct Check {
    const lutra::Index& index;
    std::size_t nq, k;
    const lutra::SearchParams& params;

    /// Most bytes in use, of those that were promised to be enough.
    std::size_t most(const Matrix& q) const {
        const std::size_t bytes = lutra::workspace_bytes(index, k, params, nq);
        std::vector<std::byte> room(bytes);
        lutra::Workspace workspace{std::span<std::byte>(room)};
        lutra::Resources resources;
        resources.workspace = &workspace;
        lutra::Hits hits(nq, k), plain(nq, k);
        const lutra::MatrixView some = q.view().rows(0, nq);
        require_ok(index.search(some, k, plain.view(), params));
        const std::size_t before = lutra_test::allocations();
        require_ok(index.search(some, k, hits.view(), params, resources));
        CHECK(lutra_test::allocations() == before);
        CHECK(hits.ids == plain.ids);
        CHECK(std::memcmp(hits.distances.data(), plain.distances.data(), nq * k * sizeof(float)) == 0);
        return workspace.arena(0).most_taken();
    }
};
}  // namespace

TEST_CASE("workspace_bytes: is enough for any queries, and a search in it allocates nothing") {
    double loosest = 0;
    for_each_case([&](const Case& c) {
        const Matrix x = rows_with_ties(900, c.d), q = mixed_queries(70, c.d);
        const lutra::Index filled_one = filled(c, x);
        const std::vector<std::byte> file = saved(filled_one);
        const lutra::Index opened = lutra::open_index(file).value();
        const auto some = [](Id id) { return id % 3 == 0; };
        for (const lutra::Index* index : {&filled_one, &opened}) {
            lutra::SearchParams filtered, any, few;
            filtered.filter = lutra::IdFilter::predicate(some), any.order = lutra::Order::any, few.nprobe = 3;
            for (const lutra::SearchParams& params : {lutra::SearchParams{}, all_lists(*index), filtered, any, few})
                for (const std::size_t nq : {1, 2, 5, 70})
                    for (const std::size_t k : {1, 40}) {
                        CAPTURE(nq);
                        CAPTURE(k);
                        const std::size_t bytes = index->search_bytes(nq, k, params), most = Check{*index, nq, k, params}.most(q);
                        CHECK(most <= bytes);
                        loosest = std::max(loosest, double(bytes) / double(most));
                    }
        }
    });
    MESSAGE("workspace_bytes() of one search at most " << loosest << " times what it took");
}

TEST_CASE("workspace: with too little room a search says how much it wants, and for more workers that it is for one") {
    for_each_case([](const Case& c) {
        const lutra::Index index = filled(c, rows_with_ties(200, c.d));
        const Matrix q = mixed_queries(4, c.d);
        lutra::Hits hits(4, 9);
        const std::size_t wanted = lutra::workspace_bytes(index, 9, {}, 4);
        lutra::AlignedVector<std::byte> room(wanted);
        for (const std::size_t less : {wanted, wanted / 2, std::size_t{64}}) {
            lutra::Workspace workspace{std::span<std::byte>(room).first(wanted - less)};
            lutra::Resources resources;
            resources.workspace = &workspace;
            const lutra::Status status = index.search(q, 9, hits.view(), {}, resources);
            CHECK(status.code() == lutra::Errc::out_of_memory);
            CHECK(std::string(status.message()).find("are wanted") != std::string::npos);
        }
        lutra::Workspace workspace{std::span<std::byte>(room)};
        lutra::Resources resources;
        resources.workspace = &workspace;
        resources.executor = lutra_test::two_workers_in_turns();
        CHECK(index.search(q, 9, hits.view(), {}, resources).code() == lutra::Errc::bad_argument);
    });
}
