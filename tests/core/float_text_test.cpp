// Tests of core/float_text.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/float_text.hpp>
#include <lutra/core/random.hpp>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <type_traits>

namespace {
template <class T>
std::string text(T x) {
    char to[32];
    return {to, lutra::float_text(x, to)};
}

template <class T>
T read_back(const std::string& s) {
    if constexpr (std::is_same_v<T, float>)
        return std::strtof(s.c_str(), nullptr);
    else
        return std::strtod(s.c_str(), nullptr);
}

// The bits of a random number, of each exponent and of each power of two, all but infinities and NaN, are read back.
template <class T, class Bits>
void check_round_trip(int fraction, std::size_t n) {
    lutra::Rng rng(7);
    const auto check = [](Bits bits) {
        const T x = lutra::bit_cast<T>(bits);
        if (x - x != 0) return;
        const std::string s = text(x);
        REQUIRE_MESSAGE(lutra::bit_cast<Bits>(read_back<T>(s)) == bits, s);
        REQUIRE(s.size() <= std::size_t(std::numeric_limits<T>::max_digits10) + 7);
    };
    for (Bits exponent = 0; exponent < Bits{1} << (8 * sizeof(T) - std::size_t(fraction)); ++exponent) check(exponent << fraction);
    for (std::size_t i = 0; i < n; ++i) check(Bits(std::uint64_t{rng.next()} << 32 | rng.next()));
}
}  // namespace

TEST_CASE("float_text: the fewest digits, in the shorter of both forms") {
    CHECK(text(0.1F) == "0.1");
    CHECK(text(0.1) == "0.1");
    CHECK(text(1.F / 3) == "0.33333334");
    CHECK(text(123.5F) == "123.5");
    CHECK(text(-2.F) == "-2");
    CHECK(text(16777216.F) == "16777216");
    CHECK(text(1000.F) == "1000");
    CHECK(text(100000.F) == "1e+05");
    CHECK(text(0.015F) == "0.015");
    CHECK(text(0.001F) == "0.001");
    CHECK(text(1e-4F) == "1e-04");
    CHECK(text(1.25e-7F) == "1.25e-07");
    CHECK(text(1e38F) == "1e+38");
    CHECK(text(-1e300) == "-1e+300");
}

TEST_CASE("float_text: zeros, infinities, NaN and the ends of the range") {
    CHECK(text(0.F) == "0");
    CHECK(text(-0.F) == "-0");
    CHECK(text(std::numeric_limits<float>::infinity()) == "inf");
    CHECK(text(-std::numeric_limits<double>::infinity()) == "-inf");
    CHECK(text(std::abs(std::numeric_limits<float>::quiet_NaN())) == "nan");
    CHECK(text(std::numeric_limits<float>::max()) == "3.4028235e+38");
    CHECK(text(std::numeric_limits<float>::min()) == "1.1754944e-38");
    CHECK(text(std::numeric_limits<float>::denorm_min()) == "1e-45");
    CHECK(text(std::numeric_limits<double>::max()) == "1.7976931348623157e+308");
    CHECK(text(std::numeric_limits<double>::denorm_min()) == "5e-324");
}

TEST_CASE("float_text: what is written reads back as the same number") {
    check_round_trip<float, std::uint32_t>(23, 100'000);
    check_round_trip<double, std::uint64_t>(52, 2'000);
}
