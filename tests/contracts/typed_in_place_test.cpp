// Typed indexes in place: copies of them, an index that takes over the vectors of a damaged file, and fixed memory where the
// heap is needed.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/encodings/flat/flat.hpp>
#include <lutra/encodings/pq4fs/pq4fs_file.hpp>
#include <lutra/ivf/ivf_file.hpp>
#include <lutra/refine/refine_file.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "factory/golden_files.hpp"
#include "support/matrices.hpp"
#include "support/serial_executor.hpp"

namespace {
using lutra::Errc;
using lutra::Id;
using IvfFlat = lutra::Ivf<lutra::FlatCoarse, lutra::Flat>;
using RefinedPq = lutra::Refine<lutra::Ivf<lutra::FlatCoarse, lutra::Pq4FastScan>>;

std::vector<std::byte> bytes_of(std::string_view name) {
    const std::vector<char> file = golden::file_bytes(golden::path(name, ".index"));
    const auto bytes = std::as_bytes(std::span<const char>(file));
    return {bytes.begin(), bytes.end()};
}

template <class I>
I load(const std::vector<std::byte>& file, lutra::FromMemory use) {
    lutra::MemoryReader in(file, use);
    return I::load(in).value();
}

std::vector<Id> nearest(const IvfFlat& index, const lutra_test::Matrix& q) { return lutra::search(index, q, 5).value().ids; }

/// Puts `id` in the place of the first of two ids that follow each other in the file.
void damage(std::vector<std::byte>& file, const lutra::IdList& ids, Id id) {
    const std::array<Id, 2> two{ids[0], ids[1]};
    const auto pattern = std::as_bytes(std::span(two));
    const auto at = std::search(file.begin(), file.end(), pattern.begin(), pattern.end());
    REQUIRE(at != file.end());
    std::memcpy(&*at, &id, sizeof id);
}
}  // namespace

template <class Bytes>
concept Opens = requires(Bytes&& bytes, lutra::Room& room) {
    lutra::open_in_place<IvfFlat>(std::forward<Bytes>(bytes), room);
    lutra::open_index(std::forward<Bytes>(bytes));
};
static_assert(Opens<std::vector<std::byte>&> && Opens<std::span<const std::byte>>);
static_assert(!Opens<std::vector<std::byte>>);  // bytes that are gone when it returns

TEST_CASE("in place: a copy of an index has its ids after the index is gone") {
    const std::vector<std::byte> file = bytes_of("idmap2_ivf16_flat.L2");  // a map around lists: ids in memory of the index
    const lutra_test::Matrix q = lutra_test::normal_matrix(9, 32, 3);
    std::optional<IvfFlat> index = load<IvfFlat>(file, lutra::FromMemory::in_place);
    const std::vector<Id> want = nearest(load<IvfFlat>(file, lutra::FromMemory::copy), q);
    const IvfFlat copy = *index;
    IvfFlat assigned = load<IvfFlat>(bytes_of("ivf16_flat.L2"), lutra::FromMemory::copy);
    assigned = copy;
    index.reset();
    CHECK(nearest(copy, q) == want);
    CHECK(nearest(assigned, q) == want);
}

TEST_CASE("open_in_place: a copy is on the heap; what is assigned to keeps its room, which it does not overrun") {
    const std::vector<std::byte> file = bytes_of("ivf16_flat.L2"), more_lists = bytes_of("ivf256_flat_sparse.L2");
    const lutra_test::Matrix q = lutra_test::normal_matrix(9, 32, 3);
    const IvfFlat loaded = load<IvfFlat>(file, lutra::FromMemory::copy);
    const IvfFlat larger = load<IvfFlat>(more_lists, lutra::FromMemory::copy);
    std::vector<std::byte> memory(6000);
    lutra::Room room(memory);
    lutra::Result<IvfFlat> index = lutra::open_in_place<IvfFlat>(file, room);
    REQUIRE(index.ok());
    const std::size_t used = room.used();
    IvfFlat copy = *index;
    CHECK(room.used() == used);
    CHECK(nearest(copy, q) == nearest(loaded, q));
    copy = larger;
    CHECK(nearest(copy, q) == nearest(larger, q));
#if LUTRA_HAS_EXCEPTIONS
    CHECK_THROWS_AS(*index = larger, std::bad_alloc);
#endif
}

TEST_CASE("merge_from: refuses ids below 0 of a damaged file in place; a direct map stays whole") {
    std::vector<std::byte> file = bytes_of("ivf16_flat.L2");
    IvfFlat index = load<IvfFlat>(file, lutra::FromMemory::copy);
    for (const Id id : {Id(-1), Id(-2), std::numeric_limits<Id>::min()}) {
        CAPTURE(id);
        std::vector<std::byte> damaged = file;
        damage(damaged, index.lists().ids(3), id);
        IvfFlat other = load<IvfFlat>(damaged, lutra::FromMemory::in_place);
        IvfFlat taker = index;
        taker.reset();
        REQUIRE(taker.make_direct_map().ok());
        for (const Id shift : {Id(0), Id(5), Id(-1)}) CHECK(taker.merge_from(other, shift).code() == Errc::bad_argument);
        CHECK(taker.ntotal() == 0);
        CHECK(other.ntotal() == index.ntotal());
    }
}

TEST_CASE("merge_from: a refine stage refuses a damaged file in place whose ids do not lead to rows") {
    const std::vector<std::byte> file = bytes_of("ivf16_pq16x4fs_rflat.L2");
    const RefinedPq index = load<RefinedPq>(file, lutra::FromMemory::copy);
    std::vector<std::byte> damaged = file;
    damage(damaged, index.base().lists().ids(3), Id(1) << 40);
    RefinedPq sound = load<RefinedPq>(file, lutra::FromMemory::in_place);
    RefinedPq other = load<RefinedPq>(damaged, lutra::FromMemory::in_place), taker = index;
    taker.reset();
    CHECK(taker.merge_from(other, 0).code() == Errc::bad_file);
    CHECK(taker.ntotal() == 0);
    CHECK(other.ntotal() == index.ntotal());
    CHECK(taker.merge_from(sound, 0).ok());
    const auto odd = [](Id id) { return id % 2 == 1; };
    CHECK(taker.remove_ids(lutra::IdFilter::predicate(odd)).value() == index.ntotal() / 2);
}

TEST_CASE("workspace: of fixed memory, in a call of several workers that is no search") {
    IvfFlat index = load<IvfFlat>(bytes_of("ivf16_flat.L2"), lutra::FromMemory::copy);
    const lutra_test::Matrix x = lutra_test::normal_matrix(3000, 32, 3);
    std::vector<std::byte> room(1 << 20);
    lutra::Workspace workspace{std::span<std::byte>(room)};
    lutra::Resources resources;
    resources.workspace = &workspace;
    resources.executor = lutra_test::two_workers_in_turns();
    CHECK(index.add(x, resources).ok());
    CHECK(index.ntotal() == 4000);
}
