// lutra/tune/advise.hpp: which index for n vectors [d], a recall and a memory.  SPDX-License-Identifier: MIT
//
// Rules of thumb of faiss's users: lists between 4 sqrt(n) and 16 sqrt(n), 39 training rows a list at least, pieces of two floats
// for 4-bit codes, exact comparison of what they propose; and shares of lists that were measured (nprobe_for()).
#pragma once
#include <lutra/tune/explain.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

/// What is wanted. memory: the most bytes the index may take; 0: any.
struct Wish {
    std::size_t n = 0, d = 0;
    Metric metric = Metric::l2;
    double recall = 0.95;
    double memory = 0;
};

struct Advice {
    Explanation index;   ///< its spec, nprobe and k_factor are what is advised
    std::string reason;  ///< why this one
};

/// An index that fits. Errors: bad_argument (n or d is 0, recall outside 0 .. 1), unsupported (not even the smallest one fits the
/// memory).
inline Result<Advice> advise(const Wish& wish);

namespace detail {

/// 4-bit codes of two floats each; of one where d is odd.
inline std::string codes_for(std::size_t d, std::size_t piece) {
    while (d % piece != 0) --piece;
    return std::string("PQ").append(std::to_string(d / piece)).append("x4fs");
}

/// The power of two next to 4 sqrt(n) .. 8 sqrt(n), with 39 rows a list.
inline std::size_t lists_for(std::size_t n) {
    const auto wanted = std::size_t(5.6 * std::sqrt(double(n)));
    return std::max<std::size_t>(1, std::min(std::bit_floor(std::max<std::size_t>(wanted, 1)), n / 39));
}

struct Candidate {
    std::string spec;
    float k_factor;
    double most_recall;  // what it reaches on real data with all lists
    std::string reason;
};

inline Result<Explanation> explain_for(const Candidate& candidate, const Wish& wish) {
    Workload work{wish.n, wish.d, wish.metric, 10, 1, candidate.k_factor};
    work.nprobe = nprobe_for(lists_for(wish.n), wish.recall + (1 - wish.recall) / 4);  // some are lost to codes
    return explain(candidate.spec, work);
}

}  // namespace detail

inline Result<Advice> advise(const Wish& wish) {
    if (wish.n == 0 || wish.d == 0)
        return Status{Errc::bad_argument, "advise: n = {}, d = {}; both must be at least 1", wish.n, wish.d};
    if (!(wish.recall > 0 && wish.recall <= 1))
        return Status{Errc::bad_argument, "advise: recall = {}; accepted: above 0, at most 1", wish.recall};
    const std::string lists = std::string("IVF").append(std::to_string(detail::lists_for(wish.n))),
                      fine = detail::codes_for(wish.d, 2), coarse = detail::codes_for(wish.d, 4);
    const float factor = wish.recall > 0.98 ? 16 : wish.recall > 0.9 ? 8 : 4;
    std::vector<detail::Candidate> candidates;
    if (wish.n < 10000 || wish.recall >= 0.9995)
        candidates.push_back({"Flat", 0, 1, wish.n < 10000 ? "so few rows are compared exactly in no time" : "only this is exact"});
    else
        candidates.push_back({detail::joined({lists, ",", fine, ",RFlat"}), factor, 0.999,
                              "the fastest there is: lists, codes, exact comparison of the best"});
    candidates.push_back(
        {detail::joined({lists, ",Flat"}), 0, 0.9995, "rows once and no codes: slower, less memory than with codes beside"});
    candidates.push_back({detail::joined({lists, ",", fine}), 0, 0.7, "rows do not fit the memory: codes of two floats each"});
    candidates.push_back(
        {detail::joined({lists, ",", coarse}), 0, 0.5, "rows do not fit the memory, nor do fine codes: codes of four floats each"});
    double least = 0;
    for (const detail::Candidate& candidate : candidates) {
        Result<Explanation> index = detail::explain_for(candidate, wish);
        LUTRA_TRY(index.status());
        least = index->bytes;
        if (wish.memory != 0 && index->bytes > wish.memory) continue;
        if (candidate.most_recall < wish.recall)
            index->warnings.push_back(detail::joined({"codes without the rows beside them will not reach a recall of ",
                                                      std::to_string(wish.recall).substr(0, 5), "; expect ",
                                                      std::to_string(candidate.most_recall).substr(0, 3), " or less"}));
        return Advice{std::move(*index), candidate.reason};
    }
    return Status{Errc::unsupported,
                  "advise: {} rows of d = {} take {} bytes in the smallest index; {} were allowed",
                  wish.n,
                  wish.d,
                  std::size_t(least),
                  std::size_t(wish.memory)};
}

}  // namespace lutra::inline LUTRA_ABI_TAG
