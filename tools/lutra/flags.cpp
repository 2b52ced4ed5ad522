// tools/lutra/flags.cpp: see flags.hpp.  SPDX-License-Identifier: MIT
#include "flags.hpp"

#include <algorithm>
#include <map>
#include <thread>

namespace command {

lutra::Metric library_metric(MetricFlag metric) {
    return metric == MetricFlag::l2 ? lutra::Metric::l2 : lutra::Metric::inner_product;
}

std::string spec_for(const std::string& spec, MetricFlag metric) {
    const bool normalized = spec.starts_with("L2norm,") || spec.starts_with("L2Norm,");
    return metric == MetricFlag::cosine && !normalized ? "L2norm," + spec : spec;
}

std::size_t all_cores() { return std::max(1U, std::thread::hardware_concurrency()); }

CLI::Option* add_metric(CLI::App* verb, MetricFlag& metric) {
    static const std::map<std::string, MetricFlag> kNames{
        {"l2", MetricFlag::l2}, {"ip", MetricFlag::ip}, {"cosine", MetricFlag::cosine}};
    const auto names = CLI::Validator(
        [](std::string& name) {
            const auto found = kNames.find(name);
            if (found == kNames.end()) return "\"" + name + "\" is not a metric; l2, ip and cosine are accepted";
            name = std::to_string(int(found->second));
            return std::string();
        },
        "");
    return verb->add_option("--metric", metric, "l2 (default), ip (inner product) or cosine (ip of unit vectors)")
        ->transform(names)
        ->option_text("l2|ip|cosine");
}

CLI::Option* add_threads(CLI::App* verb, std::size_t& threads) {
    threads = all_cores();
    return verb
        ->add_option("--threads", threads, "Threads to work with, 1 or more; default: all " + std::to_string(threads) + " cores")
        ->check(CLI::Range(std::size_t{1}, std::size_t{1024}))
        ->option_text("N");
}

CLI::Option* add_k(CLI::App* verb, std::size_t& k) {
    return verb->add_option("-k", k, "Neighbours for each query, 1 or more; default: " + std::to_string(k))
        ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}))
        ->option_text("N");
}

CLI::Option* add_inputs(CLI::App* verb, std::vector<std::string>& inputs) {
    return verb->add_option("INPUT", inputs, "Files .npy .fvecs .bvecs .fbin .u8bin .i8bin, folders of .npy; joined")
        ->required()
        ->option_text("...");
}

CLI::Option* add_no_byte_copies(CLI::App* verb, lutra::IndexOptions& options) {
    return verb->add_flag_callback(
        "--no-byte-copies", [&options] { options.byte_copies = false; },
        "Keep no 8-bit copies of the rows of Flat, alone or in lists: a fifth less memory, slower, the same results; nothing "
        "changes for other indexes");
}

CLI::Option* add_json(CLI::App* verb, bool& json) {
    return verb->add_flag("--json", json, "One JSON object a line instead of text");
}

}  // namespace command
