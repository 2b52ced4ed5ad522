// Bounds of scores from products of bytes, and the search for values up to a limit, against their definitions.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/aligned.hpp>
#include <lutra/core/random.hpp>
#include <lutra/kernels/byte_bounds.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace {
using namespace lutra;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::size_t kSizes[] = {16, 32, 48, 64, 80, 144};  // registers alone, and four together with and without some behind

AlignedVector<float> whole_numbers(std::size_t n, int least, int most, Rng& rng) {
    AlignedVector<float> values(n);
    for (float& v : values) v = float(least + int(rng.below(std::uint64_t(most - least + 1))));
    return values;
}

/// Terms of n rows, in memory for no more, of which those behind `used` are infinitely far. All are small whole numbers, so that no
/// order of summands rounds.
struct BoundRows {
    AlignedVector<float> bases, scales, widths, slacks, products;

    BoundRows(std::size_t n, std::size_t used, Rng& rng)
        : bases(whole_numbers(n, -1000, 1000, rng)),
          scales(whole_numbers(n, 1, 4, rng)),
          widths(whole_numbers(n, 0, 9, rng)),
          slacks(whole_numbers(n, 0, 5, rng)),
          products(whole_numbers(n, -500, 500, rng)) {
        std::fill(bases.begin() + std::ptrdiff_t(used), bases.end(), kInfinity);
    }
    ByteBoundTerms terms() const { return {bases.data(), scales.data(), widths.data(), slacks.data(), bases.size()}; }
};

struct Bounds {
    AlignedVector<float> least, most;
    float nearest;
    bool operator==(const Bounds&) const = default;
};

template <class Arch>
Bounds bounds(Arch arch, const BoundRows& rows, bool with_most) {
    Bounds found{rows.products, AlignedVector<float>(with_most ? rows.products.size() : 0), 0};
    found.nearest = byte_bounds(arch, rows.terms(), {2, 3, 7}, found.least.data(), with_most ? found.most.data() : nullptr);
    return found;
}

/// In memory for as many numbers as there are values.
template <class Arch>
std::vector<std::uint32_t> up_to(Arch arch, const AlignedVector<float>& values, float limit) {
    std::vector<std::uint32_t> found(values.size());
    found.resize(find_up_to(arch, values.data(), values.size(), limit, found.data()));
    return found;
}
}  // namespace

TEST_CASE("byte_bounds: a bound is the score less or plus what the bytes may be off") {
    Rng rng(1);
    BoundRows rows(16, 16, rng);
    rows.bases[3] = 100, rows.scales[3] = 4, rows.products[3] = 5, rows.widths[3] = 6, rows.slacks[3] = 1;
    const auto found = bounds(best{}, rows, true);
    CHECK(found.least[3] == 100 - 2 * 4 * 5 - (3 * 6 + 7 + 1));
    CHECK(found.most[3] == 100 - 2 * 4 * 5 + (3 * 6 + 7 + 1));
}

TEST_CASE("byte_bounds: lower and upper bounds and the least upper one are as defined") {
    Rng rng(2);
    for (const std::size_t n : kSizes)
        for (const std::size_t behind : {0, 1, 15})
            for (const bool with_most : {false, true}) {
                CAPTURE(n);
                CAPTURE(behind);
                CAPTURE(with_most);
                const BoundRows rows(n, n - behind, rng);
                CHECK(bounds(best{}, rows, with_most) == bounds(scalar{}, rows, with_most));
            }
}

TEST_CASE("byte_bounds: rows infinitely far have infinite bounds and are not the nearest") {
    Rng rng(3);
    for (const std::size_t n : kSizes) {
        const auto found = bounds(best{}, BoundRows(n, n - 15, rng), true);
        const auto used = std::ptrdiff_t(n - 15);
        CHECK(found.nearest == *std::min_element(found.most.begin(), found.most.begin() + used));
        CHECK(std::all_of(found.least.begin() + used, found.least.end(), [](float v) { return v == kInfinity; }));
        CHECK(std::all_of(found.most.begin() + used, found.most.end(), [](float v) { return v == kInfinity; }));
        CHECK(bounds(best{}, BoundRows(n, 0, rng), false).nearest == kInfinity);
    }
}

TEST_CASE("find_up_to: finds none, some and all values, rising, those equal to the limit too") {
    Rng rng(4);
    for (const std::size_t n : kSizes) {
        AlignedVector<float> values = whole_numbers(n, 0, 20, rng);
        for (const std::size_t last : {std::size_t{0}, n / 2, n - 1}) {
            values[last] = 20;
            for (int limit = -1; limit <= 20; ++limit) {
                CAPTURE(n);
                CAPTURE(limit);
                CHECK(up_to(best{}, values, float(limit)) == up_to(scalar{}, values, float(limit)));
            }
            CHECK(up_to(best{}, values, -1).empty());
            CHECK(up_to(best{}, values, 20).size() == n);
        }
    }
}

TEST_CASE("find_up_to: a lone value is found wherever it is") {
    for (const std::size_t n : kSizes)
        for (std::size_t j = 0; j < n; ++j) {
            AlignedVector<float> values(n, kInfinity);
            values[j] = 1;
            CHECK(up_to(best{}, values, 1) == std::vector<std::uint32_t>{std::uint32_t(j)});
            CHECK(up_to(scalar{}, values, 1) == std::vector<std::uint32_t>{std::uint32_t(j)});
        }
}

TEST_CASE("find_up_to: infinitely far values are found by an infinite limit only") {
    Rng rng(5);
    for (const std::size_t n : kSizes) {
        AlignedVector<float> values = whole_numbers(n, 0, 20, rng);
        std::fill(values.end() - 15, values.end(), kInfinity);
        CHECK(up_to(best{}, values, std::numeric_limits<float>::max()).size() == n - 15);
        CHECK(up_to(best{}, values, kInfinity).size() == n);
    }
}
