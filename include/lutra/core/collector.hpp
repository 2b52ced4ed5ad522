// lutra/core/collector.hpp: where a scan puts what it finds: the k best, or all within a radius.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/hits.hpp>
#include <lutra/core/id_filter.hpp>
#include <lutra/core/topk.hpp>
#include <lutra/core/workspace.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// What a scan asks of a collector. It reads threshold() often and calls the others only for rows at or below it. Beyond these a
/// collector may offer, as Reservoir does: append(n, score, place, id), which takes many rows at once by their places and applies
/// threshold and filter itself; wants_first(), how many of the very first rows are enough if they are the best; prefetch(). Scores
/// given to append() may be estimates (Encoding::kEstimates). Those given to push() are exact, unless a collector has a member
/// `rough` that is true.
template <class C>
concept Collector = requires(C& c, const C& cc, float score, Id id) {
    { cc.threshold() } -> std::same_as<float>;  // scores above it cannot matter any more
    { cc.wants(id) } -> std::same_as<bool>;     // the caller's id filter
    c.push(score, id);
};

/// A collector of the k best, as a search makes one for each query.
///   make(distances, ids, k, filter, arena)   distances [k], ids [k]: where the answer will be; free to be used before
///   take_over(other)                         everything another one of the same query has found, already filtered
///   write(metric, order, distances, ids)     the answer, -1 behind the last. The last call
template <class C>
concept TopKCollector = Collector<C> && requires(C& c, const C& cc, float* distances, Id* ids, std::size_t k,
                                                 const IdFilter* filter, Arena& arena, Metric metric, Order order) {
    { C::make(distances, ids, k, filter, arena) } -> std::same_as<C>;
    c.take_over(cc);
    c.write(metric, order, distances, ids);
};

/// The k best of the ids a filter lets through, in a heap inside the result row.
struct TopCollector {
    TopK top;
    const IdFilter* filter = nullptr;

    static TopCollector make(float* distances, Id* ids, std::size_t k, const IdFilter* filter, Arena&) {
        return {TopK(distances, ids, k), filter};
    }
    void take_over(const TopCollector& other) {
        other.top.for_each([this](float score, Id id) { top.push(score, id); });
    }
    void write(Metric metric, Order, float*, Id*) { top.write(metric); }

    float threshold() const { return top.worst(); }
    bool wants(Id id) const { return filter->accepts(id); }
    void push(float score, Id id) { top.push(score, id); }
};
static_assert(TopKCollector<TopCollector>);

/// Everything strictly nearer than a radius. Allocates: a range search's answer has no bound known before.
struct RangeCollector {
    float radius = 0;  ///< as a score: negated for inner product
    const IdFilter* filter = nullptr;
    bool rough = false;  ///< estimates will do
    std::vector<std::pair<float, Id>> hits = {};

    float threshold() const { return radius; }
    bool wants(Id id) const { return filter->accepts(id); }
    void push(float score, Id id) {
        if (score < radius) hits.emplace_back(score, id);
    }
    /// Hits that came in the order of the rows; that is what Order::any asks for.
    void arrange(Order order) {
        if (order == Order::best_first) std::sort(hits.begin(), hits.end());
    }
};
static_assert(Collector<RangeCollector>);

/// The answer of a range search: each query's hits, already in order, as distances. If memory runs out `out` is as before.
inline void write_range(Metric metric, const std::vector<RangeCollector>& found, RangeHits& out) {
    std::size_t total = 0;
    for (const RangeCollector& c : found) total += c.hits.size();
    out.lims.reserve(found.size() + 1), out.distances.reserve(total), out.ids.reserve(total);
    out.lims.assign(1, 0), out.distances.clear(), out.ids.clear();
    for (const RangeCollector& c : found) {
        for (const auto& [score, id] : c.hits) {
            out.distances.push_back(distance_of(metric, score));
            out.ids.push_back(id);
        }
        out.lims.push_back(out.ids.size());
    }
}

}  // namespace lutra::inline LUTRA_ABI_TAG
