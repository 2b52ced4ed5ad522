// lutra/tune/explain.hpp: explains a factory string for n vectors: a sentence for each part, memory, time, and warnings.
// SPDX-License-Identifier: MIT
//
// Times are estimates for one core with AVX-512 (Zen 4), from rates measured by the benchmarks of this repository; a core with AVX2
// takes two to three times as long. They serve to compare strings.
#pragma once
#include <lutra/core/guarded.hpp>
#include <lutra/core/message.hpp>
#include <lutra/core/part_cost.hpp>
#include <lutra/factory/index_factory.hpp>
#include <lutra/factory/words.hpp>
#include <lutra/kernels/centroids.hpp>

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
    IndexOptions options = {};  ///< of the index
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
    double bytes = 0;  ///< of the index in memory; less if rows are of whole numbers 0 to 255
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

/// Seconds to read a row at random, and to start a list.
inline constexpr double kFarRow = 0.12e-6, kListVisit = 0.15e-6;
inline constexpr float kAdvisedFactor = 8;
/// Centroids by bytes (kernels/byte_rows.hpp), Zen 4, d = 128: the nearest of 1,024, and 32 of 4,096.
inline constexpr double kFasterNearest = 2.3, kFasterProbe = 2;

class Explainer {
public:
    Explainer(const Spec& spec, const Index& index, const Workload& work)
        : spec_(spec),
          index_(index),
          work_(work),
          costs_(spec_costs(spec, work.d, work.metric, std::min(work.n, index.training_rows()), work.options)) {}

    Explanation run() {
        out_.spec = index_.spec();
        out_.training_rows = std::min(work_.n, index_.training_rows());
        out_.nprobe = nlist() == 0 ? 0 : std::min(work_.nprobe != 0 ? work_.nprobe : nprobe_for(nlist(), 0.95), nlist());
        out_.k_factor = spec_.refine.empty()    ? 0
                        : work_.k_factor != 0   ? work_.k_factor
                        : costs_.encoding.exact ? 1
                                                : kAdvisedFactor;
        out_.bytes = double(work_.n) * (double(index_.code_size() + sizeof(Id)) + costs_.encoding.row_bytes);
        for (std::size_t i = 0; i < spec_.transforms.size(); ++i) explain_transform(spec_.transforms[i], costs_.transforms[i]);
        if (spec_.coarse) explain_coarse();
        explain_encoding();
        if (!spec_.refine.empty()) explain_refine();
        warn();
        return std::move(out_);
    }

private:
    std::size_t nlist() const { return spec_.coarse ? spec_.coarse->nlist : 0; }
    std::size_t columns() const { return columns_behind(spec_, work_.d); }  // that lists and encoding see
    double row_bytes() const { return double(work_.d) * sizeof(float); }
    double visited() const { return nlist() == 0 ? double(work_.n) : double(work_.n) * double(out_.nprobe) / double(nlist()); }

    void say(std::string token, std::string sentence) { out_.parts.push_back({std::move(token), std::move(sentence)}); }
    void warn(std::string warning) { out_.warnings.push_back(std::move(warning)); }

    void explain_transform(const TransformSpec& transform, const PartCost& cost) {
        out_.train_seconds += cost.train_seconds;
        out_.add_seconds += double(work_.n) * cost.add_seconds;
        out_.search_seconds += cost.search_seconds;
        const bool as_they_were = !spec_.refine.empty() && work_.metric != Metric::cosine;
        const std::string_view rest = as_they_were ? "RFlat compares the rows as they were" : std::string_view(cost.unrefined);
        say(transform.token.text, joined({cost.sentence, rest.empty() ? "" : "; ", rest}));
    }

    void explain_coarse() {
        const double lists = double(nlist()), per_list = double(work_.n) / lists, multiply_adds = lists * double(columns());
        out_.bytes += lists * double(columns()) * sizeof(float);
        const double rows = 10 * double(std::min(work_.n, 256 * nlist()));  // rounds of k-means, rows a list at most: KMeansConfig
        const bool bytes = kBytesPay && spec_.coarse->index.empty() && Centroids::may_have_bytes(nlist(), columns());
        const double to_assign = multiply_adds / kMultiplyAddsPerSecond / (bytes ? kFasterNearest : 1);
        const double to_probe = multiply_adds / kMultiplyAddsPerSecond / (bytes && out_.nprobe <= nlist() / 8 ? kFasterProbe : 1);
        out_.train_seconds += rows * to_assign;
        out_.add_seconds += double(work_.n) * to_assign;
        out_.search_seconds += to_probe + double(out_.nprobe) * kListVisit;
        std::string text =
            joined({"k-means partitions the rows into ", count_text(lists), " lists of about ", count_text(per_list),
                    "; a query visits the ", count_text(double(out_.nprobe)),
                    work_.metric == Metric::l2 ? " nearest, " : " most promising, ", count_text(visited()), " rows"});
        if (!spec_.coarse->index.empty())
            text.append(joined({"; the lists are found through ", spec_.coarse->index, " over their centroids"}));
        say(spec_.coarse->token.text, std::move(text));
    }

    void explain_encoding() {
        out_.train_seconds += costs_.encoding.train_seconds;
        out_.add_seconds += double(work_.n) * costs_.encoding.add_seconds;
        out_.search_seconds += visited() * costs_.encoding.search_seconds;
        say(spec_.encoding.text, costs_.encoding.sentence);
    }

    void explain_refine() {
        const double candidates = double(work_.k) * double(out_.k_factor);
        out_.search_seconds += candidates * kFarRow;
        say(spec_.refine.back().text, joined({work_.metric == Metric::cosine ? "the rows scaled to length 1 are kept, too, "
                                                                             : "the original rows are kept, too, ",
                                              bytes_text(row_bytes()), " each", whole_rows_text(), "; the best k * k_factor = ",
                                              count_text(candidates), " candidates are compared exactly"}));
    }

    std::string whole_rows_text() const {
        if (work_.metric == Metric::cosine) return {};  // of length 1 they are not whole
        return joined({" (whole numbers 0 to 255: ", bytes_text(row_bytes() / sizeof(float)), ")"});
    }

    void warn() {
        warn_of_settings();
        if (nlist() != 0) warn_of_lists();
        if (nlist() == 0 && work_.n > 100000)
            warn(joined({"without lists every query reads all ", count_text(double(work_.n)), " rows; put IVF{n} in front"}));
        warn_of_parts();
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

    void warn_of_parts() {
        const PartCost& encoding = costs_.encoding;
        warn_of_rows(spec_.encoding.text, encoding);
        if (encoding.exact && !spec_.refine.empty()) warn("uncompressed rows gain nothing from a refine stage");
        if (spec_.refine.empty() && !encoding.unrefined.empty()) warn(encoding.unrefined);
        if (!encoding.exact && !spec_.refine.empty() && out_.k_factor <= 1)
            warn("k_factor 1 only reorders the k found by codes; 4 to 16 finds more neighbours");
        for (const std::string& warning : encoding.warnings) warn(warning);
        for (std::size_t i = 0; i < costs_.transforms.size(); ++i) {
            const PartCost& transform = costs_.transforms[i];
            warn_of_rows(spec_.transforms[i].canonical, transform);
            if (!spec_.refine.empty() && !transform.refined.empty()) warn(transform.refined);
            for (const std::string& warning : transform.warnings) warn(warning);
        }
    }

    void warn_of_rows(std::string_view token, const PartCost& cost) {
        if (work_.n < cost.least_training_rows)
            warn(joined(
                {token, " needs at least ", std::to_string(cost.least_training_rows), " rows to train: training will fail"}));
    }

    const Spec& spec_;
    const Index& index_;
    const Workload& work_;
    SpecCosts costs_;
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
