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

namespace lutra::inline LUTRA_ABI_TAG {

template <std::size_t Q, Collector C>
void Pq4FastScan::scan_some(Metric metric, const State* const* states, const float* distances, const ListView& list,
                            C* const* collectors, Arena& arena) const {
    const Arena::Frame frame(arena);
    std::array<Scan<C>, Q> scans;
    std::array<Survivors, Q> found;
    for (std::size_t q = 0; q < Q; ++q) {
        scans[q].lut = lut_for(metric, *states[q], distances != nullptr ? distances[q] : 0, list, arena);
        scans[q].collector = collectors[q];
        if (wants_exact(*collectors[q]))
            scans[q].slack = Pq4Slack(codebook_, metric, scans[q].lut, states[q]->query, list.centroid);
        scans[q].start();
        if constexpr (requires { collectors[q]->prefetch(); }) collectors[q]->prefetch();
        found[q] = {arena.take<std::uint32_t>(kChunk).data(), arena.take<std::uint32_t>(kChunk).data(), 0};
    }
    const auto decoded = arena.take<float>(codebook_.dim());
    for (std::size_t first = 0; first < list.size;) {
        const std::size_t n = std::min(kChunk, list.size - first);
        scan_chunk(list, first, n, scans, found);
        for (std::size_t q = 0; q < Q; ++q) {
            if (found[q].n == 0) continue;
            const auto exact = [&](std::size_t offset) {
                return decoded_score(metric, states[q]->query, list, first + offset, decoded.data());
            };
            const auto rough = [lut = scans[q].lut, sums = found[q].sums](std::size_t i) { return lut.score(sums[i]); };
            if (wants_exact(*collectors[q]))
                offer(found[q], list, first, *collectors[q], [&](std::size_t i) { return exact(found[q].offsets[i]); });
            else {
                if constexpr (kAppends<C>) keep_least(collectors[q]->wants_first(), scans[q].lut, found[q]);
                offer(found[q], list, first, *collectors[q], rough);
            }
            scans[q].refresh();
        }
        first += n;
    }
}

template <std::size_t Q, Collector C>
void Pq4FastScan::scan_chunk(const ListView& list, std::size_t first, std::size_t n, std::array<Scan<C>, Q>& scans,
                             std::array<Survivors, Q>& found) const {
    std::array<Pq4Query, Q> queries;
    for (std::size_t q = 0; q < Q; ++q) queries[q] = {scans[q].lut.lut, scans[q].limit, scans[q].lut.factor};
    const Pq4Blocks blocks{list.codes + first / kBlock * block_bytes(), (n + kBlock - 1) / kBlock, padded<Layout>(m())};
    if (terms_.used())
        scan_pq4<true>(Kernel{}, blocks, queries, found);
    else
        scan_pq4<false>(Kernel{}, blocks, queries, found);
    for (std::size_t q = 0; q < Q; ++q) {
        while (found[q].n != 0 && found[q].offsets[found[q].n - 1] >= n) --found[q].n;  // slots past the end of the list
    }
}

// Passes the survivors to the collector, with score(i).
template <Collector C, class Score>
void Pq4FastScan::offer(const Survivors& found, const ListView& list, std::size_t first, C& collector, Score&& score) {
    const auto id = [ids = list.ids + first, offsets = found.offsets](std::size_t i) { return ids[offsets[i]]; };
    if constexpr (kAppends<C>) {
        for (std::size_t begin = 0; begin < found.n; begin += Reservoir::kRun) {
            const std::size_t n = std::min(Reservoir::kRun, found.n - begin);
            const auto score_of = [score, begin](std::size_t i) { return score(begin + i); };
            const auto id_of = [id, begin](std::size_t i) { return id(begin + i); };
            if (collector.rough)  // a candidate of a refine stage is known by its id: whose row comes next is not looked up again
                collector.append(
                    n, score_of, [id_of](std::size_t i) { return std::uint64_t(id_of(i)); }, id_of);
            else
                collector.append(
                    n, score_of, [&](std::size_t i) { return list.location + first + found.offsets[begin + i]; }, id_of);
        }
    } else {
        for (std::size_t i = 0; i < found.n; ++i) {
            if (!collector.wants(id(i))) continue;
            if (const float s = score(i); s <= collector.threshold()) collector.push(s, id(i));
        }
    }
}

}  // namespace lutra::inline LUTRA_ABI_TAG
