// A plain unit of that program, which the linker meets first, compiled with the project's flags.  SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

void plain_sort(std::vector<std::pair<float, std::int64_t>>& values);
void plain_sort(std::vector<std::pair<float, std::int64_t>>& values) { std::sort(values.begin(), values.end()); }
