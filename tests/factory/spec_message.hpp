// tests/factory/spec_message.hpp: reads the parts of a factory-string error back out of its text, and the toy encodings that
// the parser is tested with.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/factory/spec.hpp>
#include <lutra/transform/l2norm.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace spec_test {
inline std::optional<lutra::Status> check_flat(std::string_view token, std::size_t, lutra::Metric, bool) {
    if (token != "Flat") return std::nullopt;
    return lutra::Status{};
}

/// "Half" with an even d: its own token that can be wrong. "Halfr" needs lists.
inline std::optional<lutra::Status> check_half(std::string_view token, std::size_t d, lutra::Metric, bool in_lists) {
    if (token != "Half" && token != "Halfr") return std::nullopt;
    if (d % 2 != 0) return lutra::Status{lutra::Errc::bad_spec, "Half needs an even d, not {}", d};
    if (token == "Halfr" && !in_lists) return lutra::Status{lutra::Errc::bad_spec, "Halfr needs IVF{n}, before it"};
    return lutra::Status{};
}

inline constexpr std::array<lutra::TransformWord, 1> kL2norm{lutra::detail::transform_word<lutra::L2norm>()};
inline constexpr std::array<lutra::EncodingWord, 1> kFlat{{{"Flat", check_flat}}};
inline constexpr std::array<lutra::EncodingWord, 3> kFlatHalf{{{"Flat", check_flat}, {"Half", check_half}, {"Halfr", check_half}}};
inline constexpr lutra::SpecWords kFlatOnly{kFlat, kL2norm}, kFlatAndHalf{kFlatHalf, kL2norm};

/// The text between the last `begin` and the next `end` after it; empty if there is none.
inline std::string between(std::string_view message, std::string_view begin, std::string_view end) {
    const std::size_t at = message.rfind(begin);
    if (at == std::string_view::npos) return {};
    message.remove_prefix(at + begin.size());
    return std::string(message.substr(0, message.find(end)));
}

inline std::string suggestion(std::string_view message) {
    const std::string meant = between(message, "\n  did you mean \"", "\"?");
    return meant.empty() ? between(message, "\n  nearest accepted: \"", "\"") : meant;
}

inline std::string shown_line(std::string_view message) {
    const std::size_t first = message.find('\n');
    return first == std::string_view::npos ? std::string()
                                           : std::string(message.substr(first + 3, message.find('\n', first + 1) - first - 3));
}

/// Where the caret points in shown_line(); npos if there is no caret line.
inline std::size_t caret(std::string_view message) {
    const std::size_t first = message.find('\n');
    const std::size_t second = first == std::string_view::npos ? first : message.find('\n', first + 1);
    if (second == std::string_view::npos) return second;
    const std::string_view line = message.substr(second + 1, message.find('\n', second + 1) - second - 1);
    const std::size_t at = line.find_first_not_of(' ');
    return at == std::string_view::npos || line.substr(at) != "^" ? std::string_view::npos : at - 2;
}

/// What must hold for any bytes: a spec whose canonical text means the same, or an error with a caret and a suggestion that
/// parses. Returns what is broken, or nullptr.
inline const char* broken_promise(std::string_view text, std::size_t d, const lutra::SpecWords& words,
                                  lutra::Metric metric = lutra::Metric::l2) {
    const auto spec = lutra::parse_spec(text, d, metric, words);
    if (spec.ok()) {
        if (!spec.status().message().empty()) return "a message without an error";
        if (spec->text != text) return "the text is not kept";
        const auto again = lutra::parse_spec(lutra::to_string(*spec), d, metric, words);
        return again.ok() && lutra::to_string(*again) == lutra::to_string(*spec) ? nullptr : "the canonical text does not parse";
    }
    const std::string_view message = spec.status().message();
    if (message.empty()) return "an error without a message";
    if (message.size() >= lutra::Message::kCapacity) return "the message is cut";
    if (caret(message) == std::string_view::npos || caret(message) > shown_line(message).size()) return "no caret";
    if (!std::all_of(message.begin(), message.end(), [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }))
        return "unprintable";
    const std::string nearest = suggestion(message);
    if (nearest.empty()) return text.size() > 40 ? nullptr : "no suggestion";
    return lutra::parse_spec(nearest, d, metric, words).ok() ? nullptr : "the suggestion does not parse";
}
}  // namespace spec_test
