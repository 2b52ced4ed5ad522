// Rows with pieces far from all others: what training leaves out, that nothing else changes, and that RFlat finds the others.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/coarse/one_list.hpp>
#include <lutra/encodings/flat/flat.hpp>
#include <lutra/encodings/pq4fs/pq4fs.hpp>
#include <lutra/encodings/pq4fs/pq4fs_file.hpp>
#include <lutra/ivf/ivf.hpp>
#include <lutra/refine/refine.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include "encodings/pq4fs/shapes.hpp"
#include "support/matrices.hpp"

using namespace lutra;
using lutra_test::Matrix;

namespace {

constexpr float kLargest = std::numeric_limits<float>::max();
constexpr std::size_t kD = 16, kM = 8;

std::size_t changed(const Matrix& x, std::size_t m) {
    const detail::NearRows near(x, m, Metric::l2);
    std::size_t n = 0;
    for (std::size_t i = 0; i < x.values.size(); ++i) n += near.rows().data[i] != x.values[i];
    return n;
}

using PlainPq = Ivf<OneList, Pq4FastScan>;

template <class Base>
Refine<Base> built(Base base, const Matrix& x) {
    Refine<Base> index(std::move(base));
    REQUIRE(index.train(x).ok());
    REQUIRE(index.add(x).ok());
    return index;
}
Refine<PlainPq> refined(const Matrix& x, Metric metric = Metric::l2) {
    return built(PlainPq(x.d, metric, 1, OneList{}, Pq4FastScan(x.d, x.d / 2)), x);
}
Ivf<OneList, Flat> exact(const Matrix& x, Metric metric = Metric::l2) {
    Ivf<OneList, Flat> index(x.d, metric, 1, OneList{}, Flat(x.d));
    REQUIRE(index.add(x).ok());
    return index;
}

SearchParams ten_times() {
    SearchParams params;
    params.k_factor = 10, params.nprobe = 1000;
    return params;
}

/// The share of the ten nearest that is found, and of slots that Flat fills.
struct Found {
    double recall = 0, filled = 0;
};
template <class I>
Found found(const I& index, const Matrix& x, const Matrix& q, Metric metric = Metric::l2) {
    const Hits got = search(index, q, 10, ten_times()).value(), want = search(exact(x, metric), q, 10).value();
    std::size_t hits = 0, empty = 0, wanted = 0;
    for (std::size_t i = 0; i < q.n; ++i)
        for (std::size_t j = 0; j < 10; ++j) {
            const Id id = want.ids[i * 10 + j];
            wanted += id != kNoId, empty += id != kNoId && got.ids[i * 10 + j] == kNoId;
            hits += id != kNoId && std::count(got.ids.begin() + long(i * 10), got.ids.begin() + long(i * 10 + 10), id) != 0;
        }
    return {double(hits) / double(wanted), 1 - double(empty) / double(wanted)};
}

/// Kinds of far rows among 4,000.
enum class Kind { component, negative, whole, ten_rows, several };

Matrix with_far(Matrix x, Kind kind, float far) {
    const std::size_t rows = kind == Kind::ten_rows ? 10 : 1;
    for (std::size_t r = 0; r < rows; ++r) {
        float* row = x.row(100 + 300 * r);
        if (kind == Kind::component) row[5] = far;
        if (kind == Kind::negative) row[6] = -far;
        if (kind == Kind::whole || kind == Kind::ten_rows)
            for (std::size_t t = 0; t < x.d; ++t) row[t] = std::clamp(row[t] * far, -kLargest, kLargest);
        if (kind == Kind::several)
            for (std::size_t t = 0; t < x.d; t += 3) row[t] = t % 2 == 0 ? far : -far;
    }
    return x;
}

}  // namespace

TEST_CASE("NearRows: rows of ordinary data are those given: normal, long tails, rare values, constants, half of them equal") {
    Matrix x = lutra_test::normal_matrix(6000, 8, 1), tails = x, rare = x, half = x;
    for (float& v : tails.values) v = std::exp(v);
    for (float& v : rare.values) v = v > 3.2F ? 1.F : 0.F;
    std::fill_n(half.values.begin(), half.values.size() / 2, -20.F);
    for (const std::size_t m : {1, 2, 4, 8}) {
        CAPTURE(m);
        CHECK(changed(x, m) == 0);
        CHECK(changed(tails, m) == 0);
        CHECK(changed(rare, m) == 0);
        CHECK(changed(half, m) == 0);
        CHECK(changed(Matrix(100, 8), m) == 0);
        CHECK(changed(lutra_test::normal_matrix(16, 8, 3), m) == 0);
    }
}

TEST_CASE("NearRows: a far piece has the middle in its place, and only it; a group of rows as far stays") {
    const Matrix x = lutra_test::normal_matrix(4000, kD, 2);
    for (const float far : {50.F, 1e3F, 1e6F, 1e19F, kLargest}) {
        CAPTURE(far);
        CHECK(changed(with_far(x, Kind::component, far), kM) == 2);
        CHECK(changed(with_far(x, Kind::negative, far), kM) == 2);
        CHECK(changed(with_far(x, Kind::component, far), 1) == kD);
        const Matrix ten = with_far(x, Kind::ten_rows, far);
        CHECK(changed(ten, 1) == 10 * kD);
        if (far < 1e3F) continue;  // such a piece may lie among the others
        CHECK(changed(ten, kM) >= 9 * kD);
        const detail::NearRows near(ten, kM, Metric::l2);
        for (std::size_t i = 0; i < x.n * x.d; ++i) REQUIRE(std::abs(near.rows().data[i]) < 50);
    }
    Matrix group = x;
    for (std::size_t i = 0; i < 40; ++i) group.row(i * 100)[5] = 1e3F;
    CHECK(changed(group, kM) == 0);
}

TEST_CASE("NearRows: of far pieces in steps of 2, and of tails without end, those beyond 8 typical rows go") {
    Matrix x = lutra_test::normal_matrix(4000, kD, 2), tails = x;
    for (int e = 0; e < 20; ++e) x.row(100 + 150 * std::size_t(e))[5] = std::ldexp(8.F, e);
    const detail::NearRows near(x, kM, Metric::l2);
    for (std::size_t i = 0; i < x.values.size(); ++i) REQUIRE(std::abs(near.rows().data[i]) < 8 * 5);
    const Matrix below = lutra_test::normal_matrix(4000, kD, 8);
    for (std::size_t i = 0; i < tails.values.size(); ++i) tails.values[i] /= below.values[i];
    CHECK(changed(tails, kM) > 50);
    CHECK(changed(tails, kM) < tails.values.size() / 256);
}

TEST_CASE("NearRows: what is not finite, as residuals may be, is far") {
    Matrix x = lutra_test::normal_matrix(200, 4, 3);
    x.row(5)[1] = std::numeric_limits<float>::infinity(), x.row(9)[2] = -std::numeric_limits<float>::infinity();
    const detail::NearRows near(x, 2, Metric::l2);
    for (std::size_t i = 0; i < x.n * x.d; ++i) CHECK(std::isfinite(near.rows().data[i]));
}

TEST_CASE("PQ4 with RFlat: a far row changes nothing for the others, whatever is far and how far" * doctest::test_suite("slow")) {
    const Matrix x = lutra_test::normal_matrix(4000, kD, 4), q = lutra_test::normal_matrix(60, kD, 5);
    const double before = found(refined(x), x, q).recall;
    CHECK(before > 0.95);
    for (const Kind kind : {Kind::component, Kind::negative, Kind::whole, Kind::ten_rows, Kind::several})
        for (const float far : {10.F, 30.F, 50.F, 1e6F, 3e19F, kLargest}) {
            CAPTURE(int(kind));
            CAPTURE(far);
            const Matrix y = with_far(x, kind, far);
            const Found after = found(refined(y), y, q);
            CHECK(after.recall > before - 0.02);
            CHECK(after.filled == 1);
        }
}

TEST_CASE("PQ4 in lists with RFlat: a far row changes nothing for the others, by residual or not") {
    const Matrix x = lutra_test::normal_matrix(2000, kD, 6), q = lutra_test::normal_matrix(40, kD, 7);
    for (const bool by_residual : {false, true}) {
        const auto index_of = [&](const Matrix& rows) {
            return built(Ivf<FlatCoarse, Pq4FastScan>(kD, Metric::l2, 8, FlatCoarse{}, Pq4FastScan(kD, kM, by_residual)), rows);
        };
        const double before = found(index_of(x), x, q).recall;
        for (const Kind kind : {Kind::component, Kind::whole, Kind::several})
            for (const float far : {1e3F, 1e18F}) {
                CAPTURE(by_residual);
                CAPTURE(int(kind));
                CAPTURE(far);
                const Matrix y = with_far(x, kind, far);
                CHECK(found(index_of(y), y, q).recall > before - 0.02);
            }
    }
}

TEST_CASE("PQ4 with RFlat: a codebook from elsewhere, with far centroids in it, finds the others") {
    const Matrix x = lutra_test::normal_matrix(4000, kD, 8), q = lutra_test::normal_matrix(60, kD, 9);
    Pq4FastScan encoding(kD, kM);
    REQUIRE(encoding.train(Metric::l2, x, x, {}).ok());
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (const float far : {50.F, 1e6F, 3e19F}) {
            CAPTURE(far);
            AlignedVector<float> centroids = encoding.codebook().centroids();
            for (std::size_t m = 0; m < kM; ++m) centroids[(m * 16 + m) * 2] = far;
            Pq4Codebook codebook(kD, kM);
            codebook.set(centroids);
            REQUIRE(codebook.has_far());
            Arena arena;
            std::vector<std::byte> codes((x.n + 31) / 32 * encoding.block_bytes());
            double worst = 0;
            for (std::size_t i = 0; i < q.n; ++i) {
                const Pq4Table table{codebook, metric, q.row(i)};
                const Pq4Lut lut = make_lut(table, kM, arena, unit_of(table));
                const Pq4Lut plain = make_lut({encoding.codebook(), metric, q.row(i)}, kM, arena);
                REQUIRE(lut.finite);
                worst = std::max(worst, double(lut.step / plain.step));
            }
            CHECK(worst < 12);  // 1e5 and more without
        }
}

TEST_CASE("PQ4 with RFlat: rows so large that distances overflow find themselves, as with Flat") {
    for (const float large : {1e10F, 1e18F, 1e25F, 1e37F}) {
        CAPTURE(large);
        Matrix x = lutra_test::normal_matrix(1000, kD, 10);
        for (float& v : x.values) v = std::clamp(v * large, -kLargest, kLargest);
        const Found self = found(refined(x), x, x);
        CHECK(self.recall > 0.99);
        CHECK(self.filled > 0.99);
        CHECK(found(refined(x, Metric::inner_product), x, lutra_test::normal_matrix(50, kD, 11), Metric::inner_product).recall >
              0.9);
        Pq4FastScan encoding(kD, kM);
        REQUIRE(encoding.train(Metric::l2, x, x, {}).ok());
        for (const float c : encoding.codebook().centroids()) REQUIRE(std::isfinite(c));
    }
}

TEST_CASE("PQ4 with RFlat: a finite query however far has an answer wherever Flat has one") {
    const Matrix x = lutra_test::normal_matrix(1000, kD, 12);
    for (const float far : {1e3F, 1e10F, 1e18F, 1.5e19F, 1e25F, kLargest})
        for (const Metric metric : {Metric::l2, Metric::inner_product}) {
            CAPTURE(far);
            Matrix q = lutra_test::normal_matrix(20, kD, 13);
            for (std::size_t i = 0; i < q.n; ++i) q.row(i)[i % kD] = i % 2 == 0 ? far : -far;
            const Hits want = search(exact(x, metric), q, 10).value();
            const Hits got = search(refined(x, metric), q, 10, ten_times()).value();
            for (std::size_t i = 0; i < want.ids.size(); ++i) REQUIRE((want.ids[i] == kNoId) == (got.ids[i] == kNoId));
        }
}

TEST_CASE("PQ4 with RFlat: far rows find themselves, however few candidates there are") {
    Matrix x = lutra_test::normal_matrix(4000, kD, 24), q(kD, kD);
    for (std::size_t i = 0; i < q.n; ++i) {
        x.row(i * 37)[i] = 3e19F;
        std::copy_n(x.row(i * 37), kD, q.row(i));
    }
    const auto index = refined(x);
    for (const float k_factor : {1.F, 10.F}) {
        SearchParams params;
        params.k_factor = k_factor;
        const Hits hits = search(index, q, 1, params).value(), ten = search(index, q, 10, params).value();
        for (std::size_t i = 0; i < q.n; ++i) {
            CHECK(hits.ids[i] == Id(i * 37));
            CHECK(ten.ids[i * 10] == Id(i * 37));
            CHECK(ten.distances[i * 10] == 0);
        }
    }
}

TEST_CASE("inner product with RFlat: rows however far are found where they are the answers, and the others are" *
          doctest::test_suite("slow")) {
    const Matrix x = lutra_test::normal_matrix(4000, kD, 14), q = lutra_test::normal_matrix(60, kD, 15);
    for (const bool score_aware : {false, true})
        for (const Kind kind : {Kind::component, Kind::negative, Kind::whole, Kind::ten_rows, Kind::several})
            for (const float far : {10.F, 30.F, 1e3F, 1e6F, 1e18F}) {
                CAPTURE(score_aware);
                CAPTURE(int(kind));
                CAPTURE(far);
                const Matrix y = with_far(x, kind, far);
                Pq4FastScan encoding(kD, kM, false, kPq4Block, score_aware);
                const auto index = built(PlainPq(kD, Metric::inner_product, 1, OneList{}, std::move(encoding)), y);
                const bool alike = kind == Kind::ten_rows && far > 100;  // next to those ten, all others are alike
                CHECK(found(index, y, q, Metric::inner_product).recall > (alike ? 0.5 : 0.9));
            }
}

TEST_CASE("NearRows: for inner product only what is not finite goes") {
    Matrix x = with_far(lutra_test::normal_matrix(4000, kD, 2), Kind::ten_rows, 1e6F);
    CHECK(detail::NearRows(x, kM, Metric::inner_product).rows().data == x.values.data());
    x.row(7)[3] = std::numeric_limits<float>::infinity();
    const detail::NearRows near(x, kM, Metric::inner_product);
    for (std::size_t i = 0; i < x.values.size(); ++i) REQUIRE(std::isfinite(near.rows().data[i]));
}
