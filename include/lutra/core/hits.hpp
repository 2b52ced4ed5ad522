// lutra/core/hits.hpp: search results: the k best per query, or all within a radius; and row(), the neighbours of one query.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/types.hpp>

#include <cstddef>
#include <iterator>
#include <span>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// The neighbours of one query in the order they were written in, without empty slots. A view of the hits it came from.
///   for (const auto [id, distance] : hits.row(i)) ...
struct HitRow {
    std::span<const Id> ids;           // [size()]
    std::span<const float> distances;  // [size()]

    struct Hit {
        Id id = kNoId;
        float distance = 0;
    };

    std::size_t size() const { return ids.size(); }
    bool empty() const { return ids.empty(); }
    Hit operator[](std::size_t j) const { return {ids[j], distances[j]}; }

    class Iterator {
    public:
        using value_type = Hit;
        using difference_type = std::ptrdiff_t;

        Iterator() = default;
        Iterator(const Id* id, const float* distance) : id_(id), distance_(distance) {}
        Hit operator*() const { return {*id_, *distance_}; }
        Iterator& operator++() { return ++id_, ++distance_, *this; }
        Iterator operator++(int) {
            const Iterator before = *this;
            return ++*this, before;
        }
        bool operator==(const Iterator& other) const { return id_ == other.id_; }

    private:
        const Id* id_ = nullptr;
        const float* distance_ = nullptr;
    };
    Iterator begin() const { return {ids.data(), distances.data()}; }
    Iterator end() const { return {ids.data() + ids.size(), distances.data() + distances.size()}; }
};
static_assert(std::forward_iterator<HitRow::Iterator>);

namespace detail {
/// The neighbours in a row of k slots. Empty slots are behind the others.
inline HitRow row_of(const Id* ids, const float* distances, std::size_t k) {
    while (k > 0 && ids[k - 1] == kNoId) --k;
    return {{ids, k}, {distances, k}};
}
}  // namespace detail

/// The result of a search: distances [nq, k] and ids [nq, k], in memory of the caller, best first in each row. A slot without a
/// neighbour has id -1 and the worst possible distance; such slots are behind the others.
struct HitsView {
    float* distances = nullptr;
    Id* ids = nullptr;

    HitsView rows_from(std::size_t row, std::size_t k) const { return {distances + row * k, ids + row * k}; }
    /// The neighbours of query i, at most k.
    HitRow row(std::size_t i, std::size_t k) const { return detail::row_of(ids + i * k, distances + i * k, k); }
};

/// The same in memory of its own.
struct Hits {
    Hits() = default;
    Hits(std::size_t queries, std::size_t neighbours)
        : nq(queries), k(neighbours), distances(queries * neighbours), ids(queries * neighbours) {}

    HitsView view() { return {distances.data(), ids.data()}; }
    /// The neighbours of query i < nq, at most k. Needs: a search has filled the hits. They must outlive the row, so that of a
    /// temporary does not compile: `const Hits hits = search(...).value(); for (const auto [id, distance] : hits.row(i)) ...`.
    HitRow row(std::size_t i) const& { return detail::row_of(ids.data() + i * k, distances.data() + i * k, k); }
    HitRow row(std::size_t i) const&& = delete;

    std::size_t nq = 0, k = 0;
    std::vector<float> distances;  // [nq, k]
    std::vector<Id> ids;           // [nq, k]
};

/// The result of a range search: the hits of query i are [lims[i], lims[i + 1]), in the order given by SearchParams::order.
struct RangeHits {
    std::vector<std::size_t> lims;  // [nq + 1]
    std::vector<float> distances;
    std::vector<Id> ids;

    /// The hits of query i < nq. Needs: a search has filled the hits, which must outlive the row, as with Hits.
    HitRow row(std::size_t i) const& {
        LUTRA_ASSERT(i + 1 < lims.size());
        const std::size_t begin = lims[i], n = lims[i + 1] - begin;
        return {{ids.data() + begin, n}, {distances.data() + begin, n}};
    }
    HitRow row(std::size_t i) const&& = delete;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
