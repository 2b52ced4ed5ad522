// bench/support/peaks.hpp: what one core of this machine can do at most: multiply-adds a second, bytes read a second.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/simd/arch.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace lutra_bench {

/// Keeps the compiler from dropping a result.
template <class T>
void keep(const T& value) {
    asm volatile("" : : "r,m"(value) : "memory");
}

#if !defined(LUTRA_SCALAR_ONLY)
/// Does `rounds` * flops_per_round<Arch>() floating-point operations in registers, a multiply-add counting as two: twelve
/// independent chains hide the latency of every machine we know.
inline constexpr std::size_t kChains = 12;
template <class Arch>
inline constexpr double kFlopsPerRound = 2.0 * double(kChains* lutra::simd::Floats<Arch>::size);

template <class Arch>
void multiply_add(std::size_t rounds) {
    using B = lutra::simd::Floats<Arch>;
    B sums[kChains];
    for (std::size_t i = 0; i < kChains; ++i) sums[i] = B(float(i));
    const B factor(0.999F), term(0.001F);
    for (std::size_t r = 0; r < rounds; ++r) {
        LUTRA_UNROLL for (B& s : sums) s = lutra::simd::fma(s, factor, term);
    }
    for (const B& s : sums) keep(lutra::simd::sum<Arch>(s));
}
#endif

/// Reads all of `memory` once, in order, eight sums at a time: bound by memory when it is larger than the caches.
inline void read_all(std::span<const std::uint64_t> memory) {
    std::uint64_t sums[8] = {};
    for (std::size_t i = 0; i + 8 <= memory.size(); i += 8)
        for (std::size_t j = 0; j < 8; ++j) sums[j] ^= memory[i + j];
    for (const std::uint64_t s : sums) keep(s);
}

}  // namespace lutra_bench
