// tools/lutra/truth.cpp: lutra truth finds exact neighbours, also in inputs larger than memory.
// Main path: truth() -> for each batch of rows: a Flat index of them -> search -> merge into the best so far.
// SPDX-License-Identifier: MIT
#include "flags.hpp"
#include "index_file.hpp"
#include "inputs.hpp"
#include "interrupt.hpp"
#include "outputs.hpp"
#include "progress_bar.hpp"
#include "stopwatch.hpp"
#include "text.hpp"
#include "verbs.hpp"

#include <lutra/core/hits.hpp>
#include <lutra/core/topk.hpp>
#include <lutra/parallel/threads.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <memory>

namespace command {

namespace {
struct TruthFlags {
    std::vector<std::string> inputs;
    std::string queries, output;
    MetricFlag metric = MetricFlag::l2;
    std::size_t k = 100, threads = 1;
};

/// The k best so far of each query. The same as one search over all rows: equal distances go to the lower id there too.
class BestSoFar {
public:
    BestSoFar(std::size_t nq, std::size_t k, Metric metric) : hits_(nq, k), metric_(metric) {
        for (std::size_t i = 0; i < nq; ++i) tops_.emplace_back(hits_.distances.data() + i * k, hits_.ids.data() + i * k, k);
    }

    /// Merges hits [nq, k] whose ids count from `first`.
    void merge(const Hits& more, std::size_t first) {
        for (std::size_t i = 0; i < tops_.size() * more.k; ++i) {
            if (more.ids[i] == kNoId) continue;
            const float distance = more.distances[i];
            tops_[i / more.k].push(metric_ == Metric::l2 ? distance : -distance, more.ids[i] + Id(first));
        }
    }

    /// Sorted; nothing can be merged any more.
    const Hits& finish() {
        for (TopK& top : tops_) top.write(metric_);
        return hits_;
    }

private:
    Hits hits_;
    std::vector<TopK> tops_;
    Metric metric_;
};

/// A Flat index of one batch of rows after the other, searched for all queries.
class BatchSearch {
public:
    BatchSearch(std::size_t d, const TruthFlags& flags, std::size_t nq)
        : k_(flags.k),
          index_(make_index(d, "Flat", flags.metric)),
          best_(nq, flags.k, index_.metric()),
          pool_(flags.threads),
          hits_(nq, flags.k) {}

    /// Rows [n, d] whose numbers count from `first`. A signal is answered within about a second.
    void operator()(MatrixView queries, MatrixView rows, std::size_t first) {
        constexpr std::size_t kWork = std::size_t{1} << 34, kFewest = 64;  // multiply-adds; fewer queries at a time are slower
        const std::size_t slice = std::max(kFewest, kWork / (rows.n * rows.d + 1));
        index_.reset();
        check(index_.add(rows, resources()));
        for (std::size_t i = 0; i < queries.n; i += slice) {
            check_interrupt();
            const MatrixView some = queries.rows(i, std::min(queries.n, i + slice));
            check(index_.search(some, k_, hits_.view().rows_from(i, k_), {}, resources()));
        }
        best_.merge(hits_, first);
    }

    const Hits& finish() { return best_.finish(); }

private:
    Resources resources() { return {pool_.executor(), &workspace_, {}}; }

    std::size_t k_;
    Index index_;
    BestSoFar best_;
    ThreadPool pool_;
    Workspace workspace_;
    Hits hits_;  // of one batch
};

void truth(const TruthFlags& flags) {
    const Interrupt interrupt;
    const Inputs inputs(flags.inputs);
    const Queries queries(flags.queries, Inputs::Rows::may_be_none);
    if (queries.file.d() != 0 && queries.file.d() != inputs.d())
        throw Error(Status{Errc::bad_argument, "{} has {} columns, {} has {}; queries and inputs must have the same",
                           path_text(flags.queries), queries.file.d(), path_text(inputs.path()), inputs.d()});
    check_not_input(flags.output, flags.inputs);
    check_not_input(flags.output, {flags.queries});
    RowFile file(flags.output, RowFile::Holds::ids, queries.file.n(), flags.k);
    if (flags.k > inputs.n())
        print_error(
            fmt::format("lutra truth: warning: k = {}, but there are {} rows; ids past them are -1\n", flags.k, inputs.n()));
    BatchSearch search(inputs.d(), flags, queries.file.n());
    const MatrixView q{queries.rows.data(), queries.file.n(), inputs.d()};
    const Stopwatch watch;
    ProgressBar bar;
    inputs.for_batches(inputs.batch(), [&](std::size_t first, MatrixView x) {
        bar.report("truth", first, inputs.n());
        inputs.check_finite(x, [&](std::size_t i) { return first + i; });
        search(q, x, first);
    });
    bar.report("truth", inputs.n(), inputs.n());
    file.append(search.finish().ids.data(), q.n);
    file.commit();
    fmt::print("{} nearest of {} queries among {} rows in {}, written to {}\n", flags.k, with_commas(queries.file.n()),
               with_commas(inputs.n()), seconds_text(watch.seconds()), printable(flags.output));
}
}  // namespace

Work add_truth(CLI::App& lutra) {
    const auto flags = std::make_shared<TruthFlags>();
    CLI::App* verb = lutra.add_subcommand("truth", "Find the exact neighbours of queries, to measure an index against");
    add_inputs(verb, flags->inputs);
    verb->add_option("--queries", flags->queries, "A file or folder of query vectors")->required()->option_text("FILE");
    add_k(verb, flags->k);
    add_metric(verb, flags->metric);
    add_threads(verb, flags->threads);
    verb->add_option("-o,--output", flags->output, "The file of ids to write: .ivecs, or .npy (int64)")
        ->required()
        ->option_text("FILE");
    verb->footer(
        "Ids are row numbers over all inputs; equal distances: lower id first. Inputs may be larger than memory.\n\n"
        "Example:\n  lutra truth base.fvecs --queries queries.fvecs -k 100 -o truth.ivecs");
    return [flags] { truth(*flags); };
}

}  // namespace command
