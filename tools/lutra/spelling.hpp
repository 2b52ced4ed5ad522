// tools/lutra/spelling.hpp: the accepted words that are nearest to one that is not.  SPDX-License-Identifier: MIT
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace command {

/// The typed word itself if it is accepted; else, of `accepted`, those that begin with it, hold it, or are held by it; else those
/// with the fewest letters to change, if these are few. In their order; none if nothing is near.
std::vector<std::string> nearest_words(std::string_view typed, const std::vector<std::string>& accepted);

/// "a", "a or b", "a, b or c" for the last word "or".
std::string listed(const std::vector<std::string>& words, std::string_view last);

}  // namespace command
