// Index files written by faiss: each loads, answers like faiss did, and is saved as the same bytes.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/factory/save_load.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <set>
#include <vector>

#include "factory/golden_files.hpp"

namespace {
using golden::saved;
using lutra::Id;
using lutra_test::Matrix;

/// Distances to every vector a query visits, by id.
std::vector<std::map<Id, float>> visited(const lutra::Index& index, const Matrix& q) {
    lutra::Result<lutra::Hits> hits = lutra::search(index, q, index.ntotal());
    REQUIRE(hits.ok());
    std::vector<std::map<Id, float>> found(q.n);
    for (std::size_t i = 0; i < hits->ids.size(); ++i)
        if (hits->ids[i] != lutra::kNoId) found[i / hits->k][hits->ids[i]] = hits->distances[i];
    return found;
}

/// Compares with a search of faiss's: the same distances up to rounding, and each id has the distance faiss said. Which of
/// several equally near vectors comes first is free.
void check_search(const golden::Case& c, const lutra::Index& index, const Matrix& q) {
    const std::vector<float> distances = golden::npy<float>(golden::path(c.name, ".D.npy"));
    const std::vector<Id> ids = golden::npy<Id>(golden::path(c.name, ".I.npy"));
    const std::size_t k = 10;
    REQUIRE(ids.size() == q.n * k);
    lutra::Result<lutra::Hits> hits = lutra::search(index, q, k);
    REQUIRE(hits.ok());
    const auto all = visited(index, q);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < q.n; ++i) {
        float largest = 1e-3F;
        for (std::size_t j = i * k; j < (i + 1) * k; ++j)
            if (ids[j] >= 0) largest = std::max(largest, std::abs(distances[j]));
        for (std::size_t j = i * k; j < (i + 1) * k; ++j) {
            wrong += (ids[j] >= 0) != (hits->ids[j] >= 0);
            if (ids[j] < 0) continue;
            const auto mine = all[i].find(ids[j]);
            wrong += std::abs(hits->distances[j] - distances[j]) > 2e-5F * largest;
            wrong += mine == all[i].end() || std::abs(mine->second - distances[j]) > 2e-5F * largest;
        }
    }
    CHECK(wrong == 0);
}

/// The same ids within the radius, except those at its very edge.
void check_range_search(const golden::Case& c, const lutra::Index& index, const Matrix& q) {
    const std::vector<std::uint64_t> lims = golden::npy<std::uint64_t>(golden::path(c.name, ".rs_lims.npy"));
    const std::vector<Id> ids = golden::npy<Id>(golden::path(c.name, ".rs_I.npy"));
    REQUIRE(lims.size() == q.n + 1);
    lutra::RangeHits hits;
    REQUIRE(index.range_search(q, c.radius, hits).ok());
    const auto all = visited(index, q);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < q.n; ++i) {
        const std::set<Id> want(ids.begin() + long(lims[i]), ids.begin() + long(lims[i + 1]));
        const std::set<Id> got(hits.ids.begin() + long(hits.lims[i]), hits.ids.begin() + long(hits.lims[i + 1]));
        std::vector<Id> differ;
        std::set_symmetric_difference(want.begin(), want.end(), got.begin(), got.end(), std::back_inserter(differ));
        for (const Id id : differ) {
            const auto distance = all[i].find(id);
            wrong += distance == all[i].end() || std::abs(distance->second - c.radius) > 1e-4F * std::abs(c.radius);
        }
    }
    CHECK(wrong == 0);
}

/// Without lists Order::any is faiss's order: that of the rows.
void check_range_order(const golden::Case& c, const lutra::Index& index, const Matrix& q) {
    lutra::SearchParams params;
    params.order = lutra::Order::any;
    lutra::RangeHits hits;
    REQUIRE(index.range_search(q, c.radius, hits, params).ok());
    if (index.nlist() == 0) CHECK(hits.ids == golden::npy<Id>(golden::path(c.name, ".rs_I.npy")));
}
}  // namespace

TEST_CASE("golden files: every one loads as what it is") {
    for (const golden::Case& c : golden::kCases) {
        CAPTURE(c);
        const lutra::Index index = golden::loaded(c.name);
        CHECK(index.spec() == c.spec);
        CHECK(lutra::without_norm(index.metric()) == c.metric);
        CHECK(index.dim() == c.d);
        CHECK(index.ntotal() == c.ntotal);
        CHECK(index.nprobe() == c.nprobe);
        CHECK(index.is_trained());
    }
}

TEST_CASE("golden files: search and range search answer like faiss") {
    for (const golden::Case& c : golden::kCases) {
        CAPTURE(c);
        const lutra::Index index = golden::loaded(c.name);
        const Matrix q = golden::queries(c.d);
        check_search(c, index, q);
        check_range_search(c, index, q);
        check_range_order(c, index, q);
    }
}

TEST_CASE("golden files: reconstruct_n gives faiss's rows") {
    for (const golden::Case& c : golden::kCases) {
        if (!c.has_rows) continue;
        CAPTURE(c);
        const std::vector<float> want = golden::npy<float>(golden::path(c.name, ".R.npy"));
        std::vector<float> got(want.size());
        CHECK(golden::loaded(c.name).reconstruct_n(0, want.size() / c.d, got.data()).ok());
        CHECK(got == want);
    }
}

TEST_CASE("golden files: ids of an id map and of a hash table are found by reconstruct") {
    for (const std::string_view name : {"idmap_flat.L2", "idmap_flat.IP", "idmap2_ivf16_flat.L2", "idmap2_ivf16_flat.IP",
                                        "ivf16_flat_dmhash.L2", "ivf16_flat_dmhash.IP"})
        for (const golden::Case& c : golden::kCases) {
            if (c.name != name) continue;
            CAPTURE(c);
            const lutra::Index index = golden::loaded(c.name);
            const std::vector<float> want = golden::npy<float>(golden::path("flat.L2", ".R.npy"));
            std::vector<float> row(c.d);
            for (std::size_t i = 0; i < 32; ++i) {
                CHECK(index.reconstruct(Id(1000000 + 7 * i), row.data()).ok());
                CHECK(std::equal(row.begin(), row.end(), want.begin() + long(i * c.d)));
            }
            CHECK(index.reconstruct(0, row.data()).code() == lutra::Errc::not_found);
        }
}

TEST_CASE("golden files: saved again they are the same bytes, or at least answer the same") {
    for (const golden::Case& c : golden::kCases) {
        CAPTURE(c);
        const lutra::Index index = golden::loaded(c.name);
        const std::vector<char> bytes = saved(index);
        if (c.same_bytes) CHECK(bytes == golden::file_bytes(golden::path(c.name, ".index")));
        lutra::MemoryReader in(std::as_bytes(std::span(bytes)));
        lutra::Result<lutra::Index> again = lutra::load_index(in);
        REQUIRE(again.ok());
        const Matrix q = golden::queries(c.d);
        CHECK(visited(*again, q) == visited(index, q));
    }
}

TEST_CASE("golden files: empty and untrained ones load, save as the same bytes and can be used") {
    for (const std::string_view name : {"flat_empty.L2", "flat_empty.IP", "ivf16_flat_untrained.L2", "ivf16_flat_untrained.IP"}) {
        CAPTURE(name);
        lutra::Result<lutra::Index> index = lutra::load_index(golden::path(name, ".index"));
        REQUIRE_MESSAGE(index.ok(), index.status().message());
        CHECK(saved(*index) == golden::file_bytes(golden::path(name, ".index")));
        CHECK(index->ntotal() == 0);
        const Matrix x = lutra_test::normal_matrix(100, index->dim(), 1);
        CHECK(index->is_trained() == (index->nlist() == 0));
        CHECK(index->train(x).ok());
        CHECK(index->add(x).ok());
        CHECK(index->ntotal() == 100);
    }
}
