// tools/lutra/help_formatter.hpp: how --help looks: usage with what is required, texts in lines that fit.
// SPDX-License-Identifier: MIT
#pragma once
#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace command {

class HelpFormatter final : public CLI::Formatter {
public:
    HelpFormatter();
    std::string make_usage(const CLI::App* app, std::string name) const override;
    std::string make_group(std::string group, bool is_positional, std::vector<const CLI::Option*> options) const override;
    std::string make_option_desc(const CLI::Option* option) const override;

private:
    std::size_t columns_;  // of the terminal
};

}  // namespace command
