// 05_fastscan.cpp: "PQ4x4fs,RFlat" stage by stage, on vectors small enough to print.  SPDX-License-Identifier: MIT
#include <cmath>
#include <cstdio>
#include <lutra/encodings/pq4fs/pq4fs.hpp>

int main() {
    constexpr std::size_t d = 8, m_all = 4, n = 1000;  // four pieces of two columns
    const std::vector<float> x = lutra::Rng(1).normal(n * d), q = lutra::Rng(2).normal(d);

    // 1. Train: k-means finds 16 centroids for each piece. Encode: 32 vectors become a block, 4 bits for each piece.
    lutra::Pq4FastScan encoding(d, m_all);
    const lutra::MatrixView all{x.data(), n, d};
    if (!encoding.train(lutra::Metric::l2, all, all, {})) return 1;
    std::vector<std::byte> block(lutra::block_bytes<lutra::LaneLayout>(m_all));
    std::vector<const float*> rows;
    for (std::size_t v = 0; v < 32; ++v) rows.push_back(x.data() + v * d);
    lutra::AlignedVector<float> lanes;
    lutra::encode_rows(encoding.codebook(), rows, nullptr, lanes,
                       [&](std::size_t v, std::size_t m, const float* codes, std::size_t count) {
                           for (std::size_t i = 0; i < count; ++i)
                               lutra::set_code<lutra::LaneLayout>(block.data(), m, v + i, std::uint8_t(codes[i]));
                       });
    const auto code = [&](std::size_t m, std::size_t v) { return lutra::get_code<lutra::LaneLayout>(block.data(), m, v); };
    std::printf("piece      of vector 0       its code and centroid\n");
    for (std::size_t m = 0; m < m_all; ++m) {
        const float* centroid = encoding.codebook().centroid(m, code(m, 0));
        std::printf("%3zu     (%5.2f, %5.2f)   %2d = (%5.2f, %5.2f)\n", m, double(x[2 * m]), double(x[2 * m + 1]), code(m, 0),
                    double(centroid[0]), double(centroid[1]));
    }
    std::printf("\npiece 0 of all 32 vectors, two to a byte:");
    for (std::size_t b = 0; b < 16; ++b) std::printf(" %02x", unsigned(block[b]));

    // 2. Look-up tables: what each of the 16 codes of a piece adds to the squared distance, in a byte. A row fits one register.
    lutra::Arena arena;
    const lutra::Pq4Lut lut = lutra::make_lut({encoding.codebook(), lutra::Metric::l2, q.data()}, m_all, arena);
    std::printf("\ntable of piece 0, in steps of %.4f:", double(lut.step));
    for (std::size_t c = 0; c < 16; ++c) std::printf(" %d", lut.lut[c]);

    // 3. Scan: the kernel adds four look-ups for each of 32 vectors, and returns those below the limit: nearer than 12.
    std::uint32_t sums[32], offsets[32];
    std::array<lutra::Survivors, 1> found{{{sums, offsets, 0}}};
    const std::array<lutra::Pq4Query, 1> query{{{lut.lut, lut.limit(12.F)}}};
    lutra::scan_pq4<lutra::LaneLayout>(lutra::scalar{}, {block.data(), 1, m_all}, query, found);

    // 4. Refine: their exact distances decide.
    std::printf("\n\n%zu of 32 survive\nvector   look-ups and their sum        bias + step * sum   decoded     exact\n",
                found[0].n);
    double worst = 0;
    for (std::size_t i = 0; i < found[0].n; ++i) {
        float decoded[d];
        for (std::size_t t = 0; t < d; ++t) decoded[t] = encoding.codebook().centroid(t / 2, code(t / 2, offsets[i]))[t % 2];
        std::printf("%4u   ", offsets[i]);
        for (std::size_t m = 0; m < m_all; ++m) std::printf(" %3d%s", lut.lut[m * 16 + code(m, offsets[i])], m < 3 ? " +" : "");
        const double of_codes = lutra::score_row(lutra::Metric::l2, q.data(), decoded, d), score = lut.score(sums[i]);
        std::printf(" = %4u   %12.3f   %12.3f   %7.3f\n", sums[i], score, of_codes,
                    double(lutra::score_row(lutra::Metric::l2, q.data(), rows[offsets[i]], d)));
        worst = std::max(worst, std::fabs(score - of_codes));
    }
    std::printf("\nlargest error of a sum: %.4f; the bound, M * step / 2: %.4f\n", worst, m_all * double(lut.step) / 2);
    return worst <= m_all * double(lut.step) / 2 + 1e-4 ? 0 : 1;
}
