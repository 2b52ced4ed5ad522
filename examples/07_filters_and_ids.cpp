// 07_filters_and_ids.cpp: ids of your own, searches among some of them, and a row that is replaced: removed, then added again.
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <lutra/lutra.hpp>

namespace {
constexpr std::size_t n = 2000, d = 16, k = 5;

// Prints the neighbours of the first query and says whether the filter accepts all of them.
bool show(const char* what, const lutra::Hits& hits, const lutra::IdFilter& filter) {
    std::printf("%-28s", what);
    bool all_in = !hits.row(0).empty();
    for (const auto [id, distance] : hits.row(0)) {
        std::printf("  %lld (%.1f)", static_cast<long long>(id), double(distance));
        all_in = all_in && filter.accepts(id);
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

    // Sets own their memory and combine: the first shop's articles, but none that is sold out. A filter of a set is made once and
    // serves every search, as making it allocates.
    const std::vector<lutra::Id> gone = {1'000'000, 1'000'002, 1'000'004};
    const lutra::IdSet first_shop = lutra::IdSet::range(1'000'000, 2'000'000), sold_out = lutra::IdSet::of(gone);
    const lutra::IdFilter first = first_shop, first_live = first_shop & ~sold_out, second = ~first_shop;
    const auto near = [&](const lutra::IdFilter& filter) {
        return lutra::search(index, {query, d}, k, {.nprobe = 16, .filter = filter}).value();
    };
    bool good = show("everything", near({}), {});
    good &= show("first shop", near(first), first);
    good &= show("first shop, not sold out", near(first_live), first_live);
    good &= show("second shop, or sold out", near(~first_shop | sold_out), ~first_shop | sold_out);

    // Replace a row: remove its id, then add the new row under it. An id may be added twice, so the removal comes first.
    const std::vector<lutra::Id> changed = {2'000'001};
    if (index.remove_ids(lutra::IdSet::of(changed)).value() != 1) return 1;
    if (!index.add_with_ids({query, d}, changed.data())) return 1;  // now like the query
    const lutra::Hits after = near(second);
    good &= show("second shop, one replaced", after, second);
    return good && after.row(0)[0].id == 2'000'001 && index.ntotal() == n ? 0 : 1;
}
