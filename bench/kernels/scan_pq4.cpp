// bench/kernels/scan_pq4.cpp: the 4-bit scan kernels, in cache and from memory, 1 to 4 queries a pass, without and with rows'
// terms; look-up tables and encoding. SPDX-License-Identifier: MIT
#include "support/peak_cases.hpp"

#include <lutra/core/aligned.hpp>
#include <lutra/core/random.hpp>
#include <lutra/encodings/pq4fs/encode.hpp>
#include <lutra/encodings/pq4fs/kernel_lane.hpp>
#include <lutra/encodings/pq4fs/kernel_quad.hpp>
#include <lutra/encodings/pq4fs/lut.hpp>
#include <lutra/encodings/pq4fs/train_codebook.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace {

using namespace lutra;

struct Scalar {
    using Layout = LaneLayout;
};
template <bool Terms, std::size_t Q>
void scan_pq4(Scalar, const Pq4Blocks& blocks, const std::array<Pq4Query, Q>& queries, std::array<Survivors, Q>& found) {
    lutra::scan_pq4<LaneLayout, Terms>(scalar{}, blocks, queries, found);
}

// args: M, vectors. About one vector in a thousand survives.
template <class Kernel, std::size_t Q, bool Terms = false>
void scan(benchmark::State& st) {
    using Layout = typename Kernel::Layout;
    const std::size_t m = std::size_t(st.range(0)), n_blocks = std::size_t(st.range(1)) / kPq4Block;
    Rng rng(1);
    const std::size_t size = block_bytes<Layout>(m) + (Terms ? kPq4TermBytes : 0);
    AlignedVector<std::byte> codes(n_blocks * size);
    for (std::byte& b : codes) b = std::byte(rng.next());
    AlignedVector<std::uint8_t> luts(Q * m * 16);
    for (std::uint8_t& entry : luts) entry = std::uint8_t(rng.next() % 128);
    std::vector<std::uint32_t> memory(2 * Q * 1024);
    std::array<Pq4Query, Q> queries;
    std::array<Survivors, Q> found;
    const auto limit = std::uint32_t(double(m) * 63.5 - 3.1 * 37 * std::sqrt(double(m)));
    for (std::size_t q = 0; q < Q; ++q) {
        queries[q] = {luts.data() + q * m * 16, limit, 1};  // terms of no more than a step: as many survive
        found[q] = {memory.data() + 2 * q * 1024, memory.data() + (2 * q + 1) * 1024, 0};
    }
    std::size_t survivors = 0, passes = 0;
    for (auto _ : st) {
        for (std::size_t b = 0; b < n_blocks; b += 32, ++passes) {
            scan_pq4<Terms>(Kernel{}, Pq4Blocks{codes.data() + b * size, std::min<std::size_t>(32, n_blocks - b), m}, queries,
                            found);
            survivors += found[0].n;
        }
        benchmark::DoNotOptimize(survivors);
    }
    const double vectors = double(st.iterations()) * double(n_blocks * kPq4Block);
    st.counters["lookups/s"] = benchmark::Counter(vectors * double(m * Q), benchmark::Counter::kIsRate);
    st.counters["vectors/s"] = benchmark::Counter(vectors * double(Q), benchmark::Counter::kIsRate);
    st.counters["survive"] = double(survivors) / vectors;
    st.SetBytesProcessed(st.iterations() * std::int64_t(codes.size()));
}

// args: d, M.
Pq4Codebook random_codebook(std::size_t d, std::size_t m) {
    Rng rng(2);
    AlignedVector<float> centroids(d * kPq4Centroids);
    for (float& v : centroids) v = rng.normal();
    Pq4Codebook codebook(d, m);
    codebook.set(std::move(centroids));
    return codebook;
}

void look_up_tables(benchmark::State& st) {
    const std::size_t d = std::size_t(st.range(0)), m = std::size_t(st.range(1));
    const Pq4Codebook codebook = random_codebook(d, m);
    const std::vector<float> q = Rng(3).normal(d);
    Arena arena;
    for (auto _ : st) {
        const Arena::Frame frame(arena);
        benchmark::DoNotOptimize(make_lut({codebook, Metric::l2, q.data()}, m, arena));
    }
    st.SetItemsProcessed(st.iterations());
    count(st, 3.0 * 16 * double(d), 0);
}

void encode(benchmark::State& st) {
    const std::size_t n = 1024, d = std::size_t(st.range(0)), m = std::size_t(st.range(1));
    const Pq4Codebook codebook = random_codebook(d, m);
    const std::vector<float> x = Rng(3).normal(n * d);
    std::vector<const float*> rows(n);
    for (std::size_t i = 0; i < n; ++i) rows[i] = x.data() + i * d;
    std::vector<std::byte> codes(n / kPq4Block * block_bytes<QuadLayout>(m));
    AlignedVector<float> lanes;
    for (auto _ : st)
        encode_rows(codebook, rows, nullptr, lanes, [&](std::size_t i, std::size_t sub, const float* run, std::size_t n_run) {
            for (std::size_t l = 0, v = i; l < n_run; ++l, ++v)
                set_code<QuadLayout>(codes.data() + v / kPq4Block * block_bytes<QuadLayout>(m), sub, v % kPq4Block,
                                     std::uint8_t(run[l]));
        });
    st.SetItemsProcessed(st.iterations() * std::int64_t(n));
    count(st, 3.0 * 16 * double(n * d), 0);
}
BENCHMARK(look_up_tables)->Args({128, 64})->Args({256, 128});
BENCHMARK(encode)->Args({128, 64})->Args({256, 128});

void sizes(benchmark::internal::Benchmark* b) { b->ArgsProduct({{64, 128}, {2048, 1 << 20}}); }
void small(benchmark::internal::Benchmark* b) { b->ArgsProduct({{64}, {2048}}); }

BENCHMARK(scan<Scalar, 1>)->Apply(small);
#if LUTRA_HAS_LOOKUP16
BENCHMARK(scan<LaneKernel<Bytes128>, 1>)->Apply(sizes);
BENCHMARK(scan<LaneKernel<Bytes128>, 1, true>)->Apply(sizes);
#if defined(__AVX2__)
BENCHMARK(scan<LaneKernel<Bytes256>, 1>)->Apply(sizes);
BENCHMARK(scan<LaneKernel<Bytes256>, 2>)->Apply(sizes);
BENCHMARK(scan<LaneKernel<Bytes256>, 4>)->Apply(sizes);
BENCHMARK(scan<LaneKernel<Bytes256>, 1, true>)->Apply(sizes);
BENCHMARK(scan<LaneKernel<Bytes256>, 4, true>)->Apply(sizes);
#endif
#if defined(__AVX512BW__)
BENCHMARK(scan<LaneKernel<Bytes512>, 1>)->Apply(sizes);
BENCHMARK(scan<LaneKernel<Bytes512>, 2>)->Apply(sizes);
BENCHMARK(scan<LaneKernel<Bytes512>, 4>)->Apply(sizes);
BENCHMARK(scan<LaneKernel<Bytes512>, 1, true>)->Apply(sizes);
BENCHMARK(scan<LaneKernel<Bytes512>, 4, true>)->Apply(sizes);
#endif
#if defined(__AVX512VBMI__) && defined(__AVX512VNNI__)
BENCHMARK(scan<QuadKernel, 1>)->Apply(sizes);
BENCHMARK(scan<QuadKernel, 2>)->Apply(sizes);
BENCHMARK(scan<QuadKernel, 3>)->Apply(sizes);
BENCHMARK(scan<QuadKernel, 4>)->Apply(sizes);
BENCHMARK(scan<QuadKernel, 1, true>)->Apply(sizes);
BENCHMARK(scan<QuadKernel, 4, true>)->Apply(sizes);
#endif
#endif

}  // namespace

BENCHMARK_MAIN();
