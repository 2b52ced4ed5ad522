// lutra/simd/cpu.hpp: whether this processor has what a unit was compiled for, to be asked before anything of that unit runs.
// SPDX-License-Identifier: MIT
//
// A program built for AVX2 ends without a word on a processor that has none, maybe in a constructor before main(). So the unit that
// asks is compiled for any machine, and is given the number of one that is not:
//
//   wide.cpp    extern const std::uint64_t needs;  const std::uint64_t needs = lutra::kCompiledFor;   // a constant: no code runs
//   main.cpp    if (!lutra::cpu_supported(needs)) return std::printf("needs %s\n", lutra::missing_cpu_feature(needs)), 1;
#pragma once
#include <lutra/core/config.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#include <cpuid.h>
#define LUTRA_CPU_X86 1
// No instruction of a later processor in these functions, whatever the unit is compiled for; inlined they would lose that.
#define LUTRA_ANY_CPU __attribute__((noinline, target("no-sse3,no-avx,no-bmi,no-bmi2,no-lzcnt,no-popcnt,no-movbe")))
#else
#define LUTRA_CPU_X86 0
#define LUTRA_ANY_CPU
#if defined(__linux__) && (defined(__aarch64__) || defined(__arm__))
#include <sys/auxv.h>
#endif
#endif

// Whether the compiler defines this macro as 1.
#define LUTRA_TEXT2(macro) #macro
#define LUTRA_TEXT(macro) LUTRA_TEXT2(macro)
#define LUTRA_IS_SET(macro) (std::string_view(LUTRA_TEXT(macro)) == "1")

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

/// An extension of the instruction set: where the processor says that it has it.
///   x86    bit `bit` of register `reg` (b, c, d) of cpuid leaf `leaf`, `subleaf`, and in XCR0 the registers the system saves
///   Linux on ARM: bit `bit` of AT_HWCAP
struct CpuFeature {
    const char* name;
    std::uint32_t leaf, subleaf;
    char reg;
    unsigned bit;
    std::uint32_t saved;
};

#if LUTRA_CPU_X86
inline constexpr std::uint32_t kYmm = 0x06, kZmm = 0xe6, kExtended = 0x80000001U;
inline constexpr CpuFeature kCpuFeatures[] = {{"SSE", 1, 0, 'd', 25, 0},
                                              {"SSE2", 1, 0, 'd', 26, 0},
                                              {"SSE3", 1, 0, 'c', 0, 0},
                                              {"SSSE3", 1, 0, 'c', 9, 0},
                                              {"SSE4.1", 1, 0, 'c', 19, 0},
                                              {"SSE4.2", 1, 0, 'c', 20, 0},
                                              {"POPCNT", 1, 0, 'c', 23, 0},
                                              {"AVX", 1, 0, 'c', 28, kYmm},
                                              {"FMA", 1, 0, 'c', 12, kYmm},
                                              {"F16C", 1, 0, 'c', 29, kYmm},
                                              {"MOVBE", 1, 0, 'c', 22, 0},
                                              {"LZCNT", kExtended, 0, 'c', 5, 0},
                                              {"BMI1", 7, 0, 'b', 3, 0},
                                              {"BMI2", 7, 0, 'b', 8, 0},
                                              {"AVX2", 7, 0, 'b', 5, kYmm},
                                              {"AVX-VNNI", 7, 1, 'a', 4, kYmm},
                                              {"AVX-512 F", 7, 0, 'b', 16, kZmm},
                                              {"AVX-512 CD", 7, 0, 'b', 28, kZmm},
                                              {"AVX-512 DQ", 7, 0, 'b', 17, kZmm},
                                              {"AVX-512 BW", 7, 0, 'b', 30, kZmm},
                                              {"AVX-512 VL", 7, 0, 'b', 31, kZmm},
                                              {"AVX-512 IFMA", 7, 0, 'b', 21, kZmm},
                                              {"AVX-512 VBMI", 7, 0, 'c', 1, kZmm},
                                              {"AVX-512 VBMI2", 7, 0, 'c', 6, kZmm},
                                              {"AVX-512 VNNI", 7, 0, 'c', 11, kZmm},
                                              {"AVX-512 BITALG", 7, 0, 'c', 12, kZmm},
                                              {"AVX-512 VPOPCNTDQ", 7, 0, 'c', 14, kZmm},
                                              {"AVX-512 BF16", 7, 1, 'a', 5, kZmm},
                                              {"AVX-512 FP16", 7, 0, 'd', 23, kZmm},
                                              {"GFNI", 7, 0, 'c', 8, 0},
                                              {"VAES", 7, 0, 'c', 9, kYmm},
                                              {"VPCLMULQDQ", 7, 0, 'c', 10, kYmm}};
// In the same order. AMX is not among them: the library asks for it at its first use and does without.
constexpr bool kIsCompiledFor[] = {LUTRA_IS_SET(__SSE__),        LUTRA_IS_SET(__SSE2__),         LUTRA_IS_SET(__SSE3__),
                                   LUTRA_IS_SET(__SSSE3__),      LUTRA_IS_SET(__SSE4_1__),       LUTRA_IS_SET(__SSE4_2__),
                                   LUTRA_IS_SET(__POPCNT__),     LUTRA_IS_SET(__AVX__),          LUTRA_IS_SET(__FMA__),
                                   LUTRA_IS_SET(__F16C__),       LUTRA_IS_SET(__MOVBE__),        LUTRA_IS_SET(__LZCNT__),
                                   LUTRA_IS_SET(__BMI__),        LUTRA_IS_SET(__BMI2__),         LUTRA_IS_SET(__AVX2__),
                                   LUTRA_IS_SET(__AVXVNNI__),    LUTRA_IS_SET(__AVX512F__),      LUTRA_IS_SET(__AVX512CD__),
                                   LUTRA_IS_SET(__AVX512DQ__),   LUTRA_IS_SET(__AVX512BW__),     LUTRA_IS_SET(__AVX512VL__),
                                   LUTRA_IS_SET(__AVX512IFMA__), LUTRA_IS_SET(__AVX512VBMI__),   LUTRA_IS_SET(__AVX512VBMI2__),
                                   LUTRA_IS_SET(__AVX512VNNI__), LUTRA_IS_SET(__AVX512BITALG__), LUTRA_IS_SET(__AVX512VPOPCNTDQ__),
                                   LUTRA_IS_SET(__AVX512BF16__), LUTRA_IS_SET(__AVX512FP16__),   LUTRA_IS_SET(__GFNI__),
                                   LUTRA_IS_SET(__VAES__),       LUTRA_IS_SET(__VPCLMULQDQ__)};
#elif defined(__linux__) && defined(__aarch64__)
inline constexpr CpuFeature kCpuFeatures[] = {{"dot products of bytes", 0, 0, 0, 20, 0}, {"SVE", 0, 0, 0, 22, 0}};
constexpr bool kIsCompiledFor[] = {LUTRA_IS_SET(__ARM_FEATURE_DOTPROD), LUTRA_IS_SET(__ARM_FEATURE_SVE)};
#elif defined(__linux__) && defined(__arm__)
inline constexpr CpuFeature kCpuFeatures[] = {{"NEON", 0, 0, 0, 12, 0}};
constexpr bool kIsCompiledFor[] = {LUTRA_IS_SET(__ARM_NEON)};
#else  // nothing can be asked
inline constexpr CpuFeature kCpuFeatures[] = {{"", 0, 0, 0, 0, 0}};
constexpr bool kIsCompiledFor[] = {false};
#endif
static_assert(std::size(kCpuFeatures) == std::size(kIsCompiledFor) && std::size(kCpuFeatures) <= 64);

constexpr std::uint64_t features_of(const bool* compiled_for) {
    std::uint64_t features = 0;
    for (std::size_t i = 0; i < std::size(kCpuFeatures); ++i) features |= std::uint64_t{compiled_for[i]} << i;
    return features;
}

#if LUTRA_CPU_X86
LUTRA_ANY_CPU inline bool cpu_has(const CpuFeature& feature) {
    std::uint32_t a = 0, b = 0, c = 0, d = 0, saved = 0, unused = 0;
    __cpuid(feature.leaf & kExtended & ~1U, a, b, c, d);  // the last leaf there is
    if (a < feature.leaf) return false;
    if (feature.subleaf > 0) {
        __cpuid_count(feature.leaf, 0, a, b, c, d);
        if (a < feature.subleaf) return false;
    }
    __cpuid_count(feature.leaf, feature.subleaf, a, b, c, d);
    const std::uint32_t word = feature.reg == 'a' ? a : feature.reg == 'b' ? b : feature.reg == 'c' ? c : d;
    if ((word >> feature.bit & 1) == 0 || feature.saved == 0) return (word >> feature.bit & 1) != 0;
    __cpuid(1, a, b, c, d);
    if ((c >> 27 & 1) == 0) return false;  // the system does not save what only xsave does
    __asm__ volatile("xgetbv" : "=a"(saved), "=d"(unused) : "c"(0));
    return (saved & feature.saved) == feature.saved;
}
#elif defined(__linux__) && (defined(__aarch64__) || defined(__arm__))
inline bool cpu_has(const CpuFeature& feature) { return (getauxval(AT_HWCAP) >> feature.bit & 1) != 0; }
#else
inline bool cpu_has(const CpuFeature&) { return true; }
#endif

}  // namespace detail

/// The extensions of the instruction set that this unit's flags let the compiler use: a number for cpu_supported() in another unit.
/// 0 for any machine of the architecture, and where no processor can be asked.
constexpr std::uint64_t kCompiledFor = detail::features_of(detail::kIsCompiledFor);

/// The name of the first of these extensions that this processor lacks, or the system does not let programs use: "AVX2"; null if it
/// has all. Safe on any processor. Cost: a few microseconds, more in virtual machines: ask once.
LUTRA_ANY_CPU inline const char* missing_cpu_feature(std::uint64_t features = kCompiledFor) {
    for (std::size_t i = 0; i < sizeof(detail::kCpuFeatures) / sizeof(detail::CpuFeature); ++i)
        if ((features >> i & 1) != 0 && !detail::cpu_has(detail::kCpuFeatures[i])) return detail::kCpuFeatures[i].name;
    return nullptr;
}

/// Whether this processor runs what was compiled for these extensions.
LUTRA_ANY_CPU inline bool cpu_supported(std::uint64_t features = kCompiledFor) { return missing_cpu_feature(features) == nullptr; }

}  // namespace lutra::inline LUTRA_ABI_TAG

#undef LUTRA_TEXT2
#undef LUTRA_TEXT
#undef LUTRA_IS_SET
