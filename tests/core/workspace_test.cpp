// Tests of core/workspace.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/workspace.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "support/count_new.hpp"

namespace {
using lutra::Arena;
using lutra::Workspace;

/// Takes memory as a search does: some for the call, some for each of several tiles. Returns false if two overlap.
bool borrow(Arena& arena, std::size_t size) {
    const Arena::Frame call(arena);
    const std::span<int> outer = arena.take<int>(size);
    std::fill(outer.begin(), outer.end(), 1);
    for (int tile = 0; tile < 3; ++tile) {
        const Arena::Frame frame(arena);
        const std::span<double> inner = arena.take<double>(2 * size);
        std::fill(inner.begin(), inner.end(), 2.0);
    }
    return std::all_of(outer.begin(), outer.end(), [](int i) { return i == 1; });
}
}  // namespace

TEST_CASE("Arena: memory starts on a cache line and has the size asked for") {
    Arena arena;
    for (std::size_t n : {0, 1, 63, 64, 65, 100000}) {
        CAPTURE(n);
        const std::span<char> memory = arena.take<char>(n);
        CHECK(memory.size() == n);
        CHECK(reinterpret_cast<std::uintptr_t>(memory.data()) % lutra::kCacheLine == 0);
    }
}

TEST_CASE("Arena: a frame gives back what was taken in it, frames nest") {
    Arena arena;
    const Arena::Frame all(arena);
    const char* first = arena.take<char>(10).data();
    const char* second = nullptr;
    {
        const Arena::Frame outer(arena);
        second = arena.take<char>(10).data();
        const char* third = nullptr;
        {
            const Arena::Frame inner(arena);
            third = arena.take<char>(10).data();
        }
        CHECK(arena.take<char>(10).data() == third);
    }
    CHECK(first != second);
    CHECK(arena.take<char>(10).data() == second);
}

TEST_CASE("Arena: memory taken before a growth stays where it is") {
    Arena arena;
    for (std::size_t size : {1, 1000, 100000, 3000000}) CHECK(borrow(arena, size));
}

TEST_CASE("Arena: a frame that made it grow gives back the memory from before, too") {
    Arena arena;
    const char* first = nullptr;
    {
        const Arena::Frame frame(arena);
        first = arena.take<char>(10).data();
        arena.take<char>(3000000);
    }
    CHECK(arena.take<char>(10).data() == first);
}

TEST_CASE("Arena: the same calls find all their memory the second time") {
    Arena arena;
    for (std::size_t size : {10, 5000, 200000}) borrow(arena, size);
    const std::size_t before = lutra_test::allocations();
    for (std::size_t size : {10, 5000, 200000}) borrow(arena, size);
    for (std::size_t size : {200000, 5000, 10}) borrow(arena, size);
    CHECK(lutra_test::allocations() == before);
}

TEST_CASE("Workspace: one arena per worker, which stays where it is when more are reserved") {
    Workspace workspace;
    workspace.reserve(2);
    Arena* const first = &workspace.arena(0);
    const std::span<int> memory = first->take<int>(100);
    memory[99] = 7;
    workspace.reserve(100);
    CHECK(&workspace.arena(0) == first);
    CHECK(&workspace.arena(1) != first);
    CHECK(memory[99] == 7);
}

TEST_CASE("Workspace: reserving as many again allocates nothing") {
    Workspace workspace;
    workspace.reserve(4);
    const std::size_t before = lutra_test::allocations();
    workspace.reserve(4);
    workspace.reserve(1);
    CHECK(lutra_test::allocations() == before);
}

TEST_CASE("Arena: once settled, what takes no more than was ever taken finds its memory, in any sizes") {
    Arena arena;
    for (const std::size_t size : {1000, 30000, 7, 100000}) CHECK(borrow(arena, size));
    arena.settle();
    const std::size_t before = lutra_test::allocations();
    for (std::size_t size = 1; size < 100000; size += 9973) {
        const Arena::Frame frame(arena);
        for (std::size_t taken = 0; taken + size < 1500000; taken += size + 64) static_cast<void>(arena.take<int>(size / 4));
    }
    arena.settle();
    CHECK(lutra_test::allocations() == before);
}
