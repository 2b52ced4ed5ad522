// tools/lutra/spelling.cpp: see spelling.hpp.  SPDX-License-Identifier: MIT
#include "spelling.hpp"

#include <lutra/factory/nearest_spec.hpp>

#include <algorithm>
#include <limits>

namespace command {

namespace {
constexpr std::size_t kFar = std::numeric_limits<std::size_t>::max(), kLeastPart = 4;  // letters that a part of a word has

/// 0 for a beginning or a part; else the letters to change, or kFar if these are too many for a slip.
std::size_t changes_between(std::string_view typed, std::string_view word) {
    if (typed.empty()) return kFar;
    if (word.starts_with(typed)) return 0;
    if (typed.size() >= kLeastPart && word.find(typed) != word.npos) return 0;
    if (word.size() >= kLeastPart && typed.find(word) != typed.npos) return 0;
    const std::size_t shorter = std::min(typed.size(), word.size());  // of one letter, none is a slip of another
    const std::size_t most = shorter == 1 ? 0 : typed.size() < kLeastPart ? 1 : std::max<std::size_t>(2, typed.size() / 3);
    const std::size_t changes = lutra::detail::edit_distance(typed, word);
    return changes <= most ? changes : kFar;
}
}  // namespace

std::vector<std::string> nearest_words(std::string_view typed, const std::vector<std::string>& accepted) {
    if (std::find(accepted.begin(), accepted.end(), typed) != accepted.end()) return {std::string(typed)};
    std::vector<std::string> nearest;
    std::size_t least = kFar;
    for (const std::string& word : accepted) {
        const std::size_t changes = changes_between(typed, word);
        if (changes == kFar || changes > least) continue;
        if (changes < least) nearest.clear();
        least = changes;
        nearest.push_back(word);
    }
    return nearest;
}

std::string listed(const std::vector<std::string>& words, std::string_view last) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i != 0) text += i + 1 == words.size() ? " " + std::string(last) + " " : ", ";
        text += words[i];
    }
    return text;
}

}  // namespace command
