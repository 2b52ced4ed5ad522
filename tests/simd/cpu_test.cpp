// Whether this processor runs what a unit is compiled for.  SPDX-License-Identifier: MIT
#include <lutra/simd/cpu.hpp>

#include <doctest/doctest.h>

#include <string_view>

namespace {

TEST_CASE("cpu_supported: what runs here is supported") {
    CHECK(lutra::cpu_supported());
    CHECK(lutra::missing_cpu_feature() == nullptr);
    CHECK(lutra::cpu_supported(0));
}

TEST_CASE("cpu_supported: what this unit is compiled for is what the compiler may use") {
#if defined(__x86_64__)
    CHECK((lutra::kCompiledFor & 3) == 3);  // SSE and SSE2, which every such processor has
#endif
#if defined(__AVX2__) && defined(__GNUC__)
    const auto has = [](std::string_view name) {
        for (std::size_t i = 0; i < std::size(lutra::detail::kCpuFeatures); ++i)
            if (lutra::detail::kCpuFeatures[i].name == name) return (lutra::kCompiledFor >> i & 1) != 0;
        return false;
    };
    CHECK(has("AVX"));
    CHECK(has("AVX2"));
#endif
}

#if defined(__x86_64__) && defined(__GNUC__)
TEST_CASE("cpu_supported: agrees with the compiler's own list") {
    __builtin_cpu_init();
    const auto check = [](std::string_view name, bool supported) {
        CAPTURE(name);
        for (std::size_t i = 0; i < std::size(lutra::detail::kCpuFeatures); ++i)
            if (lutra::detail::kCpuFeatures[i].name == name) CHECK(lutra::cpu_supported(std::uint64_t{1} << i) == supported);
    };
    check("SSE3", __builtin_cpu_supports("sse3"));
    check("SSE4.2", __builtin_cpu_supports("sse4.2"));
    check("POPCNT", __builtin_cpu_supports("popcnt"));
    check("AVX", __builtin_cpu_supports("avx"));
    check("FMA", __builtin_cpu_supports("fma"));
    check("BMI1", __builtin_cpu_supports("bmi"));
    check("BMI2", __builtin_cpu_supports("bmi2"));
    check("AVX2", __builtin_cpu_supports("avx2"));
    check("AVX-512 F", __builtin_cpu_supports("avx512f"));
    check("AVX-512 BW", __builtin_cpu_supports("avx512bw"));
    check("AVX-512 VBMI", __builtin_cpu_supports("avx512vbmi"));
    check("AVX-512 VNNI", __builtin_cpu_supports("avx512vnni"));
    check("AVX-512 BITALG", __builtin_cpu_supports("avx512bitalg"));
    check("VPCLMULQDQ", __builtin_cpu_supports("vpclmulqdq"));
}
#endif

}  // namespace
