// A SearchIndex gives the same bits for any executor, and its const calls may run at the same time. Most useful in the
// preset tsan.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/parallel/threads.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <thread>
#include <vector>

#include "contracts/contract_cases.hpp"

using namespace contracts;

namespace {
lutra::Resources with(lutra::ThreadPool& pool) {
    lutra::Resources resources;
    resources.executor = pool.executor();
    return resources;
}

}  // namespace

TEST_CASE("train, add, search, range_search: the same bits for any number of workers") {
    for_each_case([](const Case& c) {
        if (c.d == 3) return;
        const Matrix x = rows_with_ties(1700, c.d), q = rows_with_ties(25, c.d, 2);
        lutra::Index serial = trained(c);
        require_ok(serial.add(x));
        const auto bytes = saved(serial);
        const Found found = search(serial, q, 12), all = search(serial, q, 12, all_lists(serial));
        const float radius = all[3][8].first;
        const Found near = range_search(serial, q, radius);
        for (const std::size_t workers : {2, 4}) {
            CAPTURE(workers);
            lutra::ThreadPool pool(workers);
            lutra::Index index = untrained(c);
            require_ok(index.train(lutra_test::normal_matrix(300, c.d, 1001), with(pool)));
            require_ok(index.add(x, with(pool)));
            CHECK(saved(index) == bytes);
            CHECK(search(serial, q, 12, {}, with(pool)) == found);
            CHECK(search(serial, q, 12, all_lists(serial), with(pool)) == all);
            CHECK(range_search(serial, q, radius, {}, with(pool)) == near);
        }
    });
}

TEST_CASE("range_search: Order::any gives the best-first hits in the order of the rows, for any batch and number of workers") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(600, c.d), q = rows_with_ties(40, c.d, 2);
        const lutra::Index index = filled(c, x);
        const float everywhere = c.metric == Metric::l2 ? std::numeric_limits<float>::infinity() : -1e30F;
        lutra::SearchParams all = all_lists(index);
        all.order = lutra::Order::any;
        std::vector<std::size_t> rank(x.n, x.n);  // where each row comes
        const std::vector<Hit> rows = range_search(index, q.view().rows(0, 1), everywhere, all)[0];
        REQUIRE(rows.size() == x.n);
        for (std::size_t i = 0; i < x.n; ++i) rank[std::size_t(rows[i].second)] = i;
        for (std::size_t i = 0; !c.has_lists() && i < x.n; ++i) CHECK(rank[i] == i);
        const auto in_order = [&](Found found) {
            const auto before = [&](const Hit& a, const Hit& b) {
                return rank[std::size_t(a.second)] < rank[std::size_t(b.second)];
            };
            for (auto& hits : found) std::sort(hits.begin(), hits.end(), before);
            return found;
        };
        const float radius = search(index, q, 60, all_lists(index))[3][50].first;
        for (std::size_t nprobe = 1; nprobe <= std::max<std::size_t>(index.nlist(), 1); nprobe += 5) {
            CAPTURE(nprobe);
            lutra::SearchParams params, any;
            params.nprobe = any.nprobe = nprobe, any.order = lutra::Order::any;
            const Found want = in_order(range_search(index, q, radius, params));
            for (const std::size_t workers : {1, 3}) {
                lutra::ThreadPool pool(workers);
                CHECK(range_search(index, q, radius, any, with(pool)) == want);
                CHECK(range_search(index, q.view().rows(7, 8), radius, any, with(pool)) == Found{want[7]});
            }
        }
    });
}

TEST_CASE("search, range_search, reconstruct: may be called by several threads at once") {
    for (const std::string_view spec : {"Flat", "L2norm,IVF16,Flat", "IVF16,Flat,RFlat", "PQ8x4fs", "IVF16,PQ8x4fsr"}) {
        const Case c{spec, Metric::l2, 32};
        const Matrix x = rows_with_ties(500, c.d), q = rows_with_ties(20, c.d, 4);
        const lutra::Index index = filled(c, x);
        const Found want = search(index, q, 5);
        std::vector<int> wrong(4, 0);
        std::vector<std::thread> threads;
        for (std::size_t t = 0; t < wrong.size(); ++t)
            threads.emplace_back([&, t] {
                lutra::Workspace workspace;
                lutra::Resources resources;
                if (t % 2 == 0) resources.workspace = &workspace;
                std::vector<float> row(c.d);
                for (int round = 0; round < 10; ++round) {
                    lutra::Hits hits(q.n, 5);
                    lutra::RangeHits range;
                    wrong[t] += !index.search(q, 5, hits.view(), {}, resources).ok() || rows_of(hits) != want;
                    wrong[t] += !index.range_search(q, 20, range, {}, resources).ok();
                    wrong[t] += !index.reconstruct(Id(round), row.data()).ok();
                }
            });
        for (std::thread& thread : threads) thread.join();
        CHECK(wrong == std::vector<int>(4, 0));
    }
}
