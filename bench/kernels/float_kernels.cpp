// bench/kernels/float_kernels.cpp: every kernel on floats, its scalar twin, and the core's limits, in one run.
// SPDX-License-Identifier: MIT
#include "support/peak_cases.hpp"

#include <algorithm>
#include <lutra/core/random.hpp>
#include <lutra/core/workspace.hpp>
#include <lutra/kernels/distance.hpp>
#include <lutra/kernels/nearest.hpp>
#include <lutra/kernels/normalize.hpp>
#include <lutra/kernels/query_tile.hpp>
#include <vector>

namespace {

using namespace lutra;

AlignedVector<float> random_rows(std::size_t n, std::size_t d) {
    Rng rng(1);
    AlignedVector<float> x(n * d);
    for (float& v : x) v = rng.uniform() - 0.5F;
    return x;
}

// args: rows, d. A list that stays in the L2 cache, and one that does not stay in any.
void rows_and_d(benchmark::internal::Benchmark* b) {
    b->ArgsProduct({{256}, {24, 128, 256, 768}});
    b->Args({1 << 20, 128});
}

template <class Arch, Metric metric>
void one_query(benchmark::State& st) {
    const auto n = std::size_t(st.range(0)), d = std::size_t(st.range(1));
    const AlignedVector<float> x = random_rows(n, d);
    std::vector<float> scores(64);
    for (auto _ : st)
        for (std::size_t j = 0; j < n; j += 64) {
            if constexpr (metric == Metric::l2)
                l2sqr_rows(Arch{}, x.data(), x.data() + j * d, 64, d, scores.data());
            else
                inner_product_rows(Arch{}, x.data(), x.data() + j * d, 64, d, scores.data());
            benchmark::DoNotOptimize(scores.data());
        }
    st.SetItemsProcessed(st.iterations() * st.range(0));
    count(st, (metric == Metric::l2 ? 3.0 : 2.0) * double(n * d), 4.0 * double(n * d));
}

template <class Arch>
void nearest_centroid(benchmark::State& st) {
    const std::size_t n = 3072, k = std::size_t(st.range(0)), d = std::size_t(st.range(1));
    const AlignedVector<float> x = random_rows(n, d), c = random_rows(k, d);
    std::vector<float> scores(n);
    std::vector<std::int32_t> ids(n);
    Arena arena;
    const Centroids centroids(Metric::l2, {c.begin(), c.end()}, k, d);
    for (auto _ : st) nearest(Arch{}, {x.data(), n, d}, centroids.view(), arena, ids.data(), scores.data());
    st.SetItemsProcessed(st.iterations() * std::int64_t(n));
    count(st, 2.0 * double(n * k * d), 0);
}

// A tile of queries against a list; about one pair in a thousand is visited.
template <class Arch>
void query_tile(benchmark::State& st) {
    const std::size_t nq = std::size_t(st.range(0)), d = std::size_t(st.range(1)), n = 1024;
    const AlignedVector<float> x = random_rows(n, d), q = random_rows(nq + 7, d);
    std::vector<const float*> queries(nq);
    for (std::size_t i = 0; i < nq; ++i) queries[i] = q.data() + (i + 7) * d;
    std::vector<float> scores(n);
    l2sqr_rows(best{}, queries[0], x.data(), n, d, scores.data());
    std::nth_element(scores.begin(), scores.begin() + 1, scores.end());
    const float threshold = scores[1];
    Arena arena;
    std::size_t visited = 0;
    for (auto _ : st) {
        const Arena::Frame frame(arena);
        QueryTile<Arch> tile(arena, Metric::l2, queries, d);
        for (std::size_t i = 0; i < nq; ++i) tile.set_threshold(i, threshold);
        tile.scan(x.data(), n, [&](std::size_t, std::size_t) { return ++visited, threshold; });
    }
    st.counters["visited"] = double(visited) / double(st.iterations()) / double(nq * n);
    st.SetItemsProcessed(st.iterations() * std::int64_t(nq * n));
    count(st, 2.0 * double(nq * n * d), 0);
}

void normalize(benchmark::State& st) {
    const std::size_t n = 256, d = std::size_t(st.range(0));
    const AlignedVector<float> x = random_rows(n, d);
    AlignedVector<float> out(n * d);
    for (auto _ : st) {
        normalize_rows(x.data(), n, d, out.data());
        benchmark::DoNotOptimize(out.data());
    }
    st.SetItemsProcessed(st.iterations() * std::int64_t(n));
    count(st, 3.0 * double(n * d), 8.0 * double(n * d));
}

BENCHMARK(one_query<scalar, Metric::l2>)->Args({256, 128});
BENCHMARK(one_query<scalar, Metric::inner_product>)->Args({256, 128});
BENCHMARK(nearest_centroid<scalar>)->Args({1024, 128});
BENCHMARK(query_tile<scalar>)->Args({48, 128});
BENCHMARK(normalize)->Arg(128)->Arg(256);
#if !defined(LUTRA_SCALAR_ONLY)
BENCHMARK(one_query<best, Metric::l2>)->Apply(rows_and_d);
BENCHMARK(one_query<best, Metric::inner_product>)->Apply(rows_and_d);
BENCHMARK(nearest_centroid<best>)->ArgsProduct({{16, 1024, 8192}, {128, 256}});
BENCHMARK(query_tile<best>)->ArgsProduct({{8, 48, 192}, {128, 256}});
#endif

}  // namespace

BENCHMARK_MAIN();
