// lutra/encodings/flat/flat_scan.hpp: Flat's scan of one list: bytes propose rows, their floats decide.
// SPDX-License-Identifier: MIT
//
// Main path: scan() -> scan_bytes(): for each run of rows that stays in the L1 cache, for each few queries -> scan_some(): the
// kernel finds the rows that may score at or below each query's threshold -> offer() scores them exactly and gives them to the
// collector. With AMX, scan_tiles() does so for 32 queries at a time.
#pragma once
#include <lutra/core/prefetch.hpp>
#include <lutra/encodings/flat/flat.hpp>
#include <lutra/kernels/byte_tiles.hpp>
#include <lutra/kernels/scan_rows.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

template <Collector C>
void Flat::scan(Metric metric, std::span<const State* const> queries, std::span<const float>, ListView list,
                std::span<C* const> collectors, Arena& arena) const {
    const Arena::Frame frame(arena);
    const auto states = arena.take<const State*>(queries.size());
    const auto theirs = arena.take<C*>(queries.size());
    const bool by_bytes = bytes_pay(queries.size());
    std::size_t n = 0, others = queries.size();  // by bytes from the front, by floats from the back
    for (std::size_t i = 0; i < queries.size(); ++i) {
        const std::size_t at = by_bytes && queries[i]->usable ? n++ : --others;
        states[at] = queries[i], theirs[at] = collectors[i];
    }
    if (n < states.size()) scan_floats<C>(metric, states.subspan(n), list, theirs.subspan(n), arena);
    if constexpr (kHasBytes) {
        if (n != 0 && !has_floats()) scan_bytes<true, C>(metric, states.first(n), list, theirs.first(n), arena);
        if (n != 0 && has_floats()) scan_bytes<false, C>(metric, states.first(n), list, theirs.first(n), arena);
    }
}

template <Collector C>
void Flat::scan_floats(Metric metric, std::span<const State* const> queries, ListView list, std::span<C* const> collectors,
                       Arena& arena) const {
    const Arena::Frame frame(arena);
    const auto rows = arena.take<const float*>(queries.size());
    for (std::size_t i = 0; i < queries.size(); ++i) rows[i] = queries[i]->row;
    if (has_floats() && is_aligned<float>(list.codes.rows))
        return scan_rows<C>(metric, {float_row(list, 0), list.ids, list.size, d_}, rows, collectors, arena);
    // Whole bytes; or floats that are used in place, at an address where none may be read.
    constexpr std::size_t kAhead = 4096;  // bytes: prefetchers stop at the end of a page
    const std::size_t most = decoded_together(queries.size());
    const auto decoded = arena.take<float>(most * d_);
    for (std::size_t j = 0; j < list.size; j += most) {
        const std::size_t n = std::min(most, list.size - j);
        for (std::size_t i = 0; i < n; ++i) {
            const std::size_t ahead = (j + i) * row_bytes() + kAhead;
            if (ahead < list.size * row_bytes()) prefetch_bytes(list.codes.rows + ahead, row_bytes());
            decode(list.codes, j + i, nullptr, decoded.data() + i * d_);
        }
        scan_rows<C>(metric, {decoded.data(), list.ids + j, n, d_}, rows, collectors, arena);
    }
}

template <bool Whole, Collector C>
void Flat::scan_bytes(Metric metric, std::span<const State* const> queries, ListView list, std::span<C* const> collectors,
                      Arena& arena) const {
    constexpr std::size_t kMost = kByteQueries, kHalf = (kMost + 1) / 2;
#if LUTRA_HAS_TILES
    while (queries.size() >= TileQueries::kLeast && tiles_granted()) {
        constexpr std::size_t kSlice = 512;  // queries whose codes are copied at a time; a list is read from L2 once for each slice
        std::size_t n = std::min(kSlice, queries.size());
        if (n % TileQueries::kMost < TileQueries::kLeast) n -= n % TileQueries::kMost;
        scan_tiles<Whole, C>(metric, queries.first(n), list, collectors.first(n), arena);
        queries = queries.subspan(n), collectors = collectors.subspan(n);
    }
    if (queries.empty()) return;
#endif
    const Arena::Frame frame(arena);
    const std::size_t run = rows_at_once(queries.size());
    std::array<ByteSurvivors, kMost> found;
    take_room(run, found, arena);
    for_runs<C>(list, run, collectors, [&](const ListView& part) {
        const auto scan_from = [&]<std::size_t Q>(std::size_t i, std::integral_constant<std::size_t, Q>) {
            scan_some<Whole, Q>(metric, queries.data() + i, part, collectors.data() + i, found.data(), arena);
        };
        std::size_t i = 0;
        for (; i + kMost <= queries.size(); i += kMost) scan_from(i, std::integral_constant<std::size_t, kMost>());
        for (; i + kHalf <= queries.size(); i += kHalf) scan_from(i, std::integral_constant<std::size_t, kHalf>());
        for (; i < queries.size(); ++i) scan_from(i, std::integral_constant<std::size_t, 1>());
    });
}

inline std::size_t Flat::scan_bytes(std::size_t n) const {
    const std::size_t pointers = 2 * arena_bytes<void*>(n);
    const std::size_t by_floats = arena_bytes<void*>(n) +
                                  arena_bytes<float>(std::max(decoded_together(n), decoded_together(1)) * d_) +
                                  scan_rows_bytes(n, d_);
    if (!in_blocks()) return pointers + by_floats;
    const auto found = [](std::size_t queries, std::size_t run) { return queries * 2 * arena_bytes<std::uint32_t>(run + kBlock); };
    std::size_t by_bytes = found(kByteQueries, std::max(rows_at_once(n), rows_at_once(1)));
#if LUTRA_HAS_TILES
    const std::size_t codes = arena_bytes<std::int8_t>(round_up(n, TileQueries::kTile) * TileQueries::pitch_for(code_.padded()));
    if (n >= TileQueries::kLeast)
        by_bytes = std::max(by_bytes, codes + found(TileQueries::kMost, rows_of_tiles()) + detail::kTileSumBytes);
#endif
    return pointers + std::max(by_floats, by_bytes + arena_bytes<float>(d_));
}

inline void Flat::take_room(std::size_t run, std::span<ByteSurvivors> found, Arena& arena) {
    for (ByteSurvivors& f : found)
        f = {arena.take<std::uint32_t>(run + kBlock).data(), arena.take<std::int32_t>(run + kBlock).data(), 0};
}

// Calls f(part) for runs of rows of a list; for short ones as long as a collector takes all, so that few rows are scored for nothing.
template <Collector C, class F>
void Flat::for_runs(const ListView& list, std::size_t run, std::span<C* const> collectors, F&& f) const {
    constexpr std::size_t kFirst = 64;
    const auto takes_all = [](const C* c) { return c->threshold() == std::numeric_limits<float>::infinity(); };
    bool first = true;
    for (std::size_t j = 0, n = 0; j < list.size; j += n) {
        first = first && std::any_of(collectors.begin(), collectors.end(), takes_all);
        n = std::min(first ? kFirst : run, list.size - j);
        f(ListView{from(list.codes, j), list.ids + j, n});
    }
}

template <bool Whole, Collector C>
void Flat::offer_all(Metric metric, const State* const* queries, const ListView& part, std::span<const ByteSurvivors> found,
                     C* const* collectors, Arena& arena) const {
    for (std::size_t q = 0; q < found.size(); ++q)
        if (found[q].n != 0) offer<Whole>(metric, *queries[q], part, found[q], *collectors[q], arena);
}

template <bool Whole, std::size_t Q, Collector C>
void Flat::scan_some(Metric metric, const State* const* queries, const ListView& part, C* const* collectors, ByteSurvivors* found,
                     Arena& arena) const {
    std::array<ByteQuery, Q> asked;
    for (std::size_t q = 0; q < Q; ++q) asked[q] = queries[q]->at(collectors[q]->threshold());
    byte_scan<Whole>(BestBytes{}, groups_of(part), asked, found);
    offer_all<Whole, C>(metric, queries, part, {found, Q}, collectors, arena);
}

#if LUTRA_HAS_TILES
// Queries 32 at a time.
template <bool Whole, Collector C>
void Flat::scan_tiles(Metric metric, std::span<const State* const> queries, ListView list, std::span<C* const> collectors,
                      Arena& arena) const {
    constexpr std::size_t kMost = TileQueries::kMost;
    const Arena::Frame frame(arena);
    const std::size_t run = rows_of_tiles(), pitch = TileQueries::pitch_for(code_.padded());
    const auto codes = arena.take<std::int8_t>(round_up(queries.size(), TileQueries::kTile) * pitch);
    for (std::size_t i = 0; i < queries.size(); ++i) {
        std::memcpy(codes.data() + i * pitch, queries[i]->query.codes.codes, code_.padded());
        TileQueries::pad(codes.data() + i * pitch, code_.padded());
    }
    std::array<ByteSurvivors, kMost> found;
    take_room(run, found, arena);
    TileQueries some;
    some.pitch = pitch;
    for_runs<C>(list, run, collectors, [&](const ListView& part) {
        for (std::size_t i = 0; i < queries.size(); i += kMost) {
            some.n = std::min(kMost, queries.size() - i), some.codes = codes.data() + i * pitch;
            for (std::size_t q = 0; q < some.n; ++q) some.each[q] = queries[i + q]->at(collectors[i + q]->threshold());
            byte_scan<Whole>(groups_of(part), some, found.data(), arena);
            offer_all<Whole, C>(metric, queries.data() + i, part, std::span(found).first(some.n), collectors.data() + i, arena);
        }
    });
}
#endif

// Scores survivors exactly. Those behind the end of the list are slots without a row.
template <bool Whole, Collector C>
void Flat::offer(Metric metric, const State& query, const ListView& part, ByteSurvivors found, C& collector, Arena& arena) const {
    constexpr std::size_t kAhead = 4;  // rows: a score takes 25 ns, memory 100
    while (found.n != 0 && found.offsets[found.n - 1] >= part.size) --found.n;
    const auto push = [&](float score, Id id) {
        if (score <= collector.threshold() && collector.wants(id)) collector.push(score, id);
    };
    if (Whole && query.exact) {
        for (std::size_t i = 0; i < found.n; ++i)
            push(query.score(base_of(part, found.offsets[i]), found.dots[i]), part.ids[found.offsets[i]]);
        return;
    }
    const Arena::Frame frame(arena);
    float* const decoded = Whole ? arena.take<float>(d_).data() : nullptr;
    for (std::size_t i = 0; i < found.n + kAhead; ++i) {
        if (!Whole && i < found.n) prefetch_bytes(float_row(part, found.offsets[i]), d_ * sizeof(float));
        if (i < kAhead) continue;
        const std::size_t j = found.offsets[i - kAhead];
        if (Whole) decode(part.codes, j, nullptr, decoded);
        push(score_row(metric, query.row, Whole ? decoded : float_row(part, j), d_), part.ids[j]);
    }
}

}  // namespace lutra::inline LUTRA_ABI_TAG
