// An index over a file in memory answers as the loaded one does, to the bit, wherever the bytes begin, and is read-only.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/encodings/pq4fs/kernel_best.hpp>
#include <lutra/factory/save_load.hpp>
#include <lutra/io/id_map_record.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "contracts/contract_cases.hpp"
#include "support/count_new.hpp"
#include "support/temp_dir.hpp"

using namespace contracts;

namespace {
using lutra::Errc;

/// A file at an address that is `shift` behind one where any number may lie.
class Placed {
public:
    Placed(const std::vector<std::byte>& file, std::size_t shift)
        : memory_(file.size() + 8 + shift), shift_(shift), n_(file.size()) {
        std::copy(file.begin(), file.end(), memory_.begin() + std::ptrdiff_t(shift));
    }
    std::span<const std::byte> bytes() const { return {memory_.data() + shift_, n_}; }

private:
    lutra::AlignedVector<std::byte> memory_;
    std::size_t shift_, n_;
};

lutra::Index loaded(const std::vector<std::byte>& file) {
    lutra::MemoryReader in(file);
    return lutra::load_index(in).value();
}

void check_alike(const lutra::Index& one, const lutra::Index& other, const Matrix& q) {
    CHECK(one.ntotal() == other.ntotal());
    CHECK(one.spec() == other.spec());
    const auto some = [](Id id) { return id % 3 == 0; };
    lutra::SearchParams filtered, any;
    filtered.filter = lutra::IdFilter::predicate(some), any.order = lutra::Order::any;
    for (const lutra::SearchParams& params : {lutra::SearchParams{}, all_lists(one), filtered}) {
        const Found found = search(one, q, 9, params);
        CHECK(search(other, q, 9, params) == found);
        for (std::size_t i = 0; i < q.n; i += 5) CHECK(search(other, q.view().rows(i, i + 1), 9, params) == Found{found[i]});
        CHECK(range_search(other, q, found[0][5].first, params) == range_search(one, q, found[0][5].first, params));
    }
    CHECK(range_search(other, q, 3, any) == range_search(one, q, 3, any));
    Matrix x(one.ntotal(), one.dim()), y = x;
    const bool are_places = one.reconstruct_n(0, x.n, x.row(0)).ok();
    CHECK(other.reconstruct_n(0, y.n, y.row(0)).ok() == are_places);
    CHECK(x.values == y.values);
    CHECK(saved(one) == saved(other));
}

void check_read_only(lutra::Index& index, const Matrix& x) {
    const std::vector<std::byte> before = saved(index);
    lutra::Index other = loaded(before);
    const std::vector<Id> ids(x.n, 7);
    const auto all = [](Id) { return true; };
    for (const lutra::Status& status :
         {index.train(x), index.add(x), index.add_with_ids(x, ids.data()), index.merge_from(other, 1000), index.make_direct_map(),
          index.remove_ids(lutra::IdFilter::predicate(all)).status()}) {
        CHECK(status.code() == Errc::unsupported);
        CHECK(std::string(status.message()).find("read-only") != std::string::npos);
    }
    CHECK(saved(index) == before);
    require_ok(other.merge_from(index, Id(1) << 40));  // gives its vectors away all the same
    CHECK(index.ntotal() == 0);
    CHECK(index.add(x).code() == Errc::unsupported);
    require_ok(index.untrained().train(lutra_test::normal_matrix(300, x.d, 5)));
}
}  // namespace

TEST_CASE("open_index: answers as a loaded index, wherever the file lies, and is read-only") {
    for_each_case([](const Case& c) {
        if (!c.byte_copies) return;
        const Matrix x = rows_with_ties(200, c.d), q = rows_with_ties(21, c.d, 3);
        std::vector<Id> ids(x.n);
        for (std::size_t i = 0; i < x.n; ++i) ids[i] = Id(i * 37 % 1000);
        lutra::Index counted = filled(c, x), named = trained(c);
        require_ok(named.add_with_ids(x, ids.data()));
        for (const lutra::Index* index : {&counted, &named}) {
            const std::vector<std::byte> file = saved(*index);
            const lutra::Index copy = loaded(file);
            for (const std::size_t shift : {0, 1, 2, 3}) {
                CAPTURE(shift);
                const Placed placed(file, shift);
                lutra::Index opened = lutra::open_index(placed.bytes()).value();
                check_alike(copy, opened, q);
                if (shift == 1) check_read_only(opened, x);
            }
        }
    });
}

TEST_CASE("open_index: ids of the caller's around lists are copied") {
    const Case c{"IVF16,Flat", Metric::l2, 32};
    const Matrix x = rows_with_ties(200, c.d), q = rows_with_ties(21, c.d, 3);
    const std::vector<std::byte> lists = saved(filled(c, x));
    lutra::MemoryWriter out;  // lutra itself writes ids into the lists
    require_ok(lutra::write_id_map(
        out, lutra::IdMapKind::one_way, {c.d, x.n, true, c.metric}, [&] { return out.write(lists.data(), lists.size()); },
        [](std::size_t i) { return Id(5000 - i); }));
    const std::vector<std::byte> file(out.bytes().begin(), out.bytes().end());
    const lutra::Index opened = lutra::open_index(file).value();
    check_alike(loaded(file), opened, q);
    CHECK(search(opened, q, 1)[4][0].second > 4000);
}

TEST_CASE("open_index: takes no memory for rows and ids") {
    for (const char* spec : {"Flat", "IVF16,Flat", "IVF16,Flat,RFlat"}) {
        CAPTURE(spec);
        const Case c{spec, Metric::l2, 32};
        const std::vector<std::byte> file = saved(filled(c, lutra_test::normal_matrix(20000, c.d, 1)));
        const std::size_t before = lutra_test::allocated_bytes();
        const lutra::Index opened = lutra::open_index(file).value();
        CHECK(lutra_test::allocated_bytes() - before < 40000);
        CHECK(opened.storage().bytes < 1000);
        CHECK(opened.storage().form.find("in place") != std::string::npos);
    }
}

TEST_CASE("open_index: 4-bit codes in lists stay where they are if the machine scans them as they are") {
    const Case c{"IVF16,PQ8x4fs", Metric::l2, 32};
    const std::vector<std::byte> file = saved(filled(c, lutra_test::normal_matrix(2000, c.d, 1)));
    const lutra::Storage storage = lutra::open_index(file).value().storage();
    const bool quads = !std::is_same_v<lutra::detail::Pq4Kernel::Layout, lutra::LaneLayout>;
    CHECK(storage.form == (quads ? "4-bit codes" : "4-bit codes, in place"));
    CHECK((storage.bytes > 2000) == quads);
}

TEST_CASE("load_index: with mmap, in place; the index owns the map") {
    const lutra_test::TempDir dir;
    const std::string path = dir.file("an.index");
    for (const char* spec : {"Flat", "IVF16,PQ8x4fs,RFlat"}) {
        const Case c{spec, Metric::l2, 32};
        const Matrix x = rows_with_ties(300, c.d), q = rows_with_ties(21, c.d, 3);
        const lutra::Index index = filled(c, x);
        require_ok(lutra::save_index(index, path));
        lutra::Index mapped = lutra::load_index(path, {.mmap = true}).value();
        lutra::Index moved = std::move(mapped);
        require_ok(lutra::save_index(moved, path));  // replaces the file, not its bytes
        check_alike(index, moved, q);
        check_read_only(moved, x);
    }
}

TEST_CASE("load_index: mmap of what is no file of an index says so, and is for paths only") {
    const lutra_test::TempDir dir;
    CHECK(lutra::load_index(dir.file("none"), {.mmap = true}).status().code() == Errc::not_found);
    std::vector<std::byte> file = saved(filled({"Flat", Metric::l2, 3}, lutra_test::normal_matrix(5, 3, 1)));
    lutra::MemoryReader in(file);
    CHECK(lutra::load_index(in, {.mmap = true}).status().code() == Errc::bad_argument);
    CHECK(lutra::index_factory(3, "Flat", Metric::l2, {.mmap = true}).status().code() == Errc::bad_argument);
    file.push_back({});
    require_ok(lutra::write_file(dir.file("more"), [&](lutra::Writer& out) { return out.write(file.data(), file.size()); }));
    CHECK(lutra::load_index(dir.file("more"), {.mmap = true}).status().code() == Errc::bad_file);
    CHECK(lutra::open_index(file).ok());
    CHECK(lutra::open_index({}).status().code() == Errc::bad_file);
}
