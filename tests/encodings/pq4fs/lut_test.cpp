// A query's look-up tables: the stated bound on a score's error, what kernels need of them, and queries that find nothing.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/encodings/pq4fs/lut.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "encodings/pq4fs/shapes.hpp"

using namespace lutra;
using namespace pq4_test;
using lutra_test::Matrix;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kMost = std::numeric_limits<float>::max();
constexpr double kFloatEps = 0x1p-23;

/// [M, 16]: what each code adds to the score, and the size of the numbers that were added up for it.
struct ExactTable {
    std::vector<double> add, size;

    ExactTable(const Pq4Codebook& codebook, Metric metric, const float* q) : add(codebook.m() * 16), size(codebook.m() * 16) {
        for (std::size_t i = 0; i < add.size(); ++i)
            for (std::size_t t = 0; t < codebook.dsub(); ++t) {
                const double x = q[i / 16 * codebook.dsub() + t], c = codebook.centroid(i / 16, i % 16)[t];
                const double term = metric == Metric::l2 ? (x - c) * (x - c) : -x * c;
                add[i] += term, size[i] += std::abs(term) + (metric == Metric::l2 ? x * x + c * c : 0);
            }
    }
};

struct Tables {
    Arena arena;
    Pq4Lut lut;
    ExactTable exact;
    std::size_t m, runs;
    std::vector<std::uint32_t> far;  // [M]: centroids whose entries may be saturated

    Tables(const Pq4Codebook& codebook, Metric metric, const float* q, std::size_t run = 4)
        : exact(codebook, metric, q), m(codebook.m()), runs(round_up(m, run)) {
        for (std::size_t i = 0; i < m; ++i) far.push_back(codebook.far(i));
        lut = make_lut({codebook, metric, q}, runs, arena, unit_of({codebook, metric, q}));
    }

    bool has_far(const std::vector<std::uint8_t>& codes) const {
        for (std::size_t i = 0; i < m; ++i)
            if ((far[i] >> codes[i] & 1) != 0) return true;
        return false;
    }

    std::uint32_t sum(const std::vector<std::uint8_t>& codes) const {
        std::uint32_t sum = 0;
        for (std::size_t i = 0; i < m; ++i) sum += lut.lut[i * 16 + codes[i]];
        return sum;
    }
    /// How much worse than the bound a score is; at most 0.
    double excess(const std::vector<std::uint8_t>& codes) const {
        double exact_score = 0, size = 0;
        for (std::size_t i = 0; i < m; ++i) exact_score += exact.add[i * 16 + codes[i]], size += exact.size[i * 16 + codes[i]];
        const double rounding = kFloatEps * 4 * (8 + double(m)) * (size + std::abs(double(lut.bias)));
        return std::abs(double(lut.score(sum(codes))) - exact_score) - (double(m) * double(lut.step) / 2 + rounding);
    }
};

/// Codes that stretch the bound: every byte rounded up as far as any, or down; the largest entries; the smallest; and random ones.
std::vector<std::vector<std::uint8_t>> telling_codes(const Tables& t, Rng& rng) {
    std::vector<std::vector<std::uint8_t>> all(4, std::vector<std::uint8_t>(t.m));
    for (std::size_t m = 0; m < t.m; ++m) {
        const double least = *std::min_element(t.exact.add.begin() + long(m * 16), t.exact.add.begin() + long(m * 16 + 16));
        const auto up = [&](std::size_t c) {
            return double(t.lut.lut[m * 16 + c]) * double(t.lut.step) - (t.exact.add[m * 16 + c] - least);
        };
        for (std::uint8_t c = 1; c < 16; ++c) {
            if (up(c) > up(all[0][m])) all[0][m] = c;
            if (up(c) < up(all[1][m])) all[1][m] = c;
            if (t.lut.lut[m * 16 + c] > t.lut.lut[m * 16 + all[2][m]]) all[2][m] = c;
            if (t.lut.lut[m * 16 + c] < t.lut.lut[m * 16 + all[3][m]]) all[3][m] = c;
        }
    }
    for (int round = 0; round < 40; ++round) {
        all.emplace_back(t.m);
        for (std::uint8_t& c : all.back()) c = std::uint8_t(rng.below(16));
    }
    return all;
}

/// What holds for every table: the bound, partners within a byte, zeros behind the last sub-quantizer.
void check_tables(const Tables& t) {
    Rng rng(5);
    REQUIRE(t.lut.finite);
    std::size_t beyond = 0, over = 0, not_zero = 0;
    for (const auto& codes : telling_codes(t, rng)) beyond += !t.has_far(codes) && t.excess(codes) > 0;
    const auto largest = [&](std::size_t m) { return *std::max_element(t.lut.lut + m * 16, t.lut.lut + m * 16 + 16); };
    for (std::size_t m = 0; m < t.m; ++m) over += largest(m) + (pq4_partner(m) < t.m ? largest(pq4_partner(m)) : 0) > 255;
    for (std::size_t i = t.m * 16; i < t.runs * 16; ++i) not_zero += t.lut.lut[i] != 0;
    CHECK(beyond == 0);
    CHECK(over == 0);
    CHECK(not_zero == 0);
}

std::size_t finds_nothing(const Pq4Lut& lut) {
    std::size_t good = 0;
    for (const float threshold : {kMost, kInf, 0.F, -kMost, kNan}) good += lut.limit(threshold) == 0;
    return good == 5 && !lut.finite;
}

/// limit(): what it promises, at one threshold.
void check_limit(const Pq4Lut& lut, std::uint32_t most, float threshold, std::size_t& missed, std::size_t& loose) {
    const std::uint32_t limit = lut.limit(threshold);
    if (limit <= most) missed += lut.score(limit) <= threshold;  // scores rise with the sum
    if (limit == 0 || lut.step == 0) return;
    const double last = double(lut.score(std::min(limit - 1, most)));
    const double few =
        3 * double(lut.step) + 4 * kFloatEps * (std::abs(double(threshold)) + std::abs(double(lut.bias)) + std::abs(last));
    loose += last > double(threshold) + few;
}

}  // namespace

TEST_CASE("make_lut: a score is within M * step / 2 of the exact one, and partners fit in a byte, for random tables" *
          doctest::test_suite("slow")) {
    for (const Shape& s : kShapes)
        for (const Metric metric : {Metric::l2, Metric::inner_product})
            for (const float scale : {1.F, 1e-6F, 1e12F})
                for (const std::size_t run : {2, 4}) {
                    CAPTURE(s);
                    CAPTURE(scale);
                    const Pq4Codebook codebook = trained_codebook(s, 21, scale / 3, scale);
                    const Matrix q = lutra_test::normal_matrix(6, s.d(), 22);
                    for (std::size_t i = 0; i < q.n; ++i) {
                        Matrix one(1, s.d());
                        for (std::size_t t = 0; t < s.d(); ++t) one.row(0)[t] = q.row(i)[t] * scale * (i % 2 == 0 ? 1.F : 30.F);
                        check_tables(Tables(codebook, metric, one.row(0), run));
                    }
                }
}

TEST_CASE("make_lut: the step is no wider than two rows need") {
    for (const Shape& s : kShapes) {
        CAPTURE(s);
        const Tables t(trained_codebook(s, 23), Metric::l2, lutra_test::normal_matrix(1, s.d(), 24).row(0));
        double widest = 0;
        for (std::size_t m = 0; m < s.m; ++m) {
            const auto [least, most] =
                std::minmax_element(t.exact.add.begin() + long(m * 16), t.exact.add.begin() + long(m * 16 + 16));
            widest = std::max(widest, *most - *least);
        }
        CHECK(double(t.lut.step) <= 2.0001 * widest / 254);
        CHECK(double(t.lut.step) >= 0.9999 * widest / 254);
        CHECK(double(t.lut.step * t.lut.inverse_step) == doctest::Approx(1));
    }
}

TEST_CASE("make_lut: adversarial tables: both partners rounded up, one wide row among narrow ones, all weight on one code") {
    // With inner product and a query of -1, a table is the codebook.
    Rng rng(31);
    for (const std::size_t m : {1, 4, 5, 8, 9, 12, 16, 64, 300})
        for (int kind = 0; kind < 6; ++kind)
            for (const float scale : {1.F, 0.37F, 1e-20F, 1e20F}) {
                CAPTURE(m);
                CAPTURE(kind);
                CAPTURE(scale);
                const Shape s{m, 1};
                std::vector<float> table(m * 16);
                for (std::size_t i = 0; i < table.size(); ++i) {
                    const std::size_t row = i / 16, code = i % 16;
                    const float halves = row % 8 < 4 ? 127.5F : 126.5F;  // 254 together, and 255 rounded
                    const float kinds[] = {code == 0 ? 0.F : halves,
                                           code == 15 ? float(row == m / 2 ? 254 : 1) : 0.F,
                                           (float(rng.below(253)) + 0.5F) * (row % 8 < 4 ? 0.6F : 0.4F),
                                           code == 3 ? 1000.F : 0.F,
                                           float(rng.below(2)) * halves,
                                           std::ldexp(1.F, int(rng.below(40)) - 20)};
                    table[i] = kinds[kind] * scale;
                }
                const std::vector<float> q(m, -1.F);
                for (const std::size_t run : {2, 4})
                    check_tables(Tables(codebook_of(s, table), Metric::inner_product, q.data(), run));
            }
}

TEST_CASE("make_lut: a zero query with inner product: every score is 0 and everything is found") {
    for (const Shape& s : kShapes) {
        CAPTURE(s);
        const std::vector<float> zeros(s.d(), 0.F);
        const Tables t(trained_codebook(s, 25), Metric::inner_product, zeros.data());
        check_tables(t);
        CHECK(t.lut.score(0) == 0);
        CHECK(t.lut.score(255) == 0);
        CHECK(t.lut.limit(0) == std::numeric_limits<std::uint32_t>::max());
        CHECK(t.lut.limit(kMost) == std::numeric_limits<std::uint32_t>::max());
        CHECK(t.lut.limit(-1e-30F) == 0);
    }
}

TEST_CASE("make_lut: constant tables: every score is the exact one, nothing is divided by 0") {
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (const Shape& s : kShapes) {
            CAPTURE(s);
            const Pq4Codebook codebook = codebook_of(s, std::vector<float>(s.d() * 16, 1.5F));
            const std::vector<float> q(s.d(), 3.F);
            const Tables t(codebook, metric, q.data());
            check_tables(t);
            const float exact = float(s.d()) * (metric == Metric::l2 ? 2.25F : -4.5F);
            CHECK(t.lut.step == 0);
            CHECK(t.lut.score(0) == exact);
            CHECK(t.lut.score(12345) == exact);
            CHECK(t.lut.limit(exact) == std::numeric_limits<std::uint32_t>::max());
            CHECK(t.lut.limit(std::nextafter(exact, -kInf)) == 0);
        }
}

TEST_CASE("make_lut: one row of a table may be constant, and one code may stand out") {
    const Shape s{6, 1};
    std::vector<float> table(96, 2.F);
    for (std::size_t c = 0; c < 16; ++c) table[3 * 16 + c] = float(c);
    const std::vector<float> q(6, -1.F);
    const Tables t(codebook_of(s, table), Metric::inner_product, q.data());
    check_tables(t);
    CHECK(t.lut.step == doctest::Approx(15. / 254));
    CHECK(t.lut.bias == 10);
}

TEST_CASE("make_lut: a query with NaN or infinity finds nothing") {
    for (const Shape& s : kShapes)
        for (const Metric metric : {Metric::l2, Metric::inner_product}) {
            CAPTURE(s);
            const Pq4Codebook codebook = trained_codebook(s, 26);
            for (const std::size_t at : {std::size_t{0}, s.d() / 2, s.d() - 1})
                for (const float bad : {kNan, kInf, -kInf}) {
                    Matrix q = lutra_test::normal_matrix(1, s.d(), 27);
                    q.row(0)[at] = bad;
                    CHECK(finds_nothing(Tables(codebook, metric, q.row(0)).lut));
                }
        }
}

TEST_CASE("make_lut: a finite query whose distances overflow floats still orders what is far") {
    for (const Shape& s : kShapes)
        for (const float large : {1e19F, 1e25F, 3e37F}) {
            CAPTURE(s);
            CAPTURE(large);
            for (const Metric metric : {Metric::l2, Metric::inner_product}) {
                const Pq4Codebook codebook = trained_codebook(s, 26, 0, large);
                Matrix q = lutra_test::normal_matrix(1, s.d(), 27);
                for (float& v : q.values) v *= large;
                const Tables t(codebook, metric, q.row(0));
                REQUIRE(t.lut.finite);
                CHECK(std::isfinite(t.lut.bias));
                CHECK(t.lut.limit(kMost) > 255 * s.m);
                const double unit = unit_of({codebook, metric, q.row(0)});
                std::size_t beyond = 0;
                Rng rng(5);
                for (const auto& codes : telling_codes(t, rng)) {
                    double exact = 0;
                    for (std::size_t m = 0; m < s.m; ++m) exact += t.exact.add[m * 16 + codes[m]] * unit;
                    beyond += std::abs(double(t.lut.score(t.sum(codes))) - exact) >
                              double(s.m) * double(t.lut.step) * 0.51 + 1e-5 * (std::abs(exact) + std::abs(double(t.lut.bias)));
                }
                CHECK(beyond == 0);
            }
        }
}

TEST_CASE("make_lut: an entry that is not finite, as a damaged file may bring, is a saturated one; others count") {
    for (const float bad : {kNan, kInf, -kInf, kMost}) {
        std::vector<float> centroids(5 * 16 * 2);
        for (std::size_t i = 0; i < centroids.size(); ++i) centroids[i] = float(i % 7);
        const std::vector<float> q(10, 0.5F);
        const Tables good(codebook_of({5, 2}, centroids), Metric::l2, q.data());
        centroids[77] = bad;
        const Tables t(codebook_of({5, 2}, centroids), Metric::l2, q.data());
        REQUIRE(t.lut.finite);
        const std::size_t entry = 77 / 2;
        for (std::size_t i = 0; i < 5 * 16; ++i)
            if (i != entry)
                CHECK(float(t.lut.lut[i]) * t.lut.step == doctest::Approx(float(good.lut.lut[i]) * good.lut.step).epsilon(0.05));
        CHECK(float(t.lut.lut[entry]) * t.lut.step > 20);  // the others' widest row is 34
    }
}

namespace {

/// Of `values` [M, 16, dsub], what makes outliers: as training without trimming would leave them.
std::vector<float> with_far(const Shape& s, std::vector<float> values, float far, bool all_rows) {
    for (std::size_t m = 0; m < s.m; m += all_rows ? 1 : s.m)
        for (std::size_t t = 0; t < s.dsub; ++t) values[(m * 16 + (m * 5 + 3) % 16) * s.dsub + t] = (m % 2 == 0 ? far : -far);
    return values;
}

}  // namespace

TEST_CASE("make_lut: far centroids leave the others' scores within the bound, in steps nearly as fine, and look far themselves") {
    for (const Shape& s : {Shape{1, 4}, Shape{2, 3}, Shape{8, 4}, Shape{17, 1}, Shape{64, 8}, Shape{300, 2}}) {
        const Pq4Codebook plain = trained_codebook(s, 31);
        for (const float far : {50.F, -1e3F, 1e6F, 1e19F, 3e38F})
            for (const bool all_rows : {false, true})
                for (const Metric metric : {Metric::l2, Metric::inner_product}) {
                    CAPTURE(s);
                    CAPTURE(far);
                    const std::vector<float> values(plain.centroids().begin(), plain.centroids().end());
                    const Pq4Codebook codebook = codebook_of(s, with_far(s, values, far, all_rows));
                    const Matrix q = lutra_test::normal_matrix(1, s.d(), 32);
                    const Tables t(codebook, metric, q.row(0)), without(plain, metric, q.row(0));
                    REQUIRE(codebook.far(0) == 1U << 3);
                    check_tables(t);
                    double reach = 0, widest = 0;
                    for (std::size_t m = 0; m < s.m; ++m) {
                        const auto [least, most] = std::minmax_element(without.exact.add.begin() + long(m * 16),
                                                                       without.exact.add.begin() + long(m * 16 + 16));
                        double mean = 0;
                        for (std::size_t c = 0; c < 16; ++c) mean += (without.exact.add[m * 16 + c] - *least) / 16;
                        reach += mean, widest = std::max(widest, *most - *least);
                    }
                    reach = std::max(reach, widest);
                    CHECK(double(t.lut.step) <= 6.6 * reach / 254);
                    std::vector<std::uint8_t> best(s.m);
                    for (std::size_t m = 0; m < s.m; ++m)
                        best[m] = std::uint8_t(
                            std::min_element(t.exact.add.begin() + long(m * 16), t.exact.add.begin() + long(m * 16 + 16)) -
                            (t.exact.add.begin() + long(m * 16)));
                    std::vector<std::uint8_t> near = best, with = best;
                    with[0] = 3;
                    for (std::size_t m = 0; m < s.m; ++m)
                        for (std::size_t c = 0; c < 16; ++c)
                            if ((codebook.far(m) >> near[m] & 1) != 0) near[m] = std::uint8_t(c);
                    if (metric == Metric::l2) {
                        const double bound = double(s.m) * double(t.lut.step) / 2;
                        CHECK(double(t.lut.score(t.sum(with))) >= double(t.lut.score(t.sum(near))) + 0.8 * reach - bound);
                    }
                }
    }
}

TEST_CASE(
    "make_lut: where an inner product with a far centroid is the best one, it stays the best one, and the others keep their "
    "steps") {
    const Shape s{8, 4};
    const Pq4Codebook plain = trained_codebook(s, 33);
    std::vector<float> values(plain.centroids().begin(), plain.centroids().end());
    for (std::size_t t = 0; t < 4; ++t) values[5 * 4 + t] = 1e6F;
    const std::vector<float> q(s.d(), 1.F);
    const Tables t(codebook_of(s, values), Metric::inner_product, q.data());
    check_tables(t);
    std::vector<std::uint8_t> best(8);
    for (std::size_t m = 0; m < 8; ++m)
        best[m] = std::uint8_t(
            std::min_element(t.exact.add.begin() + long(m * 16 + (m == 0 ? 6 : 0)), t.exact.add.begin() + long(m * 16 + 16)) -
            (t.exact.add.begin() + long(m * 16)));
    std::vector<std::uint8_t> worst_but_far(8);
    for (std::size_t m = 0; m < 8; ++m) {
        worst_but_far[m] =
            std::uint8_t(std::max_element(t.exact.add.begin() + long(m * 16), t.exact.add.begin() + long(m * 16 + 16)) -
                         (t.exact.add.begin() + long(m * 16)));
    }
    std::vector<std::uint8_t> far = best;
    far[0] = 5;
    CHECK(t.sum(far) < t.sum(best));
    CHECK(t.lut.step < 1);
    CHECK(t.sum(best) < t.sum(worst_but_far));
}

TEST_CASE("make_lut: codebooks of ordinary data have no far centroids: their tables are those of the plain rule, to the bit") {
    for (const Shape& s : kShapes) CHECK(!trained_codebook(s, 34).has_far());
    std::vector<float> two_values(64 * 16, 0.F);
    for (std::size_t m = 0; m < 64; ++m) two_values[m * 16 + 7] = 1;
    CHECK(!codebook_of({64, 1}, two_values).has_far());
    CHECK(!codebook_of({64, 1}, std::vector<float>(64 * 16, 3.F)).has_far());
    std::vector<float> tail(16);
    for (std::size_t c = 0; c < 16; ++c) tail[c] = std::exp(0.4F * float(c));
    CHECK(!codebook_of({1, 1}, tail).has_far());
}

TEST_CASE("make_lut: tables whose width is next to nothing cause no overflow") {
    for (const float tiny : {std::numeric_limits<float>::denorm_min(), 1e-44F, 1e-40F, 1.1e-38F, 1e-37F, 7e-37F, 1e-36F, 1e-30F}) {
        CAPTURE(tiny);
        for (const std::size_t m : {1, 5, 300}) {
            std::vector<float> table(m * 16, 0.F);
            for (std::size_t i = 0; i < table.size(); ++i) table[i] = i % 16 == 3 ? tiny : 0.F;
            const std::vector<float> q(m, -1.F);
            const Tables t(codebook_of({m, 1}, table), Metric::inner_product, q.data());
            REQUIRE(t.lut.finite);
            CHECK(t.lut.inverse_step <= kMost);
            const std::vector<std::uint8_t> high(m, 3), low(m, 0);
            CHECK(t.lut.score(t.sum(low)) == 0);
            CHECK(std::abs(double(t.lut.score(t.sum(high))) - double(m) * double(tiny)) <=
                  double(m) * std::max(double(t.lut.step) * 0.51, 1e-36));
            CHECK(t.lut.limit(t.lut.score(t.sum(high))) > t.sum(high));
        }
    }
}

TEST_CASE("limit: no sum from it on has a score at the threshold or below, and at most a few below it have one above") {
    Rng rng(41);
    std::size_t missed = 0, loose = 0;
    for (int round = 0; round < 4000; ++round) {
        Pq4Lut lut;
        lut.finite = true;
        const float widest = std::ldexp(1 + rng.uniform(), int(rng.below(60)) - 30);
        lut.step = widest / 254, lut.inverse_step = 254 / widest;
        lut.bias = rng.normal() * std::ldexp(1.F, int(rng.below(70)) - 35) * (rng.below(8) == 0 ? 0.F : 1.F);
        const std::uint32_t most = std::uint32_t(1 + rng.below(255 * 300));
        const float top = lut.score(most);
        for (int i = 0; i < 40; ++i) {
            const float at = lut.score(std::uint32_t(rng.below(most + 1)));
            const float between = lut.bias + (top - lut.bias) * rng.uniform();
            for (const float threshold : {at, std::nextafter(at, kInf), std::nextafter(at, -kInf), between, -at, 0.F})
                check_limit(lut, most, threshold, missed, loose);
        }
        for (const float threshold : {kMost, -kMost, kInf, -kInf}) check_limit(lut, most, threshold, missed, loose);
        CHECK(lut.limit(kNan) == 0);
    }
    CHECK(missed == 0);
    CHECK(loose == 0);
}

TEST_CASE("limit: with real tables, for the scores of real codes, also far from the origin") {
    std::size_t missed = 0, loose = 0;
    for (const Shape& s : kShapes)
        for (const Metric metric : {Metric::l2, Metric::inner_product})
            for (const float shift : {0.F, 100.F, 1e5F}) {
                const Pq4Codebook codebook = trained_codebook(s, 28, shift);
                Matrix q = lutra_test::normal_matrix(1, s.d(), 29);
                for (float& v : q.values) v += shift;
                const Tables t(codebook, metric, q.row(0));
                Rng rng(30);
                const std::uint32_t most = std::uint32_t(s.m) * 255;
                for (const auto& codes : telling_codes(t, rng)) {
                    const float score = t.lut.score(t.sum(codes));
                    CHECK(t.lut.limit(score) > t.sum(codes));
                    for (const float threshold : {score, std::nextafter(score, kInf), std::nextafter(score, -kInf)})
                        check_limit(t.lut, most, threshold, missed, loose);
                }
            }
    CHECK(missed == 0);
    CHECK(loose == 0);
}
