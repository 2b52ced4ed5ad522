// tools/lutra/autotune.cpp: lutra autotune finds the fastest settings, or the fastest index, that reach a recall, by measuring.
// Main path: tune_file() or tune_factory() -> autotune() -> settings into the index -> save.  SPDX-License-Identifier: MIT
#include "failure.hpp"
#include "flags.hpp"
#include "index_file.hpp"
#include "inputs.hpp"
#include "interrupt.hpp"
#include "json_line.hpp"
#include "outputs.hpp"
#include "progress_bar.hpp"
#include "stopwatch.hpp"
#include "text.hpp"
#include "values.hpp"
#include "verbs.hpp"

#include <lutra/core/random.hpp>
#include <lutra/parallel/threads.hpp>
#include <lutra/tune/advise.hpp>
#include <lutra/tune/autotune.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

namespace command {

namespace {
constexpr std::size_t kMostQueries = 2000, kHeldOut = 1000, kTruthBatch = 100;

struct AutotuneFlags {
    std::string index, queries, truth, output;
    std::vector<std::string> base;
    bool search_factory = false;
    Metric metric = Metric::l2;
    CLI::Option* metric_given = nullptr;
    AutotuneConfig config;
    std::size_t threads = 1;
    IndexOptions options;
    ReportFlags report;
};

const std::string& output_path(const AutotuneFlags& flags) { return flags.output.empty() ? flags.index : flags.output; }

/// Queries and their true neighbours, [n, d] and [n, k].
struct Questions {
    AlignedVector<float> rows;
    std::size_t n = 0, d = 0, k = 0;
    std::vector<Id> truth;

    MatrixView view() const { return {rows.data(), n, d}; }
};

Questions read_queries(const std::string& path) {
    const Inputs file({path});
    Questions q{{}, std::min(file.n(), kMostQueries), file.d(), 0, {}};
    q.rows.resize(q.n * q.d);
    file.read(0, q.n, q.rows.data());
    return q;
}

void read_truth(Questions& q, const std::string& path, std::size_t k) {
    const IdRows truth = read_id_rows(path).value();
    if (truth.n < q.n || truth.k < k)
        throw Error(Status{Errc::bad_argument, "{} has {} rows of {} neighbours; {} queries need {} each", path_text(path), truth.n,
                           truth.k, q.n, k});
    q.k = truth.k;
    q.truth.assign(truth.ids.begin(), truth.ids.begin() + std::ptrdiff_t(q.n * q.k));
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

std::string settings(const OperatingPoint& point) {
    std::string text;
    if (point.nprobe != 0) text = fmt::format("nprobe={}", point.nprobe);
    if (point.k_factor != 0) text += fmt::format("{}k_factor={}", text.empty() ? "" : ",", point.k_factor);
    return text.empty() ? "no settings" : text;
}

/// nprobe, k_factor, recall and queries/s, for a table.
std::vector<std::string> cells_of(const OperatingPoint& p) {
    return {p.nprobe == 0 ? "-" : std::to_string(p.nprobe), p.k_factor == 0 ? "-" : fmt::format("{}", p.k_factor),
            fmt::format("{:.4f}", p.recall), with_commas(std::uint64_t(p.queries_per_second))};
}

void print_points(const Tuned& tuned) {
    const Table table({"nprobe", "k_factor", "recall", "queries/s"});
    for (const OperatingPoint& p : tuned.pareto) table.row(cells_of(p));
}

void print_choice(const std::string& spec, const Tuned& tuned) {
    print_field("chosen", fmt::format("{} {}: recall {:.4f}, {} queries/s", spec, settings(tuned.best), tuned.best.recall,
                                      with_commas(std::uint64_t(tuned.best.queries_per_second))));
}

Json point_json(const std::string& spec, const OperatingPoint& p) {
    return {{"factory", spec},
            {"nprobe", p.nprobe},
            {"k_factor", json_number(p.k_factor)},
            {"recall", json_measured(p.recall)},
            {"qps", json_measured(p.queries_per_second)}};
}

/// After the table of the points that were measured.
void print_report(const AutotuneFlags& flags, const std::string& spec, const Tuned& tuned, const Json& points) {
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
    print_choice(spec, tuned);
    print_field("saved", path);
}

void keep_settings(Index& index, const OperatingPoint& point) {
    if (point.nprobe != 0) check(index.set_nprobe(point.nprobe));
    if (point.k_factor != 0) check(index.set_k_factor(point.k_factor));
}

void save_to(const Index& index, FileWriter& file) {
    InterruptibleWriter out(file);
    check(index.save(out));
    check(file.commit());
}

/// If ids are row numbers, each must be the number of an existing row.
void check_truth(const Questions& q, const std::string& path, const Index& index, const std::string& index_path) {
    if (!index.ids_are_places()) return;
    const auto known = [&](Id id) { return id == kNoId || (id >= 0 && id < Id(index.ntotal())); };
    const auto wrong = std::find_if_not(q.truth.begin(), q.truth.end(), known);
    if (wrong != q.truth.end())
        throw Error(Status{Errc::bad_argument,
                           "{} names id {}; {} has the ids 0 to {}: the truth must be of the rows that it holds", path_text(path),
                           *wrong, path_text(index_path), Id(index.ntotal()) - 1});
}

void get_truth(Questions& q, const AutotuneFlags& flags, const Index& index, const Inputs* base, const Resources& resources) {
    if (!flags.truth.empty()) {
        read_truth(q, flags.truth, flags.config.k);
        return check_truth(q, flags.truth, index, flags.index);
    }
    const AlignedVector<float> rows = base->read_all();
    find_truth(q, {rows.data(), base->n(), base->d()}, index.metric(), flags.config.k, resources);
}

bool in_place(const AutotuneFlags& flags) {
    std::error_code ignored;
    return flags.output.empty() || std::filesystem::equivalent(flags.output, flags.index, ignored);
}

/// A file that is tuned in place keeps its settings if none reach the recall.
void check_reached(const Tuned& tuned, const AutotuneFlags& flags) {
    if (tuned.reached || !in_place(flags)) return;
    throw Error(Status{Errc::unsupported,
                       "the recall is at most {} (with {}), not {}; {} is unchanged: ask for less with --recall, or save these "
                       "settings to another file with -o",
                       fmt::format("{:.4f}", tuned.best.recall), settings(tuned.best), flags.config.recall,
                       path_text(flags.index)});
}

void tune_file(const AutotuneFlags& flags, const Resources& resources) {
    Index index = open_index(flags.index, flags.options);
    Questions q = read_queries(flags.queries);
    check_queries(index, flags.index, q.d, flags.queries);
    FileWriter file = FileWriter::create(output_path(flags)).value();  // now: a folder that is missing must not cost the measuring
    const std::unique_ptr<Inputs> base = flags.base.empty() ? nullptr : std::make_unique<Inputs>(flags.base);
    AutotuneConfig config = flags.config;
    if (base) config.base = base_vectors(*base, index, flags.index);
    get_truth(q, flags, index, base.get(), resources);
    const Tuned tuned = autotune(index, q.view(), q.truth, config, resources).value();
    if (flags.report.is_text()) print_points(tuned);
    check_reached(tuned, flags);
    keep_settings(index, tuned.best);
    save_to(index, file);
    Json points = Json::array();
    for (const OperatingPoint& point : tuned.pareto) points.push_back(point_json(index.spec(), point));
    print_report(flags, index.spec(), tuned, points);
}

std::vector<std::string> candidate_specs(std::size_t n, std::size_t d, Metric metric) {
    std::vector<std::string> specs{"Flat"};
    const std::string codes = lutra::detail::codes_for(d, 2, metric, true);
    const std::size_t lists = lutra::detail::lists_for(n);
    for (std::size_t nlist : {lists / 2, lists, std::min(2 * lists, n / 39)}) {
        if (nlist < 2) continue;
        for (const std::string& spec : {fmt::format("IVF{},Flat", nlist), fmt::format("IVF{},{},RFlat", nlist, codes)}) {
            if (std::find(specs.begin(), specs.end(), spec) == specs.end()) specs.push_back(spec);
        }
    }
    return specs;
}

Index build(const std::string& spec, Metric metric, IndexOptions options, MatrixView rows, const Resources& resources) {
    Index index = make_index(rows.d, spec, metric, options);
    if (!index.is_trained()) check(index.train(rows, resources));
    check(index.add(rows, resources));
    return index;
}

/// What trial indexes are built from, and the queries that measure them.
struct TrialRows {
    AlignedVector<float> kept;  // the rows of base, if some were held out
    MatrixView base;
    Questions q;
};

/// Some rows become the queries, the others, in their order, the base.
TrialRows hold_out(MatrixView rows) {
    TrialRows trial;
    Questions& q = trial.q;
    q.n = std::min(kHeldOut, rows.n / 10), q.d = rows.d;
    if (q.n == 0) throw Error(Status{Errc::too_few_rows, "{} rows are too few to hold some out; give --queries", rows.n});
    std::vector<std::size_t> order = permutation(rows.n, rows.n, 1234);
    const auto held = order.begin() + std::ptrdiff_t(q.n);
    std::sort(held, order.end());
    for (auto i = order.begin(); i != order.end(); ++i) {
        AlignedVector<float>& to = i < held ? q.rows : trial.kept;
        to.insert(to.end(), rows.row(*i), rows.row(*i) + rows.d);
    }
    trial.base = {trial.kept.data(), rows.n - q.n, rows.d};
    return trial;
}

TrialRows with_queries(MatrixView rows, const std::string& base_path, const std::string& path) {
    TrialRows trial{{}, rows, read_queries(path)};
    if (trial.q.d == rows.d) return trial;
    throw Error(
        Status{Errc::bad_argument, "{} has {} columns, {} has {}", path_text(path), trial.q.d, path_text(base_path), rows.d});
}

struct TunedIndex {
    std::string spec;
    Tuned tuned;
    Json points = Json::array();  // of all candidates
};

/// One that reaches the recall, else the fastest.
bool is_better(const Tuned& a, const Tuned& b) {
    return a.reached != b.reached ? a.reached : a.best.queries_per_second > b.best.queries_per_second;
}

/// Builds and tunes an index of every candidate, and prints a line for each.
TunedIndex find_best(const AutotuneFlags& flags, const TrialRows& trial, const Resources& resources) {
    AutotuneConfig config = flags.config;
    config.base = BaseVectors(trial.base);
    std::optional<Table> table;
    if (flags.report.is_text())
        table.emplace(std::vector<std::string>{fmt::format("{:>24}", "index"), "nprobe", "k_factor", "recall", "queries/s"});
    TunedIndex best;
    for (const std::string& spec : candidate_specs(trial.base.n, trial.base.d, flags.metric)) {
        const Index index = build(spec, flags.metric, flags.options, trial.base, resources);
        const Tuned tuned = autotune(index, trial.q.view(), trial.q.truth, config, resources).value();
        std::vector<std::string> cells = cells_of(tuned.best);
        cells.insert(cells.begin(), spec);
        if (table) table->row(cells);
        best.points.push_back(point_json(spec, tuned.best));
        if (best.spec.empty() || is_better(tuned, best.tuned)) best.spec = spec, best.tuned = tuned;
    }
    return best;
}

/// Without queries some rows are held out of the trial indexes and serve as queries; the saved index holds all rows.
void tune_factory(const AutotuneFlags& flags, const Resources& resources) {
    const Inputs inputs(flags.base);
    FileWriter file = FileWriter::create(flags.output).value();  // now, as in tune_file()
    const AlignedVector<float> all = inputs.read_all();
    const MatrixView rows{all.data(), inputs.n(), inputs.d()};
    TrialRows trial = flags.queries.empty() ? hold_out(rows) : with_queries(rows, inputs.path(), flags.queries);
    find_truth(trial.q, trial.base, flags.metric, flags.config.k, resources);
    const TunedIndex best = find_best(flags, trial, resources);
    Index index = build(best.spec, flags.metric, kForFile, rows, resources);
    keep_settings(index, best.tuned.best);
    save_to(index, file);
    print_report(flags, best.spec, best.tuned, best.points);
}

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
