// Tests of cluster/two_level_kmeans.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/cluster/two_level_kmeans.hpp>
#include <lutra/parallel/threads.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "support/matrices.hpp"

namespace {
using lutra::Errc;
using lutra::Resources;
using lutra::TwoLevelConfig;
using lutra_test::clustered_matrix;
using lutra_test::Matrix;
using lutra_test::normal_matrix;

double distance_to(const Matrix& x, const lutra::AlignedVector<float>& centroids) {
    const std::size_t k = centroids.size() / x.d;
    std::vector<float> distances(k);
    double sum = 0;
    for (std::size_t i = 0; i < x.n; ++i) {
        lutra::score_rows(lutra::Metric::l2, x.row(i), centroids.data(), k, x.d, distances.data());
        sum += double(*std::min_element(distances.begin(), distances.end()));
    }
    return sum / double(x.n);
}

/// Normal rows, but one in forty is in a clump of ten far from all others.
Matrix with_clumps(std::size_t n, std::size_t d, std::uint32_t seed) {
    Matrix x = normal_matrix(n, d, seed);
    const std::vector<float> middles = lutra::Rng(seed + 1).normal((n / 400 + 1) * d);
    for (std::size_t i = 0; i < n / 40; ++i)
        for (std::size_t t = 0; t < d; ++t) x.row(i * 40)[t] += 5 * middles[i / 10 * d + t];
    return x;
}
}  // namespace

TEST_CASE("two_level_kmeans: nearly as good as k-means over all, and refining makes it better") {
    const Matrix x = clustered_matrix(4000, 12, 500, 1);
    lutra::KMeansConfig full;
    full.iterations = 10;
    const double best = distance_to(x, lutra::kmeans(x, 200, full).value().centroids);
    TwoLevelConfig config;
    config.refine_rounds = 0;
    const double split = distance_to(x, lutra::two_level_kmeans(x, 200, config).value());
    config.refine_rounds = 5;
    const double refined = distance_to(x, lutra::two_level_kmeans(x, 200, config).value());
    CHECK(refined < split);
    CHECK(refined < 1.05 * best);
}

TEST_CASE("two_level_kmeans: a group of few rows has a centroid too") {
    const Matrix x = with_clumps(4000, 8, 1);
    lutra::KMeansConfig full;
    full.iterations = 10;
    const double best = distance_to(x, lutra::kmeans(x, 200, full).value().centroids);
    CHECK(distance_to(x, lutra::two_level_kmeans(x, 200).value()) < 1.2 * best);
}

TEST_CASE("two_level_kmeans: the same bits for any number of workers") {
    lutra::ThreadPool pool(3);
    Resources resources;
    resources.executor = pool.executor();
    for (const Matrix& x : {normal_matrix(3000, 9, 2), with_clumps(3000, 9, 2)})
        CHECK(lutra::two_level_kmeans(x, 300, {}, resources).value() == lutra::two_level_kmeans(x, 300).value());
}

TEST_CASE("two_level_kmeans: any k from 1 to n, equal rows too") {
    const Matrix x = normal_matrix(130, 5, 3), equal(130, 5);
    for (const std::size_t k : {1, 2, 3, 50, 129, 130})
        for (const Matrix* rows : {&x, &equal}) {
            CAPTURE(k);
            const auto result = lutra::two_level_kmeans(*rows, k);
            REQUIRE_MESSAGE(result.ok(), result.status().message());
            CHECK(result->size() == 5 * k);
            CHECK(std::all_of(result->begin(), result->end(), [](float v) { return std::isfinite(v); }));
        }
}

TEST_CASE("two_level_kmeans: bad shapes, settings and values are refused") {
    Matrix x = normal_matrix(30, 4, 4);
    CHECK(lutra::two_level_kmeans(x, 0).status().code() == Errc::bad_argument);
    CHECK(lutra::two_level_kmeans(x, 31).status().code() == Errc::too_few_rows);
    CHECK(lutra::two_level_kmeans({x.row(0), 0, 4}, 1).status().code() == Errc::bad_argument);
    TwoLevelConfig config;
    config.near_groups = 0;
    CHECK(lutra::two_level_kmeans(x, 3, config).status().code() == Errc::bad_argument);
    x.row(9)[0] = std::numeric_limits<float>::quiet_NaN();
    CHECK(lutra::two_level_kmeans(x, 3).status().code() == Errc::not_finite);
}

TEST_CASE("two_level_kmeans: can be cancelled at any report") {
    const Matrix x = normal_matrix(300, 4, 5);
    for (const std::size_t stop_at : {std::size_t{1}, std::size_t{3}, std::size_t{5}}) {
        std::size_t seen = 0;
        auto stop = [&](const lutra::ProgressEvent&) { return ++seen < stop_at; };
        Resources resources;
        resources.progress = lutra::Progress(stop);
        CHECK(lutra::two_level_kmeans(x, 30, {}, resources).status().code() == Errc::cancelled);
    }
}

TEST_CASE("two_level_kmeans: copies of one row have one centroid") {
    Matrix x = normal_matrix(3000, 12, 50);
    for (std::size_t i = 0; i < 3000; i += 2) std::fill_n(x.row(i), 12, 0.5F);
    const lutra::AlignedVector<float> centroids = lutra::two_level_kmeans(x, 200).value();
    std::size_t near = 0;
    for (std::size_t j = 0; j < 200; ++j) {
        const std::vector<float> silence(12, 0.5F);
        near += lutra::score_row(lutra::Metric::l2, silence.data(), centroids.data() + j * 12, 12) < 0.25F;
    }
    CHECK(near == 1);
}

TEST_CASE("two_level_kmeans: an offset common to all rows costs nothing, rows near the largest float stay finite") {
    Matrix x = normal_matrix(2000, 6, 51);
    for (float& v : x.values) v = std::round(64 * v) / 64;
    Matrix moved = x;
    for (float& v : moved.values) v += 65536;
    CHECK(distance_to(moved, lutra::two_level_kmeans(moved, 150).value()) ==
          doctest::Approx(distance_to(x, lutra::two_level_kmeans(x, 150).value())).epsilon(0.02));
    for (float& v : x.values) v = v > 0 ? 3.3e38F : -3.3e38F;
    const lutra::AlignedVector<float> large = lutra::two_level_kmeans(x, 30).value();
    CHECK(std::all_of(large.begin(), large.end(), [](float v) { return std::isfinite(v); }));
}
