// Training, encoding and decoding of PQ{M}x4fs.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/cluster/kmeans.hpp>
#include <lutra/parallel/threads.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "encodings/pq4fs/shapes.hpp"

using namespace lutra;
using namespace pq4_test;
using lutra_test::Matrix;

namespace {

Matrix slice_of(const Matrix& x, const Shape& s, std::size_t m) {
    Matrix slice(x.n, s.dsub);
    for (std::size_t i = 0; i < x.n; ++i) std::copy_n(x.row(i) + m * s.dsub, s.dsub, slice.row(i));
    return slice;
}

double squared_distance(const float* a, const float* b, std::size_t n) {
    double sum = 0;
    for (std::size_t t = 0; t < n; ++t) sum += (double(a[t]) - double(b[t])) * (double(a[t]) - double(b[t]));
    return sum;
}

/// The sum of squared distances of rows to the nearest of 16 centroids [16, d].
double distortion(const Matrix& x, const float* centroids) {
    double sum = 0;
    for (std::size_t i = 0; i < x.n; ++i) {
        double least = squared_distance(x.row(i), centroids, x.d);
        for (std::size_t c = 1; c < 16; ++c) least = std::min(least, squared_distance(x.row(i), centroids + c * x.d, x.d));
        sum += least;
    }
    return sum;
}

bool same_bits(const AlignedVector<float>& a, const AlignedVector<float>& b) { return a == b; }

/// Rows on a grid of 16 points a slice, a little beside them: what 16 centroids must find whatever they start from.
Matrix grid_rows(const Shape& s, std::size_t n, std::vector<std::uint8_t>& codes) {
    Rng rng(11);
    Matrix x(n, s.d());
    codes.resize(n * s.m);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t m = 0; m < s.m; ++m) {
            const std::size_t code = rng.below(16);
            codes[i * s.m + m] = std::uint8_t(code);
            for (std::size_t t = 0; t < s.dsub; ++t)
                x.row(i)[m * s.dsub + t] = float(code >> (t % 4) & 1) * 50.F + float(code) + float(m) + 0.01F * rng.normal();
        }
    return x;
}

}  // namespace

TEST_CASE("train: the centroids of a sub-quantizer are as good as the best of four runs of k-means on its slice" *
          doctest::test_suite("slow")) {
    for (const Shape& s : kShapes) {
        CAPTURE(s);
        const Matrix x = lutra_test::normal_matrix(400, s.d(), 1);
        Pq4Codebook codebook(s.d(), s.m);
        CHECK(!codebook.is_trained());
        REQUIRE(train_codebook(x, codebook, {}).ok());
        CHECK(codebook.is_trained());
        REQUIRE(codebook.centroids().size() == 16 * s.d());
        KMeansConfig four;
        four.redo = 4;
        double found = 0, wanted = 0;
        for (std::size_t m = 0; m < s.m; ++m) {
            const Matrix slice = slice_of(x, s, m);
            found += distortion(slice, codebook.centroid(m, 0));
            wanted += distortion(slice, kmeans(slice, 16, four)->centroids.data());
        }
        CHECK(found < 1.01 * wanted);
    }
}

TEST_CASE("train: sixteen far groups of rows have a centroid each, whatever the order of the rows") {
    Matrix x(8000, 2);
    Rng rng(5);
    for (std::size_t i = 0; i < x.n; ++i)
        for (std::size_t t = 0; t < 2; ++t) x.row(i)[t] = float((i / 500) >> (2 * t) & 3) * 10 + 0.1F * rng.normal();
    Pq4Codebook codebook(2, 1);
    REQUIRE(train_codebook(x, codebook, {}).ok());
    CHECK(distortion(x, codebook.centroid(0, 0)) < 0.025 * double(x.n));
}

TEST_CASE("train: rows past the last whole sixteen count, and nothing beside them") {
    Matrix x = lutra_test::normal_matrix(33, 2, 6);
    for (std::size_t i = 0; i < x.n * x.d; ++i) x.row(0)[i] += 1000;
    Pq4Codebook codebook(2, 1);
    REQUIRE(train_codebook(x, codebook, {}).ok());
    for (const float c : codebook.centroids()) CHECK(c > 990);
}

TEST_CASE("train: of more rows than the starts look at, each centroid is near the mean of all its rows") {
    const Matrix x = lutra_test::normal_matrix(30000, 2, 7);
    Pq4Codebook codebook(2, 1);
    REQUIRE(train_codebook(x, codebook, {}).ok());
    std::vector<double> sums(32), counts(16);
    for (std::size_t i = 0; i < x.n; ++i) {
        std::size_t best = 0;
        for (std::size_t c = 1; c < 16; ++c)
            if (squared_distance(x.row(i), codebook.centroid(0, c), 2) < squared_distance(x.row(i), codebook.centroid(0, best), 2))
                best = c;
        ++counts[best];
        for (std::size_t t = 0; t < 2; ++t) sums[2 * best + t] += double(x.row(i)[t]);
    }
    double away = 0;
    for (std::size_t c = 0; c < 16; ++c)
        for (std::size_t t = 0; t < 2; ++t) away += std::abs(sums[2 * c + t] / counts[c] - double(codebook.centroid(0, c)[t])) / 32;
    CHECK(away < 0.012);
}

TEST_CASE("train: lanes hold the centroids side by side") {
    for (const Shape& s : kShapes) {
        Pq4Codebook codebook(s.d(), s.m);
        REQUIRE(train_codebook(lutra_test::normal_matrix(50, s.d(), 1), codebook, {}).ok());
        std::size_t wrong = 0;
        for (std::size_t m = 0; m < s.m; ++m)
            for (std::size_t t = 0; t < s.dsub; ++t)
                for (std::size_t c = 0; c < 16; ++c) wrong += codebook.lanes(m, t)[c] != codebook.centroid(m, c)[t];
        CHECK(wrong == 0);
    }
}

TEST_CASE("train: every row given takes part, up to training_rows(), and more rows are sampled by the index, not here") {
    CHECK(Pq4FastScan(4, 2).training_rows() == 32768);
    const Matrix few = lutra_test::normal_matrix(4200, 2, 2);
    Matrix moved = few;
    moved.row(4199)[0] = 1000;
    Pq4Codebook a(2, 2), b(2, 2);
    REQUIRE(train_codebook(few, a, {}).ok());
    REQUIRE(train_codebook(moved, b, {}).ok());
    CHECK(!same_bits(a.centroids(), b.centroids()));
}

TEST_CASE("train: the same bits for any number of workers") {
    for (const Shape& s : {Shape{5, 7}, Shape{64, 8}, Shape{300, 2}}) {
        CAPTURE(s);
        const Matrix x = lutra_test::normal_matrix(400, s.d(), 3);
        Pq4FastScan serial(s.d(), s.m);
        REQUIRE(serial.train(Metric::l2, x, x, {}).ok());
        for (std::size_t workers = 1; workers <= 4; ++workers) {
            ThreadPool pool(workers);
            Resources resources;
            resources.executor = pool.executor();
            Pq4FastScan parallel(s.d(), s.m);
            REQUIRE(parallel.train(Metric::l2, x, x, resources).ok());
            CHECK(same_bits(parallel.codebook().centroids(), serial.codebook().centroids()));
            CHECK(parallel.same(serial));
        }
    }
}

TEST_CASE("train: fewer than 16 rows are refused by number, 16 are enough, and identical rows do no harm") {
    for (const Shape& s : {Shape{1, 1}, Shape{3, 5}, Shape{300, 2}}) {
        CAPTURE(s);
        for (std::size_t n : {1, 2, 15}) {
            Pq4FastScan encoding(s.d(), s.m);
            const Matrix x = lutra_test::normal_matrix(n, s.d(), 4);
            const Status status = encoding.train(Metric::l2, x, x, {});
            CHECK(status.code() == Errc::too_few_rows);
            CHECK(status.message().find("at least 16 rows") != std::string_view::npos);
            CHECK(status.message().find("n = " + std::to_string(n)) != std::string_view::npos);
            CHECK(!encoding.is_trained());
        }
        Pq4FastScan encoding(s.d(), s.m), alike(s.d(), s.m);
        const Matrix x = lutra_test::normal_matrix(16, s.d(), 4);
        REQUIRE(encoding.train(Metric::l2, x, x, {}).ok());
        CHECK(decoded(encoding, encoded(encoding, x), 16).values == x.values);  // sixteen rows, sixteen centroids
        Matrix same(40, s.d());
        std::fill(same.values.begin(), same.values.end(), 2.5F);
        REQUIRE(alike.train(Metric::l2, same, same, {}).ok());
        for (const float v : decoded(alike, encoded(alike, same), 40).values) REQUIRE(std::abs(v - 2.5F) < 0.01F);
    }
}

TEST_CASE("train: stopped by the caller it says so, and the codebook is as it was") {
    const Matrix x = lutra_test::normal_matrix(100, 12, 5), other = lutra_test::normal_matrix(100, 12, 6);
    auto stop = [](const ProgressEvent&) { return false; };
    Resources resources;
    resources.progress = Progress(stop);
    Pq4FastScan fresh(12, 3);
    CHECK(fresh.train(Metric::l2, other, other, resources).code() == Errc::cancelled);
    CHECK(!fresh.is_trained());
    REQUIRE(fresh.train(Metric::l2, x, x, {}).ok());
    const AlignedVector<float> before = fresh.codebook().centroids();
    CHECK(fresh.train(Metric::l2, other, other, resources).code() == Errc::cancelled);
    CHECK(same_bits(fresh.codebook().centroids(), before));
}

TEST_CASE("encode: the nearest centroid of every slice") {
    for (const Shape& s : kShapes) {
        CAPTURE(s);
        const Pq4FastScan encoding = trained_encoding(s, 7);
        const Matrix x = lutra_test::normal_matrix(77, s.d(), 8);
        const Matrix y = decoded(encoding, encoded(encoding, x), x.n);
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < x.n; ++i)
            for (std::size_t m = 0; m < s.m; ++m) {
                const float *row = x.row(i) + m * s.dsub, *code = y.row(i) + m * s.dsub;
                const double got = squared_distance(row, code, s.dsub);
                double least = 1e30;
                bool is_centroid = false;
                for (std::size_t c = 0; c < 16; ++c) {
                    least = std::min(least, squared_distance(row, encoding.codebook().centroid(m, c), s.dsub));
                    is_centroid = is_centroid || std::equal(code, code + s.dsub, encoding.codebook().centroid(m, c));
                }
                wrong += !is_centroid || got > least + 1e-5 * (1 + least);
            }
        CHECK(wrong == 0);
    }
}

TEST_CASE("encode: of centroids equally near the lowest number is taken; numbers too large to square are, too") {
    const Shape s{2, 1};
    std::vector<float> centroids(32, 100.F);
    centroids[3] = 1, centroids[9] = -1, centroids[12] = 1;  // 0 is as far from each of them
    centroids[16 + 15] = 5, centroids[16 + 14] = 5;
    const Pq4Codebook codebook = codebook_of(s, centroids);
    const Matrix x = [] {
        Matrix rows(4, 2);
        rows.values = {0, 5, -0.5F, 6, 1e30F, -1e30F, 50.5F, 52.5F};
        return rows;
    }();
    std::vector<const float*> rows;
    for (std::size_t i = 0; i < x.n; ++i) rows.push_back(x.row(i));
    AlignedVector<float> lanes;
    std::vector<std::uint8_t> codes(8, 99);
    const auto set = [&](std::size_t i, std::size_t m, const float* run, std::size_t n) {
        for (std::size_t l = 0; l < n; ++l) codes[(i + l) * 2 + m] = std::uint8_t(run[l]);
    };
    encode_rows(codebook, rows, nullptr, lanes, set);
    CHECK(codes == std::vector<std::uint8_t>{3, 14, 9, 14, 0, 0, 0, 0});
    const float shift[] = {-0.5F, 0.F};  // as a residual, row 0 is at 0.5: nearer to 1
    encode_rows(codebook, rows, shift, lanes, set);
    CHECK(codes[0] == 3);
    CHECK(codes[2] == 3);  // -0.5 is at 0 now: a tie
}

TEST_CASE("encode, decode: rows at the centroids come back, whatever the number of rows and the slot they start at") {
    for (const Shape& s : {Shape{1, 1}, Shape{3, 5}, Shape{8, 4}, Shape{17, 1}}) {
        CAPTURE(s);
        std::vector<std::uint8_t> codes;
        const Matrix x = grid_rows(s, 300, codes);
        Pq4FastScan encoding(s.d(), s.m);
        REQUIRE(encoding.train(Metric::l2, x, x, {}).ok());
        for (const std::size_t n : {1, 15, 16, 17, 31, 32, 33, 100})
            for (const std::size_t first : {0, 1, 30, 32, 63}) {
                CAPTURE(n);
                CAPTURE(first);
                std::vector<std::byte> block((first + n + 31) / 32 * encoding.block_bytes(), std::byte{0xff});
                const std::vector<std::byte> untouched = block;
                std::vector<const float*> rows;
                for (std::size_t i = 0; i < n; ++i) rows.push_back(x.row(i));
                encoding.encode(rows, nullptr, block.data(), first);
                const Matrix got = decoded(encoding, block, first + n), want = decoded(encoding, encoded(encoding, x), n);
                CHECK(std::equal(got.row(first), got.row(first) + n * s.d(), want.row(0)));
                const Matrix before = decoded(encoding, untouched, first);
                CHECK(std::equal(before.values.begin(), before.values.end(), got.values.begin()));
            }
    }
}

TEST_CASE("encode, decode: by residual the centroid is taken off and put back") {
    for (const Shape& s : {Shape{1, 64}, Shape{5, 7}, Shape{300, 2}}) {
        CAPTURE(s);
        const Pq4FastScan encoding = trained_encoding(s, 9);
        const Matrix x = lutra_test::normal_matrix(40, s.d(), 10), far = lutra_test::normal_matrix(1, s.d(), 12);
        Matrix moved = x;
        for (std::size_t i = 0; i < x.n; ++i)
            for (std::size_t t = 0; t < x.d; ++t) moved.row(i)[t] = x.row(i)[t] + 8 * std::round(far.row(0)[t]);
        Matrix centroid(1, s.d());
        for (std::size_t t = 0; t < x.d; ++t) centroid.row(0)[t] = 8 * std::round(far.row(0)[t]);
        const Matrix plain = decoded(encoding, encoded(encoding, x), x.n);
        const Matrix residual = decoded(encoding, encoded(encoding, moved, centroid.row(0)), x.n, centroid.row(0));
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < x.n; ++i)
            for (std::size_t m = 0; m < s.m; ++m) {  // as near as without it, up to rounding at the larger numbers
                const double near = squared_distance(x.row(i) + m * s.dsub, plain.row(i) + m * s.dsub, s.dsub);
                const double also = squared_distance(moved.row(i) + m * s.dsub, residual.row(i) + m * s.dsub, s.dsub);
                wrong += std::abs(near - also) > 1e-3 * (1 + near);
            }
        CHECK(wrong == 0);
    }
}

TEST_CASE("copy: one vector's code moves from any slot to any slot, and its neighbours stay") {
    for (const Shape& s : {Shape{1, 1}, Shape{5, 2}, Shape{8, 1}, Shape{300, 1}}) {
        CAPTURE(s);
        const Pq4FastScan encoding = trained_encoding(s, 13);
        const Matrix x = lutra_test::normal_matrix(64, s.d(), 14);
        const std::vector<std::byte> from = encoded(encoding, x);
        const Matrix rows = decoded(encoding, from, 64);
        Rng rng(15);
        for (int round = 0; round < 60; ++round) {
            const std::size_t a = rng.below(64), b = rng.below(64);
            std::vector<std::byte> to = from;
            encoding.copy(from.data() + a / 32 * encoding.block_bytes(), a % 32, to.data() + b / 32 * encoding.block_bytes(),
                          b % 32);
            Matrix want = rows;
            std::copy_n(rows.row(a), s.d(), want.row(b));
            CHECK(decoded(encoding, to, 64).values == want.values);
        }
    }
}

TEST_CASE("Pq4FastScan: says what it is") {
    CHECK(Pq4FastScan(32, 16).token() == "PQ16x4fs");
    CHECK(Pq4FastScan(32, 16, true).token() == "PQ16x4fsr");
    CHECK(Pq4FastScan(32, 16, false, 64).token() == "PQ16x4fs_64");
    CHECK(Pq4FastScan(32, 16, true, 96).token() == "PQ16x4fsr_96");
    CHECK(Pq4FastScan(32, 16).code_size() == 8);
    CHECK(Pq4FastScan(33, 11).code_size() == 6);
    CHECK(Pq4FastScan(33, 11).block_bytes() % 32 == 0);
    CHECK(!trained_encoding({2, 2}, 1).same(trained_encoding({2, 2}, 2)));
}
