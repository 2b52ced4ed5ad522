// lutra/kernels/byte_dots.hpp: inner products of a query and many rows, all in bytes, rows interleaved.
// SPDX-License-Identifier: MIT
//
//   codes [groups, padded / 4, 16, 4]     four columns of each of 16 rows, then the next four
//
// One instruction multiplies four columns of 16 rows by the query's four and adds each row's products to its own 32-bit sum, so
// nothing is summed across lanes. A lone query of words in 1,024 lists (d = 200, Zen 4, medians of four alternations) takes 29.3
// us, 37.0 with each row's bytes together.
#pragma once
#include <lutra/simd/arch.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__AVX2__) && !defined(LUTRA_SCALAR_ONLY)
#include <immintrin.h>
#endif

namespace lutra::inline LUTRA_ABI_TAG {

inline constexpr std::size_t kByteGroup = 16, kByteColumns = 4;

/// The offset of column t of row j; padded is a multiple of kByteColumns.
constexpr std::size_t byte_offset(std::size_t j, std::size_t t, std::size_t padded) {
    return j / kByteGroup * kByteGroup * padded + t / kByteColumns * kByteGroup * kByteColumns + j % kByteGroup * kByteColumns +
           t % kByteColumns;
}

/// Added to a query's codes, which are in -127 .. 127 like the rows', as instructions differ in which factor may be negative. So a
/// kernel's dots exceed those of the definition by this times the sum of the row's codes.
template <class Arch>
inline constexpr std::int32_t kByteBias = 0;

// dots [groups * 16]: query [padded] times each row.
inline void byte_dots(scalar, const std::uint8_t* query, const std::int8_t* codes, std::size_t groups, std::size_t padded,
                      std::int32_t* dots) {
    for (std::size_t j = 0; j < groups * kByteGroup; ++j) {
        dots[j] = 0;
        for (std::size_t t = 0; t < padded; ++t)
            dots[j] += std::int32_t(std::int8_t(query[t])) * std::int32_t(codes[byte_offset(j, t, padded)]);
    }
}

#if defined(__AVX2__) && !defined(LUTRA_SCALAR_ONLY)
/// Tag: |q| times c with the sign of q. Both are at most 127, so that two products fit into 16 bits.
struct Avx2Bytes {};

namespace detail {

// Four columns of eight rows.
inline __m256i byte_products(const std::uint8_t* query, const std::int8_t* codes) {
    std::int32_t four;
    std::memcpy(&four, query, sizeof four);
    const __m256i q = _mm256_set1_epi32(four), c = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes));
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(q), _mm256_sign_epi8(c, q));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

// Eight rows; two sums, for one must wait for the one before it.
inline void byte_dots_of_8(const std::uint8_t* query, const std::int8_t* codes, std::size_t padded, std::int32_t* dots) {
    __m256i even = _mm256_setzero_si256(), odd = _mm256_setzero_si256();
    std::size_t t = 0;
    for (; t + 2 * kByteColumns <= padded; t += 2 * kByteColumns) {
        even = _mm256_add_epi32(even, byte_products(query + t, codes + t * kByteGroup));
        odd = _mm256_add_epi32(odd, byte_products(query + t + kByteColumns, codes + (t + kByteColumns) * kByteGroup));
    }
    if (t < padded) even = _mm256_add_epi32(even, byte_products(query + t, codes + t * kByteGroup));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dots), _mm256_add_epi32(even, odd));
}

}  // namespace detail

inline void byte_dots(Avx2Bytes, const std::uint8_t* query, const std::int8_t* codes, std::size_t groups, std::size_t padded,
                      std::int32_t* dots) {
    for (std::size_t half = 0; half < 2 * groups; ++half)
        detail::byte_dots_of_8(query, codes + half / 2 * kByteGroup * padded + half % 2 * 32, padded, dots + half * 8);
}
#endif

#if defined(__AVX512VNNI__) && defined(__AVX512VBMI__) && !defined(LUTRA_SCALAR_ONLY)  // as LUTRA_ABI_TAG tells builds apart
/// Tag: q is without a sign, c has one.
struct VnniBytes {};
template <>
inline constexpr std::int32_t kByteBias<VnniBytes> = 128;

namespace detail {

// Several groups at once, for a sum must wait for the one before it.
template <std::size_t Groups>
void byte_dots_of_groups(const std::uint8_t* query, const std::int8_t* codes, std::size_t padded, std::int32_t* dots) {
    __m512i sum[Groups];
    LUTRA_UNROLL for (__m512i& s : sum) s = _mm512_setzero_si512();
    for (std::size_t t = 0; t < padded; t += kByteColumns) {
        std::int32_t four;
        std::memcpy(&four, query + t, sizeof four);
        const __m512i q = _mm512_set1_epi32(four);
        LUTRA_UNROLL for (std::size_t g = 0; g < Groups; ++g) sum[g] =
            _mm512_dpbusd_epi32(sum[g], q, _mm512_loadu_si512(codes + g * kByteGroup * padded + t * kByteGroup));
    }
    LUTRA_UNROLL for (std::size_t g = 0; g < Groups; ++g) _mm512_storeu_si512(dots + g * kByteGroup, sum[g]);
}

}  // namespace detail

inline void byte_dots(VnniBytes, const std::uint8_t* query, const std::int8_t* codes, std::size_t groups, std::size_t padded,
                      std::int32_t* dots) {
    constexpr std::size_t kTogether = 4;
    std::size_t g = 0;
    for (; g + kTogether <= groups; g += kTogether)
        detail::byte_dots_of_groups<kTogether>(query, codes + g * kByteGroup * padded, padded, dots + g * kByteGroup);
    for (; g < groups; ++g) detail::byte_dots_of_groups<1>(query, codes + g * kByteGroup * padded, padded, dots + g * kByteGroup);
}
#endif

/// Tag of the fastest one of this build.
#if defined(LUTRA_SCALAR_ONLY)
using BestBytes = scalar;
#elif defined(__AVX512VNNI__) && defined(__AVX512VBMI__)
using BestBytes = VnniBytes;
#elif defined(__AVX2__)
using BestBytes = Avx2Bytes;
#else
using BestBytes = scalar;
#endif

}  // namespace lutra::inline LUTRA_ABI_TAG
