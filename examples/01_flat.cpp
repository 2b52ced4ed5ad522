// 01_flat.cpp: exact search. Vectors go in, each query's nearest come out.  SPDX-License-Identifier: MIT
#include <cstdio>
#include <lutra/lutra.hpp>
#include <vector>

int main() {
    // Four points in the plane, row after row: [n, d] floats.
    const std::vector<float> points = {0, 0, 1, 0, 0, 2, 5, 5};
    const std::vector<float> queries = {0.9F, 0.2F, 4, 4};

    lutra::Index index = lutra::index_factory(2, "Flat", lutra::Metric::l2).value();
    if (const lutra::Status s = index.add({points, 2}); !s.ok()) return std::puts(s.c_str()), 1;

    // k = 2 neighbours of each query, best first; distances are squared.
    const lutra::Hits hits = lutra::search(index, {queries, 2}, 2).value();
    for (std::size_t i = 0; i < hits.nq; ++i)
        for (const auto [id, distance] : hits.row(i))
            std::printf("query %zu: id %lld, squared distance %.2f\n", i, static_cast<long long>(id), double(distance));

    // What goes wrong is said in words, not thrown: here the queries have three columns.
    const lutra::Result<lutra::Hits> wrong = lutra::search(index, {queries.data(), 1, 3}, 2);
    std::printf("a query of another dimension: %s\n", wrong.status().c_str());
    return hits.row(0)[0].id == 1 && hits.row(1)[0].id == 3 && !wrong.ok() ? 0 : 1;
}
