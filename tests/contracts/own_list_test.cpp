// A row is searched for where it is stored: with one list visited, every index finds every row it was given, whatever rows they
// are. For inner products of rows of any length there is no such list: there each row is stored in the nearest one.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/encodings/flat/flat.hpp>
#include <lutra/ivf/ivf.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string_view>
#include <vector>

#include "contracts/contract_cases.hpp"

using namespace contracts;

namespace {
struct RowSet {
    std::string_view kind;
    Matrix x;
};

/// n rows of d columns of kinds that leave rounding little room, or k-means nothing to divide.
std::vector<RowSet> difficult_rows(std::size_t n, std::size_t d) {
    const Matrix plain = lutra_test::normal_matrix(n, d, 7);
    std::vector<RowSet> sets;
    const auto set = [&](std::string_view kind, auto&& change) {
        sets.push_back({kind, plain});
        for (std::size_t i = 0; i < n; ++i) change(sets.back().x.row(i), i);
    };
    set("plain", [](float*, std::size_t) {});
    set("a large common offset", [d](float* row, std::size_t) {
        for (std::size_t t = 0; t < d; ++t) row[t] = 200 * row[t] + 4e6F;
    });
    set("one large column", [d](float* row, std::size_t) { row[d - 1] += 1580; });
    set("a year", [d](float* row, std::size_t i) { row[d - 1] = float(2020 + i % 6); });
    set("two groups far apart", [](float* row, std::size_t i) { row[0] += i % 2 == 0 ? 1e6F : -1e6F; });
    set("half of the rows one and the same", [&](float* row, std::size_t i) {
        if (i % 2 == 0) std::copy_n(plain.row(1), d, row);
    });
    set("half of the rows silence", [d](float* row, std::size_t i) {
        if (i % 3 != 0) std::fill_n(row, d, 0.F);
    });
    set("all rows but one the same", [&](float* row, std::size_t i) {
        if (i != n / 2) std::copy_n(plain.row(1), d, row);
    });
    set("all rows the same", [&](float* row, std::size_t) { std::copy_n(plain.row(1), d, row); });
    set("zeros and ones", [d](float* row, std::size_t) {
        for (std::size_t t = 0; t < d; ++t) row[t] = row[t] > 0 ? 1.F : 0.F;
    });
    set("whole numbers", [d](float* row, std::size_t) {
        for (std::size_t t = 0; t < d; ++t) row[t] = std::round(4 * row[t]);
    });
    set("tiny", [d](float* row, std::size_t) {
        for (std::size_t t = 0; t < d; ++t) row[t] *= 1e-18F;
    });
    set("far rows in steps of 2", [&](float* row, std::size_t i) {
        if (i % 10 == 0 && i < 300) row[0] = std::ldexp(8.F, int(i / 10));
    });
    set("a group beyond the squares of floats", [](float* row, std::size_t i) {
        if (i % 4 == 0) row[0] = 3e19F + 1e17F * float(i);
    });
    for (const float far : {1e4F, 1e6F, 3e19F}) {
        set(far > 1e19F ? "one row beyond the squares of floats" : "one far row", [=](float* row, std::size_t i) {
            if (i == n / 3) row[0] = far;
        });
    }
    return sets;
}

/// Rows that are not among all that a search for them finds in one list.
std::size_t not_found(const lutra::Index& index, const Matrix& x) {
    lutra::SearchParams params;
    params.nprobe = 1;
    if (index.k_factor() > 0) params.k_factor = 1;
    const Found found = search(index, x, x.n, params);
    std::size_t missing = 0;
    for (std::size_t i = 0; i < x.n; ++i)
        missing += std::none_of(found[i].begin(), found[i].end(), [&](const Hit& h) { return h.second == Id(i); });
    return missing;
}

/// Whether an index visits first, for each of its rows, the list that row is in.
bool visits_own_list(const Case& c) {
    return c.metric == Metric::l2 || c.normalises() || c.spec.find('(') != std::string_view::npos;
}

/// The nearest centroid by exact distances, ties to the lower one; by those in double where floats overflow.
std::size_t nearest_list(const lutra::FlatCoarse& coarse, const float* row, std::size_t d) {
    std::vector<double> far(coarse.nlist());
    const auto best = [&] { return std::size_t(std::min_element(far.begin(), far.end()) - far.begin()); };
    for (std::size_t l = 0; l < far.size(); ++l) far[l] = double(lutra::score_row(Metric::l2, row, coarse.centroid(l), d));
    if (far[best()] <= double(std::numeric_limits<float>::max())) return best();
    for (std::size_t l = 0; l < far.size(); ++l) far[l] = lutra::score_in_double(Metric::l2, row, coarse.centroid(l), d);
    return best();
}

/// Rows that do not find distance 0 in one list.
std::size_t without_copy(const lutra::Index& index, const Matrix& x) {
    lutra::SearchParams params;
    params.nprobe = 1;
    if (index.k_factor() > 0) params.k_factor = float(x.n);
    const Found found = search(index, x, 1, params);
    return std::size_t(std::count_if(found.begin(), found.end(), [](const auto& row) { return row.front().first != 0; }));
}
}  // namespace

TEST_CASE("search: in one list every row finds itself, be the rows as they may" * doctest::test_suite("slow")) {
    for_each_case([](const Case& c) {
        if (!c.has_lists() || c.d == 1 || !visits_own_list(c)) return;
        for (const RowSet& rows : difficult_rows(300, c.d)) {
            CAPTURE(rows.kind);
            lutra::Index index = untrained(c);
            require_ok(index.train(rows.x));
            require_ok(index.add(rows.x));
            CHECK(not_found(index, rows.x) == 0);
            if (c.metric == Metric::l2 && !c.is_lossy()) CHECK(without_copy(index, rows.x) == 0);
        }
    });
}

TEST_CASE("search: in one of many lists every row finds itself, with any offset" * doctest::test_suite("slow")) {
    for (const std::size_t d : {3, 64})
        for (const std::string_view spec : {"IVF150,Flat", "IVF150(IVF16,Flat),Flat", "IVF150(PQ1x4fs,RFlat),Flat"})
            for (const Metric metric : {Metric::l2, Metric::inner_product})
                for (const RowSet& rows : difficult_rows(700, d)) {
                    if (!visits_own_list({spec, metric, d})) continue;
                    CAPTURE(spec);
                    CAPTURE(rows.kind);
                    lutra::Result<lutra::Index> index = lutra::index_factory(d, spec, metric);
                    require_ok(index.status());
                    require_ok(index->train(rows.x));
                    require_ok(index->add(rows.x));
                    CHECK(not_found(*index, rows.x) == 0);
                }
}

TEST_CASE("add: for inner product every row is in the nearest list, be the rows as they may" * doctest::test_suite("slow")) {
    for (const std::size_t d : {3, 64})
        for (const RowSet& rows : difficult_rows(700, d)) {
            CAPTURE(rows.kind);
            lutra::Ivf<lutra::FlatCoarse, lutra::Flat> index(d, Metric::inner_product, 40, lutra::FlatCoarse{}, lutra::Flat(d));
            require_ok(index.train(rows.x));
            require_ok(index.add(rows.x));
            CHECK(index.coarse().wants_spreads() == lutra::lengths_matter(rows.x));
            if (!index.coarse().wants_spreads()) continue;  // tiny ones, whose squares floats would lose
            std::size_t elsewhere = 0;
            for (std::size_t l = 0; l < index.lists().nlist(); ++l)
                for (const Id id : index.lists().ids(l))
                    elsewhere += nearest_list(index.coarse(), rows.x.row(std::size_t(id)), d) != l;
            CHECK(elsewhere == 0);
        }
}

TEST_CASE("search: one row at a time finds itself in one list as all together do") {
    for_each_case([](const Case& c) {
        if (!c.has_lists() || c.d == 1 || !visits_own_list(c)) return;
        for (const RowSet& rows : difficult_rows(150, c.d)) {
            CAPTURE(rows.kind);
            lutra::Index index = untrained(c);
            require_ok(index.train(rows.x));
            for (std::size_t i = 0; i < rows.x.n; ++i) require_ok(index.add(rows.x.view().rows(i, i + 1)));
            std::size_t missing = 0;
            for (std::size_t i = 0; i < rows.x.n; i += 10) {
                const auto found = search(index, rows.x.view().rows(i, i + 1), rows.x.n, {.nprobe = 1}).front();
                missing += std::none_of(found.begin(), found.end(), [&](const Hit& h) { return h.second == Id(i); });
            }
            CHECK(missing == 0);
        }
    });
}
