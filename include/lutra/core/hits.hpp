// lutra/core/hits.hpp: search results: the k best per query, or all within a radius.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/types.hpp>

#include <cstddef>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// The result of a search: distances [nq, k] and ids [nq, k], in memory of the caller, best first in each row. A slot without a
/// neighbour has id -1 and the worst possible distance.
struct HitsView {
    float* distances = nullptr;
    Id* ids = nullptr;

    HitsView rows_from(std::size_t row, std::size_t k) const { return {distances + row * k, ids + row * k}; }
};

/// The same in memory of its own.
struct Hits {
    Hits() = default;
    Hits(std::size_t queries, std::size_t neighbours)
        : nq(queries), k(neighbours), distances(queries * neighbours), ids(queries * neighbours) {}

    HitsView view() { return {distances.data(), ids.data()}; }

    std::size_t nq = 0, k = 0;
    std::vector<float> distances;  // [nq, k]
    std::vector<Id> ids;           // [nq, k]
};

/// The result of a range search: the hits of query i are [lims[i], lims[i + 1]), in the order given by SearchParams::order.
struct RangeHits {
    std::vector<std::size_t> lims;  // [nq + 1]
    std::vector<float> distances;
    std::vector<Id> ids;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
