// 06_voice.cpp: a voice changer: frames of 20 ms come in blocks; each frame is blended with its neighbours in an index.
//   06_voice [added.index frames.npy]      without arguments: features made here
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <lutra/embedding/blend.hpp>
#include <lutra/lutra.hpp>
#include <vector>

namespace {
constexpr std::size_t kFrames = 12;  // of a block: 240 ms
constexpr double kFrameMs = 20;

using Clock = std::chrono::steady_clock;

// Made-up features with the statistics of real ones: each frame differs a little from the one before it.
std::vector<float> made_features(std::size_t n, std::size_t d, std::uint32_t seed) {
    lutra::Rng rng(seed);
    std::vector<float> x = rng.normal(n * d);
    for (std::size_t i = d; i < x.size(); ++i) x[i] = 0.9F * x[i - d] + 0.4F * x[i];
    return x;
}

lutra::Index made_index(std::size_t d) {
    const std::vector<float> rows = made_features(5000, d, 1);
    lutra::Index index = lutra::index_factory(d, "IVF128,Flat").value();
    if (!index.train({rows.data(), 5000, d}) || !index.add({rows.data(), 5000, d})) std::puts("not built");
    return index;
}
}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 || argc > 3) return std::puts("usage: 06_voice [added.index frames.npy]"), 2;
    lutra::Result<lutra::Index> index = argc == 3 ? lutra::load_index(argv[1]) : made_index(256);
    if (!index.ok()) return std::puts(index.status().c_str()), 1;
    std::vector<float> frames = made_features(600, index->dim(), 2);
    if (argc == 3) {
        const lutra::Result<lutra::VectorFile> file = lutra::VectorFile::open(argv[2]);
        if (!file.ok()) return std::puts(file.status().c_str()), 1;
        if (file->d() != index->dim()) return std::puts("the index holds vectors of another dimension"), 1;
        frames.resize(file->n() * file->d());
        if (const lutra::Status s = file->read(0, file->n(), frames.data()); !s.ok()) return std::puts(s.c_str()), 1;
    }
    const lutra::MatrixView stream{frames.data(), frames.size() / index->dim(), index->dim()};

    lutra::BlendConfig config;
    config.k = 8, config.rate = 0.75F, config.rows = kFrames;
    auto blender = lutra::Blender<lutra::Index>::make(*index, config);
    if (!blender.ok()) return std::puts(blender.status().c_str()), 1;

    std::vector<float> out(kFrames * stream.d);
    std::vector<double> ms;
    for (std::size_t i = 0; i + kFrames <= stream.n; i += kFrames) {
        const auto start = Clock::now();
        if (const lutra::Status s = (*blender)(stream.rows(i, i + kFrames), out.data()); !s.ok()) return std::puts(s.c_str()), 1;
        ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    }
    if (ms.empty()) return std::puts("fewer frames than a block"), 1;
    std::sort(ms.begin(), ms.end());
    const double budget = kFrames * kFrameMs, median = ms[ms.size() / 2];
    std::printf("%s, %zu vectors, nprobe %zu: %zu blocks of %zu frames\n", describe(*index).c_str(), index->ntotal(),
                index->nprobe(), ms.size(), kFrames);
    std::printf("a block: median %.3f ms, slowest %.3f ms, of the %.0f ms it lasts: %.2f %%\n", median, ms.back(), budget,
                100 * median / budget);
}
