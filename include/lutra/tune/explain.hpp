// lutra/tune/explain.hpp: explains a factory string for n vectors: a sentence for each part, memory, time, and warnings.
// SPDX-License-Identifier: MIT
//
// Times are estimates for one core with AVX-512 (Zen 4), from rates measured by the benchmarks of this repository; a core with AVX2
// takes two to three times as long. They serve to compare strings.
#pragma once
#include <lutra/core/guarded.hpp>
#include <lutra/core/message.hpp>
#include <lutra/encodings/pq4fs/codebook.hpp>
#include <lutra/encodings/pq4fs/pq4fs.hpp>
#include <lutra/encodings/pq4fs/pq4fs_token.hpp>
#include <lutra/factory/index_factory.hpp>
#include <lutra/factory/words.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// The vectors an index will hold, and how it will be searched.
///   nprobe, k_factor   0: the values advised for a recall@10 of 0.95
struct Workload {
    std::size_t n = 0, d = 0;
    Metric metric = Metric::l2;
    std::size_t k = 10, nprobe = 0;
    float k_factor = 0;
};

struct Explanation {
    struct Part {
        std::string token, sentence;
    };
    std::string spec;  ///< in canonical spelling
    std::vector<Part> parts;
    std::vector<std::string> warnings;
    std::size_t nprobe = 0, training_rows = 0;  ///< lists visited; rows training looks at, at most n
    float k_factor = 0;
    double bytes = 0;                                               ///< of the index in memory
    double train_seconds = 0, add_seconds = 0, search_seconds = 0;  ///< the last for one query of a batch
};

/// Explains a factory string for a workload. Errors: bad_argument (n or d is 0, a k_factor that is neither 0 nor 1 or more), and
/// those of index_factory().
Result<Explanation> explain(std::string_view spec, const Workload& workload);

/// The nprobe for which the visited lists hold a true neighbour with probability `recall`, 0 < recall < 1. Fitted to SIFT
/// (1,000,000 x 128) and speech features (298,353 x 256) in 1,024 lists, where 3% of the lists hold 97% of the ten nearest.
inline std::size_t nprobe_for(std::size_t nlist, double recall) {
    const double share = 0.009 * std::pow(0.16 / (1 - std::clamp(recall, 0.5, 0.9999)), 0.83);
    return std::clamp<std::size_t>(std::size_t(std::ceil(share * double(nlist))), 1, nlist);
}

namespace detail {

/// Rates of one core.
inline constexpr double kMultiplyAdds = 50e9, kLookups = 80e9, kEncodedFloats = 500e6;
/// Extra rates of score-aware codes: pieces encoded, and floats and pieces of a training round. Measured on Zen 3 with AVX2,
/// doubled for encoding, and times 1.5 for training, which gains nothing from wider registers.
inline constexpr double kAwarePieces = 50e6, kAwareTrainedFloats = 60e6, kAwareTrainedPieces = 40e6;
/// Seconds to read a row at random, and to start a list.
inline constexpr double kFarRow = 0.12e-6, kListVisit = 0.15e-6;
inline constexpr float kAdvisedFactor = 8;

inline std::string joined(std::initializer_list<std::string_view> pieces) {
    std::string text;
    for (const std::string_view piece : pieces) text.append(piece);
    return text;
}

inline std::string count_text(double n) {
    const std::string digits = std::to_string(std::uint64_t(std::llround(n)));
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i != 0 && (digits.size() - i) % 3 == 0) text.push_back(',');
        text.push_back(digits[i]);
    }
    return text;
}

inline std::string bytes_text(double bytes) {
    const char* const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    std::size_t unit = 0;
    for (; bytes >= 1000 && unit < 4; ++unit) bytes /= 1000;
    if (bytes >= 100 || unit == 0) return joined({count_text(bytes), " ", units[unit]});
    return joined({count_text(std::floor(bytes)), ".", std::to_string(int(bytes * 10) % 10), " ", units[unit]});
}

inline std::string floats_text(std::size_t n) { return joined({count_text(double(n)), n == 1 ? " float" : " floats"}); }

class Explainer {
public:
    Explainer(const Spec& spec, const Index& index, const Workload& work) : spec_(spec), index_(index), work_(work) {}

    Explanation run() {
        out_.spec = index_.spec();
        out_.training_rows = std::min(work_.n, index_.training_rows());
        out_.nprobe = nlist() == 0 ? 0 : std::min(work_.nprobe != 0 ? work_.nprobe : nprobe_for(nlist(), 0.95), nlist());
        out_.k_factor = spec_.refine.empty() ? 0 : work_.k_factor != 0 ? work_.k_factor : is_coded() ? kAdvisedFactor : 1;
        out_.bytes = double(work_.n) * double(index_.code_size() + sizeof(Id));
        for (const SpecToken& transform : spec_.transforms) explain_transform(transform);
        if (spec_.coarse) explain_coarse();
        explain_encoding();
        if (!spec_.refine.empty()) explain_refine();
        warn();
        return std::move(out_);
    }

private:
    std::size_t nlist() const { return spec_.coarse ? spec_.coarse->nlist : 0; }
    bool is_coded() const { return index_.code_size() - rows_kept() < work_.d * sizeof(float); }
    Pq4Token codes() const { return read_pq4_token(spec_.encoding.text).value_or(Pq4Token{work_.d}); }
    std::size_t rows_kept() const { return spec_.refine.empty() ? 0 : spec_.refine.size() * work_.d * sizeof(float); }
    double row_bytes() const { return double(work_.d) * sizeof(float); }
    double visited() const { return nlist() == 0 ? double(work_.n) : double(work_.n) * double(out_.nprobe) / double(nlist()); }

    void say(std::string token, std::string sentence) { out_.parts.push_back({std::move(token), std::move(sentence)}); }
    void warn(std::string warning) { out_.warnings.push_back(std::move(warning)); }

    void explain_transform(const SpecToken& transform) {
        say(transform.text, joined({"rows and queries are scaled to length 1; ",
                                    !spec_.refine.empty()        ? "RFlat compares them as they were before"
                                    : work_.metric == Metric::l2 ? "squared L2 distances are then 2 - 2 cosine"
                                                                 : "with inner product the distances are cosines"}));
    }

    void explain_coarse() {
        const double lists = double(nlist()), per_list = double(work_.n) / lists, multiply_adds = lists * double(work_.d);
        out_.bytes += lists * row_bytes();
        out_.train_seconds += 10 * double(std::min(work_.n, 256 * nlist())) * multiply_adds / kMultiplyAdds;
        out_.add_seconds += double(work_.n) * multiply_adds / kMultiplyAdds;
        out_.search_seconds += multiply_adds / kMultiplyAdds + double(out_.nprobe) * kListVisit;
        std::string text =
            joined({"k-means partitions the rows into ", count_text(lists), " lists of about ", count_text(per_list),
                    "; a query visits the ", count_text(double(out_.nprobe)),
                    work_.metric == Metric::l2 ? " nearest, " : " most promising, ", count_text(visited()), " rows"});
        if (!spec_.coarse->index.empty())
            text.append(joined({"; the lists are found through ", spec_.coarse->index, " over their centroids"}));
        say(spec_.coarse->token.text, std::move(text));
    }

    void explain_encoding() {
        const std::size_t code = index_.code_size() - rows_kept();
        if (!is_coded()) {
            out_.search_seconds += visited() * double(work_.d) / kMultiplyAdds;
            return say(spec_.encoding.text,
                       joined({"uncompressed rows, ", bytes_text(row_bytes()), " each, are compared exactly"}));
        }
        const Pq4Token token = codes();
        out_.add_seconds += double(work_.n) * double(work_.d) / kEncodedFloats;
        out_.search_seconds += visited() * double(token.m) / kLookups;
        if (token.score_aware) add_score_aware(double(token.m));
        if (token.by_residual && work_.metric == Metric::l2) out_.bytes += double(work_.n) * sizeof(std::uint16_t);  // their terms
        say(spec_.encoding.text,
            joined({token.by_residual ? "each row, less the centroid of its list, is cut into " : "each row is cut into ",
                    count_text(double(token.m)), " pieces of ", floats_text(work_.d / token.m),
                    ", each replaced by the nearest of 16 centroids: ", bytes_text(double(code)),
                    " a row; distances are sums of table look-ups in registers, fast and approximate",
                    token.score_aware ? "; errors are mostly orthogonal to the rows, where the best inner products change least"
                                      : ""}));
    }

    void add_score_aware(double m) {
        const double rows = double(std::min(work_.n, Pq4FastScan::kTrainingRows));
        out_.train_seconds += 10 * rows * (double(work_.d) / kAwareTrainedFloats + m / kAwareTrainedPieces);
        out_.add_seconds += double(work_.n) * m / kAwarePieces;
    }

    void explain_refine() {
        const double candidates = double(work_.k) * double(out_.k_factor);
        out_.search_seconds += candidates * kFarRow;
        say(spec_.refine.back().text,
            joined({"the original rows are kept, too, ", bytes_text(row_bytes()),
                    " each; the best k * k_factor = ", count_text(candidates), " candidates are compared exactly"}));
    }

    void warn() {
        warn_of_settings();
        if (nlist() != 0) warn_of_lists();
        if (nlist() == 0 && work_.n > 100000)
            warn(joined({"without lists every query reads all ", count_text(double(work_.n)), " rows; put IVF{n} in front"}));
        if (is_coded()) warn_of_codes();
        if (!is_coded() && !spec_.refine.empty()) warn("uncompressed rows gain nothing from a refine stage");
        if (!spec_.transforms.empty() && !spec_.refine.empty())
            warn(joined({"RFlat compares the rows before L2norm: by ", work_.metric == Metric::l2 ? "L2 distance" : "inner product",
                         ", not by cosine"}));
    }

    void warn_of_settings() {
        if (nlist() == 0 && work_.nprobe != 0)
            warn(joined({"nprobe = ", std::to_string(work_.nprobe), " has no effect: there are no lists"}));
        if (spec_.refine.empty() && work_.k_factor > 1)
            warn(std::string(Message::format("k_factor = {} has no effect: there is no refine stage", work_.k_factor).view()));
    }

    void warn_of_lists() {
        const double n = double(work_.n), lists = double(nlist()), root = std::sqrt(n);
        if (work_.n < nlist())
            warn(joined({count_text(n), " rows cannot make ", count_text(lists), " lists: training will fail"}));
        else if (nlist() > 1 && n < 39 * lists)
            warn(joined({"fewer than 39 rows a list make poor lists; at most IVF",
                         std::to_string(std::max<std::size_t>(1, work_.n / 39))}));
        if (lists > 16 * root && n >= 39 * lists)
            warn(joined({"more than 16 sqrt(n) = ", count_text(16 * root), " lists: finding them costs more than they save"}));
        if (lists < root && work_.n > 10000)
            warn(joined({"fewer than sqrt(n) lists are slow, as each is long: 4 to 16 sqrt(n), ", count_text(4 * root), " to ",
                         count_text(16 * root), ", is usual"}));
        if (nlist() > 1 && work_.nprobe == 1) warn("nprobe 1 misses about half of the neighbours");
    }

    void warn_of_codes() {
        if (work_.n < kPq4Centroids)
            warn(joined({"codes need at least ", std::to_string(kPq4Centroids), " rows to train: training will fail"}));
        if (spec_.refine.empty())
            warn("4-bit codes alone order the nearest poorly; \",RFlat\" behind them compares candidates exactly");
        else if (out_.k_factor <= 1)
            warn("k_factor 1 only reorders the k found by codes; 4 to 16 finds more neighbours");
        if (work_.d > 2 * codes().m) warn("pieces of more than 2 floats lose much accuracy; PQ{d/2}x4fs, with 2, is usual");
    }

    const Spec& spec_;
    const Index& index_;
    const Workload& work_;
    Explanation out_;
};

}  // namespace detail

inline Result<Explanation> explain(std::string_view text, const Workload& workload) {
    if (workload.n == 0 || workload.d == 0)
        return Status{Errc::bad_argument, "explain: n = {}, d = {}; both must be at least 1", workload.n, workload.d};
    if (workload.k_factor != 0 && !(workload.k_factor >= 1 && workload.k_factor <= float(kMaxLists)))
        return Status{Errc::bad_argument, "explain: k_factor = {}; accepted: 0 for what is advised, or a number from 1 to {}",
                      workload.k_factor, kMaxLists};
    return guarded("explain", [&]() -> Result<Explanation> {
        const Result<Index> index = index_factory(workload.d, text, workload.metric);
        LUTRA_TRY(index.status());
        const Result<Spec> spec = parse_spec(text, workload.d, workload.metric);
        LUTRA_TRY(spec.status());
        return detail::Explainer(*spec, *index, workload).run();
    });
}

}  // namespace lutra::inline LUTRA_ABI_TAG
