// bench/index/points/serve.hpp: bench_index_points --serve: a line of JSON in, a line out, until the input ends. The lines are
// those of bench/compare/protocol.py; and, for bench/ann_benchmarks,
//   {"do": "prepare", "queries", "k", "params"} -> {}     {"do": "search"} -> {"seconds"}     {"do": "ids"} -> {"ids": [[...]]}
// SPDX-License-Identifier: MIT
#pragma once
#include <string>

namespace points {

/// What the program is: lutra's version, instruction set, compiler and flags.
struct Identity {
    std::string version, isa, compiler;
};
Identity identity();

/// Answers until end of input. A request that fails is answered with {"error": why}.
void serve();

}  // namespace points
