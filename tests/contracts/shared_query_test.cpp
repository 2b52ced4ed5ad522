// A query that all workers share finds what it finds alone. A file of its own, as it is long under ThreadSanitizer.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/parallel/threads.hpp>

#include <cstddef>
#include <string_view>

#include "contracts/contract_cases.hpp"

using namespace contracts;

TEST_CASE("search: a single query shared by all workers finds what it finds alone, ties, filters and all") {
    for (const std::string_view spec : {"Flat", "IVF16,Flat", "L2norm,IVF16,Flat", "IVF16,Flat,RFlat", "PQ20x4fs", "IVF16,PQ25x4fs",
                                        "IVF16,PQ20x4fsr", "IVF16,PQ20x4fs,RFlat"})
        for (const Metric metric : {Metric::l2, Metric::inner_product}) {
            const Case c{spec, metric, 100};
            const Matrix x = rows_with_ties(11000, c.d), q = rows_with_ties(3, c.d, 3);  // 1.1 million floats: worth sharing
            const lutra::Index index = filled(c, x);
            const auto odd = [](Id id) { return id % 2 == 1; };
            for (const bool filtered : {false, true}) {
                lutra::SearchParams params = all_lists(index);
                if (filtered) params.filter = lutra::IdFilter::predicate(odd);
                for (std::size_t k : {1, 200}) {
                    const Found want = search(index, q, k, params);
                    for (const std::size_t workers : {2, 4}) {
                        lutra::ThreadPool pool(workers);
                        lutra::Workspace workspace;
                        lutra::Resources resources;
                        resources.executor = pool.executor();
                        resources.workspace = &workspace;
                        CAPTURE(c);
                        CAPTURE(workers);
                        for (std::size_t i = 0; i < q.n; ++i)
                            CHECK(search(index, q.view().rows(i, i + 1), k, params, resources)[0] == want[i]);
                        CHECK(search(index, q.view().rows(0, 2), k, params, resources) == Found{want[0], want[1]});
                    }
                }
            }
        }
}
