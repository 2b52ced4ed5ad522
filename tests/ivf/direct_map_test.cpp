// Tests of ivf/direct_map.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/encodings/flat/flat.hpp>
#include <lutra/ivf/ivf_file.hpp>

#include <cstddef>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "support/count_new.hpp"
#include "support/each_failure.hpp"
#include "support/matrices.hpp"

namespace {
using lutra::DirectMapKind;
using lutra::Id;
using IvfFlat = lutra::Ivf<lutra::FlatCoarse, lutra::Flat>;

constexpr DirectMapKind kKinds[] = {DirectMapKind::none, DirectMapKind::array, DirectMapKind::hash};

IvfFlat filled(const lutra_test::Matrix& x, const std::vector<Id>& ids = {}) {
    IvfFlat index(x.d, lutra::Metric::l2, 4, lutra::FlatCoarse{}, lutra::Flat(x.d));
    REQUIRE(index.train(x).ok());
    REQUIRE((ids.empty() ? index.add(x) : index.add_with_ids(x, ids.data())).ok());
    return index;
}

/// reconstruct() finds row i under ids[i], for every row.
bool finds_all(const IvfFlat& index, const lutra_test::Matrix& x, const std::vector<Id>& ids) {
    std::vector<float> row(x.d);
    bool good = true;
    for (std::size_t i = 0; i < x.n; ++i)
        good = good && index.reconstruct(ids[i], row.data()).ok() && std::equal(row.begin(), row.end(), x.row(i));
    return good;
}
std::vector<Id> numbers(std::size_t n, Id first = 0, Id step = 1) {
    std::vector<Id> ids(n);
    for (std::size_t i = 0; i < n; ++i) ids[i] = first + Id(i) * step;
    return ids;
}
}  // namespace

TEST_CASE("DirectMap: every kind finds what a search through all ids finds") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(60, 5, 1);
    for (const DirectMapKind kind : kKinds)
        for (const std::vector<Id>& ids : {numbers(60), numbers(60, 1000, 7), numbers(60, 59, -1)}) {
            IvfFlat index = filled(x, ids);
            REQUIRE(index.set_direct_map(kind).ok());
            CHECK(finds_all(index, x, ids));
            std::vector<float> row(5);
            for (const Id id : {Id(-1), Id(60), Id(1001), std::numeric_limits<Id>::max(), std::numeric_limits<Id>::min()})
                CHECK(index.reconstruct(id, row.data()).code() == lutra::Errc::not_found);
        }
}

TEST_CASE("DirectMap: an array becomes a hash table when ids do not fit, and stays one") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(30, 3, 2);
    IvfFlat index = filled(x);
    REQUIRE(index.set_direct_map(DirectMapKind::array).ok());
    CHECK(index.direct_map() == DirectMapKind::array);
    const Id far = 1000;
    REQUIRE(index.add_with_ids(x.view().rows(0, 1), &far).ok());
    CHECK(index.direct_map() == DirectMapKind::hash);
    CHECK(finds_all(index, x, numbers(30)));
    std::vector<float> row(3);
    CHECK(index.reconstruct(1000, row.data()).ok());
}

TEST_CASE("DirectMap: with one, reconstruct allocates nothing; make_direct_map keeps the kind that is there") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(30, 3, 6);
    std::vector<float> row(3);
    for (const DirectMapKind kind : kKinds) {
        IvfFlat index = filled(x);
        REQUIRE(index.set_direct_map(kind).ok());
        REQUIRE(index.make_direct_map().ok());
        CHECK(index.direct_map() == (kind == DirectMapKind::none ? DirectMapKind::array : kind));
        const std::size_t before = lutra_test::allocations();
        const bool found = index.reconstruct(17, row.data()).ok() && !index.reconstruct(30, row.data()).ok();
        CHECK(lutra_test::allocations() == before);
        CHECK(found);
    }
}

TEST_CASE("DirectMap: follows add, remove_ids, merge_from and reset") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(80, 4, 3);
    for (const DirectMapKind kind : kKinds) {
        IvfFlat index = filled(x), other = filled(x);
        REQUIRE(index.set_direct_map(kind).ok());
        REQUIRE(index.merge_from(other, 80).ok());
        CHECK(finds_all(index, x, numbers(80)));
        CHECK(finds_all(index, x, numbers(80, 80)));
        const auto low = [](Id id) { return id < 80; };
        CHECK(index.remove_ids(lutra::IdFilter::predicate(low)).value() == 80);
        CHECK(finds_all(index, x, numbers(80, 80)));
        std::vector<float> row(4);
        CHECK(index.reconstruct(79, row.data()).code() == lutra::Errc::not_found);
        REQUIRE(index.add(x).ok());
        CHECK(finds_all(index, x, numbers(80, 160)));
        index.reset();
        CHECK(index.reconstruct(100, row.data()).code() == lutra::Errc::not_found);
        REQUIRE(index.add(x).ok());
        CHECK(finds_all(index, x, numbers(80)));
    }
}

TEST_CASE("DirectMap: a file keeps the kind, and one that lies about places is made anew") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(20, 2, 4);
    for (const DirectMapKind kind : kKinds) {
        IvfFlat index = filled(x);
        REQUIRE(index.set_direct_map(kind).ok());
        lutra::MemoryWriter out;
        REQUIRE(index.save(out).ok());
        std::vector<std::byte> bytes(out.bytes().begin(), out.bytes().end());
        // fourcc, header, nlist, nprobe, Flat record of 4 centroids, kind, count; then the first entry, or the first pair's
        const std::size_t map = 4 + 33 + 16 + (4 + 33 + 8 + 4 * 2 * 4) + 1;
        const std::size_t entry = map + 8 + (kind == DirectMapKind::hash ? 16 : 0);
        if (kind != DirectMapKind::none) std::fill_n(bytes.begin() + long(entry), 8, std::byte{0x7f});
        lutra::MemoryReader in(bytes);
        lutra::Result<IvfFlat> loaded = IvfFlat::load(in);
        REQUIRE_MESSAGE(loaded.ok(), loaded.status().message());
        CHECK(loaded->direct_map() == kind);
        CHECK(finds_all(*loaded, x, numbers(20)));
    }
}

TEST_CASE("DirectMap: of vectors under the same id every kind finds the same, also when they come one by one") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(40, 3, 5);
    std::vector<std::vector<float>> found;
    for (const DirectMapKind kind : kKinds) {
        IvfFlat index = filled(x);
        REQUIRE(index.set_direct_map(kind).ok());
        for (std::size_t i = 0; i < 40; ++i) {
            const Id same = Id(i % 3);
            REQUIRE(index.add_with_ids(x.view().rows(i, i + 1), &same).ok());
        }
        std::vector<float> rows(9);
        for (std::size_t i = 0; i < 3; ++i) REQUIRE(index.reconstruct(Id(i), rows.data() + 3 * i).ok());
        found.push_back(rows);
    }
    CHECK(found[1] == found[0]);
    CHECK(found[2] == found[0]);
}

TEST_CASE("LocationTable: finds every id that was entered, over many growths, and no other") {
    for (const Id step : {Id(1), Id(7), Id(1) << 20, Id(1) << 40}) {
        CAPTURE(step);
        lutra::LocationTable table;
        CHECK(table.find(0) == lutra::LocationTable::kNowhere);
        for (std::size_t i = 0; i < 1000; ++i) {
            table.reserve(i + 1);
            table.entry(Id(i) * step) = std::int64_t(i);
        }
        CHECK(table.size() == 1000);
        bool good = true;
        for (std::size_t i = 0; i < 1000; ++i) good = good && table.find(Id(i) * step) == std::int64_t(i);
        CHECK(good);
        for (const Id id : {Id(1000) * step, Id(-1), std::numeric_limits<Id>::max(), std::numeric_limits<Id>::min()})
            CHECK(table.find(id) == lutra::LocationTable::kNowhere);
        table.clear();
        CHECK(table.find(step) == lutra::LocationTable::kNowhere);
        CHECK(table.size() == 0);
    }
}

TEST_CASE("DirectMap: a file is the same however the map came to be") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(60, 5, 1);
    const auto bytes_of = [](const IvfFlat& index) {
        lutra::MemoryWriter out;
        REQUIRE(index.save(out).ok());
        return std::vector<std::byte>(out.bytes().begin(), out.bytes().end());
    };
    IvfFlat at_once = filled(x, numbers(60, 5, 31)), one_by_one = filled(x, numbers(60, 5, 31));
    one_by_one.reset();
    REQUIRE(one_by_one.set_direct_map(DirectMapKind::hash).ok());
    for (std::size_t i = 0; i < x.n; ++i) {
        const Id id = Id(5 + 31 * i);
        REQUIRE(one_by_one.add_with_ids(x.view().rows(i, i + 1), &id).ok());
    }
    REQUIRE(at_once.set_direct_map(DirectMapKind::hash).ok());
    CHECK(bytes_of(at_once) == bytes_of(one_by_one));
}

#if LUTRA_HAS_EXCEPTIONS
TEST_CASE("DirectMap: where memory runs out, index and map are as they were, whatever kind the map was to become") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(50, 4, 1), more = lutra_test::normal_matrix(40, 4, 2);
    const std::vector<Id> far = numbers(40, 7, 1000), near = numbers(40, 40), map = numbers(50, 9, 9);
    const auto even = [](Id id) { return id % 2 == 0; };
    const auto bytes_of = [](const IvfFlat& index) {
        lutra::MemoryWriter out;
        REQUIRE(index.save(out).ok());
        return std::vector<std::byte>(out.bytes().begin(), out.bytes().end());
    };
    for (const DirectMapKind kind : kKinds) {
        IvfFlat before = filled(x), index = before, donor = before;
        REQUIRE(before.set_direct_map(kind).ok());
        const std::vector<std::byte> file = bytes_of(before), donors = bytes_of(donor);
        const auto renew = [&] { index = before; };
        const auto check = [&] {
            CHECK(bytes_of(index) == file);
            CHECK(bytes_of(donor) == donors);
            CHECK(finds_all(index, x, numbers(50)));
        };
        const auto each = [&](std::string_view name, auto&& call) {
            CAPTURE(name);
            CAPTURE(int(kind));
            CHECK(lutra_test::each_allocation_fails(renew, call, check) > 0);
        };
        each("ids that an array has no place for", [&] { return index.add_with_ids(more, far.data()); });
        each("ids that are there already", [&] { return index.add_with_ids(more, near.data()); });
        each("rows", [&] { return index.add(more); });
        each("removal", [&] { return index.remove_ids(lutra::IdFilter::predicate(even)).status(); });
        if (kind == DirectMapKind::array) each("a map of ids", [&] { return index.map_ids(map, std::nullopt); });
        each("a hash table", [&] { return index.set_direct_map(DirectMapKind::hash); });
        each("an array", [&] { return index.set_direct_map(DirectMapKind::array); });
        each("a merge", [&] { return index.merge_from(donor, 1000000); });
    }
}
#endif
