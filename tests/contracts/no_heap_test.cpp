// Without a heap: an index of a known type is opened over bytes and a room, searched in a workspace of fixed memory, and its range
// searches end in room of the caller's; the answers are those of the loaded index.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/coarse/one_list.hpp>
#include <lutra/encodings/flat/flat.hpp>
#include <lutra/encodings/pq4fs/pq4fs_file.hpp>
#include <lutra/ivf/ivf_file.hpp>
#include <lutra/refine/refine_file.hpp>
#include <lutra/transform/l2norm.hpp>
#include <lutra/transform/transformed.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "factory/golden_files.hpp"
#include "support/count_new.hpp"
#include "support/matrices.hpp"

namespace {
using lutra::Errc;
using lutra::Id;
using FlatAlone = lutra::Ivf<lutra::OneList, lutra::Flat>;
using IvfFlat = lutra::Ivf<lutra::FlatCoarse, lutra::Flat>;
using IvfPq = lutra::Ivf<lutra::FlatCoarse, lutra::Pq4FastScan>;
using RefinedPq = lutra::Refine<IvfPq>;
constexpr bool kQuads = !std::is_same_v<lutra::detail::Pq4Kernel::Layout, lutra::LaneLayout>;

struct InRoom {
    std::array<float, 10> distances{};
    std::array<Id, 10> ids{};
    bool operator==(const InRoom&) const = default;
    lutra::HitsView view() { return {distances.data(), ids.data()}; }
};

alignas(64) std::array<std::byte, 1 << 20> memory, scratch;

template <class I>
void check_range(const I& index, const I& loaded, const float* q, float radius, const lutra::Resources& resources) {
    lutra::RangeHits all;
    REQUIRE(loaded.range_search({q, 1, loaded.dim()}, radius, all).ok());
    InRoom near;
    const std::size_t before = lutra_test::allocations();
    const lutra::Result<std::size_t> n = lutra::range_search(index, q, radius, 10, near.view(), {}, resources);
    CHECK(lutra_test::allocations() == before);
    REQUIRE(n.ok());
    CHECK(*n == all.ids.size());
    for (std::size_t i = 0; i < 10; ++i) {
        CHECK(near.ids[i] == (i < *n ? all.ids[i] : lutra::kNoId));
        if (i < *n) CHECK(near.distances[i] == all.distances[i]);
    }
}

/// Opens the file without one allocation and searches likewise; returns the bytes of the room it took.
template <class I>
std::size_t check(std::string_view name, const I& loaded, std::span<const std::byte> file) {
    CAPTURE(name);
    const lutra_test::Matrix q = lutra_test::normal_matrix(20, loaded.dim(), 3);
    const std::size_t before = lutra_test::allocations();
    lutra::Room room(memory);
    const lutra::Result<I> index = lutra::open_in_place<I>(file, room);
    CHECK(lutra_test::allocations() == before);
    REQUIRE_MESSAGE(index.ok(), index.status().message());
    const std::size_t bytes = lutra::workspace_bytes(*index, 10);
    REQUIRE(bytes <= scratch.size());
    lutra::Workspace workspace{std::span<std::byte>(scratch).first(bytes)};
    lutra::Resources resources;
    resources.workspace = &workspace;
    for (std::size_t i = 0; i < q.n; ++i) {
        InRoom found, want;
        REQUIRE(loaded.search(q.view().rows(i, i + 1), 10, want.view()).ok());
        const std::size_t now = lutra_test::allocations();
        REQUIRE(index->search(q.view().rows(i, i + 1), 10, found.view(), {}, resources).ok());
        CHECK(lutra_test::allocations() == now);
        CHECK(found == want);
        check_range(*index, loaded, q.row(i), want.distances[i % 10], resources);
    }
    return room.used();
}

template <class I>
std::size_t check(std::string_view name) {
    const std::vector<char> bytes = golden::file_bytes(golden::path(name, ".index"));
    const std::span<const std::byte> file = std::as_bytes(std::span<const char>(bytes));
    lutra::MemoryReader in(file);
    const lutra::Result<I> loaded = I::load(in);
    REQUIRE(loaded.ok());
    const std::size_t used = check<I>(name, *loaded, file);
    for (std::size_t less = 64; less <= used; less += 64) {  // too little, by any number of lines
        lutra::Room room(std::span<std::byte>(memory).first(used - less));
        const lutra::Status status = lutra::open_in_place<I>(file, room).status();
        CHECK(status.code() == Errc::out_of_memory);
    }
    return used;
}
}  // namespace

TEST_CASE("open_in_place: opens, searches and range-searches without an allocation, in a room that is large enough") {
    CHECK(check<FlatAlone>("flat.L2") <= 64);  // the only list
    CHECK(check<FlatAlone>("idmap_flat.IP") <= 64);
    for (const char* name :
         {"ivf16_flat.L2", "ivf16_flat_dmarray.L2", "ivf16_flat_dmhash.L2", "ivf256_flat_sparse.L2", "rvc_ivf64_flat.L2"})
        CHECK(check<IvfFlat>(name) < memory.size());
    if (!kQuads) CHECK(check<RefinedPq>("ivf16_pq16x4fs_rflat.L2") < memory.size());
}

TEST_CASE("open_in_place: what needs the heap says so") {
    const auto open = [](auto type, std::string_view name) {
        const std::vector<char> bytes = golden::file_bytes(golden::path(name, ".index"));
        lutra::Room room(memory);
        return lutra::open_in_place<typename decltype(type)::type>(std::as_bytes(std::span<const char>(bytes)), room).status();
    };
    const lutra::Status quads = open(std::type_identity<RefinedPq>(), "ivf16_pq16x4fs_rflat.L2");
    CHECK(quads.ok() == !kQuads);
    if (kQuads) CHECK(quads.code() == Errc::unsupported);
    CHECK(open(std::type_identity<IvfPq>(), "ivf16_pq16x4fsr.L2").code() == Errc::unsupported);
    CHECK(open(std::type_identity<IvfFlat>(), "idmap2_ivf16_flat.L2").code() == Errc::unsupported);
}
