// lutra/factory/spec.hpp: parses a factory string ("L2norm,IVF1024,Flat") into a Spec; makes no index.
// Main path: parse_spec() -> split at commas -> transforms, coarse, encoding, refine, left to right; the first bad part is
// the error. Grammar (case matters, no spaces):
//
//   spec      = { transform "," } [ coarse "," ] encoding { "," refine }
//   transform = what the transforms of the catalog accept, now "L2norm" | "L2Norm"
//   coarse    = "IVF" digits [ "k" | "M" ] [ "(" spec ")" ]      k: x 1024, M: x 1024 * 1024; (spec): an index over the centroids
//   encoding  = what the encodings of the catalog accept, now "Flat" | "PQ" M "x4fs" [ "r" ] [ "a" ] [ "_" block ]
//   refine    = "RFlat" | "Refine(Flat)"        exact distances to the vectors before the transforms
//
// The strings and their meaning are those of faiss's index_factory.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/guarded.hpp>
#include <lutra/factory/nearest_spec.hpp>
#include <lutra/factory/spec_error.hpp>
#include <lutra/factory/words.hpp>
#include <lutra/io/record.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// One part of a factory string.
struct SpecToken {
    std::string text;        ///< as written
    std::size_t column = 0;  ///< 0-based offset in the whole string, for errors that later stages find
};

/// IVF{n} or IVF{n}(index).
struct CoarseSpec {
    std::size_t nlist = 0;  ///< 1 .. kMaxLists
    std::string index;      ///< of the index over the centroids, in canonical spelling; empty: every centroid is compared
    SpecToken token;
};

/// One transform of a factory string.
struct TransformSpec {
    SpecToken token;
    std::string canonical;         ///< its token in canonical spelling
    std::size_t d = 0, d_out = 0;  ///< columns of its input and output
};

/// The four parts of the pipeline, in the order a row meets them.
struct Spec {
    std::string text;                       ///< the whole string
    std::vector<TransformSpec> transforms;  ///< first applied first
    std::optional<CoarseSpec> coarse;       ///< absent: one list
    SpecToken encoding;
    std::vector<SpecToken> refine;  ///< outermost last
};

/// The longest string accepted.
inline constexpr std::size_t kMaxSpecLength = 1024;

/// Parses a factory string and checks every part. Accepts any bytes without crashing.
///   d, metric   of the vectors, for encodings that divide d or support one metric only; cosine is as inner_product with L2norm
///               around it all
///   words       the encodings and transforms of the catalog; the parser knows none itself
/// Errors, as text with a caret (spec_error.hpp): Errc::bad_spec for text that no version parses, Errc::unsupported for a word of
/// faiss that this version does not build, or the code of the error that an encoding or transform gave for its own token.
Result<Spec> parse_spec(std::string_view text, std::size_t d, Metric metric, const SpecWords& words);

/// The columns of rows [d] behind the transforms.
inline std::size_t columns_behind(const Spec& spec, std::size_t d) {
    return spec.transforms.empty() ? d : spec.transforms.back().d_out;
}

/// The canonical spelling, which parses to the same index: "L2Norm,IVF1k,Flat" -> "L2norm,IVF1024,Flat".
std::string to_string(const Spec& spec);

namespace detail {
/// Splits at the commas outside parentheses; an unclosed parenthesis takes the rest. Returns at least one token. `column`: where
/// the text begins in the whole string.
inline std::vector<SpecToken> split_spec(std::string_view text, std::size_t column) {
    std::vector<SpecToken> tokens(1, SpecToken{{}, column});
    std::size_t depth = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == ',' && depth == 0) {
            tokens.push_back({{}, column + i + 1});
            continue;
        }
        if (text[i] == '(') ++depth;
        if (text[i] == ')' && depth > 0) --depth;
        tokens.back().text += text[i];
    }
    return tokens;
}

/// The offset of a parenthesis without its partner, or npos.
inline std::size_t find_unbalanced(std::string_view text) {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '(') open.push_back(i);
        if (text[i] != ')') continue;
        if (open.empty()) return i;
        open.pop_back();
    }
    return open.empty() ? std::string_view::npos : open.front();
}

/// The distance from `begin` to the parenthesis that closes one opened before it. Needs: all have their partners.
inline std::size_t find_close(std::string_view text, std::size_t begin) {
    std::size_t i = begin;
    for (std::size_t depth = 1; i < text.size(); ++i) {
        depth = depth + (text[i] == '(') - (text[i] == ')');
        if (depth == 0) break;
    }
    return i - begin;
}

/// Whether the string has the transform itself that the metric cosine puts in front.
inline bool begins_with_norm(std::string_view text) { return text.starts_with("L2norm,") || text.starts_with("L2Norm,"); }

class SpecParser {
public:
    SpecParser(std::string_view text, std::size_t d, Metric metric, const SpecWords& words)
        : text_(text),
          begin_(0),
          end_(text.size()),
          d_in_(d),
          d_(d),
          metric_(without_norm(metric)),
          words_(words),
          around_(metric == Metric::cosine && !begins_with_norm(text) ? 2 : 1) {}
    /// Parses a part of a string; errors point into the whole.
    SpecParser(const SpecParser& whole, std::size_t begin, std::size_t end)
        : text_(whole.text_),
          begin_(begin),
          end_(end),
          d_in_(whole.d_in_),
          d_(whole.d_),
          metric_(whole.metric_),
          words_(whole.words_),
          around_(whole.nesting()) {}

    Result<Spec> run() {
        if (text_.size() > kMaxSpecLength)
            return error(Errc::bad_spec, kMaxSpecLength, "too long", std::to_string(kMaxSpecLength) + " characters at most");
        if (around_ >= kMaxNesting) return too_deep(begin_);
        spec_.text = text_.substr(begin_, end_ - begin_);
        tokens_ = split_spec(spec_.text, begin_);
        LUTRA_TRY(read_transforms());
        LUTRA_TRY(read_coarse());
        LUTRA_TRY(read_encoding());
        while (is_refine(token().text)) LUTRA_TRY(read_refine());
        LUTRA_TRY(read_end());
        if (nesting() > kMaxNesting) return too_deep(tokens_[kMaxNesting - around_ + spec_.coarse.has_value()].column);
        return std::move(spec_);
    }

private:
    /// Nesting depth including the surroundings: each token counts, but IVF and its encoding (possibly missing) are one index.
    std::size_t nesting() const { return around_ + std::max<std::size_t>(1, tokens_.size() - spec_.coarse.has_value()); }

    Status too_deep(std::size_t column) const {
        return error(
            Errc::bad_spec, column, "nested too deep",
            std::to_string(kMaxNesting) + " at most of transforms, indexes and RFlat in each other, one of them for an id map");
    }

    Status read_transforms() {
        for (;; ++next_) {
            const SpecToken transform = token();
            const auto step = check_transform(words_.transforms, transform.text, d_);
            if (!step) return {};
            if (!step->ok()) return error(step->status().code(), transform.column, step->status().message());
            spec_.transforms.push_back({transform, (*step)->token, d_, (*step)->d});
            d_ = (*step)->d;
        }
    }

    Status read_coarse() {
        const SpecToken ivf = token();
        if (!ivf.text.starts_with("IVF")) return {};
        const std::string expected = "IVF{n} with n from 1 to " + std::to_string(kMaxLists) + " (suffixes: k x1024, M x1024^2)";
        LUTRA_TRY(check_characters(ivf, expected));
        const Count n = read_count(std::string_view(ivf.text).substr(3));
        if (n.length == 0) return error(Errc::bad_spec, ivf.column + 3, "the number of lists is missing", expected);
        if (n.value == 0) return error(Errc::bad_spec, ivf.column + 3, "there must be at least one list", expected);
        if (n.value > kMaxLists) return error(Errc::bad_spec, ivf.column + 3, "too many lists", expected);
        LUTRA_TRY(check_after_count(ivf, 3 + n.length));
        spec_.coarse = CoarseSpec{std::size_t(n.value), {}, ivf};
        ++next_;
        return read_coarse_index(ivf, 3 + n.length);
    }

    /// Behind the number of lists there is nothing, or an index in parentheses.
    Status check_after_count(const SpecToken& ivf, std::size_t at) const {
        if (at == ivf.text.size()) return {};
        if (ivf.text[at] == '_')
            return error(Errc::unsupported, ivf.column + at, "a graph over the centroids is not part of this version",
                         "IVF{n} or IVF{n}(index)");
        if (ivf.text[at] != '(') return error(Errc::bad_spec, ivf.column + at, "a comma is missing", expected_encoding());
        const std::size_t close = at + 1 + find_close(ivf.text, at + 1);
        if (close + 1 == ivf.text.size()) return {};
        return error(Errc::bad_spec, ivf.column + close + 1, "a comma is missing", expected_encoding());
    }

    Status read_coarse_index(const SpecToken& ivf, std::size_t at) {
        constexpr std::string_view kEveryCentroid = "(Flat)";  // is compared, as without parentheses
        if (at == ivf.text.size() || ivf.text.substr(at) == kEveryCentroid) return {};
        const Result<Spec> inner = SpecParser(*this, ivf.column + at + 1, ivf.column + ivf.text.size() - 1).run();
        LUTRA_TRY(inner.status());
        spec_.coarse->index = to_string(*inner);
        return {};
    }

    Status read_encoding() {
        const SpecToken encoding = token();
        const auto answer = check_encoding(words_.encodings, encoding.text, d_, metric_, spec_.coarse.has_value());
        if (!answer) return refuse(encoding, expected_before_encoding() + expected_encoding());
        if (!answer->ok()) return error(answer->code(), encoding.column, answer->message());
        spec_.encoding = encoding;
        ++next_;
        return {};
    }

    static bool is_refine(std::string_view token) { return token == "RFlat" || token.starts_with(kRefine); }

    /// faiss allows any index in the parentheses; rows are kept exactly, so only Flat is accepted.
    Status read_refine() {
        if (token().text != "RFlat") LUTRA_TRY(check_refine(token(), token().column + kRefine.size()));
        spec_.refine.push_back(token());
        ++next_;
        return {};
    }

    Status check_refine(const SpecToken& refine, std::size_t column) const {
        constexpr std::string_view kExpected = "Flat: refining compares the rows themselves";
        LUTRA_TRY(check_characters(refine, kExpected));
        const std::size_t size = find_close(refine.text, kRefine.size());
        const std::string inner = refine.text.substr(kRefine.size(), size);
        if (inner.empty()) return error(Errc::bad_spec, column, "a part is missing", kExpected);
        if (inner != "Flat" && is_index(column, column + size))
            return error(Errc::unsupported, column, "refining with " + inner + " is not part of this version", kExpected);
        if (inner != "Flat") return error(Errc::bad_spec, column, "not an index", kExpected);
        if (kRefine.size() + size + 1 == refine.text.size()) return {};
        return error(Errc::bad_spec, column + size + 1, "a comma is missing", kEnd);
    }

    bool is_index(std::size_t begin, std::size_t end) const {
        const Result<Spec> spec = SpecParser(*this, begin, end).run();
        return spec.ok() || spec.status().code() == Errc::unsupported;
    }

    Status read_end() const {
        if (next_ == tokens_.size()) return {};
        const SpecToken extra = token();
        if (extra.text.empty()) return error(Errc::bad_spec, extra.column - 1, "a comma too many", kEnd);
        return refuse(extra, kEnd, "one part too many");
    }

    /// The error for a token that is not expected here.
    Status refuse(const SpecToken& bad, std::string_view expected, std::string_view otherwise = "not known here") const {
        if (bad.text.empty())
            return error(Errc::bad_spec, bad.column, text_.empty() ? "the string is empty" : "a part is missing", expected);
        LUTRA_TRY(check_characters(bad, expected));
        const std::string word(leading_letters(bad.text));
        if (is_unbuilt_word(word, words_))
            return error(Errc::unsupported, bad.column, word + " is not part of this version", expected);
        return error(Errc::bad_spec, bad.column, otherwise, expected);
    }

    Status check_characters(const SpecToken& t, std::string_view expected) const {
        const auto bad = std::find_if_not(t.text.begin(), t.text.end(), is_spec_char);
        const std::size_t column = t.column + std::size_t(bad - t.text.begin());
        if (bad != t.text.end() && is_space(*bad)) return error(Errc::bad_spec, column, "spaces are not allowed", expected);
        if (bad != t.text.end()) return error(Errc::bad_spec, column, "this character is not allowed", expected);
        const std::size_t lone = find_unbalanced(t.text);
        if (lone == std::string_view::npos) return {};
        return error(Errc::bad_spec, t.column + lone, "a parenthesis without its partner", expected);
    }

    Status error(Errc code, std::size_t column, std::string_view problem, std::string_view expected = {}) const {
        if constexpr (!kHasMessages) return {code, ""};
        const std::string_view link = expected.empty() ? "" : "; expected ";
        const std::string nearest = text_.size() > kMaxSpecLength ? std::string() : nearest_spec(text_, d_in_, metric_, words_);
        return spec_error(code, text_, column, std::string(problem).append(link).append(expected), nearest);
    }

    /// "L2norm, IVF{n} or "; nothing behind lists.
    std::string expected_before_encoding() const {
        if (!kHasMessages || spec_.coarse) return {};
        std::string names;
        for (const TransformWord& transform : words_.transforms) names.append(transform.name).append(", ");
        return names + "IVF{n} or ";
    }

    /// "an encoding (Flat)"
    std::string expected_encoding() const {
        if constexpr (!kHasMessages) return {};
        std::string names;
        for (const EncodingWord& encoding : words_.encodings) names.append(names.empty() ? "" : ", ").append(encoding.name);
        return "an encoding (" + names + ")";
    }

    /// The token to read next; behind the last one, an empty token at the end of the text.
    SpecToken token() const { return next_ < tokens_.size() ? tokens_[next_] : SpecToken{{}, end_}; }

    static constexpr std::string_view kRefine = "Refine(";
    static constexpr std::string_view kEnd = "RFlat, or nothing after the encoding";

    std::string_view text_;
    std::size_t begin_, end_;
    std::size_t d_in_, d_;  // of the whole string; at the token to read next
    Metric metric_;
    const SpecWords& words_;
    std::size_t around_;  // nesting around this part; outermost the id map that a file may have, then an L2norm for cosine
    std::vector<SpecToken> tokens_;
    std::size_t next_ = 0;
    Spec spec_;
};
}  // namespace detail

inline Result<Spec> parse_spec(std::string_view text, std::size_t d, Metric metric, const SpecWords& words) {
    return guarded("factory string", [&] { return detail::SpecParser(text, d, metric, words).run(); });
}

inline std::string to_string(const Spec& spec) {
    std::string out;
    for (const TransformSpec& transform : spec.transforms) out += transform.canonical + ',';
    if (spec.coarse) {
        out += "IVF" + std::to_string(spec.coarse->nlist);
        if (!spec.coarse->index.empty()) out += '(' + spec.coarse->index + ')';
        out += ',';
    }
    out += spec.encoding.text;
    for (std::size_t i = 0; i < spec.refine.size(); ++i) out += ",RFlat";
    return out;
}

}  // namespace lutra::inline LUTRA_ABI_TAG
