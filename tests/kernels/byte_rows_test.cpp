// Tests of kernels/byte_rows.hpp against comparing all rows.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/kernels/byte_rows.hpp>
#include <lutra/kernels/distance.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "support/matrices.hpp"

namespace {
using lutra::Arena;
using lutra::ByteRows;
using lutra::Metric;
using lutra_test::Matrix;

constexpr Metric kMetrics[] = {Metric::l2, Metric::inner_product};

std::vector<std::uint32_t> near(const ByteRows& rows, std::size_t n, const float* q, std::size_t k) {
    Arena arena;
    std::vector<std::uint32_t> found(n + lutra::kByteGroup);
    lutra::RowsNear near{found.data()};
    rows.may_be_near({&q, 1}, 0, n, k, &near, arena);
    found.resize(near.n);
    return found;
}

/// The same for several queries at once.
std::vector<std::vector<std::uint32_t>> near_together(const ByteRows& rows, std::size_t n, std::span<const float* const> q,
                                                      std::size_t k) {
    Arena arena;
    std::vector<std::vector<std::uint32_t>> found(q.size(), std::vector<std::uint32_t>(n + lutra::kByteGroup));
    std::vector<lutra::RowsNear> near;
    for (auto& f : found) near.push_back({f.data()});
    rows.may_be_near(q, 0, n, k, near.data(), arena);
    for (std::size_t i = 0; i < q.size(); ++i) found[i].resize(near[i].n);
    return found;
}

/// Numbers of all rows, best score first, equal ones in rising order.
std::vector<std::uint32_t> ranked(Metric metric, const Matrix& x, const float* q) {
    std::vector<float> scores(x.n);
    lutra::score_rows(metric, q, x.row(0), x.n, x.d, scores.data());
    std::vector<std::uint32_t> order(x.n);
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return scores[a] < scores[b]; });
    return order;
}

/// The number of queries whose k nearest are not all in what may be near; the largest share that was.
std::size_t misses(Metric metric, const Matrix& x, const Matrix& q, std::size_t k, double& share) {
    const ByteRows rows(x.row(0), x.n, x.d, metric);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < q.n; ++i) {
        const auto found = near(rows, x.n, q.row(i), k), order = ranked(metric, x, q.row(i));
        wrong += !std::is_sorted(found.begin(), found.end());
        for (std::size_t j = 0; j < k; ++j) wrong += !std::binary_search(found.begin(), found.end(), order[j]);
        share = std::max(share, double(found.size()) / double(x.n));
    }
    return wrong;
}

Matrix moved(Matrix x, float scale, float offset) {
    for (float& v : x.values) v = v * scale + offset;
    return x;
}
}  // namespace

TEST_CASE("ByteRows: the k nearest may always be near, of any size, offset and number of columns") {
    double ignored = 0;
    for (const Metric metric : kMetrics)
        for (const std::size_t d : {1, 3, 64, 100, 257})
            for (const float scale : {1e-22F, 1e-18F, 1.F, 1e9F})
                for (const float offset : {0.F, 1.F, 1000.F})
                    for (const std::size_t k : {1, 7, 200}) {
                        CAPTURE(d);
                        CAPTURE(scale);
                        CAPTURE(offset);
                        const Matrix x = moved(lutra_test::normal_matrix(200, d, 1), scale, scale * offset);
                        const Matrix q = moved(lutra_test::normal_matrix(10, d, 2), scale, scale * offset);
                        CHECK(misses(metric, x, q, k, ignored) == 0);
                    }
}

TEST_CASE("ByteRows: rows that are alike, equal, zero, or with one large component, and queries that are rows") {
    double ignored = 0;
    Matrix x = lutra_test::normal_matrix(300, 70, 3);
    for (std::size_t i = 0; i < 100; ++i) std::copy_n(x.row(i % 3), 70, x.row(i));
    for (std::size_t i = 100; i < 130; ++i) std::fill_n(x.row(i), 70, 0.F);
    for (std::size_t i = 130; i < 200; ++i) x.row(i)[i % 70] = 500;
    for (std::size_t i = 200; i < 250; ++i)
        for (std::size_t t = 0; t < 70; ++t) x.row(i)[t] = x.row(0)[t] * (1 + 1e-6F * float(i % 7));
    for (const Metric metric : kMetrics)
        for (const std::size_t k : {1, 5, 60}) CHECK(misses(metric, x, x, k, ignored) == 0);
}

TEST_CASE("ByteRows: what the query loses in its bytes may all lie along a row") {
    Matrix x(4, 64), q(1, 64);
    std::fill_n(x.row(0), 64, 1.F), std::fill_n(x.row(1), 64, -1.F);  // the mean is zero, and each row is exact in bytes
    x.row(2)[0] = 1.1F, x.row(3)[0] = -1.1F;
    std::fill_n(q.row(0), 64, 0.49F), q.row(0)[0] = 127;  // in bytes 127, 0, 0 ...
    double ignored = 0;
    CHECK(misses(Metric::inner_product, x, q, 1, ignored) == 0);
}

TEST_CASE("ByteRows: what a row loses in its bytes may all lie along the query") {
    Matrix x(4, 64), q(1, 64);
    std::fill_n(x.row(0), 64, 0.49F), std::fill_n(x.row(1), 64, -0.49F);  // in bytes 127, 0, 0 ...
    x.row(0)[0] = 127, x.row(1)[0] = -127, x.row(2)[0] = 130, x.row(3)[0] = -130;
    std::fill_n(q.row(0), 64, 1.F);
    double ignored = 0;
    CHECK(misses(Metric::inner_product, x, q, 1, ignored) == 0);
}

TEST_CASE("ByteRows: sums hold 65,536 columns of extremes; of more it is empty") {
    double share = 0;
    for (const std::size_t d : {std::size_t{65536}, std::size_t{65600}}) {
        Matrix x(4, d);
        for (std::size_t i = 0; i < 4; ++i) std::fill_n(x.row(i), d, i % 2 == 0 ? 127.F : -127.F);
        x.row(2)[0] = 1, x.row(3)[0] = -1;
        CHECK(ByteRows(x.row(0), x.n, x.d, Metric::inner_product).empty() == (d > 65536));
        if (d == 65536) CHECK(misses(Metric::inner_product, x, x, 1, share) == 0);
    }
    CHECK(share < 1);
}

TEST_CASE("ByteRows: of clustered rows far from the origin, most are left out") {
    const Matrix x = moved(lutra_test::clustered_matrix(1000, 128, 50, 4), 1, 100),
                 q = moved(lutra_test::clustered_matrix(30, 128, 50, 4), 1, 100);
    double share = 0;
    CHECK(misses(Metric::l2, x, q, 10, share) == 0);
    CHECK(share < 0.2);
}

TEST_CASE("ByteRows: says nothing of queries that are not finite or too long; empty if a row is") {
    Matrix x = lutra_test::normal_matrix(100, 64, 5), q = lutra_test::normal_matrix(3, 64, 6);
    q.row(0)[5] = std::numeric_limits<float>::quiet_NaN();
    q.row(1)[5] = std::numeric_limits<float>::infinity();
    q.row(2)[5] = 1e16F;
    const ByteRows rows(x.row(0), x.n, x.d, Metric::l2);
    CHECK(!rows.empty());
    for (std::size_t i = 0; i < q.n; ++i) CHECK(near(rows, x.n, q.row(i), 3).empty());
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1e19F}) {
        x.row(99)[0] = bad;
        CHECK(ByteRows(x.row(0), x.n, x.d, Metric::l2).empty());
    }
}

TEST_CASE("ByteRows: a row that becomes too long may always be near, and is like others when it is short again") {
    Matrix x = lutra_test::normal_matrix(100, 64, 5);
    const Matrix q = lutra_test::normal_matrix(1, 64, 6);
    ByteRows rows(x.row(0), x.n, x.d, Metric::inner_product);
    const auto before = near(rows, x.n, q.row(0), 3);
    const std::vector<float> far(64, 1e18F);
    rows.set_row(99, far.data());
    const auto with_far = near(rows, x.n, q.row(0), 3);
    CHECK(with_far.back() == 99);
    for (const auto row : before) CHECK(std::binary_search(with_far.begin(), with_far.end(), row));
    rows.set_row(99, x.row(99));
    CHECK(near(rows, x.n, q.row(0), 3) == before);
}

TEST_CASE("ByteRows: several queries together find what each finds alone") {
    constexpr std::size_t kRows = 1100, kDim = 70;
    const Matrix x = lutra_test::normal_matrix(kRows, kDim, 21), q = lutra_test::normal_matrix(ByteRows::most_together(), kDim, 22);
    std::vector<const float*> queries;
    for (std::size_t i = 0; i < q.n; ++i) queries.push_back(q.row(i));
    std::vector<float> endless(kDim, std::numeric_limits<float>::infinity());
    if (queries.size() > 1) queries[queries.size() / 2] = endless.data();
    for (const Metric metric : kMetrics) {
        const ByteRows rows(x.row(0), kRows, kDim, metric);
        for (const std::size_t k : {1, 20})
            for (const std::size_t some : {1, 4, 5, 6, 32}) {
                const std::size_t n = std::min(some, queries.size());
                const auto together = near_together(rows, kRows, std::span(queries).first(n), k);
                for (std::size_t i = 0; i < n; ++i) CHECK(together[i] == near(rows, kRows, queries[i], k));
            }
    }
}
