// Tests of transform/: what the contract tests of SearchIndex do not see.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/coarse/one_list.hpp>
#include <lutra/encodings/flat/flat.hpp>
#include <lutra/factory/index_factory.hpp>
#include <lutra/ivf/ivf_file.hpp>
#include <lutra/transform/transformed.hpp>

#include <cmath>
#include <cstddef>
#include <vector>

#include "support/matrices.hpp"
#include "transform/first_columns.hpp"

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

namespace {
using transform_test::FirstColumns;
using Plain = lutra::Ivf<lutra::OneList, lutra::Flat>;
using First = lutra::Transformed<Plain, FirstColumns>;

First first_columns(std::size_t d, std::size_t n) {
    return First(FirstColumns(d, n), Plain(n, lutra::Metric::l2, 1, {}, lutra::Flat(n)));
}
}  // namespace

TEST_CASE("Transformed: a transform may learn and change the number of columns") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(2000, 7, 4);
    First index = first_columns(7, 3);
    CHECK(index.dim() == 7);
    CHECK(index.spec() == "First3,Flat");
    CHECK(index.training_rows() == 1);
    CHECK_FALSE(index.is_trained());
    CHECK(index.train({nullptr, 0, 7}).code() == lutra::Errc::bad_argument);
    CHECK(index.add(x).code() == lutra::Errc::not_trained);
    CHECK(lutra::search(index, x, 1).status().code() == lutra::Errc::not_trained);
    REQUIRE(index.train(x).ok());
    REQUIRE(index.add(x).ok());
    CHECK(index.base().dim() == 3);
    const lutra::Hits hits = lutra::search(index, x, 1).value();
    for (std::size_t i = 0; i < x.n; ++i) CHECK(hits.ids[i] == lutra::Id(i));
}

TEST_CASE("Transformed: reconstruct goes the way back, and says which row is missing without writing") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(20, 5, 5);
    First index = first_columns(5, 2);
    REQUIRE(index.train(x).ok());
    REQUIRE(index.add(x).ok());
    std::vector<float> row(15, -9.F);
    REQUIRE(index.reconstruct_n(4, 3, row.data()).ok());
    for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t t = 0; t < 5; ++t) CHECK(row[5 * i + t] == doctest::Approx(t < 2 ? x.row(4 + i)[t] : 0).epsilon(1e-6));
    row.assign(15, -9.F);
    CHECK(index.reconstruct_n(19, 3, row.data()).message().find("id 20") != std::string_view::npos);
    CHECK(index.reconstruct_n(0, std::size_t(1) << 60, row.data()).code() == lutra::Errc::not_found);
    CHECK(index.reconstruct(20, row.data()).code() == lutra::Errc::not_found);
    CHECK(row == std::vector<float>(15, -9.F));
}

TEST_CASE("Transformed: merges only with what the same training made; a failed training changes nothing") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(20, 5, 6), other = lutra_test::normal_matrix(20, 5, 7);
    First a = first_columns(5, 2), b = first_columns(5, 2), c = first_columns(5, 2);
    REQUIRE(a.train(x).ok());
    REQUIRE(b.train(x).ok());
    REQUIRE(c.train(other).ok());
    for (First* index : {&a, &b, &c}) REQUIRE(index->add(x).ok());
    CHECK(a.merge_from(c, 20).code() == lutra::Errc::bad_argument);
    REQUIRE(a.merge_from(b, 20).ok());
    CHECK(a.ntotal() == 40);
    CHECK_FALSE(a.train(other).ok());  // it holds vectors
    CHECK(lutra::search(a, x.view().rows(3, 4), 1).value().distances[0] == 0);
    CHECK_FALSE(a.untrained().is_trained());
}
