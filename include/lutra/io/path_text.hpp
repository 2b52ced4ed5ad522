// lutra/io/path_text.hpp: makes file names safe to show in messages.  SPDX-License-Identifier: MIT
//
// A file name may hold any byte: a newline would forge a line of output, an escape sequence would control a terminal, and a long
// path would push the reason out of a message of fixed size.
#pragma once
#include <lutra/core/config.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace lutra::inline LUTRA_ABI_TAG {

/// The longest result of path_text(): two paths and a sentence fit into a Message.
inline constexpr std::size_t kLongestPathText = 200;

/// Printable text: control characters, and bytes that are not UTF-8, become \n, \t, \r or \x1b. The rest stays.
std::string printable(std::string_view text);

/// A path, printable; of a long one the middle is left out, marked by "...".
std::string path_text(std::string_view path);

namespace detail {

/// Bytes of the UTF-8 character that text begins with; 0 if it begins with none.
inline std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? unsigned(static_cast<unsigned char>(text[i])) : 0U; };
    const unsigned first = byte(0), second = byte(1);
    const std::size_t length = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xC0) != 0x80) return 0;
    const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
    const bool no_character = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
    return text.empty() || overlong || no_character ? 0 : length;
}

/// C0, DEL, and C1, which is two bytes in UTF-8.
inline bool is_control(std::string_view character) {
    const auto first = static_cast<unsigned char>(character.front());
    return first < 0x20 || first == 0x7F || (first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0);
}

inline void append_escaped(char c, std::string& to) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    if (c == '\n') return void(to += "\\n");
    if (c == '\t') return void(to += "\\t");
    if (c == '\r') return void(to += "\\r");
    const auto byte = static_cast<unsigned char>(c);
    to.append("\\x").append(1, kDigits[byte / 16]).append(1, kDigits[byte % 16]);
}

/// The first size or fewer bytes of text: no UTF-8 character is cut.
inline std::string_view cut_text(std::string_view text, std::size_t size) {
    if (size >= text.size()) return text;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
    return text.substr(0, size);
}

}  // namespace detail

inline std::string printable(std::string_view text) {
    std::string shown;
    while (!text.empty()) {
        const std::size_t length = detail::utf8_length(text);
        const std::string_view next = text.substr(0, length == 0 ? 1 : length);
        if (length != 0 && !detail::is_control(next))
            shown += next;
        else
            for (const char c : next) detail::append_escaped(c, shown);
        text.remove_prefix(next.size());
    }
    return shown;
}

inline std::string path_text(std::string_view path) {
    constexpr std::string_view kCut = "...";
    constexpr std::size_t kFront = kLongestPathText / 3, kBack = kLongestPathText - kFront - kCut.size();
    const std::string text = printable(path);
    if (text.size() <= kLongestPathText) return text;
    std::size_t back = text.size() - kBack;  // the end says more than the beginning: it is the file's own name
    while ((static_cast<unsigned char>(text[back]) & 0xC0) == 0x80) ++back;
    return std::string(detail::cut_text(text, kFront)).append(kCut).append(text, back);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
