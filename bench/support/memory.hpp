// bench/support/memory.hpp: how much memory this process has, now and at most, as Linux counts it (0 elsewhere).
// SPDX-License-Identifier: MIT
#pragma once
#include <cstddef>
#include <fstream>
#include <string>

namespace lutra_bench {

/// A line of /proc/self/status in bytes: "VmRSS" resident now, "VmHWM" resident at most since forget_peak().
inline std::size_t memory_bytes(const std::string& name) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(name + ":")) return std::stoull(line.substr(name.size() + 1)) * 1024;
    return 0;
}

/// From here on VmHWM counts anew. Where the system refuses, it goes on from the start of the process.
inline void forget_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

}  // namespace lutra_bench
