// tests/support/matrices.hpp: seeded matrices to test with, and the way to files of the repository.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/random.hpp>
#include <lutra/core/types.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lutra_test {

/// Rows of floats that own their memory, [n, d].
struct Matrix {
    std::size_t n = 0, d = 0;
    std::vector<float> values;

    Matrix(std::size_t rows, std::size_t columns) : n(rows), d(columns), values(rows * columns) {}
    lutra::MatrixView view() const { return {values.data(), n, d}; }
    operator lutra::MatrixView() const { return view(); }
    float* row(std::size_t i) { return values.data() + i * d; }
    const float* row(std::size_t i) const { return values.data() + i * d; }
};

/// Independent values, mean 0, variance 1: no structure, the hardest case for an inverted file.
inline Matrix normal_matrix(std::size_t n, std::size_t d, std::uint32_t seed) {
    Matrix m(n, d);
    m.values = lutra::Rng(seed).normal(n * d);
    return m;
}

/// Rows around `clusters` centres, which are about 10 times as far apart as the rows of one cluster: what k-means must find.
/// Row i belongs to cluster i % clusters.
inline Matrix clustered_matrix(std::size_t n, std::size_t d, std::size_t clusters, std::uint32_t seed) {
    lutra::Rng rng(seed);
    const std::vector<float> centres = rng.normal(clusters * d);
    Matrix m(n, d);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < d; ++j) m.row(i)[j] = 10 * centres[i % clusters * d + j] + rng.normal();
    return m;
}

/// A path in the repository: repository_file("tests/data/x.npy").
inline std::string repository_file(std::string_view path) { return std::string(LUTRA_TEST_ROOT "/").append(path); }

}  // namespace lutra_test
