// tools/lutra/flags.hpp: the flags that several verbs share, with their checks. A verb adds only those it uses.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/storage.hpp>
#include <lutra/core/types.hpp>

#include <CLI/CLI.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace command {

using lutra::Metric;

/// The word of `--metric`: "l2", "ip" or "cosine".
std::string metric_word(Metric metric);

std::size_t all_cores();

CLI::Option* add_metric(CLI::App* verb, Metric& metric);
CLI::Option* add_threads(CLI::App* verb, std::size_t& threads);
CLI::Option* add_k(CLI::App* verb, std::size_t& k);
CLI::Option* add_seed(CLI::App* verb, std::uint32_t& seed, const std::string& of);
CLI::Option* add_inputs(CLI::App* verb, std::vector<std::string>& inputs);
/// For --param: a first look, as the index tells which names there are.
CLI::Validator name_and_value();
CLI::Option* add_no_byte_copies(CLI::App* verb, lutra::IndexOptions& options);
CLI::Option* add_mmap(CLI::App* verb, lutra::IndexOptions& options);
/// How a verb that writes files tells what it did.
struct ReportFlags {
    bool json = false, quiet = false;

    bool is_text() const { return !json && !quiet; }
};

/// --json and --quiet.
void add_report(CLI::App* verb, ReportFlags& report);
/// --json of a verb whose report is all that it does.
CLI::Option* add_json(CLI::App* verb, bool& json);

}  // namespace command
