// Tests of ivf/ivf.hpp and ivf/scan_lists.hpp: what the contract tests of SearchIndex do not see.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/encodings/flat/flat.hpp>
#include <lutra/ivf/ivf_file.hpp>

#include <cstddef>
#include <numeric>
#include <vector>

#include "support/matrices.hpp"

namespace {
using lutra::Id;
using lutra::Metric;
using IvfFlat = lutra::Ivf<lutra::FlatCoarse, lutra::Flat>;
}  // namespace

TEST_CASE("Ivf: every row is in the list of its nearest centroid, in the order it came") {
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        const lutra_test::Matrix x = lutra_test::normal_matrix(700, 6, 1);
        IvfFlat index(6, metric, 20, lutra::FlatCoarse{}, lutra::Flat(6));
        REQUIRE(index.train(x).ok());
        REQUIRE(index.add(x).ok());
        std::vector<int> seen(700, 0);
        std::size_t wrong = 0;
        for (std::size_t l = 0; l < 20; ++l) {
            const auto ids = index.lists().ids(l);
            wrong += !std::is_sorted(ids.begin(), ids.end());
            for (const Id id : ids) {
                ++seen[std::size_t(id)];
                const float* row = x.row(std::size_t(id));
                const float own = lutra::score_row(metric, row, index.coarse().centroid(l), 6);
                for (std::size_t other = 0; other < 20; ++other)
                    wrong += lutra::score_row(metric, row, index.coarse().centroid(other), 6) < own - 1e-4F;
            }
        }
        CHECK(wrong == 0);
        CHECK(seen == std::vector<int>(700, 1));
        CHECK(index.lists().total() == 700);
    }
}

TEST_CASE("Ivf: centroids have length 1 for inner product only") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(400, 8, 2);
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        IvfFlat index(8, metric, 10, lutra::FlatCoarse{}, lutra::Flat(8));
        REQUIRE(index.train(x).ok());
        bool all_unit = true;
        for (std::size_t l = 0; l < 10; ++l) {
            float squared;
            lutra::squared_norms(index.coarse().centroid(l), 1, 8, &squared);
            all_unit = all_unit && std::abs(squared - 1) < 1e-4F;
        }
        CHECK(all_unit == (metric == Metric::inner_product));
    }
}

TEST_CASE("Ivf: a search visits the lists probe() names and no others") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(500, 5, 3), q = lutra_test::normal_matrix(40, 5, 4);
    IvfFlat index(5, Metric::l2, 16, lutra::FlatCoarse{}, lutra::Flat(5));
    REQUIRE(index.train(x).ok());
    REQUIRE(index.add(x).ok());
    for (std::size_t nprobe : {1, 2, 7}) {
        lutra::SearchParams params;
        params.nprobe = nprobe;
        lutra::Result<lutra::Hits> hits = lutra::search(index, q, 500, params);
        REQUIRE(hits.ok());
        lutra::Arena arena;
        std::vector<Id> lists(q.n * nprobe);
        index.coarse().probe(q, nprobe, lists.data(), arena);
        for (std::size_t i = 0; i < q.n; ++i) {
            std::vector<Id> want, got;
            for (std::size_t r = 0; r < nprobe; ++r) {
                const auto ids = index.lists().ids(std::size_t(lists[i * nprobe + r]));
                want.insert(want.end(), ids.begin(), ids.end());
            }
            for (std::size_t j = 0; j < 500; ++j)
                if (hits->ids[i * 500 + j] != lutra::kNoId) got.push_back(hits->ids[i * 500 + j]);
            std::sort(want.begin(), want.end()), std::sort(got.begin(), got.end());
            CHECK(got == want);
        }
    }
}

TEST_CASE("Ivf: a range search in any order goes through the lists by their number, whichever is nearest") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(700, 6, 1), q = lutra_test::normal_matrix(30, 6, 2);
    IvfFlat index(6, Metric::l2, 20, lutra::FlatCoarse{}, lutra::Flat(6));
    REQUIRE(index.train(x).ok());
    REQUIRE(index.add(x).ok());
    std::vector<Id> stored;
    for (std::size_t l = 0; l < 20; ++l) stored.insert(stored.end(), index.lists().ids(l).begin(), index.lists().ids(l).end());
    lutra::SearchParams params;
    params.nprobe = 20, params.order = lutra::Order::any;
    for (const std::size_t n : {1, 30}) {
        lutra::RangeHits hits;
        REQUIRE(index.range_search(q.view().rows(0, n), 1e30F, hits, params).ok());
        for (std::size_t i = 0; i < n; ++i)
            CHECK(std::equal(stored.begin(), stored.end(), hits.ids.begin() + std::ptrdiff_t(hits.lims[i])));
    }
}

TEST_CASE("cut_lists: pieces cover the probed lists once, none longer than asked for; missing lists are passed over") {
    lutra::InvertedLists lists(4, 1, 4);
    const std::vector<std::size_t> sizes{10, 0, 25, 7};
    lists.reserve(sizes);
    for (std::size_t l = 0; l < 4; ++l) lists.grow(l, sizes[l]);
    lutra::Arena arena;
    const std::vector<Id> probes{2, -1, 1, 0};
    std::vector<std::size_t> covered(4, 0), next(4, 0);
    for (const lutra::ListPiece& p : lutra::cut_lists(lists, probes, 10, arena)) {
        CHECK(p.begin == next[p.list]);
        CHECK(p.end - p.begin <= 10);
        covered[p.list] += p.end - p.begin, next[p.list] = p.end;
    }
    CHECK(covered == std::vector<std::size_t>{10, 0, 25, 0});
}

TEST_CASE("Ivf: describes itself") {
    CHECK(IvfFlat(5, Metric::l2, 16, lutra::FlatCoarse{}, lutra::Flat(5)).spec() == "IVF16,Flat");
    CHECK(IvfFlat(5, Metric::l2, 16, lutra::FlatCoarse{}, lutra::Flat(5)).code_size() == 20);
}
