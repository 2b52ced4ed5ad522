// lutra/encodings/pq4fs/pq4fs_scan.hpp: Pq4FastScan's scan of one list for up to four queries.  SPDX-License-Identifier: MIT
//
// Main path: scan_some() -> for each chunk of rows: scan_chunk(), the kernel, finds those under the limits -> offer() gives them to
// the collectors, by estimates or by exact scores of decoded vectors -> new limits.
#pragma once
#include <lutra/encodings/pq4fs/pq4fs.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace lutra::inline LUTRA_ABI_TAG {

template <Collector C>
void Pq4FastScan::scan_some(Metric metric, std::span<const State* const> states, std::span<const float> distances,
                            const ListView& list, std::span<C* const> collectors, Arena& arena) const {
    const Arena::Frame frame(arena);
    const std::size_t nq = states.size();
    const auto scans = arena.take<Scan<C>>(nq);
    std::array<Pq4Query, kPass> queries;
    std::array<Survivors, kPass> found;
    for (std::size_t q = 0; q < nq; ++q) {
        Scan<C>& scan = scans[q];
        C& collector = *collectors[q];
        scan.query = states[q]->query, scan.collector = &collector, scan.exact = wants_exact(collector);
        scan.lut = lut_for(metric, *states[q], distances.empty() ? 0 : distances[q], list, arena);
        scan.slack = scan.exact ? Pq4Slack(codebook_, metric, scan.lut, scan.query, list.centroid) : Pq4Slack();
        scan.start();
        if constexpr (requires { collector.prefetch(); }) collector.prefetch();
        found[q] = {arena.take<std::uint32_t>(kChunk).data(), arena.take<std::uint32_t>(kChunk).data(), 0};
    }
    const auto decoded = arena.take<float>(codebook_.dim());
    for (std::size_t first = 0; first < list.size; first += kChunk) {
        for (std::size_t q = 0; q < nq; ++q) queries[q] = {scans[q].lut.lut, scans[q].limit, scans[q].lut.factor};
        scan_chunk(list, first, std::min(kChunk, list.size - first), {queries.data(), nq}, {found.data(), nq});
        for (std::size_t q = 0; q < nq; ++q) {
            if (found[q].n == 0) continue;
            offer(scans[q], found[q], list, first,
                  [&](std::size_t offset) { return decoded_score(metric, scans[q].query, list, first + offset, decoded.data()); });
            scans[q].refresh();
        }
    }
}

// Finds survivors among vectors [first, first + n) of the list, at most kPass queries at a time.
inline void Pq4FastScan::scan_chunk(const ListView& list, std::size_t first, std::size_t n, std::span<const Pq4Query> queries,
                                    std::span<Survivors> found) const {
    const Pq4Blocks blocks{list.codes.blocks + first / kBlock * block_bytes(), (n + kBlock - 1) / kBlock, padded<Layout>(m())};
    switch (queries.size()) {
        case 1:
            scan_blocks<1>(blocks, queries, found);
            break;
        case 2:
            scan_blocks<2>(blocks, queries, found);
            break;
        case 3:
            scan_blocks<3>(blocks, queries, found);
            break;
        default:
            scan_blocks<kPass>(blocks, queries, found);
    }
    for (Survivors& f : found)
        while (f.n != 0 && f.offsets[f.n - 1] >= n) --f.n;  // slots past the end of the list
}

// The kernel is compiled for each number of queries.
template <std::size_t Q>
void Pq4FastScan::scan_blocks(const Pq4Blocks& blocks, std::span<const Pq4Query> queries, std::span<Survivors> found) const {
    std::array<Pq4Query, Q> own;
    std::array<Survivors, Q> own_found;
    std::copy_n(queries.begin(), Q, own.begin()), std::copy_n(found.begin(), Q, own_found.begin());
    if (terms_.used())
        scan_pq4<true>(Kernel{}, blocks, own, own_found);
    else
        scan_pq4<false>(Kernel{}, blocks, own, own_found);
    std::copy(own_found.begin(), own_found.end(), found.begin());
}

// Passes the survivors to the collector, by estimates or by exact(offset).
template <Collector C, class Exact>
void Pq4FastScan::offer(const Scan<C>& scan, Survivors found, const ListView& list, std::size_t first, Exact&& exact) {
    C& collector = *scan.collector;
    const IdRun ids = list.ids + first;
    const auto score = [&](std::size_t i) { return scan.exact ? exact(found.offsets[i]) : scan.lut.score(found.sums[i]); };
    if constexpr (kAppends<C>) {
        if (!scan.exact) keep_least(collector.wants_first(), scan.lut, found);
        std::array<float, C::kRun> scores;
        for (std::size_t begin = 0; begin < found.n; begin += C::kRun) {
            const std::size_t n = std::min(C::kRun, found.n - begin);
            const std::uint32_t* const offsets = found.offsets + begin;
            for (std::size_t i = 0; i < n; ++i) scores[i] = score(begin + i);
            const auto id = [ids, offsets](std::size_t i) { return ids[offsets[i]]; };
            // A candidate of a refine stage is known by its id: whose row comes next is not looked up again.
            const auto location = [&, base = list.location + first, by_id = collector.rough](std::size_t i) {
                return by_id ? std::uint64_t(id(i)) : base + offsets[i];
            };
            collector.append({scores.data(), n}, location, id);
        }
    } else {
        for (std::size_t i = 0; i < found.n; ++i) {
            const Id id = ids[found.offsets[i]];
            if (!collector.wants(id)) continue;
            if (const float s = score(i); s <= collector.threshold()) collector.push(s, id);
        }
    }
}

}  // namespace lutra::inline LUTRA_ABI_TAG
