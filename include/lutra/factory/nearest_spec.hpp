// lutra/factory/nearest_spec.hpp: the valid factory string nearest to a refused one, for "did you mean ...?".
// Main path: nearest_spec() -> split at commas -> Salvage::take() each piece -> Salvage::text().
// Readable parts are kept (transforms, a list count, an encoding, refine stages) and the rest is dropped, so the result parses by
// construction. SPDX-License-Identifier: MIT
#pragma once
#include <lutra/factory/words.hpp>
#include <lutra/io/record.hpp>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// A string near `text` that parses. It drops spaces and unknown parts, fixes letter case and small misspellings, inserts missing
/// commas and a missing encoding, and clamps list counts; numbers of an encoding are repaired by the encoding itself.
/// Empty if `text` holds nothing like an encoding and no encoding's name is itself accepted.
/// Cost: text.size() times the length of the names.
std::string nearest_spec(std::string_view text, std::size_t d, Metric metric, const SpecWords& words);

namespace detail {
/// The Levenshtein distance of `a` and `b`, ignoring case.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (const char c : a) {
        std::size_t diagonal = row[0]++;
        for (std::size_t j = 1; j < row.size(); ++j) {
            const std::size_t replace = diagonal + (to_lower(c) != to_lower(b[j - 1]));
            diagonal = row[j];
            row[j] = std::min({replace, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row.back();
}

/// Removes `word` from the front of `text`, in any letter case.
inline bool take_word(std::string_view& text, std::string_view word) {
    if (!equal_ignoring_case(text.substr(0, word.size()), word)) return false;
    text.remove_prefix(word.size());
    return true;
}

/// The position of `word` if `text` ends with it, in any letter case; else npos.
inline std::size_t find_last_word(std::string_view text, std::string_view word) {
    const std::size_t at = text.size() - std::min(text.size(), word.size());
    return equal_ignoring_case(text.substr(at), word) ? at : std::string_view::npos;
}

/// The parts of a spec that were recovered from a malformed one.
class Salvage {
public:
    Salvage(std::size_t d, Metric metric, const SpecWords& words) : d_(d), metric_(metric), words_(words) {}

    /// Reads one piece between commas; if commas are missing the piece holds several parts.
    void take(std::string_view piece) {
        while (take_transform(piece) || take_coarse(piece) || take_refine(piece) || take_encoding(piece)) {
        }
        piece.remove_prefix(std::min(piece.size(), piece.find_first_not_of("_+")));
        if (!piece.empty() && !is_unbuilt_word(leading_letters(piece), words_)) take_misspelling(piece);
    }

    std::string text() const {
        const std::string mended = mend(encoding_), encoding = mended.empty() ? fallback() : mended;
        if (encoding.empty()) return {};
        const std::size_t refines = std::min(refines_, kMostAround - transforms_.size());
        std::string out;
        for (const std::string& transform : transforms_) out += transform + ',';
        if (nlist_ != 0) out += "IVF" + std::to_string(nlist_) + ',';
        out += encoding;
        for (std::size_t i = 0; i < refines; ++i) out += ",RFlat";
        return out;
    }

private:
    static constexpr std::size_t kMostAround = kMaxNesting - 2;  // around the index and its id map

    bool take_transform(std::string_view& piece) {
        if (keep_transform(piece)) return piece = {}, true;
        for (const TransformWord& transform : words_.transforms) {
            std::string_view rest = piece;
            if (take_word(rest, transform.name) && keep_transform(transform.name)) return piece = rest, true;
            if (transform.repair != nullptr && keep_transform(transform.repair(piece, d_))) return piece = {}, true;
        }
        return false;
    }

    /// True if `token` is a transform of rows with the current columns. Transforms beyond the nesting limit are dropped.
    bool keep_transform(std::string_view token) {
        const auto step = check_transform(words_.transforms, token, d_);
        if (!step || !step->ok()) return false;
        if (transforms_.size() < kMostAround) transforms_.push_back((*step)->token), d_ = (*step)->d;
        return true;
    }

    /// Takes "Refine" alone; nearest_spec() has dropped its parentheses.
    bool take_refine(std::string_view& piece) {
        const bool found = take_word(piece, "RFlat") || (equal_ignoring_case(piece, "Refine") && take_word(piece, "Refine"));
        refines_ += found;
        return found;
    }

    bool take_coarse(std::string_view& piece) {
        const std::string_view word = leading_letters(piece);
        if (nlist_ != 0 || word.size() < 2 || edit_distance(word, "IVF") > 2 || is_unbuilt_word(word, words_)) return false;
        std::string number(piece.substr(word.size()));
        if (number.ends_with('K')) number.back() = 'k';
        if (number.ends_with('m')) number.back() = 'M';
        const Count n = read_count(number);
        if (n.length == 0 && !equal_ignoring_case(word, "IVF")) return false;
        nlist_ = std::clamp<std::uint64_t>(n.value, 1, kMaxLists);
        piece.remove_prefix(word.size() + n.length);
        return true;
    }

    /// Keeps the token as written, as an IVF may still follow; text() repairs it.
    bool take_encoding(std::string_view& piece) {
        if (accepts(piece)) return keep_encoding(piece, 0), piece = {}, true;
        for (const EncodingWord& encoding : words_.encodings)
            if (accepts(encoding.name) && take_word(piece, encoding.name)) return keep_encoding(encoding.name, 0), true;
        const std::size_t refine = find_last_word(piece, "RFlat");
        const std::string_view token = piece.substr(0, refine);
        const std::string mended = mend(token);
        if (mended.empty()) return false;
        keep_encoding(token, edit_distance(token, mended));
        piece.remove_prefix(std::min(piece.size(), refine));
        return true;
    }

    /// The token if it is accepted, else the nearest accepted one of an encoding; empty if there is none.
    std::string mend(std::string_view token) const {
        if (accepts(token)) return std::string(token);
        for (const EncodingWord& encoding : words_.encodings) {
            const std::string mended = encoding.repair ? encoding.repair(token, d_, metric_, nlist_ != 0) : std::string();
            if (accepts(mended)) return mended;
        }
        return {};
    }

    void take_misspelling(std::string_view piece) {
        for (const TransformWord& transform : words_.transforms)
            if (edit_distance(piece, transform.name) <= 3 && keep_transform(transform.name)) return;
        if (!encoding_.empty() && edit_distance(piece, "RFlat") <= 2) return ++refines_, void();
        for (const EncodingWord& encoding : words_.encodings)
            if (accepts(encoding.name)) keep_encoding(encoding.name, edit_distance(piece, encoding.name));
    }

    void keep_encoding(std::string_view token, std::size_t distance) {
        if (!encoding_.empty() && distance >= distance_) return;
        encoding_ = token;
        distance_ = distance;
    }

    bool accepts(std::string_view token) const {
        const auto answer = check_encoding(words_.encodings, token, d_, metric_, nlist_ != 0);
        return answer && answer->ok();
    }

    std::string fallback() const {
        const auto usable =
            std::find_if(words_.encodings.begin(), words_.encodings.end(), [&](const EncodingWord& e) { return accepts(e.name); });
        return usable == words_.encodings.end() ? std::string() : std::string(usable->name);
    }

    std::size_t d_;  // behind the transforms
    Metric metric_;
    const SpecWords& words_;
    std::vector<std::string> transforms_;  // in canonical spelling
    std::size_t refines_ = 0;              // number of RFlat
    std::uint64_t nlist_ = 0;              // 0: no IVF
    std::string encoding_;                 // empty: none found
    std::size_t distance_ = 0;             // edit distance of encoding_ and the text
};
}  // namespace detail

inline std::string nearest_spec(std::string_view text, std::size_t d, Metric metric, const SpecWords& words) {
    detail::Salvage parts(d, metric, words);
    std::string piece;
    std::size_t inside_refine = 0;  // parentheses open since "Refine("
    for (const char c : text) {
        if (inside_refine != 0) {
            inside_refine = inside_refine + (c == '(') - (c == ')');
        } else if (c == ',' || c == '(' || c == ')') {
            inside_refine = c == '(' && detail::equal_ignoring_case(piece, "Refine");
            parts.take(piece);
            piece.clear();
        } else if (detail::is_spec_char(c)) {
            piece += c;
        }
    }
    parts.take(piece);
    return parts.text();
}

}  // namespace lutra::inline LUTRA_ABI_TAG
