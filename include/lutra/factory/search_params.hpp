// lutra/factory/search_params.hpp: parses search parameters written as text: "nprobe=8", "nprobe=8,k_factor=1".
// Main path: parse_search_params() -> SearchParamsParser: next item -> name=value -> the setter of that name.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/digits.hpp>
#include <lutra/core/guarded.hpp>
#include <lutra/factory/index.hpp>
#include <lutra/factory/words.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace lutra::inline LUTRA_ABI_TAG {

/// Parses name=value items, separated by commas or blanks; without items the index's own settings apply.
///   nprobe     1 to kMaxLists, for an index with lists; more than nlist means all lists
///   k_factor   a number from 1 to kMaxLists, for an index with a refine stage; without one only 1, which has no effect.
///              faiss's name, k_factor_rf, is accepted too
/// Errors: not_found (a name this index does not take), unsupported (a k_factor where there is no refine stage), bad_argument
/// (anything else).
Result<SearchParams> parse_search_params(const Index& index, std::string_view text);

namespace detail {

class SearchParamsParser {
public:
    SearchParamsParser(const Index& index, std::string_view text) : index_(index), rest_(text) {}

    Result<SearchParams> run() {
        for (std::string_view item = next(); !item.empty(); item = next()) LUTRA_TRY(take(item));
        return params_;
    }

private:
    static constexpr std::string_view kSeparators = ", \t\r\n";

    /// The characters up to the next separator; empty at the end of the text.
    std::string_view next() {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(kSeparators), rest_.size()));
        const std::string_view item = rest_.substr(0, rest_.find_first_of(kSeparators));
        rest_.remove_prefix(item.size());
        return item;
    }

    Status take(std::string_view item) {
        const std::size_t equals = item.find('=');
        if (equals == std::string_view::npos)
            return {Errc::bad_argument, "parameter \"{}\": name=value is expected, as in nprobe=8", item};
        const std::string_view name = item.substr(0, equals), value = item.substr(equals + 1);
        if (name == "k_factor" || name == "k_factor_rf") return take_k_factor(value);
        if (name == "nprobe" && index_.nlist() > 0) return take_nprobe(value);
        return {Errc::not_found, "unknown parameter \"{}\"; {} takes {}", name, index_.spec(), names()};
    }

    std::string_view names() const {
        if (index_.k_factor() > 0) return index_.nlist() > 0 ? "nprobe, k_factor" : "k_factor";
        return index_.nlist() > 0 ? "nprobe" : "no parameters";
    }

    Status take_nprobe(std::string_view value) {
        if (params_.nprobe != 0) return given_twice("nprobe");
        params_.nprobe = count(value);
        if (params_.nprobe != 0) return {};
        return {Errc::bad_argument, "nprobe={}: a whole number from 1 to {} is accepted; more than nlist = {} means all lists",
                value, kMaxLists, index_.nlist()};
    }

    Status take_k_factor(std::string_view value) {
        if (has_k_factor_) return given_twice("k_factor");
        has_k_factor_ = true;
        const float k_factor = number(value);
        if (index_.k_factor() == 0) {
            if (k_factor == 1) return {};
            return {Errc::unsupported, "k_factor={}: this index has no refine stage, so only k_factor=1 is accepted", value};
        }
        if (!(k_factor >= 1))
            return {Errc::bad_argument, "k_factor={}: a number from 1 to {} is accepted, as 4 or 2.5", value, kMaxLists};
        params_.k_factor = k_factor;
        return {};
    }

    static Status given_twice(std::string_view name) { return {Errc::bad_argument, "{} is given twice; once is accepted", name}; }

    /// 1 to kMaxLists, or 0 for any other text.
    static std::size_t count(std::string_view digits) {
        const auto value = detail::read_digits(digits, kMaxLists);
        return value && digits.empty() ? std::size_t(*value) : 0;
    }

    /// A decimal number such as 4 or 2.5, or 0 for any other text. Not by from_chars, which some standard libraries lack for floats.
    static float number(std::string_view text) {
        double value = 0, unit = 0;  // unit: of the last digit read behind the point
        std::size_t digits = 0;
        for (const char c : text) {
            const bool is_point = c == '.' && unit == 0;
            if (!is_point && !detail::is_digit(c)) return 0;
            digits += !is_point;
            if (is_point)
                unit = 1;
            else if (unit == 0)
                value = value * 10 + (c - '0');
            else
                value += (c - '0') * (unit /= 10);
        }
        return digits != 0 && value <= double(kMaxLists) ? float(value) : 0;
    }

    const Index& index_;
    std::string_view rest_;
    SearchParams params_;
    bool has_k_factor_ = false;
};

}  // namespace detail

inline Result<SearchParams> parse_search_params(const Index& index, std::string_view text) {
    return guarded("parameters", [&] { return detail::SearchParamsParser(index, text).run(); });
}

}  // namespace lutra::inline LUTRA_ABI_TAG
