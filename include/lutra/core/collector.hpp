// lutra/core/collector.hpp: where a scan puts what it finds: the k best, or all within a radius.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/id_filter.hpp>
#include <lutra/core/topk.hpp>

#include <concepts>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// What a scan asks of a collector. It reads threshold() often and calls the others only for rows at or below it.
template <class C>
concept Collector = requires(C& c, const C& cc, float score, Id id) {
    { cc.threshold() } -> std::same_as<float>;  // scores above it cannot matter any more
    { cc.wants(id) } -> std::same_as<bool>;     // the caller's id filter
    c.push(score, id);
};

/// The k best of the ids a filter lets through.
struct TopCollector {
    TopK top;
    const IdFilter* filter = nullptr;

    float threshold() const { return top.worst(); }
    bool wants(Id id) const { return filter->accepts(id); }
    void push(float score, Id id) { top.push(score, id); }
};
static_assert(Collector<TopCollector>);

/// Everything strictly nearer than a radius. Allocates: a range search's answer has no bound known before.
struct RangeCollector {
    float radius = 0;  ///< as a score: negated for inner product
    const IdFilter* filter = nullptr;
    std::vector<std::pair<float, Id>> hits = {};

    float threshold() const { return radius; }
    bool wants(Id id) const { return filter->accepts(id); }
    void push(float score, Id id) {
        if (score < radius) hits.emplace_back(score, id);
    }
};
static_assert(Collector<RangeCollector>);

}  // namespace lutra::inline LUTRA_ABI_TAG
