// lutra/core/part_cost.hpp: the self-description of a part for explain(): a sentence, bytes, seconds, warnings.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/config.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Multiply-adds a second of one core with AVX-512 (Zen 4), from which all seconds below are estimated.
inline constexpr double kMultiplyAddsPerSecond = 50e9;

/// One encoding or transform, for vectors of a given d.
struct PartCost {
    std::string sentence;  ///< the effect of the part
    bool exact = false;    ///< encodings: distances are those of the rows, so a refine stage has nothing to do
    double row_bytes = 0;  ///< in memory, beside code_size()
    std::size_t least_training_rows = 0;
    double train_seconds = 0;           ///< all of it
    double add_seconds = 0;             ///< a row
    double search_seconds = 0;          ///< encodings: a row that a query visits; transforms: a query
    std::string unrefined;              ///< without a refine stage behind it: a warning; of a transform, the meaning of distances
    std::string refined;                ///< a warning if a refine stage follows
    std::vector<std::string> warnings;  ///< in any case
};

namespace detail {

inline std::string joined(std::initializer_list<std::string_view> parts) {
    std::string text;
    for (const std::string_view part : parts) text.append(part);
    return text;
}

/// "20,040"
inline std::string with_commas(std::uint64_t n) {
    const std::string digits = std::to_string(n);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i != 0 && (digits.size() - i) % 3 == 0) text.push_back(',');
        text.push_back(digits[i]);
    }
    return text;
}

inline std::string count_text(double n) { return with_commas(std::uint64_t(std::llround(n))); }

/// "512 bytes", "20.7 MB", rounded; 1 MB is 10^6 bytes.
inline std::string bytes_text(double bytes) {
    if (bytes < 999.5) return joined({count_text(bytes), " bytes"});
    const char* const units[] = {"kB", "MB", "GB", "TB"};
    std::size_t unit = 0;
    double tenth = 100;  // of the unit; a division by it gives .5 exactly, for x87 too
    for (; bytes / tenth >= 9999.5 && unit < 3; ++unit) tenth *= 1000;
    const auto tenths = std::uint64_t(std::llround(bytes / tenth));
    return joined({with_commas(tenths / 10), ".", std::to_string(tenths % 10), " ", units[unit]});
}

inline std::string floats_text(std::size_t n) { return joined({count_text(double(n)), n == 1 ? " float" : " floats"}); }

}  // namespace detail

}  // namespace lutra::inline LUTRA_ABI_TAG
