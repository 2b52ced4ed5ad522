// tests/io/half_test.cpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/io/half.hpp>

#include <cmath>

TEST_CASE("half_to_float: all 65,536 halves have the value the standard gives them") {
    for (unsigned bits = 0; bits < 65536; ++bits) {
        const int exponent = int(bits >> 10 & 31), mantissa = int(bits & 1023);
        const float got = lutra::half_to_float(std::uint16_t(bits));
        bool good = std::signbit(got) == (bits >= 0x8000);
        if (exponent == 31 && mantissa != 0)
            good = good && std::isnan(got);
        else if (exponent == 31)
            good = good && std::isinf(got);
        else if (exponent == 0)
            good = good && double(std::fabs(got)) == std::ldexp(double(mantissa), -24);
        else
            good = good && double(std::fabs(got)) == std::ldexp(1024.0 + mantissa, exponent - 25);
        if (!good) FAIL_CHECK("half " << bits << " became " << got);
    }
}
