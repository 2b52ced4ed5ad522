// tools/lutra/search.cpp: lutra search finds the nearest vectors of queries and writes them to files, or shows the first ones.
// Main path: search() -> search_to_files() in batches of queries, or show_first().  SPDX-License-Identifier: MIT
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

#include <lutra/core/hits.hpp>
#include <lutra/parallel/threads.hpp>

#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <memory>
#include <optional>
#include <string>

namespace command {

namespace {
constexpr std::size_t kShownQueries = 5, kShownNeighbours = 10;
constexpr std::size_t kHitsPerBatch = std::size_t{1} << 22;  // 48 MB of answers at a time

struct SearchFlags {
    std::string index, queries, params, output;
    std::size_t k = 10, threads = 1;
    IndexOptions options;
    ReportFlags report;
};

/// A loaded index, its search parameters, and the threads and memory to use.
struct Search {
    explicit Search(const SearchFlags& flags)
        : index(open_index(flags.index, flags.options)), params(read_params(index, flags.params)), pool(flags.threads) {}

    Hits operator()(MatrixView queries, std::size_t k) {
        Hits hits(queries.n, k);
        check(index.search(queries, k, hits.view(), params, {pool.executor(), &workspace, {}}));
        return hits;
    }

    Index index;
    SearchParams params;
    ThreadPool pool;
    Workspace workspace;
};

/// "answers.npy" -> "answers.distances.npy"
std::string distances_path(const std::string& output) { return output.substr(0, output.size() - 4) + ".distances.npy"; }

/// Queries that are searched at a time.
std::size_t batch_of(const SearchFlags& flags, const Inputs& queries) {
    return std::max<std::size_t>(1, std::min(queries.batch(), kHitsPerBatch / flags.k));
}

void print_report(const SearchFlags& flags, std::size_t queries, double seconds) {
    const bool with_distances = flags.output.ends_with(".npy");
    const double per_second = double(queries) / std::max(seconds, 1e-9);
    if (flags.report.json) {
        Json line = {{"queries", queries}, {"k", flags.k}, {"seconds", json_measured(seconds)}, {"qps", json_measured(per_second)}};
        line["ids"] = flags.output;
        if (with_distances) line["distances"] = distances_path(flags.output);
        return print_json(line);
    }
    if (flags.report.quiet) return;
    fmt::print("{} queries, {}/s\n", with_commas(queries), rate_text(per_second));
    fmt::print("ids        {}\n", printable(flags.output));
    if (with_distances) fmt::print("distances  {}\n", printable(distances_path(flags.output)));
}

void search_to_files(const SearchFlags& flags, Search& search, const Inputs& queries) {
    const Interrupt interrupt;
    const bool with_distances = flags.output.ends_with(".npy");
    check_not_input(flags.output, {flags.index, flags.queries});
    if (with_distances) check_not_input(distances_path(flags.output), {flags.index, flags.queries});
    RowFile ids(flags.output, RowFile::Holds::ids, queries.n(), flags.k);
    std::optional<RowFile> distances;
    if (with_distances) distances.emplace(distances_path(flags.output), RowFile::Holds::vectors, queries.n(), flags.k);
    double seconds = 0;
    ProgressBar bar(flags.report.quiet);
    queries.for_batches(batch_of(flags, queries), [&](std::size_t first, MatrixView x) {
        bar.report("search", first, queries.n());
        const Stopwatch watch;
        const Hits hits = search(x, flags.k);
        seconds += watch.seconds();
        ids.append(hits.ids.data(), x.n);
        if (distances) distances->append(hits.distances.data(), x.n);
    });
    bar.report("search", queries.n(), queries.n());
    ids.complete();
    if (distances) distances->complete();
    ids.commit();
    if (distances) distances->commit();
    print_report(flags, queries.n(), seconds);
}

/// Every query's neighbours, of which there may be fewer than k, one object a line.
void print_hits_json(const SearchFlags& flags, Search& search, const Inputs& queries) {
    queries.for_batches(batch_of(flags, queries), [&](std::size_t first, MatrixView x) {
        const Hits hits = search(x, flags.k);
        for (std::size_t i = 0; i < x.n; ++i) {
            std::string ids, distances;
            for (const auto [id, distance] : hits.row(i)) {
                fmt::format_to(std::back_inserter(ids), "{}{}", ids.empty() ? "" : ",", id);
                fmt::format_to(std::back_inserter(distances), "{}{}", distances.empty() ? "" : ",",
                               std::isfinite(distance) ? fmt::format("{}", distance) : "null");
            }
            fmt::print("{{\"query\":{},\"ids\":[{}],\"distances\":[{}]}}\n", first + i, ids, distances);
        }
        std::fflush(stdout);
    });
}

void show_hits(const Hits& hits, const std::string& distance_name) {
    const std::size_t shown = std::min(hits.k, kShownNeighbours);
    std::vector<std::string> ranks{"query", ""};
    for (std::size_t j = 0; j < shown; ++j) ranks.push_back(fmt::format("#{}", j + 1));
    const Table table(ranks, 8);
    for (std::size_t i = 0; i < hits.nq; ++i) {
        std::vector<std::string> ids{std::to_string(i), "id"}, distances{"", distance_name};
        for (std::size_t j = i * hits.k; j < i * hits.k + shown; ++j) {
            ids.push_back(hits.ids[j] == kNoId ? "-" : std::to_string(hits.ids[j]));
            distances.push_back(hits.ids[j] == kNoId ? "" : fmt::format("{:.5g}", hits.distances[j]));
        }
        table.row(ids);
        table.row(distances);
    }
}

void show_first(const SearchFlags& flags, Search& search, const Inputs& queries) {
    const std::size_t shown = std::min(queries.n(), kShownQueries);
    AlignedVector<float> rows(shown * queries.d());
    queries.read(0, shown, rows.data());
    show_hits(search({rows.data(), shown, search.index.dim()}, flags.k), metric_word(search.index.metric()));
    if (!flags.report.quiet && (shown < queries.n() || flags.k > kShownNeighbours))
        fmt::print("{} of {} queries, {} of {} neighbours shown; -o FILE.npy or FILE.ivecs writes all\n", shown,
                   with_commas(queries.n()), std::min(flags.k, kShownNeighbours), flags.k);
}

void run_search(const SearchFlags& flags) {
    Search search(flags);
    const Inputs queries({flags.queries}, Inputs::Rows::may_be_none);
    if (queries.d() != 0) check_queries(search.index, flags.index, queries.d(), flags.queries);
    if (!flags.output.empty()) return search_to_files(flags, search, queries);
    flags.report.json ? print_hits_json(flags, search, queries) : show_first(flags, search, queries);
}
}  // namespace

Work add_search(CLI::App& lutra) {
    const auto flags = std::make_shared<SearchFlags>();
    CLI::App* verb = lutra.add_subcommand("search", "Find the nearest vectors of queries");
    verb->add_option("INDEX", flags->index, "An index that lutra build or faiss wrote")->required()->option_text(" ");
    verb->add_option("QUERIES", flags->queries, "A file or folder of query vectors")->required()->option_text(" ");
    add_k(verb, flags->k);
    verb->add_option("--param", flags->params,
                     "nprobe=8: lists visited; k_factor=4: candidates compared per neighbour; default: the index's own settings")
        ->check(name_and_value())
        ->join(',')
        ->option_text("NAME=VALUE,...");
    add_no_byte_copies(verb, flags->options);
    add_mmap(verb, flags->options);
    add_threads(verb, flags->threads);
    verb->add_option("-o,--output", flags->output, "Write all neighbours: ids.ivecs, or ids.npy and ids.distances.npy")
        ->option_text("FILE");
    add_report(verb, flags->report);
    verb->footer(
        "Without -o the first neighbours are shown, or with --json all, one query a line. A .npy file holds ids as int64; l2 "
        "distances are squared.\n"
        "If there are fewer than k neighbours, the other ids are -1. Without queries the files have no rows.\n\n"
        "Example:\n  lutra search base.index queries.fvecs -k 10 --param nprobe=8 -o answers.npy");
    return [flags] { run_search(*flags); };
}

}  // namespace command
