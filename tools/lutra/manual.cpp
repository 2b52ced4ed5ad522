// tools/lutra/manual.cpp: lutra man writes the manual page, in roff, from what --help shows.
// Main path: add_man() -> manual() -> argument() for each flag, paragraphs() for the notes.  SPDX-License-Identifier: MIT
#include "command_tree.hpp"
#include "verbs.hpp"

#include <lutra/core/config.hpp>

#include <fmt/core.h>

#include <string>
#include <string_view>

namespace command {

namespace {
/// Text that roff shows as it is. A line must not begin with a point or an apostrophe, which are calls.
std::string roff(std::string_view text) {
    std::string out = text.starts_with('.') || text.starts_with('\'') ? "\\&" : "";
    for (const char c : text) {
        switch (c) {
            case '\\':
                out += "\\e";
                break;
            case '-':
                out += "\\-";
                break;
            case '^':
                out += "\\(ha";
                break;
            case '~':
                out += "\\(ti";
                break;
            case '`':
                out += "\\(ga";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string bold(std::string_view text) { return "\\fB" + roff(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + roff(text) + "\\fR"; }

/// The notes of --help: paragraphs, which are filled; lines of a term and its meaning, with two blanks or more between them, which
/// go on in lines that begin with blanks; and examples, which begin with "  lutra".
std::string paragraphs(std::string_view text) {
    std::string out = ".PP\n";
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::size_t begin = std::min(line.find_first_not_of(' '), line.size()), gap = line.find("  ", begin);
        if (line.empty())
            out += ".PP\n";
        else if (line.starts_with("  lutra "))
            out += ".RS 4\n.nf\n" + roff(line.substr(begin)) + "\n.fi\n.RE\n";
        else if (begin == 0 && gap != line.npos)
            out += ".TP\n" + bold(line.substr(0, gap)) + "\n" + roff(line.substr(line.find_first_not_of(' ', gap))) + "\n";
        else
            out += roff(line.substr(begin)) + "\n";
    }
    return out;
}

std::string argument(const Argument& described) {
    std::string names;
    for (const std::string& name : described.names) names += (names.empty() ? "" : ", ") + bold(name);
    if (!described.value.empty())
        names += (names.empty() ? "" : " ") + italic(described.value) + (described.repeated ? " ..." : "");
    return fmt::format(".TP\n{}\n{}{}\n", names, roff(described.help),
                       described.required && !described.names.empty() ? " (required)" : "");
}

std::string arguments(const Verb& verb) {
    std::string text;
    for (const Argument& value : verb.values) text += argument(value);
    for (const Argument& flag : verb.flags)
        if (verb.name == "lutra" || flag.names.back() != "--help") text += argument(flag);  // once is enough
    return text;
}

std::string manual(const CLI::App& app) {
    const Verb lutra = describe(app);
    std::string text = fmt::format(".TH LUTRA 1 \"\" \"lutra {}.{}.{}\" \"User Commands\"\n", LUTRA_VERSION_MAJOR,
                                   LUTRA_VERSION_MINOR, LUTRA_VERSION_PATCH);
    text += ".SH NAME\nlutra \\- approximate nearest-neighbour search\n.SH SYNOPSIS\n" + bold("lutra") + " " + italic("VERB") +
            " [" + italic("FLAGS") + "] ...\n.SH DESCRIPTION\n" + roff(lutra.help) + "\n" + paragraphs(lutra.notes) +
            ".SH FLAGS\n" + arguments(lutra) + ".SH VERBS\n";
    for (const Verb& verb : describe_verbs(app))
        text += ".SS " + roff("lutra " + verb.name + " " + usage(verb)) + "\n" + roff(verb.help) + ".\n" + arguments(verb) +
                paragraphs(verb.notes);
    return text +
           ".SH EXIT STATUS\n.TP\n0\ndone\n.TP\n1\nthe work failed: files, data, memory, a signal\n.TP\n2\nthe command line is "
           "wrong\n";
}
}  // namespace

Work add_man(CLI::App& lutra) {
    CLI::App* verb = lutra.add_subcommand("man", "Print the manual page, in roff");
    verb->footer(
        "cmake --install puts it where man looks for it; lutra man | man -l - shows it.\n\nExample:\n  lutra man > lutra.1");
    return [&lutra] { fmt::print("{}", manual(lutra)); };
}

}  // namespace command
