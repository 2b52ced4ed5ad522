// tools/lutra/advise.cpp: lutra advise recommends an index for n vectors; lutra explain explains a factory string for them.
// SPDX-License-Identifier: MIT
#include "failure.hpp"
#include "flags.hpp"
#include "json_line.hpp"
#include "text.hpp"
#include "values.hpp"
#include "verbs.hpp"

#include <lutra/tune/advise.hpp>

#include <fmt/core.h>

#include <memory>

namespace command {

namespace {
struct WorkFlags {
    std::size_t n = 0, d = 0;
    Metric metric = Metric::l2;
};

struct AdviseFlags {
    WorkFlags work;
    double recall = 0.95;
    std::uint64_t memory = 0;
    bool json = false;
};

struct ExplainFlags {
    WorkFlags work;
    std::string spec;
    std::size_t k = 10, nprobe = 0;
    float k_factor = 0;
    IndexOptions options;
    bool json = false;
};

std::string microseconds_text(double seconds) { return fmt::format("{:.0f} us", seconds * 1e6); }

void print_explanation(const Explanation& e) {
    print_field("index", e.spec);
    for (const Explanation::Part& part : e.parts) fmt::print("  {}\n      {}\n", part.token, part.sentence);
    print_field("memory", bytes_text(std::uint64_t(e.bytes)));
    if (e.training_rows != 0) print_field("training", fmt::format("{} rows", with_commas(e.training_rows)));
    print_field("estimated",
                fmt::format("train {}, add {}, {} a query (one AVX-512 core, queries in batches)", seconds_text(e.train_seconds),
                            seconds_text(e.add_seconds), microseconds_text(e.search_seconds)));
    for (const std::string& warning : e.warnings) print_field("warning", warning);
}

Json explanation_json(const Explanation& e) {
    Json parts = Json::array();
    for (const Explanation::Part& part : e.parts) parts.push_back({{"part", part.token}, {"does", part.sentence}});
    return {{"factory", e.spec},
            {"parts", parts},
            {"nprobe", e.nprobe},
            {"k_factor", json_number(e.k_factor)},
            {"memory", std::uint64_t(e.bytes)},
            {"training_rows", e.training_rows},
            {"train_seconds", json_measured(e.train_seconds)},
            {"add_seconds", json_measured(e.add_seconds)},
            {"query_us", json_measured(1e6 * e.search_seconds)},
            {"warnings", e.warnings}};
}

std::string search_settings(const Explanation& e) {
    std::string text;
    if (e.nprobe != 0) text = fmt::format("nprobe={}", e.nprobe);
    if (e.k_factor != 0) text += fmt::format("{}k_factor={}", text.empty() ? "" : ",", e.k_factor);
    return text;
}

void advise_verb(const AdviseFlags& flags) {
    const Metric metric = flags.work.metric;
    const Result<Advice> advice = advise({flags.work.n, flags.work.d, metric, flags.recall, double(flags.memory)});
    check(advice.status());
    if (flags.json) {
        Json line = explanation_json(advice->index);
        line["byte_copies"] = advice->options.byte_copies;
        line["advice"] = advice->reason;
        return print_json(line);
    }
    const std::string settings = search_settings(advice->index);
    print_field("advice", advice->reason);
    print_explanation(advice->index);
    fmt::print("\n  lutra build --factory {}{} -o my.index vectors.npy\n", advice->index.spec,
               metric == Metric::l2 ? "" : " --metric " + metric_word(metric));
    fmt::print("  lutra search my.index queries.npy{}{}\n", settings.empty() ? "" : " --param " + settings,
               advice->options.byte_copies ? "" : " --no-byte-copies");
}

void explain_verb(const ExplainFlags& flags) {
    const Result<Explanation> explanation =
        explain(flags.spec, {flags.work.n, flags.work.d, flags.work.metric, flags.k, flags.nprobe, flags.k_factor, flags.options});
    if (!explanation.ok()) throw BadUsage(explanation.status());
    flags.json ? print_json(explanation_json(*explanation)) : print_explanation(*explanation);
}

void add_work(CLI::App* verb, WorkFlags& work) {
    verb->add_option("--n", work.n, "How many vectors the index will hold")
        ->required()
        ->transform(whole_number(1))
        ->option_text("N");
    verb->add_option("--d", work.d, "Their dimension")
        ->required()
        ->transform(whole_number(1, std::size_t{1} << 20))
        ->option_text("D");
    add_metric(verb, work.metric);
}
}  // namespace

Work add_advise(CLI::App& lutra) {
    const auto flags = std::make_shared<AdviseFlags>();
    CLI::App* verb = lutra.add_subcommand("advise", "Recommend an index for a number of vectors");
    add_work(verb, flags->work);
    verb->add_option("--recall", flags->recall, "Share of the true nearest neighbours to find; default: 0.95")
        ->transform(number(0.01, 1))
        ->option_text("R");
    verb->add_option("--memory", flags->memory, "Memory the index may take: 500M, 2G; default: any")
        ->transform(byte_count())
        ->option_text("BYTES");
    add_json(verb, flags->json);
    verb->footer(
        "Applies rules of thumb and estimates; lutra autotune measures.\n\nExample:\n  lutra advise --n 300000 --d 256 --recall "
        "0.95 "
        "--memory 500M");
    return [flags] { advise_verb(*flags); };
}

Work add_explain(CLI::App& lutra) {
    const auto flags = std::make_shared<ExplainFlags>();
    CLI::App* verb = lutra.add_subcommand("explain", "Explain a factory string: each part, memory, time, warnings");
    verb->add_option("SPEC", flags->spec, "A factory string: IVF1024,PQ64x4fs,RFlat")->required()->option_text(" ");
    add_work(verb, flags->work);
    add_k(verb, flags->k);
    verb->add_option("--nprobe", flags->nprobe, "Lists visited; default: for a recall of 0.95")
        ->transform(whole_number(1, kMaxLists))
        ->option_text("N");
    verb->add_option("--k-factor", flags->k_factor, "Candidates compared exactly, per neighbour returned; default: 8")
        ->transform(number(1, double(kMaxLists)))
        ->option_text("F");
    add_no_byte_copies(verb, flags->options);
    add_json(verb, flags->json);
    verb->footer("Example:\n  lutra explain IVF1024,PQ64x4fs,RFlat --n 1000000 --d 128");
    return [flags] { explain_verb(*flags); };
}

}  // namespace command
