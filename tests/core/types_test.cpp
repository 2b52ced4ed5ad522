// Tests of core/types.hpp and core/config.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/types.hpp>

#include <array>
#include <span>
#include <string_view>
#include <vector>

using lutra::MatrixView;
using lutra::Metric;

TEST_CASE("MatrixView: row(i) and rows(begin, end) are views into the same memory") {
    const std::array<float, 6> values{1, 2, 3, 4, 5, 6};
    const MatrixView x{values.data(), 3, 2};
    CHECK(x.row(2)[1] == 6);
    const MatrixView tail = x.rows(1, 3);
    CHECK(tail.n == 2);
    CHECK(tail.d == 2);
    CHECK(tail.row(0) == x.row(1));
}

TEST_CASE("MatrixView: of a vector, an array or a span, with the number of columns") {
    const std::vector<float> values = {1, 2, 3, 4, 5, 6};
    const std::array<float, 4> four{1, 2, 3, 4};
    const MatrixView x{values, 2}, y(four, 4), z{std::span(values).first(3), 1};
    CHECK(x.data == values.data());
    CHECK(x.n == 3);
    CHECK(x.d == 2);
    CHECK(x.rest == 0);
    CHECK(y.n == 1);
    CHECK(z.n == 3);
    CHECK(MatrixView(std::vector<float>(), 4).n == 0);
}

TEST_CASE("MatrixView: floats behind the last whole row are counted, so that calls can refuse them") {
    const std::vector<float> values = {1, 2, 3, 4, 5};
    const MatrixView x(values, 2), none(values, 0), wide(values, 6);
    CHECK(x.n == 2);
    CHECK(x.rest == 1);
    CHECK(none.n == 0);
    CHECK(none.rest == 5);
    CHECK(wide.n == 0);
    CHECK(wide.rest == 5);
    CHECK(x.rows(0, 1).rest == 0);
}

TEST_CASE("Metric: has the numbers of faiss's files and a name") {
    CHECK(int(Metric::inner_product) == 0);
    CHECK(int(Metric::l2) == 1);
    CHECK(lutra::metric_name(Metric::l2) == std::string_view("l2"));
    CHECK(lutra::metric_name(Metric::inner_product) == std::string_view("inner product"));
}
