// tools/lutra/main.cpp: the command lutra: parses the command line, runs the verb, turns failures into exit codes.
// Exit codes: 0 done, 1 the work failed (files, data, memory), 2 the command line is wrong.  SPDX-License-Identifier: MIT
#include "command_line.hpp"
#include "command_tree.hpp"
#include "failure.hpp"
#include "help_formatter.hpp"
#include "spelling.hpp"
#include "text.hpp"
#include "verbs.hpp"

#include <lutra/io/path_text.hpp>

#include <fmt/core.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace {
using namespace command;

constexpr int kFailed = 1, kBadUsage = 2;

struct Command {
    CLI::App app{"Finds the nearest neighbours of vectors: builds indexes from files, searches and measures them.", "lutra"};
    std::map<std::string, Work> verbs;

    Command() {
        app.require_subcommand(1);
        app.formatter(std::make_shared<HelpFormatter>());
        app.set_version_flag("--version",
                             fmt::format("lutra {}.{}.{}", LUTRA_VERSION_MAJOR, LUTRA_VERSION_MINOR, LUTRA_VERSION_PATCH));
        app.footer(
            "lutra VERB --help explains a verb.\n\n"
            "Example, from vectors to neighbours and their recall:\n"
            "  lutra build --factory IVF512,Flat -o base.index base.fvecs\n"
            "  lutra search base.index queries.fvecs -k 10 --param nprobe=16\n"
            "  lutra truth base.fvecs --queries queries.fvecs -k 10 -o truth.ivecs\n"
            "  lutra eval base.index queries.fvecs --truth truth.ivecs --param nprobe=1 --param nprobe=16");
        verbs = {{"build", add_build(app)},
                 {"search", add_search(app)},
                 {"eval", add_eval(app)},
                 {"truth", add_truth(app)},
                 {"info", add_info(app)},
                 {"convert", add_convert(app)},
                 {"advise", add_advise(app)},
                 {"explain", add_explain(app)},
                 {"autotune", add_autotune(app)},
                 {"compress", add_compress(app)},
                 {"sample", add_sample(app)},
                 {"dedup", add_dedup(app)},
                 {"expand", add_expand(app)},
                 {"rvc-train", add_rvc_train(app)},
                 {"completion", add_completion(app)},
                 {"man", add_man(app)}};
        for (CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) verb->group("Verbs");
    }

    /// The error in the command line; CLI11's own text names no verbs.
    std::string complaint(const CLI::ParseError& e) const {
        std::vector<std::string> names;
        for (const Verb& verb : describe_verbs(app)) names.push_back(verb.name);
        if (app.get_subcommands().empty()) return fmt::format("a verb is missing; {} are accepted", listed(names, "and"));
        const CLI::App& verb = *app.get_subcommands().front();
        const std::string text = printable(e.what()), accepted = fmt::format("lutra {} {}", verb.get_name(), usage(describe(verb)));
        if (e.get_exit_code() == int(CLI::ExitCodes::RequiredError)) return fmt::format("{}: {}", text, accepted);
        if (e.get_exit_code() == int(CLI::ExitCodes::ExtrasError))
            return fmt::format("\"{}\" is one too many: {}", printable(verb.remaining().front()), accepted);
        if (e.get_exit_code() == int(CLI::ExitCodes::ArgumentMismatch))
            return text.substr(0, text.find(':')) + " is given more than once";
        return text;
    }
};

/// Printable, but for the ends of lines: a message may have several.
std::string printable_lines(std::string_view message) {
    const std::size_t end = message.find('\n');
    if (end == message.npos) return printable(message);
    return printable(message.substr(0, end)) + "\n" + printable_lines(message.substr(end + 1));
}

int fail(const std::string& name, std::string_view message, int code) {
    std::fflush(stdout);
    print_error(fmt::format("{}: {}\n", name, printable_lines(message)));
    if (code == kBadUsage) print_error(fmt::format("  {} --help shows what is accepted\n", name));
    return code;
}

/// The library's "advise: ..." behind the command's "lutra advise: " would say it twice.
std::string_view without_verb(std::string_view name, std::string_view message) {
    const std::string stage = fmt::format("{}: ", name.substr(name.rfind(' ') + 1));
    return message.starts_with(stage) ? message.substr(stage.size()) : message;
}

int run(Command& command, const std::string& name) {
    try {
        command.verbs.at(command.app.get_subcommands().front()->get_name())();
    } catch (const BadUsage& e) {
        return fail(name, e.what(), kBadUsage);
    } catch (const Error& e) {
        const bool cancelled = e.status().code() == Errc::cancelled;
        return fail(name, cancelled ? "cancelled; nothing was written" : without_verb(name, e.what()), kFailed);
    } catch (const std::bad_alloc&) {
        return fail(name, "out of memory", kFailed);
    } catch (const std::exception& e) {
        return fail(name, e.what(), kFailed);
    }
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) return fail(name, "cannot write to standard output", kFailed);
    return 0;
}
}  // namespace

/// A file opened where stdout or stderr is closed would get its number, and the text that is meant for it.
void fill_standard_descriptors() {
    int file = 0;
    while (file >= 0 && file <= STDERR_FILENO) file = open("/dev/null", O_RDONLY);
    if (file >= 0) close(file);
}

int parse_and_run(int argc, char** argv) {
    Command command;
    const std::vector<std::string> typed(argv + std::min(argc, 1), argv + argc);
    const std::string name = command_name(command.app, typed);
    try {
        const std::vector<std::string> words = checked_words(command.app, typed);
        command.app.parse(std::vector(words.rbegin(), words.rend()));  // CLI11 takes them from the end
    } catch (const CLI::Success& e) {                                  // --help, --version
        return command.app.exit(e);
    } catch (const CLI::ParseError& e) {
        return fail(name, command.complaint(e), kBadUsage);
    } catch (const BadUsage& e) {
        return fail(name, e.what(), kBadUsage);
    }
    return run(command, name);
}

int main(int argc, char** argv) {
    fill_standard_descriptors();
    std::signal(SIGXFSZ, SIG_IGN);  // writing past a limit on file sizes fails, and says so
    try {
        return parse_and_run(argc, argv);
    } catch (const std::exception&) {  // outside run(): there is not even memory for a command line or a message
        std::fputs("lutra: out of memory\n", stderr);
        return kFailed;
    }
}
