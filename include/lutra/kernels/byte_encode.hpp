// lutra/kernels/byte_encode.hpp: a vector less an origin, and in bytes, with upper bounds of what that loses.
// SPDX-License-Identifier: MIT
//
//   x' = x - origin = scale (codes + m),    scale = largest |x'| / 127,  |m| <= 1/2
//
// Norms are taken of codes and of m, which can neither overflow nor vanish, and then scaled.
#pragma once
#include <lutra/simd/arch.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace lutra::inline LUTRA_ABI_TAG {

/// Squared lengths of a vector, of x', and the largest |x'|. Up to rounding: d / 16 + 5 units in the last place.
struct Centred {
    float squared = 0, length = 0, largest = 0;
};

/// A vector in bytes.
struct Coded {
    float scale = 0;
    float norm = 0;        // at least |scale * codes|
    float error = 0;       // at least |x' - scale * codes|
    std::int32_t sum = 0;  // of the codes
};

namespace detail {

// From sums over d components. A product with 1 / scale is off by two roundings, 127 * 2^-23 < 2e-5.
inline Coded coded_of(float scale, float sum, float squares, float missed, std::size_t d) {
    const double up = 1 + (double(d) + 16) * 0x1p-23;
    const double norm = std::sqrt(double(squares)), error = std::sqrt(double(missed)) + std::sqrt(double(d)) * 2e-5;
    return {scale, float(double(scale) * norm * up), float(double(scale) * error * up), std::int32_t(sum)};
}

inline float byte_scale(float largest) {
    constexpr float kLeast = 1e-30F;  // so that 1 / scale is finite
    return std::max(largest / 127, kLeast);
}

inline constexpr float kToWhole = 0x1.8p23F;  // added and taken away, it leaves the nearest whole number

}  // namespace detail

/// The definition. origin: null for 0. out [d]: x'.
inline Centred centre(scalar, const float* x, const float* origin, std::size_t d, float* out) {
    Centred sums;
    for (std::size_t t = 0; t < d; ++t) {
        out[t] = origin != nullptr ? x[t] - origin[t] : x[t];
        sums.squared += x[t] * x[t], sums.length += out[t] * out[t];
        sums.largest = std::max(sums.largest, std::abs(out[t]));
    }
    return sums;
}

/// The definition. codes [d] in -127 .. 127.
inline Coded encode_bytes(scalar, const float* x, std::size_t d, float largest, std::int8_t* codes) {
    const float scale = detail::byte_scale(largest), inverse = 1 / scale;
    float sum = 0, squares = 0, missed = 0;
    for (std::size_t t = 0; t < d; ++t) {
        const float scaled = x[t] * inverse, code = (scaled + detail::kToWhole) - detail::kToWhole;
        codes[t] = std::int8_t(code);
        sum += code, squares += code * code, missed += (scaled - code) * (scaled - code);
    }
    return detail::coded_of(scale, sum, squares, missed, d);
}

#if !defined(LUTRA_SCALAR_ONLY)
namespace detail {

/// f(t, load, n): from column t on the next n, with a function that loads as many from a row, the lanes behind them 0.
template <class Arch, class F>
void for_columns(std::size_t d, F&& f) {
    using B = simd::Floats<Arch>;
    std::size_t t = 0;
    for (; t + B::size <= d; t += B::size) f([t](const float* row) { return B::load_unaligned(row + t); }, t, std::size_t{B::size});
    if (t < d) f([t, d](const float* row) { return simd::load_first<Arch>(row + t, d - t); }, t, d - t);
}

// The first n of values that are whole.
template <class B>
void store_bytes(const B& values, std::int8_t* out, std::size_t n) {
#if defined(__AVX512F__)
    if constexpr (B::size == 16) {  // masked: g++ 12 warns of what the plain form leaves undefined (gcc bug 105593)
        const auto mask = __mmask16((1U << n) - 1);
        return _mm512_mask_cvtepi32_storeu_epi8(out, mask, _mm512_maskz_cvtps_epi32(mask, values));
    }
#endif
    alignas(64) float lanes[B::size];
    values.store_aligned(lanes);
    for (std::size_t i = 0; i < n; ++i) out[i] = std::int8_t(lanes[i]);
}

template <class B>
void store_floats(const B& values, float* out, std::size_t n) {
    if (n == B::size) return values.store_unaligned(out);
    alignas(64) float lanes[B::size];
    values.store_aligned(lanes);
    std::copy_n(lanes, n, out);
}

}  // namespace detail

template <class Arch>
Centred centre(Arch, const float* x, const float* origin, std::size_t d, float* out) {
    using B = simd::Floats<Arch>;
    B squared(0.F), length(0.F), largest(0.F);
    detail::for_columns<Arch>(d, [&](auto&& load, std::size_t t, std::size_t n) {
        const B raw = load(x), centred = origin != nullptr ? raw - load(origin) : raw;
        squared = simd::fma(raw, raw, squared), length = simd::fma(centred, centred, length);
        largest = simd::max(largest, xsimd::abs(centred));
        detail::store_floats(centred, out + t, n);
    });
    return {simd::sum<Arch>(squared), simd::sum<Arch>(length), -simd::least<Arch>(-largest)};
}

template <class Arch>
Coded encode_bytes(Arch, const float* x, std::size_t d, float largest, std::int8_t* codes) {
    using B = simd::Floats<Arch>;
    const float scale = detail::byte_scale(largest);
    const B inverse(1 / scale), to_whole(detail::kToWhole);
    B sum(0.F), squares(0.F), missed(0.F);
    detail::for_columns<Arch>(d, [&](auto&& load, std::size_t t, std::size_t n) {
        const B scaled = load(x) * inverse, code = (scaled + to_whole) - to_whole, miss = scaled - code;
        sum = sum + code, squares = simd::fma(code, code, squares), missed = simd::fma(miss, miss, missed);
        detail::store_bytes(code, codes + t, n);
    });
    return detail::coded_of(scale, simd::sum<Arch>(sum), simd::sum<Arch>(squares), simd::sum<Arch>(missed), d);
}
#endif

}  // namespace lutra::inline LUTRA_ABI_TAG
