// tools/lutra/values.hpp: what flags take: numbers as people write them, and one of several words.  SPDX-License-Identifier: MIT
#pragma once
#include <CLI/CLI.hpp>

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace command {

/// "20", "2.5", "1e6", "500k", "1M", "2G", "1T" (powers of 1,000), "4Ki" (of 1,024); nothing if the text is not such a number,
/// infinity if it is larger than any double.
std::optional<double> parse_number(std::string_view text);

inline constexpr std::size_t kAnyCount = std::size_t{1} << 48;  // more than memory and disks hold
inline constexpr double kAnyNumber = std::numeric_limits<float>::max();

/// For Option::transform(): a number, written as parse_number() reads it, becomes plain digits. An error says what is accepted.
CLI::Validator whole_number(std::size_t least, std::size_t most = kAnyCount);
CLI::Validator number(double least, double most = kAnyNumber);
/// Bytes: "500M", "2GB", "1GiB".
CLI::Validator byte_count();

/// For Option::transform(): one of `words`, in any letter case, becomes its place among them.
CLI::Validator one_of(std::vector<std::string> words);

/// A flag that takes one of several words.
template <class T>
CLI::Option* add_choice(CLI::App* verb, const std::string& name, T& value, std::vector<std::pair<std::string, T>> choices,
                        const std::string& help) {
    std::vector<std::string> words;
    std::vector<T> values;
    for (const auto& [word, of_word] : choices) words.push_back(word), values.push_back(of_word);
    const auto set = [&value, values](const std::size_t& place) { value = values.at(place); };
    return verb->add_option_function<std::size_t>(name, set, help)
        ->transform(one_of(words))
        ->option_text(CLI::detail::join(words, "|"));
}

}  // namespace command
