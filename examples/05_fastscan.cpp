// 05_fastscan.cpp: what "PQ4x4fs" does, stage by stage, on vectors small enough to print.  SPDX-License-Identifier: MIT
#include <cmath>
#include <cstdio>
#include <lutra/lutra.hpp>

int main() {
    constexpr std::size_t d = 8, m_all = 4, n = 1000;  // four slices of two columns
    const std::vector<float> x = lutra::Rng(1).normal(n * d), q = lutra::Rng(2).normal(d);

    // 1. Train: k-means finds 16 centroids for each slice.
    lutra::Pq4FastScan encoding(d, m_all);
    if (!encoding.train({x.data(), n, d}, {})) return 1;
    const lutra::Pq4Codebook& codebook = encoding.codebook();

    // 2. Encode: a vector becomes the numbers of its nearest centroids, 4 bits each: 2 bytes instead of 32.
    std::vector<std::byte> block(encoding.block_bytes());
    std::vector<const float*> rows;
    for (std::size_t i = 0; i < 32; ++i) rows.push_back(x.data() + i * d);
    encoding.encode(rows, nullptr, block.data(), 0);
    std::vector<float> decoded(d);
    encoding.decode(block.data(), 0, nullptr, decoded.data());
    std::printf("slice      of vector 0      its centroid\n");
    for (std::size_t m = 0; m < m_all; ++m)
        std::printf("%3zu     (%5.2f, %5.2f)   (%5.2f, %5.2f)\n", m, double(x[2 * m]), double(x[2 * m + 1]), double(decoded[2 * m]),
                    double(decoded[2 * m + 1]));

    // 3. Look-up tables: what each of the 16 codes adds to the squared distance, in a byte. Both fit one register.
    lutra::Arena arena;
    const lutra::Pq4Lut lut = lutra::make_lut(codebook, lutra::Metric::l2, q.data(), m_all, arena);
    std::printf("\nlook-up table of slice 0, in steps of %.4f:", double(lut.step));
    for (std::size_t c = 0; c < 16; ++c) std::printf(" %d", lut.lut[c]);

    // 4. Scan: for 32 vectors at once, look up and add; the sums are distances in steps.
    std::printf("\n\nvector   look-ups and their sum       bias + step * sum   distance of the decoded vector\n");
    double worst = 0;
    for (std::size_t v = 0; v < 32; ++v) {
        encoding.decode(block.data(), v, nullptr, decoded.data());
        std::uint32_t sum = 0;
        if (v < 4) std::printf("%4zu   ", v);
        for (std::size_t m = 0; m < m_all; ++m) {
            std::size_t code = 0;  // the one whose centroid stands in the decoded vector
            while (decoded[2 * m] != codebook.centroid(m, code)[0] || decoded[2 * m + 1] != codebook.centroid(m, code)[1]) ++code;
            sum += lut.lut[m * 16 + code];
            if (v < 4) std::printf(" %3d%s", lut.lut[m * 16 + code], m + 1 < m_all ? " +" : "");
        }
        const double exact = lutra::score_row(lutra::Metric::l2, q.data(), decoded.data(), d);
        if (v < 4) std::printf(" = %4u   %12.3f   %18.3f\n", sum, double(lut.score(sum)), exact);
        worst = std::max(worst, std::fabs(double(lut.score(sum)) - exact));
    }
    std::printf("\nlargest error of 32: %.4f; the bound, M * step / 2: %.4f\n", worst, m_all * double(lut.step) / 2);
    return worst <= m_all * double(lut.step) / 2 + 1e-4 ? 0 : 1;
}
