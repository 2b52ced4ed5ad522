// tools/lutra/json_line.cpp: see json_line.hpp.  SPDX-License-Identifier: MIT
#include "json_line.hpp"

#include <fmt/core.h>

#include <cmath>
#include <cstdio>

namespace command {

void print_json(const Json& object) {
    fmt::print("{}\n", object.dump(-1, ' ', true, Json::error_handler_t::replace));
    std::fflush(stdout);
}

Json json_number(float value) { return Json::parse(fmt::format("{}", value)); }

Json json_measured(double value) { return std::round(value * 1e6) / 1e6; }

}  // namespace command
