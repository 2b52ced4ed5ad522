// bench/kernels/scan_pq4.cpp: the 4-bit scan kernels, in cache and from memory, 1 to 4 queries a pass.
// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>
#include <lutra/core/aligned.hpp>
#include <lutra/core/random.hpp>
#include <lutra/encodings/pq4fs/kernel_lane.hpp>
#include <lutra/encodings/pq4fs/kernel_quad.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace {

using namespace lutra;

struct Scalar {
    using Layout = LaneLayout;
};
template <std::size_t Q>
void scan_pq4(Scalar, const Pq4Blocks& blocks, const std::array<Pq4Query, Q>& queries, std::array<Survivors, Q>& found) {
    lutra::scan_pq4<LaneLayout>(scalar{}, blocks, queries, found);
}

// args: M, vectors. About one vector in a thousand survives.
template <class Kernel, std::size_t Q>
void scan(benchmark::State& st) {
    using Layout = typename Kernel::Layout;
    const std::size_t m = std::size_t(st.range(0)), n_blocks = std::size_t(st.range(1)) / kPq4Block;
    Rng rng(1);
    AlignedVector<std::byte> codes(n_blocks * block_bytes<Layout>(m));
    for (std::byte& b : codes) b = std::byte(rng.next());
    AlignedVector<std::uint8_t> luts(Q * m * 16);
    for (std::uint8_t& entry : luts) entry = std::uint8_t(rng.next() % 128);
    std::vector<std::uint32_t> memory(2 * Q * 1024);
    std::array<Pq4Query, Q> queries;
    std::array<Survivors, Q> found;
    const auto limit = std::uint32_t(double(m) * 63.5 - 3.1 * 37 * std::sqrt(double(m)));
    for (std::size_t q = 0; q < Q; ++q) {
        queries[q] = {luts.data() + q * m * 16, limit};
        found[q] = {memory.data() + 2 * q * 1024, memory.data() + (2 * q + 1) * 1024, 0};
    }
    std::size_t survivors = 0, passes = 0;
    for (auto _ : st) {
        for (std::size_t b = 0; b < n_blocks; b += 32, ++passes) {
            scan_pq4(Kernel{}, Pq4Blocks{codes.data() + b * block_bytes<Layout>(m), std::min<std::size_t>(32, n_blocks - b), m},
                     queries, found);
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

void sizes(benchmark::internal::Benchmark* b) { b->ArgsProduct({{64, 128}, {2048, 1 << 20}}); }
void small(benchmark::internal::Benchmark* b) { b->ArgsProduct({{64}, {2048}}); }

BENCHMARK(scan<Scalar, 1>)->Apply(small);
#if LUTRA_HAS_LOOKUP16
BENCHMARK(scan<LaneKernel<Bytes128>, 1>)->Apply(sizes);
#if defined(__AVX2__)
BENCHMARK(scan<LaneKernel<Bytes256>, 1>)->Apply(sizes);
BENCHMARK(scan<LaneKernel<Bytes256>, 2>)->Apply(sizes);
BENCHMARK(scan<LaneKernel<Bytes256>, 4>)->Apply(sizes);
#endif
#if defined(__AVX512BW__)
BENCHMARK(scan<LaneKernel<Bytes512>, 1>)->Apply(sizes);
BENCHMARK(scan<LaneKernel<Bytes512>, 2>)->Apply(sizes);
BENCHMARK(scan<LaneKernel<Bytes512>, 4>)->Apply(sizes);
#endif
#if defined(__AVX512VBMI__) && defined(__AVX512VNNI__)
BENCHMARK(scan<QuadKernel, 1>)->Apply(sizes);
BENCHMARK(scan<QuadKernel, 2>)->Apply(sizes);
BENCHMARK(scan<QuadKernel, 3>)->Apply(sizes);
BENCHMARK(scan<QuadKernel, 4>)->Apply(sizes);
#endif
#endif

}  // namespace

BENCHMARK_MAIN();
