// lutra/ivf/ivf_search.hpp: searching an Ivf: tiles of queries, candidates, and what is made of them.  SPDX-License-Identifier: MIT
//
// Main path: search() -> a tile of queries for a worker -> scan_lists() -> write_best(). Few queries and many rows: each query is
// shared by all workers (search_shared()).
#pragma once
#include <lutra/ivf/ivf.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::search(MatrixView q, std::size_t k, HitsView out, const SearchParams& params,
                              const Resources& resources) const {
    return guarded("search", [&]() -> Status {
        LUTRA_TRY(check_search(q));
        if (k == 0) return {Errc::bad_argument, "search: k = 0; at least one neighbour must be asked for"};
        BorrowedWorkspace workspace(resources);
        LUTRA_TRY(workspace.check_room("search", [&] { return search_bytes(q.n, k, params); }));
        const std::size_t nprobe = effective_nprobe(params);
        if (q.n < resources.executor.workers() && worth_sharing(nprobe))
            search_shared(q, k, out, nprobe, params, workspace);
        else
            for_query_tiles(q, nprobe, resources.executor, [&](std::size_t begin, std::size_t end, std::size_t worker) {
                search_tile(q.rows(begin, end), k, out.rows_from(begin, k), nprobe, params, workspace.arena(worker));
            });
        return {};
    });
}

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::range_search(MatrixView q, float radius, RangeHits& out, const SearchParams& params,
                                    const Resources& resources) const {
    return guarded("search", [&]() -> Status {
        LUTRA_TRY(check_search(q));
        BorrowedWorkspace workspace(resources);
        LUTRA_TRY(workspace.check_room("search", [&] { return search_bytes(q.n, 1, params); }));
        std::vector<RangeCollector> found(
            q.n, RangeCollector{metric_ == Metric::l2 ? radius : -radius, &params.filter, params.order == Order::rough});
        for_query_tiles(
            q, effective_nprobe(params), resources.executor, [&](std::size_t begin, std::size_t end, std::size_t worker) {
                Arena& arena = workspace.arena(worker);
                const Arena::Frame frame(arena);
                const auto collectors = arena.take<RangeCollector*>(end - begin);
                for (std::size_t i = begin; i < end; ++i) collectors[i - begin] = &found[i];
                scan_lists<Coarse, E, RangeCollector>(view(), q.rows(begin, end), effective_nprobe(params), collectors, arena);
                for (std::size_t i = begin; i < end; ++i) found[i].arrange(params.order);
            });
        write_range(metric_, found, out);
        return {};
    });
}

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::visit_range(MatrixView q, float radius, const RangeSink& sink, const SearchParams& params,
                                   const Resources& resources) const {
    return guarded("search", [&]() -> Status {
        LUTRA_TRY(check_search(q));
        BorrowedWorkspace workspace(resources);
        LUTRA_TRY(workspace.check_room("search", [&] { return search_bytes(1, 1, params); }));
        RangeCollector found{metric_ == Metric::l2 ? radius : -radius, &params.filter, params.order == Order::rough, {}, &sink};
        RangeCollector* const collector = &found;
        scan_lists<Coarse, E, RangeCollector>(view(), q.rows(0, 1), effective_nprobe(params),
                                              std::span<RangeCollector* const>(&collector, 1), workspace.arena(0));
        return {};
    });
}

template <CoarseQuantizer Coarse, Encoding E>
std::size_t Ivf<Coarse, E>::queries_of_tile(std::size_t d, std::size_t nprobe) {
    constexpr std::size_t kProbes = std::size_t{1} << 20;  // probed lists of a tile, 12 bytes each: 12 MB for each worker
    // Queries of a tile have 4 million columns in all, 4 MB as bytes, unless that is fewer than kFew.
    constexpr std::size_t kColumns = std::size_t{1} << 22, kFew = 4096;
    const std::size_t by_room = std::min(std::max<std::size_t>(16, kProbes / nprobe), std::max(kFew, kColumns / d));
    return std::min<std::size_t>(E::kQueryTile, by_room);
}

// The sum of what is taken at a time, along the calls of search_tile(). Of calls one after the other the larger counts.
template <CoarseQuantizer Coarse, Encoding E>
std::size_t Ivf<Coarse, E>::search_bytes(std::size_t nq, std::size_t k, const SearchParams& params) const {
    const std::size_t nprobe = effective_nprobe(params), n = std::min(nq, queries_of_tile(d_, nprobe));
    std::size_t collected = Candidates::bytes(k), decoded = 0;
    if constexpr (E::kEstimates) {
        if (params.order != Order::rough) {
            collected = Candidates::bytes(std::max(k, std::min(encoding_.with_estimates(k), ntotal_)));
            decoded = arena_bytes<float>(Candidates::kGroup * d_);
        }
    }
    return arena_bytes<Candidates>(n) + arena_bytes<void*>(n) + n * collected + std::max(scan_lists_bytes(n, nprobe), decoded);
}

// What scan_lists() takes.
template <CoarseQuantizer Coarse, Encoding E>
std::size_t Ivf<Coarse, E>::scan_lists_bytes(std::size_t nq, std::size_t nprobe) const {
    const std::size_t n_probes = nq * nprobe;
    const ArenaNeed query = encoding_.prepare_bytes();
    const std::size_t distances = arena_bytes<float>(encoding_.by_residual() ? n_probes : 0);
    const std::size_t sorted = arena_bytes<std::uint32_t>(nlist_ + 1) + arena_bytes<std::uint32_t>(n_probes) + distances +
                               2 * arena_bytes<void*>(nq);  // scan_list_major()
    const std::size_t scanned = encoding_.scan_bytes(nq) + (nq >= 2 && nlist_ <= 256 * nq ? sorted : 0);
    return arena_bytes<void*>(nq) + arena_bytes<Id>(n_probes) + distances +
           std::max(coarse_.probe_bytes(nq, nprobe),
                    nq * query.kept + std::max({query.passing, scanned, arena_bytes<detail::Pair<Id, float>>(nprobe)}));
}

template <CoarseQuantizer Coarse, Encoding E>
template <class F>
void Ivf<Coarse, E>::for_query_tiles(MatrixView q, std::size_t nprobe, const Executor& executor, F&& f) {
    const std::size_t most = queries_of_tile(q.d, nprobe);
    executor.for_ranges(q.n, std::min(most, (q.n + executor.workers() - 1) / executor.workers()), f);
}

// Of so many candidates the k best are found: somewhat more than k if scores are estimates.
template <CoarseQuantizer Coarse, Encoding E>
auto Ivf<Coarse, E>::make_candidates(std::size_t k, HitsView row, const SearchParams& params, Arena& arena) const -> Candidates {
    if constexpr (E::kEstimates) {
        if (params.order == Order::rough) return Candidates(k, &params.filter, arena);
        const std::size_t n = std::max(k, std::min(encoding_.with_estimates(k), ntotal_));
        return Candidates(n, &params.filter, arena, location_ids(), false);
    } else {
        return Candidates::make(row.distances, row.ids, k, &params.filter, arena);
    }
}

// Writes the k best of one query's candidates; if scores are estimates, by the exact scores of their decoded vectors.
template <CoarseQuantizer Coarse, Encoding E>
void Ivf<Coarse, E>::write_best(const float* q, std::size_t k, Candidates& found, HitsView row, Order order, Arena& arena) const {
    if constexpr (E::kEstimates) {
        const Arena::Frame frame(arena);
        const auto rows = order != Order::rough ? arena.take<float>(Candidates::kGroup * d_) : std::span<float>();
        const auto prefetch = [&](std::uint64_t location) {
            const Location p = location_in(lists_, location);
            prefetch_bytes(lists_.block_of(p.list, p.offset).blocks, encoding_.block_bytes());
        };
        const auto score = [&](const std::uint64_t* locations, std::size_t n, float* scores) {
            for (std::size_t i = 0; i < n; ++i) decode(location_in(lists_, locations[i]), rows.data() + i * d_);
            score_rows(metric_, q, rows.data(), n, d_, scores);
            // A decoded vector whose distance overflows stays a candidate: the row it stands for may be nearer.
            for (std::size_t i = 0; i < n; ++i) scores[i] = std::min(scores[i], std::numeric_limits<float>::max());
        };
        if (order != Order::rough) found.rescore(k, prefetch, score);
    }
    found.write(metric_, order, row.distances, row.ids);
}

template <CoarseQuantizer Coarse, Encoding E>
void Ivf<Coarse, E>::search_tile(MatrixView q, std::size_t k, HitsView out, std::size_t nprobe, const SearchParams& params,
                                 Arena& arena) const {
    const Arena::Frame frame(arena);
    const auto candidates = arena.take<Candidates>(q.n);
    const auto collectors = arena.take<Candidates*>(q.n);
    for (std::size_t i = 0; i < q.n; ++i) {
        candidates[i] = make_candidates(k, out.rows_from(i, k), params, arena);
        collectors[i] = &candidates[i];
    }
    scan_lists<Coarse, E, Candidates>(view(), q, nprobe, collectors, arena);
    for (std::size_t i = 0; i < q.n; ++i) write_best(q.row(i), k, candidates[i], out.rows_from(i, k), params.order, arena);
}

template <CoarseQuantizer Coarse, Encoding E>
void Ivf<Coarse, E>::search_shared(MatrixView q, std::size_t k, HitsView out, std::size_t nprobe, const SearchParams& params,
                                   BorrowedWorkspace& workspace) const {
    Arena& arena = workspace.arena(0);
    for (std::size_t i = 0; i < q.n; ++i) {
        const Arena::Frame frame(arena);
        const auto own = arena.take<Candidates>(workspace.resources().executor.workers());
        for (std::size_t w = 0; w < own.size(); ++w) {
            const HitsView row = w == 0 ? out.rows_from(i, k) : HitsView{arena.take<float>(k).data(), arena.take<Id>(k).data()};
            own[w] = make_candidates(k, row, params, arena);
        }
        scan_one_query_parallel(view(), q.rows(i, i + 1), nprobe, own, workspace);
        write_best(q.row(i), k, own[0], out.rows_from(i, k), params.order, arena);
    }
}

}  // namespace lutra::inline LUTRA_ABI_TAG
