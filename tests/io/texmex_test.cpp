// tests/io/texmex_test.cpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/io/texmex.hpp>

#include <vector>

#include "io/bytes.hpp"

using lutra::Errc;
using lutra::parse_texmex;
using lutra::Scalar;
using lutra_test::bytes_of;
using lutra_test::mentions;
using lutra_test::number;

namespace {

std::string text_of(const lutra::MemoryWriter& out) {
    return {reinterpret_cast<const char*>(out.bytes().data()), out.bytes().size()};
}

/// 3 rows of 2 floats: 12 bytes each.
std::string three_rows() {
    lutra::MemoryWriter out;
    const std::vector<float> x{0, 1, 2, 3, 4, 5};
    REQUIRE(lutra::write_fvecs(out, {x.data(), 3, 2}).ok());
    return text_of(out);
}

std::string texmex_refusal(const std::string& file) {
    const auto a = parse_texmex(bytes_of(file), Scalar::f4);
    CHECK(a.status().code() == Errc::bad_file);
    return std::string(a.status().message());
}

}  // namespace

TEST_CASE("fvecs: what is written is what the format says, and is read back") {
    const std::string file = three_rows();
    CHECK(file.substr(0, 12) == number(std::int32_t{2}) + number(0.F) + number(1.F));
    const auto a = parse_texmex(bytes_of(file), Scalar::f4);
    REQUIRE(a.ok());
    CHECK(a->n == 3);
    CHECK(a->d == 2);
    std::vector<float> got(6);
    CHECK(lutra::read_rows(*a, 0, 3, got.data()).ok());
    CHECK(got == std::vector<float>{0, 1, 2, 3, 4, 5});
}

TEST_CASE("bvecs: bytes become floats") {
    const std::string file = number(std::int32_t{3}) + "\x01\x80\xff" + number(std::int32_t{3}) + std::string("\x00\x7f\x02", 3);
    const auto a = parse_texmex(bytes_of(file), Scalar::u1);
    REQUIRE(a.ok());
    std::vector<float> got(6);
    CHECK(lutra::read_rows(*a, 0, 2, got.data()).ok());
    CHECK(got == std::vector<float>{1, 128, 255, 0, 127, 2});
}

TEST_CASE("ivecs: ids are written and read back, -1 too") {
    lutra::MemoryWriter out;
    const std::vector<lutra::Id> ids{0, -1, 2147483647, 7};
    REQUIRE(lutra::write_ivecs(out, ids.data(), 2, 2).ok());
    const auto a = parse_texmex(out.bytes(), Scalar::i4);
    REQUIRE(a.ok());
    std::vector<lutra::Id> got(4);
    CHECK(lutra::read_rows(*a, 0, 2, got.data()).ok());
    CHECK(got == ids);
}

TEST_CASE("ivecs: an id past 32 bits is refused with its row") {
    lutra::MemoryWriter out;
    const std::vector<lutra::Id> ids{0, 1, 2147483648};
    const auto status = lutra::write_ivecs(out, ids.data(), 3, 1);
    CHECK(status.code() == Errc::bad_argument);
    CHECK(mentions(status.message(), "row 2 has id 2147483648"));
}

TEST_CASE("fvecs, ivecs: no rows or no columns cannot be written, since the file could not be read") {
    lutra::MemoryWriter out;
    CHECK(lutra::write_fvecs(out, {nullptr, 0, 4}).code() == Errc::bad_argument);
    CHECK(lutra::write_ivecs(out, nullptr, 4, 0).code() == Errc::bad_argument);
    CHECK(out.bytes().empty());
}

TEST_CASE("texmex: a row of another dimension is named when it is read, the last one at once") {
    const std::string other = number(std::int32_t{7});
    const auto a = parse_texmex(bytes_of(three_rows().replace(24, 4, other)), Scalar::f4);
    CHECK(mentions(a.status().message(), "row 2 says it has 7 columns, row 0 has 2"));
    const std::string file = three_rows().replace(12, 4, other);
    const auto b = parse_texmex(bytes_of(file), Scalar::f4);
    REQUIRE(b.ok());
    std::vector<float> got(6);
    CHECK(lutra::read_rows(*b, 0, 1, got.data()).ok());
    const auto status = lutra::read_rows(*b, 0, 3, got.data());
    CHECK(status.code() == Errc::bad_file);
    CHECK(mentions(status.message(), "row 1 says it has 7 columns, row 0 has 2"));
}

TEST_CASE("texmex: no rows, a dimension below 1 and a part of a row are refused") {
    CHECK(mentions(texmex_refusal(""), "no rows"));
    for (const std::int32_t d : {0, -1, -2147483647 - 1})
        CHECK(mentions(texmex_refusal(three_rows().replace(0, 4, number(d))), "row 0 says"));
    CHECK(mentions(texmex_refusal(three_rows().replace(0, 4, number(std::int32_t{2147483647}))), "36 bytes are not whole rows"));
    CHECK(mentions(texmex_refusal(three_rows() + "x"),
                   "37 bytes are not whole rows: row 0 says it has 2 columns, so each takes 12 bytes"));
}

TEST_CASE("texmex: a file cut inside a row is refused; cut between rows it is a shorter file") {
    const auto parse = [](std::span<const std::byte> bytes) {
        auto a = parse_texmex(bytes, Scalar::f4);
        if (a.ok() && bytes.size() % 12 == 0) return lutra::Result<lutra::RowArray>(lutra::Status{Errc::bad_file, "whole rows"});
        return a;
    };
    lutra_test::check_every_truncation(three_rows(), parse);
}

TEST_CASE("texmex: any wrong byte is refused or still gives rows inside the file") {
    for (const Scalar s : {Scalar::f4, Scalar::u1})
        lutra_test::try_every_corruption(three_rows(), 36, [&](std::span<const std::byte> bytes) {
            const auto a = parse_texmex(bytes, s);
            if (!a) return;
            std::vector<float> rows(a->n * a->d);
            CHECK(rows.size() <= bytes.size());
            static_cast<void>(lutra::read_rows(*a, 0, a->n, rows.data()).ok());
        });
}
