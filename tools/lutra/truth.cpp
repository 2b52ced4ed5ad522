// tools/lutra/truth.cpp: lutra truth finds exact neighbours, also in inputs larger than memory.
// Main path: truth() -> for each batch of rows: Flat's codes beside them -> scan -> the best so far of each query.
// SPDX-License-Identifier: MIT
#include "flags.hpp"
#include "inputs.hpp"
#include "interrupt.hpp"
#include "json_line.hpp"
#include "outputs.hpp"
#include "progress_bar.hpp"
#include "stopwatch.hpp"
#include "text.hpp"
#include "verbs.hpp"

#include <lutra/core/collector.hpp>
#include <lutra/core/hits.hpp>
#include <lutra/encodings/flat/flat.hpp>
#include <lutra/kernels/normalize.hpp>
#include <lutra/parallel/threads.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <numeric>

namespace command {

namespace {
struct TruthFlags {
    std::vector<std::string> inputs;
    std::string queries, output;
    Metric metric = Metric::l2;
    std::size_t k = 100, threads = 1;
    ReportFlags report;
};

/// The k nearest rows of each query among batches that come one after the other: the same as one search of all rows. A batch stays
/// where it is; thresholds go on from one to the next.
class NearestSoFar {
public:
    /// queries [nq, d] stay with the caller.
    NearestSoFar(MatrixView queries, const TruthFlags& flags)
        : queries_(queries),
          metric_(without_norm(flags.metric)),
          normalizes_(flags.metric == Metric::cosine),
          flat_(queries.d),
          pool_(flags.threads),
          hits_(queries.n, flags.k) {
        workspace_.reserve(pool_.executor().workers());
        for (std::size_t i = 0; i < queries.n; ++i) {
            const HitsView row = hits_.view().rows_from(i, flags.k);
            best_.push_back({TopK(row.distances, row.ids, flags.k), &all_});
        }
        if (normalizes_) queries_ = normalized(queries, unit_queries_);
    }

    /// Rows [n, d] whose numbers count from `first`. A signal is answered within about a second.
    void operator()(MatrixView rows, std::size_t first) {
        constexpr std::size_t kWork = std::size_t{1} << 34, kFewest = 64;  // multiply-adds; fewer queries at a time are slower
        if (normalizes_) rows = normalized(rows, unit_rows_);
        const std::size_t slice = std::max(kFewest, kWork / (rows.n * rows.d + 1)), workers = pool_.executor().workers();
        ids_.resize(rows.n);
        std::iota(ids_.begin(), ids_.end(), Id(first));
        flat_ = Flat::for_one_scan(metric_, rows, queries_.n);
        const ListView list{flat_.codes_beside(rows, blocks_, pool_.executor()), ids_.data(), rows.n};
        for (std::size_t i = 0; i < queries_.n; i += slice) {
            check_interrupt();
            const std::size_t n = std::min(slice, queries_.n - i);
            pool_.executor().for_ranges(n, (n + workers - 1) / workers,
                                        [&](std::size_t begin, std::size_t end, std::size_t worker) {
                                            scan(list, i + begin, i + end, workspace_.arena(worker));
                                        });
        }
    }

    /// Sorted; the last call.
    const Hits& finish() {
        for (TopCollector& best : best_) best.top.write(metric_);
        return hits_;
    }

private:
    static MatrixView normalized(MatrixView x, AlignedVector<float>& out) {
        out.resize(x.n * x.d);
        normalize_rows(x.data, x.n, x.d, out.data());
        return {out.data(), x.n, x.d};
    }

    /// Queries [begin, end).
    void scan(const ListView& list, std::size_t begin, std::size_t end, Arena& arena) {
        const Arena::Frame frame(arena);
        const auto queries = arena.take<const Flat::State*>(end - begin);
        const auto collectors = arena.take<TopCollector*>(end - begin);
        for (std::size_t i = begin; i < end; ++i) {
            queries[i - begin] = flat_.prepare(metric_, queries_.row(i), arena);
            collectors[i - begin] = &best_[i];
        }
        flat_.scan<TopCollector>(metric_, queries, {}, list, collectors, arena);
    }

    MatrixView queries_;
    Metric metric_;
    bool normalizes_;
    Flat flat_;
    ThreadPool pool_;
    Workspace workspace_;
    Hits hits_;
    const IdFilter all_;
    std::vector<TopCollector> best_;  // in the rows of hits_
    AlignedVector<float> unit_queries_, unit_rows_;
    AlignedVector<std::byte> blocks_;
    std::vector<Id> ids_;
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
    NearestSoFar nearest({queries.rows.data(), queries.file.n(), inputs.d()}, flags);
    const Stopwatch watch;
    ProgressBar bar(flags.report.quiet);
    inputs.for_batches(inputs.batch(), [&](std::size_t first, MatrixView x) {
        bar.report("truth", first, inputs.n());
        inputs.check_finite(x, [&](std::size_t i) { return first + i; });
        nearest(x, first);
    });
    bar.report("truth", inputs.n(), inputs.n());
    file.append(nearest.finish().ids.data(), queries.file.n());
    file.commit();
    if (flags.report.json)
        print_json({{"path", flags.output},
                    {"queries", queries.file.n()},
                    {"k", flags.k},
                    {"rows", inputs.n()},
                    {"d", inputs.d()},
                    {"seconds", json_measured(watch.seconds())}});
    if (!flags.report.is_text()) return;
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
    add_report(verb, flags->report);
    verb->footer(
        "Ids are row numbers over all inputs; equal distances: lower id first. Inputs may be larger than memory.\n\n"
        "Example:\n  lutra truth base.fvecs --queries queries.fvecs -k 100 -o truth.ivecs");
    return [flags] { truth(*flags); };
}

}  // namespace command
