// The bound of byte_code.hpp: no row that scores at or below a threshold is missed, and most others are.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/kernels/byte_code.hpp>
#include <lutra/kernels/centroids.hpp>
#include <lutra/kernels/distance.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "support/matrices.hpp"

namespace {
using namespace lutra;
using lutra_test::Matrix;

constexpr Metric kMetrics[] = {Metric::l2, Metric::inner_product};

/// Score in double, lower is nearer.
double score(Metric metric, const float* q, const float* x, std::size_t d) {
    double sum = 0;
    for (std::size_t t = 0; t < d; ++t) {
        const double a = double(q[t]), b = double(x[t]);
        sum += metric == Metric::l2 ? (a - b) * (a - b) : -a * b;
    }
    return sum;
}

struct Count {
    std::size_t missed = 0, found = 0, all = 0;
    double share() const { return double(found) / double(all); }
};

/// Rows under the k-th best score of each query, by exact floats and in double, against those that the bound leaves.
Count compare(Metric metric, const ByteCode& code, const Matrix& x, const Matrix& q, std::size_t k) {
    const std::size_t groups = (x.n + kByteGroup - 1) / kByteGroup;
    AlignedVector<std::byte> bytes(groups * code.group_bytes(), std::byte{0});
    auto scratch = code.scratch();
    for (std::size_t j = 0; j < x.n; ++j)
        code.set_row(x.row(j), bytes.data() + j / kByteGroup * code.group_bytes(), j % kByteGroup, scratch);
    std::vector<std::uint32_t> offsets(groups * kByteGroup);
    std::vector<std::int32_t> dots(groups * kByteGroup);
    Count count;
    Arena arena;
    for (std::size_t i = 0; i < q.n; ++i) {
        std::vector<float> scores(x.n);
        score_rows(metric, q.row(i), x.row(0), x.n, x.d, scores.data());
        std::vector<float> sorted = scores;
        std::nth_element(sorted.begin(), sorted.begin() + std::ptrdiff_t(k - 1), sorted.end());
        const ByteTarget target = code.target(q.row(i), arena);
        if (!target.usable) continue;
        const std::array<ByteQuery, 1> asked = {target.at(sorted[k - 1])};
        ByteSurvivors found{offsets.data(), dots.data(), 0};
        const ByteGroups rows{bytes.data(), groups, code.group_bytes(), code.padded()};
        code.whole() ? byte_scan<true>(BestBytes{}, rows, asked, &found) : byte_scan<false>(BestBytes{}, rows, asked, &found);
        const double threshold = double(sorted[k - 1]);
        for (std::size_t j = 0; j < x.n; ++j) {
            const bool near = scores[j] <= sorted[k - 1] || score(metric, q.row(i), x.row(j), x.d) <= threshold;
            count.missed +=
                near && !std::binary_search(offsets.begin(), offsets.begin() + std::ptrdiff_t(found.n), std::uint32_t(j));
        }
        count.found += std::min(found.n, x.n), count.all += x.n;
    }
    return count;
}

Count compare(Metric metric, const Matrix& x, const Matrix& q, std::size_t k) {
    std::vector<float> origin(x.d);
    column_medians(x.row(0), x.n, x.d, origin.data());
    return compare(metric, ByteCode(metric, origin), x, q, k);
}

Matrix changed(Matrix x, float scale, float offset) {
    for (float& v : x.values) v = v * scale + offset;
    return x;
}

Matrix whole(Matrix x) {
    for (float& v : x.values) v = std::clamp(std::nearbyint(v * 6 + 120), 0.F, 255.F);
    return x;
}
}  // namespace

TEST_CASE("ByteCode: misses no row under the threshold, of any size, offset and number of columns") {
    for (const Metric metric : kMetrics)
        for (const std::size_t d : {1, 3, 64, 100, 257, 3000})
            for (const float scale : {1e-30F, 1e-18F, 1.F, 1e6F})
                for (const float offset : {0.F, 1.F, 1000.F}) {
                    CAPTURE(d);
                    CAPTURE(scale);
                    CAPTURE(offset);
                    const Matrix x = changed(lutra_test::normal_matrix(100, d, 1), scale, scale * offset);
                    CHECK(compare(metric, x, changed(lutra_test::normal_matrix(5, d, 2), scale, scale * offset), 7).missed == 0);
                    CHECK(compare(metric, x, x, 1).missed == 0);
                }
}

TEST_CASE("ByteCode: misses none among huge and tiny columns, rows that are equal, zero or too long, and far origins") {
    const std::size_t d = 48;
    Matrix x = lutra_test::normal_matrix(300, d, 3);
    for (std::size_t i = 0; i < x.n; ++i) x.row(i)[i % 3] *= 1e6F, x.row(i)[5] *= 1e-20F;
    for (std::size_t i = 0; i < 60; ++i) std::copy_n(x.row(i % 3), d, x.row(i));
    for (std::size_t i = 60; i < 70; ++i) std::fill_n(x.row(i), d, 0.F);
    for (std::size_t i = 70; i < 80; ++i) x.row(i)[i % d] = 2e15F;
    Matrix far = x;
    for (std::size_t i = 0; i < 280; ++i) far.row(i)[0] = -1e24F;
    const Matrix q = lutra_test::normal_matrix(20, d, 4);
    for (const Metric metric : kMetrics) {
        CHECK(compare(metric, x, q, 5).missed == 0);
        CHECK(compare(metric, x, x, 5).missed == 0);
        CHECK(compare(metric, far, q, 5).missed == 0);
        CHECK(compare(metric, far, changed(q, 1e14F, 0), 5).missed == 0);
    }
}

TEST_CASE("ByteCode: whole rows miss none, for whole queries and others") {
    for (const Metric metric : kMetrics)
        for (const std::size_t d : {1, 5, 256, 257, 1000}) {
            const Matrix x = whole(changed(lutra_test::normal_matrix(100, d, 1), 10, 0));
            const ByteCode code(metric, d);
            for (const Matrix& q : {x, changed(x, 1, 0.25F), lutra_test::normal_matrix(20, d, 2), changed(x, -3, 1)})
                CHECK(compare(metric, code, x, q, 7).missed == 0);
        }
}

TEST_CASE("ByteCode: of clustered rows most are ruled out, also far from the origin and where one side is much longer") {
    const std::size_t d = 64;
    const Matrix x = lutra_test::clustered_matrix(600, d, 20, 5), q = lutra_test::clustered_matrix(20, d, 20, 5);
    for (const Metric metric : kMetrics) {
        CHECK(compare(metric, x, q, 5).share() < 0.1);
        CHECK(compare(metric, whole(x), whole(q), 5).share() < 0.1);
        CHECK(compare(metric, ByteCode(metric, d), whole(x), whole(q), 5).share() < 0.1);
    }
    CHECK(compare(Metric::l2, changed(x, 1, 1000), changed(q, 1, 1000), 5).share() < 0.2);
    CHECK(compare(Metric::inner_product, changed(x, 1e4F, 0), q, 5).share() < 0.1);
    CHECK(compare(Metric::inner_product, x, changed(q, 1e-6F, 0), 5).share() < 0.1);
}
