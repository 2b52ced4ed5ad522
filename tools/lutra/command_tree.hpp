// tools/lutra/command_tree.hpp: verbs and flags as the manual page and the completion of shells need them, read from CLI11's tree.
// SPDX-License-Identifier: MIT
#pragma once
#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace command {

/// What a shell offers for a value.
enum class Offers { nothing, files, folders, words };

/// A flag, or a value that stands without one.
struct Argument {
    std::vector<std::string> names;  // "-o", "--output"; none without a flag
    std::string value;               // "FILE"; empty for a flag that takes none
    std::string help;
    bool required = false, repeated = false;
    Offers offers = Offers::nothing;
    std::vector<std::string> words;  // what may be offered
};

struct Verb {
    std::string name, help, notes;  // notes: the paragraphs behind the flags, an example at the end
    std::vector<Argument> flags, values;
};

/// The whole command is a Verb, too, whose name is "lutra".
Verb describe(const CLI::App& app);
std::vector<Verb> describe_verbs(const CLI::App& lutra);

/// "--factory SPEC -o FILE [FLAGS] INPUT ...": what must be given, in short.
std::string usage(const Verb& verb);

}  // namespace command
