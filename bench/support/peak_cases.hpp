// bench/support/peak_cases.hpp: what the core can do at most, as cases of the program that includes this, so that its kernels
// and the limits are measured in one run.  SPDX-License-Identifier: MIT
#pragma once
#include "support/peaks.hpp"

#include <benchmark/benchmark.h>
#include <lutra/core/aligned.hpp>

namespace {

// Google Benchmark's counters: operations and bytes a second.
inline void count(benchmark::State& st, double flops, double bytes) {
    const double rounds = double(st.iterations());
    if (flops > 0) st.counters["FLOP/s"] = benchmark::Counter(rounds * flops, benchmark::Counter::kIsRate);
    if (bytes > 0) st.counters["bytes/s"] = benchmark::Counter(rounds * bytes, benchmark::Counter::kIsRate);
}

#if !defined(LUTRA_SCALAR_ONLY)
void peak_multiply_add(benchmark::State& st) {
    constexpr std::size_t kRounds = 100000;
    for (auto _ : st) lutra_bench::multiply_add<lutra::best>(kRounds);
    count(st, double(kRounds) * lutra_bench::kFlopsPerRound<lutra::best>, 0);
}
BENCHMARK(peak_multiply_add);
#endif

void peak_read(benchmark::State& st) {
    lutra::AlignedVector<std::uint64_t> memory(std::size_t(st.range(0)) / 8);
    for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = i;
    for (auto _ : st) lutra_bench::read_all(memory);
    count(st, 0, double(memory.size()) * 8);
}
BENCHMARK(peak_read)->Arg(1 << 14)->Arg(1 << 18)->Arg(1 << 29);  // L1, L2, memory

}  // namespace
