// lutra/kernels/byte_bounds.hpp: what a row's score is at least and at most, by the products of bytes.
// SPDX-License-Identifier: MIT
//
//   score = base - factor * scale * product        off = reach * width + slack of the query + slack of the row
//   score - off <= exact score <= score + off      byte_code.hpp says why
#pragma once
#include <lutra/simd/arch.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace lutra::inline LUTRA_ABI_TAG {

/// Of rows, [n] each, n a multiple of 16.
struct ByteBoundTerms {
    const float *bases = nullptr, *scales = nullptr, *widths = nullptr, *slacks = nullptr;
    std::size_t n = 0;
};

/// Of a query.
struct ByteBoundQuery {
    float factor = 0, reach = 0, slack = 0;
};

/// The definition. least [n]: the products on entry, then the lower bounds. most [n], if not null: the upper bounds. Returns the
/// least of those.
inline float byte_bounds(scalar, const ByteBoundTerms& rows, const ByteBoundQuery& q, float* least, float* most) {
    float nearest = std::numeric_limits<float>::infinity();
    for (std::size_t j = 0; j < rows.n; ++j) {
        const float score = rows.bases[j] - q.factor * rows.scales[j] * least[j];
        const float off = q.reach * rows.widths[j] + (q.slack + rows.slacks[j]);
        least[j] = score - off, nearest = std::min(nearest, score + off);
        if (most != nullptr) most[j] = score + off;
    }
    return nearest;
}

/// The numbers of values [n] at or below a limit, rising, into found [n]; returns how many. n: a multiple of 16.
inline std::size_t find_up_to(scalar, const float* values, std::size_t n, float limit, std::uint32_t* found) {
    std::size_t count = 0;
    for (std::size_t j = 0; j < n; ++j)
        if (values[j] <= limit) found[count++] = std::uint32_t(j);
    return count;
}

#if !defined(LUTRA_SCALAR_ONLY)
template <class Arch>
float byte_bounds(Arch, const ByteBoundTerms& rows, const ByteBoundQuery& q, float* least, float* most) {
    using B = simd::Floats<Arch>;
    const B factor(-q.factor), reach(q.reach), slack(q.slack);
    B nearest(std::numeric_limits<float>::infinity());
    for (std::size_t j = 0; j < rows.n; j += B::size) {
        const B product = B::load_aligned(rows.scales + j) * B::load_aligned(least + j);
        const B score = simd::fma(factor, product, B::load_aligned(rows.bases + j));
        const B off = simd::fma(reach, B::load_aligned(rows.widths + j), slack + B::load_aligned(rows.slacks + j));
        const B upper = score + off;
        (score - off).store_aligned(least + j);
        if (most != nullptr) upper.store_aligned(most + j);
        nearest = simd::min(upper, nearest);
    }
    return simd::least<Arch>(nearest);
}

template <class Arch>
std::size_t find_up_to(Arch, const float* values, std::size_t n, float limit, std::uint32_t* found) {
    using B = simd::Floats<Arch>;
    std::size_t count = 0;
#if defined(__AVX512F__)
    if constexpr (B::size == 16) {
        constexpr std::size_t kTogether = 4;  // few values are near: most of the time one branch says that of all
        std::size_t j = 0;
        const auto take = [&](std::size_t at, std::uint32_t mask) {  // what is written behind them is overwritten by the next
            const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            const __m512i numbers = _mm512_add_epi32(lanes, _mm512_set1_epi32(std::int32_t(at)));
            _mm512_storeu_si512(found + count, _mm512_maskz_compress_epi32(__mmask16(mask), numbers));
            count += std::size_t(std::popcount(mask));
        };
        const auto mask_at = [&](std::size_t at) { return simd::bits<Arch>(B::load_aligned(values + at) <= B(limit)); };
        for (; j + kTogether * B::size <= n; j += kTogether * B::size) {
            std::uint32_t masks[kTogether];
            LUTRA_UNROLL for (std::size_t v = 0; v < kTogether; ++v) masks[v] = mask_at(j + v * B::size);
            if ((masks[0] | masks[1] | masks[2] | masks[3]) == 0) continue;
            LUTRA_UNROLL for (std::size_t v = 0; v < kTogether; ++v) take(j + v * B::size, masks[v]);
        }
        for (; j < n; j += B::size) take(j, mask_at(j));
        return count;
    }
#endif
    for (std::size_t j = 0; j < n; j += B::size)
        for (std::uint32_t left = simd::bits<Arch>(B::load_aligned(values + j) <= B(limit)); left != 0; left &= left - 1)
            found[count++] = std::uint32_t(j) + std::uint32_t(std::countr_zero(left));
    return count;
}
#endif

}  // namespace lutra::inline LUTRA_ABI_TAG
