// lutra/factory/spec_error.hpp: formats errors in factory strings, with a caret under the bad part.
// SPDX-License-Identifier: MIT
//
//   cannot parse "IVF16, Flat": spaces are not allowed; expected an encoding (Flat, PQ{M}x4fs)
//     IVF16, Flat
//           ^
//     did you mean "IVF16,Flat"?
#pragma once
#include <lutra/core/result.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace lutra::inline LUTRA_ABI_TAG {

/// Builds the text of an error.
///   code      Errc::bad_spec (no such spelling) or Errc::unsupported (known, but not built in this version)
///   text      the whole factory string, any bytes: unprintable ones are shown as '?', so the caret stays right
///   column    0-based offset of the bad part in text; text.size() points behind the end
///   reason    what is wrong and what is accepted; cut if the message would be full
///   nearest   a spelling that parses, or nothing; left out if it is long
/// A long text is shown in part, around the caret.
Status spec_error(Errc code, std::string_view text, std::size_t column, std::string_view reason, std::string_view nearest = {});

namespace detail {
inline constexpr std::size_t kShownText = 60, kShownNearest = 72;

inline std::string printable(std::string_view text) {
    std::string out(text);
    std::replace_if(
        out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');  // also right where char is signed
    return out;
}

/// The part of a text that is shown, and where the caret goes in it.
struct Excerpt {
    std::string shown;
    std::size_t caret;
};

inline Excerpt excerpt(std::string_view text, std::size_t column) {
    column = std::min(column, text.size());
    if (text.size() <= kShownText) return {printable(text), column};
    const std::size_t begin = std::min(column - std::min(column, kShownText / 2), text.size() - kShownText);
    const std::string_view before = begin > 0 ? "..." : "", after = begin + kShownText < text.size() ? "..." : "";
    return {std::string(before).append(printable(text.substr(begin, kShownText))).append(after), before.size() + column - begin};
}

inline std::string suggestion_line(Errc code, std::string_view nearest) {
    if (nearest.empty() || nearest.size() > kShownNearest) return {};
    const std::string quoted = '"' + std::string(nearest) + '"';
    return code == Errc::unsupported ? "\n  nearest accepted: " + quoted : "\n  did you mean " + quoted + "?";
}

/// At most `room` characters, the cut marked with "..."; room >= 3.
inline std::string shortened(std::string text, std::size_t room) {
    if (text.size() > room) text.replace(room - 3, std::string::npos, "...");
    return text;
}
}  // namespace detail

inline Status spec_error(Errc code, std::string_view text, std::size_t column, std::string_view reason, std::string_view nearest) {
    const auto [shown, caret] = detail::excerpt(text, column);
    const std::string head = (code == Errc::unsupported ? "cannot build \"" : "cannot parse \"") + shown + "\": ";
    const std::string tail = "\n  " + shown + "\n  " + std::string(caret, ' ') + '^' + detail::suggestion_line(code, nearest);
    const std::size_t room = Message::kCapacity - head.size() - tail.size();  // over 170: every part above is bounded
    return {code, "{}{}{}", head, detail::shortened(detail::printable(reason), room), tail};
}

}  // namespace lutra::inline LUTRA_ABI_TAG
