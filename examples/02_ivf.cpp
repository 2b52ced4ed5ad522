// 02_ivf.cpp: inverted lists: a search visits few of many lists and finds nearly all neighbours in a fraction of the time.
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <lutra/lutra.hpp>

namespace {
// Rows around 200 centres, as real features are: [n, d].
std::vector<float> rows(std::size_t n, std::size_t d, std::uint32_t seed) {
    lutra::Rng centres(7), rng(seed);
    const std::vector<float> centre = centres.normal(200 * d);
    std::vector<float> x(n * d);
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t c = rng.below(200);
        for (std::size_t t = 0; t < d; ++t) x[i * d + t] = centre[c * d + t] + 0.5F * rng.normal();
    }
    return x;
}
}  // namespace

int main() {
    constexpr std::size_t n = 20000, d = 32, nq = 200, k = 10;
    const std::vector<float> base = rows(n, d, 1), queries = rows(nq, d, 2);
    const lutra::MatrixView x{base.data(), n, d}, q{queries.data(), nq, d};

    lutra::Index exact = lutra::index_factory(d, "Flat").value();
    lutra::Index index = lutra::index_factory(d, "IVF256,Flat").value();
    if (!exact.add(x) || !index.train(x) || !index.add(x)) return 1;  // train() finds the 256 centroids

    const lutra::Hits truth = lutra::search(exact, q, k).value();
    double recall = 0;
    for (const std::size_t nprobe : {1U, 4U, 16U, 256U}) {
        const lutra::Hits hits = lutra::search(index, q, k, {.nprobe = nprobe}).value();
        std::size_t found = 0;
        for (std::size_t i = 0; i < nq * k; ++i)
            for (std::size_t j = i / k * k; j < i / k * k + k; ++j) found += hits.ids[i] == truth.ids[j];
        recall = double(found) / double(nq * k);
        std::printf("nprobe %3zu of 256 lists: recall@10 = %.3f\n", nprobe, recall);
    }
    return recall == 1 ? 0 : 1;  // all lists: exactly what Flat finds
}
