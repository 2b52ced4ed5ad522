// lutra/coarse/one_list.hpp: no partition: every row is in list 0. Ivf<OneList, E> is an exhaustive index.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/concepts.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>

namespace lutra::inline LUTRA_ABI_TAG {

class OneList {
public:
    static constexpr bool learns() { return false; }
    OneList untrained() const { return {}; }
    Status build(AlignedVector<float>, std::size_t, std::size_t, Metric, const Resources& = {}) { return {}; }
    std::size_t nlist() const { return 1; }
    void probe(MatrixView q, std::size_t nprobe, Id* lists, float*, Arena&) const { std::fill_n(lists, q.n * nprobe, Id{0}); }
    static constexpr std::size_t probe_bytes(std::size_t, std::size_t) { return 0; }
    void assign(MatrixView x, Id* lists, Arena&) const { std::fill_n(lists, x.n, Id{0}); }
    static constexpr bool takes_lengths() { return false; }
    static constexpr bool wants_spreads() { return false; }
    void set_spreads(std::span<const float>) {}
    const float* centroid(std::size_t) const { return nullptr; }
    std::string token() const { return {}; }
    Status save(Writer&, std::size_t, Metric) const { return {}; }  // no centroids, no record
};
static_assert(CoarseQuantizer<OneList>);

}  // namespace lutra::inline LUTRA_ABI_TAG
