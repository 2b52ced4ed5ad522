// An index of given types from its own headers alone: everything but files, without the factory.  SPDX-License-Identifier: MIT
#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/encodings/pq4fs/pq4fs.hpp>
#include <lutra/ivf/ivf.hpp>
#include <lutra/refine/refine.hpp>

#include <cstdio>
#include <optional>
#include <vector>

namespace {
using Typed = lutra::Refine<lutra::Ivf<lutra::FlatCoarse, lutra::Pq4FastScan>>;

Typed made() { return Typed({16, lutra::Metric::l2, 4, {}, lutra::Pq4FastScan(16, 8)}); }

bool works() {
    std::vector<float> x = lutra::Rng(1).normal(300 * 16), row(2 * 16);
    const lutra::MatrixView rows{x.data(), 300, 16};
    Typed index = made(), other = made();
    std::vector<lutra::Id> map(1000);
    for (std::size_t i = 0; i < map.size(); ++i) map[i] = lutra::Id(2 * i);
    const auto small = [](lutra::Id id) { return id < 10; };
    lutra::Hits hits(1, 3);
    lutra::RangeHits range;
    return index.train(rows).ok() && other.train(rows).ok() && index.add(rows).ok() && other.add_with_ids(rows, map.data()).ok() &&
           index.merge_from(other, 300).ok() && index.remove_ids(lutra::IdFilter::predicate(small)).ok() &&
           index.search(rows.rows(20, 21), 3, hits.view()).ok() && index.range_search(rows.rows(20, 21), 1.F, range).ok() &&
           index.reconstruct(20, row.data()).ok() && index.reconstruct_n(20, 2, row.data()).ok() && !index.ids_are_places() &&
           hits.ids[0] == 20 && index.map_ids(map, std::nullopt).ok() && index.reconstruct(40, row.data()).ok();
}
}  // namespace

int main() {
    const bool good = works();
    std::puts(good ? "typed: all calls work" : "typed: a call fails");
    return good ? 0 : 1;
}
