// Tests of core/validate.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/validate.hpp>

#include <cstddef>
#include <limits>
#include <string_view>
#include <vector>

#include "support/matrices.hpp"

namespace {
using lutra::check_finite;
using lutra::check_shape;
using lutra::check_some_rows;
using lutra::Errc;
using lutra::Status;
using lutra_test::Matrix;

bool mentions(const Status& status, std::string_view text) { return status.message().find(text) != std::string_view::npos; }
}  // namespace

TEST_CASE("check_shape: accepts rows of d columns") { CHECK(check_shape("add", Matrix(3, 4), 4).ok()); }

TEST_CASE("check_shape: another number of columns is refused with both numbers") {
    const Status status = check_shape("add", Matrix(3, 5), 4);
    CHECK(status.code() == Errc::bad_argument);
    CHECK(mentions(status, "add: rows have 5 columns"));
    CHECK(mentions(status, "d = 4"));
}

TEST_CASE("check_shape: rows at a null pointer are refused, no rows are not") {
    CHECK(check_shape("add", {nullptr, 3, 4}, 4).code() == Errc::bad_argument);
    CHECK(check_shape("add", {nullptr, 0, 4}, 4).ok());
    CHECK(check_shape("add", {nullptr, 0, 3}, 4).code() == Errc::bad_argument);
}

TEST_CASE("check_shape: floats that are not whole rows are refused with their number, whatever the columns") {
    const std::vector<float> values(10);
    const Status status = check_shape("add", {values, 4}, 4);
    CHECK(status.code() == Errc::bad_argument);
    CHECK(mentions(status, "add: 10 floats are not rows of d = 4"));
    CHECK(mentions(check_shape("add", {values, 3}, 4), "10 floats are not rows of d = 3"));
    CHECK(mentions(check_some_rows("train", {values, 20}, 20), "10 floats are not rows of d = 20"));
    CHECK(check_shape("add", {values, 5}, 5).ok());
}

TEST_CASE("check_some_rows: no rows are refused too") {
    CHECK(check_some_rows("train", Matrix(1, 4), 4).ok());
    const Status none = check_some_rows("train", Matrix(0, 4), 4);
    CHECK(none.code() == Errc::bad_argument);
    CHECK(mentions(none, "train: no rows given"));
    CHECK(check_some_rows("train", {nullptr, 3, 4}, 4).code() == Errc::bad_argument);
    CHECK(check_some_rows("train", Matrix(1, 3), 4).code() == Errc::bad_argument);
}

TEST_CASE("check_finite: accepts the largest, the smallest and negative zero") {
    Matrix x(1, 4);
    x.values = {std::numeric_limits<float>::max(), std::numeric_limits<float>::denorm_min(), -0.F,
                std::numeric_limits<float>::lowest()};
    CHECK(check_finite("add", x).ok());
}

TEST_CASE("check_finite: NaN and infinities are refused at every place, with row and column") {
    const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    for (const float bad : {infinity, -infinity, nan, -nan})
        for (std::size_t i = 0; i < 12; ++i) {
            Matrix x(3, 4);
            x.values[i] = bad;
            const Status status = check_finite("train", x);
            CAPTURE(i);
            CHECK(status.code() == Errc::not_finite);
            CHECK(mentions(status, lutra::Message::format("row {} ", i / 4).view()));
            CHECK(mentions(status, lutra::Message::format("column {};", i % 4).view()));
        }
}

TEST_CASE("check_finite: names the first bad row") {
    Matrix x(5, 2);
    x.row(4)[0] = x.row(2)[1] = std::numeric_limits<float>::infinity();
    CHECK(mentions(check_finite("add", x), "row 2 has inf in column 1"));
}
