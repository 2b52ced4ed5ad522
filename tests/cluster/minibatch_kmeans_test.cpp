// Tests of cluster/minibatch_kmeans.hpp, row_source.hpp and seeding.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/cluster/kmeans.hpp>
#include <lutra/cluster/minibatch_kmeans.hpp>
#include <lutra/parallel/threads.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <set>
#include <string_view>
#include <vector>

#include "support/matrices.hpp"

namespace {
using lutra::Errc;
using lutra::MatrixRows;
using lutra::MiniBatchConfig;
using lutra::MiniBatchKMeans;
using lutra::Resources;
using lutra::Seeding;
using lutra_test::clustered_matrix;
using lutra_test::Matrix;
using lutra_test::normal_matrix;

constexpr Seeding kSeedings[] = {Seeding::random, Seeding::kmeans_plus_plus, Seeding::afk_mc2};

MiniBatchKMeans fitted(const Matrix& x, std::size_t k, const MiniBatchConfig& config = {}, const Resources& resources = {}) {
    lutra::Result<MiniBatchKMeans> result = lutra::minibatch_kmeans(MatrixRows(x), k, config, resources);
    REQUIRE_MESSAGE(result.ok(), result.status().message());
    return std::move(*result);
}

double mean_distance(const Matrix& x, const float* centroids, std::size_t k) {
    double sum = 0;
    std::vector<float> distances(k);
    for (std::size_t i = 0; i < x.n; ++i) {
        lutra::score_rows(lutra::Metric::l2, x.row(i), centroids, k, x.d, distances.data());
        sum += double(*std::min_element(distances.begin(), distances.end()));
    }
    return sum / double(x.n);
}

/// Rows made when they are asked for: no matrix is ever in memory. Fails from call `fail_at` on.
struct MadeRows {
    std::size_t fail_at = std::numeric_limits<std::size_t>::max();
    mutable std::size_t calls = 0, most = 0;

    std::size_t n() const { return std::size_t{1} << 40; }
    std::size_t d() const { return 2; }
    lutra::Status gather(std::span<const std::size_t> rows, float* out) const {
        if (++calls >= fail_at) return {Errc::io_error, "the disk is gone"};
        most = std::max(most, rows.size());
        for (const std::size_t row : rows) *out++ = float(row % 3) * 10, *out++ = float(row % 1000) / 1000;
        return {};
    }
};
}  // namespace

TEST_CASE("minibatch_kmeans: the same bits for any number of workers where distances overflow, too, and all finite") {
    Matrix x = normal_matrix(3000, 4, 60);
    for (float& v : x.values) v = v > 0.4F ? std::numeric_limits<float>::max() : v * 0.6e38F;
    MiniBatchConfig config;
    config.max_steps = 8;
    const MiniBatchKMeans serial = fitted(x, 1500, config);
    CHECK(std::all_of(serial.centroids.begin(), serial.centroids.end(), [](float v) { return v - v == 0; }));
    for (const std::size_t workers : {2, 7}) {
        lutra::ThreadPool pool(workers);
        Resources resources;
        resources.executor = pool.executor();
        CHECK(fitted(x, 1500, config, resources).centroids == serial.centroids);
    }
}

TEST_CASE("minibatch_kmeans: the same bits for any number of workers, other bits for another seed") {
    const Matrix x = normal_matrix(1500, 13, 1);
    for (const Seeding seeding : kSeedings) {
        const std::size_t k = seeding == Seeding::afk_mc2 ? 200 : 1100;  // its cost grows with the square of k
        MiniBatchConfig config;
        config.batch = 100, config.max_steps = 10, config.seeding = seeding;
        const MiniBatchKMeans serial = fitted(x, k, config);
        lutra::ThreadPool pool(3);
        Resources resources;
        resources.executor = pool.executor();
        CHECK(fitted(x, k, config, resources).centroids == serial.centroids);
        config.seed = 5;
        CHECK(fitted(x, k, config).centroids != serial.centroids);
    }
}

TEST_CASE("minibatch_kmeans: comes near to what full k-means finds") {
    const Matrix x = clustered_matrix(4000, 10, 60, 2);
    const lutra::KMeans full = lutra::kmeans(x, 60).value();
    const double best = mean_distance(x, full.centroids.data(), 60);
    for (const Seeding seeding : kSeedings) {
        MiniBatchConfig config;
        config.batch = 400, config.seeding = seeding, config.max_no_improvement = 30;
        const MiniBatchKMeans km = fitted(x, 60, config);
        CAPTURE(km.steps);
        CHECK(mean_distance(x, km.centroids.data(), 60) < 1.15 * best);
        CHECK(km.batch_mean < 2 * best);
    }
}

TEST_CASE("minibatch_kmeans: more centroids than one task looks at") {
    const Matrix x = clustered_matrix(4000, 6, 1300, 11);
    MiniBatchConfig config;
    config.batch = 1000, config.seeding = Seeding::kmeans_plus_plus;
    const double best = mean_distance(x, lutra::kmeans(x, 1300).value().centroids.data(), 1300);
    CHECK(mean_distance(x, fitted(x, 1300, config).centroids.data(), 1300) < 1.2 * best);
}

TEST_CASE("minibatch_kmeans: stops when the mean falls no more, or the centroids hardly move, or after max_steps") {
    const Matrix x = clustered_matrix(500, 4, 3, 3);
    MiniBatchConfig config;
    config.batch = 100;
    CHECK(fitted(x, 3, config).steps < 400);
    config.max_no_improvement = 0;
    CHECK(fitted(x, 3, config).steps == 500);  // a hundred times each row
    config.max_steps = 7;
    CHECK(fitted(x, 3, config).steps == 7);
    config.tol = std::numeric_limits<float>::max();
    CHECK(fitted(x, 3, config).steps == 2);
}

TEST_CASE("minibatch_kmeans: a centroid without rows is moved to some") {
    Matrix x = clustered_matrix(1000, 4, 10, 4);
    for (std::size_t i = 0; i < 30; ++i) std::fill_n(x.row(i), 4, 1e4F);
    MiniBatchConfig config;
    config.batch = 200, config.init_size = 1000, config.max_steps = 60, config.max_no_improvement = 0;
    for (config.seed = 1; config.seed < 6; ++config.seed) {
        const double moved = mean_distance(x, fitted(x, 40, config).centroids.data(), 40);
        CHECK(moved < 200);  // the far rows, 3 in 100, have a centroid
    }
}

TEST_CASE("minibatch_kmeans: centroids that began as equal rows are moved to rows that have none") {
    Matrix x(1000, 2);
    for (std::size_t i = 0; i < 300; ++i) x.row(i)[0] = 1000 + 100 * float(i / 10);  // thirty heaps; the other rows are all zero
    MiniBatchConfig config;
    config.batch = 200, config.init_size = 1000, config.max_steps = 60, config.max_no_improvement = 0;
    const double moved = mean_distance(x, fitted(x, 40, config).centroids.data(), 40);
    config.reassignment_ratio = 0;
    CHECK(moved < 0.5 * mean_distance(x, fitted(x, 40, config).centroids.data(), 40));
}

TEST_CASE("minibatch_kmeans: reads only its sample and its batches") {
    const MadeRows source;
    MiniBatchConfig config;
    config.batch = 50, config.max_steps = 40, config.seeding = Seeding::kmeans_plus_plus;
    const lutra::Result<MiniBatchKMeans> result = lutra::minibatch_kmeans(source, 3, config);
    REQUIRE_MESSAGE(result.ok(), result.status().message());
    std::multiset<int> firsts;
    for (std::size_t j = 0; j < 3; ++j) firsts.insert(int(result->centroids[2 * j] + 0.5F));
    CHECK(firsts == std::multiset<int>{0, 10, 20});
    CHECK(source.most == 150);
    for (const std::size_t call : {1, 2, 5}) {
        const lutra::Status status = lutra::minibatch_kmeans(MadeRows{call}, 3, config).status();
        CHECK(status.code() == Errc::io_error);
    }
}

TEST_CASE("minibatch_kmeans: bad settings, too few rows and rows that are not finite are refused") {
    Matrix x = normal_matrix(20, 4, 6);
    const auto code = [&](std::size_t k, const MiniBatchConfig& config = {}) {
        return lutra::minibatch_kmeans(MatrixRows(x), k, config).status().code();
    };
    CHECK(code(0) == Errc::bad_argument);
    CHECK(code(21) == Errc::too_few_rows);
    CHECK(lutra::minibatch_kmeans(MatrixRows({x.row(0), 0, 4}), 1).status().code() == Errc::bad_argument);
    CHECK(lutra::minibatch_kmeans(MatrixRows({x.row(0), 20, 0}), 1).status().code() == Errc::bad_argument);
    MiniBatchConfig config;
    config.batch = 0;
    CHECK(code(2, config) == Errc::bad_argument);
    config = {}, config.init_size = 4;
    CHECK(code(5, config) == Errc::bad_argument);
    for (const float ratio : {-1.F, 1.01F, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
        config = {}, config.reassignment_ratio = ratio;
        const lutra::Status status = lutra::minibatch_kmeans(MatrixRows(x), 2, config).status();
        CHECK(status.code() == Errc::bad_argument);
        CHECK(status.message().find("0 to 1") != std::string_view::npos);
    }
    config = {}, config.reassignment_ratio = 1;
    CHECK(code(2, config) == Errc::ok);
    config = {}, config.tol = std::numeric_limits<float>::quiet_NaN();
    CHECK(code(2, config) == Errc::bad_argument);
    CHECK(code(20) == Errc::ok);
    x.row(7)[1] = std::numeric_limits<float>::infinity();
    CHECK(code(2) == Errc::not_finite);
}

TEST_CASE("minibatch_kmeans: can be cancelled at any report") {
    const Matrix x = normal_matrix(300, 4, 7);
    for (const Seeding seeding : kSeedings)
        for (const std::size_t stop_at : {std::size_t{1}, std::size_t{2}, std::size_t{3}}) {
            MiniBatchConfig config;
            config.seeding = seeding, config.max_steps = 10, config.batch = 20;
            std::size_t seen = 0;
            auto stop = [&](const lutra::ProgressEvent&) { return ++seen < stop_at; };
            Resources resources;
            resources.progress = lutra::Progress(stop);
            CHECK(lutra::minibatch_kmeans(MatrixRows(x), 5, config, resources).status().code() == Errc::cancelled);
            CHECK(seen == stop_at);
        }
}

TEST_CASE("seed_centroids: rows of the data, far ones among them") {
    Matrix x = normal_matrix(400, 3, 8);
    for (std::size_t i = 0; i < 4; ++i) std::fill_n(x.row(i * 90), 3, float(i + 1) * 1000);  // four rows far from all others
    for (const Seeding seeding : kSeedings) {
        const auto c = lutra::seed_centroids(x, 8, seeding, 3).value();
        std::size_t rows = 0, far = 0;
        for (std::size_t j = 0; j < 8; ++j) {
            bool is_row = false;
            for (std::size_t i = 0; i < x.n; ++i) is_row |= std::equal(x.row(i), x.row(i) + 3, c.data() + 3 * j);
            rows += is_row, far += c[3 * j] >= 1000;
        }
        CHECK(rows == 8);
        CHECK(far == (seeding == Seeding::random ? 0 : 4));
    }
}

TEST_CASE("seed_centroids: equal rows are no trouble") {
    const Matrix x(50, 4);
    for (const Seeding seeding : kSeedings) CHECK(lutra::seed_centroids(x, 50, seeding, 1).value().size() == 200);
}
