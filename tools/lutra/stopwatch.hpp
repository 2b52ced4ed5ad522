// tools/lutra/stopwatch.hpp: seconds since it was made.  SPDX-License-Identifier: MIT
#pragma once
#include <chrono>

namespace command {

class Stopwatch {
public:
    double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace command
