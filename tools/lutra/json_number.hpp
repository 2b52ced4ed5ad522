// tools/lutra/json_number.hpp: a float in JSON.  SPDX-License-Identifier: MIT
#pragma once
#include <fmt/core.h>

#include <nlohmann/json.hpp>

namespace command {

/// 4 and 2.4, not 4.0 and 2.4000000953674316. Finite.
inline nlohmann::ordered_json json_number(float value) { return nlohmann::ordered_json::parse(fmt::format("{}", value)); }

}  // namespace command
