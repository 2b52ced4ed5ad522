// Tests of embedding/query_expansion.hpp against the plain formula.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/embedding/query_expansion.hpp>
#include <lutra/factory/index_factory.hpp>
#include <lutra/parallel/threads.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <string_view>
#include <vector>

#include "support/matrices.hpp"

namespace {
using lutra::Errc;
using lutra::ExpansionConfig;
using lutra::Metric;
using lutra_test::Matrix;

std::vector<double> unit(const float* row, std::size_t d) {
    std::vector<double> u(row, row + d);
    const double length = std::sqrt(std::inner_product(u.begin(), u.end(), u.begin(), 0.0));
    for (double& v : u) v = length > 0 ? v / length : 0;
    return u;
}

/// The formula, with every similarity computed. left_out: a row that does not count, or x.n.
std::vector<double> expanded(const Matrix& x, const float* q, const ExpansionConfig& config, std::size_t left_out) {
    const std::vector<double> u = unit(q, x.d);
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t i = 0; i < x.n; ++i) {
        const std::vector<double> row = unit(x.row(i), x.d);
        if (i != left_out) order.emplace_back(-std::inner_product(u.begin(), u.end(), row.begin(), 0.0), i);
    }
    std::sort(order.begin(), order.end());
    std::vector<double> sum(x.d, 0);
    double weights = 0;
    for (std::size_t j = 0; j < config.num_expand; ++j) {
        if (-order[j].first <= 1e-9) continue;
        const double weight = std::pow(-order[j].first, config.alpha);
        const std::vector<double> row = unit(x.row(order[j].second), x.d);
        for (std::size_t t = 0; t < x.d; ++t) sum[t] += weight * row[t];
        weights += weight;
    }
    std::vector<float> narrow(sum.begin(), sum.end());
    return weights > 0 ? unit(narrow.data(), x.d) : u;
}

lutra::Index cosines(const Matrix& x) {
    lutra::Index index = lutra::index_factory(x.d, "L2norm,Flat", Metric::inner_product).value();
    REQUIRE(index.add(x).ok());
    return index;
}

void check_rows(const Matrix& x, const Matrix& q, const Matrix& got, const ExpansionConfig& config, bool own) {
    for (std::size_t i = 0; i < q.n; ++i) {
        const std::vector<double> want = expanded(x, q.row(i), config, own && !config.with_self ? i : x.n);
        for (std::size_t t = 0; t < x.d; ++t) CHECK(double(got.row(i)[t]) == doctest::Approx(want[t]).epsilon(1e-4));
    }
}
}  // namespace

TEST_CASE("expand_database and expand_queries: the formula, with and without the row itself") {
    const Matrix x = lutra_test::clustered_matrix(200, 12, 7, 1), q = lutra_test::normal_matrix(30, 12, 2);
    const lutra::Index index = cosines(x);
    for (const float alpha : {0.F, 1.F, 3.F})
        for (const bool with_self : {true, false}) {
            const ExpansionConfig config{8, alpha, with_self};
            Matrix out(x.n, x.d), answers(q.n, q.d);
            REQUIRE(lutra::expand_database(index, x, config, out.values.data()).ok());
            check_rows(x, x, out, config, true);
            REQUIRE(lutra::expand_queries(index, x, q, config, answers.values.data()).ok());
            check_rows(x, q, answers, config, false);
        }
}

TEST_CASE("expansion: neighbours that point away weigh nothing; a row without others is only scaled") {
    Matrix x(3, 2);
    x.values = {3, 0, -5, 0, 0, 4};
    Matrix out(3, 2);
    REQUIRE(lutra::expand_database(cosines(x), x, {2, 2, false}, out.values.data()).ok());  // a square is never negative
    CHECK(out.values == std::vector<float>{1, 0, -1, 0, 0, 1});
}

TEST_CASE("expansion: a large alpha leaves the nearest one, never zeros") {
    const Matrix x = lutra_test::normal_matrix(60, 8, 4);
    Matrix nearest(x.n, x.d), out(x.n, x.d);
    const lutra::Index index = cosines(x);
    REQUIRE(lutra::expand_database(index, x, {1, 1, false}, nearest.values.data()).ok());
    REQUIRE(lutra::expand_database(index, x, {5, 1e6F, false}, out.values.data()).ok());
    for (std::size_t i = 0; i < out.values.size(); ++i) CHECK(out.values[i] == doctest::Approx(nearest.values[i]).epsilon(1e-4));
}

TEST_CASE("expansion: a row or a query of zeros has no direction and is refused") {
    const Matrix x = lutra_test::normal_matrix(20, 4, 1);
    Matrix with_zeros = x, out(20, 4);
    std::fill_n(with_zeros.row(7), 4, -0.F);
    const auto says = [](const lutra::Status& status, const char* words) {
        CHECK(status.code() == Errc::bad_argument);
        CHECK(status.message().find(words) != std::string_view::npos);
    };
    const lutra::Index index = cosines(x);
    says(lutra::expand_queries(index, x, with_zeros, {5, 3}, out.values.data()), "query 7 is all zeros");
    says(lutra::expand_queries(index, with_zeros, x, {5, 3}, out.values.data()), "row 7 is all zeros");
    says(lutra::expand_database(index, with_zeros, {5, 3}, out.values.data()), "row 7 is all zeros");
}

TEST_CASE("expansion: the same bits for any number of threads") {
    const Matrix x = lutra_test::normal_matrix(300, 9, 3);
    const lutra::Index index = cosines(x);
    Matrix one(x.n, x.d), many(x.n, x.d);
    lutra::ThreadPool pool(3);
    REQUIRE(lutra::expand_database(index, x, {}, one.values.data()).ok());
    REQUIRE(lutra::expand_database(index, x, {}, many.values.data(), {}, {pool.executor(), nullptr, {}}).ok());
    CHECK(one.values == many.values);
}

TEST_CASE("expand_queries: no queries are no error") {
    const Matrix x = lutra_test::normal_matrix(20, 4, 1);
    const lutra::Index index = cosines(x);
    CHECK(lutra::expand_queries(index, x, {nullptr, 0, 4}, {5, 3}, nullptr).ok());
    CHECK(lutra::expand_queries(index, x, {nullptr, 0, 3}, {5, 3}, nullptr).code() == Errc::bad_argument);
}

TEST_CASE("expansion: what makes no sense is refused") {
    const Matrix x = lutra_test::normal_matrix(20, 4, 1), wide = lutra_test::normal_matrix(5, 5, 1);
    const lutra::Index index = cosines(x), l2 = [&] {
        lutra::Index flat = lutra::index_factory(4, "Flat", Metric::l2).value();
        REQUIRE(flat.add(x).ok());
        return flat;
    }();
    Matrix out(20, 5);
    const auto code = [&](const lutra::Index& i, lutra::MatrixView q, ExpansionConfig c) {
        return lutra::expand_queries(i, x, q, c, out.values.data()).code();
    };
    CHECK(code(index, x, {0, 3}) == Errc::bad_argument);
    CHECK(code(index, x, {21, 3}) == Errc::bad_argument);
    CHECK(code(index, x, {5, -1}) == Errc::bad_argument);
    CHECK(code(index, x, {5, std::numeric_limits<float>::quiet_NaN()}) == Errc::bad_argument);
    CHECK(code(index, wide, {5, 3}) == Errc::bad_argument);
    CHECK(code(l2, x, {5, 3}) == Errc::bad_argument);
    CHECK(lutra::expand_database(index, x, {20, 3, false}, out.values.data()).code() == Errc::bad_argument);
    CHECK(lutra::expand_database(index, x.view().rows(0, 0), {1, 3, false}, out.values.data()).code() == Errc::bad_argument);
    CHECK(lutra::expand_queries(index, x.view().rows(0, 7), x, {5, 3}, out.values.data()).code() == Errc::bad_argument);
    Matrix bad = x;
    bad.row(3)[1] = std::numeric_limits<float>::infinity();
    CHECK(code(index, bad, {5, 3}) == Errc::not_finite);
}
