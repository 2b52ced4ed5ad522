// tools/lutra/autotune.cpp: lutra autotune finds the fastest settings, or the fastest index, that reach a recall, by measuring.
// Main path: tune_file() in autotune_file.cpp, or tune_factory() in autotune_factory.cpp -> keep_settings() -> save_to().
// SPDX-License-Identifier: MIT
#include "autotune.hpp"

#include "failure.hpp"
#include "index_file.hpp"
#include "inputs.hpp"
#include "interrupt.hpp"
#include "outputs.hpp"
#include "progress_bar.hpp"
#include "text.hpp"
#include "values.hpp"
#include "verbs.hpp"

#include <lutra/parallel/threads.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <string_view>

namespace command {

namespace {
constexpr std::size_t kMostQueries = 2000, kTruthBatch = 100;
}

Questions read_queries(const std::string& path) {
    const Inputs file({path});
    Questions q{{}, std::min(file.n(), kMostQueries), file.d(), 0, {}};
    q.rows.resize(q.n * q.d);
    file.read(0, q.n, q.rows.data());
    return q;
}

void find_truth(Questions& q, MatrixView base, Metric metric, std::size_t k, const Resources& resources) {
    Index flat = make_index(base.d, "Flat", metric);
    check(flat.add(base, resources));
    q.k = k;
    for (std::size_t i = 0; i < q.n; i += kTruthBatch) {
        check(resources.progress.report("exact search", i, q.n));
        const Hits hits = search(flat, q.view().rows(i, std::min(q.n, i + kTruthBatch)), k, {}, resources).value();
        q.truth.insert(q.truth.end(), hits.ids.begin(), hits.ids.end());
    }
    check(resources.progress.report("exact search", q.n, q.n));
}

std::string settings_text(const OperatingPoint& point) {
    std::string text;
    if (point.nprobe != 0) text = fmt::format("nprobe={}", point.nprobe);
    if (point.k_factor != 0) text += fmt::format("{}k_factor={}", text.empty() ? "" : ",", point.k_factor);
    return text.empty() ? "no settings" : text;
}

std::vector<std::string> cells_of(const OperatingPoint& p) {
    return {p.nprobe == 0 ? "-" : std::to_string(p.nprobe), p.k_factor == 0 ? "-" : fmt::format("{}", p.k_factor),
            fmt::format("{:.4f}", p.recall), with_commas(std::uint64_t(p.queries_per_second))};
}

Json point_json(const std::string& spec, const OperatingPoint& p) {
    return {{"factory", spec},
            {"nprobe", p.nprobe},
            {"k_factor", json_number(p.k_factor)},
            {"recall", json_measured(p.recall)},
            {"qps", json_measured(p.queries_per_second)}};
}

const std::string& output_path(const AutotuneFlags& flags) { return flags.output.empty() ? flags.index : flags.output; }

void keep_settings(Index& index, const OperatingPoint& point) {
    if (point.nprobe != 0) check(index.set_nprobe(point.nprobe));
    if (point.k_factor != 0) check(index.set_k_factor(point.k_factor));
}

void save_to(const Index& index, FileWriter& file) {
    InterruptibleWriter out(file);
    check(index.save(out));
    check(file.commit());
}

void print_choice(const AutotuneFlags& flags, const std::string& spec, const Tuned& tuned, const Json& points) {
    if (!tuned.reached)
        print_error(fmt::format("lutra autotune: warning: {} does not reach a recall of {}; this is its highest\n", spec,
                                flags.config.recall));
    const std::string& path = output_path(flags);
    if (flags.report.json) {
        Json line = point_json(spec, tuned.best);
        line.update({{"reached", tuned.reached}, {"path", path}, {"points", points}});
        return print_json(line);
    }
    if (flags.report.quiet) return;
    print_field("chosen", fmt::format("{} {}: recall {:.4f}, {} queries/s", spec, settings_text(tuned.best), tuned.best.recall,
                                      with_commas(std::uint64_t(tuned.best.queries_per_second))));
    print_field("saved", path);
}

namespace {
void check_flags(const AutotuneFlags& flags) {
    const auto bad = [](std::string_view text) { throw BadUsage(Status{Errc::bad_argument, "{}", text}); };
    if (flags.search_factory != flags.index.empty())
        bad("give either --index FILE, to tune it, or --search-factory, to find an index");
    if (flags.search_factory && (flags.base.empty() || flags.output.empty())) bad("--search-factory needs --base and -o");
    if (!flags.search_factory && flags.metric_given->count() > 0) bad("--metric has no effect with --index: the index has its own");
    if (flags.search_factory && !flags.truth.empty()) bad("--truth has no effect with --search-factory: it is computed");
    if (!flags.search_factory && flags.queries.empty()) bad("--queries is missing: the queries to tune the index for");
    if (!flags.search_factory && flags.truth.empty() && flags.base.empty()) bad("give --truth, or --base to compute it from");
    if (!flags.output.empty()) {
        check_not_input(flags.output, flags.base);
        check_not_input(flags.output, {flags.queries, flags.truth});
    }
}

void autotune_verb(const AutotuneFlags& flags) {
    const Interrupt interrupt;
    check_flags(flags);
    ThreadPool pool(flags.threads);
    Workspace workspace;
    ProgressBar bar(flags.report.quiet);
    const Resources resources{pool.executor(), &workspace, Progress(bar)};
    flags.search_factory ? tune_factory(flags, resources) : tune_file(flags, resources);
}
}  // namespace

Work add_autotune(CLI::App& lutra) {
    const auto flags = std::make_shared<AutotuneFlags>();
    CLI::App* verb = lutra.add_subcommand("autotune", "Find the fastest settings, or index, that reach a recall");
    verb->add_option("--index", flags->index, "The index to tune; the nprobe and k_factor found become its own")
        ->option_text("FILE");
    verb->add_flag("--search-factory", flags->search_factory, "Try several factory strings on --base, and save the best index");
    verb->add_option("--queries", flags->queries,
                     "Typical queries; the first 2,000 are used. Default with --search-factory: rows held out of --base")
        ->option_text("FILE");
    verb->add_option("--truth", flags->truth, "Their true neighbours (lutra truth)")->option_text("FILE");
    verb->add_option("--base", flags->base, "The vectors: to build from, to compute the truth, to count ties")
        ->option_text("FILE ...");
    flags->metric_given = add_metric(verb, flags->metric)->description("With --search-factory: l2 (default), ip or cosine");
    verb->add_option("--recall", flags->config.recall, "Share of the true k nearest neighbours to find; default: 0.95")
        ->transform(number(0.01, 1))
        ->option_text("R");
    add_k(verb, flags->config.k);
    verb->add_option("--seconds", flags->config.seconds, "Time to measure each setting for; default: 0.5")
        ->transform(number(0.001, 60))
        ->option_text("S");
    add_no_byte_copies(verb, flags->options);
    add_threads(verb, flags->threads);
    verb->add_option("-o,--output", flags->output, "Where the index goes; default: --index itself")->option_text("FILE");
    add_report(verb, flags->report);
    verb->footer(
        "Ties: a vector as near as the k-th true neighbour counts. ...,Flat and ...,RFlat know distances; for codes alone (PQ..)\n"
        "--base tells them, without it only the ids of the truth count.\n"
        "The settings are saved in the index file, where lutra search and faiss find them. If no setting reaches the recall,\n"
        "--index is unchanged; with -o the settings of the highest recall are saved.\n\n"
        "Example:\n  lutra autotune --index base.index --queries queries.fvecs --truth truth.ivecs --recall 0.95");
    return [flags] { autotune_verb(*flags); };
}

}  // namespace command
