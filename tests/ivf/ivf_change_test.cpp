// What adding, merging and removing leave behind, and what they cost.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/factory/index_factory.hpp>

#include <limits>
#include <vector>

#include "support/count_new.hpp"
#include "support/matrices.hpp"

using lutra_test::Matrix;
using lutra_test::normal_matrix;

namespace {

lutra::Index flat_of(const Matrix& x, const char* spec = "Flat") {
    lutra::Index index = lutra::index_factory(x.d, spec).value();
    REQUIRE(index.add(x).ok());
    return index;
}

}  // namespace

TEST_CASE("add: rows that come one by one cost little each") {
    const Matrix x = normal_matrix(4000, 4, 1);
    lutra::Index index = lutra::index_factory(4, "Flat").value();
    const std::size_t before = lutra_test::allocated_bytes();
    for (std::size_t i = 0; i < x.n; ++i) REQUIRE(index.add(x.view().rows(i, i + 1)).ok());
    CHECK((lutra_test::allocated_bytes() - before) / x.n < 1000);  // 24 bytes are stored of each row
}

TEST_CASE("merge_from: an empty index leaves the other as it was") {
    const Matrix x = normal_matrix(3, 4, 1);
    for (const char* spec : {"Flat", "Flat,RFlat"})
        for (const lutra::Id shift : {lutra::Id{0}, lutra::Id{1000000}, std::numeric_limits<lutra::Id>::max()}) {
            CAPTURE(spec);
            CAPTURE(shift);
            lutra::Index index = flat_of(x, spec), empty = lutra::index_factory(4, spec).value();
            REQUIRE(index.merge_from(empty, shift).ok());
            REQUIRE(index.add(x.view().rows(0, 1)).ok());
            std::vector<float> row(4);
            CHECK(index.reconstruct(3, row.data()).ok());  // the next id
            const auto first = [](lutra::Id id) { return id == 0; };
            REQUIRE(index.remove_ids(lutra::IdFilter::predicate(first)).ok());
            CHECK(index.reconstruct(0, row.data()).ok());  // numbered anew
            CHECK(row[0] == x.row(1)[0]);
        }
}

TEST_CASE("reconstruct_n: asking for more rows than there can be names the first that is missing") {
    const Matrix x = normal_matrix(5, 4, 1);
    for (const char* spec : {"Flat", "Flat,RFlat"}) {
        const lutra::Index index = flat_of(x, spec);
        std::vector<float> out(x.values.size());
        const lutra::Status status = index.reconstruct_n(0, std::size_t{1} << 62, out.data());
        CHECK(status.code() == lutra::Errc::not_found);
        CHECK(status.message().find("id 5") != std::string_view::npos);
        CHECK(out == x.values);
    }
}

TEST_CASE("search: a k that overflows with the number of queries is refused") {
    const Matrix x = normal_matrix(4, 4, 1);
    const lutra::Index index = flat_of(x);
    const auto hits = lutra::search(index, x, std::size_t{1} << 62);
    CHECK(hits.status().code() == lutra::Errc::bad_argument);
}

TEST_CASE("search: scratch memory of an exact batch does not grow with queries times lists") {
    const Matrix x = normal_matrix(3000, 2, 1);
    lutra::Index index = lutra::index_factory(2, "IVF3000,Flat").value();
    REQUIRE(index.train(x).ok());
    REQUIRE(index.add(x).ok());
    const Matrix q = normal_matrix(4096, 2, 2);
    lutra::Hits hits(q.n, 1);
    const std::size_t before = lutra_test::allocated_bytes();
    REQUIRE(index.search(q, 1, hits.view(), {.nprobe = 3000}).ok());
    CHECK(lutra_test::allocated_bytes() - before < std::size_t{64} << 20);
}

TEST_CASE("train: too few rows for a codebook are refused before k-means, with the number that works") {
    lutra::Index index = lutra::index_factory(4, "IVF2,PQ2x4fs").value();
    const Matrix x = normal_matrix(15, 4, 1);
    const lutra::Status few = index.train(x);
    CHECK(few.code() == lutra::Errc::too_few_rows);
    CHECK(few.message().find("at least 16 rows") != std::string_view::npos);
    CHECK(index.add(x).message().find("at least 16 rows") != std::string_view::npos);
}

TEST_CASE("training_rows: what the partition and the codebook sample") {
    const auto rows = [](const char* spec) { return lutra::index_factory(8, spec).value().training_rows(); };
    CHECK(rows("Flat") == 0);
    CHECK(rows("IVF4,Flat") == 1024);
    CHECK(rows("PQ2x4fs") == 32768);
    CHECK(rows("L2norm,IVF4,PQ2x4fs,RFlat") == 32768);
    CHECK(rows("IVF100,PQ2x4fs") == 32768);
    CHECK(rows("IVF200,PQ2x4fs") == 51200);
}
