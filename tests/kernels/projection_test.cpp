// Tests of kernels/projection.hpp, and of ByteRows in few columns.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/kernels/byte_rows.hpp>
#include <lutra/kernels/projection.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "support/matrices.hpp"

namespace {
using lutra::ByteRows;
using lutra::Projection;
using lutra_test::Matrix;

/// Rows of few directions, and some of all others, times a factor, from an offset.
Matrix flat_rows(std::size_t n, std::size_t d, std::uint32_t seed, float rest = 0.05F, float factor = 1, float offset = 0) {
    const Matrix axes = lutra_test::normal_matrix(6, d, 99), at = lutra_test::normal_matrix(n, 6, seed);
    Matrix rows = lutra_test::normal_matrix(n, d, seed + 1);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t t = 0; t < d; ++t) {
            float& x = rows.row(i)[t] *= rest;
            for (std::size_t a = 0; a < 6; ++a) x += at.row(i)[a] * axes.row(a)[t];
            x = x * factor + offset;
        }
    return rows;
}

double squared(const float* x, const float* y, std::size_t d) {
    double sum = 0;
    for (std::size_t t = 0; t < d; ++t) sum += (double(x[t]) - double(y[t])) * (double(x[t]) - double(y[t]));
    return sum;
}

Projection projection_of(const Matrix& x, double share) {
    const std::vector<float> origin(x.d, 0.F);
    return Projection::of(x.view(), origin.data(), share);
}

/// Rows that a query has a larger lower bound for than a distance in double.
std::size_t violations(const Matrix& x, const Matrix& q) {
    const ByteRows rows = ByteRows::in_few_columns(x.row(0), x.n, x.d);
    REQUIRE(!rows.empty());
    lutra::Arena arena;
    lutra::AlignedVector<float> least(lutra::round_up(x.n, lutra::kByteGroup));
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < q.n; ++i) {
        const double length = double(rows.lower_bounds(q.row(i), least.data(), arena));
        for (std::size_t j = 0; j < x.n; ++j) wrong += !(double(least[j]) + length <= squared(q.row(i), x.row(j), x.d));
    }
    return wrong;
}
}  // namespace

TEST_CASE("Projection: no distance is longer, and the leading directions hold nearly all of it") {
    const std::size_t d = 100;
    const Matrix x = flat_rows(400, d, 1);
    const Projection projection = projection_of(x, 0.95);
    REQUIRE(projection.columns() == 16);
    lutra::AlignedVector<float> f(16), g(16);
    double held = 0, all = 0;
    for (std::size_t i = 0; i + 1 < x.n; ++i) {
        projection.apply(x.row(i), f.data()), projection.apply(x.row(i + 1), g.data());
        const double before = squared(x.row(i), x.row(i + 1), d), after = squared(f.data(), g.data(), 16);
        CHECK(after <= before * (1 + 1e-5));
        all += before, held += after;
    }
    CHECK(held > 0.95 * all);
    CHECK(held < all);
}

TEST_CASE("Projection: the last column is the length of what the others leave out") {
    const Matrix x = flat_rows(400, 64, 3, 0.5F);
    const Projection projection = projection_of(x, 0.9);
    REQUIRE(projection.columns() == 16);
    lutra::AlignedVector<float> f(16);
    const std::vector<float> zero(64, 0.F);
    for (std::size_t i = 0; i < x.n; i += 9) {
        projection.apply(x.row(i), f.data());
        CHECK(squared(f.data(), zero.data(), 16) == doctest::Approx(squared(x.row(i), zero.data(), 64)).epsilon(1e-4));
        CHECK(f[15] > 0);
    }
}

TEST_CASE("Projection: none where columns are alike, rows are few, alike or not finite, or columns are few") {
    CHECK(projection_of(lutra_test::normal_matrix(2000, 64, 1), 0.9).empty());
    CHECK(projection_of(flat_rows(100, 64, 1), 0.9).empty());
    CHECK(projection_of(flat_rows(400, 24, 1), 0.9).empty());
    CHECK(projection_of(Matrix(400, 64), 0.9).empty());
    Matrix x = flat_rows(400, 64, 1);
    x.row(3)[5] = std::numeric_limits<float>::quiet_NaN();
    CHECK(projection_of(x, 0.9).empty());
    x.row(3)[5] = 3e38F;
    CHECK(projection_of(x, 0.9).empty());
    CHECK(projection_of(flat_rows(400, 64, 1, 0), 0.9).columns() == 16);  // fewer directions than columns
}

TEST_CASE("ByteRows: in few columns bounds are below the distance, of any size, offset and rest") {
    for (const std::size_t d : {32, 100, 257})
        for (const float factor : {1e-15F, 1.F, 1e9F})
            for (const float offset : {0.F, 30.F})
                for (const float rest : {0.F, 1e-4F, 0.3F}) {
                    CAPTURE(d);
                    CAPTURE(factor);
                    CAPTURE(offset);
                    CAPTURE(rest);
                    const float by = factor * offset;
                    const Matrix x = flat_rows(1030, d, 1, rest, factor, by);
                    CHECK(violations(x, flat_rows(10, d, 7, 1, factor, by)) == 0);
                    CHECK(violations(x, flat_rows(10, d, 9, 40, factor, -by)) == 0);  // nearly all of them is rest
                    Matrix same(10, d);
                    std::copy_n(x.row(50), 10 * d, same.row(0));
                    CHECK(violations(x, same) == 0);
                }
}

TEST_CASE("ByteRows: in few columns nothing is known of a query that is not finite, or too long") {
    const Matrix x = flat_rows(1030, 64, 1);
    const ByteRows rows = ByteRows::in_few_columns(x.row(0), x.n, x.d);
    lutra::Arena arena;
    lutra::AlignedVector<float> least(1040);
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 3e38F, 1e20F}) {
        Matrix q = flat_rows(1, 64, 5);
        q.row(0)[63] = bad;
        CHECK(std::isnan(rows.lower_bounds(q.row(0), least.data(), arena)));
    }
}
