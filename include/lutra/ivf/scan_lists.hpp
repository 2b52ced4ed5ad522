// lutra/ivf/scan_lists.hpp: scans the probed lists, in an order that suits one query or a batch.  SPDX-License-Identifier: MIT
//
// Query-major, for one query or for queries that hardly share lists: query by query, nearest list first. List-major, for a batch:
// list by list with all the queries that visit it, so that codes are read once for many queries.
#pragma once
#include <lutra/core/concepts.hpp>
#include <lutra/core/counting_sort.hpp>
#include <lutra/core/ordered.hpp>
#include <lutra/ivf/direct_map.hpp>
#include <lutra/ivf/inverted_lists.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace lutra::inline LUTRA_ABI_TAG {

/// The parts of an index that a search needs, by reference.
template <CoarseQuantizer Coarse, Encoding E>
struct IvfView {
    const Coarse& coarse;
    const E& encoding;
    const InvertedLists& lists;
    Metric metric;

    ListView list(std::size_t l) const { return list(l, 0, lists.size(l)); }
    ListView list(std::size_t l, std::size_t begin, std::size_t end) const {
        ListView view = lists.view(l, begin, end);
        view.location = std::uint64_t(Location{l, begin}.packed());
        view.number = l;
        if (encoding.by_residual()) view.centroid = coarse.centroid(l);
        return view;
    }
};

namespace detail {

// A range search wants every row within the radius, so lists may come in any order: rising, which Order::any asks for.
template <class C>
inline constexpr bool kListsInOrder = std::is_same_v<C, RangeCollector>;

/// A tile of queries, prepared: states [n], collectors [n], probed lists [n, nprobe], and for codes of residuals the distances of
/// those lists' centroids.
template <class State, Collector C>
struct ProbedQueries {
    std::span<const State*> states;
    std::span<C* const> collectors;
    std::span<Id> probes;
    std::span<float> distances;
    std::size_t nprobe = 0;

    std::size_t n() const { return states.size(); }
    /// The distances of `n` probes from p on; empty if none are kept.
    std::span<float> distances_at(std::size_t p, std::size_t n) const {
        return distances.empty() ? distances : distances.subspan(p, n);
    }
};

// Sorts lists in rising order, and their distances, if any, with them.
inline void sort_probes(std::span<Id> lists, std::span<float> distances, Arena& arena) {
    if (distances.empty()) {
        std::sort(lists.begin(), lists.end(), Less());
        return;
    }
    const Arena::Frame frame(arena);
    const auto pairs = arena.take<Pair<Id, float>>(lists.size());
    for (std::size_t p = 0; p < lists.size(); ++p) pairs[p] = {lists[p], distances[p]};
    std::sort(pairs.begin(), pairs.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t p = 0; p < lists.size(); ++p) lists[p] = pairs[p].first, distances[p] = pairs[p].second;
}

template <class Coarse, class E, Collector C>
ProbedQueries<typename E::State, C> prepare(const IvfView<Coarse, E>& ivf, MatrixView q, std::size_t nprobe,
                                            std::span<C* const> collectors, Arena& arena) {
    ProbedQueries<typename E::State, C> queries{
        arena.take<const typename E::State*>(q.n), collectors, arena.take<Id>(q.n * nprobe), {}, nprobe};
    if (ivf.encoding.by_residual()) queries.distances = arena.take<float>(q.n * nprobe);
    ivf.coarse.probe(q, nprobe, queries.probes.data(), queries.distances.data(), arena);
    for (std::size_t i = 0; kListsInOrder<C> && i < q.n; ++i)
        sort_probes(queries.probes.subspan(i * nprobe, nprobe), queries.distances_at(i * nprobe, nprobe), arena);
    for (std::size_t i = 0; i < q.n; ++i) queries.states[i] = ivf.encoding.prepare(ivf.metric, q.row(i), arena);
    return queries;
}

template <class Coarse, class E, class State, Collector C>
void scan_query_major(const IvfView<Coarse, E>& ivf, const ProbedQueries<State, C>& queries, Arena& arena) {
    for (std::size_t i = 0; i < queries.n(); ++i)
        for (std::size_t p = i * queries.nprobe; p < (i + 1) * queries.nprobe; ++p) {
            if (p + 1 < queries.probes.size() && queries.probes[p + 1] != kNoId)
                ivf.lists.prefetch(std::size_t(queries.probes[p + 1]));
            if (const Id list = queries.probes[p]; list != kNoId)
                ivf.encoding.scan(ivf.metric, queries.states.subspan(i, 1), queries.distances_at(p, 1), ivf.list(std::size_t(list)),
                                  queries.collectors.subspan(i, 1), arena);
        }
}

// Scans each query's probes [first_probe, end_probe), list-major. A counting sort finds the queries of each list, in rising order.
template <class Coarse, class E, class State, Collector C>
void scan_list_major(const IvfView<Coarse, E>& ivf, const ProbedQueries<State, C>& queries, std::size_t first_probe,
                     std::size_t end_probe, Arena& arena) {
    const Arena::Frame frame(arena);
    const std::size_t nlist = ivf.lists.nlist();
    const auto first = arena.take<std::uint32_t>(nlist + 1);
    const std::size_t n_probes = queries.n() * (end_probe - first_probe);
    const auto visitors = arena.take<std::uint32_t>(n_probes);
    const auto distances = arena.take<float>(queries.distances.empty() ? 0 : n_probes);  // visitors to centroid
    const auto states = arena.take<const State*>(queries.n());
    const auto collectors = arena.take<C*>(queries.n());
    const auto visit = [&](auto&& f) {
        for (std::size_t i = 0; i < queries.n(); ++i)
            for (std::size_t p = i * queries.nprobe + first_probe; p < i * queries.nprobe + end_probe; ++p)
                if (const Id list = queries.probes[p]; list != kNoId) f(std::size_t(list), i, p);
    };
    counting_sort(first, visit, [&](std::size_t at, std::size_t i, std::size_t p) {
        if (!distances.empty()) distances[at] = queries.distances[p];
        visitors[at] = std::uint32_t(i);
    });
    for (std::size_t l = 0; l < nlist; ++l) {
        const std::size_t begin = first[l], n = first[l + 1] - begin;
        if (n == 0 || ivf.lists.size(l) == 0) continue;
        for (std::size_t i = 0; i < n; ++i)
            states[i] = queries.states[visitors[begin + i]], collectors[i] = queries.collectors[visitors[begin + i]];
        const auto own = distances.empty() ? distances : distances.subspan(begin, n);
        ivf.encoding.scan(ivf.metric, states.first(n), own, ivf.list(l), std::span<C* const>(collectors.first(n)), arena);
    }
}

}  // namespace detail

/// Scans nprobe lists for each query of a tile into collectors [q.n]. Thread-safe with one arena a thread.
template <class Coarse, class E, Collector C>
void scan_lists(const IvfView<Coarse, E>& ivf, MatrixView q, std::size_t nprobe, std::span<C* const> collectors, Arena& arena) {
    const Arena::Frame frame(arena);
    const auto queries = detail::prepare(ivf, q, nprobe, collectors, arena);
    // The counting sort walks over the counters of all lists, probed or not, 1 ns each in either round (Emerald Rapids): 256 for
    // each query are half a microsecond, what a scan of one list of 1,000 4-bit codes takes.
    const bool worth_sorting = q.n >= 2 && ivf.lists.nlist() <= 256 * q.n;
    if (!worth_sorting) return detail::scan_query_major(ivf, queries, arena);
    const std::size_t first_round = detail::kListsInOrder<C> ? 0 : std::min<std::size_t>(E::kFirstLists, nprobe);
    if (first_round != 0) detail::scan_list_major(ivf, queries, 0, first_round, arena);
    if (first_round != nprobe) detail::scan_list_major(ivf, queries, first_round, nprobe, arena);
}

/// A chunk of one list, short enough to be one task.
struct ListChunk {
    std::size_t list = 0, begin = 0, end = 0;
    std::size_t probe = 0;  ///< the list's rank among the query's probes
};

/// Cuts the lists of one query into chunks of `least` vectors (a multiple of the block), or longer ones if that made more than a
/// thousand: so the memory taken from the arena depends on nprobe alone.
inline std::span<ListChunk> cut_lists(const InvertedLists& lists, std::span<const Id> probes, std::size_t least, Arena& arena) {
    constexpr std::size_t kCuts = 1024;
    std::size_t total = 0;
    for (const Id list : probes) total += list != kNoId ? lists.size(std::size_t(list)) : 0;
    const std::size_t most = round_up(std::max(least, total / kCuts), least);
    const auto chunks = arena.take<ListChunk>(probes.size() + kCuts);
    std::size_t n = 0;
    for (std::size_t i = 0; i < probes.size(); ++i)
        if (const Id list = probes[i]; list != kNoId)
            for (std::size_t begin = 0, size = lists.size(std::size_t(list)); begin < size; begin += most)
                chunks[n++] = {std::size_t(list), begin, std::min(size, begin + most), i};
    return chunks.first(n);
}

/// Scans one query with all workers: chunks of its lists are the tasks, worker w collects in own[w], and own[0] takes over the
/// others. `q` has one row; `workspace` is that of the call, and knows its executor.
template <class Coarse, class E>
void scan_one_query_parallel(const IvfView<Coarse, E>& ivf, MatrixView q, std::size_t nprobe, std::span<typename E::Candidates> own,
                             BorrowedWorkspace& workspace) {
    using Candidates = typename E::Candidates;
    constexpr std::size_t kChunk = 1024;  // vectors: tens of microseconds of Flat; less would be spent on taking the task
    Arena& arena = workspace.arena(0);
    const Arena::Frame frame(arena);
    Candidates* const first = own.data();
    const auto query = detail::prepare(ivf, q, nprobe, std::span<Candidates* const>(&first, 1), arena);
    const auto chunks = cut_lists(ivf.lists, query.probes, round_up(kChunk, E::kBlock), arena);
    workspace.resources().executor.for_each(chunks.size(), [&](std::size_t i, std::size_t worker) {
        Candidates* const mine = &own[worker];
        const ListChunk& chunk = chunks[i];
        ivf.encoding.scan(ivf.metric, query.states, query.distances_at(chunk.probe, 1),
                          ivf.list(chunk.list, chunk.begin, chunk.end), std::span<Candidates* const>(&mine, 1),
                          workspace.arena(worker));
    });
    for (std::size_t w = 1; w < own.size(); ++w) own[0].take_over(own[w]);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
