// tests/contracts/contract_cases.hpp: the kinds of index every contract is checked on, and the plain search they are
// compared with.  SPDX-License-Identifier: MIT
#pragma once
#include <doctest/doctest.h>

#include <lutra/factory/index_factory.hpp>
#include <lutra/io/stream.hpp>
#include <lutra/kernels/byte_lanes.hpp>
#include <lutra/kernels/distance.hpp>
#include <lutra/kernels/normalize.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/matrices.hpp"

namespace contracts {
using lutra::Id;
using lutra::Metric;
using lutra_test::Matrix;

struct Case {
    std::string_view spec;
    Metric metric;
    std::size_t d;
    bool byte_copies = true;
    bool cosine = false;  // the factory's metric, with L2norm in front of RFlat, too; metric is inner_product

    bool normalises() const { return spec.substr(0, 7) == "L2norm,"; }
    bool has_lists() const { return spec.find("IVF") != std::string_view::npos; }
    /// Codes are not the rows themselves: distances are those of what is stored, roughly. What the calls promise of each other
    /// holds all the same; that the distances are right is checked by pq4fs_contract_test.cpp.
    bool is_lossy() const { return has_codes() && !spec.ends_with(",RFlat"); }
    bool has_codes() const { return spec.find("PQ") != std::string_view::npos; }
    bool needs_training() const { return has_lists() || has_codes(); }
    /// Whether rows that are not whole numbers have 8-bit copies.
    bool has_copies() const { return byte_copies && lutra::kHasBytes && !has_codes() && d >= 32; }
    lutra::IndexOptions options() const { return {.byte_copies = byte_copies}; }
    /// Refused for L2.
    bool is_score_aware() const { return spec.find("x4fsa") != spec.npos || spec.find("x4fsra") != spec.npos; }
};
inline std::ostream& operator<<(std::ostream& out, const Case& c) {
    return out << c.spec << " (" << lutra::metric_name(c.metric) << ", d = " << c.d << (c.byte_copies ? ")" : ", no byte copies)");
}

struct Kind {
    std::string_view spec;
    std::vector<std::size_t> dims = {1, 3, 32, 100};
    bool byte_copies = true;
    bool cosine = false;
};

/// f(case) for every kind of index.
template <class F>
void for_each_case(F&& f) {
    const Kind kinds[] = {{"Flat"},
                          {"L2norm,Flat"},
                          {"IVF1,Flat"},
                          {"IVF16,Flat"},
                          {"L2norm,IVF16,Flat"},
                          {"Flat,RFlat"},
                          {"IVF16,Flat,RFlat"},
                          {"IVF16(IVF4,Flat),Flat", {32}},
                          {"IVF16(PQ8x4fs,RFlat),PQ8x4fsr", {32}},
                          {"Flat", {100}, false},
                          {"IVF16,Flat", {32}, false},
                          {"L2norm,IVF16,Flat", {32}, false},
                          {"IVF16,Flat,RFlat", {32}, false},
                          {"IVF16(IVF4,Flat),Flat", {32}, false},
                          {"PQ1x4fs", {1}},
                          {"PQ8x4fs", {32}},
                          {"PQ25x4fs_96", {100}},
                          {"L2norm,PQ3x4fs", {3}},
                          {"IVF16,PQ8x4fs", {32}},
                          {"IVF16,PQ25x4fs_64", {100}},
                          {"IVF16,PQ3x4fsr", {3}},
                          {"IVF16,PQ8x4fsr", {32}},
                          {"PQ8x4fs,RFlat", {32}},
                          {"IVF16,PQ8x4fs,RFlat", {32}},
                          {"IVF16,PQ8x4fsr,RFlat", {32}},
                          {"PQ8x4fsa", {32}},
                          {"L2norm,PQ3x4fsa", {3}},
                          {"IVF16,PQ25x4fsa_64", {100}},
                          {"PQ50x4fsa,RFlat", {100}},
                          {"IVF16,PQ8x4fsa,RFlat", {32}},
                          {"IVF16(PQ8x4fsa,RFlat),PQ8x4fsa", {32}},
                          {"IVF16,PQ25x4fsra_64", {100}},
                          {"L2norm,IVF16,PQ3x4fsra", {3}},
                          {"IVF16,PQ8x4fsra,RFlat", {32}},
                          {"L2norm,IVF16,Flat,RFlat", {3, 32}, true, true},
                          {"L2norm,IVF16,PQ8x4fsra,RFlat", {32}, true, true}};
    for (const Kind& kind : kinds)
        for (const Metric metric : {Metric::l2, Metric::inner_product})
            for (const std::size_t d : kind.dims) {
                const Case c{kind.spec, metric, d, kind.byte_copies, kind.cosine};
                CAPTURE(c);
                if (metric == Metric::inner_product || !(c.is_score_aware() || c.cosine)) f(c);
            }
}

inline void require_ok(const lutra::Status& status) { REQUIRE_MESSAGE(status.ok(), status.message()); }

inline lutra::Index untrained(const Case& c) {
    lutra::Result<lutra::Index> index = lutra::index_factory(c.d, c.spec, c.cosine ? Metric::cosine : c.metric, c.options());
    require_ok(index.status());
    return std::move(*index);
}
inline lutra::Index trained(const Case& c) {
    lutra::Index index = untrained(c);
    require_ok(index.train(lutra_test::normal_matrix(300, c.d, 1001)));
    return index;
}
inline lutra::Index filled(const Case& c, const Matrix& x, const lutra::Resources& resources = {}) {
    lutra::Index index = trained(c);
    require_ok(index.add(x, resources));
    return index;
}

inline bool keeps_copies(const lutra::Index& index) { return index.storage().form.find("8-bit copies") != std::string::npos; }

/// What a file of the index would hold.
inline std::vector<std::byte> saved(const lutra::Index& index) {
    lutra::MemoryWriter out;
    require_ok(index.save(out));
    return {out.bytes().begin(), out.bytes().end()};
}

/// Rows with many exact duplicates among them, so that ties happen. Row 4 is zeros.
inline Matrix rows_with_ties(std::size_t n, std::size_t d, std::uint32_t seed = 1) {
    Matrix m = lutra_test::normal_matrix(n, d, seed);
    for (std::size_t i = 7; i < n; i += 7) std::copy_n(m.row(i % 5), d, m.row(i));
    if (n > 4) std::fill_n(m.row(4), d, 0.F);
    return m;
}

/// One query's hits, best first.
using Hit = std::pair<float, Id>;
using Found = std::vector<std::vector<Hit>>;

inline Found rows_of(const lutra::Hits& hits) {
    Found found(hits.nq);
    for (std::size_t i = 0; i < hits.nq * hits.k; ++i) found[i / hits.k].emplace_back(hits.distances[i], hits.ids[i]);
    return found;
}
inline Found rows_of(const lutra::RangeHits& hits) {
    Found found(hits.lims.size() - 1);
    for (std::size_t i = 0; i < found.size(); ++i)
        for (std::size_t j = hits.lims[i]; j < hits.lims[i + 1]; ++j) found[i].emplace_back(hits.distances[j], hits.ids[j]);
    return found;
}

inline Found search(const lutra::Index& index, lutra::MatrixView q, std::size_t k, const lutra::SearchParams& params = {},
                    const lutra::Resources& resources = {}) {
    lutra::Result<lutra::Hits> hits = lutra::search(index, q, k, params, resources);
    require_ok(hits.status());
    return rows_of(*hits);
}
inline Found range_search(const lutra::Index& index, lutra::MatrixView q, float radius, const lutra::SearchParams& params = {},
                          const lutra::Resources& resources = {}) {
    lutra::RangeHits hits;
    hits.lims = {5, 6}, hits.ids = {1}, hits.distances = {1};  // what was there before must not matter
    require_ok(index.range_search(q, radius, hits, params, resources));
    return rows_of(hits);
}
/// All lists, and all that is found in them compared exactly where there is a refine stage.
inline lutra::SearchParams all_lists(const lutra::Index& index) {
    lutra::SearchParams params;
    params.nprobe = index.nlist();
    if (index.k_factor() > 0) params.k_factor = float(index.ntotal() + 1);
    return params;
}

/// What an index of this kind stores of a row.
inline Matrix stored(const Case& c, const Matrix& x) {
    Matrix y = x;
    if (c.is_lossy()) {
        if (x.n != 0) require_ok(filled(c, x).reconstruct_n(0, x.n, y.row(0)));
        return y;
    }
    if (c.normalises()) lutra::normalize_rows(x.row(0), x.n, x.d, y.row(0));
    return y;
}

inline bool better(Metric metric, const Hit& a, const Hit& b) {
    if (a.first != b.first) return metric == Metric::l2 ? a.first < b.first : a.first > b.first;
    return a.second < b.second;
}

/// As a fresh index sees it that all rows were added to at once, when it is asked for all of them.
inline Found every_row_lossy(const Case& c, const Matrix& x, const Matrix& q, const std::vector<Id>& ids) {
    if (x.n == 0) return Found(q.n);
    const lutra::Index index = filled(c, x);
    Found found = search(index, q, x.n, all_lists(index));
    for (auto& row : found) {
        for (Hit& h : row) h.second = ids.empty() ? h.second : ids[std::size_t(h.second)];
        std::sort(row.begin(), row.end(), [&](const Hit& a, const Hit& b) { return better(c.metric, a, b); });
    }
    return found;
}

/// Every row's distance to every query, best first. Row i has the id ids[i], or i.
inline Found every_row(const Case& c, const Matrix& x, const Matrix& q, const std::vector<Id>& ids = {}) {
    if (c.is_lossy()) return every_row_lossy(c, x, q, ids);
    const Matrix rows = stored(c, x), queries = stored(c, q);
    Found found(q.n);
    for (std::size_t i = 0; i < q.n; ++i) {
        for (std::size_t j = 0; j < x.n; ++j) {
            const float score = lutra::score_row(c.metric, queries.row(i), rows.row(j), c.d);
            found[i].emplace_back(c.metric == Metric::l2 ? score : -score, ids.empty() ? Id(j) : ids[j]);
        }
        std::sort(found[i].begin(), found[i].end(), [&](const Hit& a, const Hit& b) { return better(c.metric, a, b); });
    }
    return found;
}

/// The first k of each row, filled up with id -1 and the worst distance.
inline Found first_of(Found found, std::size_t k, Metric metric) {
    const float worst = metric == Metric::l2 ? std::numeric_limits<float>::max() : -std::numeric_limits<float>::max();
    for (auto& row : found) row.resize(k, {worst, lutra::kNoId});
    return found;
}

/// Rows strictly within the radius.
inline Found within(Found found, float radius, Metric metric) {
    for (auto& row : found)
        std::erase_if(row, [&](const Hit& h) { return metric == Metric::l2 ? !(h.first < radius) : !(h.first > radius); });
    return found;
}

/// Without the rows whose id the filter refuses.
template <class Accepts>
Found only(Found found, Accepts accepts) {
    for (auto& row : found) std::erase_if(row, [&](const Hit& h) { return !accepts(h.second); });
    return found;
}

}  // namespace contracts
