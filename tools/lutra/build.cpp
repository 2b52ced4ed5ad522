// tools/lutra/build.cpp: lutra build makes an index from vectors: trains on a sample, adds all rows in batches, saves.
// Main path: build() -> train() -> add() -> FileWriter::commit().  SPDX-License-Identifier: MIT
#include "flags.hpp"
#include "index_file.hpp"
#include "inputs.hpp"
#include "interrupt.hpp"
#include "json_line.hpp"
#include "outputs.hpp"
#include "progress_bar.hpp"
#include "stopwatch.hpp"
#include "text.hpp"
#include "verbs.hpp"

#include <lutra/core/random.hpp>
#include <lutra/parallel/threads.hpp>

#include <fmt/core.h>

#include <memory>
#include <optional>

namespace command {

namespace {
constexpr std::size_t kLeastRowsPerList = 39;  // with fewer, lists are poor

struct BuildFlags {
    std::string factory, train, output;
    Metric metric = Metric::l2;
    std::size_t threads = 1;
    std::uint32_t seed = 1234;
    CLI::Option* seed_given = nullptr;
    std::vector<std::string> inputs;
    ReportFlags report;
};

/// The figures of the report.
struct Built {
    std::size_t train_rows = 0;
    std::uint64_t bytes = 0;
    double train_seconds = 0, add_seconds = 0, save_seconds = 0;
};

void check_training_flags(const BuildFlags& flags, const Index& index) {
    if (!index.is_trained()) return;
    for (const auto& [name, given] :
         {std::pair{"--train", !flags.train.empty()}, std::pair{"--seed", flags.seed_given->count() > 0}})
        if (given) throw BadUsage(Status{Errc::bad_argument, "{} has no effect: {} needs no training", name, index.spec()});
}

void warn_if_few(std::size_t rows, const Index& index) {
    const std::size_t wanted = kLeastRowsPerList * index.nlist();
    if (rows < index.nlist() || rows >= wanted) return;  // below nlist train() itself says what is wrong
    print_error(fmt::format("lutra build: warning: {} training rows for {} lists; {} rows ({} a list) make good lists\n",
                            with_commas(rows), with_commas(index.nlist()), with_commas(wanted), kLeastRowsPerList));
}

/// Trains on rows of `source` in the random order of the seed, as many as the training uses.
void train(Index& index, const Inputs& source, std::uint32_t seed, Resources resources, Built& built) {
    if (source.d() != index.dim())
        throw Error(Status{Errc::bad_argument, "--train {} has {} columns; the inputs have {}", path_text(source.path()),
                           source.d(), index.dim()});
    const std::vector<std::size_t> rows = permutation(source.n(), std::min(index.training_rows(), source.n()), seed);
    warn_if_few(rows.size(), index);
    const Stopwatch watch;
    const AlignedVector<float> sample = source.gather(rows);
    const MatrixView x{sample.data(), rows.size(), source.d()};
    source.check_finite(x, [&](std::size_t i) { return rows[i]; });
    check(index.train(x, resources));
    built.train_rows = rows.size();
    built.train_seconds = watch.seconds();
}

void add(Index& index, const Inputs& inputs, const Executor& executor, ProgressBar& bar, Built& built) {
    const Stopwatch watch;
    Workspace workspace;
    inputs.for_batches(inputs.batch(), [&](std::size_t first, MatrixView x) {
        inputs.check_finite(x, [&](std::size_t i) { return first + i; });
        auto in_all = [&](const ProgressEvent& e) { return bar({"add", first + e.done, inputs.n()}); };
        check(index.add(x, {executor, &workspace, Progress(in_all)}));
    });
    built.add_seconds = watch.seconds();
}

void save(const Index& index, FileWriter& file, Built& built) {
    const Stopwatch watch;
    InterruptibleWriter out(file);
    check(index.save(out));
    check(file.commit());
    built.bytes = out.bytes();
    built.save_seconds = watch.seconds();
}

void print_report_json(const BuildFlags& flags, const Index& index, const Built& built) {
    print_json({{"path", flags.output},
                {"factory", index.spec()},
                {"metric", metric_word(index.metric())},
                {"n", index.ntotal()},
                {"d", index.dim()},
                {"train_rows", built.train_rows},
                {"train_seconds", json_measured(built.train_seconds)},
                {"add_seconds", json_measured(built.add_seconds)},
                {"save_seconds", json_measured(built.save_seconds)},
                {"bytes", built.bytes}});
}

void print_report(const BuildFlags& flags, const Index& index, const Built& built) {
    if (flags.report.json) return print_report_json(flags, index, built);
    if (flags.report.quiet) return;
    print_field("index", fmt::format("{}, {}", index.spec(), metric_word(index.metric())));
    print_field("vectors", fmt::format("{} of d = {}", with_commas(index.ntotal()), index.dim()));
    if (built.train_rows != 0)
        print_field("trained", fmt::format("{} on {} rows", seconds_text(built.train_seconds), with_commas(built.train_rows)));
    print_field("added", fmt::format("{}, {} rows/s", seconds_text(built.add_seconds),
                                     rate_text(double(index.ntotal()) / std::max(built.add_seconds, 1e-9))));
    print_field("saved", fmt::format("{}, {} to {}", seconds_text(built.save_seconds), bytes_text(built.bytes), flags.output));
}

void build(const BuildFlags& flags) {
    const Interrupt interrupt;
    const Inputs inputs(flags.inputs);
    Index index = make_index(inputs.d(), flags.factory, flags.metric, kForFile);
    check_training_flags(flags, index);
    check_not_input(flags.output, flags.inputs);
    check_not_input(flags.output, {flags.train});
    FileWriter file = FileWriter::create(flags.output).value();  // now: a folder that is missing must not cost a training
    ThreadPool pool(flags.threads);
    ProgressBar bar(flags.report.quiet);
    Built built;
    const auto learn = [&](const Inputs& source) {
        train(index, source, flags.seed, {pool.executor(), nullptr, Progress(bar)}, built);
    };
    if (!index.is_trained()) flags.train.empty() ? learn(inputs) : learn(Inputs({flags.train}));
    add(index, inputs, pool.executor(), bar, built);
    save(index, file, built);
    print_report(flags, index, built);
}
}  // namespace

Work add_build(CLI::App& lutra) {
    const auto flags = std::make_shared<BuildFlags>();
    CLI::App* verb = lutra.add_subcommand("build", "Build an index from vectors, and save it");
    add_inputs(verb, flags->inputs);
    verb->add_option("--factory", flags->factory, "What to build: Flat, IVF1024,Flat, IVF4k,PQ64x4fs,RFlat ...")
        ->required()
        ->option_text("SPEC");
    add_metric(verb, flags->metric);
    verb->add_option("--train", flags->train, "Train on this file or folder instead of the inputs")->option_text("FILE");
    add_threads(verb, flags->threads);
    flags->seed_given = add_seed(verb, flags->seed, "the order in which training rows are drawn");
    verb->add_option("-o,--output", flags->output, "The index file to write")->required()->option_text("FILE");
    add_report(verb, flags->report);
    verb->footer(
        "Ids are row numbers over all inputs. Inputs may be larger than memory.\n"
        "Training uses at most 256 n rows for IVF{n}, 32,768 for PQ{M}x4fs, and the larger number for both: the first ones in a\n"
        "random order of all rows, which --seed determines.\n\n"
        "Example:\n  lutra build --factory IVF512,Flat --metric cosine -o base.index base.fvecs more/");
    return [flags] { build(*flags); };
}

}  // namespace command
