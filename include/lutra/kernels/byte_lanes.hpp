// lutra/kernels/byte_lanes.hpp: multiply-add of four columns of bytes, one struct for each set of instructions.
// SPDX-License-Identifier: MIT
//
//   kRows                rows of a Sum, one a lane; those of a group (byte_dots.hpp) are 16 / kRows of them
//   kQueries, kGroups    queries and groups whose sums fit into the registers
//   kPays                many queries are faster by bytes than by floats, and kName says by what; false: only what comes from
//                        memory is
//   start(bias)          a Sum of 0, for a query with this bias; add() sums query * code, which is bias more than the definition
//   load(rows)           kRows rows, four columns of each
//   broadcast(query)     four columns of a query
//   add(sum, rows, query), plus(sum, sum), floats(sum), store(sum, out); Arch: of those floats
#pragma once
#include <lutra/simd/arch.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#if defined(__AVX2__) && !defined(LUTRA_SCALAR_ONLY)
#include <immintrin.h>
#elif defined(__aarch64__) && !defined(LUTRA_SCALAR_ONLY)
#include <arm_neon.h>
#endif

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {
#if defined(__AVX2__) && !defined(LUTRA_SCALAR_ONLY)
using Eight = std::conditional_t<simd::Floats<best>::size == 8, best, xsimd::avx2>;
#endif

inline std::int32_t four_columns(const std::int8_t* query) {
    std::int32_t four;
    std::memcpy(&four, query, sizeof four);
    return four;
}
}  // namespace detail

#if defined(__AVX2__) && !defined(LUTRA_SCALAR_ONLY)
/// Products of 16 bits, for pairs of full bytes overflow them.
struct Avx2Bytes {
    static constexpr std::size_t kRows = 8, kQueries = 1, kGroups = 2;
    static constexpr bool kPays = false;
    using Arch = detail::Eight;
    using Sum = __m256i;
    struct Rows {
        __m256i even, odd;  // columns, in 16 bits each
    };
    using Query = Rows;

    static Sum start(std::int32_t bias) { return _mm256_set1_epi32(-bias); }
    static Rows load(const std::uint8_t* rows) {
        const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows));
        return {_mm256_and_si256(x, _mm256_set1_epi16(0xff)), _mm256_srli_epi16(x, 8)};
    }
    static Query broadcast(const std::int8_t* query) {
        const __m256i q = _mm256_set1_epi32(detail::four_columns(query));
        return {_mm256_srai_epi16(_mm256_slli_epi16(q, 8), 8), _mm256_srai_epi16(q, 8)};
    }
    static Sum add(Sum sum, const Rows& x, const Query& q) {
        const __m256i both = _mm256_add_epi32(_mm256_madd_epi16(x.even, q.even), _mm256_madd_epi16(x.odd, q.odd));
        return _mm256_add_epi32(sum, both);
    }
    static Sum plus(Sum a, Sum b) { return _mm256_add_epi32(a, b); }
    static simd::Floats<Arch> floats(Sum sum) { return simd::Floats<Arch>(_mm256_cvtepi32_ps(sum)); }
    static void store(Sum sum, std::int32_t* out) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), sum); }
};
#endif

#if defined(__AVXVNNI__) && defined(__FMA__) && !defined(__AVX512F__) && !defined(LUTRA_SCALAR_ONLY)
struct AvxVnniBytes {
    static constexpr std::string_view kName = "AVX-VNNI";
    static constexpr std::size_t kRows = 8, kQueries = 3, kGroups = 2;
    static constexpr bool kPays = true;
    using Arch = detail::Eight;
    using Sum = __m256i;
    using Rows = __m256i;
    using Query = __m256i;

    static Sum start(std::int32_t bias) { return _mm256_set1_epi32(-bias); }
    static Rows load(const std::uint8_t* rows) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows)); }
    static Query broadcast(const std::int8_t* query) { return _mm256_set1_epi32(detail::four_columns(query)); }
    static Sum add(Sum sum, Rows x, Query q) { return _mm256_dpbusd_avx_epi32(sum, x, q); }
    static Sum plus(Sum a, Sum b) { return _mm256_add_epi32(a, b); }
    static simd::Floats<Arch> floats(Sum sum) { return simd::Floats<Arch>(_mm256_cvtepi32_ps(sum)); }
    static void store(Sum sum, std::int32_t* out) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), sum); }
};
#endif

#if defined(__AVX512VNNI__) && defined(__AVX512BW__) && !defined(LUTRA_SCALAR_ONLY)  // as LUTRA_ABI_TAG tells builds apart
struct VnniBytes {
    static constexpr std::string_view kName = "AVX-512 VNNI";
    static constexpr std::size_t kRows = 16, kQueries = 6, kGroups = 2;
    static constexpr bool kPays = true;
    using Arch = best;
    using Sum = __m512i;
    using Rows = __m512i;
    using Query = __m512i;

    static Sum start(std::int32_t bias) { return _mm512_set1_epi32(-bias); }
    static Rows load(const std::uint8_t* rows) { return _mm512_loadu_si512(rows); }
    static Query broadcast(const std::int8_t* query) { return _mm512_set1_epi32(detail::four_columns(query)); }
    static Sum add(Sum sum, Rows x, Query q) { return _mm512_dpbusd_epi32(sum, x, q); }
    static Sum plus(Sum a, Sum b) { return _mm512_add_epi32(a, b); }
    // Masked: g++ 12 warns of what the other leaves undefined (gcc bug 105593).
    static simd::Floats<Arch> floats(Sum sum) { return simd::Floats<Arch>(_mm512_maskz_cvtepi32_ps(__mmask16(0xffff), sum)); }
    static void store(Sum sum, std::int32_t* out) { _mm512_storeu_si512(out, sum); }
};
#endif

#if defined(__aarch64__) && !defined(LUTRA_SCALAR_ONLY)
/// Rows less their zero, as products have a sign in both factors.
struct NeonBytes {
    static constexpr std::size_t kRows = 4, kQueries = 1, kGroups = 1;
    static constexpr bool kPays = false;
    using Arch = best;
    struct Sum {
        int32x4_t first, second;  // two halves of the columns of rows 0 and 1, and of rows 2 and 3
    };
    using Rows = int8x16_t;
    using Query = int8x16_t;

    static Sum start(std::int32_t) { return {vdupq_n_s32(0), vdupq_n_s32(0)}; }
    static Rows load(const std::uint8_t* rows) { return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(rows), vdupq_n_u8(0x80))); }
    static Query broadcast(const std::int8_t* query) { return vreinterpretq_s8_s32(vdupq_n_s32(detail::four_columns(query))); }
    static Sum add(Sum sum, Rows x, Query q) {
        return {vpadalq_s16(sum.first, vmull_s8(vget_low_s8(x), vget_low_s8(q))),
                vpadalq_s16(sum.second, vmull_s8(vget_high_s8(x), vget_high_s8(q)))};
    }
    static Sum plus(Sum a, Sum b) { return {vaddq_s32(a.first, b.first), vaddq_s32(a.second, b.second)}; }
    static int32x4_t rows_of(Sum sum) { return vpaddq_s32(sum.first, sum.second); }
    static simd::Floats<best> floats(Sum sum) { return simd::Floats<best>(vcvtq_f32_s32(rows_of(sum))); }
    static void store(Sum sum, std::int32_t* out) { vst1q_s32(out, rows_of(sum)); }
};

#if defined(__ARM_FEATURE_DOTPROD)
struct NeonDotBytes {
    static constexpr std::string_view kName = "NEON dot products";
    static constexpr std::size_t kRows = 4, kQueries = 4, kGroups = 1;
    static constexpr bool kPays = true;
    using Arch = best;
    using Sum = int32x4_t;
    using Rows = int8x16_t;
    using Query = int8x16_t;

    static Sum start(std::int32_t) { return vdupq_n_s32(0); }
    static Rows load(const std::uint8_t* rows) { return NeonBytes::load(rows); }
    static Query broadcast(const std::int8_t* query) { return NeonBytes::broadcast(query); }
    static Sum add(Sum sum, Rows x, Query q) { return vdotq_s32(sum, x, q); }
    static Sum plus(Sum a, Sum b) { return vaddq_s32(a, b); }
    static simd::Floats<best> floats(Sum sum) { return simd::Floats<best>(vcvtq_f32_s32(sum)); }
    static void store(Sum sum, std::int32_t* out) { vst1q_s32(out, sum); }
};
#endif
#endif

/// The fastest one of this build; `scalar` has no lanes, so there bytes cost more than they save.
#if defined(LUTRA_SCALAR_ONLY) || defined(LUTRA_NO_BYTES)
using BestBytes = scalar;
#elif defined(__AVX512VNNI__) && defined(__AVX512BW__)
using BestBytes = VnniBytes;
#elif defined(__AVXVNNI__) && defined(__FMA__) && !defined(__AVX512F__)
using BestBytes = AvxVnniBytes;
#elif defined(__AVX2__)
using BestBytes = Avx2Bytes;
#elif defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
using BestBytes = NeonDotBytes;
#elif defined(__aarch64__)
using BestBytes = NeonBytes;
#else
using BestBytes = scalar;
#endif

/// Queries that a scan compares at a time, and whether many are faster by bytes than by floats.
template <class Lanes>
inline constexpr std::size_t kByteQueriesOf = Lanes::kQueries;
template <>
inline constexpr std::size_t kByteQueriesOf<scalar> = 1;
template <class Lanes>
inline constexpr bool kBytesPayFor = Lanes::kPays;
template <>
inline constexpr bool kBytesPayFor<scalar> = false;
inline constexpr std::size_t kByteQueries = kByteQueriesOf<BestBytes>;
inline constexpr bool kBytesPay = kBytesPayFor<BestBytes>;
/// False: nothing keeps bytes to compare, and no kernel of bytes is compiled.
inline constexpr bool kHasBytes = !std::is_same_v<BestBytes, scalar>;

}  // namespace lutra::inline LUTRA_ABI_TAG
