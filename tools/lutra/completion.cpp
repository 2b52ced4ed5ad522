// tools/lutra/completion.cpp: lutra completion writes the script by which a shell completes verbs, flags and their values.
// Main path: add_completion() -> bash(), zsh() or fish(), from the tree of verbs and flags.  SPDX-License-Identifier: MIT
#include "command_tree.hpp"
#include "values.hpp"
#include "verbs.hpp"

#include <lutra/core/config.hpp>

#include <fmt/core.h>

#include <memory>
#include <string>
#include <string_view>

namespace command {

namespace {
std::string first_line(std::string_view shell) {
    return fmt::format("# Completion of lutra {}.{}.{} for {}, by `lutra completion {}`.\n", LUTRA_VERSION_MAJOR,
                       LUTRA_VERSION_MINOR, LUTRA_VERSION_PATCH, shell, shell);
}

/// The text with a backslash before each of these characters.
std::string escaped(std::string_view text, std::string_view characters) {
    std::string out;
    for (const char c : text) {
        if (characters.find(c) != characters.npos) out += '\\';
        out += c;
    }
    return out;
}

// bash

/// What a case of prev does: sets `words` or `files` (compgen's flag), or neither.
std::string bash_offer(const Argument& argument) {
    if (argument.offers == Offers::words) return fmt::format("words='{}'", CLI::detail::join(argument.words, " "));
    return argument.offers == Offers::files ? "files=-f" : argument.offers == Offers::folders ? "files=-d" : ":";
}

std::string bash_verb(const Verb& verb) {
    std::string names, values;
    for (const Argument& flag : verb.flags) {
        names += (names.empty() ? "" : " ") + CLI::detail::join(flag.names, " ");
        if (!flag.value.empty())
            values += fmt::format("        {}) {} ;;\n", CLI::detail::join(flag.names, " | "), bash_offer(flag));
    }
    const std::string first = verb.values.empty() ? ":" : bash_offer(verb.values.front());
    return fmt::format("    {}) case $prev in\n{}        *) words='{}'; [[ $cur == -* ]] || {{ {}; }} ;;\n        esac ;;\n",
                       verb.name, values, names, verb.values.empty() ? ":" : "words=; " + first);
}

constexpr std::string_view kBashBegin = R"(_lutra() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb= words= files= i
    if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD - 2]}; fi
    for ((i = 1; i < COMP_CWORD; ++i)); do
        if [[ ${COMP_WORDS[i]} != -* ]]; then verb=${COMP_WORDS[i]}; break; fi
    done
    case $verb in
)";
constexpr std::string_view kBashEnd = R"(    esac
    COMPREPLY=()
    if [[ -n $files ]]; then
        compopt -o filenames 2> /dev/null
        while IFS= read -r i; do COMPREPLY+=("$i"); done < <(compgen "$files" -- "$cur")
    else
        while IFS= read -r i; do COMPREPLY+=("$i"); done < <(compgen -W "$words" -- "$cur")
    fi
}
complete -F _lutra lutra
)";

std::string bash(const Verb& lutra, const std::vector<Verb>& verbs) {
    std::string cases, words;
    for (const Verb& verb : verbs) words += verb.name + " ", cases += bash_verb(verb);
    for (const Argument& flag : lutra.flags) words += CLI::detail::join(flag.names, " ") + " ";
    const std::string first = fmt::format("    '') words='{}' ;;\n", CLI::detail::rtrim(words));
    return fmt::format("{}{}{}{}{}", first_line("bash"), kBashBegin, first, cases, kBashEnd);
}

// zsh

/// In single quotes, within brackets or between colons of _arguments.
std::string zsh_text(std::string_view text) {
    std::string out;
    for (const char c : escaped(text, "[]:\\")) out += c == '\'' ? "'\\''" : std::string(1, c);
    return out;
}

std::string zsh_offer(const Argument& argument) {
    const std::string action = argument.offers == Offers::words     ? "(" + CLI::detail::join(argument.words, " ") + ")"
                               : argument.offers == Offers::files   ? "_files"
                               : argument.offers == Offers::folders ? "_files -/"
                                                                    : " ";
    return fmt::format(":{}:{}", zsh_text(argument.offers == Offers::words ? "value" : argument.value), action);
}

/// '(-o --output)'{-o+,--output=}'[help]:FILE:_files'
std::string zsh_flag(const Argument& flag) {
    std::string spellings;
    for (const std::string& name : flag.names) {
        const char* const joint = flag.value.empty() ? "" : name.starts_with("--") ? "=" : "+";
        spellings += (spellings.empty() ? "" : ",") + name + joint;
    }
    const std::string others = flag.repeated ? "'*'" : fmt::format("'({})'", CLI::detail::join(flag.names, " "));
    const std::string names = flag.names.size() > 1 ? "{" + spellings + "}" : spellings;
    return fmt::format("{}{}'[{}]{}'", others, names, zsh_text(flag.help), flag.value.empty() ? "" : zsh_offer(flag));
}

std::string zsh_verb(const Verb& verb) {
    std::string text = fmt::format("        {}) _arguments", verb.name);
    for (const Argument& flag : verb.flags) text += " \\\n            " + zsh_flag(flag);
    for (std::size_t i = 0; i < verb.values.size(); ++i)
        text += fmt::format(" \\\n            '{}{}'", verb.values[i].repeated ? "*" : std::to_string(i + 1),
                            zsh_offer(verb.values[i]));
    return text + " ;;\n";
}

constexpr std::string_view kZshBegin = R"(_lutra() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    _arguments -C )";
constexpr std::string_view kZshVerbs = R"('1: :->verb' '*:: :->words'
    case $state in
    verb)
        local -a verbs
        verbs=(
)";
constexpr std::string_view kZshWords = R"(        )
        _describe -t verbs verb verbs ;;
    words)
        case $line[1] in
)";
constexpr std::string_view kZshEnd = R"(        esac ;;
    esac
}
if [[ $funcstack[1] == _lutra ]]; then _lutra "$@"; else compdef _lutra lutra; fi
)";

std::string zsh(const Verb& lutra, const std::vector<Verb>& verbs) {
    std::string flags, names, cases;
    for (const Argument& flag : lutra.flags) flags += zsh_flag(flag) + " ";
    for (const Verb& verb : verbs) {
        names += fmt::format("            '{}:{}'\n", verb.name, zsh_text(verb.help));
        cases += zsh_verb(verb);
    }
    return fmt::format("#compdef lutra\n{}{}{}{}{}{}{}{}", first_line("zsh"), kZshBegin, flags, kZshVerbs, names, kZshWords, cases,
                       kZshEnd);
}

// fish

std::string fish_text(std::string_view text) { return "'" + escaped(text, "'\\") + "'"; }

std::string fish_offer(const Argument& argument) {
    if (argument.offers == Offers::words) return fmt::format(" -x -a '{}'", CLI::detail::join(argument.words, " "));
    return argument.offers == Offers::files     ? " -r -F"
           : argument.offers == Offers::folders ? " -x -a '(__fish_complete_directories)'"
                                                : " -x";
}

std::string fish_flag(const std::string& verb, const Argument& flag) {
    std::string text = fmt::format("complete -c lutra -n '__lutra_verb {}'", verb.empty() ? "\"\"" : verb);
    for (const std::string& name : flag.names) text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    return text + (flag.value.empty() ? "" : fish_offer(flag)) + " -d " + fish_text(flag.help) + "\n";
}

std::string fish_verb(const Verb& verb) {
    std::string text = fmt::format("complete -c lutra -n '__lutra_verb \"\"' -a {} -d {}\n", verb.name, fish_text(verb.help));
    for (const Argument& flag : verb.flags) text += fish_flag(verb.name, flag);
    if (verb.values.empty() || verb.values.front().offers == Offers::nothing) return text;
    const Argument& first = verb.values.front();
    return text + fmt::format("complete -c lutra -n '__lutra_verb {}'{}\n", verb.name,
                              first.offers == Offers::files ? " -F" : fish_offer(first));
}

std::string fish(const Verb& lutra, const std::vector<Verb>& verbs) {
    std::string text = first_line("fish") + R"(function __lutra_verb
    set -l words (commandline -opc)
    for word in $words[2..-1]
        string match -q -- '-*' $word; and continue
        test "$word" = "$argv[1]"
        return
    end
    test -z "$argv[1]"
end
complete -c lutra -f
)";
    for (const Argument& flag : lutra.flags) text += fish_flag("", flag);
    for (const Verb& verb : verbs) text += fish_verb(verb);
    return text;
}

enum class Shell { bash, zsh, fish };
}  // namespace

Work add_completion(CLI::App& lutra) {
    const auto shell = std::make_shared<Shell>(Shell::bash);
    CLI::App* verb = lutra.add_subcommand("completion", "Print the script by which a shell completes verbs, flags and values");
    add_choice<Shell>(verb, "SHELL", *shell, {{"bash", Shell::bash}, {"zsh", Shell::zsh}, {"fish", Shell::fish}}, "The shell")
        ->required();
    verb->footer(
        "cmake --install puts the scripts of all three, and the manual page, where the shells and man look for them.\n\n"
        "bash   write it to ~/.local/share/bash-completion/completions/lutra, or into ~/.bashrc: source <(lutra completion bash)\n"
        "zsh    write it to the file _lutra in a folder of $fpath, or into ~/.zshrc behind compinit: source <(lutra completion "
        "zsh)\n"
        "fish   write it to ~/.config/fish/completions/lutra.fish\n\n"
        "Example:\n  lutra completion fish > ~/.config/fish/completions/lutra.fish");
    return [shell, &lutra] {
        const auto script = *shell == Shell::bash ? bash : *shell == Shell::zsh ? zsh : fish;
        fmt::print("{}", script(describe(lutra), describe_verbs(lutra)));
    };
}

}  // namespace command
