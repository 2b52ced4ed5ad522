// bench/support/measure.hpp: times in alternation, so that a noisy neighbour on the machine hits both sides alike.
// SPDX-License-Identifier: MIT
#pragma once
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <vector>

namespace lutra_bench {

/// Wall time of f().
template <class F>
double seconds(F&& f) {
    const auto start = std::chrono::steady_clock::now();
    f();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

inline double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + std::ptrdiff_t(values.size() / 2), values.end());
    return values[values.size() / 2];
}

/// Each contestant's median seconds over `rounds` rounds A B C A B C ...; one round before them warms up.
inline std::vector<double> alternate(std::size_t rounds, const std::vector<std::function<void()>>& contestants) {
    std::vector<std::vector<double>> times(contestants.size());
    for (std::size_t round = 0; round <= rounds; ++round)
        for (std::size_t i = 0; i < contestants.size(); ++i) {
            const double t = seconds(contestants[i]);
            if (round > 0) times[i].push_back(t);
        }
    std::vector<double> medians;
    for (const std::vector<double>& t : times) medians.push_back(median(t));
    return medians;
}

}  // namespace lutra_bench
