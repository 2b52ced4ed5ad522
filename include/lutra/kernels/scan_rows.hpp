// lutra/kernels/scan_rows.hpp: scans a run of rows for queries and their collectors: Flat lists, and centroids.
// SPDX-License-Identifier: MIT
//
// Few queries: each walks the rows with the exact kernel (bound by memory). Many: a QueryTile proposes pairs and each is
// scored exactly (bound by arithmetic). Both give the same scores bit for bit, so the choice is only one of speed.
#pragma once
#include <lutra/core/collector.hpp>
#include <lutra/kernels/query_tile.hpp>

#include <algorithm>
#include <cstddef>
#include <span>

namespace lutra::inline LUTRA_ABI_TAG {

/// Rows [n, d] and their ids [n]; without ids a row is called by its number.
struct RowsView {
    const float* rows = nullptr;
    IdRun ids;
    std::size_t n = 0, d = 0;

    Id id(std::size_t row) const { return ids[row]; }
};

namespace detail {

template <Collector C>
void scan_rows_one(Metric metric, const RowsView& x, const float* query, C& collector) {
    constexpr std::size_t kChunk = 64;
    float scores[kChunk];
    for (std::size_t j = 0; j < x.n; j += kChunk) {
        const std::size_t n = std::min(kChunk, x.n - j);
        score_rows(metric, query, x.rows + j * x.d, n, x.d, scores);
        for (std::size_t i = 0; i < n; ++i)
            if (scores[i] <= collector.threshold() && collector.wants(x.id(j + i))) collector.push(scores[i], x.id(j + i));
    }
}

template <Collector C>
void scan_rows_tile(Metric metric, const RowsView& x, std::span<const float* const> queries, std::span<C* const> collectors,
                    Arena& arena) {
    const Arena::Frame frame(arena);
    QueryTile<best> tile(arena, metric, queries, x.d);
    for (std::size_t i = 0; i < queries.size(); ++i) tile.set_threshold(i, collectors[i]->threshold());
    tile.scan(x.rows, x.n, [&](std::size_t i, std::size_t row) {
        const Id id = x.id(row);
        if (collectors[i]->wants(id)) collectors[i]->push(score_row(metric, queries[i], x.rows + row * x.d, x.d), id);
        return collectors[i]->threshold();
    });
}

}  // namespace detail

/// What scan_rows() takes from the arena for n queries.
constexpr std::size_t scan_rows_bytes(std::size_t n, std::size_t d, std::size_t min_tile = QueryTile<best>::kMinQueries) {
    return n < min_tile ? 0 : QueryTile<best>::bytes(std::min(n, QueryTile<best>::kMaxQueries), d);
}

/// Offers every row to every query's collector; queries [nq] are pointers to d floats. min_tile or more queries form a QueryTile;
/// the default is where that pays for rows that come from memory. Cost: n * nq * d multiply-adds. Allocates nothing once `arena` is
/// warm.
template <Collector C>
void scan_rows(Metric metric, const RowsView& x, std::span<const float* const> queries, std::span<C* const> collectors,
               Arena& arena, std::size_t min_tile = QueryTile<best>::kMinQueries) {
    using Tile = QueryTile<best>;
    for (std::size_t i = 0; i < queries.size();) {
        const std::size_t n = std::min(queries.size() - i, Tile::kMaxQueries);
        if (n >= min_tile) {
            detail::scan_rows_tile(metric, x, queries.subspan(i, n), collectors.subspan(i, n), arena);
            i += n;
        } else {
            detail::scan_rows_one(metric, x, queries[i], *collectors[i]);
            ++i;
        }
    }
}

}  // namespace lutra::inline LUTRA_ABI_TAG
