// tests/io/row_array_test.cpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/io/row_array.hpp>

#include <cmath>
#include <vector>

#include "io/bytes.hpp"

using lutra::Errc;
using lutra::RowArray;
using lutra::RowOrder;
using lutra::Scalar;
using lutra_test::bytes_of;
using lutra_test::number;

namespace {

constexpr std::size_t kRows = 300, kColumns = 5;  // more rows than one tile of the column reader

/// Different in every place, and a value of every type: -100 ... 100 by the half, or whole for integers.
double value(Scalar s, std::size_t row, std::size_t column) {
    const double whole = double((row * 7 + column * 31) % 100);
    if (s == Scalar::u1) return whole;
    return s == Scalar::i1 || lutra::holds_ids(s) ? whole - 50 : whole / 2 - 25.5;
}

std::uint16_t half_bits(double v) {
    int exponent = 0;
    const double fraction = std::frexp(std::fabs(v), &exponent);  // [0.5, 1)
    const auto sign = std::uint16_t(std::signbit(v) ? 0x8000 : 0);
    return v == 0 ? sign : std::uint16_t(sign + ((exponent + 13) << 10) + int(std::ldexp(fraction, 11)));
}

std::string encode(Scalar s, double v, std::endian endian) {
    switch (s) {
        case Scalar::f2:
            return number(half_bits(v), endian);
        case Scalar::f4:
            return number(float(v), endian);
        case Scalar::f8:
            return number(v, endian);
        case Scalar::u1:
            return number(std::uint8_t(v), endian);
        case Scalar::i1:
            return number(std::int8_t(v), endian);
        case Scalar::i4:
            return number(std::int32_t(v), endian);
        case Scalar::i8:
            return number(std::int64_t(v), endian);
    }
    return {};
}

std::string encode_all(Scalar s, RowOrder order, std::endian endian) {
    std::string bytes;
    const bool by_columns = order == RowOrder::columns;
    for (std::size_t i = 0; i < (by_columns ? kColumns : kRows); ++i) {
        if (order == RowOrder::prefixed_rows) bytes += number(std::int32_t(kColumns));
        for (std::size_t j = 0; j < (by_columns ? kRows : kColumns); ++j)
            bytes += encode(s, by_columns ? value(s, j, i) : value(s, i, j), endian);
    }
    return bytes;
}

template <class To>
void check_rows(Scalar s, RowOrder order, std::endian endian, std::size_t offset) {
    CAPTURE(lutra::scalar_name(s));
    CAPTURE(int(order));
    const std::string bytes = std::string(offset, '#') + encode_all(s, order, endian);
    const std::size_t prefix = order == RowOrder::prefixed_rows ? 4 : 0;
    const RowArray a{bytes_of(bytes).data() + offset + prefix, kRows, kColumns, s, order, endian};
    for (const auto& [begin, end] : {std::pair<std::size_t, std::size_t>{0, kRows}, {3, 4}, {255, 258}, {kRows, kRows}}) {
        std::vector<To> got((end - begin) * kColumns + 1, To(-77)), want = got;
        for (std::size_t i = 0; i < want.size() - 1; ++i) want[i] = To(value(s, begin + i / kColumns, i % kColumns));
        CHECK(lutra::read_rows(a, begin, end, got.data()).ok());
        CHECK(got == want);
    }
}

}  // namespace

TEST_CASE("read_rows: every type of vectors, in every order and byte order, aligned or not, becomes the same floats") {
    for (const Scalar s : {Scalar::f2, Scalar::f4, Scalar::f8, Scalar::u1, Scalar::i1})
        for (const RowOrder order : {RowOrder::rows, RowOrder::columns, RowOrder::prefixed_rows})
            for (const std::endian endian : {std::endian::little, std::endian::big})
                for (const std::size_t offset : {0U, 1U}) check_rows<float>(s, order, endian, offset);
}

TEST_CASE("read_rows: 32- and 64-bit integers become ids") {
    for (const Scalar s : {Scalar::i4, Scalar::i8})
        for (const RowOrder order : {RowOrder::rows, RowOrder::columns, RowOrder::prefixed_rows})
            for (const std::endian endian : {std::endian::little, std::endian::big}) check_rows<lutra::Id>(s, order, endian, 1);
}

TEST_CASE("read_rows: doubles are rounded to the nearest float, and to infinity past the largest") {
    const std::string bytes = number(0.1) + number(1e300) + number(-1e300) + number(1e-300) + number(std::nan(""));
    const auto a = lutra::make_row_array(bytes_of(bytes), 1, 5, {nullptr, 0, 0, Scalar::f8, RowOrder::rows, std::endian::little});
    REQUIRE(a.ok());
    std::vector<float> got(5);
    REQUIRE(lutra::read_rows(*a, 0, 1, got.data()).ok());
    CHECK(got[0] == 0.1F);
    CHECK(got[1] == INFINITY);
    CHECK(got[2] == -INFINITY);
    CHECK(got[3] == 0.F);
    CHECK(std::isnan(got[4]));
}

TEST_CASE("make_row_array: only sizes that fill the bytes exactly are accepted, whatever a header says") {
    const std::string bytes(48, '\0');  // 3 rows of 4 floats
    constexpr std::uint64_t kHuge = std::uint64_t{1} << 62, kMost = ~std::uint64_t{0};
    CHECK(lutra::make_row_array(bytes_of(bytes), 3, 4, {}).ok());
    CHECK(lutra::make_row_array({}, 0, 4, {}).ok());
    const std::pair<std::uint64_t, std::uint64_t> bad[] = {{4, 4},     {2, 4},     {0, 4},         {3, 0},         {0, 0},
                                                           {kHuge, 4}, {4, kHuge}, {kMost, kMost}, {kHuge + 3, 4}, {0, kMost}};
    for (const auto& shape : bad) {
        const std::uint64_t n = shape.first, d = shape.second;
        CAPTURE(n);
        CAPTURE(d);
        CHECK(lutra::make_row_array(bytes_of(bytes), n, d, {}).status().code() == Errc::bad_file);
    }
}
