// bench/index/points/main.cpp: bench_index_points: any factory string on any data set, one line of JSON for the build and one
// for each operating point (nprobe x k_factor).  Main path: measure_points() -> Bench::build() -> print_point() for each.
// SPDX-License-Identifier: MIT
#include "jobs.hpp"
#include "serve.hpp"

#include <lutra/io/vectors.hpp>
#include <lutra/tune/recall.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <iostream>

namespace {
using namespace points;
using nlohmann::ordered_json;

struct Flags {
    BuildJob build;
    std::string queries, truth;
    std::vector<std::size_t> nprobe, k_factor;
    double seconds = 1;
    bool serve = false;
};

constexpr std::array<std::size_t, 3> kRecallAt{1, 10, 100};

struct Truth {
    std::vector<Id> ids;  // [nq, k]
    std::size_t k = 0;
};

Truth load_truth(const Flags& flags, MatrixView queries, std::size_t n) {
    if (flags.truth.empty()) {
        const std::size_t k = std::min(kRecallAt.back(), n);
        return {exact_neighbours(flags.build.base, flags.build.metric, queries, k, flags.build.threads), k};
    }
    IdRows rows = read_id_rows(flags.truth).value();
    if (rows.n != queries.n)
        throw Error(
            Status{Errc::bad_argument, "{} has {} rows for {} queries; one for each is needed", flags.truth, rows.n, queries.n});
    return {std::move(rows.ids), rows.k};
}

/// By distances in the base, so that ties count alike for every index; of the `most` nearest or fewer.
struct Judged {
    RecallJudge judge;
    std::size_t most;
};

/// recall@1, @10 and @100, each of a search for as many neighbours; those that truth is too narrow for are null.
void add_recalls(ordered_json& line, Bench& bench, const std::string& params, MatrixView queries, const Judged& judged) {
    for (const std::size_t at : kRecallAt) {
        const std::string name = "recall@" + std::to_string(at);
        line[name] = nullptr;
        if (at > judged.most) continue;
        const Measured m = bench.measure({.params = params, .batch = 0, .k = at, .seconds = 0}, queries);
        Hits hits(queries.n, at);
        hits.ids = m.ids;
        line[name] = judged.judge.recall(hits, at).value();
    }
}

ordered_json point(Bench& bench, const std::string& params, MatrixView queries, const Judged& judged, double seconds) {
    ordered_json line;
    add_recalls(line, bench, params, queries, judged);
    const Measured all = bench.measure({.params = params, .batch = 0, .k = 10, .seconds = seconds}, queries);
    const Measured one = bench.measure({.params = params, .batch = 1, .k = 10, .seconds = seconds}, queries);
    line["batch_qps"] = all.batch_qps;
    line["p50_us"] = one.p50_us;
    line["p99_us"] = one.p99_us;
    return line;
}

/// 1, 2, 4 ... below nlist, and nlist; for an index without lists a single 0, which stands for no parameter.
std::vector<std::size_t> all_nprobe(std::size_t nlist) {
    std::vector<std::size_t> all;
    for (std::size_t nprobe = 1; nprobe < nlist; nprobe *= 2) all.push_back(nprobe);
    all.push_back(nlist > 1 ? nlist : 0);
    return all;
}

void print(const ordered_json& line) { std::cout << line.dump() << std::endl; }

void print_build(const Flags& flags, const Built& built) {
    const Identity id = identity();
    print({{"factory", flags.build.factory},
           {"metric", flags.build.metric},
           {"n", built.n},
           {"d", built.d},
           {"train_s", built.train_s},
           {"add_s", built.add_s},
           {"peak_bytes", built.peak_bytes},
           {"bytes_per_vector", built.bytes_per_vector},
           {"threads", flags.build.threads},
           {"version", id.version},
           {"isa", id.isa},
           {"compiler", id.compiler}});
}

/// A point the index refuses is a line that says why; the others go on.
void print_point(Bench& bench, std::size_t nprobe, std::size_t k_factor, MatrixView queries, const Judged& judged, double seconds) {
    ordered_json line{{"nprobe", nprobe}, {"k_factor", k_factor}};
    const std::string params =
        (nprobe == 0 ? "" : "nprobe=" + std::to_string(nprobe) + ",") + "k_factor=" + std::to_string(k_factor);
    try {
        line.update(point(bench, params, queries, judged, seconds));
    } catch (const Error& error) {
        line["error"] = error.what();
    }
    print(line);
}

void measure_points(const Flags& flags) {
    const Rows queries = load_rows(flags.queries);
    Bench bench;
    const Built built = bench.build(flags.build);
    if (built.d != queries.d)
        throw Error(Status{Errc::bad_argument, "{} has {} columns, {} has {}; both must have the same", flags.build.base, built.d,
                           flags.queries, queries.d});
    print_build(flags, built);
    const Truth truth = load_truth(flags, queries.view(), built.n);
    const Rows base = load_rows(flags.build.base);
    const std::size_t most = std::min(truth.k, kRecallAt.back());
    const Judged judged{RecallJudge::make(bench.index(), queries.view(), truth.ids, most, BaseVectors(base.view())).value(), most};
    for (const std::size_t nprobe : flags.nprobe.empty() ? all_nprobe(built.nlist) : flags.nprobe)
        for (const std::size_t k_factor : flags.k_factor)
            print_point(bench, nprobe, k_factor, queries.view(), judged, flags.seconds);
}

void add_flags(CLI::App& app, Flags& flags) {
    CLI::Option* const serve =
        app.add_flag("--serve", flags.serve, "Answer lines of JSON instead (see bench/compare/protocol.py); takes no other flag");
    app.add_option("--factory", flags.build.factory, "What to build: Flat, IVF1024,Flat ...");
    app.add_option("--metric", flags.build.metric, "l2 (default), ip or cosine")->check(CLI::IsMember({"l2", "ip", "cosine"}));
    app.add_option("--base", flags.build.base, "Vectors to search: .npy .fvecs .bvecs .fbin .u8bin .i8bin or a folder of .npy");
    app.add_option("--train", flags.build.train, "Vectors to train on; default: the base");
    app.add_option("--queries", flags.queries, "Query vectors");
    app.add_option("--truth", flags.truth, "True neighbours: .ivecs .ibin .npy; default: found first, by exact search");
    app.add_option("--nprobe", flags.nprobe, "Lists to visit: 1,8,64; default: 1, 2, 4 ... all")->delimiter(',');
    app.add_option("--k-factor", flags.k_factor, "Candidates refined, times k: 1,4,10; default: 1")->delimiter(',');
    app.add_option("--threads", flags.build.threads, "Threads; default: 1")->check(CLI::Range(1, 1024));
    app.add_option("--seconds", flags.seconds, "Time for each of the two measurements of a point; default: 1")
        ->check(CLI::Range(0.01, 3600.0));
    for (CLI::Option* const other : app.get_options())
        if (other != serve && other != app.get_help_ptr()) serve->excludes(other);
    app.footer(
        "batch_qps is of all queries in one call, p50_us and p99_us of calls with one query, k = 10.\n"
        "recall@R is the share of the true R nearest among R found; a vector as near as the R-th counts as one of them. peak_bytes "
        "is memory beyond the loaded vectors.\n\n"
        "Example:\n  bench_index_points --factory IVF128,Flat --base examples/data/sift/base.bvecs --queries "
        "examples/data/sift/query.bvecs");
}

int run(Flags& flags) {
    if (flags.serve) return serve(), 0;
    if (flags.k_factor.empty()) flags.k_factor = {1};
    for (const auto& [name, value] : {std::pair{"--factory", &flags.build.factory}, std::pair{"--base", &flags.build.base},
                                      std::pair{"--queries", &flags.queries}})
        if (value->empty()) throw Error(Status{Errc::bad_argument, "{} is needed; --help shows an example", name});
    measure_points(flags);
    return 0;
}
}  // namespace

int main(int argc, char** argv) {
    Flags flags;
    CLI::App app("Recall and speed of one lutra index at many operating points, as lines of JSON");
    add_flags(app, flags);
    CLI11_PARSE(app, argc, argv);
    try {
        return run(flags);
    } catch (const std::exception& error) {
        std::cerr << "bench_index_points: " << error.what() << '\n';
        return 1;
    }
}
