// Tests of cluster/kmeans.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/cluster/kmeans.hpp>
#include <lutra/kernels/nearest.hpp>
#include <lutra/parallel/threads.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "support/matrices.hpp"

namespace {
using lutra::Errc;
using lutra::KMeans;
using lutra::KMeansConfig;
using lutra::Metric;
using lutra::Resources;
using lutra_test::clustered_matrix;
using lutra_test::Matrix;
using lutra_test::normal_matrix;

KMeans trained(const Matrix& x, std::size_t k, const KMeansConfig& config = {}, const Resources& resources = {}) {
    lutra::Result<KMeans> result = lutra::kmeans(x, k, config, resources);
    REQUIRE_MESSAGE(result.ok(), result.status().message());
    return std::move(*result);
}

/// Weighted sum of squared distances to the nearest centroid.
double objective(const Matrix& x, const KMeans& km, const std::vector<float>& weights = {}) {
    double sum = 0;
    for (std::size_t i = 0; i < x.n; ++i) {
        double best = std::numeric_limits<double>::infinity();
        for (std::size_t j = 0; j < km.k; ++j) {
            double distance = 0;
            for (std::size_t t = 0; t < x.d; ++t) {
                const double difference = double(x.row(i)[t]) - double(km.centroids[j * x.d + t]);
                distance += difference * difference;
            }
            best = std::min(best, distance);
        }
        sum += best * (weights.empty() ? 1 : double(weights[i]));
    }
    return sum;
}

/// Sum of the rows' products with the centroid whose product is the largest.
double products(const Matrix& x, const KMeans& km) {
    double sum = 0;
    for (std::size_t i = 0; i < x.n; ++i) {
        double most = -std::numeric_limits<double>::infinity();
        for (std::size_t j = 0; j < km.k; ++j) {
            double product = 0;
            for (std::size_t t = 0; t < x.d; ++t) product += double(x.row(i)[t]) * double(km.centroids[j * x.d + t]);
            most = std::max(most, product);
        }
        sum += most;
    }
    return sum;
}

std::vector<std::size_t> cluster_sizes(const Matrix& x, const KMeans& km) {
    lutra::Arena arena;
    std::vector<std::int32_t> ids(x.n);
    lutra::nearest(lutra::best{}, x.view(), lutra::Centroids(Metric::l2, km.centroids, km.k, km.d).view(), arena, ids.data(),
                   nullptr);
    std::vector<std::size_t> sizes(km.k, 0);
    for (const std::int32_t id : ids) ++sizes[std::size_t(id)];
    return sizes;
}

std::size_t values_not_finite(const KMeans& km) {
    return std::size_t(std::count_if(km.centroids.begin(), km.centroids.end(), [](float v) { return !std::isfinite(v); }));
}
}  // namespace

TEST_CASE("kmeans: the same bits for any number of workers") {
    const Matrix x = normal_matrix(5000, 19, 1);
    std::vector<float> weights(x.n);
    for (std::size_t i = 0; i < x.n; ++i) weights[i] = float(i % 5);
    for (const bool weighted : {false, true}) {
        KMeansConfig config;
        config.iterations = 6, config.redo = 2, config.weights = weighted ? weights.data() : nullptr;
        const KMeans serial = trained(x, 70, config);
        for (std::size_t workers = 1; workers <= 4; ++workers) {
            lutra::ThreadPool pool(workers);
            Resources resources;
            resources.executor = pool.executor();
            const KMeans parallel = trained(x, 70, config, resources);
            CAPTURE(workers);
            CHECK(parallel.centroids == serial.centroids);
            CHECK(parallel.objective == serial.objective);
        }
    }
}

TEST_CASE("kmeans: pruning gives the bits of the plain assignment, for any number of workers") {
    struct Case {
        std::size_t n, k, d;
        Metric metric;
        bool spherical;
    };
    for (const Case& c : {Case{9000, 200, 24, Metric::l2, false}, Case{17000, 64, 40, Metric::inner_product, true},
                          Case{700, 100, 3, Metric::inner_product, false}, Case{300, 299, 1, Metric::l2, false},
                          Case{50, 2, 5, Metric::l2, false}}) {
        CAPTURE(c.n);
        CAPTURE(c.k);
        const Matrix x = clustered_matrix(c.n, c.d, std::min<std::size_t>(c.n, 40), 30);
        KMeansConfig config;
        config.metric = c.metric, config.spherical = c.spherical, config.assignment = lutra::Assignment::plain;
        const KMeans plain = trained(x, c.k, config);
        config.assignment = lutra::Assignment::pruned;
        const KMeans serial = trained(x, c.k, config);
        lutra::ThreadPool pool(3);
        Resources resources;
        resources.executor = pool.executor();
        const KMeans parallel = trained(x, c.k, config, resources);
        CHECK(serial.objective == plain.objective);
        CHECK(serial.centroids == plain.centroids);
        CHECK(parallel.centroids == plain.centroids);
    }
}

TEST_CASE("kmeans: pruning decides ties as the plain assignment does: the lowest centroid") {
    Matrix x = normal_matrix(2000, 6, 31);
    for (float& v : x.values) v = std::round(v);  // few values: many equal rows, centroids and distances
    KMeansConfig config;
    config.redo = 2, config.assignment = lutra::Assignment::plain;
    const KMeans plain = trained(x, 150, config);
    config.assignment = lutra::Assignment::pruned;
    const KMeans pruned = trained(x, 150, config);
    CHECK(pruned.centroids == plain.centroids);
    CHECK(pruned.objective == plain.objective);
}

TEST_CASE("kmeans: planted clusters are found") {
    const Matrix x = clustered_matrix(3000, 8, 12, 2);
    KMeansConfig config;
    config.redo = 10;  // a random start may put two centroids into one cluster
    const KMeans km = trained(x, 12, config);
    CHECK(objective(x, km) < 1.1 * 3000 * 8);  // every column of a cluster has variance 1
    CHECK(cluster_sizes(x, km) == std::vector<std::size_t>(12, 250));
}

TEST_CASE("kmeans: the objective never rises, and is the one of the centroids it was made with") {
    const Matrix x = normal_matrix(2000, 11, 3);
    const KMeans km = trained(x, 20);
    REQUIRE(km.objective.size() >= 2);
    for (std::size_t i = 1; i < km.objective.size(); ++i) CHECK(km.objective[i] <= km.objective[i - 1] * (1 + 1e-5));
    CHECK(objective(x, km) <= km.objective.back() * (1 + 1e-5));
}

TEST_CASE("kmeans: the objective for inner product is the sum of the products, and never falls") {
    const Matrix x = normal_matrix(2000, 11, 3);
    KMeansConfig config;
    config.metric = Metric::inner_product, config.spherical = true;
    const KMeans km = trained(x, 20, config);
    REQUIRE(km.objective.size() >= 2);
    for (std::size_t i = 1; i < km.objective.size(); ++i) CHECK(km.objective[i] >= km.objective[i - 1] * (1 - 1e-5));
    CHECK(km.objective.front() > 0);
    CHECK(products(x, km) >= km.objective.back() * (1 - 1e-5));
}

TEST_CASE("kmeans: stops early when no row changes its cluster any more, and only then") {
    const Matrix x = clustered_matrix(600, 4, 3, 4);
    KMeansConfig config;
    config.iterations = 1000;
    const KMeans km = trained(x, 3, config);
    CHECK(km.objective.size() < 100);
    CHECK(std::abs(objective(x, km) - km.objective.back()) < 1e-6 * km.objective.back());  // that of the centroids it ends with
    // A sum of squares that rounding keeps the same is no reason: here one row after the other changes its cluster.
    Matrix line(400, 1);
    for (std::size_t i = 0; i < 400; ++i) line.row(i)[0] = 1e4F + float(i);
    const KMeans halves = trained(line, 2, config);
    std::vector<std::size_t> sizes = cluster_sizes(line, halves);
    CHECK(std::abs(std::ptrdiff_t(sizes[0]) - std::ptrdiff_t(sizes[1])) <= 2);
}

TEST_CASE("kmeans: as many rows as clusters are the centroids themselves") {
    const Matrix x = normal_matrix(17, 5, 5);
    const KMeans km = trained(x, 17);
    CHECK(std::equal(x.values.begin(), x.values.end(), km.centroids.begin(), km.centroids.end()));
    KMeansConfig spherical;
    spherical.spherical = true, spherical.metric = Metric::inner_product;
    const KMeans unit = trained(x, 17, spherical);
    for (std::size_t j = 0; j < 17; ++j) {
        float squared;
        lutra::squared_norms(unit.centroids.data() + j * 5, 1, 5, &squared);
        CHECK(squared == doctest::Approx(1));
    }
}

TEST_CASE("kmeans: one cluster is the mean, one row is its own cluster") {
    const Matrix x = normal_matrix(100, 3, 6);
    const KMeans km = trained(x, 1);
    for (std::size_t t = 0; t < 3; ++t) {
        double mean = 0;
        for (std::size_t i = 0; i < 100; ++i) mean += double(x.row(i)[t]) / 100;
        CHECK(km.centroids[t] == doctest::Approx(mean).epsilon(1e-5));
    }
    CHECK(trained(normal_matrix(1, 3, 7), 1).centroids.size() == 3);
}

TEST_CASE("kmeans: fewer rows than clusters names both and the largest number that would work") {
    const lutra::Result<KMeans> result = lutra::kmeans(normal_matrix(9, 4, 8), 10);
    REQUIRE(result.status().code() == Errc::too_few_rows);
    const std::string text(result.status().message());
    CHECK(text.find("9 rows") != std::string::npos);
    CHECK(text.find("10 clusters") != std::string::npos);
    CHECK(text.find("at most 9 clusters") != std::string::npos);
}

TEST_CASE("kmeans: a NaN or an infinity is refused and its row named") {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
        Matrix x = normal_matrix(50, 4, 9);
        x.row(37)[2] = bad;
        const lutra::Status status = lutra::kmeans(x, 5).status();
        CHECK(status.code() == Errc::not_finite);
        CHECK(status.message().find("row 37") != std::string_view::npos);
    }
}

TEST_CASE("kmeans: k = 0, no columns, no rows, no runs, cosine and bad weights are refused") {
    const Matrix x = normal_matrix(10, 4, 10);
    CHECK(lutra::kmeans(x, 0).status().code() == Errc::bad_argument);
    CHECK(lutra::kmeans({x.row(0), 10, 0}, 2).status().code() == Errc::bad_argument);
    CHECK(lutra::kmeans({x.row(0), 0, 4}, 2).status().code() == Errc::bad_argument);
    CHECK(lutra::kmeans({nullptr, 10, 4}, 2).status().code() == Errc::bad_argument);
    KMeansConfig config;
    config.redo = 0;
    CHECK(lutra::kmeans(x, 2, config).status().code() == Errc::bad_argument);
    config.redo = 1, config.metric = lutra::Metric::cosine;  // rows are to be scaled before
    CHECK(lutra::kmeans(x, 2, config).status().code() == Errc::bad_argument);
    for (const float bad : {-1.F, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        std::vector<float> weights(10, 1);
        weights[6] = bad;
        KMeansConfig weighted;
        weighted.weights = weights.data();
        const lutra::Status status = lutra::kmeans(x, 2, weighted).status();
        CHECK(status.code() == Errc::bad_argument);
        CHECK(status.message().find("row 6") != std::string_view::npos);
    }
}

TEST_CASE("kmeans: more than max_points_per_centroid rows are sampled, always the same ones") {
    const Matrix x = normal_matrix(4000, 6, 11);
    KMeansConfig config;
    config.max_points_per_centroid = 50;
    const KMeans sampled = trained(x, 10, config);
    Matrix sample(500, 6);
    const auto rows = lutra::training_sample(x, 500, config.seed);
    std::copy(rows.begin(), rows.end(), sample.values.begin());
    CHECK(trained(sample, 10, config).centroids == sampled.centroids);
    CHECK(trained(x, 10).centroids != sampled.centroids);
}

TEST_CASE("kmeans: sampled rows keep their own weights") {
    Matrix x = normal_matrix(1000, 3, 12);
    std::vector<float> weights(1000, 1);
    for (std::size_t i = 0; i < 500; ++i) weights[2 * i] = 0, std::fill_n(x.row(2 * i), 3, 1e6F);  // far away, no weight
    KMeansConfig config;
    config.weights = weights.data(), config.max_points_per_centroid = 100;
    const KMeans km = trained(x, 1, config);
    for (std::size_t t = 0; t < 3; ++t) CHECK(std::abs(km.centroids[t]) < 1);
}

TEST_CASE("kmeans: a row of weight 2 counts as much as the row twice") {
    const Matrix x = clustered_matrix(600, 5, 6, 13);
    std::vector<float> weights(x.n, 1);
    Matrix twice(900, 5);
    std::copy(x.values.begin(), x.values.end(), twice.values.begin());
    for (std::size_t i = 0; i < 300; ++i) weights[i] = 2, std::copy_n(x.row(i), 5, twice.row(600 + i));
    KMeansConfig weighted, plain;
    weighted.redo = plain.redo = 5, weighted.weights = weights.data();
    const double a = objective(x, trained(x, 6, weighted), weights), b = objective(twice, trained(twice, 6, plain));
    CHECK(a == doctest::Approx(b).epsilon(1e-3));
}

TEST_CASE("kmeans: rows of weight zero do not draw a centroid") {
    Matrix x = clustered_matrix(400, 4, 4, 14);
    std::vector<float> weights(x.n, 1);
    for (float& v : x.values) v += 1000;
    for (std::size_t i = 0; i < 200; ++i) weights[2 * i] = 0, std::fill_n(x.row(2 * i), 4, 3000.F);
    KMeansConfig config;
    config.weights = weights.data(), config.iterations = 1;
    for (config.seed = 1; config.seed <= 20; ++config.seed) {
        CAPTURE(config.seed);
        const KMeans km = trained(x, 4, config);
        CHECK(*std::min_element(km.centroids.begin(), km.centroids.end()) > 900);
        CHECK(*std::max_element(km.centroids.begin(), km.centroids.end()) < 1100);
    }
}

TEST_CASE("kmeans: fewer rows with a weight than clusters are refused") {
    const Matrix x = normal_matrix(20, 4, 15);
    std::vector<float> weights(20, 0);
    weights[3] = weights[8] = 1;
    KMeansConfig config;
    config.weights = weights.data();
    CHECK(lutra::kmeans(x, 3, config).status().code() == Errc::too_few_rows);
    CHECK(lutra::kmeans(x, 2, config).ok());
}

TEST_CASE("kmeans: clusters that come out empty are split off large ones") {
    Matrix x = normal_matrix(1000, 6, 16);
    for (std::size_t i = 0; i < 500; ++i) std::copy_n(x.row(0), 6, x.row(2 * i));  // about half of the seeds are this row
    const KMeans km = trained(x, 50);
    CHECK(values_not_finite(km) == 0);
    const std::vector<std::size_t> sizes = cluster_sizes(x, km);
    CHECK(std::count(sizes.begin(), sizes.end(), std::size_t{0}) == 0);
}

TEST_CASE("kmeans: a row that stands many times has one centroid, and a lone other row has its own, for any seed") {
    for (std::uint32_t seed = 1; seed <= 12; ++seed) {
        const Matrix two = normal_matrix(2, 64, seed);
        Matrix x(249, 64);
        for (std::size_t i = 0; i < x.n; ++i) std::copy_n(two.row(i == 17 ? 1 : 0), 64, x.row(i));
        KMeansConfig config;
        config.seed = seed;
        CAPTURE(seed);
        CHECK(objective(x, trained(x, 2, config)) == 0);
        config.iterations = 1;  // an iteration that finds an empty cluster is not the last
        CHECK(objective(x, trained(x, 2, config)) == 0);
    }
}

TEST_CASE("kmeans: leaves no twins that share the copies of one row") {
    for (const float silence : {0.F, 0.7F}) {
        Matrix x = normal_matrix(2000, 24, 40);
        for (std::size_t i = 0; i < 2000; i += 2) std::fill_n(x.row(i), 24, silence);
        for (const std::size_t iterations : {1, 10, 25}) {
            KMeansConfig config;
            config.iterations = iterations;
            const KMeans km = trained(x, 120, config);
            std::size_t near = 0;
            for (std::size_t j = 0; j < km.k; ++j) {
                double distance = 0;
                for (std::size_t t = 0; t < 24; ++t) distance += std::pow(double(km.centroids[j * 24 + t]) - double(silence), 2);
                near += distance < 1;
            }
            CAPTURE(silence);
            CAPTURE(iterations);
            CHECK(near == 1);
            const std::vector<std::size_t> sizes = cluster_sizes(x, km);
            CHECK(std::count(sizes.begin(), sizes.end(), std::size_t{0}) == 0);
        }
    }
}

TEST_CASE("kmeans: an offset common to all rows moves the centroids and changes nothing else") {
    Matrix x = normal_matrix(1000, 8, 41);
    for (float& v : x.values) v = std::round(64 * v) / 64;  // so that nothing is rounded when the offset is added
    Matrix moved = x;
    for (float& v : moved.values) v += 65536;
    for (const lutra::Assignment assignment : {lutra::Assignment::plain, lutra::Assignment::pruned}) {
        KMeansConfig config;
        config.assignment = assignment;
        const KMeans here = trained(x, 40, config), there = trained(moved, 40, config);
        CHECK(objective(moved, there) == doctest::Approx(objective(x, here)).epsilon(0.02));
    }
}

TEST_CASE("kmeans: clusters that are split beside the largest float have finite centroids") {
    constexpr float kMost = std::numeric_limits<float>::max();
    Matrix x(105, 2);
    for (std::size_t i = 0; i < 105; ++i) {
        x.row(i)[0] = i < 50 || i >= 100 ? kMost : -kMost, x.row(i)[1] = kMost;
        if (i >= 100) x.row(i)[i < 103 ? 1 : 0] *= i < 103 ? 0.999F : 0.998F;
    }
    for (const std::size_t k : {5, 6, 8})
        for (std::uint32_t seed = 0; seed < 30; ++seed) {
            KMeansConfig config;
            config.seed = seed;
            CHECK(values_not_finite(trained(x, k, config)) == 0);
        }
}

TEST_CASE("kmeans: rows near the largest float give finite centroids") {
    for (const bool inner : {false, true}) {
        Matrix x = normal_matrix(300, 6, 42);
        for (float& v : x.values) v = v > 0 ? 3.3e38F : -3.3e38F;
        KMeansConfig config;
        if (inner) config.metric = Metric::inner_product, config.spherical = true;
        const KMeans km = trained(x, 5, config);
        CHECK(values_not_finite(km) == 0);
        if (!inner) CHECK(objective(x, km) < objective(x, trained(x, 1)));
    }
}

TEST_CASE("kmeans: rows that are all the same, or all zero, give finite centroids") {
    for (const float value : {0.F, 3.F}) {
        Matrix x(200, 4);
        std::fill(x.values.begin(), x.values.end(), value);
        for (const bool spherical : {false, true}) {
            KMeansConfig config;
            config.spherical = spherical;
            const KMeans km = trained(x, 20, config);
            CHECK(values_not_finite(km) == 0);
            if (!spherical)
                for (const float v : km.centroids) CHECK(v == doctest::Approx(value).epsilon(0.05));
        }
    }
}

TEST_CASE("kmeans: spherical centroids have length 1") {
    KMeansConfig config;
    config.metric = Metric::inner_product, config.spherical = true;
    Matrix x = normal_matrix(1000, 7, 17);
    for (std::size_t i = 500; i < 1000; ++i) std::copy_n(x.row(0), 7, x.row(i));  // splits happen too
    const KMeans km = trained(x, 40, config);
    for (std::size_t j = 0; j < 40; ++j) {
        float squared;
        lutra::squared_norms(km.centroids.data() + j * 7, 1, 7, &squared);
        CHECK(squared == doctest::Approx(1).epsilon(1e-5));
    }
}

TEST_CASE("kmeans: of several runs the best is kept: the least sum of distances, the largest of products") {
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        const double sign = metric == Metric::l2 ? 1 : -1;
        bool a_later_run_was_better = false;
        for (std::uint32_t data_seed = 18; data_seed < 22; ++data_seed) {
            const Matrix x = normal_matrix(300, 6, data_seed);
            KMeansConfig config;
            config.metric = metric, config.spherical = metric == Metric::inner_product;
            const double first = sign * trained(x, 30, config).objective.back();
            double best = first;
            for (config.redo = 2; config.redo <= 6; ++config.redo) {
                const double last = sign * trained(x, 30, config).objective.back();
                CHECK(last <= best);
                best = std::min(best, last);
            }
            a_later_run_was_better |= best < first;
        }
        CHECK(a_later_run_was_better);
    }
}

TEST_CASE("kmeans: another seed starts elsewhere, the same one gives the same bits") {
    const Matrix x = normal_matrix(800, 6, 19);
    KMeansConfig config;
    const KMeans first = trained(x, 12, config);
    CHECK(trained(x, 12, config).centroids == first.centroids);
    config.seed = 99;
    CHECK(trained(x, 12, config).centroids != first.centroids);
}

TEST_CASE("kmeans: progress rises to the total, and saying no stops it") {
    const Matrix x = normal_matrix(2000, 6, 20);
    std::size_t last = 0, calls = 0;
    bool rising = true, complete = false;
    auto watch = [&](const lutra::ProgressEvent& e) {
        rising &= e.done >= last, last = e.done, complete = e.done == e.total, ++calls;
        return true;
    };
    Resources resources;
    resources.progress = lutra::Progress(watch);
    CHECK(lutra::kmeans(x, 10, {}, resources).ok());
    CHECK(rising);
    CHECK(complete);
    CHECK(calls > 3);
    for (std::size_t stop_at : {std::size_t{1}, std::size_t{3}, calls}) {
        std::size_t seen = 0;
        auto stop = [&](const lutra::ProgressEvent&) { return ++seen < stop_at; };
        Resources cancelling;
        cancelling.progress = lutra::Progress(stop);
        CHECK(lutra::kmeans(x, 10, {}, cancelling).status().code() == Errc::cancelled);
        CHECK(seen == stop_at);
    }
}

TEST_CASE("kmeans: no iterations leave rows of the data as centroids") {
    const Matrix x = normal_matrix(100, 4, 21);
    KMeansConfig config;
    config.iterations = 0;
    const KMeans km = trained(x, 8, config);
    for (std::size_t j = 0; j < 8; ++j) {
        bool is_row = false;
        for (std::size_t i = 0; i < 100; ++i) is_row |= std::equal(x.row(i), x.row(i) + 4, km.centroids.begin() + long(j * 4));
        CHECK(is_row);
    }
}
