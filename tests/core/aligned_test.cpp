// Tests of core/aligned.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/aligned.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

using lutra::AlignedVector;

TEST_CASE("AlignedVector: starts on a cache line, and on a huge page from 4 MiB") {
    for (std::size_t n : {1, 1000, 1 << 20, 1 << 21}) {
        CAPTURE(n);
        const AlignedVector<float> values(n);
        const std::size_t alignment = n * sizeof(float) >= 2 * lutra::kHugePage ? lutra::kHugePage : lutra::kCacheLine;
        CHECK(reinterpret_cast<std::uintptr_t>(values.data()) % alignment == 0);
    }
}

TEST_CASE("AlignedVector: grows, copies and moves like a vector") {
    AlignedVector<int> values;
    for (int i = 0; i < 1000; ++i) values.push_back(i);
    const AlignedVector<int> copy = values;
    CHECK(copy == values);
    const AlignedVector<int> moved = std::move(values);
    CHECK(moved == copy);
    CHECK(AlignedVector<int>(5, 7) == AlignedVector<int>{7, 7, 7, 7, 7});
}

TEST_CASE("round_up: gives the next multiple") {
    CHECK(lutra::round_up(0, 64) == 0);
    CHECK(lutra::round_up(1, 64) == 64);
    CHECK(lutra::round_up(64, 64) == 64);
    CHECK(lutra::round_up(65, 64) == 128);
}

TEST_CASE("AlignedBytes start on a cache line, large ones on a huge page, and move without a copy") {
    for (const std::size_t n : {std::size_t{1}, std::size_t{64}, std::size_t{1000}, 3 * lutra::kHugePage}) {
        lutra::AlignedBytes bytes(n);
        const std::size_t alignment = n < lutra::kHugePage ? lutra::kCacheLine : lutra::kHugePage;
        CHECK(bytes.size() == n);
        CHECK(reinterpret_cast<std::uintptr_t>(bytes.data()) % alignment == 0);
        bytes.data()[n - 1] = std::byte{7};
        const std::byte* const place = bytes.data();
        const lutra::AlignedBytes moved(std::move(bytes));
        CHECK(moved.data() == place);
    }
}
