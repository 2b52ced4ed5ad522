// Tests of kernels/distance.hpp: the numbers every search ends in.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/kernels/distance.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "support/matrices.hpp"

namespace {
using lutra::Metric;
using lutra_test::Matrix;
using lutra_test::normal_matrix;

// Every tail of every register width, and sizes people use.
std::vector<std::size_t> dimensions() {
    std::vector<std::size_t> all(40);
    std::iota(all.begin(), all.end(), std::size_t{1});
    all.insert(all.end(), {63, 64, 65, 128, 200, 256, 768});
    return all;
}

/// A score in double, and the sum of its terms' magnitudes, which the error is measured by.
struct Exact {
    double score = 0, magnitude = 0;
};
Exact exact_score(Metric metric, const float* q, const float* x, std::size_t d) {
    Exact e;
    for (std::size_t t = 0; t < d; ++t) {
        const double difference = double(q[t]) - double(x[t]), product = double(q[t]) * double(x[t]);
        const double term = metric == Metric::l2 ? difference * difference : -product;
        e.score += term, e.magnitude += std::abs(term);
    }
    return e;
}

template <class Arch>
std::vector<float> scores(Arch arch, Metric metric, const float* q, const Matrix& x) {
    std::vector<float> out(x.n);
    if (metric == Metric::l2) {
        lutra::l2sqr_rows(arch, q, x.values.data(), x.n, x.d, out.data());
    } else {
        lutra::inner_product_rows(arch, q, x.values.data(), x.n, x.d, out.data());
        for (float& s : out) s = -s;
    }
    return out;
}

template <class Arch>
std::size_t scores_out_of_bound(Arch arch, Metric metric, const Matrix& q, const Matrix& x) {
    std::size_t wrong = 0;
    const std::vector<float> got = scores(arch, metric, q.row(0), x);
    for (std::size_t j = 0; j < x.n; ++j) {
        const Exact want = exact_score(metric, q.row(0), x.row(j), x.d);
        wrong += !(std::abs(double(got[j]) - want.score) <= double(x.d + 2) * 0x1p-24 * want.magnitude);
    }
    return wrong;
}
}  // namespace

TEST_CASE("score_rows: scalar and vector kernels are within the stated bound for every tail") {
    for (const std::size_t d : dimensions())
        for (const float offset : {0.F, 100.F})
            for (const Metric metric : {Metric::l2, Metric::inner_product}) {
                CAPTURE(d);
                CAPTURE(offset);
                CAPTURE(lutra::metric_name(metric));
                Matrix x = normal_matrix(9, d, 1), q = normal_matrix(1, d, 2);
                for (float& v : x.values) v += offset;
                CHECK(scores_out_of_bound(lutra::scalar{}, metric, q, x) == 0);
                CHECK(scores_out_of_bound(lutra::best{}, metric, q, x) == 0);
            }
}

TEST_CASE("score_rows: a row has the same bits wherever it stands, alone or among others, aligned or not") {
    for (const std::size_t d : dimensions())
        for (const Metric metric : {Metric::l2, Metric::inner_product})
            for (std::size_t n = 1; n <= 9; ++n) {
                const Matrix x = normal_matrix(n, d, 3), q = normal_matrix(1, d, 4);
                std::vector<float> together(n), shifted(n);
                lutra::score_rows(metric, q.row(0), x.row(0), n, d, together.data());
                std::vector<float> moved(x.values.size() + 1);
                std::copy(x.values.begin(), x.values.end(), moved.begin() + 1);
                lutra::score_rows(metric, q.row(0), moved.data() + 1, n, d, shifted.data());
                std::size_t different = 0;
                for (std::size_t j = 0; j < n; ++j)
                    different += together[j] != lutra::score_row(metric, q.row(0), x.row(j), d) || together[j] != shifted[j];
                CAPTURE(d);
                CAPTURE(n);
                CHECK(different == 0);
            }
}

TEST_CASE("score_rows: whole numbers have the bits of the same floats, for every tail") {
    for (const std::size_t d : dimensions()) {
        CAPTURE(d);
        const Matrix q = normal_matrix(1, d, 3);
        std::vector<std::uint8_t> bytes(3 * d);
        for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::uint8_t(i * 151 % 256);
        const std::vector<float> floats(bytes.begin(), bytes.end());
        for (const Metric metric : {Metric::l2, Metric::inner_product}) {
            std::vector<float> got(3), want(3);
            lutra::score_rows(metric, q.row(0), bytes.data(), 3, d, got.data());
            lutra::score_rows(metric, q.row(0), floats.data(), 3, d, want.data());
            CHECK(got == want);
        }
    }
}

TEST_CASE("score_rows: no rows write nothing, a row equal to the query has distance 0") {
    const Matrix q = normal_matrix(1, 33, 5);
    float untouched = 7;
    lutra::score_rows(Metric::l2, q.row(0), q.row(0), 0, 33, &untouched);
    CHECK(untouched == 7);
    CHECK(lutra::score_row(Metric::l2, q.row(0), q.row(0), 33) == 0);
}

TEST_CASE("score_rows: NaN in any column, tail included, makes the score NaN") {
    for (std::size_t d : {1, 5, 16, 33}) {
        const Matrix q = normal_matrix(1, d, 6);
        for (std::size_t t = 0; t < d; ++t)
            for (const Metric metric : {Metric::l2, Metric::inner_product}) {
                Matrix x = normal_matrix(1, d, 7);
                x.row(0)[t] = std::numeric_limits<float>::quiet_NaN();
                CAPTURE(d);
                CAPTURE(t);
                CHECK(std::isnan(lutra::score_row(metric, q.row(0), x.row(0), d)));
            }
    }
}

TEST_CASE("squared_norms: the squared length of every row") {
    for (std::size_t d : {1, 7, 64}) {
        const Matrix x = normal_matrix(5, d, 8), zero(1, d);
        std::vector<float> norms(5);
        lutra::squared_norms(x.row(0), 5, d, norms.data());
        for (std::size_t j = 0; j < 5; ++j)
            CHECK(norms[j] == doctest::Approx(exact_score(Metric::l2, zero.row(0), x.row(j), d).score));
    }
}
