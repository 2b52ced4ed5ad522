// Tests of core/part_cost.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/part_cost.hpp>

using lutra::detail::bytes_text;

TEST_CASE("bytes_text: rounds to a tenth of the unit, also up to the next unit") {
    CHECK(bytes_text(0) == "0 bytes");
    CHECK(bytes_text(999) == "999 bytes");
    CHECK(bytes_text(999.5) == "1.0 kB");
    CHECK(bytes_text(1024) == "1.0 kB");
    CHECK(bytes_text(1990) == "2.0 kB");
    CHECK(bytes_text(123'460) == "123.5 kB");
    CHECK(bytes_text(999'949) == "999.9 kB");
    CHECK(bytes_text(999'950) == "1.0 MB");
    CHECK(bytes_text(20'680'000) == "20.7 MB");
    CHECK(bytes_text(1234.5e12) == "1,234.5 TB");
}

TEST_CASE("with_commas: sets one before every three digits") {
    using lutra::detail::with_commas;
    CHECK(with_commas(0) == "0");
    CHECK(with_commas(999) == "999");
    CHECK(with_commas(20'040) == "20,040");
    CHECK(with_commas(18'446'744'073'709'551'615U) == "18,446,744,073,709,551,615");
}
