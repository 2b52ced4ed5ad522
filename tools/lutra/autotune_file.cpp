// tools/lutra/autotune_file.cpp: lutra autotune --index.  SPDX-License-Identifier: MIT
#include "autotune.hpp"
#include "failure.hpp"
#include "index_file.hpp"
#include "inputs.hpp"
#include "text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>

namespace command {

namespace {
void read_truth(Questions& q, const std::string& path, std::size_t k) {
    const IdRows truth = read_id_rows(path).value();
    if (truth.n < q.n || truth.k < k)
        throw Error(Status{Errc::bad_argument, "{} has {} rows of {} neighbours; {} queries need {} each", path_text(path), truth.n,
                           truth.k, q.n, k});
    q.k = truth.k;
    q.truth.assign(truth.ids.begin(), truth.ids.begin() + std::ptrdiff_t(q.n * q.k));
}

void print_points(const Tuned& tuned) {
    const Table table({"nprobe", "k_factor", "recall", "queries/s"});
    for (const OperatingPoint& p : tuned.pareto) table.row(cells_of(p));
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
                       fmt::format("{:.4f}", tuned.best.recall), settings_text(tuned.best), flags.config.recall,
                       path_text(flags.index)});
}

}  // namespace

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
    print_choice(flags, index.spec(), tuned, points);
}

}  // namespace command
