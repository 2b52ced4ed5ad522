// lutra/encodings/pq4fs/layout.hpp: the memory layout of a block: 4-bit codes of 32 vectors.  SPDX-License-Identifier: MIT
//
// A byte holds the codes of one sub-quantizer for two vectors: slot v in its low nibble, slot v + 16 in its high one.
//
//   LaneLayout   for byte shuffles (pshufb, vqtbl1q): a run of 16 bytes is one sub-quantizer. These are faiss's bytes.
//
//     byte       0   1   2   3  ..  14  15 | 16 ..  31 | 32 ...
//     m          0   0   0   0  ..   0   0 |  1 ..   1 |  2 ...
//     low  v     0   8   1   9  ..   7  15 |  0 ..  15 |           so that the even bytes are vectors 0 .. 7 and the odd
//     high v    16  24  17  25  ..  23  31 | 16 ..  31 |           ones 8 .. 15 when two bytes are read as one number
//
//   QuadLayout   for AVX-512 VBMI + VNNI (vpermb, vpdpbusd): a run of 64 bytes is four sub-quantizers of every vector
//
//     byte       0   1   2   3 |  4   5   6   7 | ...  60  61  62  63 | 64 ...
//     m          0   1   2   3 |  0   1   2   3 | ...   0   1   2   3 |  4 ...
//     low  v     0   0   0   0 |  1   1   1   1 | ...  15  15  15  15 |
//     high v    16  16  16  16 | 17  17  17  17 | ...  31  31  31  31 |
//
//     One vpermb looks 64 bytes up in four tables of 16 at once (the index is code | s << 4), and one vpdpbusd adds the
//     four sub-quantizers of each vector into its 32-bit number: no widening, no overflow for any M.
//
// Sub-quantizers that fill up a run (M odd, or no multiple of four) have code 0 and a look-up table of zeros.
// Sources of the lane layout: tables in registers, codes grouped by sub-quantizer: Andre, Kermarrec, Le Scouarnec, "Cache locality
// is not enough", VLDB 2015; 4-bit codes for them: Quick ADC, ICMR 2017, and Quicker ADC, IEEE TPAMI 2019, by the same authors; the
// order 0 8 1 9 ... of vectors is faiss's.
#pragma once
#include <lutra/core/aligned.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace lutra::inline LUTRA_ABI_TAG {

/// Vectors per block, in every layout.
inline constexpr std::size_t kPq4Block = 32;

struct LaneLayout {
    static constexpr std::size_t kRun = 2;  ///< M is padded to a multiple of it

    static constexpr std::size_t byte_of(std::size_t m, std::size_t slot) {
        const std::size_t v = slot % 16;
        return m * 16 + (v < 8 ? 2 * v : 2 * (v - 8) + 1);
    }
};

struct QuadLayout {
    static constexpr std::size_t kRun = 4;

    static constexpr std::size_t byte_of(std::size_t m, std::size_t slot) { return m / 4 * 64 + slot % 16 * 4 + m % 4; }
};

/// M rounded up to whole runs.
template <class Layout>
constexpr std::size_t padded(std::size_t m) {
    return round_up(m, Layout::kRun);
}

/// Bytes of one block.
template <class Layout>
constexpr std::size_t block_bytes(std::size_t m) {
    return padded<Layout>(m) * 16;
}

/// Bytes of the terms behind a block's codes (residual_terms.hpp), if there are any: 32 numbers of 16 bits, slot by slot.
inline constexpr std::size_t kPq4TermBytes = kPq4Block * sizeof(std::uint16_t);

inline std::uint32_t get_term(const std::byte* terms, std::size_t slot) {
    std::uint16_t term;
    std::memcpy(&term, terms + slot * sizeof term, sizeof term);
    return term;
}
inline void set_term(std::byte* terms, std::size_t slot, std::uint16_t term) {
    std::memcpy(terms + slot * sizeof term, &term, sizeof term);
}

template <class Layout>
std::uint8_t get_code(const std::byte* block, std::size_t m, std::size_t slot) {
    const auto both = std::uint8_t(block[Layout::byte_of(m, slot)]);
    return slot < 16 ? both & 15 : both >> 4;
}

/// Calls f(m, code) for all m_all codes of one slot.
template <class Layout, class F>
void for_codes(const std::byte* block, std::size_t slot, std::size_t m_all, F&& f) {
    const int shift = slot < 16 ? 0 : 4;
    std::size_t m = 0;
    if constexpr (std::is_same_v<Layout, QuadLayout>)
        for (; m + 4 <= m_all; m += 4) {
            std::uint32_t four;
            std::memcpy(&four, block + Layout::byte_of(m, slot), sizeof four);
            four = (four >> shift) & 0x0f0f0f0f;
            f(m, four & 15), f(m + 1, four >> 8 & 15), f(m + 2, four >> 16 & 15), f(m + 3, four >> 24);
        }
    for (; m < m_all; ++m) f(m, std::uint32_t(block[Layout::byte_of(m, slot)]) >> shift & 15);
}

template <class Layout>
void set_code(std::byte* block, std::size_t m, std::size_t slot, std::uint8_t code) {
    std::byte& both = block[Layout::byte_of(m, slot)];
    both = slot < 16 ? (both & std::byte{0xf0}) | std::byte(code) : (both & std::byte{0x0f}) | std::byte(code << 4);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
