// tests/io/path_text_test.cpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/core/result.hpp>
#include <lutra/io/path_text.hpp>

#include <string>
#include <string_view>
#include <utility>

using lutra::path_text;
using lutra::printable;

TEST_CASE("printable: text of every language stays as it is") {
    for (const std::string_view text : {"", "a b.npy", "\xC3\xBC", "\xE2\x82\xAC", "\xF0\x9F\x8E\xB5.npy", "\xEE\x80\x80", "\\n"})
        CHECK(printable(text) == text);
}

TEST_CASE("printable: control characters are shown as what they are, and no terminal obeys them") {
    CHECK(printable("a\nb\tc\rd") == "a\\nb\\tc\\rd");
    CHECK(printable("\x1b[31mred\x07\x7f") == "\\x1b[31mred\\x07\\x7f");
    CHECK(printable(std::string_view("\0x", 2)) == "\\x00x");
    CHECK(printable("\xC2\x9B"
                    "31m") == "\\xc2\\x9b31m");  // C1: a control sequence in two bytes
    CHECK(printable("\xC2\xA0") == "\xC2\xA0");
}

TEST_CASE("printable: bytes that are no UTF-8 are escaped one by one, and what follows them is read") {
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"\xFFx", "\\xffx"},                           // never a first byte
        {"\x80", "\\x80"},                             // nothing to follow
        {"\xC3", "\\xc3"},                             // cut
        {"\xE2\x82", "\\xe2\\x82"},                    //
        {"\xE2\x82\n", "\\xe2\\x82\\n"},               // cut by a control character
        {"\xC0\x8A", "\\xc0\\x8a"},                    // a newline in two bytes
        {"\xE0\x80\x8A", "\\xe0\\x80\\x8a"},           // in three
        {"\xF0\x80\x80\x8A", "\\xf0\\x80\\x80\\x8a"},  // in four
        {"\xED\xA0\x80", "\\xed\\xa0\\x80"},           // half of a pair
        {"\xF4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // past the last character
    };
    for (const auto& [text, shown] : cases) CHECK(printable(text) == shown);
}

TEST_CASE("path_text: of a long path the middle goes, its beginning and its end stay") {
    const std::string exact(lutra::kLongestPathText, 'x'), path = "/begin/" + std::string(4000, 'm') + "/end.npy";
    CHECK(path_text(exact) == exact);
    CHECK(path_text(path).size() == lutra::kLongestPathText);
    CHECK(path_text(path).starts_with("/begin/mmm"));
    CHECK(path_text(path).ends_with("mmm/end.npy"));
    CHECK(path_text(path).find("m...m") != std::string::npos);
}

TEST_CASE("path_text: no character is cut in two") {
    for (std::size_t shift = 0; shift < 4; ++shift) {
        std::string path(shift, 'x');
        for (int i = 0; i < 500; ++i) path += "\xF0\x9F\x8E\xB5";
        const std::string text = path_text(path);
        CHECK(text.size() <= lutra::kLongestPathText);
        CHECK(printable(text) == text);
    }
}

TEST_CASE("path_text: a message of two long paths keeps what it says about them") {
    const std::string path(4000, 'p');
    const lutra::Status status{lutra::Errc::bad_argument, "{} has {} columns, {} has {}; all files of a folder must have the same",
                               path_text(path),           123456,
                               path_text(path),           654321};
    CHECK(status.message().ends_with("all files of a folder must have the same"));
}
