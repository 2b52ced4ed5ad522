// A unit for a later processor that calls the library: wide_symbols_test.py looks at what functions of std it would share with units
// for any processor. Not run.  SPDX-License-Identifier: MIT
#include "all_headers.hpp"

namespace {

lutra::Status use(lutra::Index& index, lutra::MatrixView x) {
    const lutra::Id ids[] = {3, 1, 2};
    lutra::RangeHits range;
    LUTRA_TRY(index.train(x));
    LUTRA_TRY(index.add(x));
    LUTRA_TRY(index.range_search(x, 1.F, range));
    const lutra::IdFilter filter = lutra::IdSet::of(ids) & ~lutra::IdSet::range(1, 2);
    const lutra::Result<lutra::Hits> hits = lutra::search(index, x, 10, {.nprobe = 4, .filter = filter});
    if (!hits.ok()) return hits.status();
    const lutra::Result<std::size_t> removed = index.remove_ids(filter);
    return removed.ok() ? lutra::save_index(index, "a.index") : removed.status();
}

lutra::Status train(lutra::MatrixView x) {
    const auto small = lutra::kmeans(x, 16);
    if (!small.ok()) return small.status();
    const auto wide = lutra::two_level_kmeans(x, 64, {});
    return wide.ok() ? lutra::Status() : wide.status();
}

}  // namespace

lutra::Status use_all(lutra::MatrixView x);
lutra::Status use_all(lutra::MatrixView x) {
    lutra::Result<lutra::Index> index = lutra::index_factory(x.d, "IVF16,PQ8x4fs,RFlat");
    if (!index.ok()) return index.status();
    LUTRA_TRY(use(*index, x));
    LUTRA_TRY(train(x));
    const lutra::Result<lutra::VectorFile> rows = lutra::VectorFile::open("folder");
    if (!rows.ok()) return rows.status();
    lutra::Result<lutra::Index> loaded = lutra::load_index("a.index");
    return loaded.ok() ? use(*loaded, x) : loaded.status();
}
