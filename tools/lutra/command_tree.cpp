// tools/lutra/command_tree.cpp: see command_tree.hpp.  SPDX-License-Identifier: MIT
#include "command_tree.hpp"

#include <string_view>

namespace command {

namespace {
Offers offers_for(std::string_view value) {
    if (value.find('|') != value.npos) return Offers::words;
    for (const std::string_view files : {"FILE", "INPUT", "INDEX", "QUERIES", "PATH"})
        if (value == files) return Offers::files;
    return value == "DIR" || value == "OUT" ? Offers::folders : Offers::nothing;
}

/// Text of the option, of which the dots say that there may be several: "FILE ...", "..." behind a positional.
Argument describe(const CLI::Option& option) {
    constexpr std::string_view kSeveral = "...";
    Argument made;
    for (const std::string& name : option.get_snames()) made.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) made.names.push_back("--" + name);
    made.help = option.get_description(), made.required = option.get_required();
    if (option.get_items_expected_max() == 0) return made;
    std::string text = CLI::detail::trim_copy(option.get_option_text());
    made.repeated = text.ends_with(kSeveral) && option.get_items_expected_max() > 1;
    if (made.repeated) text = CLI::detail::rtrim(text.erase(text.size() - kSeveral.size()));
    made.offers = offers_for(text.empty() ? option.get_name(true) : text);
    if (made.offers == Offers::words) made.words = CLI::detail::split(text, '|');
    made.value = text.empty() ? option.get_name(true) : text;
    return made;
}
}  // namespace

Verb describe(const CLI::App& app) {
    Verb made{app.get_name(), app.get_description(), app.get_footer(), {}, {}};
    for (const CLI::Option* option : app.get_options())
        (option->get_positional() ? made.values : made.flags).push_back(describe(*option));
    return made;
}

std::vector<Verb> describe_verbs(const CLI::App& lutra) {
    std::vector<Verb> verbs;
    for (const CLI::App* verb : lutra.get_subcommands([](const CLI::App*) { return true; })) verbs.push_back(describe(*verb));
    return verbs;
}

std::string usage(const Verb& verb) {
    std::string text;
    for (const Argument& flag : verb.flags)
        if (flag.required) text += flag.names.front() + " " + flag.value + " ";
    text += "[FLAGS]";
    for (const Argument& value : verb.values) text += " " + value.value + (value.repeated ? " ..." : "");
    return text;
}

}  // namespace command
