// tools/lutra/eval.cpp: lutra eval measures recall and speed of an index, one row for each setting.
// Main path: eval() -> measure() -> print_row().  SPDX-License-Identifier: MIT
#include "failure.hpp"
#include "flags.hpp"
#include "index_file.hpp"
#include "inputs.hpp"
#include "json_line.hpp"
#include "measure.hpp"
#include "text.hpp"
#include "values.hpp"
#include "verbs.hpp"

#include <lutra/parallel/threads.hpp>

#include <fmt/core.h>

#include <cmath>
#include <memory>
#include <optional>

namespace command {

namespace {
struct EvalFlags {
    std::string index, queries, truth;
    std::vector<std::string> params, base;
    std::size_t threads = 1;
    double seconds = 2;
    bool json = false;
    IndexOptions options;
};

IdRows open_truth(const std::string& path, std::size_t queries, const std::string& queries_path) {
    IdRows truth = read_id_rows(path).value();
    if (truth.n != queries)
        throw Error(Status{Errc::bad_argument, "{} has {} rows, {} has {} queries; truth has a row for each query", path_text(path),
                           truth.n, path_text(queries_path), queries});
    if (truth.k < kRecallAt)
        throw Error(Status{Errc::bad_argument, "{} has {} neighbours a query; recall@10 needs 10 (lutra truth -k 10 finds them)",
                           path_text(path), truth.k});
    return truth;
}

/// Lists visited: the setting, or the index's own; 0 without lists.
std::size_t effective_nprobe(const Index& index, const SearchParams& params) {
    return std::min(params.nprobe != 0 ? params.nprobe : index.nprobe(), index.nlist());
}

/// Candidates per neighbour returned: the setting, or the index's own; 1 without a refine stage.
float effective_k_factor(const Index& index, const SearchParams& params) {
    return index.k_factor() == 0 ? 1 : params.k_factor != 0 ? params.k_factor : index.k_factor();
}

void print_point(std::size_t nprobe, float k_factor, const Measured& m, std::size_t threads) {
    print_json({{"nprobe", nprobe},
                {"k_factor", json_number(k_factor)},
                {"recall@1", m.recall.at_1},
                {"recall@10", m.recall.at_10},
                {"batch_qps", std::round(m.speed.batch_qps * 10) / 10},
                {"p50_us", std::round(m.speed.p50_us * 100) / 100},
                {"p99_us", std::round(m.speed.p99_us * 100) / 100},
                {"threads", threads}});
}

void print_row(const Table& table, std::size_t nprobe, float k_factor, const Measured& m, std::size_t threads) {
    table.row({nprobe == 0 ? "-" : std::to_string(nprobe), fmt::format("{}", k_factor), fmt::format("{:.4f}", m.recall.at_1),
               fmt::format("{:.4f}", m.recall.at_10), with_commas(std::uint64_t(std::llround(m.speed.batch_qps))),
               fmt::format("{:.1f}", m.speed.p50_us), fmt::format("{:.1f}", m.speed.p99_us), std::to_string(threads)});
}

void eval(const EvalFlags& flags) {
    const Index index = open_index(flags.index, flags.options);
    const Queries queries(flags.queries);
    check_queries(index, flags.index, queries.file.d(), flags.queries);
    const IdRows truth = open_truth(flags.truth, queries.file.n(), flags.queries);
    std::vector<SearchParams> settings;  // all read before the first is measured: a mistake shows at once
    for (const std::string& text : flags.params) settings.push_back(read_params(index, text));
    if (settings.empty()) settings.emplace_back();
    const std::unique_ptr<Inputs> base = flags.base.empty() ? nullptr : std::make_unique<Inputs>(flags.base);
    BaseVectors vectors;
    if (base) vectors = base_vectors(*base, index, flags.index);
    const RecallJudge judge = RecallJudge::make(index, queries.view(), truth.ids, kRecallAt, vectors).value();
    ThreadPool pool(flags.threads);
    Workspace workspace;
    std::optional<Table> table;  // none for JSON
    if (!flags.json) {
        fmt::print("{}, {}: {} vectors of d = {}; {} queries\n", index.spec(), metric_word(index.metric()),
                   with_commas(index.ntotal()), index.dim(), with_commas(queries.file.n()));
        table.emplace(
            std::vector<std::string>{"nprobe", "k_factor", "recall@1", "recall@10", "queries/s", "p50 us", "p99 us", "threads"});
    }
    for (const SearchParams& params : settings) {
        const Measured m = measure(index, queries.view(), judge, params, {pool.executor(), &workspace, {}}, flags.seconds);
        const std::size_t nprobe = effective_nprobe(index, params);
        const float k_factor = effective_k_factor(index, params);
        table ? print_row(*table, nprobe, k_factor, m, flags.threads) : print_point(nprobe, k_factor, m, flags.threads);
    }
}
}  // namespace

Work add_eval(CLI::App& lutra) {
    const auto flags = std::make_shared<EvalFlags>();
    CLI::App* verb = lutra.add_subcommand("eval", "Measure recall and speed of an index");
    verb->add_option("INDEX", flags->index, "An index that lutra build or faiss wrote")->required()->option_text(" ");
    verb->add_option("QUERIES", flags->queries, "A file or folder of query vectors")->required()->option_text(" ");
    verb->add_option("--truth", flags->truth, "True neighbours of each query, 10 or more: .ivecs .ibin .npy (lutra truth)")
        ->required()
        ->option_text("FILE");
    verb->add_option("--base", flags->base, "The vectors in the index, in their order: for codes alone (PQ..) to count ties")
        ->option_text("FILE ...");
    verb->add_option("--param", flags->params, "A setting to measure; may be repeated. Default: the index's own")
        ->allow_extra_args(false)
        ->check(name_and_value())
        ->option_text("NAME=VALUE,... ...");
    add_no_byte_copies(verb, flags->options);
    add_threads(verb, flags->threads);
    verb->add_option("--seconds", flags->seconds, "Time to measure each setting for; default: 2")
        ->transform(number(0.01, 3600))
        ->option_text("S");
    add_json(verb, flags->json);
    verb->footer(
        "recall@1    share of queries whose true nearest neighbour is returned first\n"
        "recall@10   share of the true 10 nearest neighbours among the 10 returned\n"
        "queries/s   all queries in one call (median of several; batch_qps in JSON)\n"
        "ties        a vector as near as the 10th true neighbour (the 1st) counts as one of them. ...,Flat and ...,RFlat know\n"
        "            distances; for codes alone --base tells them, without it only the ids of the truth count\n"
        "p50, p99    microseconds of a call with one query: the median and the 99th percentile\n\n"
        "Example:\n  lutra eval base.index queries.fvecs --truth truth.ivecs --param nprobe=1 --param nprobe=32,k_factor=4");
    return [flags] { eval(*flags); };
}

}  // namespace command
