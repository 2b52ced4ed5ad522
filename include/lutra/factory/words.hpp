// lutra/factory/words.hpp: the words of factory strings: encodings and transforms as the parser sees them, list counts, and words
// of faiss that are known but not built.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/result.hpp>
#include <lutra/core/types.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lutra::inline LUTRA_ABI_TAG {

/// The largest n of IVF{n}: faiss parses the count as an int.
inline constexpr std::size_t kMaxLists = 2147483647;

/// One encoding as the parser sees it. The catalog has one for each; the grammar of a token stays with its encoding.
///   name    not empty; shown in "expected an encoding (Flat, PQ{M}x4fs)". Suggestions use it if check() accepts it.
///   check   nullopt: the token of another encoding; ok: accepted; an error: a bad token of this encoding, and why.
///           d: dimension after the transforms; metric: of the index; in_lists: true behind IVF{n}. Must accept any bytes.
///   repair  the accepted token nearest to a malformed one; empty if the text is not similar to this encoding's. Optional.
struct EncodingWord {
    std::string_view name;
    std::optional<Status> (*check)(std::string_view token, std::size_t d, Metric metric, bool in_lists);
    std::string (*repair)(std::string_view token, std::size_t d, Metric metric, bool in_lists) = nullptr;
};

/// A transform in a string: the columns of its output, and its token in canonical spelling.
struct TransformStep {
    std::size_t d = 0;
    std::string token;
};

/// One transform as the parser knows it: name, check and repair as those of an encoding, for rows of d columns.
struct TransformWord {
    std::string_view name;
    std::optional<Result<TransformStep>> (*check)(std::string_view token, std::size_t d);
    std::string (*repair)(std::string_view token, std::size_t d) = nullptr;
};

/// All words a parser knows; those of this build are kSpecWords (catalog.hpp).
struct SpecWords {
    std::span<const EncodingWord> encodings = {};
    std::span<const TransformWord> transforms = {};
};

/// The first result of the transforms' check() that is not nullopt.
inline std::optional<Result<TransformStep>> check_transform(std::span<const TransformWord> transforms, std::string_view token,
                                                            std::size_t d) {
    for (const TransformWord& transform : transforms)
        if (auto step = transform.check(token, d)) return step;
    return std::nullopt;
}

/// The first result of the encodings' check() that is not nullopt.
std::optional<Status> check_encoding(std::span<const EncodingWord> encodings, std::string_view token, std::size_t d, Metric metric,
                                     bool in_lists);

/// True for the words of faiss's grammar that no part of this version builds, up to their first number and with the letters of
/// options that need none before them: "SQ", "HNSW", "IDMap", "LSHrt" ...
bool is_unbuilt_word(std::string_view word);

/// The same, unless it is the name of one of `words` but for its numbers: "PCA" where there is "PCA{n}".
bool is_unbuilt_word(std::string_view word, const SpecWords& words);

namespace detail {
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; }
constexpr bool is_letter(char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }
constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
/// The characters a factory string may have.
constexpr bool is_spec_char(char c) {
    return is_digit(c) || is_letter(c) || c == ',' || c == '(' || c == ')' || c == '_' || c == '+';
}

/// The TransformWord of T, which models Transform and may offer repair(token, d).
template <class T>
constexpr TransformWord transform_word() {
    TransformWord word{T::kName, [](std::string_view token, std::size_t d) -> std::optional<Result<TransformStep>> {
                           const std::optional<Result<T>> parsed = T::parse(token, d);
                           if (!parsed) return std::nullopt;
                           if (!parsed->ok()) return Result<TransformStep>(parsed->status());
                           return Result<TransformStep>(TransformStep{(*parsed)->dim_out(), (*parsed)->token()});
                       }};
    if constexpr (kHasMessages && requires { &T::repair; }) word.repair = &T::repair;
    return word;
}

inline std::string_view leading_letters(std::string_view text) {
    return text.substr(0, std::size_t(std::find_if_not(text.begin(), text.end(), is_letter) - text.begin()));
}

inline bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return to_lower(x) == to_lower(y); });
}

/// The number at the front of a text: "16", "1k" (x 1024), "2M" (x 1024 * 1024).
///   value    kMaxLists + 1 stands for everything larger
///   length   characters read, with the suffix; 0 if there is no digit
struct Count {
    std::uint64_t value = 0;
    std::size_t length = 0;
};

inline Count read_count(std::string_view text) {
    constexpr std::uint64_t kTooMany = std::uint64_t{kMaxLists} + 1;  // times 1024 * 1024 still fits in 64 bits
    Count n;
    for (; n.length < text.size() && is_digit(text[n.length]); ++n.length)
        n.value = std::min(n.value * 10 + std::uint64_t(text[n.length] - '0'), kTooMany);
    if (n.length == 0 || n.length == text.size()) return n;
    const char suffix = text[n.length];
    if (suffix != 'k' && suffix != 'M') return n;
    return {std::min(n.value * (suffix == 'k' ? 1024 : 1024 * 1024), kTooMany), n.length + 1};
}
}  // namespace detail

inline std::optional<Status> check_encoding(std::span<const EncodingWord> encodings, std::string_view token, std::size_t d,
                                            Metric metric, bool in_lists) {
    for (const EncodingWord& encoding : encodings)
        if (auto answer = encoding.check(token, d, metric, in_lists)) return answer;
    return std::nullopt;
}

inline bool is_unbuilt_word(std::string_view word) {
    // clang-format off
    static constexpr std::string_view kWords[] = {
        "PCA", "PCAW", "PCAR", "PCAWR", "OPQ", "RR", "ITQ", "Pad", "HR",                                         // transforms
        "IMI",                                                                                                   // coarse
        "PQ", "SQ", "SQfp", "SQbf", "SQtq", "SQtqmse", "HNSW", "NSG", "FlatDedup", "FlatPanorama", "ZnLattice",  // encodings
        "LSH", "LSHr", "LSHt", "LSHrt", "SH", "SHg", "SHc", "SHm",
        "RQ", "LSQ", "PRQ", "PLSQ", "RCQ", "LSCQ", "RaBitQ", "RaBitQfs", "EDEN", "EDENBIAS", "EDENBIASED",
        "RefinePanorama", "IDMap", "MinMax", "MinMaxFP", "Residual",                                             // around them
    };
    // clang-format on
    return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

inline bool is_unbuilt_word(std::string_view word, const SpecWords& words) {
    const auto is_named = [word](const auto& built) {
        std::string_view name = built.name;
        if (name.ends_with('}')) name = name.substr(0, name.rfind('{'));
        while (!name.empty() && detail::is_digit(name.back())) name.remove_suffix(1);
        return name == word;
    };
    return is_unbuilt_word(word) && std::none_of(words.encodings.begin(), words.encodings.end(), is_named) &&
           std::none_of(words.transforms.begin(), words.transforms.end(), is_named);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
