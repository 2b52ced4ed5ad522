// lutra/core/random.hpp: seeded random numbers that are the same on every platform.
// The engine is std::mt19937, whose output the standard fixes; the distributions of <random> are not fixed, so they are
// not used. permutation() draws as faiss does (identity, then swap i with i + next mod (n - i)), so that training samples
// agree.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/config.hpp>

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

class Rng {
public:
    explicit Rng(std::uint32_t seed) : engine_(seed) {}

    std::uint32_t next() { return std::uint32_t(engine_()); }
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
    std::mt19937 engine_;
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
