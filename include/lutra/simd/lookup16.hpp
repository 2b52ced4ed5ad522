// lutra/simd/lookup16.hpp: sixteen-entry look-ups of bytes, and sums of them, for one width of registers each.
// SPDX-License-Identifier: MIT
//
// A register has kParts parts of 16 bytes; lookup(table, index) looks byte i of `index` (0 .. 15) up in the 16 entries of
// the same part of `table`. The rest is what adding bytes as 16-bit numbers needs.
#pragma once
#include <lutra/simd/arch.hpp>

#include <cstddef>
#include <cstdint>

#if !defined(LUTRA_SCALAR_ONLY)
#if defined(__SSSE3__)
#include <immintrin.h>
#define LUTRA_HAS_LOOKUP16 1
#elif defined(__aarch64__)
#include <arm_neon.h>
#define LUTRA_HAS_LOOKUP16 1
#endif
#endif
#if !defined(LUTRA_HAS_LOOKUP16)
#define LUTRA_HAS_LOOKUP16 0
#endif

#if LUTRA_HAS_LOOKUP16
namespace lutra::inline LUTRA_ABI_TAG {

#if defined(__SSSE3__)
/// SSSE3.
struct Bytes128 {
    using Register = __m128i;
    static constexpr std::size_t kParts = 1;

    static Register zero() { return _mm_setzero_si128(); }
    static Register load(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
    static Register low_nibbles(Register x) { return _mm_and_si128(x, _mm_set1_epi8(15)); }
    static Register high_nibbles(Register x) { return low_nibbles(_mm_srli_epi16(x, 4)); }
    static Register lookup(Register table, Register index) { return _mm_shuffle_epi8(table, index); }
    static Register add8(Register a, Register b) { return _mm_add_epi8(a, b); }
    static Register add16(Register a, Register b) { return _mm_add_epi16(a, b); }
    static Register odd_bytes(Register x) { return _mm_srli_epi16(x, 8); }  ///< as 16-bit numbers
    /// all - 256 * odd: what is left of sums of 16-bit numbers without their odd bytes.
    static Register without(Register all, Register odd) { return _mm_sub_epi16(all, _mm_slli_epi16(odd, 8)); }
    /// The sum of all parts, eight 16-bit numbers.
    static void store_fold(Register x, std::uint16_t* to) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), x); }
};

/// sums[i] += terms[i] * factor / 65536, cut off, for 32 sums; `terms` are 16-bit numbers, anywhere. In registers of 128 bits, as
/// sums were stored: a wider load would wait for two stores.
inline void add_scaled(const std::byte* terms, std::uint16_t factor, std::uint16_t* sums) {
    const __m128i factors = _mm_set1_epi16(short(factor));
    for (std::size_t i = 0; i < 4; ++i) {
        auto* const to = reinterpret_cast<__m128i*>(sums + 8 * i);
        const __m128i term = _mm_loadu_si128(reinterpret_cast<const __m128i*>(terms + 16 * i));
        _mm_storeu_si128(to, _mm_add_epi16(_mm_loadu_si128(to), _mm_mulhi_epu16(term, factors)));
    }
}

/// Bit i: sums[i] <= most, for 32 sums.
inline std::uint32_t mask_at_most(const std::uint16_t* sums, std::uint16_t most) {
    const __m128i limit = _mm_set1_epi16(short(most));
    const auto fits = [&](std::size_t i) {
        const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(sums + 8 * i));
        return _mm_cmpeq_epi16(_mm_subs_epu16(x, limit), _mm_setzero_si128());
    };
    const auto low = std::uint32_t(_mm_movemask_epi8(_mm_packs_epi16(fits(0), fits(1))));
    return low | std::uint32_t(_mm_movemask_epi8(_mm_packs_epi16(fits(2), fits(3)))) << 16;
}
#else
/// NEON.
struct Bytes128 {
    using Register = uint8x16_t;
    static constexpr std::size_t kParts = 1;

    static Register zero() { return vdupq_n_u8(0); }
    static Register load(const void* p) { return vld1q_u8(static_cast<const std::uint8_t*>(p)); }
    static Register low_nibbles(Register x) { return vandq_u8(x, vdupq_n_u8(15)); }
    static Register high_nibbles(Register x) { return vshrq_n_u8(x, 4); }
    static Register lookup(Register table, Register index) { return vqtbl1q_u8(table, index); }
    static Register add8(Register a, Register b) { return vaddq_u8(a, b); }
    static Register add16(Register a, Register b) {
        return vreinterpretq_u8_u16(vaddq_u16(vreinterpretq_u16_u8(a), vreinterpretq_u16_u8(b)));
    }
    static Register odd_bytes(Register x) { return vreinterpretq_u8_u16(vshrq_n_u16(vreinterpretq_u16_u8(x), 8)); }
    static Register without(Register all, Register odd) {
        return vreinterpretq_u8_u16(vsubq_u16(vreinterpretq_u16_u8(all), vshlq_n_u16(vreinterpretq_u16_u8(odd), 8)));
    }
    static void store_fold(Register x, std::uint16_t* to) { vst1q_u16(to, vreinterpretq_u16_u8(x)); }
};

inline void add_scaled(const std::byte* terms, std::uint16_t factor, std::uint16_t* sums) {
    const uint16x4_t factors = vdup_n_u16(factor);
    for (std::size_t i = 0; i < 4; ++i) {
        const uint16x8_t term = vreinterpretq_u16_u8(vld1q_u8(reinterpret_cast<const std::uint8_t*>(terms + 16 * i)));
        const uint16x4_t low = vshrn_n_u32(vmull_u16(vget_low_u16(term), factors), 16),
                         high = vshrn_n_u32(vmull_u16(vget_high_u16(term), factors), 16);
        vst1q_u16(sums + 8 * i, vaddq_u16(vld1q_u16(sums + 8 * i), vcombine_u16(low, high)));
    }
}

inline std::uint32_t mask_at_most(const std::uint16_t* sums, std::uint16_t most) {
    const uint8x8_t weights = {1, 2, 4, 8, 16, 32, 64, 128};
    std::uint32_t mask = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        const uint8x8_t fits = vmovn_u16(vcleq_u16(vld1q_u16(sums + 8 * i), vdupq_n_u16(most)));
        mask |= std::uint32_t(vaddv_u8(vand_u8(fits, weights))) << (8 * i);
    }
    return mask;
}
#endif

#if defined(__AVX2__)
struct Bytes256 {
    using Register = __m256i;
    static constexpr std::size_t kParts = 2;

    static Register zero() { return _mm256_setzero_si256(); }
    static Register load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
    static Register low_nibbles(Register x) { return _mm256_and_si256(x, _mm256_set1_epi8(15)); }
    static Register high_nibbles(Register x) { return low_nibbles(_mm256_srli_epi16(x, 4)); }
    static Register lookup(Register table, Register index) { return _mm256_shuffle_epi8(table, index); }
    static Register add8(Register a, Register b) { return _mm256_add_epi8(a, b); }
    static Register add16(Register a, Register b) { return _mm256_add_epi16(a, b); }
    static Register odd_bytes(Register x) { return _mm256_srli_epi16(x, 8); }
    static Register without(Register all, Register odd) { return _mm256_sub_epi16(all, _mm256_slli_epi16(odd, 8)); }
    static void store_fold(Register x, std::uint16_t* to) {
        Bytes128::store_fold(_mm_add_epi16(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1)), to);
    }
};
#endif

#if defined(__AVX512BW__)
struct Bytes512 {
    using Register = __m512i;
    static constexpr std::size_t kParts = 4;

    static Register zero() { return _mm512_setzero_si512(); }
    static Register load(const void* p) { return _mm512_loadu_si512(p); }
    static Register low_nibbles(Register x) { return _mm512_and_si512(x, _mm512_set1_epi8(15)); }
    static Register high_nibbles(Register x) { return low_nibbles(_mm512_srli_epi16(x, 4)); }
    static Register lookup(Register table, Register index) { return _mm512_shuffle_epi8(table, index); }
    static Register add8(Register a, Register b) { return _mm512_add_epi8(a, b); }
    static Register add16(Register a, Register b) { return _mm512_add_epi16(a, b); }
    static Register odd_bytes(Register x) { return _mm512_srli_epi16(x, 8); }
    static Register without(Register all, Register odd) { return _mm512_sub_epi16(all, _mm512_slli_epi16(odd, 8)); }
    // Through memory: g++ 12 warns inside its own header about every way to split a register of 512 bits.
    static void store_fold(Register x, std::uint16_t* to) {
        alignas(64) std::uint16_t parts[32];
        _mm512_store_si512(parts, x);
        Bytes256::store_fold(_mm256_add_epi16(Bytes256::load(parts), Bytes256::load(parts + 16)), to);
    }
};
#endif

}  // namespace lutra::inline LUTRA_ABI_TAG
#endif
