// bench/kernels/scan_bytes.cpp: scans of rows in bytes, in cache, for a few queries by vectors and for many by tiles, beside the
// peak of multiply-adds of floats.  SPDX-License-Identifier: MIT
#include "support/peak_cases.hpp"

#include <lutra/core/aligned.hpp>
#include <lutra/core/random.hpp>
#include <lutra/kernels/byte_tiles.hpp>

#include <algorithm>
#include <array>
#include <vector>

namespace {

using namespace lutra;

/// Random rows [n, d] in groups, and queries of which none finds a row.
template <bool Whole>
struct Case {
    std::size_t n, d, pitch;
    AlignedVector<std::byte> codes;
    AlignedVector<std::int8_t> bytes;
    std::vector<ByteQuery> queries;
    std::vector<std::uint32_t> offsets;
    std::vector<std::int32_t> dots;
    std::vector<ByteSurvivors> found;

    Case(benchmark::State& st, std::size_t n_queries)
        : n(std::size_t(st.range(1))),
          d(std::size_t(st.range(0))),
          pitch(round_up(d, 64)),
          codes(n / kByteGroup * group_bytes()),
          bytes(round_up(n_queries, 16) * pitch) {
        Rng rng(1);
        for (std::byte& b : codes) b = std::byte(rng.next());
        for (std::size_t g = 0; g < n / kByteGroup; ++g) {
            auto* const terms = reinterpret_cast<float*>(codes.data() + g * group_bytes() + kByteGroup * d);
            std::fill_n(terms, ByteTerms<Whole>::kBytes / sizeof(float), 1.F);
        }
        offsets.resize(n_queries * (n + kByteGroup)), dots.resize(offsets.size());
        for (std::size_t q = 0; q < n_queries; ++q) add_query(q, rng);
    }
    std::size_t group_bytes() const { return kByteGroup * d + ByteTerms<Whole>::kBytes; }
    ByteGroups rows() const { return {codes.data(), n / kByteGroup, group_bytes(), d}; }

private:
    void add_query(std::size_t q, Rng& rng) {
        std::int32_t sum = 0;
        for (std::size_t t = 0; t < d; ++t) sum += bytes[q * pitch + t] = std::int8_t(rng.next());
        queries.push_back({{bytes.data() + q * pitch, kByteZero * sum}, 2, 1, -1e9F});
        found.push_back({offsets.data() + q * (n + kByteGroup), dots.data() + q * (n + kByteGroup), 0});
    }
};

void count_products(benchmark::State& st, std::size_t queries) {
    const double products = double(st.range(0)) * double(st.range(1)) * double(queries);
    count(st, 2 * products, 0);
    st.counters["rows/s"] =
        benchmark::Counter(double(st.iterations()) * double(st.range(1)) * double(queries), benchmark::Counter::kIsRate);
}

// args: d, rows.
template <bool Whole, std::size_t Q, class Lanes = BestBytes>
void by_vectors(benchmark::State& st) {
    Case<Whole> c(st, Q);
    std::array<ByteQuery, Q> queries;
    std::copy_n(c.queries.begin(), Q, queries.begin());
    for (auto _ : st) {
        byte_scan<Whole>(Lanes{}, c.rows(), queries, c.found.data());
        benchmark::DoNotOptimize(c.found[0].n);
    }
    count_products(st, Q);
}

#if LUTRA_HAS_TILES
template <bool Whole, std::size_t Q>
void by_tiles(benchmark::State& st) {
    if (!tiles_granted()) return st.SkipWithError("no tiles here");
    Case<Whole> c(st, Q);
    Arena arena;
    TileQueries queries;
    queries.n = Q, queries.pitch = c.pitch, queries.codes = c.bytes.data();
    std::copy_n(c.queries.begin(), Q, queries.each);
    for (auto _ : st) {
        byte_scan<Whole>(c.rows(), queries, c.found.data(), arena);
        benchmark::DoNotOptimize(c.found[0].n);
    }
    count_products(st, Q);
}
#endif

void sizes(benchmark::internal::Benchmark* b) { b->ArgsProduct({{128, 200, 256}, {192, 480}}); }

BENCHMARK(by_vectors<true, 1, scalar>)->Args({128, 192});
BENCHMARK(by_vectors<true, 1>)->Apply(sizes);
BENCHMARK(by_vectors<true, kByteQueries>)->Apply(sizes);
BENCHMARK(by_vectors<false, kByteQueries>)->Apply(sizes);
#if LUTRA_HAS_TILES
BENCHMARK(by_tiles<true, 4>)->Apply(sizes);
BENCHMARK(by_tiles<true, 5>)->Apply(sizes);
BENCHMARK(by_tiles<true, 16>)->Apply(sizes);
BENCHMARK(by_tiles<true, 32>)->Apply(sizes);
BENCHMARK(by_tiles<false, 32>)->Apply(sizes);
#endif

}  // namespace

BENCHMARK_MAIN();
