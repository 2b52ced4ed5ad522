// tools/lutra/help_formatter.cpp: see help_formatter.hpp.  SPDX-License-Identifier: MIT
#include "help_formatter.hpp"

#include "command_tree.hpp"
#include "text.hpp"

#include <fmt/core.h>

#include <unistd.h>

#include <algorithm>
#include <string_view>

namespace command {

namespace {
constexpr std::size_t kNames = 34, kMostColumns = 120, kLeastText = 30;

/// Lines of at most `columns`, broken at blanks.
std::string wrapped(std::string_view text, std::size_t columns) {
    std::string out;
    while (text.size() > columns) {
        const std::size_t blank = text.rfind(' ', columns), end = blank == text.npos ? columns : blank;
        out.append(text.substr(0, end)).append("\n");
        text.remove_prefix(std::min(text.size(), blank == text.npos ? end : end + 1));
    }
    return out.append(text);
}
}  // namespace

HelpFormatter::HelpFormatter() : columns_(std::min(kMostColumns, terminal_width(STDOUT_FILENO))) {
    column_width(kNames);
    label("SUBCOMMAND", "VERB");
    label("OPTIONS", "FLAGS");
    label("Positionals", "Arguments");
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
    if (app->get_parent() == nullptr) return CLI::Formatter::make_usage(app, name);
    return fmt::format("Usage: lutra {} {}\n", app->get_name(), usage(describe(*app)));
}

std::string HelpFormatter::make_group(std::string group, bool is_positional, std::vector<const CLI::Option*> options) const {
    return CLI::Formatter::make_group(is_positional ? group : "Flags", is_positional, options);
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
    return wrapped(option->get_description(), std::max(columns_, kNames + kLeastText) - kNames);
}

}  // namespace command
