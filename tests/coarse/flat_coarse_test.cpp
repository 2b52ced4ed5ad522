// Tests of coarse/flat_coarse.hpp and coarse/one_list.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/coarse/one_list.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <vector>

#include "coarse/probe_distances.hpp"
#include "support/count_new.hpp"
#include "support/matrices.hpp"

namespace {
using lutra::FlatCoarse;
using lutra::Id;
using lutra::Metric;
using lutra_test::Matrix;
using lutra_test::normal_matrix;

FlatCoarse built(const Matrix& c, Metric metric) {
    FlatCoarse coarse;
    CHECK(coarse.build({c.values.begin(), c.values.end()}, c.n, c.d, metric).ok());
    return coarse;
}
std::vector<Id> probed(const FlatCoarse& coarse, lutra::MatrixView q, std::size_t nprobe) {
    lutra::Arena arena;
    std::vector<Id> lists(q.n * nprobe, -9);
    coarse.probe(q, nprobe, lists.data(), nullptr, arena);
    return lists;
}
/// All lists by their distance, ties by number.
std::vector<Id> ranked(const Matrix& c, Metric metric, const float* q) {
    std::vector<Id> order(c.n);
    std::iota(order.begin(), order.end(), Id{0});
    const auto score = [&](Id l) { return lutra::score_row(metric, q, c.row(std::size_t(l)), c.d); };
    std::stable_sort(order.begin(), order.end(), [&](Id a, Id b) { return score(a) < score(b); });
    return order;
}
Matrix with_length_1(Matrix m) {
    lutra::normalize_rows(m.row(0), m.n, m.d, m.row(0));
    return m;
}
std::vector<Id> assigned(const FlatCoarse& coarse, lutra::MatrixView x) {
    lutra::Arena arena;
    std::vector<Id> lists(x.n, -9);
    coarse.assign(x, lists.data(), arena);
    return lists;
}
}  // namespace

TEST_CASE("FlatCoarse: probe gives the best lists, best first, ties to the lower number, together and alone") {
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (std::size_t nlist : {1, 2, 33, 100}) {
            Matrix c = normal_matrix(nlist, 7, 1);
            for (std::size_t l = nlist / 2; l < nlist; l += 3) std::copy_n(c.row(0), 7, c.row(l));
            const Matrix q = normal_matrix(45, 7, 2);
            const FlatCoarse coarse = built(c, metric);
            for (std::size_t nprobe = 1; nprobe <= nlist; nprobe = nprobe * 2 + 1) {
                const std::vector<Id> together = probed(coarse, q, nprobe);
                for (std::size_t i = 0; i < q.n; ++i) {
                    const std::vector<Id> alone = probed(coarse, q.view().rows(i, i + 1), nprobe);
                    std::vector<Id> want = ranked(c, metric, q.row(i));
                    want.resize(nprobe);
                    CHECK(alone == want);
                    CHECK(std::equal(alone.begin(), alone.end(), together.begin() + long(i * nprobe)));
                }
            }
        }
}

TEST_CASE("FlatCoarse: probe gives the distances of the lists, by every way to find them") {
    const Matrix c = normal_matrix(300, 56, 1), q = normal_matrix(45, 56, 2);
    for (std::size_t nprobe : {1, 5, 37, 300}) {
        lutra_test::check_probe_distances(built(c, Metric::l2), Metric::l2, q, nprobe);
        lutra_test::check_probe_distances(built(with_length_1(c), Metric::inner_product), Metric::inner_product, q, nprobe);
        FlatCoarse by_length = built(c, Metric::inner_product);
        by_length.set_spreads(std::vector<float>(300, 3.F));
        lutra_test::check_probe_distances(by_length, Metric::inner_product, q, nprobe);
    }
}

TEST_CASE("FlatCoarse: all lists are those with distances, best first, and behind them those whose centroids are not finite") {
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        Matrix c = normal_matrix(40, 7, 3);
        for (const std::size_t l : {0, 11}) c.row(l)[2] = std::numeric_limits<float>::quiet_NaN();
        const Matrix q = normal_matrix(20, 7, 4);
        const FlatCoarse coarse = built(c, metric);
        lutra::Arena arena;
        std::vector<Id> lists(40);
        std::vector<float> distances(40);
        for (std::size_t i = 0; i < q.n; ++i) {
            coarse.probe(q.view().rows(i, i + 1), 40, lists.data(), distances.data(), arena);
            CHECK(std::vector<Id>(lists.begin() + 38, lists.end()) == std::vector<Id>{0, 11});
            for (std::size_t p = 0; p < 38; ++p) {
                const float score = lutra::score_row(metric, q.row(i), c.row(std::size_t(lists[p])), 7);
                CHECK(distances[p] == doctest::Approx(lutra::distance_of(metric, score)));
            }
            CHECK_FALSE(std::isfinite(distances[39]));
        }
    }
}

TEST_CASE("FlatCoarse: distances that overflow are not finite") {
    Matrix q(2, 7);
    q.values.assign(14, 1e20F);
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        Matrix c = normal_matrix(5, 7, 3);
        for (float& v : c.values) v = std::copysign(3e19F, v);
        lutra::Arena arena;
        std::vector<Id> lists(2 * 3);
        std::vector<float> distances(2 * 3, -9.F);
        built(c, metric).probe(q, 3, lists.data(), distances.data(), arena);
        for (const Id list : lists) CHECK(list >= 0);
        for (const float distance : distances) CHECK_FALSE(std::isfinite(distance));
    }
}

TEST_CASE("FlatCoarse: a query with NaN visits no list, unless all are asked for") {
    const FlatCoarse coarse = built(normal_matrix(5, 3, 3), Metric::l2);
    Matrix q = normal_matrix(20, 3, 4);
    q.row(7)[1] = std::numeric_limits<float>::quiet_NaN();
    const std::vector<Id> lists = probed(coarse, q, 4);
    CHECK(std::count(lists.begin(), lists.end(), lutra::kNoId) == 4);
    CHECK(std::count(lists.begin() + 28, lists.begin() + 32, lutra::kNoId) == 4);
    std::vector<Id> all = probed(coarse, q.view().rows(7, 8), 5);
    std::sort(all.begin(), all.end());
    CHECK(all == std::vector<Id>{0, 1, 2, 3, 4});
}

TEST_CASE("FlatCoarse: assign gives the list that probe gives first, alone and together, to every finite row") {
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (const float offset : {0.F, 4e6F})
            for (const std::size_t nlist : {1, 40, 300}) {
                Matrix c = normal_matrix(nlist, 64, 5), x = normal_matrix(300, 64, 6);
                for (float& v : c.values) v += offset;
                for (float& v : x.values) v += offset;
                if (metric == Metric::inner_product) c = with_length_1(c);
                if (nlist > 1) std::copy_n(c.row(nlist - 1), 64, c.row(0));
                for (std::size_t t = 0; t < 64; ++t) x.row(0)[t] = 3e38F, x.row(1)[t] = 1e-40F;
                const FlatCoarse coarse = built(c, metric);
                lutra::Arena arena;
                std::vector<Id> lists(x.n, -9), alone(x.n, -9);
                coarse.assign(x, lists.data(), arena);
                for (std::size_t i = 0; i < x.n; ++i) coarse.assign(x.view().rows(i, i + 1), &alone[i], arena);
                CHECK(lists == alone);
                CHECK(lists == probed(coarse, x, 1));
                for (std::size_t i = 0; i < x.n; i += 7) CHECK(lists[i] == probed(coarse, x.view().rows(i, i + 1), 1)[0]);
            }
}

TEST_CASE("FlatCoarse: for inner product a row belongs to the nearest of centroids of any length") {
    for (const std::size_t nlist : {2, 40, 300}) {
        const Matrix c = normal_matrix(nlist, 64, 5), x = normal_matrix(300, 64, 6);
        const FlatCoarse coarse = built(c, Metric::inner_product);
        CHECK(coarse.wants_spreads());
        const std::vector<Id> lists = assigned(coarse, x);
        for (std::size_t i = 0; i < x.n; ++i) CHECK(lists[i] == ranked(c, Metric::l2, x.row(i))[0]);
    }
}

TEST_CASE(
    "FlatCoarse: lists whose rows lie farther from the centroid are visited sooner, as if it were so much longer towards the "
    "query") {
    for (const std::size_t nlist : {5, 40, 700}) {
        const Matrix c = normal_matrix(nlist, 64, 5), q = normal_matrix(45, 64, 6);
        FlatCoarse coarse = built(c, Metric::inner_product);
        std::vector<float> rms(nlist);
        for (std::size_t l = 0; l < nlist; ++l) rms[l] = 3 * std::abs(normal_matrix(1, 1, std::uint32_t(l)).row(0)[0]);
        for (int twice = 0; twice < 2; ++twice) coarse.set_spreads(rms);
        const std::size_t nprobe = (nlist + 7) / 8;
        const std::vector<Id> together = probed(coarse, q, nprobe);
        for (std::size_t i = 0; i < q.n; ++i) {
            std::vector<double> score(nlist);
            for (std::size_t l = 0; l < nlist; ++l)
                score[l] = lutra::score_in_double(Metric::inner_product, q.row(i), c.row(l), 64) -
                           2 * double(rms[l]) / 8 * double(lutra::length(q.row(i), 64));
            const std::vector<Id> alone = probed(coarse, q.view().rows(i, i + 1), nprobe);
            CHECK(std::equal(alone.begin(), alone.end(), together.begin() + long(i * nprobe)));
            for (std::size_t p = 0; p < nprobe; ++p) {
                const double own = score[std::size_t(alone[p])];
                CHECK(std::count_if(score.begin(), score.end(), [own](double s) { return s < own - 1e-4; }) <= long(p));
            }
        }
    }
}

TEST_CASE("FlatCoarse: centroids of length 1, or 0, are compared by inner product alone, whatever the spreads") {
    Matrix c = with_length_1(normal_matrix(40, 16, 5));
    std::fill_n(c.row(7), 16, 0.F);
    const Matrix q = normal_matrix(20, 16, 6);
    FlatCoarse coarse = built(c, Metric::inner_product);
    CHECK(!coarse.wants_spreads());
    coarse.set_spreads(std::vector<float>(40, 5.F));
    for (std::size_t i = 0; i < q.n; ++i)
        CHECK(probed(coarse, q.view().rows(i, i + 1), 1)[0] == ranked(c, Metric::inner_product, q.row(i))[0]);
    CHECK(assigned(coarse, q) == probed(coarse, q, 1));
}

TEST_CASE("FlatCoarse: a finite query whose distances overflow visits lists all the same, the nearest first") {
    Matrix c = normal_matrix(40, 6, 10), q(12, 6);
    for (std::size_t j = 0; j < 40; ++j) c.row(j)[0] = float(j) * 1e36F;
    for (std::size_t i = 0; i < 12; ++i) q.row(i)[0] = 3e38F;
    const FlatCoarse coarse = built(c, Metric::l2);
    CHECK(probed(coarse, q.view().rows(0, 1), 3) == std::vector<Id>{39, 38, 37});
    const std::vector<Id> together = probed(coarse, q, 3);
    CHECK(std::equal(together.end() - 3, together.end(), std::vector<Id>{39, 38, 37}.begin()));
}

TEST_CASE("FlatCoarse: a centroid whose squared length overflows is found by the rows near it, alone and together") {
    Matrix c(8, 1), q(32, 1);
    for (std::size_t j = 0; j < 8; ++j) c.row(j)[0] = j == 7 ? 1.9e19F : float(j);
    for (std::size_t i = 0; i < 32; ++i) q.row(i)[0] = 1.8e19F;
    const FlatCoarse coarse = built(c, Metric::l2);
    CHECK(probed(coarse, q, 1) == std::vector<Id>(32, 7));
    CHECK(probed(coarse, q.view().rows(0, 1), 1) == std::vector<Id>{7});
    lutra::Arena arena;
    std::vector<Id> lists(32, -9);
    coarse.assign(q, lists.data(), arena);
    CHECK(lists == std::vector<Id>(32, 7));
}

TEST_CASE("FlatCoarse: probe and assign allocate nothing once the arena is warm, and set_spreads nothing ever") {
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        FlatCoarse coarse = built(normal_matrix(300, 64, 7), metric);
        const Matrix q = normal_matrix(50, 64, 8);
        lutra::Arena arena;
        std::vector<Id> lists(q.n * 5);
        const std::vector<float> spreads(300, 1.F);
        const auto both = [&] { coarse.probe(q, 5, lists.data(), nullptr, arena), coarse.assign(q, lists.data(), arena); };
        both();
        const std::size_t before = lutra_test::allocations();
        coarse.set_spreads(spreads);
        both();
        CHECK(lutra_test::allocations() == before);
    }
}

TEST_CASE("OneList: everything is in list 0") {
    const lutra::OneList one;
    const Matrix q = normal_matrix(3, 4, 9);
    lutra::Arena arena;
    std::vector<Id> lists(3, -9);
    one.probe(q, 1, lists.data(), nullptr, arena);
    CHECK(lists == std::vector<Id>(3, 0));
    lists.assign(3, -9);
    one.assign(q, lists.data(), arena);
    CHECK(lists == std::vector<Id>(3, 0));
    CHECK(one.nlist() == 1);
    CHECK_FALSE(one.learns());
}

TEST_CASE("FlatCoarse: a query alone is led to the lists it is led to among others") {
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        const Matrix x = lutra_test::clustered_matrix(512, 72, 60, 7), q = lutra_test::clustered_matrix(64, 72, 60, 8);
        const FlatCoarse coarse = built(x, metric);
        lutra::Arena arena;
        for (const std::size_t nprobe : {1, 20, 64}) {
            std::vector<Id> together(q.n * nprobe), alone(q.n * nprobe);
            coarse.probe(q, nprobe, together.data(), nullptr, arena);
            for (std::size_t i = 0; i < q.n; ++i)
                coarse.probe(q.view().rows(i, i + 1), nprobe, alone.data() + i * nprobe, nullptr, arena);
            CHECK(together == alone);
        }
    }
}

namespace {
constexpr std::size_t kColumns = 512, kMany = (std::size_t{1} << 20) / kColumns + 19;  // so many have few columns in bytes

/// Points of six dimensions in many columns, a little off them.
Matrix flat_points(std::size_t n, std::uint32_t seed) {
    const Matrix axes = normal_matrix(6, kColumns, 99), at = normal_matrix(n, 6, seed);
    Matrix rows = normal_matrix(n, kColumns, seed + 1);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t t = 0; t < kColumns; ++t) {
            rows.row(i)[t] *= 0.1F;
            for (std::size_t a = 0; a < 6; ++a) rows.row(i)[t] += at.row(i)[a] * axes.row(a)[t];
        }
    return rows;
}
}  // namespace

TEST_CASE("FlatCoarse: of thousands of centroids each query finds its lists, alone and together, by few columns and without") {
    for (const bool flat : {true, false}) {
        Matrix c = flat ? flat_points(kMany, 1) : normal_matrix(kMany, kColumns, 1);
        Matrix q = flat ? flat_points(12, 5) : normal_matrix(12, kColumns, 5);
        std::copy_n(c.row(1000), 2 * kColumns, c.row(20));  // equal centroids
        std::copy_n(c.row(1000), kColumns, q.row(1));
        const FlatCoarse coarse = built(c, Metric::l2);
        for (const std::size_t nprobe : {1, 2, 40, 300}) {
            CAPTURE(nprobe);
            const std::vector<Id> together = probed(coarse, q, nprobe);
            for (std::size_t i = 0; i < q.n; ++i) {
                const std::vector<Id> alone = probed(coarse, q.view().rows(i, i + 1), nprobe);
                const std::vector<Id> best = ranked(c, Metric::l2, q.row(i));
                CHECK(std::equal(alone.begin(), alone.end(), best.begin()));
                CHECK(std::equal(alone.begin(), alone.end(), together.begin() + std::ptrdiff_t(i * nprobe)));
            }
            lutra_test::check_probe_distances(coarse, Metric::l2, q.view().rows(0, 3), nprobe);
        }
        const std::vector<Id> lists = assigned(coarse, q);
        for (std::size_t i = 0; i < q.n; ++i) CHECK(lists[i] == assigned(coarse, q.view().rows(i, i + 1))[0]);
        CHECK(lists == probed(coarse, q, 1));
    }
}

TEST_CASE(
    "FlatCoarse: of thousands of centroids a query with NaN finds none, one that is too long the nearest, and nothing is "
    "allocated") {
    const FlatCoarse coarse = built(flat_points(kMany, 1), Metric::l2);
    Matrix q = flat_points(4, 5);
    q.row(1)[7] = std::numeric_limits<float>::quiet_NaN();
    for (std::size_t t = 0; t < kColumns; ++t) q.row(2)[t] = 1e17F;
    const std::vector<Id> together = probed(coarse, q, 8);
    CHECK(std::count(together.begin() + 8, together.begin() + 16, lutra::kNoId) == 8);
    CHECK(std::count(together.begin() + 16, together.end(), lutra::kNoId) == 0);
    lutra::Arena arena;
    std::vector<Id> lists(32);
    std::vector<float> distances(32);
    const auto ask = [&](std::size_t i) {
        coarse.probe(q.view().rows(i, i + 1), 8, lists.data() + 8 * i, distances.data() + 8 * i, arena);
        coarse.assign(q.view().rows(i, i + 1), lists.data(), arena);
        coarse.probe(q.view().rows(i, i + 1), 8, lists.data() + 8 * i, distances.data() + 8 * i, arena);
    };
    for (std::size_t i = 0; i < q.n; ++i) ask(i);
    arena.settle();
    const std::size_t before = lutra_test::allocations();
    for (std::size_t i = 0; i < q.n; ++i) ask(i);
    CHECK(lutra_test::allocations() == before);
    CHECK(std::equal(lists.begin() + 8, lists.end(), together.begin() + 8));
}
