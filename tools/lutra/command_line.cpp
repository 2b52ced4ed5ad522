// tools/lutra/command_line.cpp: see command_line.hpp.
// Main path: checked_words() -> CommandLine::run() -> take_verb(), take_flag() -> refuse_flag() -> suggestion().
// SPDX-License-Identifier: MIT
#include "command_line.hpp"

#include "failure.hpp"
#include "spelling.hpp"

#include <lutra/factory/nearest_spec.hpp>
#include <lutra/io/path_text.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

namespace command {

namespace {
using Words = std::vector<std::string>;

/// Names that other programs give to what is here.
struct OtherName {
    std::string_view theirs, ours;
};
constexpr std::array kOtherVerbs{
    OtherName{"help", "--help"},      OtherName{"version", "--version"}, OtherName{"train", "build"},
    OtherName{"index", "build"},      OtherName{"add", "build"},         OtherName{"create", "build"},
    OtherName{"query", "search"},     OtherName{"bench", "eval"},        OtherName{"benchmark", "eval"},
    OtherName{"recall", "eval"},      OtherName{"gt", "truth"},          OtherName{"groundtruth", "truth"},
    OtherName{"describe", "info"},    OtherName{"show", "info"},         OtherName{"join", "convert"},
    OtherName{"cluster", "compress"}, OtherName{"kmeans", "compress"},   OtherName{"unique", "dedup"}};
constexpr std::array kOtherFlags{OtherName{"topk", "-k"},        OtherName{"top-k", "-k"},
                                 OtherName{"neighbors", "-k"},   OtherName{"neighbours", "-k"},
                                 OtherName{"k", "-k"},           OtherName{"k", "-n"},
                                 OtherName{"n", "-n"},           OtherName{"rows", "-n"},
                                 OtherName{"centroids", "-n"},   OtherName{"count", "-n"},
                                 OtherName{"jobs", "--threads"}, OtherName{"cpus", "--threads"},
                                 OtherName{"spec", "--factory"}, OtherName{"distance", "--metric"},
                                 OtherName{"silent", "--quiet"}, OtherName{"V", "--version"},
                                 OtherName{"gt", "--truth"},     OtherName{"groundtruth", "--truth"},
                                 OtherName{"dim", "--d"},        OtherName{"rounds", "--seconds"}};

bool is_flag(std::string_view word) { return word.size() > 1 && word.front() == '-'; }

const CLI::App* find_verb(const CLI::App& lutra, std::string_view name) {
    for (const CLI::App* verb : lutra.get_subcommands([](const CLI::App*) { return true; }))
        if (verb->get_name() == name) return verb;
    return nullptr;
}

Words verb_names(const CLI::App& lutra) {
    Words names;
    for (const CLI::App* verb : lutra.get_subcommands([](const CLI::App*) { return true; })) names.push_back(verb->get_name());
    return names;
}

/// The long names of its flags, without dashes.
Words flag_names(const CLI::App& app) {
    Words names;
    for (const CLI::Option* option : app.get_options())
        for (const std::string& name : option->get_lnames()) names.push_back(name);
    return names;
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() != 0; }

/// "--name=value", "-x=value" and "-xvalue", taken apart. A value may be empty.
struct Flag {
    explicit Flag(std::string_view word) {
        const std::size_t equals = std::min(word.find('='), word.size());
        const bool is_long = word.starts_with("--");
        bare = word.substr(is_long ? 2 : 1, equals - (is_long ? 2 : 1));
        name = is_long ? word.substr(0, equals) : word.substr(0, 2);
        has_value = is_long ? equals < word.size() : word.size() > 2;
        if (has_value) value = word.substr(is_long || equals == 2 ? equals + 1 : 2);
    }

    std::string name, bare;  // "--name" or "-x"; all letters before =, without dashes: "name", "xvalue"
    bool has_value;
    std::string value;
};

[[noreturn]] void refuse(const std::string& text) { throw BadUsage(Status{Errc::bad_argument, "{}", text}); }

std::string our_verb(std::string_view theirs) {
    const auto is_it = [&](const OtherName& name) { return name.theirs == theirs; };
    const auto found = std::find_if(kOtherVerbs.begin(), kOtherVerbs.end(), is_it);
    return found == kOtherVerbs.end() ? std::string() : std::string(found->ours);
}

/// Of those that app has.
std::string our_flag(const CLI::App& app, std::string_view theirs) {
    for (const OtherName& name : kOtherFlags)
        if (name.theirs == theirs && app.get_option_no_throw(std::string(name.ours)) != nullptr) return std::string(name.ours);
    return {};
}

/// "INPUT" for "inp", "SPEC" for "factory": the value that is meant by a flag of this name, where app takes it without one.
bool is_meant(const std::string& positional, std::string_view typed) {
    const std::string lower = CLI::detail::to_lower(positional);
    const auto is_other_name = [&](const OtherName& name) { return name.theirs == lower && name.ours.substr(2) == typed; };
    return typed.size() >= 3 && (lower.starts_with(typed) || std::any_of(kOtherFlags.begin(), kOtherFlags.end(), is_other_name));
}

bool names_file(const CLI::Option& option) {
    const std::string text = option.get_option_text();
    return text.starts_with("FILE") || text == "OUT";
}

class CommandLine {
public:
    CommandLine(const CLI::App& lutra, const Words& words) : lutra_(lutra), words_(words) {}

    Words run() {
        for (at_ = 0; at_ < words_.size() && words_[at_] != "--"; ++at_)
            is_flag(words_[at_]) ? take_flag(words_[at_]) : take_word();
        out_.insert(out_.end(), words_.begin() + std::ptrdiff_t(at_), words_.end());
        return std::move(out_);
    }

private:
    const CLI::App& app() const { return verb_ == nullptr ? lutra_ : *verb_; }

    void take_word() {
        const std::string& word = words_[at_];
        if (verb_ != nullptr) check_value(word);
        if (verb_ == nullptr) verb_ = find_verb(lutra_, word);
        if (verb_ == nullptr) refuse_verb(word);
        out_.push_back(word);
    }

    void check_value(const std::string& word) const {
        if (word.empty()) refuse("\"\" is no value; perhaps a variable of the shell is unset");
        std::error_code ignored;
        if (word == "help" && words_.size() == 2 && !std::filesystem::exists(word, ignored))
            refuse(fmt::format("did you mean lutra {} --help?", verb_->get_name()));
    }

    void take_flag(const std::string& word) {
        const Flag flag(word);
        const CLI::Option* option = app().get_option_no_throw(flag.name);
        if (option == nullptr || is_long_name_behind_one_dash(word, flag)) refuse_flag(word, flag);
        out_.push_back(flag.name);
        if (takes_value(*option)) {
            out_.push_back(flag.has_value ? flag.value : next_value(flag.name));
            if (out_.back().empty() && names_file(*option)) refuse(flag.name + ": \"\" names no file");
            return;
        }
        if (flag.has_value && (word.starts_with("--") || word[2] == '=')) refuse(flag.name + " takes no value");
        if (flag.has_value) take_flag("-" + flag.value);  // -qk3 is -q -k3
    }

    /// "-output=x" is not -o with the value "utput=x".
    bool is_long_name_behind_one_dash(std::string_view word, const Flag& flag) const {
        if (word.starts_with("--") || flag.bare.size() < 3) return false;
        const Words names = flag_names(app());
        return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
            return detail::edit_distance(flag.bare, name) <= (flag.bare.size() > 4 ? 1U : 0U);
        });
    }

    /// The word behind a flag that takes a value. It may begin with a dash, as -1 does, unless it is a flag.
    const std::string& next_value(const std::string& name) {
        if (at_ + 1 == words_.size()) refuse(name + ": its value is missing");
        const std::string& value = words_[++at_];
        if (is_flag(value) && app().get_option_no_throw(Flag(value).name) != nullptr && !is_number(value))
            refuse(fmt::format("{}: its value is missing; {} follows", name, path_text(value)));
        return value;
    }

    static bool is_number(std::string_view word) { return word.find_first_of("0123456789") == 1; }

    [[noreturn]] void refuse_verb(const std::string& word) const {
        const Words names = verb_names(lutra_), near = nearest_words(word, names);
        const std::string ours = our_verb(word), verb = at_ + 1 < words_.size() ? words_[at_ + 1] : "";
        std::string meant = !near.empty() ? listed(near, "or") : ours;
        if (ours == "--help" && find_verb(lutra_, verb) != nullptr) meant = verb + " --help";
        if (meant.empty()) refuse(fmt::format("\"{}\" is not a verb; {} are accepted", path_text(word), listed(names, "and")));
        refuse(fmt::format("\"{}\" is not a verb; did you mean lutra {}?", path_text(word), meant));
    }

    [[noreturn]] void refuse_flag(std::string_view word, const Flag& flag) const {
        const std::string shown = path_text(word.substr(0, word.find('='))), hint = suggestion(flag);
        refuse(fmt::format("{} is not a flag of {}{}{}", shown, app().get_name(), hint.empty() ? "" : "; ", hint));
    }

    /// Where to go from an unknown flag; empty if nowhere.
    std::string suggestion(const Flag& flag) const {
        std::string hint = setting_hint(flag);
        if (hint.empty()) hint = positional_hint(flag.bare);
        if (hint.empty()) hint = flag_hint(flag.bare);
        if (hint.empty()) hint = verb_ == nullptr ? place_hint(flag) : verb_hint(flag.name);
        return hint;
    }

    /// nprobe and k_factor are set by --param.
    std::string setting_hint(const Flag& flag) const {
        std::string name = flag.bare;
        std::replace(name.begin(), name.end(), '-', '_');
        if (name != "nprobe" && name != "k_factor") return {};
        if (app().get_option_no_throw("--" + flag.bare) != nullptr) return {};  // behind one dash
        const bool next = at_ + 1 < words_.size() && !is_flag(words_[at_ + 1]);
        const std::string value = flag.has_value && flag.name != "-n" && flag.name != "-k" ? flag.value
                                  : next                                                   ? words_[at_ + 1]
                                                                                           : "8";
        if (app().get_option_no_throw("--param") != nullptr)
            return fmt::format("did you mean --param {}={}?", name, path_text(value));
        if (!nearest_words(flag.bare, flag_names(app())).empty()) return {};
        return fmt::format("searches have it: lutra search --param {}={}", name, path_text(value));
    }

    /// INDEX and the like are given without a flag.
    std::string positional_hint(std::string_view typed) const {
        Words names;
        std::string meant;
        for (const CLI::Option* option : app().get_options()) {
            if (!option->get_positional()) continue;
            names.push_back(option->get_name(true));
            if (is_meant(names.back(), typed)) meant = names.back();
        }
        if (meant.empty()) return {};
        return fmt::format("{} is given without a flag: lutra {} {}", meant, app().get_name(), CLI::detail::join(names, " "));
    }

    std::string flag_hint(const std::string& typed) const {
        Words near = nearest_words(typed, flag_names(app()));
        for (std::string& name : near) name = "--" + name;
        const std::string ours = our_flag(app(), typed);
        if (near.empty() && !ours.empty()) near = {ours};
        return near.empty() ? "" : fmt::format("did you mean {}?", listed(near, "or"));
    }

    Words verbs_with(const std::string& flag) const {
        Words have;
        for (const std::string& verb : verb_names(lutra_))
            if (find_verb(lutra_, verb)->get_option_no_throw(flag) != nullptr) have.push_back(verb);
        return have;
    }

    std::string verb_hint(const std::string& flag) const {
        const Words have = verbs_with(flag);
        return have.empty() ? "" : fmt::format("lutra {} {} it", listed(have, "and"), have.size() == 1 ? "has" : "have");
    }

    /// A flag in front of the verb belongs behind it: behind the verb that follows if it has that flag, or one that is spelt so
    /// nearly, else behind the first that has.
    std::string place_hint(const Flag& flag) const {
        const auto is_verb = [&](const std::string& word) { return find_verb(lutra_, word) != nullptr; };
        const auto later = std::find_if(words_.begin() + std::ptrdiff_t(at_), words_.end(), is_verb);
        const std::string name = verbs_with(flag.name).empty() ? nearest_flag(flag.bare, later) : flag.name;
        const Words have = verbs_with(name);
        if (have.empty()) return {};
        const bool has = later != words_.end() && std::find(have.begin(), have.end(), *later) != have.end();
        return fmt::format("flags stand behind the verb: lutra {} {}", has ? *later : have.front(), name);
    }

    /// Of the verb, if there is one, else of all verbs; "--", which none has, if nothing is near.
    std::string nearest_flag(const std::string& typed, Words::const_iterator verb) const {
        Words names;
        for (const std::string& each : verb != words_.end() ? Words{*verb} : verb_names(lutra_))
            for (const std::string& name : flag_names(*find_verb(lutra_, each))) names.push_back(name);
        const Words near = nearest_words(typed, names);
        return "--" + (near.empty() ? std::string() : near.front());
    }

    const CLI::App& lutra_;
    const CLI::App* verb_ = nullptr;  // once one was read
    const Words& words_;
    std::size_t at_ = 0;
    Words out_;
};
}  // namespace

std::string command_name(const CLI::App& lutra, const Words& words) {
    const auto word = std::find_if_not(words.begin(), words.end(), is_flag);
    return word != words.end() && find_verb(lutra, *word) != nullptr ? "lutra " + *word : "lutra";
}

Words checked_words(const CLI::App& lutra, const Words& words) { return CommandLine(lutra, words).run(); }

}  // namespace command
