// Tests of kernels/normalize.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/kernels/normalize.hpp>

#include <cmath>
#include <cstddef>

#include "support/matrices.hpp"

namespace {
double length(const float* row, std::size_t d) {
    double sum = 0;
    for (std::size_t t = 0; t < d; ++t) sum += double(row[t]) * double(row[t]);
    return std::sqrt(sum);
}
}  // namespace

TEST_CASE("normalize_rows: every finite row gets length 1, the smallest and largest included") {
    for (const float scale : {1e-44F, 1e-30F, 1.F, 1e30F, 5e37F}) {
        lutra_test::Matrix x = lutra_test::normal_matrix(5, 33, 1);
        for (float& v : x.values) v *= scale;
        lutra_test::Matrix y(5, 33);
        lutra::normalize_rows(x.row(0), 5, 33, y.row(0));
        CAPTURE(scale);
        for (std::size_t i = 0; i < 5; ++i) CHECK(length(y.row(i), 33) == doctest::Approx(1).epsilon(1e-6));
    }
}

TEST_CASE("normalize_rows: works in place and leaves a row of zeros as it is") {
    lutra_test::Matrix x = lutra_test::normal_matrix(3, 4, 2), y(3, 4);
    std::fill_n(x.row(1), 4, 0.F);
    lutra::normalize_rows(x.row(0), 3, 4, y.row(0));
    lutra::normalize_rows(x.row(0), 3, 4, x.row(0));
    CHECK(x.values == y.values);
    CHECK(length(x.row(1), 4) == 0);
}
