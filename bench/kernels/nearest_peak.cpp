// bench/kernels/nearest_peak.cpp: the fused nearest-centroid kernel beside the core's peak of multiply-adds and beside what it
// replaces (OpenBLAS sgemm into a matrix of distances, then a scan), in alternation, one thread.  SPDX-License-Identifier: MIT
#include "support/measure.hpp"
#include "support/peaks.hpp"

#include <cstdio>
#include <limits>
#include <lutra/core/random.hpp>
#include <lutra/kernels/nearest.hpp>
#if defined(LUTRA_BENCH_OPENBLAS)
#include <cblas.h>
extern "C" void openblas_set_num_threads(int);
#endif

#if defined(LUTRA_SCALAR_ONLY)
int main() { std::puts("nearest_peak: nothing to measure in a scalar build"); }
#else
namespace {

using namespace lutra;
using namespace lutra_bench;

constexpr std::size_t kPoints = 65536, kCentroids = 1024;

struct Job {
    explicit Job(std::size_t dim) : d(dim), ids(kPoints), scores(kPoints), terms(kCentroids) {
        Rng rng(1);
        x = rng.normal(kPoints * d), c = rng.normal(kCentroids * d);
        centroids = Centroids(Metric::l2, {c.begin(), c.end()}, kCentroids, d);
        squared_norms(c.data(), kCentroids, d, terms.data());
    }
    double flops() const { return 2.0 * double(kPoints * kCentroids * d); }
    void fused() { nearest(best{}, {x.data(), kPoints, d}, centroids.view(), arena, ids.data(), scores.data()); }
    void peak() const { multiply_add<best>(std::size_t(flops() / kFlopsPerRound<best>)); }
#if defined(LUTRA_BENCH_OPENBLAS)
    void blas() {
        constexpr std::size_t kBlock = 4096;
        products.resize(kBlock * kCentroids);
        for (std::size_t i = 0; i < kPoints; i += kBlock) {
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, int(kBlock), int(kCentroids), int(d), -2.F, x.data() + i * d,
                        int(d), c.data(), int(d), 0.F, products.data(), int(kCentroids));
            for (std::size_t p = 0; p < kBlock; ++p) scan(products.data() + p * kCentroids, i + p);
        }
    }
    void scan(const float* row, std::size_t i) {
        scores[i] = std::numeric_limits<float>::max();
        for (std::size_t j = 0; j < kCentroids; ++j)
            if (const float s = row[j] + terms[j]; s < scores[i]) scores[i] = s, ids[i] = std::int32_t(j);
    }
    std::vector<float> products;
#endif

    std::size_t d;
    std::vector<float> x, c;
    std::vector<std::int32_t> ids;
    std::vector<float> scores, terms;
    Centroids centroids;
    Arena arena;
};

void run(std::size_t d) {
    Job job(d);
    std::vector<std::function<void()>> contestants = {[&] { job.peak(); }, [&] { job.fused(); }};
#if defined(LUTRA_BENCH_OPENBLAS)
    contestants.emplace_back([&] { job.blas(); });
#endif
    const std::vector<double> s = alternate(5, contestants);
    std::printf("d = %zu: peak %.1f GFLOP/s; fused nearest %.1f: %.2f of peak", d, job.flops() / s[0] / 1e9,
                job.flops() / s[1] / 1e9, s[0] / s[1]);
    if (s.size() > 2) std::printf("; OpenBLAS sgemm + scan %.1f: fused is %.2fx", job.flops() / s[2] / 1e9, s[2] / s[1]);
    std::puts("");
}

}  // namespace

int main() {
#if defined(LUTRA_BENCH_OPENBLAS)
    openblas_set_num_threads(1);
    std::printf("OpenBLAS: %s\n", openblas_get_config());
#endif
    std::printf("n = %zu, k = %zu, one thread, %.*s\n", kPoints, kCentroids, int(isa_name().size()), isa_name().data());
    for (const std::size_t d : {128, 256}) run(d);
}
#endif
