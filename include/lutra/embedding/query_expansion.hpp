// lutra/embedding/query_expansion.hpp: alpha query expansion: replaces rows by means of their neighbours, weighted by
// similarity^alpha.  SPDX-License-Identifier: MIT
//
// Rows of one kind (frames of one sound, pictures of one sight) move together, so a search finds more of that kind. Expand the
// database, the queries, or both, whichever measures best.
// Sources: alpha query expansion: Radenovic, Tolias, Chum, IEEE TPAMI 41(7), 2019, as described by Gordo, Radenovic, Berg, arXiv
// 2007.08019; for the rows of a database: Turcot and Lowe, ICCV workshops 2009.
#pragma once
#include <lutra/core/concepts.hpp>
#include <lutra/core/guarded.hpp>
#include <lutra/core/validate.hpp>
#include <lutra/kernels/normalize.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// num_expand   neighbours that are summed, 1 to the number of rows
/// alpha        0 or more: 0 weighs all neighbours alike, 3 is usual; a larger alpha favours nearer neighbours
/// with_self    for rows of the database: whether the row itself counts as one of its neighbours
struct ExpansionConfig {
    std::size_t num_expand = 10;
    float alpha = 3;
    bool with_self = true;
};

/// out [q.n, d] = queries q, expanded by rows of a database: the sum of the num_expand nearest, each scaled to length 1 and times
/// max(similarity, 0)^alpha, scaled to length 1. A query without a positive similarity is only scaled.
///
///   neighbours   an index whose distances are cosines: by Metric::cosine, or by inner product with rows of length 1; id i is
///                row i of database
///   database     [n, d], of any length
///
/// Cost: the search, and num_expand d multiply-adds a query. Memory: 12 num_expand bytes for some thousand queries at a time. out
/// may not be q or database. Errors: bad_argument (shapes, num_expand, alpha, a row of zeros, a metric that is not inner product,
/// ids that are no rows), not_finite, those of search(). Thread-safe.
// Seven parameters: database and q differ in shape and owner, and every search ends with params and resources.
template <SearchIndex I>
Status expand_queries(const I& neighbours, MatrixView database, MatrixView q, const ExpansionConfig& config, float* out,
                      const SearchParams& params = {}, const Resources& resources = {});

/// The same for the database's own rows: out [n, d] replaces it. Row i is found among its own neighbours and kept or left out, as
/// config.with_self says; num_expand is at most n - 1 without it.
template <SearchIndex I>
Status expand_database(const I& neighbours, MatrixView database, const ExpansionConfig& config, float* out,
                       const SearchParams& params = {}, const Resources& resources = {});

/// The first row of zeros, which has no direction and so no cosine; x.n if there is none. Both calls above refuse such rows; a
/// caller who can say where the row came from checks before building an index.
inline std::size_t find_zero_row(MatrixView x) {
    std::size_t i = 0;
    while (i < x.n && std::any_of(x.row(i), x.row(i) + x.d, [](float v) { return v != 0; })) ++i;
    return i;
}

namespace detail {

/// bad_argument if a row is all zeros. `what` names a row in the message.
inline Status check_directions(std::string_view what, MatrixView x) {
    const std::size_t i = find_zero_row(x);
    if (i == x.n) return {};
    return {Errc::bad_argument, "expand: {} {} is all zeros and has no direction; accepted: rows with a value other than 0", what,
            i};
}

inline Status check_expansion(MatrixView database, MatrixView q, const ExpansionConfig& config, Metric metric, std::size_t most) {
    LUTRA_TRY(check_whole_rows("expand", database));
    LUTRA_TRY(check_whole_rows("expand", q));
    if (database.n == 0 || database.d == 0 || q.d != database.d)
        return {Errc::bad_argument,
                "expand: {} rows of {} columns, {} queries of {}; rows are needed, and queries of the same columns",
                database.n,
                database.d,
                q.n,
                q.d};
    if (metric == Metric::l2)
        return {Errc::bad_argument,
                "expand: the index compares by {}; similarities are cosines, so it must be by cosine or, for rows of length 1, by "
                "inner product",
                metric_name(metric)};
    if (config.num_expand == 0 || config.num_expand > most)
        return {Errc::bad_argument, "expand: num_expand = {}; accepted: 1 to {}, the rows there are", config.num_expand, most};
    if (!(config.alpha >= 0) || !is_finite(config.alpha))
        return {Errc::bad_argument, "expand: alpha = {}; accepted: finite, 0 or more", config.alpha};
    LUTRA_TRY(check_finite("expand", database));
    LUTRA_TRY(check_finite("expand", q));
    LUTRA_TRY(check_directions("row", database));
    return check_directions("query", q);
}

/// What expand_queries() and expand_database() have in common.
struct Expansion {
    MatrixView database, q;
    const ExpansionConfig& config;
    std::size_t wanted;  // neighbours asked for
    Id first_id;         // of q's first row, to be left out with those after it; or -1
    float* out;
};

/// The neighbours that expand a row: ids [k] and similarities [k], of which one may be left out.
struct Neighbours {
    const Id* ids;
    const float* similarities;
    std::size_t k;
    Id left_out;
};

// sum [d] in double, in the order of the neighbours: the same bits for any number of threads. Weights are relative to the nearest
// neighbour's, which is 1, so no alpha rounds all of them to 0; normalising the sum removes the scale.
inline void expand_row(const Expansion& e, std::size_t i, const Neighbours& near, double* sum, float* scaled) {
    const MatrixView database = e.database;
    float* const out = e.out + i * database.d;
    std::fill_n(sum, database.d, 0.0);
    std::size_t used = 0;
    double largest = 0;
    for (std::size_t j = 0; j < near.k && used < e.config.num_expand && near.ids[j] != kNoId; ++j) {
        if (near.ids[j] == near.left_out) continue;
        ++used;
        if (!(near.similarities[j] > 0)) continue;
        if (largest == 0) largest = double(near.similarities[j]);
        const double weight = std::pow(double(near.similarities[j]) / largest, double(e.config.alpha));
        normalize_rows(database.row(std::size_t(near.ids[j])), 1, database.d, scaled);
        for (std::size_t t = 0; t < database.d; ++t) sum[t] += weight * double(scaled[t]);
    }
    for (std::size_t t = 0; t < database.d; ++t) out[t] = largest > 0 ? float(sum[t]) : e.q.row(i)[t];
    normalize_rows(out, 1, database.d, out);
}

template <SearchIndex I>
Status expand(const I& neighbours, const Expansion& e, const SearchParams& params, const Resources& resources) {
    constexpr std::size_t kTogether = 4096;
    const MatrixView q = e.q;
    Hits hits(std::min(q.n, kTogether), e.wanted);
    std::vector<std::vector<double>> sums(resources.executor.workers(), std::vector<double>(q.d));
    std::vector<std::vector<float>> scaled(sums.size(), std::vector<float>(q.d));
    for (std::size_t i0 = 0; i0 < q.n; i0 += kTogether) {
        const MatrixView part = q.rows(i0, std::min(q.n, i0 + kTogether));
        LUTRA_TRY(resources.progress.report("expand", i0, q.n));
        LUTRA_TRY(neighbours.search(part, e.wanted, hits.view(), params, resources));
        for (const Id id : hits.ids)
            if (id >= Id(e.database.n))
                return {Errc::bad_argument, "expand: the index holds id {}; the database has {} rows", id, e.database.n};
        resources.executor.for_ranges(part.n, 16, [&](std::size_t begin, std::size_t end, std::size_t worker) {
            for (std::size_t i = begin; i < end; ++i) {
                const Neighbours near{hits.ids.data() + i * e.wanted, hits.distances.data() + i * e.wanted, e.wanted,
                                      e.first_id < 0 ? kNoId - 1 : e.first_id + Id(i0 + i)};
                expand_row(e, i0 + i, near, sums[worker].data(), scaled[worker].data());
            }
        });
    }
    return resources.progress.report("expand", q.n, q.n);
}

}  // namespace detail

template <SearchIndex I>
Status expand_queries(const I& neighbours, MatrixView database, MatrixView q, const ExpansionConfig& config, float* out,
                      const SearchParams& params, const Resources& resources) {
    LUTRA_TRY(detail::check_expansion(database, q, config, neighbours.metric(), database.n));
    return guarded("expand", [&] {
        return detail::expand(neighbours, {database, q, config, config.num_expand, kNoId, out}, params, resources);
    });
}

template <SearchIndex I>
Status expand_database(const I& neighbours, MatrixView database, const ExpansionConfig& config, float* out,
                       const SearchParams& params, const Resources& resources) {
    const std::size_t others = database.n - std::min<std::size_t>(database.n, config.with_self ? 0 : 1);
    LUTRA_TRY(detail::check_expansion(database, database, config, neighbours.metric(), others));
    const std::size_t wanted = config.num_expand + (config.with_self ? 0 : 1);
    return guarded("expand", [&] {
        return detail::expand(neighbours, {database, database, config, wanted, config.with_self ? kNoId : 0, out}, params,
                              resources);
    });
}

}  // namespace lutra::inline LUTRA_ABI_TAG
