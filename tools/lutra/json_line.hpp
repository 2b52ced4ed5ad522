// tools/lutra/json_line.hpp: reports as JSON, one object a line.  SPDX-License-Identifier: MIT
#pragma once
#include <nlohmann/json.hpp>

namespace command {
using Json = nlohmann::ordered_json;

/// Prints one line on stdout. Bytes of a path that are not UTF-8 become U+FFFD.
void print_json(const Json& object);

/// 4 and 2.4, not 4.0 and 2.4000000953674316. Finite.
Json json_number(float value);
/// Seconds, or another measured value, to six digits behind the point.
Json json_measured(double value);

}  // namespace command
