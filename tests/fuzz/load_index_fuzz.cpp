// tests/fuzz/load_index_fuzz.cpp: any bytes as an index file give a reason, or an index on which every call works.
// tests/fuzz/run builds and runs the targets of this folder.  SPDX-License-Identifier: MIT
#include <lutra/factory/save_load.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "promise.hpp"

namespace {
using fuzz::require;
using lutra::Index;

constexpr std::size_t kRows = 9, kNeighbours = 4;  // so many queries are ranked together by AVX-512, too
constexpr lutra::Id kLargest = std::numeric_limits<lutra::Id>::max();

lutra::Result<Index> load(std::span<const std::byte> bytes) {
    lutra::MemoryReader in(bytes);
    return lutra::load_index(in);
}

Index saved_and_loaded(const Index& index) {
    lutra::MemoryWriter out;
    require(index.save(out).ok(), "what loads can be saved");
    lutra::Result<Index> again = load(out.bytes());
    require(again.ok(), "what was saved can be loaded");
    require(again->ntotal() == index.ntotal() && again->spec() == index.spec(), "a file holds the index it was made from");
    return std::move(*again);
}

void search_all(const Index& index, lutra::MatrixView q, const lutra::SearchParams& params) {
    const bool trained = index.is_trained();
    lutra::Hits all(q.n, kNeighbours), one(q.n, kNeighbours), loaded(q.n, kNeighbours);
    lutra::RangeHits range;
    lutra::Workspace workspace;
    lutra::Resources resources;
    resources.workspace = &workspace;
    require(index.search(q, kNeighbours, all.view(), params, resources).ok() == trained, "a trained index can be searched");
    require(
        index.range_search(q, params.nprobe == 1 ? 1.F : std::numeric_limits<float>::infinity(), range, params, resources).ok() ==
            trained,
        "a trained index can be searched for a range");
    if (!trained) return;
    for (std::size_t i = 0; i < q.n; ++i)
        require(index.search(q.rows(i, i + 1), kNeighbours, one.view().rows_from(i, kNeighbours), params, resources).ok(),
                "one query is fine");
    require(fuzz::same_bits(all, one), "one query and a batch give the same bits");
    require(saved_and_loaded(index).search(q, kNeighbours, loaded.view(), params).ok(), "a loaded index can be searched");
    require(fuzz::same_bits(all, loaded), "a loaded index answers the same bits");
}

void reconstruct_some(const Index& index) {
    std::vector<float> out(4 * index.dim());
    for (const lutra::Id first : {lutra::Id{-2}, lutra::Id{0}, kLargest - 1, kLargest}) {
        fuzz::require_reason(index.reconstruct(first, out.data()));
        fuzz::require_reason(index.reconstruct_n(first, 4, out.data()));
    }
}

void change(Index& index, lutra::MatrixView x, unsigned choice) {
    const std::size_t before = index.ntotal();
    const bool added = index.add(x).ok();
    require(index.ntotal() == before + (added ? x.n : 0), "add() takes all rows or none");
    const std::vector<lutra::Id> ids{5, 5, 0, kLargest - 1};
    if (choice & 1) fuzz::require_reason(index.add_with_ids(x.rows(0, ids.size()), ids.data()));
    if (choice & 2) fuzz::require_reason(index.make_direct_map());
    if (choice & 4) {
        Index other = saved_and_loaded(index);
        fuzz::require_reason(index.merge_from(other, choice & 8 ? 0 : lutra::Id(index.ntotal())));
    }
    const std::size_t full = index.ntotal();
    const auto even = [](lutra::Id id) { return id % 2 == 0; };
    const lutra::Result<std::size_t> removed = index.remove_ids(lutra::IdFilter::predicate(even));
    require(removed.ok() && index.ntotal() == full - *removed, "remove_ids() removes what it says");
    fuzz::require_reason(index.add(x.rows(0, 2)));
}

void train_again(Index& index) {
    constexpr std::size_t kMost = 32;
    index.reset();
    require(index.ntotal() == 0, "reset() leaves nothing");
    if (index.dim() > kMost || index.nlist() > kMost) return;
    const std::vector<float> values = fuzz::values(kMost * index.dim());
    const lutra::MatrixView x{values.data(), kMost, index.dim()};
    if (!index.train(x).ok()) return;
    require(index.add(x).ok(), "what was trained takes rows");
    search_all(index, x.rows(0, kRows), {});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    lutra::Result<Index> index = load(std::as_bytes(std::span(data, size)));
    fuzz::require_reason(index.status());
    if (!index.ok() || index->dim() > 2048) return 0;
    const unsigned choice = fuzz::sum(std::span(data, size));
    const std::vector<float> values = fuzz::values(kRows * index->dim());
    const lutra::MatrixView x{values.data(), kRows, index->dim()};
    lutra::SearchParams params;
    params.nprobe = choice & 16 ? 1 : choice & 32 ? 3 : std::size_t{1} << 31;
    if (choice & 64) params.k_factor = 2.5F;
    search_all(*index, x, params);
    reconstruct_some(*index);
    change(*index, x, choice);
    search_all(*index, x, params);
    if (choice / 128 % 8 == 0) train_again(*index);  // is the longest part
    return 0;
}
