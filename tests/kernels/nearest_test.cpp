// Tests of kernels/nearest.hpp: the fused argmin against brute force in double.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/kernels/nearest.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "support/matrices.hpp"

namespace {
using lutra::Metric;
using lutra_test::Matrix;
using lutra_test::normal_matrix;

struct Nearest {
    std::vector<std::int32_t> ids;
    std::vector<float> scores;
};

template <class Arch>
Nearest run_nearest(Arch arch, Metric metric, const Matrix& x, const Matrix& centroids) {
    lutra::Arena arena;
    std::vector<float> terms(centroids.n);
    lutra::centroid_terms(metric, centroids.row(0), centroids.n, centroids.d, terms.data());
    Nearest found{std::vector<std::int32_t>(x.n, -7), std::vector<float>(x.n, -7)};
    nearest(arch, x.row(0), x.n, {centroids.row(0), terms.data(), centroids.n, centroids.d, metric}, arena, found.ids.data(),
            found.scores.data());
    return found;
}

double exact(Metric metric, const float* x, const float* c, std::size_t d) {
    double norm = 0, product = 0;
    for (std::size_t t = 0; t < d; ++t) norm += double(c[t]) * double(c[t]), product += double(x[t]) * double(c[t]);
    return metric == Metric::l2 ? norm - 2 * product : -product;
}
double magnitude(const float* x, const float* c, std::size_t d) {
    double sum = 0;
    for (std::size_t t = 0; t < d; ++t) sum += double(c[t]) * double(c[t]) + 2 * std::abs(double(x[t]) * double(c[t]));
    return sum;
}

/// Rows whose centroid is not the best one, or whose score is wrong, by more than rounding explains.
std::size_t wrong_rows(Metric metric, const Matrix& x, const Matrix& c, const Nearest& found) {
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < x.n; ++i) {
        if (found.ids[i] < 0 || std::size_t(found.ids[i]) >= c.n) return x.n;
        double best = std::numeric_limits<double>::infinity(), largest = 0;
        for (std::size_t j = 0; j < c.n; ++j) {
            best = std::min(best, exact(metric, x.row(i), c.row(j), x.d));
            largest = std::max(largest, magnitude(x.row(i), c.row(j), x.d));
        }
        const double rounding = 2 * double(x.d + 2) * 0x1p-24 * largest;
        const double of_id = exact(metric, x.row(i), c.row(std::size_t(found.ids[i])), x.d);
        wrong += std::abs(double(found.scores[i]) - best) > rounding || of_id - best > rounding;
    }
    return wrong;
}

void check_shape(std::size_t n, std::size_t k, std::size_t d) {
    CAPTURE(n);
    CAPTURE(k);
    CAPTURE(d);
    const Matrix x = normal_matrix(n, d, 1), c = normal_matrix(k, d, 2);
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        CHECK(wrong_rows(metric, x, c, run_nearest(lutra::scalar{}, metric, x, c)) == 0);
        CHECK(wrong_rows(metric, x, c, run_nearest(lutra::best{}, metric, x, c)) == 0);
    }
}
}  // namespace

TEST_CASE("nearest: any number of centroids, around the rows of a tile") {
    for (std::size_t k = 1; k <= 26; ++k) check_shape(50, k, 19);
}

TEST_CASE("nearest: any number of points, around the panels and the groups of panels") {
    for (std::size_t n = 1; n <= 50; ++n) check_shape(n, 9, 5);
    for (std::size_t n : {95, 96, 97, 143, 144, 145, 191, 192, 193, 200, 385}) check_shape(n, 9, 5);
}

TEST_CASE("nearest: any dimension") {
    for (std::size_t d = 1; d <= 34; ++d) check_shape(49, 13, d);
    for (std::size_t d : {63, 64, 65, 128, 200, 256, 768}) check_shape(17, 13, d);
}

TEST_CASE("nearest: centroids in several chunks of the cache") {
    check_shape(50, 300, 256);
    check_shape(7, 25, 20000);  // chunks of one tile
}

TEST_CASE("nearest: exact duplicates go to the lowest number, wherever the copies stand") {
    for (std::size_t k : {2, 3, 8, 9, 13, 40, 700}) {
        const std::size_t d = 60, different = (k + 1) / 2;
        Matrix c = normal_matrix(k, d, 3);
        for (std::size_t j = different; j < k; ++j) std::copy_n(c.row(j - different), d, c.row(j));
        const Matrix x = normal_matrix(101, d, 4);
        for (const Metric metric : {Metric::l2, Metric::inner_product}) {
            std::size_t copies = 0;
            for (const std::int32_t id : run_nearest(lutra::best{}, metric, x, c).ids) copies += std::size_t(id) >= different;
            CAPTURE(k);
            CHECK(copies == 0);
        }
    }
}

TEST_CASE("nearest: a point has the same bits alone, at any place and in any company") {
    const Matrix x = normal_matrix(200, 37, 5), c = normal_matrix(75, 37, 6);
    const Nearest together = run_nearest(lutra::best{}, Metric::l2, x, c);
    std::size_t different = 0;
    for (std::size_t i = 0; i < x.n; ++i) {
        Matrix one(1, x.d);
        std::copy_n(x.row(i), x.d, one.row(0));
        const Nearest alone = run_nearest(lutra::best{}, Metric::l2, one, c);
        different += alone.ids[0] != together.ids[i] || alone.scores[0] != together.scores[i];
    }
    CHECK(different == 0);
}

TEST_CASE("nearest: even rows whose scores overflow or are NaN get a number below k") {
    for (const float value : {3e38F, -3e38F, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        Matrix x = normal_matrix(60, 20, 7), c = normal_matrix(30, 20, 8);
        std::fill_n(x.row(5), 20, value), std::fill_n(c.row(3), 20, value);
        const Nearest found = run_nearest(lutra::best{}, Metric::l2, x, c);
        std::size_t outside = 0;
        for (const std::int32_t id : found.ids) outside += id < 0 || id >= 30;
        CHECK(outside == 0);
    }
}

TEST_CASE("nearest_in_groups: each group's best, with the bits it has among all centroids") {
    const Matrix x = normal_matrix(203, 33, 11), c = normal_matrix(47, 33, 12);
    std::vector<float> terms(c.n);
    lutra::centroid_terms(Metric::l2, c.row(0), c.n, c.d, terms.data());
    const auto part = [&](std::size_t begin, std::size_t end) {
        return lutra::CentroidsView{c.row(begin), terms.data() + begin, end - begin, c.d, Metric::l2};
    };
    const std::vector<lutra::CentroidsView> groups{part(0, 1), part(1, 20), part(20, 47)};
    const std::size_t first[] = {0, 1, 20};
    lutra::Arena arena;
    Nearest of_groups{std::vector<std::int32_t>(x.n, -1), std::vector<float>(x.n, std::numeric_limits<float>::infinity())};
    std::size_t calls = 0;
    nearest_in_groups(
        lutra::best{}, x.n, groups, arena, [&](std::size_t i) { return x.row(x.n - 1 - i); },
        [&](std::size_t i, std::size_t g, std::int32_t j, float score) {
            ++calls;
            const std::size_t row = x.n - 1 - i;
            if (score < of_groups.scores[row]) of_groups.scores[row] = score, of_groups.ids[row] = std::int32_t(first[g]) + j;
        });
    const Nearest all = run_nearest(lutra::best{}, Metric::l2, x, c);
    CHECK(calls == 3 * x.n);
    CHECK(of_groups.ids == all.ids);
    CHECK(of_groups.scores == all.scores);
}
