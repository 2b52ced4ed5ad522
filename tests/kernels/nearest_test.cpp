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

lutra::Centroids prepared_centroids(Metric metric, const Matrix& c) {
    return {metric, {c.values.begin(), c.values.end()}, c.n, c.d};
}

template <class Arch>
Nearest run_nearest(Arch arch, Metric metric, const Matrix& x, const Matrix& centroids) {
    lutra::Arena arena;
    const lutra::Centroids prepared = prepared_centroids(metric, centroids);
    Nearest found{std::vector<std::int32_t>(x.n, -7), std::vector<float>(x.n, -7)};
    nearest(arch, x.view(), prepared.view(), arena, found.ids.data(), found.scores.data());
    return found;
}

/// Rows whose centroid is not the one that a search compares as nearest, ties to the lower, or whose score is not that distance.
std::size_t wrong_rows(Metric metric, const Matrix& x, const Matrix& c, const Nearest& found) {
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < x.n; ++i) {
        if (found.ids[i] < 0 || std::size_t(found.ids[i]) >= c.n) return x.n;
        std::vector<float> scores(c.n);
        lutra::score_rows(metric, x.row(i), c.row(0), c.n, x.d, scores.data());
        const auto best = std::min_element(scores.begin(), scores.end());
        wrong += found.ids[i] != best - scores.begin() || found.scores[i] != *best;
    }
    return wrong;
}
std::size_t wrong_rows(Metric metric, const Matrix& x, const Matrix& c) {
    return wrong_rows(metric, x, c, run_nearest(lutra::best{}, metric, x, c)) +
           wrong_rows(metric, x, c, run_nearest(lutra::scalar{}, metric, x, c));
}

std::size_t unclear_rows(const Matrix& x, const lutra::CentroidsView& c) {
    lutra::Arena arena;
    std::size_t unclear = 0;
    nearest_in_groups(
        lutra::best{}, x.n, {&c, 1}, arena, [&](std::size_t i) { return x.row(i); },
        [&](std::size_t, std::size_t, const lutra::Proposal& p) { unclear += !lutra::is_clear(c, p); });
    return unclear;
}

Matrix moved_by(Matrix x, float offset) {
    for (float& v : x.values) v += offset;
    return x;
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

TEST_CASE("nearest: decides as a search does where rows have a large common offset") {
    for (const float offset : {1e3F, 1e5F, 4e6F, -3e7F})
        for (const std::size_t d : {3, 16, 40}) {
            const Matrix x = moved_by(normal_matrix(300, d, 20), offset), c = moved_by(normal_matrix(50, d, 21), offset);
            CAPTURE(offset);
            CHECK(wrong_rows(Metric::l2, x, c) == 0);
            CHECK(wrong_rows(Metric::inner_product, x, c) == 0);
        }
}

TEST_CASE("nearest: decides as a search does where centroids differ by less than rounding, or not at all") {
    Matrix c = normal_matrix(64, 24, 22);
    for (std::size_t j = 0; j < 64; ++j)
        for (std::size_t t = 0; t < 24; ++t) c.row(j)[t] = c.row(j % 8)[t] * (1 + float(j / 8) * 0x1p-22F);
    Matrix whole = normal_matrix(200, 24, 23), few = normal_matrix(33, 24, 24);
    for (Matrix* m : {&whole, &few})
        for (float& v : m->values) v = std::round(v);
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        CHECK(wrong_rows(metric, normal_matrix(200, 24, 25), c) == 0);
        CHECK(wrong_rows(metric, whole, few) == 0);
    }
}

TEST_CASE("nearest: two groups of rows far apart do not blur each other's distances") {
    Matrix x = normal_matrix(200, 10, 26), c = normal_matrix(40, 10, 27);
    for (std::size_t i = 0; i < 200; i += 2) x.row(i)[3] += 1e6F;
    for (std::size_t j = 0; j < 40; j += 2) c.row(j)[3] += 1e6F;
    CHECK(wrong_rows(Metric::l2, x, c) == 0);
}

TEST_CASE("nearest: a far centroid, however far, changes nothing for the others") {
    for (const float far : {1e4F, 1e9F, 3e19F, 3e38F}) {
        Matrix x = normal_matrix(200, 10, 28), c = normal_matrix(40, 10, 29);
        std::fill_n(c.row(7), 10, far);
        std::fill_n(x.row(11), 10, far);  // its own row finds it
        CAPTURE(far);
        CHECK(wrong_rows(Metric::l2, x, c) == 0);
    }
}

TEST_CASE("nearest: a finite row whose distances all overflow goes to the nearest centroid all the same") {
    Matrix x = normal_matrix(20, 6, 30), c = normal_matrix(30, 6, 31);
    for (std::size_t j = 0; j < 30; ++j) c.row(j)[2] = j == 17 ? 1e37F : -1e37F;
    x.row(5)[2] = 3e38F;
    CHECK(run_nearest(lutra::best{}, Metric::l2, x, c).ids[5] == 17);
}

TEST_CASE("nearest: no scores are written where none are wanted") {
    const Matrix x = normal_matrix(60, 8, 32), c = normal_matrix(9, 8, 33);
    std::vector<std::int32_t> ids(x.n);
    lutra::Arena arena;
    nearest(lutra::best{}, x.view(), prepared_centroids(Metric::l2, c).view(), arena, ids.data(), nullptr);
    CHECK(ids == run_nearest(lutra::best{}, Metric::l2, x, c).ids);
}

TEST_CASE("is_clear: hardly any row must be compared twice, not with an offset either, nor beside a far centroid") {
    Matrix x = normal_matrix(5000, 64, 34), c = normal_matrix(200, 64, 35);
    for (Matrix* m : {&x, &c})
        for (float& v : m->values) v = std::round(64 * v) / 64;  // so that nothing is rounded when the offset is added
    for (const float far : {0.F, 1e6F, 3e38F})
        for (const float offset : {0.F, 65536.F}) {
            Matrix centroids = moved_by(c, offset);
            if (far != 0) std::fill_n(centroids.row(7), 64, far);
            const lutra::Centroids prepared = prepared_centroids(Metric::l2, centroids);
            CAPTURE(offset);
            CAPTURE(far);
            CHECK(unclear_rows(moved_by(x, offset), prepared.view()) < 25);
        }
    const Matrix unit = normal_matrix(200, 64, 35);
    CHECK(unclear_rows(x, prepared_centroids(Metric::inner_product, unit).view()) < 50);
}

TEST_CASE("nearest_in_groups: what groups propose, merged, is what all centroids together propose") {
    const Matrix x = normal_matrix(203, 33, 11), c = normal_matrix(47, 33, 12);
    const lutra::Centroids prepared = prepared_centroids(Metric::l2, c);
    const std::size_t first[] = {0, 1, 20};
    const std::vector<lutra::CentroidsView> groups{prepared.view(0, 1), prepared.view(1, 20), prepared.view(20, 47)};
    const lutra::CentroidsView all = prepared.view();
    lutra::Arena arena;
    std::vector<lutra::Proposal> of_groups(x.n), of_all(x.n);
    std::size_t calls = 0, different = 0;
    nearest_in_groups(
        lutra::best{}, x.n, groups, arena, [&](std::size_t i) { return x.row(x.n - 1 - i); },
        [&](std::size_t i, std::size_t g, const lutra::Proposal& p) {
            ++calls, of_groups[x.n - 1 - i].merge(p, std::int32_t(first[g]));
        });
    nearest_in_groups(
        lutra::best{}, x.n, {&all, 1}, arena, [&](std::size_t i) { return x.row(i); },
        [&](std::size_t i, std::size_t, const lutra::Proposal& p) { of_all[i] = p; });
    for (std::size_t i = 0; i < x.n; ++i)
        different += of_groups[i].j != of_all[i].j || of_groups[i].score != of_all[i].score ||
                     of_groups[i].second != of_all[i].second || of_groups[i].squared != of_all[i].squared;
    CHECK(calls == 3 * x.n);
    CHECK(different == 0);
}
