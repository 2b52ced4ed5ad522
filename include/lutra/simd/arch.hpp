// lutra/simd/arch.hpp: the one place that knows xsimd's version and the machine's registers.  SPDX-License-Identifier: MIT
//
// Every kernel exists twice: for `scalar`, the definition, and for `best`, the widest instruction set the compiler was
// allowed to use. `best` is `scalar` itself when LUTRA_SCALAR_ONLY is defined (core/config.hpp). The few names below hide what differs
// between xsimd 8 (Debian 12: hadd, no batch_bool::mask) and later ones (reduce_add, mask).
#pragma once
#include <lutra/core/config.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#if !defined(LUTRA_SCALAR_ONLY)
#include <xsimd/xsimd.hpp>
#endif

// Unrolls the next loop completely; its trip count is a small constant and its body indexes an array of registers.
#if defined(__clang__)
#define LUTRA_UNROLL _Pragma("unroll")
#elif defined(__GNUC__)
#define LUTRA_UNROLL _Pragma("GCC unroll 32")
#else
#define LUTRA_UNROLL
#endif

namespace lutra::inline LUTRA_ABI_TAG {

namespace simd {

/// a * b + c with the bits that each lane of the fma() of vectors has.
inline float fma(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__) || defined(__VSX__) || (defined(__ARM_NEON) && defined(__ARM_FEATURE_FMA))
    return std::fma(a, b, c);
#else
    return a * b + c;
#endif
}

}  // namespace simd

/// Tag of the reference kernels: one float at a time.
struct scalar {};

#if defined(LUTRA_SCALAR_ONLY)
using best = scalar;
#else
using best = xsimd::default_arch;

namespace simd {

template <class Arch>
using Floats = xsimd::batch<float, Arch>;
template <class Arch>
using Mask = xsimd::batch_bool<float, Arch>;

/// Vector registers the compiler can use: 32 on AVX-512 and 64-bit ARM, else 16.
template <class Arch>
inline constexpr std::size_t kRegisters = (Floats<Arch>::size == 16 || (sizeof(void*) == 8 && XSIMD_WITH_NEON64)) ? 32 : 16;

/// The sum of all lanes.
template <class Arch>
float sum(const Floats<Arch>& v) {
    if constexpr (requires { reduce_add(v); })
        return reduce_add(v);
    else
        return hadd(v);
}

#if defined(__AVX__)
inline float least_of_8(__m256 v) {
    const __m128 four = _mm_min_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 two = _mm_min_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_min_ss(two, _mm_movehdup_ps(two)));
}
#endif

/// The least of all lanes, where none is NaN.
template <class Arch>
float least(const Floats<Arch>& v) {
    constexpr std::size_t kLanes = Floats<Arch>::size;
#if defined(__AVX__)
    if constexpr (kLanes == 8) return least_of_8(v);
#endif
    alignas(64) float lanes[kLanes];
    v.store_aligned(lanes);
#if defined(__AVX__)
    if constexpr (kLanes == 16) return least_of_8(_mm256_min_ps(_mm256_load_ps(lanes), _mm256_load_ps(lanes + 8)));
#endif
    return *std::min_element(lanes, lanes + kLanes);
}

/// a * b + c, rounded once where the machine can (xsimd 8 has no fused form for AVX-512).
template <class B>
B fma(const B& a, const B& b, const B& c) {
#if defined(__AVX512F__)
    if constexpr (B::size == 16) return _mm512_fmadd_ps(a, b, c);
#endif
    return xsimd::fma(a, b, c);
}

/// The lesser of each lane. (g++ 12 warns of what _mm512_min_ps leaves undefined: gcc bug 105593. With a mask nothing is.)
template <class B>
B min(const B& a, const B& b) {
#if defined(__AVX512F__)
    if constexpr (B::size == 16) return _mm512_maskz_min_ps(__mmask16(0xffff), a, b);
#endif
    return xsimd::min(a, b);
}
/// The greater of each lane.
template <class B>
B max(const B& a, const B& b) {
#if defined(__AVX512F__)
    if constexpr (B::size == 16) return _mm512_maskz_max_ps(__mmask16(0xffff), a, b);
#endif
    return xsimd::max(a, b);
}

/// Bit i is lane i.
template <class Arch>
std::uint32_t bits(const Mask<Arch>& mask) {
    if constexpr (requires { mask.mask(); }) return std::uint32_t(mask.mask());
#if defined(__AVX512F__)
    else if constexpr (Mask<Arch>::size == 16)
        return std::uint32_t(mask.data);
#endif
#if defined(__AVX__)
    else if constexpr (Mask<Arch>::size == 8)
        return std::uint32_t(_mm256_movemask_ps(mask));
#endif
#if defined(__SSE2__)
    else if constexpr (Mask<Arch>::size == 4)
        return std::uint32_t(_mm_movemask_ps(mask));
#endif
    else {
        bool lanes[Mask<Arch>::size];
        mask.store_unaligned(lanes);
        std::uint32_t result = 0;
        for (std::size_t i = 0; i < Mask<Arch>::size; ++i) result |= std::uint32_t(lanes[i]) << i;
        return result;
    }
}

/// The first `n` < size floats at p, the other lanes zero; reads nothing past p + n.
template <class Arch>
Floats<Arch> load_first(const float* p, std::size_t n) {
#if defined(__AVX512F__)
    if constexpr (Floats<Arch>::size == 16) return _mm512_maskz_loadu_ps(__mmask16((1U << n) - 1), p);
#endif
#if defined(__AVX__)
    if constexpr (Floats<Arch>::size == 8) {
        alignas(32) static constexpr std::int32_t kMask[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
        return _mm256_maskload_ps(p, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMask + 8 - n)));
    }
#endif
    alignas(64) float lanes[Floats<Arch>::size] = {};
    for (std::size_t i = 0; i < n; ++i) lanes[i] = p[i];
    return Floats<Arch>::load_aligned(lanes);
}

/// A register of consecutive components of a row, which is kept as floats or as whole numbers 0 to 255.
template <class Arch>
Floats<Arch> load(const float* p) {
    return Floats<Arch>::load_unaligned(p);
}
template <class Arch>
Floats<Arch> load(const std::uint8_t* p) {
#if defined(__AVX512F__)
    if constexpr (Floats<Arch>::size == 16) {  // masked as in min()
        const __m512i whole = _mm512_maskz_cvtepu8_epi32(__mmask16(0xffff), _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
        return _mm512_maskz_cvtepi32_ps(__mmask16(0xffff), whole);
    }
#endif
#if defined(__AVX2__)
    if constexpr (Floats<Arch>::size == 8)
        return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
#endif
    alignas(64) float lanes[Floats<Arch>::size];
    for (std::size_t i = 0; i < Floats<Arch>::size; ++i) lanes[i] = float(p[i]);
    return Floats<Arch>::load_aligned(lanes);
}
template <class Arch>
Floats<Arch> load_first(const std::uint8_t* p, std::size_t n) {
    alignas(64) float lanes[Floats<Arch>::size] = {};
    for (std::size_t i = 0; i < n; ++i) lanes[i] = float(p[i]);
    return Floats<Arch>::load_aligned(lanes);
}

}  // namespace simd
#endif

/// "avx512bw", "fma3+avx2", "neon64", "scalar" ...: what `best` is in this build.
inline std::string_view isa_name() {
#if defined(LUTRA_SCALAR_ONLY)
    return "scalar";
#else
    return best::name();
#endif
}

}  // namespace lutra::inline LUTRA_ABI_TAG
