// bench/kernels/id_filter.cpp: what a filter costs for each id it is asked about, by its form; and making and combining sets of ids.
// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <lutra/core/id_filter.hpp>
#include <lutra/core/random.hpp>

#include <cstdint>
#include <vector>

namespace {

using namespace lutra;

constexpr std::size_t kRows = 10'000'000;

std::vector<Id> some_ids(std::size_t n, std::uint32_t seed, std::size_t among = kRows) {
    Rng rng(seed);
    std::vector<Id> ids(n);
    for (Id& id : ids) id = Id(rng.below(std::uint32_t(among)));
    return ids;
}

// The bits of n ids of 10 million.
std::vector<std::uint8_t> bits_of(std::size_t n, std::uint32_t seed) {
    std::vector<std::uint8_t> bits((kRows + 7) / 8);
    for (const Id id : some_ids(n, seed)) bits[std::size_t(id) / 8] |= std::uint8_t(1 << (id % 8));
    return bits;
}

void ask(benchmark::State& st, const IdFilter& filter) {
    const std::vector<Id> asked = some_ids(1 << 16, 1);
    std::size_t passed = 0;
    for (auto _ : st)
        for (const Id id : asked) passed += filter.accepts(id);
    benchmark::DoNotOptimize(passed);
    st.SetItemsProcessed(st.iterations() * std::int64_t(asked.size()));
}

// args: ids in the set, of 10 million.
void accepts_set(benchmark::State& st) { ask(st, IdSet::of(some_ids(std::size_t(st.range(0)), 2))); }
void accepts_bitmap(benchmark::State& st) {
    const std::vector<std::uint8_t> bits = bits_of(std::size_t(st.range(0)), 2);
    ask(st, IdFilter::bitmap(bits.data(), kRows));
}
void accepts_predicate(benchmark::State& st) {
    const IdSet set = IdSet::of(some_ids(std::size_t(st.range(0)), 2));
    const auto contains = [&](Id id) { return set.contains(id); };
    ask(st, IdFilter::predicate(contains));
}
BENCHMARK(accepts_set)->Arg(4)->Arg(100)->Arg(500)->Arg(1000)->Arg(5000)->Arg(5'000'000);
BENCHMARK(accepts_bitmap)->Arg(5000)->Arg(5'000'000);
BENCHMARK(accepts_predicate)->Arg(5000)->Arg(5'000'000);

void set_of_ids(benchmark::State& st) {
    const std::vector<Id> ids = some_ids(std::size_t(st.range(0)), 2);
    for (auto _ : st) benchmark::DoNotOptimize(IdSet::of(ids));
}
void set_of_bitmap(benchmark::State& st) {
    const std::vector<std::uint8_t> bits = bits_of(std::size_t(st.range(0)), 2);
    for (auto _ : st) benchmark::DoNotOptimize(IdSet::bitmap(bits.data(), kRows));
}
BENCHMARK(set_of_ids)->Arg(5000)->Arg(1'000'000);
BENCHMARK(set_of_bitmap)->Arg(5'000'000);

// args: ids deleted, of the 10 million among which the tenant has two in three.
void live(benchmark::State& st) {
    const std::vector<std::uint8_t> bits = bits_of(kRows, 2);
    const IdSet tenant = IdSet::bitmap(bits.data(), kRows), deleted = IdSet::of(some_ids(std::size_t(st.range(0)), 3));
    for (auto _ : st) benchmark::DoNotOptimize(tenant & ~deleted);
}
BENCHMARK(live)->Arg(4)->Arg(5000)->Arg(1'000'000);

}  // namespace

BENCHMARK_MAIN();
