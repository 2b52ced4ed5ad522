// tools/lutra/verbs.hpp: the verbs of the command. Each has a file of its name with its flags, its help and its work.
// SPDX-License-Identifier: MIT
#pragma once
#include <CLI/CLI.hpp>

#include <functional>

namespace command {

/// Adds a verb to the command and returns its work, to be called after parsing; it throws Error or BadUsage.
using Work = std::function<void()>;
Work add_build(CLI::App& lutra);
Work add_search(CLI::App& lutra);
Work add_eval(CLI::App& lutra);
Work add_truth(CLI::App& lutra);
Work add_info(CLI::App& lutra);
Work add_convert(CLI::App& lutra);
Work add_compress(CLI::App& lutra);
Work add_sample(CLI::App& lutra);
Work add_dedup(CLI::App& lutra);
Work add_advise(CLI::App& lutra);
Work add_explain(CLI::App& lutra);
Work add_autotune(CLI::App& lutra);
Work add_expand(CLI::App& lutra);
Work add_rvc_train(CLI::App& lutra);
Work add_completion(CLI::App& lutra);
Work add_man(CLI::App& lutra);

}  // namespace command
