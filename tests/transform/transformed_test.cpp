// Tests of transform/: what the contract tests of SearchIndex do not see.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/factory/index_factory.hpp>

#include <cmath>
#include <cstddef>
#include <vector>

#include "support/matrices.hpp"

namespace {
lutra::Index normalising(std::size_t d, lutra::Metric metric) {
    lutra::Result<lutra::Index> index = lutra::index_factory(d, "L2norm,Flat", metric);
    REQUIRE(index.ok());
    return std::move(*index);
}
}  // namespace

TEST_CASE("L2norm: with inner product distances are cosines, whatever the lengths") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(20, 6, 1);
    lutra::Index index = normalising(6, lutra::Metric::inner_product);
    REQUIRE(index.add(x).ok());
    lutra_test::Matrix q = x;
    for (std::size_t i = 0; i < q.n; ++i)
        for (std::size_t t = 0; t < 6; ++t) q.row(i)[t] *= float(i + 1) * 1e10F;
    lutra::Result<lutra::Hits> hits = lutra::search(index, q, 20);
    REQUIRE(hits.ok());
    for (std::size_t i = 0; i < 20; ++i) {
        CHECK(hits->ids[20 * i] == lutra::Id(i));
        CHECK(hits->distances[20 * i] == doctest::Approx(1));
        CHECK(hits->distances[20 * i + 19] >= -1.0001F);
    }
}

TEST_CASE("L2norm: opposite rows are 4 apart in squared L2, a row of zeros is 1 from everything") {
    lutra_test::Matrix x(3, 2);
    x.values = {5, 0, -0.1F, 0, 0, 0};
    lutra::Index index = normalising(2, lutra::Metric::l2);
    REQUIRE(index.add(x).ok());
    lutra::Result<lutra::Hits> hits = lutra::search(index, x.view().rows(0, 1), 3);
    REQUIRE(hits.ok());
    CHECK(hits->ids == std::vector<lutra::Id>{0, 2, 1});
    CHECK(hits->distances == std::vector<float>{0, 1, 4});
}

TEST_CASE("L2norm: the caller's rows and queries stay as they are") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(50, 9, 2), copy = x;
    lutra::Index index = normalising(9, lutra::Metric::l2);
    REQUIRE(index.train(x).ok());
    REQUIRE(index.add(x).ok());
    REQUIRE(lutra::search(index, x, 2).ok());
    CHECK(x.values == copy.values);
}

TEST_CASE("L2norm: rows so long that their squares overflow a float are stored at length 1") {
    lutra_test::Matrix x = lutra_test::normal_matrix(5, 4, 3);
    for (float& v : x.values) v *= 1e37F;
    lutra::Index index = normalising(4, lutra::Metric::l2);
    REQUIRE(index.add(x).ok());
    std::vector<float> row(4);
    REQUIRE(index.reconstruct(3, row.data()).ok());
    CHECK(row[0] * row[0] + row[1] * row[1] + row[2] * row[2] + row[3] * row[3] == doctest::Approx(1));
}
