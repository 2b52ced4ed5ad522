// lutra/core/random.hpp: seeded random numbers that are the same on every platform.
// The numbers are those of std::mt19937, which the standard fixes; its function that makes them would be shared by units
// compiled for different machines (ordered.hpp), so there is one here. The distributions of <random> are not fixed.
// permutation() draws as faiss does (identity, then swap i with i + next mod (n - i)), so that training samples agree.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/config.hpp>

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Source: Matsumoto and Nishimura, "Mersenne twister", ACM TOMACS 1998, with the seeding of 2002.
class Rng {
public:
    explicit Rng(std::uint32_t seed) {
        state_[0] = seed;
        for (std::uint32_t i = 1; i < kWords; ++i) state_[i] = 1812433253U * (state_[i - 1] ^ state_[i - 1] >> 30) + i;
    }

    std::uint32_t next() {
        if (at_ == kWords) refill();
        std::uint32_t x = state_[at_++];
        x ^= x >> 11;
        x ^= x << 7 & 0x9d2c5680U;
        x ^= x << 15 & 0xefc60000U;
        return x ^ x >> 18;
    }
    /// An integer in [0, n); n > 0. The bias of the remainder is below n / 2^32.
    std::size_t below(std::size_t n) { return next() % n; }
    /// A float in [0, 1), a multiple of 2^-24.
    float uniform() { return float(next() >> 8) * 0x1p-24F; }
    /// Mean 0, variance 1, bell-shaped (the sum of twelve uniforms): only additions, so equal bits everywhere.
    float normal() {
        float sum = -6;
        for (int i = 0; i < 12; ++i) sum += uniform();
        return sum;
    }
    std::vector<float> normal(std::size_t n) {
        std::vector<float> values(n);
        for (float& v : values) v = normal();
        return values;
    }

private:
    static constexpr std::uint32_t kWords = 624, kAhead = 397;

    void refill() {
        for (std::uint32_t i = 0; i < kWords; ++i) {
            const std::uint32_t next = state_[i + 1 < kWords ? i + 1 : 0];
            const std::uint32_t y = (state_[i] & 0x80000000U) | (next & 0x7fffffffU);
            state_[i] = state_[i + kAhead < kWords ? i + kAhead : i + kAhead - kWords] ^ y >> 1 ^ ((next & 1U) * 0x9908b0dfU);
        }
        at_ = 0;
    }

    std::uint32_t state_[kWords];
    std::uint32_t at_ = kWords;
};

/// The first `count` entries of a random order of 0 .. n-1. Memory: 8 n bytes.
inline std::vector<std::size_t> permutation(std::size_t n, std::size_t count, std::uint32_t seed) {
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    Rng rng(seed);
    for (std::size_t i = 0; i < count && i + 1 < n; ++i) std::swap(order[i], order[i + rng.below(n - i)]);
    order.resize(count);
    return order;
}

}  // namespace lutra::inline LUTRA_ABI_TAG
