// lutra/encodings/pq4fs/pq4fs_token.hpp: tokens such as "PQ16x4fsr_64" and "PQ16x4fsra": parsed, validated, printed, repaired.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/result.hpp>
#include <lutra/core/types.hpp>
#include <lutra/encodings/pq4fs/layout.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

/// The parts of a token: "PQ16x4fsr_64" is 16 sub-quantizers, codes of residuals, blocks of 64 vectors in files. "a", behind "r" if
/// both are given: score-aware codes, an extension of lutra.
struct Pq4Token {
    std::size_t m = 0, bbs = kPq4Block;
    bool by_residual = false, score_aware = false;
};

inline constexpr std::size_t kMaxPq4FileBlock = 65536;

/// The largest d/M of score-aware codes. Training solves equations of d/M unknowns for each centroid: memory grows with the square
/// of d/M (128: 34 MB for 32,768 rows), and a step takes d/M multiply-adds a float.
inline constexpr std::size_t kMaxScoreAwarePiece = 128;

inline Status check_score_aware_piece(Errc code, std::size_t d, std::size_t m) {
    if (d / m <= kMaxScoreAwarePiece) return {};
    return {code, "score-aware codes of pieces of d / M = {} floats; accepted: up to {}", d / m, kMaxScoreAwarePiece};
}

/// Removes a word, or a number (at most 2^24), from the front of a text, if present.
inline bool take_pq4_word(std::string_view& text, std::string_view word) {
    const bool is = text.starts_with(word);
    text.remove_prefix(is ? word.size() : 0);
    return is;
}
inline bool take_pq4_number(std::string_view& text, std::size_t& n) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0) return false;
    for (n = 0; const char c : text.substr(0, digits)) n = std::min<std::size_t>(n * 10 + std::size_t(c - '0'), 1 << 24);
    text.remove_prefix(digits);
    return true;
}

/// Parses a token; nullopt if it is not a PQ{M}x4fs token.
inline std::optional<Pq4Token> read_pq4_token(std::string_view text) {
    Pq4Token token;
    if (!take_pq4_word(text, "PQ") || !take_pq4_number(text, token.m) || !take_pq4_word(text, "x4fs")) return std::nullopt;
    token.by_residual = take_pq4_word(text, "r");
    token.score_aware = take_pq4_word(text, "a");
    if (take_pq4_word(text, "_") && !take_pq4_number(text, token.bbs)) return std::nullopt;
    if (!text.empty()) return std::nullopt;
    return token;
}

inline Status check_pq4_token(const Pq4Token& token, std::size_t d, bool in_lists) {
    if (token.m == 0) return {Errc::bad_spec, "M = 0 sub-quantizers; accepted: the divisors of d = {}", d};
    if (d % token.m != 0) return {Errc::bad_spec, "M = {} does not divide d = {}; accepted: the divisors of d", token.m, d};
    if (token.bbs == 0 || token.bbs % kPq4Block != 0)
        return {Errc::bad_spec, "blocks of {} vectors; accepted: multiples of {}", token.bbs, kPq4Block};
    if (token.bbs > kMaxPq4FileBlock)
        return {Errc::bad_spec, "blocks of {} vectors; accepted: up to {}", token.bbs, kMaxPq4FileBlock};
    if (token.by_residual && !in_lists) return {Errc::bad_spec, "\"r\" (by residual) is for lists; expected IVF before it"};
    return token.score_aware ? check_score_aware_piece(Errc::bad_spec, d, token.m) : Status();
}

inline std::string write_pq4_token(const Pq4Token& token) {
    return "PQ" + std::to_string(token.m) + "x4fs" + (token.by_residual ? "r" : "") + (token.score_aware ? "a" : "") +
           (token.bbs != kPq4Block ? "_" + std::to_string(token.bbs) : std::string());
}

/// The divisor of d nearest to m; the smaller of two equally near.
inline std::size_t nearest_divisor(std::size_t d, std::size_t m) {
    const auto far = [m](std::size_t x) { return x > m ? x - m : m - x; };
    std::size_t best = 1;
    const auto consider = [&](std::size_t x) {
        if (far(x) < far(best) || (far(x) == far(best) && x < best)) best = x;
    };
    for (std::size_t i = 1; i * i <= d; ++i)
        if (d % i == 0) consider(i), consider(d / i);
    return best;
}

inline std::size_t nearest_file_block(std::size_t bbs) {
    return std::clamp((bbs + kPq4Block / 2) / kPq4Block * kPq4Block, kPq4Block, kMaxPq4FileBlock);
}

/// The accepted token nearest to a malformed one: "pq15x5fsr_100" -> "PQ16x4fs_96" for d = 32 and no lists. Empty if the text is
/// not similar to a token: neither "PQ" and a number, nor a number and "x4fs". "r" and "a" may come in any order.
inline std::string repair_pq4_token(std::string_view text, std::size_t d, Metric metric, bool in_lists) {
    std::string lower(text);
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
    std::string_view rest = lower;
    Pq4Token token;
    const bool is_pq = take_pq4_word(rest, "pq");
    if (!is_pq) rest.remove_prefix(std::min(rest.find_first_of("0123456789"), rest.size()));
    if (!take_pq4_number(rest, token.m) || (!is_pq && !rest.starts_with("x4fs"))) return {};
    const std::size_t end = std::min(rest.find('_'), rest.size());
    const std::string_view word = rest.substr(0, end), letters = word.substr(word.find_last_not_of("ra") + 1);
    token.by_residual = in_lists && letters.find('r') != std::string_view::npos;
    const bool score_aware = metric == Metric::inner_product && letters.find('a') != std::string_view::npos;
    rest.remove_prefix(end);
    if (take_pq4_word(rest, "_")) take_pq4_number(rest, token.bbs);
    token.m = nearest_divisor(d, token.m);
    token.score_aware = score_aware && check_score_aware_piece(Errc::bad_spec, d, token.m).ok();
    token.bbs = nearest_file_block(token.bbs);
    return write_pq4_token(token);
}

}  // namespace detail

}  // namespace lutra::inline LUTRA_ABI_TAG
