// Tests of factory/index_coarse.hpp and any_coarse.hpp: "IVF64(IVF8,Flat),Flat".  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/factory/index_coarse.hpp>
#include <lutra/factory/index_factory.hpp>
#include <lutra/factory/save_load.hpp>
#include <lutra/kernels/normalize.hpp>

#include <cstddef>
#include <string>
#include <vector>

#include "coarse/probe_distances.hpp"
#include "factory/golden_files.hpp"
#include "support/count_new.hpp"
#include "support/matrices.hpp"

namespace index_coarse {
using lutra::Id;
using lutra::Metric;
using lutra_test::Matrix;

lutra::Index filled(std::string_view spec, const Matrix& x, Metric metric = Metric::l2) {
    lutra::Index index = lutra::index_factory(x.d, spec, metric).value();
    REQUIRE(index.train(x).ok());
    REQUIRE(index.add(x).ok());
    return index;
}

std::vector<Id> found(const lutra::Index& index, const Matrix& q, std::size_t nprobe) {
    lutra::SearchParams params;
    params.nprobe = nprobe;
    return lutra::search(index, q, 5, params).value().ids;
}

TEST_CASE("an exact index over the centroids finds what comparing every centroid finds") {
    Matrix x = lutra_test::normal_matrix(1000, 16, 1);
    const Matrix q = lutra_test::normal_matrix(30, 16, 2);
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        // Of length 1: others are not parted by direction without an index.
        if (metric == Metric::inner_product) lutra::normalize_rows(x.row(0), x.n, x.d, x.row(0));
        const lutra::Index flat = filled("IVF32,Flat", x, metric), exact = filled("IVF32(Flat,RFlat),Flat", x, metric),
                           lists = filled("IVF32(IVF1,Flat),Flat", x, metric);
        for (std::size_t nprobe : {1, 3, 32}) {
            CHECK(found(exact, q, nprobe) == found(flat, q, nprobe));
            CHECK(found(lists, q, nprobe) == found(flat, q, nprobe));
        }
    }
}

TEST_CASE(
    "an index over the centroids gives the distances of the lists it names, also where it keeps codes or transforms queries") {
    Matrix x = lutra_test::normal_matrix(200, 16, 1);
    lutra::normalize_rows(x.row(0), x.n, x.d, x.row(0));
    const Matrix q = lutra_test::normal_matrix(9, 16, 2);
    for (const char* spec : {"IVF8,PQ8x4fs", "L2norm,Flat", "Flat,RFlat"}) {
        lutra::IndexCoarse coarse(lutra::index_factory(16, spec, Metric::l2).value());
        REQUIRE(coarse.build({x.values.begin(), x.values.end()}, x.n, x.d, Metric::l2).ok());
        for (std::size_t nprobe : {1, 7}) lutra_test::check_probe_distances(coarse, Metric::l2, q, nprobe);
    }
}

TEST_CASE("an index over the centroids is saved and loaded with its settings; training again keeps them") {
    const Matrix x = lutra_test::normal_matrix(2000, 16, 1), q = lutra_test::normal_matrix(30, 16, 2);
    for (const std::string spec :
         {"IVF64(IVF16,Flat),Flat", "IVF64(IVF16,PQ8x4fs,RFlat),PQ8x4fsr,RFlat", "IVF64(IVF8(IVF2,Flat),Flat),Flat"}) {
        CAPTURE(spec);
        lutra::Index index = filled(spec, x);
        CHECK(index.spec() == spec);
        lutra::MemoryWriter out;
        REQUIRE(index.save(out).ok());
        lutra::MemoryReader in(out.bytes());
        lutra::Result<lutra::Index> loaded = lutra::load_index(in);
        REQUIRE_MESSAGE(loaded.ok(), loaded.status().message());
        CHECK(loaded->spec() == spec);
        CHECK(found(*loaded, q, 4) == found(index, q, 4));
        index.reset();
        REQUIRE(index.train(x).ok());
        REQUIRE(index.add(x).ok());
        CHECK(found(*loaded, q, 4) == found(index, q, 4));
    }
}

TEST_CASE("an untrained index over centroids is saved and loaded") {
    const lutra::Index index = lutra::index_factory(8, "IVF4(IVF2,Flat),Flat").value();
    lutra::MemoryWriter out;
    REQUIRE(index.save(out).ok());
    lutra::MemoryReader in(out.bytes());
    lutra::Result<lutra::Index> loaded = lutra::load_index(in);
    REQUIRE_MESSAGE(loaded.ok(), loaded.status().message());
    CHECK(!loaded->is_trained());
    CHECK(loaded->spec() == "IVF4(IVF2,Flat),Flat");
}

TEST_CASE("an inner index with more lists than there are centroids says so when it is trained") {
    lutra::Index index = lutra::index_factory(4, "IVF4(IVF8,Flat),Flat").value();
    const lutra::Status status = index.train(lutra_test::normal_matrix(100, 4, 1));
    CHECK(status.code() == lutra::Errc::too_few_rows);
    CHECK(std::string(status.message()).find("index over the centroids") == 0);
    CHECK(!index.is_trained());
}

TEST_CASE("a search through an index over the centroids allocates nothing once the workspace is warm") {
    const Matrix x = lutra_test::normal_matrix(1000, 8, 1), q = lutra_test::normal_matrix(40, 8, 2);
    const lutra::Index index = filled("IVF32(IVF4,Flat),Flat", x);
    lutra::Workspace workspace;
    lutra::Resources resources;
    resources.workspace = &workspace;
    lutra::Hits hits(q.n, 5);
    const auto search = [&] { REQUIRE(index.search(q, 5, hits.view(), {}, resources).ok()); };
    search();
    const std::size_t before = lutra_test::allocations();
    search();
    CHECK(lutra_test::allocations() == before);
}

TEST_CASE("a file whose inner index does not hold the centroids is refused") {
    const Matrix x = lutra_test::normal_matrix(200, 4, 1);
    lutra::MemoryWriter out;
    REQUIRE(filled("IVF8(IVF2,Flat),Flat", x).save(out).ok());
    std::vector<std::byte> bytes(out.bytes().begin(), out.bytes().end());
    std::size_t refused = 0;
    for (std::size_t at = 0; at < bytes.size(); ++at) {  // every byte wrong once, and the file cut there
        std::vector<std::byte> bad = bytes;
        bad[at] ^= std::byte{0x41};
        lutra::MemoryReader in(bad);
        refused += !lutra::load_index(in).ok();
        lutra::MemoryReader cut(std::span<const std::byte>(bytes).first(at));
        CHECK(!lutra::load_index(cut).ok());
    }
    CHECK(refused > 50);
}
// Made by faiss 1.15.1: IVF32(IVF4,Flat),Flat of the first 300 rows of the golden files' base, 4 inner lists and 8 outer ones
// visited.
TEST_CASE("faiss's file of an index over centroids answers as it did there, and is saved as the same bytes") {
    const std::string path = golden::path("ivf32_ivf4_flat.L2", ".index");
    lutra::Result<lutra::Index> index = lutra::load_index(path);
    REQUIRE_MESSAGE(index.ok(), index.status().message());
    CHECK(index->spec() == "IVF32(IVF4,Flat),Flat");
    CHECK(index->nprobe() == 8);
    const Matrix q = golden::queries(32);
    const lutra::Hits hits = lutra::search(*index, q, 10).value();
    CHECK(hits.ids == golden::npy<Id>(golden::path("ivf32_ivf4_flat.L2", ".I.npy")));
    CHECK(golden::saved(*index) == golden::file_bytes(path));
}
}  // namespace index_coarse
