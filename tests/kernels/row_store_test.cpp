// RowStore gives back the rows that went in, whatever its form.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/kernels/row_store.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "support/matrices.hpp"

namespace {
using lutra::RowStore;
using lutra_test::Matrix;

Matrix whole(std::size_t n, std::size_t d) {
    Matrix x(n, d);
    for (std::size_t i = 0; i < n * d; ++i) x.values[i] = float(i * 37 % 256);
    return x;
}

void add(RowStore& store, const Matrix& x) {
    store.reserve(x);
    store.append(x.view());
}

std::vector<float> rows_of(const RowStore& store, std::size_t d) {
    std::vector<float> rows(store.size() * d), scratch(d);
    for (std::size_t i = 0; i < store.size(); ++i) {
        store.copy(i, rows.data() + i * d);
        const float* const row = rows.data() + i * d;
        const Matrix q = lutra_test::normal_matrix(1, d, 5);
        for (const lutra::Metric metric : {lutra::Metric::l2, lutra::Metric::inner_product})
            CHECK(store.score(metric, q.row(0), i, scratch.data()) == lutra::score_row(metric, q.row(0), row, d));
    }
    return rows;
}

std::vector<float> joined(const Matrix& a, const Matrix& b) {
    std::vector<float> values = a.values;
    values.insert(values.end(), b.values.begin(), b.values.end());
    return values;
}
}  // namespace

TEST_CASE("are_whole: whole numbers 0 to 255 and nothing else") {
    for (const std::size_t n : {1, 63, 64, 65, 200})
        for (const float odd : {-0.F, -1.F, 256.F, 0.5F, 254.999F, -0.001F, 1e30F, -1e30F, std::numeric_limits<float>::infinity(),
                                std::numeric_limits<float>::quiet_NaN()}) {
            Matrix x = whole(1, n);
            CHECK(lutra::are_whole(x.row(0), n));
            x.values[n - 1] = odd;
            CHECK(!lutra::are_whole(x.row(0), n));
        }
    CHECK(lutra::are_whole(nullptr, 0));
}

TEST_CASE("RowStore: whole rows are bytes until one is not") {
    const std::size_t d = 5;
    const Matrix first = whole(30, d), second = whole(7, d), third = lutra_test::normal_matrix(9, d, 1);
    RowStore store(d);
    CHECK(store.size() == 0);
    add(store, first);
    CHECK(store.whole());
    CHECK(store.row_bytes() == d);
    add(store, second);
    CHECK(store.whole());
    CHECK(rows_of(store, d) == joined(first, second));
    add(store, third);
    CHECK(!store.whole());
    CHECK(store.row_bytes() == 4 * d);
    Matrix both(37, d);
    both.values = joined(first, second);
    CHECK(rows_of(store, d) == joined(both, third));
    store.clear();
    add(store, second);
    CHECK(store.whole());
    CHECK(rows_of(store, d) == second.values);
}

TEST_CASE("RowStore: room for rows that were not added changes nothing, also where the form changes") {
    const std::size_t d = 3;
    const Matrix first = whole(4, d), other = lutra_test::normal_matrix(2, d, 1);
    RowStore store(d);
    add(store, first);
    store.reserve(other);
    CHECK(rows_of(store, d) == first.values);
    store.reserve(Matrix(0, d));
    CHECK(rows_of(store, d) == first.values);
}

TEST_CASE("RowStore: takes over the rows of another, in any form; rows move, and the last are cut off") {
    const std::size_t d = 4;
    for (const Matrix& a : {whole(6, d), lutra_test::normal_matrix(6, d, 1), Matrix(0, d)})
        for (const Matrix& b : {whole(5, d), lutra_test::normal_matrix(5, d, 2)}) {
            RowStore one(d), other(d);
            add(one, a), add(other, b);
            one.reserve(RowStore(d));  // of no rows the form does not matter
            CHECK(one.whole() == lutra::are_whole(a.row(0), a.n == 0 ? 0 : a.n * d) * (a.n != 0));
            one.reserve(other);
            one.append(other);
            CHECK(rows_of(one, d) == joined(a, b));
            one.move(one.size() - 1, 0);
            one.truncate(1);
            CHECK(rows_of(one, d) == std::vector<float>(b.values.end() - std::ptrdiff_t(d), b.values.end()));
        }
}
