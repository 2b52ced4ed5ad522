// Tests of embedding/blend.hpp against the plain formula.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/embedding/blend.hpp>
#include <lutra/encodings/flat/flat.hpp>
#include <lutra/factory/index_factory.hpp>
#include <lutra/ivf/ivf.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "support/count_new.hpp"
#include "support/matrices.hpp"

namespace {
using lutra::BlendConfig;
using lutra::Blender;
using lutra::BlendWeight;
using lutra::Errc;
using lutra::Index;
using lutra_test::Matrix;

Index index_of(const Matrix& x, const char* spec) {
    Index index = lutra::index_factory(x.d, spec).value();
    REQUIRE(index.train(x).ok());
    REQUIRE(index.add(x).ok());
    return index;
}

/// The formula as RVC has it: all distances, 1 / score^power.
std::vector<double> blended(const Matrix& x, const float* q, std::size_t k, double rate, int power) {
    std::vector<std::pair<double, std::size_t>> order(x.n);
    for (std::size_t i = 0; i < x.n; ++i) {
        order[i] = {0, i};
        for (std::size_t t = 0; t < x.d; ++t) order[i].first += std::pow(double(x.row(i)[t]) - double(q[t]), 2);
    }
    std::sort(order.begin(), order.end());
    std::vector<double> out(x.d, 0);
    double total = 0;
    for (std::size_t j = 0; j < k; ++j) total += 1 / std::pow(order[j].first, power);
    for (std::size_t j = 0; j < k; ++j)
        for (std::size_t t = 0; t < x.d; ++t)
            out[t] += rate * double(x.row(order[j].second)[t]) / std::pow(order[j].first, power) / total;
    for (std::size_t t = 0; t < x.d; ++t) out[t] += (1 - rate) * double(q[t]);
    return out;
}

void check_near(const float* got, const std::vector<double>& want) {
    for (std::size_t t = 0; t < want.size(); ++t) CHECK(double(got[t]) == doctest::Approx(want[t]).epsilon(1e-4));
}
}  // namespace

TEST_CASE("blend: the mean of the neighbours by 1 / score^2, or 1 / score, mixed with the query by rate") {
    const Matrix x = lutra_test::normal_matrix(300, 6, 1), q = lutra_test::normal_matrix(20, 6, 2);
    for (const char* spec : {"Flat", "IVF4,Flat", "IVF4,PQ3x4fs,RFlat"}) {
        CAPTURE(spec);
        Index index = index_of(x, spec);
        for (const BlendWeight weight : {BlendWeight::inverse_square_of_score, BlendWeight::inverse_score})
            for (const float rate : {0.F, 0.3F, 1.F}) {
                BlendConfig config;
                config.k = 5, config.rate = rate, config.weight = weight, config.rows = 7;
                config.params.nprobe = 4, config.params.k_factor = 60;
                Matrix got(q.n, q.d);
                REQUIRE(Blender<Index>::make(index, config).value()(q, got.row(0)).ok());
                const int power = weight == BlendWeight::inverse_score ? 1 : 2;
                for (std::size_t i = 0; i < q.n; ++i) check_near(got.row(i), blended(x, q.row(i), 5, double(rate), power));
            }
    }
}

TEST_CASE("search_and_blend: the same in one call, and in place") {
    const Matrix x = lutra_test::normal_matrix(300, 6, 1);
    Matrix q = lutra_test::normal_matrix(100, 6, 2), got = q;
    Index index = index_of(x, "Flat");
    REQUIRE(lutra::search_and_blend(index, q, 8, 0.5F, got.row(0)).ok());
    for (std::size_t i = 0; i < q.n; ++i) check_near(got.row(i), blended(x, q.row(i), 8, 0.5, 2));
    REQUIRE(lutra::search_and_blend(index, q, 8, 0.5F, q.row(0)).ok());
    CHECK(std::equal(q.row(0), q.row(0) + q.n * q.d, got.row(0)));
}

TEST_CASE("blend: exact hits outweigh all others and count alike; tiny and huge distances are no trouble") {
    Matrix x = lutra_test::normal_matrix(50, 3, 3);
    std::copy_n(x.row(7), 3, x.row(8));
    Index index = index_of(x, "Flat");
    Matrix got(1, 3);
    REQUIRE(lutra::search_and_blend(index, {x.row(7), 1, 3}, 5, 1, got.row(0)).ok());
    CHECK(std::equal(got.row(0), got.row(0) + 3, x.row(7)));
    for (const float scale : {1e-18F, 1e-12F, 1e12F, 1e18F}) {
        CAPTURE(scale);
        Matrix scaled = x, q = lutra_test::normal_matrix(4, 3, 4), out(4, 3);
        for (std::size_t i = 0; i < x.n * 3; ++i) scaled.row(0)[i] *= scale;
        for (std::size_t i = 0; i < q.n * 3; ++i) q.row(0)[i] *= scale;
        Index other = index_of(scaled, "Flat");
        REQUIRE(lutra::search_and_blend(other, q, 3, 1, out.row(0)).ok());
        for (std::size_t i = 0; i < 12; ++i) {
            CHECK(std::isfinite(out.row(0)[i]));
            CHECK(std::abs(out.row(0)[i]) < 5 * scale);
        }
    }
}

TEST_CASE("blend: a query that finds nothing stays as it is") {
    const Matrix x = lutra_test::normal_matrix(60, 2, 5);
    Index index = lutra::index_factory(2, "IVF3,Flat").value();
    REQUIRE(index.train(x).ok());
    Matrix q = lutra_test::normal_matrix(3, 2, 6), got(3, 2);
    REQUIRE(lutra::search_and_blend(index, q, 4, 1, got.row(0)).ok());
    CHECK(std::equal(q.row(0), q.row(0) + 6, got.row(0)));
    REQUIRE(index.add(x).ok());
    q.row(1)[0] = std::numeric_limits<float>::quiet_NaN();
    REQUIRE(lutra::search_and_blend(index, q, 4, 1, got.row(0)).ok());
    CHECK(std::isnan(got.row(1)[0]));
    CHECK(got.row(1)[1] == q.row(1)[1]);
    CHECK(got.row(0)[0] != q.row(0)[0]);
}

TEST_CASE("blend: no queries are no error") {
    Index index = index_of(lutra_test::normal_matrix(30, 4, 9), "Flat");
    CHECK(lutra::search_and_blend(index, {nullptr, 0, 4}, 3, 0.5F, nullptr).ok());
}

TEST_CASE("blend: after the first blocks nothing is allocated") {
    const Matrix x = lutra_test::normal_matrix(900, 8, 7), q = lutra_test::normal_matrix(200, 8, 8);
    for (const char* spec : {"Flat", "IVF8,Flat", "IVF8,PQ4x4fs", "IVF8,PQ4x4fs,RFlat", "L2norm,IVF8,Flat"}) {
        CAPTURE(spec);
        Index index = index_of(x, spec);
        BlendConfig config;
        config.params.nprobe = 3;
        lutra::Result<Blender<Index>> blender = Blender<Index>::make(index, config);
        REQUIRE(blender.ok());
        Matrix got(q.n, q.d);
        REQUIRE((*blender)(q, got.row(0)).ok());
        const std::size_t before = lutra_test::allocations();
        bool ok = true;
        for (std::size_t i = 0; i < q.n; i += 10) ok = (*blender)(lutra::MatrixView(q).rows(i, i + 10), got.row(i)).ok() && ok;
        CHECK(lutra_test::allocations() == before);
        CHECK(ok);
    }
}

TEST_CASE("blend: the index keeps a direct map, so that a neighbour is found in the time of one look-up") {
    const Matrix x = lutra_test::normal_matrix(200, 4, 10);
    lutra::Ivf<lutra::FlatCoarse, lutra::Flat> index(4, lutra::Metric::l2, 4, lutra::FlatCoarse{}, lutra::Flat(4));
    REQUIRE(index.train(x).ok());
    REQUIRE(index.add(x).ok());
    CHECK(index.direct_map() == lutra::DirectMapKind::none);
    REQUIRE(Blender<decltype(index)>::make(index, {}).ok());
    CHECK(index.direct_map() == lutra::DirectMapKind::array);
}

TEST_CASE("blend: bad settings, other columns and indexes by inner product are refused") {
    const Matrix x = lutra_test::normal_matrix(30, 4, 9);
    Index index = index_of(x, "Flat");
    const auto code = [&](std::size_t k, float rate, const Matrix& q) {
        std::vector<float> out(q.n * q.d);
        return lutra::search_and_blend(index, q, k, rate, out.data()).code();
    };
    CHECK(code(3, 0.5F, x) == Errc::ok);
    CHECK(code(100, 0.5F, x) == Errc::ok);  // more than there are
    CHECK(code(0, 0.5F, x) == Errc::bad_argument);
    for (const float rate : {-0.1F, 1.1F, std::numeric_limits<float>::quiet_NaN()}) CHECK(code(3, rate, x) == Errc::bad_argument);
    CHECK(code(3, 0.5F, lutra_test::normal_matrix(5, 3, 1)) == Errc::bad_argument);
    Index products = lutra::index_factory(4, "Flat", lutra::Metric::inner_product).value();
    std::vector<float> out(4);
    CHECK(lutra::search_and_blend(products, {x.row(0), 1, 4}, 1, 1, out.data()).code() == Errc::bad_argument);
    Index untrained = lutra::index_factory(4, "IVF2,Flat").value();
    CHECK(lutra::search_and_blend(untrained, {x.row(0), 1, 4}, 1, 1, out.data()).code() == Errc::not_trained);
}
