// lutra/core/config.hpp: version, the ABI tag, and every macro a user may set.  SPDX-License-Identifier: MIT
//
//   LUTRA_SCALAR_ONLY   define it to use the plain reference kernels only: no xsimd, no intrinsics. Defined here, too, for a target
//                       whose vectors xsimd does not have, such as a Cortex-M, which then needs no xsimd
//   LUTRA_NO_BYTES      define it to do without 8-bit copies of rows and centroids, and without the kernels that compare them: less
//                       memory, less code, the same results, slower. Rows of whole numbers 0 to 255 are bytes all the same
//   LUTRA_NO_TILES      define it to leave out the kernels of AMX, for which a process asks Linux at their first use: from then on,
//                       sigaltstack() refuses stacks below some 12 KB
//   LUTRA_NO_FILES      define it where there are no files: no paths, no <filesystem>, no FILE*. Indexes are loaded from and saved to
//                       streams over memory, load_index(reader) and save_index(index, writer); headers about files cannot be included
//   LUTRA_NO_MESSAGES   define it to do without the texts of errors and the code that formats them: a Status is its Errc, one byte,
//                       and message() is the name of that
//   LUTRA_ASSERT(x)     define it to change what a failed precondition does (default: assert)
//
// Set by the CMake target lutra::compiled, never by hand:
//   LUTRA_COMPILED      index_factory.hpp, save_load.hpp and kmeans.hpp declare only; what they declare is compiled once, in that
//                       target; lutra.hpp leaves out the parts that are not among that
//   LUTRA_INLINE        nothing in that target's own unit, so that it holds the functions; everywhere else they are inline
//
// Set by the library:
//   LUTRA_ABI_TAG       an inline namespace named after version, ISA, bytes, messages, fast-math, exceptions and assertions mode. Two
//                       object files built with different flags then never share an inline function: without it a baseline
//                       main() linked with an AVX-512 object would run the AVX-512 body. (LUTRA_NO_FILES changes none.)
//   LUTRA_HAS_EXCEPTIONS, LUTRA_HAS_TILES   0 or 1: of this build
#pragma once
#include <cassert>

#define LUTRA_VERSION_MAJOR 0
#define LUTRA_VERSION_MINOR 1
#define LUTRA_VERSION_PATCH 0

#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define LUTRA_HAS_EXCEPTIONS 1
#define LUTRA_TAG_EXCEPTIONS
#else
#define LUTRA_HAS_EXCEPTIONS 0
#define LUTRA_TAG_EXCEPTIONS _noexcept
#endif

// xsimd of any version has SSE2 and NEON; only later ones have the vectors of POWER and WebAssembly.
#if !defined(LUTRA_SCALAR_ONLY) && !defined(__SSE2__) && !defined(_M_X64) && !(defined(__ARM_NEON) && __ARM_ARCH >= 7)
#if (defined(__VSX__) || defined(__wasm_simd128__)) && __has_include(<xsimd/config/xsimd_config.hpp>)
#include <xsimd/config/xsimd_config.hpp>
#endif
#if !XSIMD_WITH_VSX && !XSIMD_WITH_ALTIVEC && !XSIMD_WITH_WASM
#define LUTRA_SCALAR_ONLY
#endif
#endif

// Tiles of bytes (AMX): where the compiler may use them and there is a system to ask for them, Linux (kernels/byte_tiles.hpp). Every
// processor that has them has VBMI and VNNI, so one tag is enough.
#if ((defined(__AMX_TILE__) && defined(__AMX_INT8__)) || (defined(__AMXTILE__) && defined(__AMXINT8__))) && \
    defined(__AVX512VBMI__) && defined(__AVX512VNNI__) && defined(__linux__) && defined(__x86_64__) &&      \
    !defined(LUTRA_SCALAR_ONLY) && !defined(LUTRA_NO_BYTES) && !defined(LUTRA_NO_TILES)
#define LUTRA_HAS_TILES 1
#else
#define LUTRA_HAS_TILES 0
#endif

// Of plain kernels, too: what the compiler makes of them depends on the flags.
#if LUTRA_HAS_TILES
#define LUTRA_TAG_ISA avx512vnni_amx
#elif defined(__AVX512VBMI__) && defined(__AVX512VNNI__)
#define LUTRA_TAG_ISA avx512vnni
#elif defined(__AVX512BW__) && defined(__AVX512VNNI__)
#define LUTRA_TAG_ISA avx512bw_vnni
#elif defined(__AVX512BW__)
#define LUTRA_TAG_ISA avx512bw
#elif defined(__AVX512F__)
#define LUTRA_TAG_ISA avx512f
#elif defined(__AVX2__) && defined(__FMA__) && defined(__AVXVNNI__)
#define LUTRA_TAG_ISA avx2vnni
#elif defined(__AVX2__) && defined(__FMA__)
#define LUTRA_TAG_ISA avx2
#elif defined(__AVX2__)
#define LUTRA_TAG_ISA avx2_nofma
#elif defined(__AVX__) && defined(__FMA__)
#define LUTRA_TAG_ISA avx_fma
#elif defined(__AVX__)
#define LUTRA_TAG_ISA avx
#elif defined(__SSE4_2__)
#define LUTRA_TAG_ISA sse42
#elif defined(__SSE4_1__)
#define LUTRA_TAG_ISA sse41
#elif defined(__SSSE3__)
#define LUTRA_TAG_ISA ssse3
#elif defined(__SSE3__)
#define LUTRA_TAG_ISA sse3
#elif defined(__aarch64__) && defined(__ARM_FEATURE_SVE)  // a namespace each for sve128, sve256 ...; sve0: of any width
#define LUTRA_TAG_PASTE2(a, b) a##b
#define LUTRA_TAG_PASTE(a, b) LUTRA_TAG_PASTE2(a, b)
#define LUTRA_TAG_ISA LUTRA_TAG_PASTE(sve, __ARM_FEATURE_SVE_BITS)
#elif defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
#define LUTRA_TAG_ISA neon_dot
#elif defined(__aarch64__)
#define LUTRA_TAG_ISA neon
#elif defined(__ARM_NEON)
#define LUTRA_TAG_ISA neon32
#elif defined(__VSX__)
#define LUTRA_TAG_ISA vsx
#elif defined(__wasm_simd128__)
#define LUTRA_TAG_ISA wasm_simd
#else
#define LUTRA_TAG_ISA baseline
#endif

#if defined(LUTRA_SCALAR_ONLY)
#define LUTRA_TAG_SCALAR _scalar
#else
#define LUTRA_TAG_SCALAR
#endif

// Instructions on bits: flags of their own, which change the code of every function.
#if defined(__BMI2__)
#define LUTRA_TAG_BITS _bmi2
#elif defined(__BMI__) || defined(__LZCNT__)
#define LUTRA_TAG_BITS _bmi
#else
#define LUTRA_TAG_BITS
#endif

#if defined(__FAST_MATH__)
#define LUTRA_TAG_MATH _fastmath
#elif defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ > 0
#define LUTRA_TAG_MATH _finite
#else
#define LUTRA_TAG_MATH
#endif

#if defined(LUTRA_NO_BYTES)
#define LUTRA_TAG_BYTES _nobytes
#else
#define LUTRA_TAG_BYTES
#endif

#if defined(LUTRA_NO_MESSAGES)
#define LUTRA_TAG_MESSAGES _nomessages
#else
#define LUTRA_TAG_MESSAGES
#endif

#if defined(NDEBUG)
#define LUTRA_TAG_ASSERT
#else
#define LUTRA_TAG_ASSERT _debug
#endif

#define LUTRA_TAG_JOIN2(a, b, c, d, e, f, g, h) v0_1_##a##b##c##d##e##f##g##h
#define LUTRA_TAG_JOIN(a, b, c, d, e, f, g, h) LUTRA_TAG_JOIN2(a, b, c, d, e, f, g, h)
#define LUTRA_ABI_TAG                                                                                                    \
    LUTRA_TAG_JOIN(LUTRA_TAG_ISA, LUTRA_TAG_SCALAR, LUTRA_TAG_BITS, LUTRA_TAG_MATH, LUTRA_TAG_BYTES, LUTRA_TAG_MESSAGES, \
                   LUTRA_TAG_EXCEPTIONS, LUTRA_TAG_ASSERT)

#if !defined(LUTRA_INLINE)
#define LUTRA_INLINE inline
#endif

#if !defined(LUTRA_ASSERT)
#define LUTRA_ASSERT(condition) assert(condition)
#endif
