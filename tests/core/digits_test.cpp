// Tests of core/digits.hpp.  SPDX-License-Identifier: MIT
#include <lutra/core/digits.hpp>

#include <doctest/doctest.h>

#include <limits>

namespace {

TEST_CASE("read_digits: takes the digits at the front of a text, and leaves the rest") {
    std::string_view text = "0042x7";
    CHECK(lutra::detail::read_digits(text, 100) == 42);
    CHECK(text == "x7");
}

TEST_CASE("read_digits: no digits and numbers above the most are nothing, and the text stays") {
    for (std::string_view text : {"", "x", "-1", "+1", " 1", "8", "10", "18446744073709551616", "99999999999999999999999"}) {
        CAPTURE(text);
        std::string_view rest = text;
        CHECK(!lutra::detail::read_digits(rest, 7));
        CHECK(rest == text);
    }
    std::string_view largest = "18446744073709551615", beyond = "18446744073709551616";
    CHECK(lutra::detail::read_digits(largest, std::numeric_limits<std::uint64_t>::max()) ==
          std::numeric_limits<std::uint64_t>::max());
    CHECK(!lutra::detail::read_digits(beyond, std::numeric_limits<std::uint64_t>::max()));
}

}  // namespace
