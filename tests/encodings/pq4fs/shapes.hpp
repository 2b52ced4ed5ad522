// tests/encodings/pq4fs/shapes.hpp: the shapes PQ{M}x4fs is tested in, and a trained codebook for each.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/encodings/pq4fs/pq4fs.hpp>

#include <cstddef>
#include <ostream>

#include "support/matrices.hpp"

namespace pq4_test {

struct Shape {
    std::size_t m, dsub;

    std::size_t d() const { return m * dsub; }
};
inline std::ostream& operator<<(std::ostream& out, const Shape& s) { return out << "M = " << s.m << ", d/M = " << s.dsub; }

/// M = 1, M odd, M = d, M around the groups of 2, 4 and 8 that kernels take, M > 256; d/M from 1 to 64.
inline constexpr Shape kShapes[] = {{1, 1},  {1, 64}, {2, 3},  {3, 5},  {4, 16}, {5, 7},  {6, 1},   {7, 2},  {8, 4},
                                    {9, 17}, {12, 2}, {16, 2}, {17, 1}, {33, 3}, {64, 8}, {257, 1}, {300, 2}};

inline lutra::Pq4Codebook trained_codebook(const Shape& s, std::uint32_t seed, float shift = 0, float scale = 1) {
    lutra_test::Matrix x = lutra_test::normal_matrix(200, s.d(), seed);
    for (float& v : x.values) v = v * scale + shift;
    lutra::Pq4Codebook codebook(s.d(), s.m);
    static_cast<void>(lutra::train_codebook(x, codebook, {}));
    return codebook;
}

/// A codebook of these centroids [M, 16, dsub].
inline lutra::Pq4Codebook codebook_of(const Shape& s, const std::vector<float>& centroids) {
    lutra::Pq4Codebook codebook(s.d(), s.m);
    codebook.set({centroids.begin(), centroids.end()});
    return codebook;
}

inline lutra::Pq4FastScan trained_encoding(const Shape& s, std::uint32_t seed) {
    lutra::Pq4FastScan encoding(s.d(), s.m);
    const lutra_test::Matrix x = lutra_test::normal_matrix(200, s.d(), seed);
    static_cast<void>(encoding.train(lutra::Metric::l2, x, x, {}));
    return encoding;
}

/// Codes of all rows, as a list would hold them.
inline std::vector<std::byte> encoded(const lutra::Pq4FastScan& encoding, const lutra_test::Matrix& x,
                                      const float* centroid = nullptr) {
    std::vector<std::byte> codes((x.n + lutra::kPq4Block - 1) / lutra::kPq4Block * encoding.block_bytes());
    std::vector<const float*> rows;
    for (std::size_t i = 0; i < x.n; ++i) rows.push_back(x.row(i));
    encoding.encode(rows, centroid, codes.data(), 0);
    return codes;
}

inline lutra_test::Matrix decoded(const lutra::Pq4FastScan& encoding, const std::vector<std::byte>& codes, std::size_t n,
                                  const float* centroid = nullptr) {
    lutra_test::Matrix x(n, encoding.codebook().dim());
    for (std::size_t i = 0; i < n; ++i)
        encoding.decode(codes.data() + i / lutra::kPq4Block * encoding.block_bytes(), i % lutra::kPq4Block, centroid, x.row(i));
    return x;
}

}  // namespace pq4_test
