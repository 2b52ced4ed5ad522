// Tests of core/types.hpp and core/config.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/types.hpp>

#include <array>
#include <string_view>

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

TEST_CASE("Metric: has the numbers of faiss's files and a name") {
    CHECK(int(Metric::inner_product) == 0);
    CHECK(int(Metric::l2) == 1);
    CHECK(lutra::metric_name(Metric::l2) == std::string_view("l2"));
    CHECK(lutra::metric_name(Metric::inner_product) == std::string_view("inner product"));
}
