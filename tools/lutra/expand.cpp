// tools/lutra/expand.cpp: lutra expand: alpha query expansion of a database, or of queries by a database.
// SPDX-License-Identifier: MIT
#include "failure.hpp"
#include "flags.hpp"
#include "index_file.hpp"
#include "inputs.hpp"
#include "interrupt.hpp"
#include "outputs.hpp"
#include "progress_bar.hpp"
#include "stopwatch.hpp"
#include "text.hpp"
#include "verbs.hpp"

#include <lutra/embedding/query_expansion.hpp>
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
};

Index cosines_of(MatrixView rows, const ExpandFlags& flags, const Resources& resources) {
    Index index = make_index(rows.d, flags.factory, MetricFlag::cosine);
    if (flags.nprobe != 0 && index.nlist() == 0)
        throw BadUsage(Status{Errc::bad_argument, "--nprobe has no effect: {} has no lists", flags.factory});
    if (!index.is_trained()) check(index.train(rows, resources));
    check(index.add(rows, resources));
    return index;
}

void expand(const ExpandFlags& flags) {
    const Interrupt interrupt;
    check_not_input(flags.output, flags.inputs);
    check_not_input(flags.output, {flags.queries});
    if (flags.no_self && !flags.queries.empty())
        throw BadUsage(Status{Errc::bad_argument, "--no-self has no effect: queries are not rows of the database"});
    const Inputs inputs(flags.inputs);
    const AlignedVector<float> rows = inputs.read_all();
    const MatrixView database{rows.data(), inputs.n(), inputs.d()};
    const std::unique_ptr<Inputs> asked = flags.queries.empty() ? nullptr : std::make_unique<Inputs>(std::vector{flags.queries});
    const AlignedVector<float> queries = asked ? asked->read_all() : AlignedVector<float>();
    const std::size_t n = asked ? asked->n() : database.n;
    RowFile file(flags.output, RowFile::Holds::vectors, n, database.d);
    ThreadPool pool(flags.threads);
    ProgressBar bar;
    Workspace workspace;
    const Resources resources{pool.executor(), &workspace, Progress(bar)};
    const Stopwatch watch;
    const Index index = cosines_of(database, flags, resources);
    SearchParams params;
    params.nprobe = flags.nprobe;
    AlignedVector<float> out(n * database.d);
    check(asked ? expand_queries(index, database, {queries.data(), n, asked->d()}, flags.config, out.data(), params, resources)
                : expand_database(index, database, flags.config, out.data(), params, resources));
    file.append(out.data(), n);
    file.commit();
    print_field("expanded", fmt::format("{} rows of {} by {} neighbours, alpha {}: {}", with_commas(n), database.d,
                                        flags.config.num_expand, flags.config.alpha, seconds_text(watch.seconds())));
    print_field("saved", flags.output);
}
}  // namespace

Work add_expand(CLI::App& lutra) {
    const auto flags = std::make_shared<ExpandFlags>();
    CLI::App* verb = lutra.add_subcommand("expand", "Alpha query expansion: each row a weighted mean of its nearest");
    add_inputs(verb, flags->inputs);
    verb->add_option("--queries", flags->queries, "Expand these, by the inputs; default: the inputs themselves")
        ->option_text("FILE");
    verb->add_option("--num-expand", flags->config.num_expand, "Neighbours that are summed; default: 10")->option_text("N");
    verb->add_option("--alpha", flags->config.alpha, "A neighbour weighs similarity^alpha; 0 or more; default: 3")
        ->option_text("A");
    verb->add_flag("--no-self", flags->no_self, "A row of the inputs does not count among its own neighbours");
    verb->add_option("--factory", flags->factory, "Index that finds the neighbours, by cosine; default: Flat, exact")
        ->option_text("SPEC");
    verb->add_option("--nprobe", flags->nprobe, "Lists it visits; default: 1")->option_text("N");
    add_threads(verb, flags->threads);
    verb->add_option("-o,--output", flags->output, "The vectors, all of length 1: .npy or .fvecs")->required()->option_text("FILE");
    verb->footer(
        "Vectors are held in memory twice.\n\nExample:\n  lutra expand --num-expand 10 --alpha 3 -o expanded.npy features/");
    return [flags] {
        flags->config.with_self = !flags->no_self;
        expand(*flags);
    };
}

}  // namespace command
