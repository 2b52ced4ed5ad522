// lutra/encodings/pq4fs/kernel.hpp: scans blocks of 4-bit codes for the vectors whose sum of table look-ups is below a limit.
// SPDX-License-Identifier: MIT
//
// The scalar definition, for either layout, is below; kernel_lane.hpp and kernel_quad.hpp have the fast kernels. All give the same
// sums bit for bit. The fast ones add the bytes of sub-quantizers m and m + 4 of every eight as bytes, which halves the work of
// widening them, so no two LUT entries of such a pair may add up to more than 255 (lut.hpp guarantees it).
//
// With Terms, each block has 32 numbers of 16 bits behind its codes, one for each vector (residual_terms.hpp), and each query has a
// factor: the upper 16 bits of their product, below 2^15, are added to the sum.
#pragma once
#include <lutra/encodings/pq4fs/layout.hpp>
#include <lutra/simd/arch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace lutra::inline LUTRA_ABI_TAG {

/// The vectors a scan lets through, in rising order: sums[i] belongs to the vector at offsets[i], counted from the first block.
struct Survivors {
    std::uint32_t* sums = nullptr;     // room for 32 per block scanned
    std::uint32_t* offsets = nullptr;  // the same
    std::size_t n = 0;
};

/// The blocks to scan: n_blocks blocks of `m` sub-quantizers, already padded<Layout>().
struct Pq4Blocks {
    const std::byte* codes = nullptr;
    std::size_t n_blocks = 0, m = 0;

    template <bool Terms>
    const std::byte* block(std::size_t b) const {
        return codes + b * (m * 16 + (Terms ? kPq4TermBytes : 0));
    }
    const std::byte* terms(const std::byte* block) const { return block + m * 16; }
};

/// The partner of sub-quantizer m: their look-ups are added as bytes. A partner past the last sub-quantizer adds nothing.
constexpr std::size_t pq4_partner(std::size_t m) { return m % 8 < 4 ? m + 4 : m - 4; }

/// A query: lut [m, 16], entries of partners together at most 255; limit: sums below it survive; factor of the terms, at most 2^15.
struct Pq4Query {
    const std::uint8_t* lut = nullptr;
    std::uint32_t limit = 0;
    std::uint16_t factor = 0;
};

// found[q] = the vectors of the blocks whose sum for query q is below its limit.
template <class Layout, bool Terms = false, std::size_t Q>
void scan_pq4(scalar, const Pq4Blocks& blocks, const std::array<Pq4Query, Q>& queries, std::array<Survivors, Q>& found) {
    for (std::size_t q = 0; q < Q; ++q) {
        found[q].n = 0;
        for (std::size_t v = 0; v < blocks.n_blocks * kPq4Block; ++v) {
            const std::byte* block = blocks.block<Terms>(v / kPq4Block);
            std::uint32_t sum = 0;
            if constexpr (Terms) sum = get_term(blocks.terms(block), v % kPq4Block) * queries[q].factor >> 16;
            for (std::size_t m = 0; m < blocks.m; ++m) sum += queries[q].lut[m * 16 + get_code<Layout>(block, m, v % kPq4Block)];
            if (sum >= queries[q].limit) continue;
            found[q].sums[found[q].n] = sum, found[q].offsets[found[q].n++] = std::uint32_t(v);
        }
    }
}

}  // namespace lutra::inline LUTRA_ABI_TAG
