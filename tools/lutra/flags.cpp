// tools/lutra/flags.cpp: see flags.hpp.  SPDX-License-Identifier: MIT
#include "flags.hpp"

#include "values.hpp"

#include <algorithm>
#include <limits>
#include <thread>
#include <utility>

namespace command {

std::string metric_word(Metric metric) { return metric == Metric::l2 ? "l2" : metric == Metric::cosine ? "cosine" : "ip"; }

std::size_t all_cores() { return std::max(1U, std::thread::hardware_concurrency()); }

CLI::Option* add_metric(CLI::App* verb, Metric& metric) {
    std::vector<std::pair<std::string, Metric>> choices;
    for (const Metric choice : {Metric::l2, Metric::inner_product, Metric::cosine})
        choices.emplace_back(metric_word(choice), choice);
    return add_choice<Metric>(verb, "--metric", metric, choices, "l2 (default), ip (inner product) or cosine (ip of unit vectors)");
}

CLI::Option* add_threads(CLI::App* verb, std::size_t& threads) {
    threads = all_cores();
    return verb->add_option("--threads", threads, "Threads to work with, 1 or more; default: one a core")
        ->transform(whole_number(1, 1024))
        ->option_text("N");
}

CLI::Option* add_k(CLI::App* verb, std::size_t& k) {
    return verb->add_option("-k", k, "Neighbours for each query, 1 or more; default: " + std::to_string(k))
        ->transform(whole_number(1, 1'000'000))
        ->option_text("N");
}

CLI::Option* add_seed(CLI::App* verb, std::uint32_t& seed, const std::string& of) {
    return verb->add_option("--seed", seed, "Seed of " + of + "; default: " + std::to_string(seed))
        ->transform(whole_number(0, std::numeric_limits<std::uint32_t>::max()))
        ->option_text("N");
}

CLI::Option* add_inputs(CLI::App* verb, std::vector<std::string>& inputs) {
    return verb->add_option("INPUT", inputs, "Files .npy .fvecs .bvecs .fbin .u8bin .i8bin, folders of .npy; joined")
        ->required()
        ->option_text("...");
}

CLI::Validator name_and_value() {
    return {[](std::string& text) {
                return text.find('=') != text.npos ? "" : "\"" + text + "\": name=value is expected, as in --param nprobe=8";
            },
            ""};
}

CLI::Option* add_no_byte_copies(CLI::App* verb, lutra::IndexOptions& options) {
    return verb->add_flag_callback(
        "--no-byte-copies", [&options] { options.byte_copies = false; },
        "Keep no 8-bit copies of the rows of Flat, alone or in lists: a fifth less memory, slower, the same results; nothing "
        "changes for other indexes");
}

CLI::Option* add_mmap(CLI::App* verb, lutra::IndexOptions& options) {
    return verb->add_flag(
        "--mmap", options.mmap,
        "Map the index into memory and use it in place: opens at once and shares memory with others that do so; no "
        "8-bit copies, the same results");
}

void add_report(CLI::App* verb, ReportFlags& report) {
    add_json(verb, report.json);
    verb->add_flag("-q,--quiet", report.quiet, "No progress, and no text but warnings and errors");
}

CLI::Option* add_json(CLI::App* verb, bool& json) {
    return verb->add_flag("--json", json, "The report as JSON, one object a line, instead of text");
}

}  // namespace command
