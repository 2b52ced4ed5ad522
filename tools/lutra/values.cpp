// tools/lutra/values.cpp: see values.hpp.  SPDX-License-Identifier: MIT
#include "values.hpp"

#include "spelling.hpp"
#include "text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace command {

namespace {
constexpr std::string_view kPrefixes = "kMGT";

/// The factor that "k", "M", "Ki" ... stand for; 1 for nothing, 0 for any other text.
double factor(std::string_view unit) {
    if (unit.empty()) return 1;
    const std::size_t power = kPrefixes.find(unit.front() == 'K'   ? 'k'
                                             : unit.front() == 'm' ? 'M'
                                             : unit.front() == 'g' ? 'G'
                                                                   : unit.front());
    const bool binary = unit.size() == 2 && unit[1] == 'i';
    if (power == kPrefixes.npos || (unit.size() != 1 && !binary)) return 0;
    return std::pow(binary ? 1024.0 : 1000.0, double(power + 1));
}

/// The end of the digits, sign, point and exponent that text begins with: strtod() alone would read "inf", "0x1" and " 1", too.
std::size_t digits_end(std::string_view text) {
    const std::size_t end = std::min(text.find_first_not_of("+-.0123456789"), text.size());
    if (end == text.size() || (text[end] != 'e' && text[end] != 'E')) return end;
    return std::min(text.find_first_not_of("+-0123456789", end + 1), text.size());
}

/// The error for a text that is no number, or one out of range; else the text becomes plain digits.
std::string read(std::string& text, double least, double most, bool whole, const std::string& accepted) {
    const std::optional<double> value = parse_number(text);
    if (!value) return fmt::format("\"{}\" is not a number; {}", text, accepted);
    if (whole && *value != std::floor(*value)) return fmt::format("{} is not a whole number; {}", text, accepted);
    if (*value < least || *value > most) return fmt::format("{} is out of range; {}", text, accepted);
    text = whole ? fmt::format("{:.0f}", *value) : fmt::format("{}", *value);
    return {};
}
}  // namespace

std::optional<double> parse_number(std::string_view text) {
    const std::string digits(text.substr(0, digits_end(text)));
    const double times = factor(text.substr(digits.size()));
    char* end = nullptr;
    const double value = std::strtod(digits.c_str(), &end) * times;
    if (digits.empty() || times == 0 || end != digits.c_str() + digits.size()) return std::nullopt;
    return value;
}

CLI::Validator whole_number(std::size_t least, std::size_t most) {
    const std::string accepted =
        most >= kAnyCount
            ? fmt::format("whole numbers of {} or more are accepted, as 20, 500k or 1e6", with_commas(least))
            : fmt::format("whole numbers from {} to {} are accepted, as 20, 5k or 1e3", with_commas(least), with_commas(most));
    return {[=](std::string& text) { return read(text, double(least), double(most), true, accepted); }, ""};
}

CLI::Validator number(double least, double most) {
    const std::string accepted = most == kAnyNumber ? fmt::format("numbers of {} or more are accepted", least)
                                                    : fmt::format("numbers from {} to {} are accepted", least, most);
    return {[=](std::string& text) { return read(text, least, most, false, accepted); }, ""};
}

CLI::Validator byte_count() {
    return {[](std::string& text) {
                if (text.ends_with('B') || text.ends_with('b')) text.pop_back();
                return read(text, 1, double(kAnyCount), true, "bytes are accepted, as 500M, 2GB or 1GiB");
            },
            ""};
}

CLI::Validator one_of(std::vector<std::string> words) {
    return {[words = std::move(words)](std::string& text) {
                const auto found = std::find(words.begin(), words.end(), CLI::detail::to_lower(text));
                if (found == words.end()) return fmt::format("\"{}\" is not one of {}", text, listed(words, "and"));
                text = std::to_string(found - words.begin());
                return std::string();
            },
            ""};
}

}  // namespace command
