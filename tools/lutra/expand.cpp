// tools/lutra/expand.cpp: lutra expand: alpha query expansion of a database, or of queries by a database.
// SPDX-License-Identifier: MIT
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

#include <lutra/embedding/query_expansion.hpp>
#include <lutra/factory/words.hpp>
#include <lutra/parallel/threads.hpp>

#include <fmt/core.h>

#include <memory>

namespace command {

namespace {
struct ExpandFlags {
    std::vector<std::string> inputs;
    std::string queries, output, factory = "Flat";
    ExpansionConfig config;
    bool no_self = false;
    std::size_t nprobe = 0, threads = 1;
    ReportFlags report;
};

void check_flags(const ExpandFlags& flags) {
    check_not_input(flags.output, flags.inputs);
    check_not_input(flags.output, {flags.queries});
    if (flags.no_self && !flags.queries.empty())
        throw BadUsage(Status{Errc::bad_argument, "--no-self has no effect: queries are not rows of the database"});
}

/// asked: the queries, or null if there are none.
void check_shapes(const ExpandFlags& flags, const Inputs& inputs, const Inputs* asked) {
    if (asked != nullptr && asked->d() != 0 && asked->d() != inputs.d())
        throw Error(Status{Errc::bad_argument, "{} has {} columns, {} has {}; queries and inputs must have the same",
                           path_text(flags.queries), asked->d(), path_text(inputs.path()), inputs.d()});
    const std::size_t others = inputs.n() - (flags.no_self ? 1 : 0);
    if (flags.config.num_expand > others)
        throw Error(Status{Errc::bad_argument, "--num-expand {}: there are {} rows; accepted: 1 to {}{}", flags.config.num_expand,
                           inputs.n(), others, flags.no_self ? " with --no-self" : ""});
}

/// Reads all rows; refuses a row of zeros, which has no direction and so no neighbours by cosine.
AlignedVector<float> read_directions(const Inputs& inputs) {
    AlignedVector<float> rows = inputs.read_all();
    const std::size_t zeros = find_zero_row({rows.data(), inputs.n(), inputs.d()});
    if (zeros == inputs.n()) return rows;
    throw Error(Status{Errc::bad_argument, "{} is all zeros and has no direction; accepted: rows with a value other than 0",
                       inputs.row_text(zeros)});
}

Index index_for(const ExpandFlags& flags, std::size_t d) {
    Index index = make_index(d, flags.factory, Metric::cosine);
    if (flags.nprobe != 0 && index.nlist() == 0)
        throw BadUsage(Status{Errc::bad_argument, "--nprobe has no effect: {} has no lists", flags.factory});
    return index;
}

void fill(Index& index, MatrixView rows, const Resources& resources) {
    if (!index.is_trained()) check(index.train(rows, resources));
    check(index.add(rows, resources));
}

void expand(const ExpandFlags& flags) {
    const Interrupt interrupt;
    check_flags(flags);
    const Inputs inputs(flags.inputs);
    const std::unique_ptr<Inputs> asked =
        flags.queries.empty() ? nullptr : std::make_unique<Inputs>(std::vector{flags.queries}, Inputs::Rows::may_be_none);
    check_shapes(flags, inputs, asked.get());
    Index index = index_for(flags, inputs.d());
    const std::size_t n = asked ? asked->n() : inputs.n();
    RowFile file(flags.output, RowFile::Holds::vectors, n, inputs.d());
    const AlignedVector<float> rows = read_directions(inputs), queries = asked ? read_directions(*asked) : AlignedVector<float>();
    const MatrixView database{rows.data(), inputs.n(), inputs.d()};
    ThreadPool pool(flags.threads);
    ProgressBar bar(flags.report.quiet);
    Workspace workspace;
    const Resources resources{pool.executor(), &workspace, Progress(bar)};
    const Stopwatch watch;
    fill(index, database, resources);
    SearchParams params;
    params.nprobe = flags.nprobe;
    AlignedVector<float> out(n * database.d);
    check(asked ? expand_queries(index, database, {queries.data(), n, database.d}, flags.config, out.data(), params, resources)
                : expand_database(index, database, flags.config, out.data(), params, resources));
    file.append(out.data(), n);
    file.commit();
    if (flags.report.json)
        print_json({{"path", flags.output},
                    {"n", n},
                    {"d", database.d},
                    {"rows", inputs.n()},
                    {"num_expand", flags.config.num_expand},
                    {"alpha", json_number(flags.config.alpha)},
                    {"seconds", json_measured(watch.seconds())}});
    if (!flags.report.is_text()) return;
    print_field("expanded", fmt::format("{} rows of {} by {} neighbours, alpha {}: {}", with_commas(n), database.d,
                                        flags.config.num_expand, flags.config.alpha, seconds_text(watch.seconds())));
    print_field("saved", flags.output);
}
}  // namespace

Work add_expand(CLI::App& lutra) {
    const auto flags = std::make_shared<ExpandFlags>();
    CLI::App* verb = lutra.add_subcommand("expand", "Alpha query expansion: replace each row by a weighted mean of its neighbours");
    add_inputs(verb, flags->inputs);
    verb->add_option("--queries", flags->queries, "Queries to expand by the inputs; default: the inputs themselves")
        ->option_text("FILE");
    verb->add_option("--num-expand", flags->config.num_expand, "Neighbours to sum, 1 or more; default: 10")
        ->transform(whole_number(1))
        ->option_text("N");
    verb->add_option("--alpha", flags->config.alpha, "Weights are similarity^alpha; 0 or more; default: 3")
        ->transform(number(0))
        ->option_text("A");
    verb->add_flag("--no-self", flags->no_self, "A row of the inputs does not count among its own neighbours");
    verb->add_option("--factory", flags->factory, "Index that finds the neighbours, by cosine; default: Flat, exact")
        ->option_text("SPEC");
    verb->add_option("--nprobe", flags->nprobe, "Lists visited, 1 or more; default: 1")
        ->transform(whole_number(1, kMaxLists))
        ->option_text("N");
    add_threads(verb, flags->threads);
    verb->add_option("-o,--output", flags->output, "The vectors, all of length 1: .npy or .fvecs")->required()->option_text("FILE");
    add_report(verb, flags->report);
    verb->footer(
        "Rows of zeros have no direction and are refused. In memory: the inputs, what the index keeps of them (Flat: all) and the\n"
        "result; without --queries about three times the inputs, beside the mapped files.\n\n"
        "Example:\n  lutra expand --num-expand 10 --alpha 3 -o expanded.npy features/");
    return [flags] {
        flags->config.with_self = !flags->no_self;
        expand(*flags);
    };
}

}  // namespace command
