// 08_removal.cpp: which ids the rows have after a removal: with lists, or with ids of your own, they keep them; without either,
// rows move up as in an array.  SPDX-License-Identifier: MIT
#include <cstdio>
#include <lutra/lutra.hpp>

namespace {
constexpr std::size_t n = 1000, d = 8;
const std::vector<float> rows = lutra::Rng(5).normal(n * d);

// The id under which the index finds row i.
lutra::Id id_of_row(const lutra::Index& index, std::size_t i) {
    const lutra::MatrixView all(rows, d);
    const lutra::Hits hits = lutra::search(index, all.rows(i, i + 1), 1, {.nprobe = 8}).value();
    return hits.row(0)[0].id;
}

// Removes ids 0 to 99 of an index of all rows, and adds one row again.
bool remove_a_hundred(const char* spec, bool own_ids) {
    lutra::Index index = lutra::index_factory(d, spec).value();
    std::vector<lutra::Id> ids(n);
    for (std::size_t i = 0; i < n; ++i) ids[i] = lutra::Id(i);
    if (!index.train({rows, d})) return false;
    if (!(own_ids ? index.add_with_ids({rows, d}, ids.data()) : index.add({rows, d}))) return false;

    const lutra::Result<std::size_t> removed = index.remove_ids(lutra::IdSet::range(0, 100));
    if (!removed.ok()) return std::puts(removed.status().c_str()), false;
    const lutra::Id moved = id_of_row(index, 500);
    if (!index.add(lutra::MatrixView(rows, d).rows(0, 1))) return false;
    const lutra::Id again = id_of_row(index, 0);
    std::printf("%-12s %-8s  removed %zu, %zu left; row 500 has the id %lld, row 0, added again, %lld\n", spec,
                own_ids ? "own ids" : "", *removed, index.ntotal(), static_cast<long long>(moved), static_cast<long long>(again));
    const bool moves_up = index.nlist() == 0 && !own_ids;
    return moved == (moves_up ? 400 : 500) && again == (moves_up ? 900 : 1000);
}
}  // namespace

int main() {
    bool good = remove_a_hundred("Flat", false) && remove_a_hundred("Flat", true) && remove_a_hundred("IVF8,Flat", false);

    // Rows that are near something: a range search finds them, and their ids are removed.
    lutra::Index index = lutra::index_factory(d, "Flat").value();
    lutra::RangeHits near;
    if (!index.add({rows, d}) || !index.range_search(lutra::MatrixView(rows, d).rows(0, 1), 6, near)) return 1;
    const std::size_t removed = index.remove_ids(lutra::IdSet::of(near.ids)).value();
    std::printf("%zu rows within a squared distance of 6 of row 0, itself among them, removed\n", removed);

    // What goes is decided by a function, too: here all but one in ten. reset() would remove all and keep the training.
    const auto goes = [](lutra::Id id) { return id % 10 != 0; };
    good = good && index.remove_ids(lutra::IdFilter::predicate(goes)).ok() && index.ntotal() <= n / 10;
    return good && removed == near.row(0).size() && removed > 0 ? 0 : 1;
}
