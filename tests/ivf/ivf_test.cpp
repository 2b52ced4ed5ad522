// Tests of ivf/ivf.hpp and ivf/scan_lists.hpp: what the contract tests of SearchIndex do not see.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/coarse/one_list.hpp>
#include <lutra/encodings/flat/flat.hpp>
#include <lutra/ivf/ivf_file.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>
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
                const float own = lutra::score_row(Metric::l2, row, index.coarse().centroid(l), 6);
                for (std::size_t other = 0; other < 20; ++other)
                    wrong += lutra::score_row(Metric::l2, row, index.coarse().centroid(other), 6) < own;
            }
        }
        CHECK(wrong == 0);
        CHECK(seen == std::vector<int>(700, 1));
        CHECK(index.lists().total() == 700);
    }
}

TEST_CASE("Ivf: centroids have length 1 for inner product of rows of length 1 only") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(400, 8, 2);
    lutra_test::Matrix unit = x;
    lutra::normalize_rows(x.row(0), x.n, 8, unit.row(0));
    std::fill_n(unit.row(5), 8, 0.F);  // silence stays what it is
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (const lutra_test::Matrix* rows : {&x, &std::as_const(unit)}) {
            IvfFlat index(8, metric, 10, lutra::FlatCoarse{}, lutra::Flat(8));
            REQUIRE(index.train(*rows).ok());
            const bool all_unit = lutra::have_unit_length({index.coarse().centroid(0), 10, 8});
            CHECK(all_unit == (metric == Metric::inner_product && rows == &unit));
            CHECK(index.coarse().wants_spreads() == (metric == Metric::inner_product && rows == &x));
        }
}

namespace {
/// The order in which an index visits all its lists, for some queries.
std::vector<Id> orders(const IvfFlat& index) {
    const lutra_test::Matrix q = lutra_test::normal_matrix(50, 6, 77);
    std::vector<Id> lists(50 * 20);
    lutra::Arena arena;
    index.coarse().probe(q, 20, lists.data(), nullptr, arena);
    return lists;
}
}  // namespace

TEST_CASE("Ivf: rows whose squares floats lose are parted by direction for inner product") {
    lutra_test::Matrix x = lutra_test::normal_matrix(400, 8, 2);
    for (float& v : x.values) v *= 1e-25F;
    IvfFlat index(8, Metric::inner_product, 10, lutra::FlatCoarse{}, lutra::Flat(8));
    REQUIRE(index.train(x).ok());
    REQUIRE(index.add(x).ok());
    CHECK(!index.coarse().wants_spreads());
    std::size_t longest = 0;
    for (std::size_t l = 0; l < 10; ++l) longest = std::max(longest, index.lists().size(l));
    CHECK(longest < 200);
}

TEST_CASE("Ivf: a row with NaN, as a file may have one, does not hide the others of its list") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(300, 6, 1);
    IvfFlat index(6, Metric::inner_product, 10, lutra::FlatCoarse{}, lutra::Flat(6));
    REQUIRE(index.train(x).ok());
    REQUIRE(index.add(x).ok());
    lutra::MemoryWriter file;
    REQUIRE(index.save(file).ok());
    std::vector<std::byte> bytes(file.bytes().begin(), file.bytes().end());
    const float* const row = x.row(7);
    const auto* const first = reinterpret_cast<const std::byte*>(row);
    const auto at = std::search(bytes.begin(), bytes.end(), first, first + 6 * sizeof(float));
    REQUIRE(at != bytes.end());
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::copy_n(reinterpret_cast<const std::byte*>(&nan), sizeof nan, at);
    lutra::MemoryReader in(bytes);
    lutra::Result<IvfFlat> loaded = IvfFlat::load(in);
    REQUIRE(loaded.ok());
    for (std::size_t nprobe = 1; nprobe <= 10; ++nprobe) {
        std::vector<Id> lists(nprobe);
        lutra::Arena arena;
        loaded->coarse().probe(x.view().rows(20, 21), nprobe, lists.data(), nullptr, arena);
        CHECK(std::count(lists.begin(), lists.end(), lutra::kNoId) == 0);
    }
}

TEST_CASE("Ivf: an index without lists is read from its encoding's record") {
    using Plain = lutra::Ivf<lutra::OneList, lutra::Flat>;
    const lutra_test::Matrix x = lutra_test::normal_matrix(40, 6, 1);
    Plain index(6, Metric::inner_product, 1, lutra::OneList{}, lutra::Flat(6));
    REQUIRE(index.add(x).ok());
    lutra::MemoryWriter file;
    REQUIRE(index.save(file).ok());
    lutra::MemoryReader in(file.bytes());
    lutra::Result<Plain> loaded = Plain::load(in);
    REQUIRE(loaded.ok());
    CHECK(loaded->spec() == "Flat");
    CHECK(loaded->nlist() == 0);
    CHECK(loaded->ids_are_places());
    std::vector<float> row(6);
    REQUIRE(loaded->reconstruct(39, row.data()).ok());
    CHECK(std::equal(row.begin(), row.end(), x.row(39)));
}

TEST_CASE("Ivf: the order of lists knows the rows that are there, however they came, and none that are gone") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(700, 6, 1);
    IvfFlat all(6, Metric::inner_product, 20, lutra::FlatCoarse{}, lutra::Flat(6));
    REQUIRE(all.train(x).ok());
    const std::vector<Id> empty = orders(all);
    IvfFlat pieces = all, half = all, other = all;
    REQUIRE(all.add(x).ok());
    CHECK(orders(all) != empty);

    for (std::size_t i = 0; i < x.n; i += 100) REQUIRE(pieces.add(x.view().rows(i, i + 100)).ok());
    CHECK(orders(pieces) == orders(all));

    REQUIRE(half.add(x.view().rows(0, 350)).ok());
    const std::vector<Id> of_half = orders(half);
    REQUIRE(other.add(x.view().rows(350, 700)).ok());
    REQUIRE(half.merge_from(other, 350).ok());
    CHECK(orders(half) == orders(all));
    CHECK(orders(other) == empty);

    lutra::MemoryWriter file;
    REQUIRE(all.save(file).ok());
    lutra::MemoryReader in(file.bytes());
    lutra::Result<IvfFlat> loaded = IvfFlat::load(in);
    REQUIRE(loaded.ok());
    CHECK(orders(*loaded) == orders(all));

    const auto second_half = [](Id id) { return id >= 350; };
    REQUIRE(all.remove_ids(lutra::IdFilter::predicate(second_half)).ok());
    CHECK(orders(all) == of_half);
    all.reset();
    CHECK(orders(all) == empty);
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
        index.coarse().probe(q, nprobe, lists.data(), nullptr, arena);
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

TEST_CASE("cut_lists: chunks cover the probed lists once, none longer than asked for; missing lists are passed over") {
    lutra::InvertedLists lists(4, 1, 4);
    const std::vector<std::size_t> sizes{10, 0, 25, 7};
    lists.reserve(sizes);
    for (std::size_t l = 0; l < 4; ++l) lists.grow(l, sizes[l]);
    lutra::Arena arena;
    const std::vector<Id> probes{2, -1, 1, 0};
    std::vector<std::size_t> covered(4, 0), next(4, 0);
    for (const lutra::ListChunk& chunk : lutra::cut_lists(lists, probes, 10, arena)) {
        CHECK(chunk.begin == next[chunk.list]);
        CHECK(chunk.end - chunk.begin <= 10);
        covered[chunk.list] += chunk.end - chunk.begin, next[chunk.list] = chunk.end;
    }
    CHECK(covered == std::vector<std::size_t>{10, 0, 25, 0});
}

TEST_CASE("Ivf: describes itself") {
    CHECK(IvfFlat(5, Metric::l2, 16, lutra::FlatCoarse{}, lutra::Flat(5)).spec() == "IVF16,Flat");
    CHECK(IvfFlat(5, Metric::l2, 16, lutra::FlatCoarse{}, lutra::Flat(5)).code_size() == 20);
}

TEST_CASE("Ivf: cosine is refused by train() and add(), as parts compute it only behind L2norm") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(100, 6, 1);
    IvfFlat index(6, Metric::cosine, 4, lutra::FlatCoarse{}, lutra::Flat(6));
    lutra::Ivf<lutra::OneList, lutra::Flat> flat(6, Metric::cosine, 1, lutra::OneList{}, lutra::Flat(6));
    for (const lutra::Status& status : {index.train(x), flat.add(x)}) {
        CHECK(status.code() == lutra::Errc::bad_argument);
        CHECK(status.message().find("accepted: l2 or inner_product") != std::string_view::npos);
    }
    lutra::FlatCoarse coarse;
    CHECK(coarse.build(lutra::AlignedVector<float>(24), 4, 6, Metric::cosine).code() == lutra::Errc::bad_argument);
    CHECK(coarse.nlist() == 0);
}
