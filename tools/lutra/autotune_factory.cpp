// tools/lutra/autotune_factory.cpp: lutra autotune --search-factory.  SPDX-License-Identifier: MIT
#include "autotune.hpp"
#include "failure.hpp"
#include "index_file.hpp"
#include "inputs.hpp"
#include "text.hpp"

#include <lutra/core/random.hpp>
#include <lutra/tune/advise.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <optional>

namespace command {

namespace {
constexpr std::size_t kHeldOut = 1000;

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

}  // namespace

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
    print_choice(flags, best.spec, best.tuned, best.points);
}

}  // namespace command
