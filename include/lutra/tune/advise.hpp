// lutra/tune/advise.hpp: recommends an index for n vectors [d], a recall and a memory limit.  SPDX-License-Identifier: MIT
//
// Rules of thumb of faiss's users: 4 sqrt(n) to 16 sqrt(n) lists, at least 39 training rows a list, pieces of two floats for 4-bit
// codes, a refine stage behind them; and measured shares of lists (nprobe_for()). For inner product: codes of residuals in lists,
// score-aware if their weight is above 0; pq4fs/README.md, section 6, has the measurements.
#pragma once
#include <lutra/core/guarded.hpp>
#include <lutra/encodings/pq4fs/codebook.hpp>
#include <lutra/encodings/pq4fs/pq4fs_token.hpp>
#include <lutra/encodings/pq4fs/score_aware.hpp>
#include <lutra/kernels/byte_lanes.hpp>
#include <lutra/tune/explain.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// The request. memory: the most bytes the index may take; 0: any.
struct Wish {
    std::size_t n = 0, d = 0;
    Metric metric = Metric::l2;
    double recall = 0.95;
    double memory = 0;
};

struct Advice {
    Explanation index;     ///< its spec, nprobe and k_factor are the advice
    IndexOptions options;  ///< to load it with, so that it fits the memory
    std::string reason;    ///< why this index
};

/// Recommends an index that the n rows can train and that fits the memory. Errors: bad_argument (n or d is 0, recall outside 0 ..
/// 1, memory below 0), unsupported (not even the smallest index fits).
inline Result<Advice> advise(const Wish& wish);

namespace detail {

/// The largest piece of up to `most` floats that divides d.
inline std::size_t piece_for(std::size_t d, std::size_t most) {
    while (d % most != 0) --most;
    return most;
}

/// 4-bit codes of pieces of `most` floats, or of fewer where that does not divide d; for inner product score-aware, and of
/// residuals in lists.
inline std::string codes_for(std::size_t d, std::size_t most, Metric metric, bool in_lists) {
    const bool inner = metric != Metric::l2;
    Pq4Token token{d / piece_for(d, most)};
    token.by_residual = inner && in_lists;
    token.score_aware = inner && score_aware_weight(d) > 0.01;  // less changes no codes
    return write_pq4_token(token);
}

/// The power of two next to 4 sqrt(n) .. 8 sqrt(n), with 39 rows a list.
inline std::size_t lists_for(std::size_t n) {
    const auto wanted = std::size_t(5.6 * std::sqrt(double(n)));
    return std::max<std::size_t>(1, std::min(std::bit_floor(std::max<std::size_t>(wanted, 1)), n / 39));
}

struct Candidate {
    std::string spec;
    float k_factor;
    double most_recall;  // reached on real data with all lists visited
    std::string reason;
    IndexOptions options = {};
};

class Adviser {
public:
    explicit Adviser(const Wish& wish) : wish_(wish) {}

    Result<Advice> run() {
        propose();
        double least = std::numeric_limits<double>::infinity();
        for (const Candidate& candidate : candidates_) {
            Result<Explanation> index = explained(candidate);
            LUTRA_TRY(index.status());
            least = std::min(least, index->bytes);
            if (wish_.memory != 0 && index->bytes > wish_.memory) continue;
            warn_of_recall(candidate, *index);
            return Advice{std::move(*index), candidate.options, candidate.reason};
        }
        return Status{Errc::unsupported,
                      "advise: {} rows of d = {} take {} bytes in the smallest index; {} were allowed",
                      wish_.n,
                      wish_.d,
                      std::size_t(least),
                      std::size_t(wish_.memory)};
    }

private:
    // Best first; the first that fits is taken.
    void propose() {
        const std::size_t n = wish_.n, lists = lists_for(n), fine = piece_for(wish_.d, 2), coarse = piece_for(wish_.d, 4);
        if (lists > 1) in_lists_.append("IVF").append(std::to_string(lists)).append(",");
        if (n < 10000 || wish_.recall >= 0.9995)
            candidates_.push_back({"Flat", 0, 1, n < 10000 ? "exact search is fast enough for so few rows" : "only this is exact"});
        else
            candidates_.push_back({in_lists_ + codes(2) + ",RFlat", factor(), 0.999, reason_for_codes()});
        propose_rows("lists of uncompressed rows, without codes");
        if (n < kPq4Centroids) return;
        propose_codes(fine, 0.7, "rows do not fit the memory: codes of ");
        if (coarse != fine) propose_codes(coarse, 0.5, "rows do not fit the memory, nor do fine codes: codes of ");
    }

    void propose_rows(std::string reason) {
        candidates_.push_back({in_lists_ + "Flat", 0, 0.9995, reason});
        if (!kHasBytes) return;
        reason.append(", loaded without 8-bit copies (--no-byte-copies) to fit the memory: slower");
        candidates_.push_back({in_lists_ + "Flat", 0, 0.9995, std::move(reason), {.byte_copies = false}});
    }

    void propose_codes(std::size_t piece, double most_recall, std::string_view reason) {
        candidates_.push_back({in_lists_ + codes(piece), 0, most_recall, joined({reason, floats_text(piece), " each"})});
    }

    // With products of bytes, batch / alone, Zen 4: SIFT at 0.96, 1,024 lists, 37 / 190 us by Flat, 50 / 105 by 4-bit codes with
    // RFlat; speech, not whole, at 0.95 39 / 140 and 32 / 82.
    std::string reason_for_codes() const {
        std::string reason = "the fastest: lists, 4-bit codes, exact comparison of the best candidates";
        if (kBytesPay && wish_.metric == Metric::l2)
            reason.append("; for batches of rows of whole numbers 0 to 255 ").append(in_lists_).append("Flat is faster here");
        return reason;
    }

    std::string codes(std::size_t most) const { return codes_for(wish_.d, most, wish_.metric, lists_for(wish_.n) > 1); }

    float factor() const { return wish_.recall > 0.98 ? 16 : wish_.recall > 0.9 ? 8 : 4; }

    Result<Explanation> explained(const Candidate& candidate) const {
        Workload work{wish_.n, wish_.d, wish_.metric, 10, 0, candidate.k_factor, candidate.options};
        if (candidate.spec.find("IVF") != std::string::npos)
            work.nprobe = nprobe_for(lists_for(wish_.n), wish_.recall + (1 - wish_.recall) / 4);  // some are lost to codes
        Result<Explanation> index = explain(candidate.spec, work);
        if (index.ok()) index->spec = candidate.spec;  // without the L2norm that cosine puts in front by itself
        return index;
    }

    void warn_of_recall(const Candidate& candidate, Explanation& index) const {
        if (candidate.most_recall >= wish_.recall) return;
        index.warnings.push_back(
            joined({"codes without a refine stage will not reach a recall of ", std::to_string(wish_.recall).substr(0, 5),
                    "; expect ", std::to_string(candidate.most_recall).substr(0, 3), " or less"}));
    }

    const Wish& wish_;
    std::string in_lists_;  // the spec before the encoding: lists, if the rows make two
    std::vector<Candidate> candidates_;
};

}  // namespace detail

inline Result<Advice> advise(const Wish& wish) {
    if (wish.n == 0 || wish.d == 0)
        return Status{Errc::bad_argument, "advise: n = {}, d = {}; both must be at least 1", wish.n, wish.d};
    if (!(wish.recall > 0 && wish.recall <= 1))
        return Status{Errc::bad_argument, "advise: recall = {}; accepted: above 0, at most 1", wish.recall};
    if (!(wish.memory >= 0))
        return Status{Errc::bad_argument, "advise: memory = {}; accepted: 0 for any, or the most bytes", wish.memory};
    return guarded("advise", [&] { return detail::Adviser(wish).run(); });
}

}  // namespace lutra::inline LUTRA_ABI_TAG
