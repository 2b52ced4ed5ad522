// Tests of kernels/scan_rows.hpp: what is found does not depend on how many queries come together.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/kernels/scan_rows.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "support/matrices.hpp"

namespace {
using lutra::Id;
using lutra::IdFilter;
using lutra::Metric;
using lutra::RangeCollector;
using lutra::RowsView;
using lutra::TopCollector;
using lutra_test::Matrix;
using lutra_test::normal_matrix;

constexpr Metric kMetrics[] = {Metric::l2, Metric::inner_product};
constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInf = std::numeric_limits<float>::infinity();

/// Hits of every query, in order; scores as bits, so that NaN or -0 could not hide.
using Found = std::vector<std::vector<std::pair<std::uint32_t, Id>>>;

std::uint32_t bits(float v) {
    std::uint32_t b;
    std::memcpy(&b, &v, sizeof b);
    return b;
}

template <class C>
void scan(Metric metric, const Matrix& q, const RowsView& x, std::vector<C>& collectors, bool together) {
    lutra::Arena arena;
    std::vector<const float*> rows;
    std::vector<C*> hits;
    for (std::size_t i = 0; i < q.n; ++i) rows.push_back(q.row(i)), hits.push_back(&collectors[i]);
    if (together) return lutra::scan_rows<C>(metric, x, rows, hits, arena);
    for (std::size_t i = 0; i < q.n; ++i)
        lutra::scan_rows<C>(metric, x, std::span(rows).subspan(i, 1), std::span<C* const>(hits).subspan(i, 1), arena);
}

Found top(Metric metric, const Matrix& q, const RowsView& x, std::size_t k, const IdFilter& filter, bool together) {
    std::vector<float> scores(q.n * k);
    std::vector<Id> ids(q.n * k);
    std::vector<TopCollector> collectors;
    for (std::size_t i = 0; i < q.n; ++i)
        collectors.push_back({lutra::TopK(scores.data() + i * k, ids.data() + i * k, k), &filter});
    scan(metric, q, x, collectors, together);
    Found found(q.n);
    for (std::size_t i = 0; i < q.n; ++i) {
        collectors[i].top.write(metric);
        for (std::size_t j = 0; j < k; ++j) found[i].emplace_back(bits(scores[i * k + j]), ids[i * k + j]);
    }
    return found;
}

Found within(Metric metric, const Matrix& q, const RowsView& x, float radius, const IdFilter& filter, bool together) {
    std::vector<RangeCollector> collectors(q.n, RangeCollector{radius, &filter});
    scan(metric, q, x, collectors, together);
    Found found(q.n);
    for (std::size_t i = 0; i < q.n; ++i) {
        std::sort(collectors[i].hits.begin(), collectors[i].hits.end());
        for (const auto& [score, id] : collectors[i].hits) found[i].emplace_back(bits(score), id);
    }
    return found;
}

/// By sorting all scores.
Found brute_force_top(Metric metric, const Matrix& q, const RowsView& x, std::size_t k) {
    Found found(q.n);
    for (std::size_t i = 0; i < q.n; ++i) {
        std::vector<std::pair<float, Id>> all;
        for (std::size_t j = 0; j < x.n; ++j) {
            const float score = lutra::score_row(metric, q.row(i), x.rows + j * x.d, x.d);
            if (score < std::numeric_limits<float>::max()) all.emplace_back(score, x.id(j));
        }
        std::sort(all.begin(), all.end());
        all.resize(k, {std::numeric_limits<float>::max(), lutra::kNoId});
        for (const auto& [score, id] : all) found[i].emplace_back(bits(metric == Metric::l2 ? score : -score), id);
    }
    return found;
}

RowsView rows_of(const Matrix& x, const std::vector<Id>* ids = nullptr) {
    return {x.values.data(), ids != nullptr ? ids->data() : nullptr, x.n, x.d};
}

void check_same(const Matrix& q, const Matrix& x, std::size_t k = 5) {
    const IdFilter all;
    for (const Metric metric : kMetrics) {
        CAPTURE(q.n);
        CAPTURE(x.n);
        CAPTURE(x.d);
        CAPTURE(lutra::metric_name(metric));
        const Found alone = top(metric, q, rows_of(x), k, all, false);
        CHECK(alone == brute_force_top(metric, q, rows_of(x), k));
        CHECK(alone == top(metric, q, rows_of(x), k, all, true));
        const float radius = x.n == 0 ? 1 : lutra::score_row(metric, q.row(0), x.row(x.n / 2), x.d);
        CHECK(within(metric, q, rows_of(x), radius, all, false) == within(metric, q, rows_of(x), radius, all, true));
    }
}

Matrix scaled_matrix(std::size_t n, std::size_t d, std::uint32_t seed, float scale, float offset = 0) {
    Matrix m = normal_matrix(n, d, seed);
    for (float& v : m.values) v = v * scale + offset;
    return m;
}
}  // namespace

TEST_CASE("scan_rows: a batch finds what brute force finds, bit for bit, for any number of queries") {
    const Matrix x = normal_matrix(130, 20, 1);
    for (std::size_t nq = 1; nq <= 70; ++nq) check_same(normal_matrix(nq, 20, 2), x);
    check_same(normal_matrix(400, 20, 2), x);  // more than one tile takes
}

TEST_CASE("scan_rows: for any number of rows, none and fewer than k included") {
    const Matrix q = normal_matrix(30, 6, 3);
    for (std::size_t n : {0, 1, 4, 5, 6, 47, 48, 49, 63, 64, 65, 255, 256, 257, 600}) check_same(q, normal_matrix(n, 6, 4));
}

TEST_CASE("scan_rows: far from the origin") {
    for (std::size_t d : {1, 8, 96}) check_same(scaled_matrix(30, d, 5, 1, 1000), scaled_matrix(300, d, 6, 1, 1000));
}

TEST_CASE("scan_rows: from the smallest to the largest values") {
    for (const float scale : {1e-25F, 3e-23F, 1e-20F, 1e-18F, 1e18F, 1.2e19F, 1e20F})
        for (std::size_t d : {1, 5, 32}) {
            CAPTURE(scale);
            check_same(scaled_matrix(30, d, 7, scale), scaled_matrix(300, d, 8, scale));
        }
    check_same(scaled_matrix(30, 8, 9, 1e18F), scaled_matrix(300, 8, 10, 1e-24F));
}

TEST_CASE("scan_rows: rows and queries that are not finite hurt nobody else") {
    Matrix x = normal_matrix(100, 10, 11), q = normal_matrix(40, 10, 12);
    x.row(3)[9] = kNan, x.row(50)[0] = kInf, x.row(51)[1] = -kInf, std::fill_n(x.row(52), 10, kNan);
    check_same(q, x);
    q.row(0)[0] = kNan, q.row(17)[9] = kInf, std::fill_n(q.row(39), 10, -kInf);
    check_same(q, x);
    const IdFilter all;
    const Found found = top(Metric::l2, q, rows_of(x), 3, all, true);
    for (const auto& [score, id] : found[0]) CHECK(id == lutra::kNoId);
}

TEST_CASE("scan_rows: equal distances go to the lower id, in whatever order the rows stand") {
    Matrix x(200, 12);
    const Matrix q = normal_matrix(20, 12, 13), kinds = normal_matrix(4, 12, 14);
    std::vector<Id> ids(200);
    for (std::size_t j = 0; j < 200; ++j) std::copy_n(kinds.row(j % 4), 12, x.row(j)), ids[j] = Id(1000 - 5 * j);
    const IdFilter all;
    for (const Metric metric : kMetrics)
        for (std::size_t k : {1, 3, 50, 60}) {
            const Found want = brute_force_top(metric, q, rows_of(x, &ids), k);
            CHECK(top(metric, q, rows_of(x, &ids), k, all, false) == want);
            CHECK(top(metric, q, rows_of(x, &ids), k, all, true) == want);
        }
}

TEST_CASE("scan_rows: a filter is asked with ids, and only what it lets through is found") {
    const Matrix x = normal_matrix(150, 7, 15), q = normal_matrix(25, 7, 16);
    std::vector<Id> ids(150);
    for (std::size_t j = 0; j < 150; ++j) ids[j] = Id(10 * j);
    const auto third = [](Id id) { return id % 30 == 0; };
    const IdFilter filter = IdFilter::predicate(third);
    for (const Metric metric : kMetrics) {
        const Found one = top(metric, q, rows_of(x, &ids), 50, filter, false);
        CHECK(one == top(metric, q, rows_of(x, &ids), 50, filter, true));
        for (const auto& [score, id] : one[7]) CHECK(id % 30 == 0);
        CHECK(within(metric, q, rows_of(x, &ids), 5, filter, false) == within(metric, q, rows_of(x, &ids), 5, filter, true));
    }
}
