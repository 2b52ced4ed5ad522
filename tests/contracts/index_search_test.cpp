// What core/concepts.hpp promises of SearchIndex::search, range_search and reconstruct, for every kind of index.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "contracts/contract_cases.hpp"
#include "support/count_new.hpp"

using namespace contracts;

namespace {
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

bool all_missing(const std::vector<Hit>& row) {
    return std::all_of(row.begin(), row.end(), [](const Hit& h) { return h.second == lutra::kNoId; });
}

/// Every query on its own.
Found one_by_one(const lutra::Index& index, const Matrix& q, std::size_t k, const lutra::SearchParams& params) {
    Found found;
    for (std::size_t i = 0; i < q.n; ++i) found.push_back(search(index, q.view().rows(i, i + 1), k, params).front());
    return found;
}
}  // namespace

TEST_CASE("search: with all lists it is brute force, bit for bit, ties by the lower id") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(250, c.d), q = rows_with_ties(30, c.d, 2);
        const lutra::Index index = filled(c, x);
        const Found want = every_row(c, x, q);
        for (std::size_t k : {1, 2, 10, 249}) {
            CAPTURE(k);
            CHECK(search(index, q, k, all_lists(index)) == first_of(want, k, c.metric));
        }
    });
}

TEST_CASE("search: gives k slots also where there are fewer vectors, missing ones with id -1") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(9, c.d);
        const Matrix q = lutra_test::normal_matrix(20, c.d, 3);
        const lutra::Index empty = trained(c), index = filled(c, x);
        for (const auto& row : search(empty, q, 3)) CHECK(all_missing(row));
        CHECK(search(index, q, 50, all_lists(index)) == first_of(every_row(c, x, q), 50, c.metric));
    });
}

TEST_CASE("search: some lists give a part of what all lists give, in the same order, and never less with more lists") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(250, c.d), q = rows_with_ties(30, c.d, 4);
        const lutra::Index index = filled(c, x);
        const Found everything = every_row(c, x, q);
        std::vector<std::size_t> found_before(q.n, 0);
        for (std::size_t nprobe = 1; nprobe <= std::max<std::size_t>(index.nlist(), 1); nprobe += 3) {
            lutra::SearchParams params;
            params.nprobe = nprobe;
            Found found = search(index, q, 250, params);
            for (std::size_t i = 0; i < q.n; ++i) {
                std::erase_if(found[i], [](const Hit& h) { return h.second == lutra::kNoId; });
                std::size_t strange = !std::is_sorted(found[i].begin(), found[i].end(),
                                                      [&](const Hit& a, const Hit& b) { return better(c.metric, a, b); });
                for (const Hit& h : found[i])
                    strange += !std::binary_search(everything[i].begin(), everything[i].end(), h,
                                                   [&](const Hit& a, const Hit& b) { return better(c.metric, a, b); });
                strange += found[i].size() < found_before[i];
                found_before[i] = found[i].size();
                CHECK(strange == 0);
            }
        }
    });
}

TEST_CASE("search: nprobe above nlist means all lists; 0 means the index's own") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(300, c.d), q = rows_with_ties(10, c.d, 5);
        lutra::Index index = filled(c, x);
        lutra::SearchParams params = all_lists(index);
        params.nprobe = 1000000;
        CHECK(search(index, q, 20, params) == search(index, q, 20, all_lists(index)));
        params = {}, params.nprobe = 3;
        const Found three = search(index, q, 20, params);
        if (!c.has_lists()) return;
        require_ok(index.set_nprobe(3));
        CHECK(search(index, q, 20) == three);
        require_ok(index.set_nprobe(1000000));
        CHECK(index.nprobe() == index.nlist());
    });
}

TEST_CASE("search: queries find the same together and alone, bit for bit") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(250, c.d), q = rows_with_ties(49, c.d, 6);
        const lutra::Index index = filled(c, x);
        for (std::size_t nprobe : {1, 3, 16}) {
            lutra::SearchParams params;
            params.nprobe = nprobe;
            CAPTURE(nprobe);
            CHECK(search(index, q, 12, params) == one_by_one(index, q, 12, params));
        }
    });
}

TEST_CASE("search: a stored row finds itself first with squared distance 0, or a twin with a lower id") {
    for_each_case([](const Case& c) {
        if (c.metric != Metric::l2 || c.is_lossy()) return;
        const Matrix x = rows_with_ties(300, c.d);
        const lutra::Index index = filled(c, x);
        const Found found = search(index, x, 1, all_lists(index));
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < x.n; ++i) wrong += found[i][0].first != 0 || found[i][0].second > Id(i);
        CHECK(wrong == 0);
    });
}

TEST_CASE("search: only ids that a set, a bitmap or a predicate lets through are found, the best of those") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(300, c.d), q = rows_with_ties(40, c.d, 7);
        const lutra::Index index = filled(c, x);
        const auto accepts = [](Id id) { return id % 3 == 1 && id < 250; };
        std::vector<std::uint8_t> bits(32, 0);
        for (std::size_t i = 0; i < 250; ++i) bits[i / 8] = std::uint8_t(bits[i / 8] | (accepts(Id(i)) ? 1 << (i % 8) : 0));
        const Found want = only(every_row(c, x, q), accepts);
        const lutra::IdSet set = lutra::IdSet::bitmap(bits.data(), bits.size() * 8) & ~lutra::IdSet::range(250, 300);
        for (const lutra::IdFilter& filter :
             {lutra::IdFilter::bitmap(bits.data(), 250), lutra::IdFilter::predicate(accepts), lutra::IdFilter(set)}) {
            lutra::SearchParams params = all_lists(index);
            params.filter = filter;
            CHECK(search(index, q, 10, params) == first_of(want, 10, c.metric));
            CHECK(search(index, q, 200, params) == first_of(want, 200, c.metric));
            CHECK(range_search(index, q, want[0][20].first, params) == within(want, want[0][20].first, c.metric));
        }
        lutra::SearchParams nobody = all_lists(index);
        nobody.filter = lutra::IdFilter::bitmap(nullptr, 0);
        CHECK(all_missing(search(index, q, 5, nobody)[0]));
    });
}

TEST_CASE("range_search: everything strictly within the radius, best first, and nothing else") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(300, c.d), q = rows_with_ties(40, c.d, 8);
        const lutra::Index index = filled(c, x);
        const Found want = every_row(c, x, q);
        for (std::size_t rank : {0, 1, 30, 299}) {
            const float radius = want[3][rank].first;  // exactly the distance of a row: that one is outside
            CAPTURE(radius);
            CHECK(range_search(index, q, radius, all_lists(index)) == within(want, radius, c.metric));
        }
        const float everywhere = c.metric == Metric::l2 ? std::numeric_limits<float>::infinity() : -1e30F;
        CHECK(range_search(index, q, everywhere, all_lists(index)) == want);
        const float nowhere = c.metric == Metric::l2 ? -1.F : std::numeric_limits<float>::infinity();
        CHECK(range_search(index, q, nowhere, all_lists(index)) == Found(q.n));
        CHECK(range_search(index, q, kNan, all_lists(index)) == Found(q.n));
        const Found alone = range_search(index, q.view().rows(5, 6), want[5][20].first);
        CHECK(alone.front() == range_search(index, q, want[5][20].first)[5]);
        CHECK(range_search(trained(c), q, everywhere) == Found(q.n));
    });
}

TEST_CASE("search: a query with NaN finds nothing and its neighbours find what they would without it") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(300, c.d), clean = rows_with_ties(40, c.d, 9);
        Matrix q = clean;
        q.row(0)[0] = kNan, q.row(21)[c.d - 1] = kNan;
        const lutra::Index index = filled(c, x);
        for (std::size_t nprobe : {1, 16}) {
            lutra::SearchParams params;
            params.nprobe = nprobe;
            Found want = search(index, clean, 5, params);
            const Found found = search(index, q, 5, params);
            for (std::size_t i : {0, 21}) {
                CHECK(all_missing(found[i]));
                CHECK(all_missing(search(index, q.view().rows(i, i + 1), 5, params)[0]));
                want[i] = found[i];
            }
            CHECK(found == want);
            CHECK(range_search(index, q, 1, params)[21].empty());
        }
    });
}

TEST_CASE("search: queries with infinities or with values whose squares overflow find the same alone and together") {
    for_each_case([](const Case& c) {
        Matrix x = rows_with_ties(200, c.d), q = rows_with_ties(40, c.d, 10);
        for (std::size_t j = 150; j < 200; ++j)
            for (std::size_t t = 0; t < c.d; ++t) x.row(j)[t] *= 9e18F;
        q.row(0)[0] = std::numeric_limits<float>::infinity(), q.row(1)[c.d - 1] = -std::numeric_limits<float>::infinity();
        for (std::size_t i = 2; i < 20; ++i)
            for (std::size_t t = 0; t < c.d; ++t) q.row(i)[t] *= 9e18F;
        const lutra::Index index = filled(c, x);
        CHECK(search(index, q, 7, all_lists(index)) == one_by_one(index, q, 7, all_lists(index)));
    });
}

TEST_CASE("search: with all lists a query finds what Flat finds even where distances to centroids overflow") {
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        const Case c{"IVF16,Flat", metric, 8}, flat{"Flat", metric, 8};
        Matrix x = lutra_test::normal_matrix(300, 8, 11);
        for (float& v : x.values) v *= 4e18F;
        Matrix q(x.n, 8);
        for (std::size_t i = 0; i < q.values.size(); ++i) q.values[i] = 2 * x.values[i];
        lutra::Index index = untrained(c);
        require_ok(index.train(x));
        require_ok(index.add(x));
        CHECK(search(index, q, 5, all_lists(index)) == search(filled(flat, x), q, 5));
    }
}

TEST_CASE("reconstruct: gives back what is stored, one by one and in runs, and names an id that is not there") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(120, c.d), want = stored(c, x);
        const lutra::Index index = filled(c, x);
        Matrix got(120, c.d);
        require_ok(index.reconstruct_n(0, 120, got.row(0)));
        CHECK(got.values == want.values);
        require_ok(index.reconstruct_n(50, 1, got.row(0)));
        CHECK(std::equal(got.row(0), got.row(1), want.row(50)));
        for (Id id : {0, 63, 119}) {
            require_ok(index.reconstruct(id, got.row(0)));
            CHECK(std::equal(got.row(0), got.row(1), want.row(std::size_t(id))));
        }
        for (Id id : {Id(-1), Id(120), std::numeric_limits<Id>::max(), std::numeric_limits<Id>::min()}) {
            CHECK(index.reconstruct(id, got.row(0)).code() == lutra::Errc::not_found);
            CHECK(index.reconstruct_n(id, 1, got.row(0)).code() == lutra::Errc::not_found);
        }
        const lutra::Status status = index.reconstruct_n(118, 4, got.row(0));
        CHECK(status.code() == lutra::Errc::not_found);
        CHECK(status.message().find("120") != std::string_view::npos);
        CHECK(index.reconstruct_n(7, 0, nullptr).ok());
    });
}

TEST_CASE("search: allocates nothing once its workspace is warm") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(250, c.d), q = rows_with_ties(64, c.d, 12);
        const lutra::Index index = filled(c, x);
        lutra::Workspace workspace;
        lutra::Resources resources;
        resources.workspace = &workspace;
        lutra::Hits hits(q.n, 10);
        const auto odd = [](Id id) { return id % 2 == 1; };
        const std::vector<std::uint8_t> bits(32, 0b10101010);
        const std::array<lutra::IdFilter, 4> filters{lutra::IdFilter(), lutra::IdFilter::predicate(odd),
                                                     lutra::IdSet::bitmap(bits.data(), 256),
                                                     lutra::IdFilter::bitmap(bits.data(), 256)};
        const auto all_kinds = [&] {
            bool good = true;
            for (std::size_t i = 0; i < 4; ++i) {
                lutra::SearchParams params;
                params.nprobe = std::array<std::size_t, 4>{4, 1, 16, 17}[i], params.filter = filters[i];
                good &= index.search(q, 10, hits.view(), params, resources).ok();
                good &= index.search(q.view().rows(0, 1), 10, hits.view(), params, resources).ok();
            }
            return good;
        };
        CHECK(all_kinds());
        const std::size_t before = lutra_test::allocations();
        const bool good = all_kinds();
        CHECK(lutra_test::allocations() == before);
        CHECK(good);
    });
}

TEST_CASE("search: the largest float is a distance like others, an infinite one is none, alone and in a batch") {
    constexpr float kLargest = std::numeric_limits<float>::max();
    // inner products with (1, 1): 0, the largest float, its negative, -infinity, +infinity
    const std::vector<float> rows{1,         -1,        kLargest / 2, kLargest / 2, -kLargest / 2, -kLargest / 2,
                                  -kLargest, -kLargest, kLargest,     kLargest};
    const float infinity = std::numeric_limits<float>::infinity();
    const std::vector<Hit> want{{infinity, 4}, {kLargest, 1}, {0.F, 0}, {-kLargest, 2}, {-kLargest, lutra::kNoId}};
    for (const char* spec : {"Flat", "IVF2,Flat", "Flat,RFlat", "IVF2,Flat,RFlat", "PQ2x4fs,RFlat", "IVF2,PQ2x4fs,RFlat"}) {
        CAPTURE(spec);
        const Case c{spec, Metric::inner_product, 2};
        lutra::Index index = trained(c);
        require_ok(index.add({rows.data(), 5, 2}));
        for (const std::size_t n : {1, 40}) {
            CAPTURE(n);
            const std::vector<float> queries(n * 2, 1.F);
            for (const auto& hits : search(index, {queries.data(), n, 2}, 5, all_lists(index))) CHECK(hits == want);
        }
    }
}

TEST_CASE("search: up to the largest float exact search, codes that lose nothing and refined codes answer alike") {
    constexpr float kLargest = std::numeric_limits<float>::max();
    Matrix corners(64, 2);  // four rows again and again: each piece of one column has a centroid at 0 and one at 1
    for (std::size_t i = 0; i < 64; ++i) corners.row(i)[0] = float(i % 2), corners.row(i)[1] = float(i / 2 % 2);
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (const float first : {0.F, kLargest, -kLargest, kLargest / 2, 1.8446743e19F, -1.844e19F, 1e-44F}) {
            if (metric == Metric::l2 && std::abs(first) > 2e19F)
                continue;  // too far for floats: codes saturate, exact search finds none
            CAPTURE(first);
            const std::vector<float> q{first, 0};
            Found want;
            for (const char* spec : {"Flat", "IVF1,Flat", "Flat,RFlat", "PQ2x4fs", "IVF1,PQ2x4fs", "PQ2x4fs,RFlat"}) {
                CAPTURE(spec);
                lutra::Index index = lutra::index_factory(2, spec, metric).value();
                require_ok(index.train(corners));
                require_ok(index.add(corners.view().rows(0, 4)));
                const Found found = search(index, {q.data(), 1, 2}, 5, all_lists(index));
                if (want.empty()) want = found;
                CHECK(found == want);
            }
        }
}
