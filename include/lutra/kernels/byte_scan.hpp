// lutra/kernels/byte_scan.hpp: finds the rows that may be near each of some queries by their bytes.  SPDX-License-Identifier: MIT
//
//   a row may be near     factor * dot + reach * width >= base - threshold * unit
//
// The left side is the query's, with `width` of the row; on the right the threshold is the query's. byte_code.hpp says what the
// numbers are and why no row that is near is missed. Rows that are whole numbers have width 1 and unit 1: they keep `base` alone.
#pragma once
#include <lutra/kernels/byte_dots.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace lutra::inline LUTRA_ABI_TAG {

/// A query with its threshold, as the comparison takes them.
struct ByteQuery {
    ByteCodes codes;
    float factor = 0, reach = 0, threshold = 0;
};

/// Behind the codes of a group stand its rows' numbers: base [16], and, unless rows are Whole, unit [16] and width [16].
template <bool Whole>
struct ByteTerms {
    const float* base;
    const float* unit;
    const float* width;

    ByteTerms(const ByteGroups& rows, std::size_t g)
        : base(reinterpret_cast<const float*>(rows.codes + g * rows.pitch + kByteGroup * rows.padded)),
          unit(Whole ? nullptr : base + kByteGroup),
          width(Whole ? nullptr : base + 2 * kByteGroup) {}

    static constexpr std::size_t kBytes = (Whole ? 1 : 3) * kByteGroup * sizeof(float);
};

/// What a scan found for a query: offsets of rows, rising, and their dots. Room for all rows of the groups scanned.
struct ByteSurvivors {
    std::uint32_t* offsets = nullptr;
    std::int32_t* dots = nullptr;
    std::size_t n = 0;
};

/// The definition.
template <bool Whole, std::size_t Q>
void byte_scan(scalar, const ByteGroups& rows, const std::array<ByteQuery, Q>& queries, ByteSurvivors* found) {
    for (std::size_t q = 0; q < Q; ++q) {
        found[q].n = 0;
        const ByteQuery& query = queries[q];
        for (std::size_t j = 0; j < rows.n * kByteGroup; ++j) {
            const ByteTerms<Whole> terms(rows, j / kByteGroup);
            const std::int32_t dot = byte_dot(query.codes, rows, j);
            const std::size_t i = j % kByteGroup;
            const float left = query.factor * float(dot) + (Whole ? query.reach : query.reach * terms.width[i]);
            const float right = terms.base[i] - (Whole ? query.threshold : query.threshold * terms.unit[i]);
            if (left < right) continue;
            found[q].offsets[found[q].n] = std::uint32_t(j), found[q].dots[found[q].n++] = dot;
        }
    }
}

#if !defined(LUTRA_SCALAR_ONLY)
namespace detail {

template <class Lanes>
void keep_survivors(typename Lanes::Sum sum, std::uint32_t mask, std::size_t first, ByteSurvivors& found) {
    std::int32_t dots[Lanes::kRows];
    Lanes::store(sum, dots);
    for (; mask != 0; mask &= mask - 1) {
        const auto i = std::size_t(std::countr_zero(mask));
        found.offsets[found.n] = std::uint32_t(first + i), found.dots[found.n++] = dots[i];
    }
}

#if defined(__AVX512F__)
// All at once; what is written behind them is overwritten by the next, or not looked at.
inline void keep_survivors_of_16(__m512i sum, std::uint32_t mask, std::size_t first, ByteSurvivors& found) {
    const __m512i numbers = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i offsets = _mm512_add_epi32(numbers, _mm512_set1_epi32(std::int32_t(first)));
    _mm512_storeu_si512(found.offsets + found.n, _mm512_maskz_compress_epi32(__mmask16(mask), offsets));
    _mm512_storeu_si512(found.dots + found.n, _mm512_maskz_compress_epi32(__mmask16(mask), sum));
    found.n += std::size_t(std::popcount(mask));
}
#endif

/// Compares the sums of one vector of rows, from row i of group g on.
template <bool Whole, class Lanes>
std::uint32_t may_be_near(typename Lanes::Sum sum, const ByteTerms<Whole>& terms, std::size_t i, const ByteQuery& query) {
    using Arch = typename Lanes::Arch;
    using B = simd::Floats<Arch>;
    const B dot = Lanes::floats(sum), base = B::load_aligned(terms.base + i), factor(query.factor);
    constexpr std::uint32_t kAll = (std::uint32_t{1} << Lanes::kRows) - 1;  // less those that are worse, so that NaN says nothing
    if constexpr (Whole) return kAll & ~simd::bits<Arch>(simd::fma(factor, dot, B(query.reach)) < base - B(query.threshold));
    const B reach = B(query.reach) * B::load_aligned(terms.width + i);
    const B right = simd::fma(B(-query.threshold), B::load_aligned(terms.unit + i), base);
    return kAll & ~simd::bits<Arch>(simd::fma(factor, dot, reach) < right);
}

template <bool Whole, std::size_t Groups, class Lanes, std::size_t Q>
void byte_scan_groups(const ByteGroups& rows, std::size_t first, const std::array<ByteQuery, Q>& queries,
                      const ByteCodes* const (&codes)[Q], ByteSurvivors* found) {
    constexpr std::size_t kPerGroup = kByteGroup / Lanes::kRows;
    ByteSums<Lanes, Q, Groups> all;
    all.add_all(codes, rows, first);
    LUTRA_UNROLL for (std::size_t q = 0; q < Q; ++q) {
        std::uint32_t masks[Groups * kPerGroup], any = 0;
        LUTRA_UNROLL for (std::size_t v = 0; v < Groups * kPerGroup; ++v) {
            const ByteTerms<Whole> terms(rows, first + v / kPerGroup);
            masks[v] = may_be_near<Whole, Lanes>(all.sums[q][v], terms, v % kPerGroup * Lanes::kRows, queries[q]);
            any |= masks[v];
        }
        if (any == 0) continue;
        LUTRA_UNROLL for (std::size_t v = 0; v < Groups * kPerGroup; ++v) {
            const std::size_t row = first * kByteGroup + v * Lanes::kRows;
#if defined(__AVX512F__)
            if constexpr (Lanes::kRows == 16) {
                keep_survivors_of_16(all.sums[q][v], masks[v], row, found[q]);
                continue;
            }
#endif
            keep_survivors<Lanes>(all.sums[q][v], masks[v], row, found[q]);
        }
    }
}

}  // namespace detail

template <bool Whole, class Lanes, std::size_t Q>
void byte_scan(Lanes, const ByteGroups& rows, const std::array<ByteQuery, Q>& queries, ByteSurvivors* found) {
    constexpr std::size_t kTogether = Q > 1 ? Lanes::kGroups : 1;
    const ByteCodes* codes[Q];
    for (std::size_t q = 0; q < Q; ++q) codes[q] = &queries[q].codes, found[q].n = 0;
    std::size_t g = 0;
    for (; g + kTogether <= rows.n; g += kTogether)
        detail::byte_scan_groups<Whole, kTogether, Lanes>(rows, g, queries, codes, found);
    for (; g < rows.n; ++g) detail::byte_scan_groups<Whole, 1, Lanes>(rows, g, queries, codes, found);
}
#endif

}  // namespace lutra::inline LUTRA_ABI_TAG
