// Tests of kernels/nearest.hpp where centroids have bytes: they change no id and no score.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/kernels/nearest.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "support/matrices.hpp"

namespace {
using lutra::Centroids;
using lutra::CentroidsView;
using lutra::Metric;
using lutra_test::clustered_matrix;
using lutra_test::Matrix;
using lutra_test::normal_matrix;

constexpr Metric kMetrics[] = {Metric::l2, Metric::inner_product};

struct Nearest {
    std::vector<std::int32_t> ids;
    std::vector<float> scores;
    bool operator==(const Nearest&) const = default;
};

Nearest find(const Matrix& x, const CentroidsView& c) {
    lutra::Arena arena;
    Nearest found{std::vector<std::int32_t>(x.n, -7), std::vector<float>(x.n, -7)};
    std::vector<std::int32_t> ids(x.n, -7);
    nearest(lutra::best{}, x.view(), c, arena, found.ids.data(), found.scores.data());
    nearest(lutra::best{}, x.view(), c, arena, ids.data(), nullptr);
    CHECK(ids == found.ids);
    return found;
}

Centroids with_bytes(Metric metric, const Matrix& c) { return {metric, {c.values.begin(), c.values.end()}, c.n, c.d, true}; }

CentroidsView without(CentroidsView c) {
    c.bytes = nullptr;
    return c;
}

void check_same(const Matrix& x, const Matrix& c) {
    for (const Metric metric : kMetrics) {
        const Centroids centroids = with_bytes(metric, c);
        CHECK(find(x, centroids.view()) == find(x, without(centroids.view())));
    }
}

Matrix moved(Matrix x, float scale, float offset) {
    for (float& v : x.values) v = v * scale + offset;
    return x;
}

std::size_t points_by_bytes(const Matrix& x, const CentroidsView& c) {
    lutra::Arena arena;
    std::vector<std::int32_t> ids(x.n);
    return lutra::detail::nearest_by_bytes(x.view(), c, arena, ids.data(), nullptr, [](std::size_t) {});
}
}  // namespace

TEST_CASE("nearest by bytes: any number of centroids, points and columns") {
    for (const std::size_t k : {256U, 257U, 500U, 512U})
        for (const std::size_t d : {48U, 50U, 67U, 128U}) {
            CAPTURE(k);
            CAPTURE(d);
            check_same(normal_matrix(205, d, 1), normal_matrix(k, d, 2));
            check_same(clustered_matrix(101, d, 90, 3), clustered_matrix(k, d, 90, 3));
        }
    for (const std::size_t k : {1024U, 1040U, 2055U}) check_same(clustered_matrix(101, 48, 90, 3), clustered_matrix(k, 48, 90, 3));
    for (const std::size_t n : {1U, 2U, 5U, 6U, 7U, 12U, 95U, 96U, 97U})
        check_same(normal_matrix(n, 64, 4), normal_matrix(300, 64, 5));
}

TEST_CASE("nearest by bytes: of any scale and offset") {
    const Matrix x = clustered_matrix(120, 64, 40, 6), c = clustered_matrix(300, 64, 40, 6);
    for (const float scale : {1e-30F, 1e-22F, 1e-18F, 1e-3F, 1e9F, 1e14F})
        for (const float offset : {0.F, 1.F, 3000.F}) {
            CAPTURE(scale);
            CAPTURE(offset);
            check_same(moved(x, scale, offset * scale), moved(c, scale, offset * scale));
        }
}

TEST_CASE("nearest by bytes: copies go to the lowest number") {
    Matrix c = clustered_matrix(300, 64, 40, 7);
    for (std::size_t j = 0; j < 100; ++j) std::copy_n(c.row(j), 64, c.row(299 - j));
    check_same(c, c);
    for (std::size_t j = 1; j < 300; ++j) std::copy_n(c.row(0), 64, c.row(j));
    check_same(normal_matrix(200, 64, 8), c);
}

TEST_CASE("nearest by bytes: whole numbers, rows of one large component, and rows that are zero") {
    Matrix x = normal_matrix(200, 128, 9), c = normal_matrix(300, 128, 10);
    for (Matrix* m : {&x, &c})
        for (float& v : m->values) v = std::round(std::abs(v) * 60);
    for (std::size_t i = 0; i < 40; ++i) x.row(i)[i] = 5000, c.row(i)[i + 1] = 4000;
    for (std::size_t i = 40; i < 50; ++i) std::fill_n(x.row(i), 128, 0.F), std::fill_n(c.row(i), 128, 0.F);
    check_same(x, c);
}

TEST_CASE("nearest by bytes: points that are not finite, or too long, get what floats say or some number") {
    Matrix x = normal_matrix(60, 64, 11);
    const Matrix c = normal_matrix(300, 64, 12);
    for (std::size_t t = 0; t < 64; ++t) x.row(3)[t] *= 1e16F, x.row(7)[t] *= 1e19F;
    check_same(x, c);
    x.row(11)[5] = std::numeric_limits<float>::quiet_NaN(), x.row(20)[0] = std::numeric_limits<float>::infinity();
    const Centroids centroids = with_bytes(Metric::l2, c);
    const Nearest found = find(x, centroids.view()), wanted = find(x, without(centroids.view()));
    for (std::size_t i = 0; i < x.n; ++i)
        if (i == 11 || i == 20)
            CHECK((found.ids[i] >= 0 && found.ids[i] < 300));
        else
            CHECK(found.ids[i] == wanted.ids[i]);
}

TEST_CASE("nearest by bytes: a centroid that becomes too long for bytes is found, and does not hide others") {
    const Matrix x = normal_matrix(100, 64, 13), c = normal_matrix(300, 64, 14);
    for (const Metric metric : kMetrics) {
        Centroids centroids = with_bytes(metric, c);
        for (std::size_t t = 0; t < 64; ++t) centroids.row(17)[t] *= 1e17F;
        centroids.prepare();
        CHECK(find(x, centroids.view()) == find(x, without(centroids.view())));
    }
}

TEST_CASE("nearest by bytes: a range of centroids") {
    const Matrix x = clustered_matrix(100, 64, 40, 15), c = clustered_matrix(500, 64, 40, 15);
    for (const Metric metric : kMetrics) {
        const Centroids centroids = with_bytes(metric, c);
        for (const auto& range :
             std::vector<std::pair<std::size_t, std::size_t>>{{0, 100}, {16, 17}, {32, 500}, {100, 200}, {496, 500}}) {
            CAPTURE(range.first);
            const CentroidsView view = centroids.view(range.first, range.second);
            CHECK(find(x, view) == find(x, without(view)));
        }
    }
}

TEST_CASE("nearest by bytes: decides for clustered points, and gives up where bytes lose what tells centroids apart") {
    if (!lutra::kHasBytes) return;
    const Matrix x = clustered_matrix(1000, 64, 40, 16), c = clustered_matrix(300, 64, 300, 16);
    CHECK(points_by_bytes(x, with_bytes(Metric::l2, c).view()) == x.n);
    Matrix alike = normal_matrix(300, 64, 17);
    for (std::size_t j = 0; j < 300; ++j) alike.row(j)[j % 64] = 1e4F;  // in bytes that is all there is of them
    CHECK(points_by_bytes(x, with_bytes(Metric::l2, alike).view()) < 200);
    check_same(x, alike);
}
