// tests/factory/small_files.hpp: a small index file of every record kind there is, as bytes.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/coarse/one_list.hpp>
#include <lutra/encodings/flat/flat.hpp>
#include <lutra/encodings/pq4fs/pq4fs_file.hpp>
#include <lutra/factory/save_load.hpp>
#include <lutra/ivf/ivf_file.hpp>
#include <lutra/refine/refine_file.hpp>
#include <lutra/transform/transformed.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "support/matrices.hpp"

namespace small_files {

using Bytes = std::vector<std::byte>;
using IvfFlat = lutra::Ivf<lutra::FlatCoarse, lutra::Flat>;
using PlainFlat = lutra::Ivf<lutra::OneList, lutra::Flat>;

struct File {
    std::string name;
    Bytes bytes;
};

template <lutra::SearchIndex I>
Bytes saved(const I& index) {
    lutra::MemoryWriter out;
    if (!index.save(out).ok()) return {};
    return {out.bytes().begin(), out.bytes().end()};
}

inline lutra::Result<lutra::Index> loaded(const Bytes& bytes) {
    lutra::MemoryReader in(bytes);
    return lutra::load_index(in);
}

/// Five rows of two columns; `sparse`: all in one list of eight.
inline IvfFlat small_ivf(bool sparse, lutra::Metric metric = lutra::Metric::l2) {
    const std::size_t nlist = sparse ? 8 : 2;
    const lutra_test::Matrix training = lutra_test::normal_matrix(nlist, 2, 1);
    lutra_test::Matrix x = lutra_test::normal_matrix(5, 2, 2);
    for (std::size_t i = 0; sparse && i < 5; ++i) std::copy_n(training.row(3), 2, x.row(i));
    IvfFlat index(2, metric, nlist, lutra::FlatCoarse{}, lutra::Flat(2));
    static_cast<void>(index.train(training));
    static_cast<void>(index.add(x));
    return index;
}
inline PlainFlat small_flat(bool own_ids, lutra::Metric metric = lutra::Metric::l2) {
    const lutra_test::Matrix x = lutra_test::normal_matrix(3, 2, 3);
    const lutra::Id ids[] = {70, 7, 700};
    PlainFlat index(2, metric, 1, lutra::OneList{}, lutra::Flat(2));
    static_cast<void>(own_ids ? index.add_with_ids(x, ids) : index.add(x));
    return index;
}

/// PQ2x4fs of 35 rows: two blocks. 16 rows of training give centroids that are those rows.
template <class Coarse>
lutra::Ivf<Coarse, lutra::Pq4FastScan> small_fast_scan(Coarse coarse, lutra::Metric metric, bool by_residual = false,
                                                       std::size_t bbs = 32, bool filled = true, bool score_aware = false) {
    lutra::Ivf<Coarse, lutra::Pq4FastScan> index(2, metric, 2, std::move(coarse),
                                                 lutra::Pq4FastScan(2, 2, by_residual, bbs, score_aware));
    static_cast<void>(index.train(lutra_test::normal_matrix(16, 2, 5)));
    if (filled) static_cast<void>(index.add(lutra_test::normal_matrix(35, 2, 6)));
    return index;
}
inline lutra::Ivf<lutra::OneList, lutra::Pq4FastScan> small_odd_fast_scan(bool own_ids) {
    const lutra_test::Matrix x = lutra_test::normal_matrix(3, 3, 7);
    const lutra::Id ids[] = {50, 5, 500};
    lutra::Ivf<lutra::OneList, lutra::Pq4FastScan> index(3, lutra::Metric::l2, 1, lutra::OneList{}, lutra::Pq4FastScan(3, 3));
    static_cast<void>(index.train(lutra_test::normal_matrix(16, 3, 8)));
    static_cast<void>(own_ids ? index.add_with_ids(x, ids) : index.add(x));
    return index;
}

/// Rows to refine with, behind a base without vectors.
template <lutra::SearchIndex Base>
lutra::Refine<Base> small_refined(Base base, bool own_ids) {
    const lutra_test::Matrix x = lutra_test::normal_matrix(4, 2, 4);
    const lutra::Id ids[] = {40, 4, 400, 44};
    lutra::Refine<Base> index(std::move(base));
    static_cast<void>(own_ids ? index.add_with_ids(x, ids) : index.add(x));
    static_cast<void>(index.set_k_factor(2.5F));
    return index;
}

inline std::vector<File> all() {
    using lutra::DirectMapKind, lutra::Metric;
    IvfFlat array = small_ivf(false), hash = small_ivf(false);
    static_cast<void>(array.set_direct_map(DirectMapKind::array));
    static_cast<void>(hash.set_direct_map(DirectMapKind::hash));
    auto mapped = small_fast_scan(lutra::FlatCoarse{}, Metric::l2);
    static_cast<void>(mapped.set_direct_map(DirectMapKind::array));
    std::vector<File> files{
        {"Flat, L2", saved(small_flat(false))},
        {"Flat, inner product", saved(small_flat(false, Metric::inner_product))},
        {"Flat, empty", saved(PlainFlat(2, Metric::l2, 1, lutra::OneList{}, lutra::Flat(2)))},
        {"Flat in an id map", saved(small_flat(true))},
        {"L2norm,Flat", saved(lutra::Transformed(lutra::L2norm(2), small_flat(false)))},
        {"IVF, full lists", saved(small_ivf(false))},
        {"IVF, sparse lists, inner product", saved(small_ivf(true, Metric::inner_product))},
        {"IVF, untrained", saved(IvfFlat(2, Metric::l2, 2, lutra::FlatCoarse{}, lutra::Flat(2)))},
        {"IVF, direct map as array", saved(array)},
        {"IVF, direct map as hash table", saved(hash)},
        {"L2norm,IVF", saved(lutra::Transformed(lutra::L2norm(2), small_ivf(false)))},
        {"Flat,RFlat", saved(small_refined(small_flat(false), false))},
        {"Flat,RFlat in an id map", saved(small_refined(small_flat(false), true))},
        {"IVF,RFlat, inner product", saved(small_refined(small_ivf(false, Metric::inner_product), false))},
        {"IVF,RFlat,RFlat in an id map", saved(small_refined(small_refined(small_ivf(true), false), true))},
        {"PQ2x4fs", saved(small_fast_scan(lutra::OneList{}, Metric::l2))},
        {"PQ2x4fs, empty", saved(small_fast_scan(lutra::OneList{}, Metric::l2, false, 32, false))},
        {"PQ3x4fs", saved(small_odd_fast_scan(false))},
        {"PQ3x4fs in an id map", saved(small_odd_fast_scan(true))},
        {"IVF,PQ2x4fs, inner product", saved(small_fast_scan(lutra::FlatCoarse{}, Metric::inner_product))},
        {"PQ2x4fsa", saved(small_fast_scan(lutra::OneList{}, Metric::inner_product, false, 32, true, true))},
        {"IVF,PQ2x4fsa", saved(small_fast_scan(lutra::FlatCoarse{}, Metric::inner_product, false, 32, true, true))},
        {"IVF,PQ2x4fsra", saved(small_fast_scan(lutra::FlatCoarse{}, Metric::inner_product, true, 32, true, true))},
        {"IVF,PQ2x4fsr", saved(small_fast_scan(lutra::FlatCoarse{}, Metric::l2, true))},
        {"IVF,PQ2x4fs_64", saved(small_fast_scan(lutra::FlatCoarse{}, Metric::l2, false, 64))},
        {"IVF,PQ2x4fs, direct map as array", saved(mapped)},
        {"IVF,PQ2x4fs, untrained", saved(lutra::Ivf(2, Metric::l2, 2, lutra::FlatCoarse{}, lutra::Pq4FastScan(2, 2)))},
        {"IVF,RFlat, untrained", saved(lutra::Refine(IvfFlat(2, Metric::l2, 2, lutra::FlatCoarse{}, lutra::Flat(2))))},
    };
    return files;
}

}  // namespace small_files
