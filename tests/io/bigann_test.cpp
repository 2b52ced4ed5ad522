// tests/io/bigann_test.cpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/io/bigann.hpp>

#include <vector>

#include "io/bytes.hpp"

using lutra::Errc;
using lutra::parse_bigann;
using lutra::Scalar;
using lutra_test::bytes_of;
using lutra_test::mentions;
using lutra_test::number;

namespace {

std::string header(std::uint32_t n, std::uint32_t d) { return number(n) + number(d); }

std::string bigann_refusal(const std::string& file) {
    const auto a = parse_bigann(bytes_of(file), Scalar::u1);
    CHECK(a.status().code() == Errc::bad_file);
    return std::string(a.status().message());
}

}  // namespace

TEST_CASE("bigann: rows of floats and bytes are read") {
    std::vector<float> got(2);
    const std::string floats = header(2, 1) + number(1.5F) + number(-2.F), bytes = header(1, 2) + "\x01\xff";
    const auto a = parse_bigann(bytes_of(floats), Scalar::f4), b = parse_bigann(bytes_of(bytes), Scalar::u1);
    REQUIRE(a.ok());
    CHECK(lutra::read_rows(*a, 0, 2, got.data()).ok());
    CHECK(got == std::vector<float>{1.5F, -2});
    REQUIRE(b.ok());
    CHECK(lutra::read_rows(*b, 0, 1, got.data()).ok());
    CHECK(got == std::vector<float>{1, 255});
}

TEST_CASE("bigann: no rows is an array, no columns is not") {
    CHECK(parse_bigann(bytes_of(header(0, 5)), Scalar::f4).ok());
    CHECK(mentions(bigann_refusal(header(0, 0)), "0 columns"));
}

TEST_CASE("bigann: a header that does not fit the file is refused") {
    CHECK(mentions(bigann_refusal(header(3, 2) + "abcd"), "truncated: the header says 3 rows of 2 bytes, 4 bytes follow it"));
    CHECK(mentions(bigann_refusal(header(1, 2) + "abcd"), "2 bytes too many"));
    for (const std::uint32_t many : {0x80000000U, 0xffffffffU}) {
        bigann_refusal(header(many, many) + "abcd");
        bigann_refusal(header(many, 1) + "abcd");
        bigann_refusal(header(1, many) + "abcd");
    }
}

TEST_CASE("bigann: a file cut at any byte is refused") {
    lutra_test::check_every_truncation(header(2, 2) + std::string(16, 'x'),
                                       [](std::span<const std::byte> bytes) { return parse_bigann(bytes, Scalar::f4); });
}

TEST_CASE("bigann: any wrong byte in a header is refused or still gives rows inside the file") {
    lutra_test::try_every_corruption(header(2, 3) + "abcdef", 8, [](std::span<const std::byte> bytes) {
        const auto a = parse_bigann(bytes, Scalar::u1);
        if (a.ok()) CHECK(a->n * a->d == 6);
    });
}
