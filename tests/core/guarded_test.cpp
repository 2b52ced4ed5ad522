// Tests of core/guarded.hpp: what becomes a Status and what does not.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/guarded.hpp>
#include <lutra/core/workspace.hpp>

#include <cstdint>
#include <limits>
#include <vector>

namespace {
using lutra::Errc;
using lutra::guarded;
using lutra::Result;
using lutra::Status;
}  // namespace

TEST_CASE("guarded: gives back what the function gives") {
    CHECK(guarded("call", [] { return Status(); }).ok());
    CHECK(guarded("call", [] { return Status{Errc::bad_file, "x"}; }).message() == "x");
    CHECK(*guarded("call", [] { return Result<int>(7); }) == 7);
}

#if LUTRA_HAS_EXCEPTIONS
TEST_CASE("guarded: memory that runs out is a Status that names the call") {
    const auto too_much = [](std::size_t n) {
        return guarded("add", [n]() -> Result<std::size_t> { return std::vector<std::uint64_t>(n).size(); });
    };
    constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();
    for (const std::size_t n : {kAll, kAll / 8, kAll / 16}) {  // length_error, then bad_alloc
        CHECK(too_much(n).status().code() == Errc::out_of_memory);
        CHECK(too_much(n).status().message().substr(0, 4) == "add:");
    }
    CHECK(*too_much(3) == 3);
}

TEST_CASE("guarded: an Error is its Status, what else is thrown goes on") {
    const auto fail = [] { return Result<int>(Status{Errc::not_found, "x"}).value(), Status(); };
    CHECK(guarded("call", fail).code() == Errc::not_found);
    CHECK_THROWS_AS(static_cast<void>(guarded("call", []() -> Status { throw 1; })), int);
}

TEST_CASE("Arena: a size beyond all memory is refused, and the arena is as it was") {
    lutra::Arena arena;
    const lutra::Arena::Frame frame(arena);
    const auto before = arena.take<int>(10);
    for (const std::size_t n : {std::size_t(-1), std::size_t(-1) / 4, std::size_t(-1) / 4 + 2, std::size_t(-1) / 8 + 1})
        CHECK(guarded("take", [&] { return arena.take<int>(n), Status(); }).code() == Errc::out_of_memory);
    before[9] = 7;
    arena.take<int>(10)[0] = 8;
    CHECK(before[9] == 7);
}
#endif
