// Tests of core/message.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/message.hpp>

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#include "support/count_new.hpp"

using lutra::Message;

namespace {
/// n letters; the compiler must not know n, or it warns of the cut it can see coming.
std::string letters(std::size_t n) {
    const volatile std::size_t hidden = n;
    return std::string(hidden, 'a');
}
}  // namespace

TEST_CASE("Message: arguments take the places of {} in order") {
    CHECK(Message::format("{} of {}, {}", 1, "two", std::string("three")).view() == "1 of two, three");
}

TEST_CASE("Message: numbers of every kind are written in full") {
    CHECK(Message::format("{}", std::numeric_limits<std::uint64_t>::max()).view() == "18446744073709551615");
    CHECK(Message::format("{}", std::numeric_limits<std::int64_t>::min()).view() == "-9223372036854775808");
    CHECK(Message::format("{} {}", 0.5F, -1e300).view() == "0.5 -1e+300");
    CHECK(Message::format("{}{}", 'x', true).view() == "xtrue");
}

TEST_CASE("Message: places without an argument and arguments without a place do no harm") {
    CHECK(Message::format("{} and {}", 1).view() == "1 and {}");
    CHECK(Message::format("none", 1, 2).view() == "none");
    CHECK(Message::format("").view().empty());
}

TEST_CASE("Message: braces inside an argument are text") { CHECK(Message::format("{} {}", "{}", 2).view() == "{} 2"); }

TEST_CASE("Message: a text of exactly the capacity is kept whole") {
    const std::string text = letters(Message::kCapacity);
    CHECK(Message::format(text).view() == text);
}

TEST_CASE("Message: what does not fit is cut and marked") {
    const std::string text = letters(Message::kCapacity + 1);
    const std::string cut = letters(Message::kCapacity - 3) + "...";
    CHECK(Message::format(text).view() == cut);
    CHECK(Message::format("{}{}", text, 12345).view() == cut);
    CHECK(Message::format("{}{}", letters(Message::kCapacity - 2), 12345).view() == cut);
}

TEST_CASE("Message: c_str ends with the text") {
    const Message m = Message::format("{}", letters(2 * Message::kCapacity));
    CHECK(std::strlen(m.c_str()) == m.view().size());
    CHECK(std::strlen(Message().c_str()) == 0);
}

TEST_CASE("Message: formatting allocates nothing") {
    const std::string text = letters(2 * Message::kCapacity);
    const std::size_t before = lutra_test::allocations();
    const Message m = Message::format("{} {} {}", 1.5, 12345, text);
    CHECK(lutra_test::allocations() == before);
    CHECK(m.view().size() == Message::kCapacity);
}

TEST_CASE("Message: an argument may be a function that makes it, or a message") {
    const auto made = [] { return std::string("made"); };
    const Message part = Message::format("{} of {}", 1, 2);
    CHECK(Message::format("{}, {}, {}", made, part, [&] { return part; }).view() == "made, 1 of 2, 1 of 2");
}
