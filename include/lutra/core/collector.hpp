// lutra/core/collector.hpp: collectors receive the results of a scan: the k best, or all within a radius. The contracts Collector
// and TopKCollector, and the two plain models; reservoir.hpp has the fast one.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/hits.hpp>
#include <lutra/core/id_filter.hpp>
#include <lutra/core/ordered.hpp>
#include <lutra/core/topk.hpp>
#include <lutra/core/workspace.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <limits>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// What a scan requires of a collector. The scan reads threshold() often and calls the other members only for rows at or below it.
/// Scores given to push() are exact, unless the collector has a member `rough` that is true.
///
/// Optional, as in Reservoir:
///   append(scores, location, id)     at most kRun candidates at once, by location(i); id(i) gives their ids. The collector applies
///                                    threshold and filter itself, and scores may be estimates (Encoding::kEstimates)
///   wants_first()                    how many of the best of the first candidates suffice
///   prefetch()
template <class C>
concept Collector = requires(C& c, const C& cc, float score, Id id) {
    { cc.threshold() } -> std::same_as<float>;  // higher scores cannot enter any more
    { cc.wants(id) } -> std::same_as<bool>;     // the caller's id filter
    c.push(score, id);
};

/// A collector of the k best; a search makes one per query.
///   make(distances, ids, k, filter, arena)   distances [k], ids [k] will hold the result; they may serve as scratch memory before
///   bytes(k)                                 what make() takes from the arena
///   take_over(other)                         adds the results of another collector of the same query, already filtered
///   write(metric, order, distances, ids)     writes the result, -1 behind the last hit. The last call
template <class C>
concept TopKCollector = Collector<C> && requires(C& c, const C& cc, float* distances, Id* ids, std::size_t k,
                                                 const IdFilter* filter, Arena& arena, Metric metric, Order order) {
    { C::make(distances, ids, k, filter, arena) } -> std::same_as<C>;
    { C::bytes(k) } -> std::same_as<std::size_t>;
    c.take_over(cc);
    c.write(metric, order, distances, ids);
};

/// The k best that pass the id filter, in a heap inside the result row.
struct TopCollector {
    TopK top;
    const IdFilter* filter = nullptr;

    static constexpr std::size_t bytes(std::size_t) { return 0; }
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

/// Receives the hits of a range search one by one, in any order: a function of the caller's.
struct RangeSink {
    void* context = nullptr;
    void (*take)(void* context, float score, Id id) = nullptr;  // score: as in RangeCollector
};

/// Every vector strictly nearer than a radius. Without a sink it allocates: the number of hits is not known beforehand.
struct RangeCollector {
    float radius = 0;  ///< as a score: negated for inner product
    const IdFilter* filter = nullptr;
    bool rough = false;  ///< estimated scores are good enough
    std::vector<detail::Pair<float, Id>> hits = {};
    const RangeSink* sink = nullptr;  ///< instead of hits

    float threshold() const { return radius; }
    bool wants(Id id) const { return filter->accepts(id); }
    void push(float score, Id id) {
        if (!(score < radius)) return;
        sink != nullptr ? sink->take(sink->context, score, id) : void(hits.push_back({score, id}));
    }
    /// Sorts the hits for best_first. They arrive in the order of the rows, which Order::any asks for.
    void arrange(Order order) {
        if (order == Order::best_first) std::sort(hits.begin(), hits.end());
    }
};
static_assert(Collector<RangeCollector>);

/// Writes the result of a range search: each query's hits, already in order, as distances. If memory runs out `out` is unchanged.
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
