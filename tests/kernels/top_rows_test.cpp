// Tests of kernels/top_rows.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/kernels/normalize.hpp>
#include <lutra/kernels/top_rows.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "support/count_new.hpp"
#include "support/matrices.hpp"

#if !defined(LUTRA_SCALAR_ONLY)
namespace {
using lutra::Id;
using lutra::Metric;
using lutra_test::Matrix;
using Top = lutra::TopRows<lutra::best>;

/// rows [q.n, n], all queries found in groups of up to `width`.
std::vector<Id> top_rows(const Matrix& c, Metric metric, const Matrix& q, std::size_t n, std::size_t width, lutra::Arena& arena) {
    const lutra::Centroids prepared(metric, {c.values.begin(), c.values.end()}, c.n, c.d);
    const lutra::Arena::Frame frame(arena);
    Top top(arena, prepared.view(), n);
    std::vector<Id> rows(q.n * n, -9);
    std::vector<float> distances(q.n * n);
    std::vector<const float*> queries(width);
    for (std::size_t i = 0; i < q.n; i += width) {
        const std::size_t many = std::min(width, q.n - i);
        for (std::size_t j = 0; j < many; ++j) queries[j] = q.row(i + j);
        top.find({queries.data(), many}, rows.data() + i * n, distances.data());
    }
    return rows;
}

/// The same by scoring everything.
std::vector<Id> by_heap(const Matrix& c, Metric metric, const Matrix& q, std::size_t n) {
    std::vector<Id> rows(q.n * n);
    std::vector<float> scores(n);
    for (std::size_t i = 0; i < q.n; ++i) {
        lutra::TopK top(scores.data(), rows.data() + i * n, n);
        for (std::size_t j = 0; j < c.n; ++j) top.push(lutra::score_row(metric, q.row(i), c.row(j), c.d), Id(j));
        top.write(metric);
    }
    return rows;
}

void check_same(const Matrix& c, const Matrix& q, std::size_t n) {
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        CAPTURE(c.n);
        CAPTURE(c.d);
        CAPTURE(n);
        lutra::Arena arena;
        const std::vector<Id> want = by_heap(c, metric, q, n);
        CHECK(top_rows(c, metric, q, n, Top::kWidth, arena) == want);
        CHECK(top_rows(c, metric, q, n, 3, arena) == want);
    }
}
}  // namespace

TEST_CASE("TopRows: finds what scoring every row finds, in the same order") {
    for (std::size_t k : {2, 3, 31, 32, 33, 500})
        for (std::size_t d : {1, 7, 16, 65})
            for (std::size_t n : {1, 2, 8, 32})
                if (n <= k / 2) check_same(lutra_test::normal_matrix(k, d, 1), lutra_test::normal_matrix(Top::kWidth + 5, d, 2), n);
}

TEST_CASE("TopRows: rows that score alike go by their number, however many they are") {
    Matrix c = lutra_test::normal_matrix(400, 5, 3);
    for (std::size_t j = 0; j < 300; ++j) std::copy_n(c.row(399), 5, c.row(j));
    check_same(c, lutra_test::normal_matrix(50, 5, 4), 20);
    std::fill(c.values.begin(), c.values.end(), 1.F);
    check_same(c, lutra_test::normal_matrix(50, 5, 4), 20);
}

TEST_CASE("TopRows: rows nearer to each other than a product can tell are told apart") {
    Matrix c = lutra_test::normal_matrix(300, 24, 5);
    for (std::size_t j = 0; j < c.n; ++j)
        for (std::size_t t = 0; t < c.d; ++t) c.row(j)[t] = 1000 + 1e-3F * c.row(j)[t];
    check_same(c, c, 10);
}

TEST_CASE("TopRows: NaN, infinity and overflow find what scoring every row finds") {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    Matrix c = lutra_test::normal_matrix(100, 4, 6), q = lutra_test::normal_matrix(40, 4, 7);
    c.row(3)[1] = std::numeric_limits<float>::quiet_NaN(), c.row(4)[0] = kInfinity, c.row(5)[2] = 1e30F;
    check_same(c, q, 10);
    c = lutra_test::normal_matrix(100, 4, 6);
    q.row(0)[0] = std::numeric_limits<float>::quiet_NaN(), q.row(9)[3] = -kInfinity, q.row(20)[1] = 3e19F, q.row(33)[2] = 1e-30F;
    check_same(c, q, 10);
}

TEST_CASE("TopRows: allocates nothing once the arena is warm") {
    const Matrix c = lutra_test::normal_matrix(200, 8, 8), q = lutra_test::normal_matrix(Top::kWidth, 8, 9);
    const lutra::Centroids prepared(Metric::l2, {c.values.begin(), c.values.end()}, c.n, c.d);
    std::vector<const float*> queries(q.n);
    for (std::size_t i = 0; i < q.n; ++i) queries[i] = q.row(i);
    std::vector<Id> rows(q.n * 10);
    std::vector<float> distances(q.n * 10);
    lutra::Arena arena;
    const auto find = [&] {
        const lutra::Arena::Frame frame(arena);
        Top(arena, prepared.view(), 10).find(queries, rows.data(), distances.data());
    };
    find();
    const std::size_t before = lutra_test::allocations();
    find();
    CHECK(lutra_test::allocations() == before);
}

TEST_CASE("TopRows: scores that are large and hardly differ, so that their mean rounds to less than all of them") {
    Matrix c = lutra_test::normal_matrix(600, 24, 70), q = lutra_test::normal_matrix(12000, 24, 71);
    for (Matrix* m : {&c, &q})
        for (float& v : m->values) v += 1000;
    lutra::normalize_rows(c.row(0), c.n, c.d, c.row(0));  // as centroids are for inner product
    lutra::Arena arena;
    const std::vector<Id> found = top_rows(c, Metric::inner_product, q, 1, Top::kWidth, arena);
    std::vector<float> scores(c.n);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < q.n; ++i) {
        lutra::score_rows(Metric::inner_product, q.row(i), c.row(0), c.n, 24, scores.data());
        wrong += found[i] != std::min_element(scores.begin(), scores.end()) - scores.begin();
    }
    CHECK(wrong == 0);
}
#endif
