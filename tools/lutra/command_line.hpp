// tools/lutra/command_line.hpp: checks the words of a command line before CLI11 reads them, so that a misspelt verb or flag is the
// first complaint, with the nearest accepted one.  SPDX-License-Identifier: MIT
#pragma once
#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace command {

/// "lutra build", or "lutra" if no word is a verb.
std::string command_name(const CLI::App& lutra, const std::vector<std::string>& words);

/// The words, with values apart from their flags: "--k=3", "-k=3" and "-k3" become "-k" "3". Throws BadUsage for the first word
/// that is not a verb, for the first flag that its verb does not have, for a flag whose value is missing, and for an empty name of
/// a file.
std::vector<std::string> checked_words(const CLI::App& lutra, const std::vector<std::string>& words);

}  // namespace command
