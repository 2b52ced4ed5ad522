// tests/io/npy_test.cpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/io/npy.hpp>

#include <vector>

#include "io/bytes.hpp"

using lutra::Errc;
using lutra::parse_npy;
using lutra::RowOrder;
using lutra::Scalar;
using lutra_test::bytes_of;
using lutra_test::mentions;
using lutra_test::npy_dictionary;
using lutra_test::npy_file;

namespace {

const std::string kSixFloats = [] {
    std::string bytes;
    for (int i = 0; i < 6; ++i) bytes += lutra_test::number(float(i));
    return bytes;
}();

std::string npy_refusal(const std::string& file) {
    const auto a = parse_npy(bytes_of(file));
    CHECK(a.status().code() == Errc::bad_file);
    return std::string(a.status().message());
}
std::string refusal_of(std::string_view dictionary) { return npy_refusal(npy_file(dictionary, kSixFloats)); }

}  // namespace

TEST_CASE("parse_npy: versions 1, 2 and 3 are read") {
    for (const char version : {'\1', '\2', '\3'}) {
        const std::string file = npy_file(npy_dictionary("<f4", "(2, 3)"), kSixFloats, version);
        const auto a = parse_npy(bytes_of(file));
        REQUIRE(a.ok());
        std::vector<float> got(6);
        CHECK(lutra::read_rows(*a, 0, 2, got.data()).ok());
        CHECK(got == std::vector<float>{0, 1, 2, 3, 4, 5});
    }
}

TEST_CASE("parse_npy: the type is read from every spelling of it") {
    struct Row {
        const char* descr;
        Scalar scalar;
        std::endian endian;
    };
    const Row rows[] = {{"<f2", Scalar::f2, std::endian::little}, {">f2", Scalar::f2, std::endian::big},
                        {">f4", Scalar::f4, std::endian::big},    {"=f4", Scalar::f4, std::endian::native},
                        {"<f8", Scalar::f8, std::endian::little}, {">f8", Scalar::f8, std::endian::big},
                        {"|u1", Scalar::u1, std::endian::native}, {"|i1", Scalar::i1, std::endian::native},
                        {"<u1", Scalar::u1, std::endian::little}, {"<i4", Scalar::i4, std::endian::little},
                        {">i8", Scalar::i8, std::endian::big}};
    for (const Row& row : rows) {
        CAPTURE(row.descr);
        const std::string file =
            npy_file(npy_dictionary(row.descr, "(1, 2)"), std::string(2 * lutra::scalar_size(row.scalar), '\1'));
        const auto a = parse_npy(bytes_of(file));
        REQUIRE(a.ok());
        CHECK(a->scalar == row.scalar);
        CHECK(a->endian == row.endian);
    }
}

TEST_CASE("parse_npy: Fortran order is columns") {
    const std::string file = npy_file(npy_dictionary("<f4", "(2, 3)", true), kSixFloats);
    const auto a = parse_npy(bytes_of(file));
    REQUIRE(a.ok());
    CHECK(a->order == RowOrder::columns);
    std::vector<float> got(6);
    CHECK(lutra::read_rows(*a, 0, 2, got.data()).ok());
    CHECK(got == std::vector<float>{0, 2, 4, 1, 3, 5});
}

TEST_CASE("parse_npy: one dimension is one row, in both orders") {
    for (const bool fortran : {false, true}) {
        const std::string file = npy_file(npy_dictionary("<f4", "(6,)", fortran), kSixFloats);
        const auto a = parse_npy(bytes_of(file));
        REQUIRE(a.ok());
        CHECK(a->n == 1);
        CHECK(a->d == 6);
        std::vector<float> got(6);
        CHECK(lutra::read_rows(*a, 0, 1, got.data()).ok());
        CHECK(got == std::vector<float>{0, 1, 2, 3, 4, 5});
    }
}

TEST_CASE("parse_npy: no rows is an array") {
    const std::string file = npy_file(npy_dictionary("<f4", "(0, 3)"), "");
    const auto a = parse_npy(bytes_of(file));
    REQUIRE(a.ok());
    CHECK(a->n == 0);
    CHECK(a->d == 3);
}

TEST_CASE("parse_npy: a dictionary may be written in other ways") {
    for (const std::string_view dictionary : {"{'descr':'<f4','fortran_order':False,'shape':(2,3)}",
                                              "{ \"shape\" : ( 2 , 3 , ) , \"fortran_order\" : False , \"descr\" : \"<f4\" } \n ",
                                              "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }"}) {
        CAPTURE(dictionary);
        const std::string file = npy_file(dictionary, kSixFloats);
        const auto a = parse_npy(bytes_of(file));
        REQUIRE(a.ok());
        CHECK(a->n == 2);
        CHECK(a->d == 3);
    }
}

TEST_CASE("parse_npy: other dimensions are refused, and what is accepted is named") {
    CHECK(mentions(refusal_of(npy_dictionary("<f4", "()")), "0 dimensions; 2 (rows, columns) or 1 (a single row) are accepted"));
    CHECK(mentions(refusal_of(npy_dictionary("<f4", "(1, 2, 3)")), "3 dimensions"));
    CHECK(mentions(refusal_of(npy_dictionary("<f4", "(0,)")), "0 columns"));
    CHECK(mentions(refusal_of(npy_dictionary("<f4", "(6, 0)")), "0 columns"));
}

TEST_CASE("parse_npy: other types are refused, and the accepted ones are named") {
    for (const std::string_view descr : {"<c8", "<u4", "|b1", "|O", "<U5", "f4", "", "<", "!f4", "<f44", "<f16"}) {
        CAPTURE(descr);
        CHECK(mentions(refusal_of(npy_dictionary(descr, "(2, 3)")), "f2, f4, f8, u1, i1"));
    }
    CHECK(mentions(refusal_of("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (6,), }"), "quoted text such as '<f4'"));
}

TEST_CASE("parse_npy: a malformed dictionary is refused") {
    for (const std::string_view dictionary : {"",
                                              "{",
                                              "}",
                                              "{}",
                                              "()",
                                              "{'descr'}",
                                              "{'descr': }",
                                              "{'descr': '<f4}",
                                              "{'descr': '<f4' 'shape': (6,)}",
                                              "{'descr': '<f4', 'fortran_order': False}",
                                              "{'descr': '<f4', 'shape': (6,)}",
                                              "{'fortran_order': False, 'shape': (6,)}",
                                              "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,)}",
                                              "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'more': 1}",
                                              "{'descr': '<f4', 'fortran_order': false, 'shape': (6,)}",
                                              "{'descr': '<f4', 'fortran_order': 0, 'shape': (6,)}",
                                              "{'descr': '<f4', 'fortran_order': False, 'shape': 6}",
                                              "{'descr': '<f4', 'fortran_order': False, 'shape': (-6,)}",
                                              "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}",
                                              "{'descr': '<f4', 'fortran_order': False, 'shape': (6.0,)}",
                                              "{'descr': '<f4', 'fortran_order': False, 'shape': (6,",
                                              "{'descr': '<f4', 'fortran_order': False, 'shape': (6,)} x"}) {
        CAPTURE(dictionary);
        refusal_of(dictionary);
    }
}

TEST_CASE("parse_npy: a shape that does not fit the file is refused, also where sizes overflow") {
    for (const std::string_view shape :
         {"(7,)", "(5,)", "(3, 3)", "(2, 2)", "(1, 2)", "(4611686018427387904, 4)", "(4, 4611686018427387904)",
          "(18446744073709551615, 18446744073709551615)", "(4294967296, 4294967296)", "(99999999999999999999999, 1)",
          "(2147483648, 2147483648)", "(9223372036854775809, 2)"}) {
        CAPTURE(shape);
        refusal_of(npy_dictionary("<f4", shape));
    }
    CHECK(
        mentions(refusal_of(npy_dictionary("<f4", "(3, 3)")), "truncated: the header says 3 rows of 12 bytes, 24 bytes follow it"));
    CHECK(mentions(refusal_of(npy_dictionary("<f4", "(1, 5)")), "4 bytes too many after 1 rows of 20 bytes"));
}

TEST_CASE("parse_npy: foreign files, unknown versions, long headers and text that is not ASCII are refused") {
    const std::string good = npy_file(npy_dictionary("<f4", "(2, 3)"), kSixFloats);
    CHECK(mentions(npy_refusal("PK\3\4 a zip file"), "not a .npy file"));
    CHECK(mentions(npy_refusal(std::string(good).replace(6, 1, "\4")), "version 4.0 is unknown; 1.0, 2.0 and 3.0 are accepted"));
    CHECK(mentions(npy_refusal(std::string(good).replace(7, 1, "\1")), "version 1.1"));
    CHECK(mentions(npy_refusal(std::string(good).replace(8, 2, "\xff\xff")), "header is said to have 65535 bytes"));
    CHECK(mentions(refusal_of("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), '\xc3\xa9': 1}"), "not ASCII"));
}

TEST_CASE("parse_npy: a file cut at any byte is refused") {
    for (const char version : {'\1', '\2', '\3'})
        lutra_test::check_every_truncation(npy_file(npy_dictionary("<f4", "(2, 3)"), kSixFloats, version), parse_npy);
}

TEST_CASE("parse_npy: any wrong byte in a header is refused or still gives rows inside the file") {
    for (const char version : {'\1', '\2'}) {
        const std::string file = npy_file(npy_dictionary("<f4", "(2, 3)"), kSixFloats, version);
        lutra_test::try_every_corruption(file, file.size() - kSixFloats.size(), [](std::span<const std::byte> bytes) {
            const auto a = parse_npy(bytes);
            if (!a || lutra::holds_ids(a->scalar)) return;
            std::vector<float> rows(a->n * a->d);
            CHECK(rows.size() <= bytes.size());
            CHECK(lutra::read_rows(*a, 0, a->n, rows.data()).ok());
        });
    }
}

TEST_CASE("write_npy: writes floats as numpy.save does, byte for byte") {
    lutra::MemoryWriter out;
    const std::vector<float> x{0, 1, 2, 3, 4, 5};
    REQUIRE(lutra::write_npy(out, {x.data(), 2, 3}).ok());
    const std::string dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    const std::string want = npy_file(dictionary + std::string(117 - dictionary.size(), ' '), kSixFloats);
    CHECK(want.size() == 128 + 24);
    CHECK(std::string(reinterpret_cast<const char*>(out.bytes().data()), out.bytes().size()) == want);
}

TEST_CASE("write_npy: what it writes is read back, without rows too") {
    for (const std::size_t n : {0U, 1U, 5U}) {
        lutra::MemoryWriter out;
        const std::vector<lutra::Id> ids{5, -1, std::int64_t{1} << 40, 0, 9, 3, 2, 1, 7, 8};
        REQUIRE(lutra::write_npy(out, ids.data(), n, 2).ok());
        const auto a = parse_npy(out.bytes());
        REQUIRE(a.ok());
        CHECK(a->n == n);
        CHECK(a->d == 2);
        std::vector<lutra::Id> got(n * 2);
        CHECK(lutra::read_rows(*a, 0, n, got.data()).ok());
        CHECK(std::equal(got.begin(), got.end(), ids.begin()));
    }
}

TEST_CASE("write_npy: the largest shape still fits the header") {
    lutra::MemoryWriter out;
    REQUIRE(lutra::detail::write_npy_header(out, "<f4", ~std::size_t{0}, ~std::size_t{0}).ok());
    CHECK(out.bytes().size() == 128);
    const std::string header(reinterpret_cast<const char*>(out.bytes().data()), 128);
    CHECK(mentions(header, "(18446744073709551615, 18446744073709551615), }"));
    CHECK(header.back() == '\n');
}
