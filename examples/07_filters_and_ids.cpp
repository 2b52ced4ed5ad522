// 07_filters_and_ids.cpp: ids of your own, searches among some of them, and a row that is replaced: removed, then added again.
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <lutra/lutra.hpp>

namespace {
constexpr std::size_t n = 2000, d = 16, k = 5;

// Prints the neighbours and says whether all of them are in the set.
bool show(const char* what, const lutra::HitRow& row, const lutra::IdSet& set) {
    std::printf("%-28s", what);
    bool all_in = !row.empty();
    for (const auto [id, distance] : row) {
        std::printf("  %lld (%.1f)", static_cast<long long>(id), double(distance));
        all_in = all_in && set.contains(id);
    }
    std::puts("");
    return all_in;
}
}  // namespace

int main() {
    std::vector<float> rows = lutra::Rng(1).normal(n * d);
    std::vector<float> query(rows.begin(), rows.begin() + d);  // row 0 itself

    // Two shops share an index: articles 1,000,000 and up are of the first, 2,000,000 and up of the second.
    std::vector<lutra::Id> ids(n);
    for (std::size_t i = 0; i < n; ++i) ids[i] = lutra::Id(i % 2 == 0 ? 1'000'000 + i : 2'000'000 + i);
    lutra::Index index = lutra::index_factory(d, "IVF16,Flat", lutra::Metric::cosine).value();
    if (!index.train({rows, d}) || !index.add_with_ids({rows, d}, ids.data())) return 1;

    // Sets own their memory and combine: the first shop's articles, but none that is sold out.
    const std::vector<lutra::Id> gone = {1'000'000, 1'000'002, 1'000'004};
    const lutra::IdSet first_shop = lutra::IdSet::range(1'000'000, 2'000'000), sold_out = lutra::IdSet::of(gone);
    const auto near = [&](const lutra::SearchParams& params) { return lutra::search(index, {query, d}, k, params).value(); };
    bool good = show("everything", near({.nprobe = 16}).row(0), ~lutra::IdSet());
    good &= show("first shop", near({.nprobe = 16, .filter = first_shop}).row(0), first_shop);
    good &= show("first shop, not sold out", near({.nprobe = 16, .filter = first_shop & ~sold_out}).row(0), first_shop & ~sold_out);
    good &= show("second shop, or sold out", near({.nprobe = 16, .filter = ~first_shop | sold_out}).row(0), ~first_shop | sold_out);

    // Replace a row: remove its id, then add the new row under it. An id may be added twice, so the removal comes first.
    const std::vector<lutra::Id> changed = {2'000'001};
    if (index.remove_ids(lutra::IdSet::of(changed)).value() != 1) return 1;
    if (!index.add_with_ids({query, d}, changed.data())) return 1;  // now like the query
    const lutra::Hits after = near({.nprobe = 16, .filter = ~first_shop});
    good &= show("second shop, one replaced", after.row(0), ~first_shop);
    return good && after.row(0)[0].id == 2'000'001 && index.ntotal() == n ? 0 : 1;
}
