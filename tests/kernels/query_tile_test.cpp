// Tests of kernels/query_tile.hpp: no pair that counts is ever missed.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/kernels/query_tile.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "support/matrices.hpp"

namespace {
using lutra::Metric;
using lutra_test::Matrix;
using lutra_test::normal_matrix;

constexpr Metric kMetrics[] = {Metric::l2, Metric::inner_product};

Matrix scaled_matrix(std::size_t n, std::size_t d, std::uint32_t seed, float scale, float offset = 0) {
    Matrix m = normal_matrix(n, d, seed);
    for (float& v : m.values) v = v * scale + offset;
    return m;
}

struct Outcome {
    std::size_t missed = 0;       // at or under the threshold, not visited
    std::size_t superfluous = 0;  // visited, over the threshold
    std::size_t twice = 0;
};

/// Scans with one fixed threshold a query: the exact score of one of its pairs, so that every rounding the wrong way shows.
/// As many queries as a QueryTile takes at most.
template <class Arch>
Outcome scan_at_exact_scores(Metric metric, const Matrix& q, const Matrix& x, std::size_t step) {
    lutra::Arena arena;
    std::vector<const float*> rows(q.n);
    for (std::size_t i = 0; i < q.n; ++i) rows[i] = q.row(i);
    lutra::QueryTile<Arch> tile(arena, metric, rows, q.d);
    std::vector<float> thresholds(q.n, 0.F), scores(q.n * x.n);
    for (std::size_t i = 0; i < q.n; ++i) {
        if (x.n != 0) lutra::score_rows(metric, q.row(i), x.row(0), x.n, x.d, scores.data() + i * x.n);
        if (x.n != 0) thresholds[i] = scores[i * x.n + (i * step + step) % x.n];
        tile.set_threshold(i, thresholds[i]);
    }
    std::vector<unsigned char> visits(q.n * x.n, 0);
    tile.scan(x.values.data(), x.n, [&](std::size_t i, std::size_t j) {
        ++visits[i * x.n + j];
        return thresholds[i];
    });
    Outcome o;
    for (std::size_t i = 0; i < q.n; ++i)
        for (std::size_t j = 0; j < x.n; ++j) {
            const bool wanted = scores[i * x.n + j] <= thresholds[i];
            const int seen = visits[i * x.n + j];
            o.missed += wanted && seen == 0, o.superfluous += !wanted && seen != 0, o.twice += seen > 1;
        }
    return o;
}

void check_nothing_missed(const Matrix& q, const Matrix& x) {
    for (const Metric metric : kMetrics)
        for (std::size_t step : {1, 5}) {
            const Outcome o = scan_at_exact_scores<lutra::best>(metric, q, x, step);
            CAPTURE(lutra::metric_name(metric));
            CAPTURE(q.n);
            CAPTURE(x.n);
            CAPTURE(x.d);
            CHECK(o.missed == 0);
            CHECK(o.twice == 0);
        }
}
}  // namespace

TEST_CASE("QueryTile: every number of queries sees every pair under its threshold") {
    const Matrix x = normal_matrix(60, 24, 1);
    const std::size_t most = std::min<std::size_t>(70, lutra::QueryTile<lutra::best>::kMaxQueries);
    for (std::size_t nq = 1; nq <= most; ++nq) check_nothing_missed(normal_matrix(nq, 24, 2), x);
}

TEST_CASE("QueryTile: every number of rows, around its tiles and chunks, none included") {
    const Matrix q = normal_matrix(21, 9, 3);
    for (std::size_t n = 0; n <= 40; ++n) check_nothing_missed(q, normal_matrix(n, 9, 4));
    for (std::size_t n : {255, 256, 257, 511, 512, 513, 600}) check_nothing_missed(q, normal_matrix(n, 9, 4));
}

TEST_CASE("QueryTile: every dimension") {
    for (std::size_t d = 1; d <= 40; ++d) check_nothing_missed(normal_matrix(33, d, 5), normal_matrix(50, d, 6));
    for (std::size_t d : {63, 64, 65, 128, 200, 256, 768}) check_nothing_missed(normal_matrix(33, d, 5), normal_matrix(50, d, 6));
}

TEST_CASE("QueryTile: as many queries as it takes") {
    const std::size_t most = lutra::QueryTile<lutra::best>::kMaxQueries;
    check_nothing_missed(normal_matrix(most, 16, 7), normal_matrix(300, 16, 8));
    check_nothing_missed(normal_matrix(most - 1, 16, 7), normal_matrix(300, 16, 8));
}

TEST_CASE("QueryTile: far from the origin, where the product cancels, nothing is missed") {
    for (const float offset : {10.F, 1000.F, -30000.F})
        for (std::size_t d : {1, 2, 16, 100})
            check_nothing_missed(scaled_matrix(40, d, 9, 1, offset), scaled_matrix(120, d, 10, 1, offset));
}

TEST_CASE("QueryTile: tiny and huge values, squares that under- or overflow included") {
    for (const float scale : {1e-25F, 3e-23F, 1e-22F, 1e-20F, 1e-18F, 1e10F, 1e18F, 5e18F, 1.2e19F, 3e19F, 1e25F})
        for (std::size_t d : {1, 3, 16, 40}) {
            CAPTURE(scale);
            check_nothing_missed(scaled_matrix(40, d, 11, scale), scaled_matrix(120, d, 12, scale));
        }
}

TEST_CASE("QueryTile: queries and rows of very different size") {
    for (const float query_scale : {1e-24F, 1e-10F, 1.F, 1e18F, 1.2e19F})
        for (const float row_scale : {1e-24F, 1e-10F, 1.F, 1e18F, 1.2e19F}) {
            CAPTURE(query_scale);
            CAPTURE(row_scale);
            check_nothing_missed(scaled_matrix(40, 7, 13, query_scale), scaled_matrix(120, 7, 14, row_scale));
        }
}

TEST_CASE("QueryTile: a squared length may overflow where the distance does not") {
    for (const float query_part : {0.3F, 0.4F, 1.F, 1.1F})
        for (const float row_part : {0.3F, 0.4F, 1.F, 1.1F})
            for (const std::size_t d : {1, 4, 20}) {
                const float longest = std::sqrt(std::numeric_limits<float>::max() / float(d));
                Matrix q(20, d), x(20, d);
                std::fill(q.values.begin(), q.values.end(), query_part * longest);
                std::fill(x.values.begin(), x.values.end(), row_part * longest);
                CAPTURE(query_part);
                CAPTURE(row_part);
                check_nothing_missed(q, x);
            }
}

TEST_CASE("QueryTile: rows equal to queries are found at distance 0") {
    for (const float scale : {3e-23F, 1.F, 1e15F})
        for (std::size_t d : {1, 8, 64}) {
            const Matrix x = scaled_matrix(64, d, 15, scale);
            CAPTURE(scale);
            Outcome o = scan_at_exact_scores<lutra::best>(Metric::l2, x, x, 1);
            CHECK(o.missed == 0);
            std::vector<const float*> rows;
            for (std::size_t i = 0; i < x.n; ++i) rows.push_back(x.row(i));
            lutra::Arena arena;
            lutra::QueryTile<lutra::best> tile(arena, Metric::l2, rows, d);
            for (std::size_t i = 0; i < x.n; ++i) tile.set_threshold(i, 0);
            std::vector<bool> found(x.n);
            tile.scan(x.row(0), x.n, [&](std::size_t i, std::size_t j) {
                if (i == j) found[i] = true;
                return 0.F;
            });
            CHECK(std::count(found.begin(), found.end(), true) == 64);
        }
}

TEST_CASE("QueryTile: hardly a pair over its threshold is proposed") {
    for (std::size_t d : {1, 16, 128})
        for (const Metric metric : kMetrics) {
            const Outcome o = scan_at_exact_scores<lutra::best>(metric, normal_matrix(64, d, 16), normal_matrix(500, d, 17), 3);
            CAPTURE(d);
            CHECK(o.superfluous < 64 * 500 / 200);
        }
}

TEST_CASE("QueryTile: without a threshold no pair is visited") {
    const Matrix q = normal_matrix(20, 8, 18), x = normal_matrix(100, 8, 19);
    std::vector<const float*> rows;
    for (std::size_t i = 0; i < q.n; ++i) rows.push_back(q.row(i));
    for (const Metric metric : kMetrics) {
        lutra::Arena arena;
        lutra::QueryTile<lutra::best> tile(arena, metric, rows, 8);
        std::size_t visits = 0;
        tile.scan(x.row(0), x.n, [&](std::size_t, std::size_t) {
            ++visits;
            return 0.F;
        });
        CHECK(visits == 0);
    }
}

TEST_CASE("QueryTile: a threshold that visit() tightens counts from the next pair on") {
    const std::size_t n = 400;
    const Matrix q = normal_matrix(17, 12, 20);
    Matrix x(n, 12);
    for (std::size_t j = 0; j < n; ++j) std::copy_n(q.row(0), 12, x.row(j));  // all at the same distance from a query
    std::vector<const float*> rows;
    for (std::size_t i = 0; i < q.n; ++i) rows.push_back(q.row(i));
    lutra::Arena arena;
    lutra::QueryTile<lutra::best> tile(arena, Metric::l2, rows, 12);
    for (std::size_t i = 0; i < q.n; ++i) tile.set_threshold(i, std::numeric_limits<float>::max());
    std::vector<std::size_t> visits(q.n);
    tile.scan(x.row(0), n, [&](std::size_t i, std::size_t) { return ++visits[i] < 3 ? 1e30F : -1e30F; });
    CHECK(*std::max_element(visits.begin(), visits.end()) <= 3 + 16);  // what is left of the tile may still come
    CHECK(*std::min_element(visits.begin(), visits.end()) >= 3);
}
