// Tests of coarse/plain_coarse.hpp: the lists of FlatCoarse, by a shorter way.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/coarse/plain_coarse.hpp>

#include <cstddef>
#include <limits>
#include <vector>

#include "coarse/probe_distances.hpp"
#include "support/count_new.hpp"
#include "support/matrices.hpp"

namespace {
using lutra::FlatCoarse;
using lutra::Id;
using lutra::Metric;
using lutra::PlainCoarse;
using lutra_test::Matrix;

template <class Coarse>
Coarse built(const Matrix& c, Metric metric = Metric::l2) {
    Coarse coarse;
    REQUIRE(coarse.build({c.values.begin(), c.values.end()}, c.n, c.d, metric).ok());
    return coarse;
}

template <class Coarse>
std::vector<Id> probed(const Coarse& coarse, lutra::MatrixView q, std::size_t nprobe) {
    lutra::Arena arena;
    std::vector<Id> lists(q.n * nprobe, -9);
    coarse.probe(q, nprobe, lists.data(), nullptr, arena);
    return lists;
}

constexpr std::size_t kColumns = 32;  // so few that centroids have codes in every build

/// Points of a plane in [d], a little off it, as centroids of real data are: of much lower dimension than their rows.
Matrix plane(std::size_t n, std::size_t d, std::uint32_t seed) {
    const Matrix axes = lutra_test::normal_matrix(4, d, 99), at = lutra_test::normal_matrix(n, 4, seed);
    Matrix rows = lutra_test::normal_matrix(n, d, seed + 1);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t t = 0; t < d; ++t) {
            rows.row(i)[t] *= 0.1F;
            for (std::size_t a = 0; a < 4; ++a) rows.row(i)[t] += 4 * at.row(i)[a] * axes.row(a)[t];
        }
    return rows;
}
}  // namespace

TEST_CASE("PlainCoarse: finds the lists of FlatCoarse while it compares a fraction of the centroids, alone and together") {
    const Matrix c = plane(PlainCoarse::kMinLists + 45, kColumns, 1), q = plane(101, kColumns, 7);
    const auto flat = built<FlatCoarse>(c);
    const auto scanned = built<PlainCoarse>(c);
    CHECK(scanned.candidates(1) > 0);
    CHECK(scanned.candidates(1) < c.n / 8);
    for (std::size_t nprobe : {1, 2, 4, 7, 16}) {
        CAPTURE(nprobe);
        const std::vector<Id> lists = probed(scanned, q, nprobe);
        CHECK(lists == probed(flat, q, nprobe));
        for (std::size_t i = 0; i < q.n; i += 10) {
            const std::vector<Id> alone = probed(scanned, q.view().rows(i, i + 1), nprobe);
            CHECK(std::equal(alone.begin(), alone.end(), lists.begin() + std::ptrdiff_t(i * nprobe)));
        }
    }
    CHECK(probed(scanned, q, c.n) == probed(flat, q, c.n));
}

TEST_CASE("PlainCoarse: probe gives the distances of the lists") {
    const Matrix c = plane(PlainCoarse::kMinLists + 45, kColumns, 1), q = plane(21, kColumns, 7);
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (std::size_t nprobe : {1, 9}) lutra_test::check_probe_distances(built<PlainCoarse>(c, metric), metric, q, nprobe);
}

TEST_CASE("PlainCoarse: assign gives the list that probe gives first, also where the codes miss the nearest one") {
    Matrix c = plane(PlainCoarse::kMinLists + 45, kColumns, 1), q = plane(300, kColumns, 7);
    for (std::size_t j = 1; j < c.n; j += 3) std::copy_n(c.row(j - 1), kColumns, c.row(j));  // twins
    for (std::size_t t = 0; t < kColumns; ++t) q.row(3)[t] = 4e18F, q.row(4)[t] = 3e38F;
    const auto scanned = built<PlainCoarse>(c);
    REQUIRE(scanned.candidates(1) > 0);
    lutra::Arena arena;
    std::vector<Id> lists(q.n, -9);
    scanned.assign(q, lists.data(), arena);
    CHECK(lists == probed(scanned, q, 1));
    for (std::size_t i = 0; i < q.n; i += 10) CHECK(lists[i] == probed(scanned, q.view().rows(i, i + 1), 1)[0]);
}

TEST_CASE("PlainCoarse: for inner product rows find the nearest list by codes, queries theirs among all centroids") {
    const Matrix c = plane(PlainCoarse::kMinLists + 45, kColumns, 1), q = plane(101, kColumns, 7);
    auto flat = built<FlatCoarse>(c, Metric::inner_product);
    auto scanned = built<PlainCoarse>(c, Metric::inner_product);
    CHECK(scanned.candidates(1) > 0);
    const std::vector<float> spreads = lutra_test::normal_matrix(1, c.n, 5).values;
    flat.set_spreads(spreads), scanned.set_spreads(spreads);
    CHECK(probed(scanned, q, 16) == probed(flat, q, 16));
    lutra::Arena arena;
    std::vector<Id> by_codes(q.n, -9), by_all(q.n, -9);
    scanned.assign(q, by_codes.data(), arena), flat.assign(q, by_all.data(), arena);
    CHECK(by_codes == by_all);
}

TEST_CASE("PlainCoarse: compares every centroid where there are few, where they have length 1, and where codes say too little") {
    CHECK(built<PlainCoarse>(plane(PlainCoarse::kMinLists - 1, 16, 1)).candidates(1) == 0);
    Matrix unit = plane(PlainCoarse::kMinLists, 16, 1);
    lutra::normalize_rows(unit.row(0), unit.n, 16, unit.row(0));
    CHECK(built<PlainCoarse>(unit, Metric::inner_product).candidates(1) == 0);
    const Matrix noise = lutra_test::normal_matrix(PlainCoarse::kMinLists, 256, 3), q = lutra_test::normal_matrix(20, 256, 4);
    const auto scanned = built<PlainCoarse>(noise);
    CHECK(scanned.candidates(16) == 0);
    CHECK(probed(scanned, q, 16) == probed(built<FlatCoarse>(noise), q, 16));
}

TEST_CASE("PlainCoarse: has no codes where products of bytes pay") {
    const auto coarse = built<PlainCoarse>(plane(PlainCoarse::kMinLists, 64, 1));
    CHECK((coarse.candidates(1) == 0) == lutra::kBytesPay);
}

TEST_CASE("PlainCoarse: a query with NaN finds no list, one too long for its codes the right ones") {
    const Matrix c = plane(PlainCoarse::kMinLists, kColumns, 1);
    Matrix q = plane(5, kColumns, 5);
    q.row(1)[3] = std::numeric_limits<float>::quiet_NaN();
    for (std::size_t t = 0; t < kColumns; ++t) q.row(3)[t] = 4e18F;
    const auto scanned = built<PlainCoarse>(c);
    CHECK(scanned.candidates(4) > 0);
    CHECK(probed(scanned, q, 4) == probed(built<FlatCoarse>(c), q, 4));
    CHECK(probed(scanned, q, 4)[4] == lutra::kNoId);
}

TEST_CASE("PlainCoarse: centroids with NaN, and all alike, are compared one by one") {
    Matrix c = plane(PlainCoarse::kMinLists, 8, 1);
    c.row(5)[0] = std::numeric_limits<float>::quiet_NaN();
    CHECK(built<PlainCoarse>(c).candidates(1) == 0);
    std::fill(c.values.begin(), c.values.end(), 1.F);
    const auto alike = built<PlainCoarse>(c);
    CHECK(probed(alike, c.view().rows(0, 3), 2) == std::vector<Id>{0, 1, 0, 1, 0, 1});
}

TEST_CASE("PlainCoarse: probe allocates nothing once the arena is warm") {
    const Matrix c = plane(PlainCoarse::kMinLists, 16, 1), q = plane(9, 16, 5);
    const auto scanned = built<PlainCoarse>(c);
    lutra::Arena arena;
    std::vector<Id> lists(q.n * 4);
    scanned.probe(q, 4, lists.data(), nullptr, arena);
    const std::size_t before = lutra_test::allocations();
    scanned.probe(q, 4, lists.data(), nullptr, arena);
    CHECK(lutra_test::allocations() == before);
}
