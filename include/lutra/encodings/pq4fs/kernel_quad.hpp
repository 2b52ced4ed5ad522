// lutra/encodings/pq4fs/kernel_quad.hpp: scans the quad layout with AVX-512 VBMI and VNNI.  SPDX-License-Identifier: MIT
//
// Per 64 bytes of codes (four sub-quantizers of 32 vectors): two vpternlogd make indexes code | s << 4, and for each query
// two vpermb look up in its four tables; per two such runs, two vpaddb join them and two vpdpbusd add the four bytes of each
// vector to its 32-bit sum. (With a vpdpbusd for every vpermb, the port they share is the bound: 1.4 times slower on Zen 4.)
#pragma once
#include <lutra/encodings/pq4fs/kernel.hpp>

#if defined(__AVX512VBMI__) && defined(__AVX512VNNI__) && !defined(LUTRA_SCALAR_ONLY)
#include <immintrin.h>

namespace lutra::inline LUTRA_ABI_TAG {

struct QuadKernel {
    using Layout = QuadLayout;
};

namespace detail {

// Byte i of the result: table[index[i]], 64 entries. The masked form, all lanes: g++ 12 warns inside its header of the plain one.
inline __m512i lookup64(__m512i table, __m512i index) { return _mm512_maskz_permutexvar_epi8(~__mmask64{0}, index, table); }

// A load that stays one: without the barrier g++ 12 loads codes again for each of their uses (7% slower on Zen 4).
inline __m512i load_once(const void* p) {
    __m512i x = _mm512_loadu_si512(p);
#if defined(__GNUC__)
    asm("" : "+v"(x));
#endif
    return x;
}

// Table indexes of 64 code bytes: nibble | s << 4, for the low nibbles and the high ones.
struct QuadIndexes {
    __m512i low, high;

    explicit QuadIndexes(const std::byte* codes) {
        const __m512i nibble = _mm512_set1_epi8(15), tables = _mm512_set1_epi32(0x30201000), both = load_once(codes);
        constexpr int kAndOr = 0xea;  // (codes & nibble) | tables
        low = _mm512_ternarylogic_epi32(both, nibble, tables, kAndOr);
        high = _mm512_ternarylogic_epi32(_mm512_srli_epi16(both, 4), nibble, tables, kAndOr);
    }
};

// Adds the four bytes of each number to its sum.
inline __m512i add_quads(__m512i sums, __m512i bytes) { return _mm512_dpbusd_epi32(sums, bytes, _mm512_set1_epi8(1)); }

// Sixteen 16-bit numbers as 32-bit ones.
inline __m512i widen16(const std::byte* p) {
    return _mm512_maskz_cvtepu16_epi32(__mmask16{0xffff}, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

// Packs in the register and stores all of it: the instruction that packs to memory is slow on Zen 4.
inline void keep_below(__m512i sums, __m512i limit, __m512i offsets, Survivors& found) {
    const __mmask16 below = _mm512_cmplt_epu32_mask(sums, limit);
    if (below == 0) return;
    _mm512_storeu_si512(found.sums + found.n, _mm512_maskz_compress_epi32(below, sums));
    _mm512_storeu_si512(found.offsets + found.n, _mm512_maskz_compress_epi32(below, offsets));
    found.n += std::size_t(__builtin_popcount(below));
}

// The survivors of block b: low has the sums of its first sixteen vectors, high those of the others.
inline void keep_block(std::size_t b, __m512i low, __m512i high, std::uint32_t limit, Survivors& found) {
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i first = _mm512_add_epi32(_mm512_set1_epi32(int(b * kPq4Block)), lanes);
    const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(16)), limits = _mm512_set1_epi32(int(limit));
    keep_below(low, limits, first, found);
    keep_below(high, limits, second, found);
}

}  // namespace detail

template <bool Terms = false, std::size_t Q>
void scan_pq4(QuadKernel, const Pq4Blocks& blocks, const std::array<Pq4Query, Q>& queries, std::array<Survivors, Q>& found) {
    for (Survivors& f : found) f.n = 0;
    for (std::size_t b = 0; b < blocks.n_blocks; ++b) {
        const std::byte* codes = blocks.block<Terms>(b);
        __m512i low[Q], high[Q];
        LUTRA_UNROLL for (std::size_t q = 0; q < Q; ++q) low[q] = high[q] = _mm512_setzero_si512();
        std::size_t m = 0;
        for (; m + 8 <= blocks.m; m += 8) {
            const detail::QuadIndexes a(codes + m * 16), c(codes + m * 16 + 64);
            LUTRA_UNROLL for (std::size_t q = 0; q < Q; ++q) {
                const __m512i ta = _mm512_loadu_si512(queries[q].lut + m * 16),
                              tc = _mm512_loadu_si512(queries[q].lut + m * 16 + 64);
                low[q] = detail::add_quads(low[q], _mm512_add_epi8(detail::lookup64(ta, a.low), detail::lookup64(tc, c.low)));
                high[q] = detail::add_quads(high[q], _mm512_add_epi8(detail::lookup64(ta, a.high), detail::lookup64(tc, c.high)));
            }
        }
        if (m < blocks.m) {
            const detail::QuadIndexes a(codes + m * 16);
            LUTRA_UNROLL for (std::size_t q = 0; q < Q; ++q) {
                const __m512i ta = _mm512_loadu_si512(queries[q].lut + m * 16);
                low[q] = detail::add_quads(low[q], detail::lookup64(ta, a.low));
                high[q] = detail::add_quads(high[q], detail::lookup64(ta, a.high));
            }
        }
        if constexpr (Terms) {  // last: the line of terms behind the codes has arrived by then
            const __m512i first = detail::widen16(blocks.terms(codes)), second = detail::widen16(blocks.terms(codes) + 32);
            LUTRA_UNROLL for (std::size_t q = 0; q < Q; ++q) {
                const __m512i factor = _mm512_set1_epi32(queries[q].factor);
                low[q] = _mm512_add_epi32(low[q], _mm512_mulhi_epu16(first, factor));
                high[q] = _mm512_add_epi32(high[q], _mm512_mulhi_epu16(second, factor));
            }
        }
        LUTRA_UNROLL for (std::size_t q = 0; q < Q; ++q) detail::keep_block(b, low[q], high[q], queries[q].limit, found[q]);
    }
}

}  // namespace lutra::inline LUTRA_ABI_TAG
#endif
