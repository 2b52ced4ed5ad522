// PQ{M}x4fs as a SearchIndex: distances of the decoded vectors, and faiss's faults, which must not
// be here. The contracts of every kind of index are in index_*_test.cpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/factory/index_factory.hpp>
#include <lutra/factory/save_load.hpp>
#include <lutra/parallel/threads.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "contracts/contract_cases.hpp"

using namespace contracts;

namespace {

lutra::Index made(const std::string& spec, Metric metric, const Matrix& training, const Matrix& x) {
    lutra::Result<lutra::Index> index = lutra::index_factory(training.d, spec, metric);
    require_ok(index.status());
    require_ok(index->train(training));
    if (x.n != 0) require_ok(index->add(x));
    return std::move(*index);
}

lutra::SearchParams probes(std::size_t n) {
    lutra::SearchParams params;
    params.nprobe = n;
    return params;
}

/// How many of a query's hits do not have the distance of the decoded vector; and whether each vector comes once.
std::size_t not_exact(const Matrix& rows, Metric metric, const float* q, const std::vector<Hit>& hits) {
    std::size_t wrong = 0;
    std::set<Id> seen;
    for (const Hit& h : hits) {
        const float score = lutra::score_row(metric, q, rows.row(std::size_t(h.second)), rows.d);
        wrong += h.first != (metric == Metric::l2 ? score : -score) || !seen.insert(h.second).second;
    }
    return wrong;
}

void check_distances(const std::string& spec, Metric metric, std::size_t d, std::size_t n, float shift = 0) {
    CAPTURE(spec);
    CAPTURE(n);
    Matrix training = lutra_test::normal_matrix(200, d, 1), x = rows_with_ties(n, d, 2), q = rows_with_ties(6, d, 3);
    for (Matrix* m : {&training, &x, &q})
        for (float& v : m->values) v += shift;
    const lutra::Index index = made(spec, metric, training, x);
    Matrix rows(n, d);
    if (n != 0) require_ok(index.reconstruct_n(0, n, rows.row(0)));
    const Found found = search(index, q, n + 1, all_lists(index));
    for (std::size_t i = 0; i < q.n; ++i) {
        CHECK(found[i].back().second == lutra::kNoId);
        const std::vector<Hit> hits(found[i].begin(), found[i].end() - 1);
        CHECK(std::all_of(hits.begin(), hits.end(), [](const Hit& h) { return h.second != lutra::kNoId; }));
        CHECK(std::is_sorted(hits.begin(), hits.end(), [&](const Hit& a, const Hit& b) { return better(metric, a, b); }));
        CHECK(not_exact(rows, metric, q.row(i), hits) == 0);
    }
}

/// d = M: a row for the smallest and the largest sum a query of ones can have, and random ones.
struct Extremes {
    Matrix training, x, q;

    explicit Extremes(std::size_t m) : training(64, m), x(40, m), q(1, m) {
        lutra::Rng rng(4);
        for (std::size_t i = 0; i < 64; ++i)
            for (std::size_t t = 0; t < m; ++t) training.row(i)[t] = float(i % 16);
        for (std::size_t i = 0; i < 40; ++i)
            for (std::size_t t = 0; t < m; ++t) x.row(i)[t] = float(i == 17 ? 0 : i == 23 ? 15 : 1 + rng.below(14));
        std::fill(q.values.begin(), q.values.end(), 0.F);
    }
};

}  // namespace

TEST_CASE("PQ4 search: every distance is the decoded vector's, to the bit, for all M, d/M and list sizes") {
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        for (const std::size_t n : {1, 31, 32, 33, 255, 256, 257, 1023, 1024, 1025, 2100})
            check_distances("PQ8x4fs", metric, 16, n);
        for (const std::size_t m : {1, 2, 3, 5, 12, 15, 20, 60})
            check_distances("PQ" + std::to_string(m) + "x4fs", metric, 60, 300);
        for (const std::size_t m : {150, 257, 300, 514, 600})
            check_distances("PQ" + std::to_string(m) + "x4fs", metric, m == 150 ? 300 : m, 70);
        for (const char* spec : {"IVF1,PQ8x4fs", "IVF16,PQ8x4fs", "IVF16,PQ8x4fsr", "IVF16,PQ5x4fs_64", "IVF16,PQ5x4fsr_96"})
            for (const float shift : {0.F, 3.F}) check_distances(spec, metric, 40, 500, shift);
    }
}

TEST_CASE("PQ4 search: with all lists, IVF finds what one list finds, bit for bit, when codes are of whole rows") {
    const Matrix x = rows_with_ties(700, 24, 5), q = rows_with_ties(30, 24, 6);
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (const char* encoding : {"PQ6x4fs", "PQ3x4fs", "PQ24x4fs_64"}) {
            CAPTURE(encoding);
            const lutra::Index plain = made(encoding, metric, x, x);
            for (const char* lists : {"IVF1,", "IVF16,"}) {
                const lutra::Index ivf = made(lists + std::string(encoding), metric, x, x);
                for (std::size_t k : {1, 10, 100, 800}) CHECK(search(ivf, q, k, probes(16)) == search(plain, q, k));
            }
        }
}

TEST_CASE("PQ4 search: one to nine queries that share lists find what each finds alone, bit for bit") {
    const Matrix x = rows_with_ties(3000, 16, 7), q = rows_with_ties(9, 16, 8);
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (const char* spec : {"PQ4x4fs", "IVF2,PQ5x4fs", "IVF8,PQ4x4fs", "IVF8,PQ4x4fsr", "PQ1x4fs"}) {
            CAPTURE(spec);
            const std::size_t d = std::string_view(spec).find("PQ5") != std::string_view::npos ? 15 : 16;
            Matrix rows(x.n, d), queries(q.n, d);
            std::copy_n(x.values.begin(), rows.values.size(), rows.values.begin());
            std::copy_n(q.values.begin(), queries.values.size(), queries.values.begin());
            const lutra::Index index = made(spec, metric, rows, rows);
            for (std::size_t k : {1, 7, 100, 1200})
                for (std::size_t nprobe : {1, 3, 8}) {
                    Found alone;
                    for (std::size_t i = 0; i < 9; ++i)
                        alone.push_back(search(index, queries.view().rows(i, i + 1), k, probes(nprobe))[0]);
                    for (std::size_t n = 1; n <= 9; ++n)
                        CHECK(search(index, queries.view().rows(0, n), k, probes(nprobe)) ==
                              Found(alone.begin(), alone.begin() + long(n)));
                }
        }
}

TEST_CASE("PQ4 search: far from the origin, where many sums round to one score, ties still go to the lower id") {
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (const float shift : {1e3F, 1e5F, 1e6F}) {
            CAPTURE(shift);
            Matrix x = lutra_test::normal_matrix(3000, 16, 9), q = lutra_test::normal_matrix(9, 16, 10);
            for (float& v : x.values) v += metric == Metric::inner_product ? shift : 0;
            for (float& v : q.values) v += shift;
            const lutra::Index index = made("PQ8x4fs", metric, x, x);
            const Found all = search(index, q, 3000);
            for (std::size_t k : {1, 5, 50, 500}) {
                const Found found = search(index, q, k);
                if (shift < 1e6F) CHECK(found == first_of(all, k, metric));
                for (std::size_t i = 0; i < q.n; ++i)  // at 1e6 estimates tell no more apart than a float does
                    for (std::size_t j = 0; j < k; ++j)
                        REQUIRE(found[i][j].first == doctest::Approx(all[i][j].first).epsilon(4e-7));
            }
        }
}

TEST_CASE("PQ4 search: a filter is asked about few of the rows that are scanned") {
    const Matrix x = lutra_test::normal_matrix(20000, 16, 12), q = lutra_test::normal_matrix(20, 16, 13);
    const lutra::Index index = made("PQ8x4fs", Metric::l2, x, x);
    std::size_t asked = 0;
    const auto even = [&](Id id) { return ++asked, id % 2 == 0; };
    lutra::SearchParams params;
    params.filter = lutra::IdFilter::predicate(even);
    const Found found = search(index, q, 10, params);
    CHECK(asked < q.n * 600);
    for (const auto& hits : found)
        for (const Hit& h : hits) CHECK(h.second % 2 == 0);
}

TEST_CASE("PQ4 search: what is stored ranks as it does exactly, but for what the bound allows") {
    const Matrix x = lutra_test::clustered_matrix(400, 32, 40, 11);
    const lutra::Index index = made("PQ32x4fs", Metric::l2, x, x), exact = made("Flat", Metric::l2, x, x);
    const Found near = search(index, x, 10), truth = search(exact, x, 10);
    std::size_t common = 0;
    for (std::size_t i = 0; i < x.n; ++i)
        for (const Hit& h : near[i])
            common += std::any_of(truth[i].begin(), truth[i].end(), [&](const Hit& t) { return t.second == h.second; });
    CHECK(double(common) / 4000 > 0.8);
}

TEST_CASE("faults of faiss: sums beyond 16 bits do not wrap, also when every entry is rounded up") {
    for (const std::size_t m : {257, 300, 514, 516, 600, 1024})
        for (const Metric metric : {Metric::l2, Metric::inner_product}) {
            CAPTURE(m);
            Extremes e(m);
            const float value = metric == Metric::l2 ? 0.F : -1.F;  // nearest: row 17 of zeros; farthest: row 23 of fifteens
            std::fill(e.q.values.begin(), e.q.values.end(), value);
            const lutra::Index index = made("PQ" + std::to_string(m) + "x4fs", metric, e.training, e.x);
            const Found found = search(index, e.q, 40);
            CHECK(found[0].front().second == 17);
            CHECK(found[0].back().second == 23);
            Matrix farthest(1, m);
            require_ok(index.reconstruct(23, farthest.row(0)));
            const double exact = double(lutra::score_row(metric, e.q.row(0), farthest.row(0), m)) * (metric == Metric::l2 ? 1 : -1);
            CHECK(double(found[0].back().first) == doctest::Approx(exact).epsilon(0.005));
            CHECK(search(index, e.q, 1)[0][0].second == 17);
        }
}

TEST_CASE("faults of faiss: a zero query with inner product finds the lowest ids at distance 0, alone and in lists") {
    const Matrix x = lutra_test::normal_matrix(300, 24, 12);
    const Matrix q(3, 24);
    for (const char* spec : {"PQ8x4fs", "PQ3x4fs", "IVF4,PQ8x4fs", "IVF4,PQ8x4fsr"})
        for (std::size_t k : {1, 20, 21, 300}) {
            CAPTURE(spec);
            const lutra::Index index = made(spec, Metric::inner_product, x, x);
            for (const auto& row : search(index, q, k, all_lists(index)))
                for (std::size_t i = 0; i < k; ++i) {
                    REQUIRE(row[i].second == Id(i));
                    REQUIRE(row[i].first == 0);
                }
            CHECK(range_search(index, q, -1e-30F, all_lists(index))[0].size() == 300);
            CHECK(range_search(index, q, 0, all_lists(index))[0].empty());
        }
}

TEST_CASE("faults of faiss: constant tables, where all centroids are alike or the query is as far from each, find all vectors") {
    Matrix x(64, 6);  // all centroids equal, up to how k-means splits empty clusters
    std::fill(x.values.begin(), x.values.end(), 2.F);
    Matrix q = lutra_test::normal_matrix(2, 6, 13);
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        const lutra::Index index = made("PQ3x4fs", metric, x, x);
        for (const auto& row : search(index, q, 64))
            for (const Hit& h : row) REQUIRE((h.second != lutra::kNoId && std::isfinite(h.first)));
    }
    Matrix corners(64, 2);  // in each slice the same centroids twice over, all at squared distance 1 from the query
    for (std::size_t i = 0; i < 64; ++i)
        corners.row(i)[0] = i % 2 == 0 ? 1.F : -1.F, corners.row(i)[1] = i / 2 % 2 == 0 ? 1.F : -1.F;
    const lutra::Index index = made("PQ2x4fs", Metric::l2, corners, corners);
    const Found all = search(index, Matrix(1, 2), 64);
    for (const Hit& h : all[0]) CHECK(double(h.first) == doctest::Approx(2).epsilon(0.01));
}

TEST_CASE("faults of faiss: k = 1 gives the distance of the nearest with its sign, however large the sum") {
    for (const std::size_t m : {129, 200, 300, 600}) {
        CAPTURE(m);
        Extremes e(m);
        Matrix far(20, m);  // every code at the far end of its row: the sum is the largest there is
        std::fill(far.values.begin(), far.values.end(), 15.F);
        for (const Metric metric : {Metric::l2, Metric::inner_product}) {
            std::fill(e.q.values.begin(), e.q.values.end(), metric == Metric::l2 ? 0.F : -1.F);
            const lutra::Index index = made("PQ" + std::to_string(m) + "x4fs", metric, e.training, far);
            const Hit best = search(index, e.q, 1)[0][0];
            CHECK(best.second == 0);
            CHECK(double(best.first) == doctest::Approx(double(m) * (metric == Metric::l2 ? 225. : -15.)).epsilon(0.005));
            CHECK(best == search(index, e.q, 20)[0][0]);
        }
    }
}

TEST_CASE("faults of faiss: the smallest and the largest sum there can be are found, with k below and above 20") {
    for (const std::size_t m : {1, 2, 8, 257})
        for (const Metric metric : {Metric::l2, Metric::inner_product}) {
            CAPTURE(m);
            Extremes e(m);
            std::fill(e.q.values.begin(), e.q.values.end(), metric == Metric::l2 ? 0.F : -1.F);
            const lutra::Index index = made("PQ" + std::to_string(m) + "x4fs", metric, e.training, e.x);
            for (const std::size_t k : {40, 60}) {
                const Found found = search(index, e.q, k);
                for (std::size_t i = 0; i < k; ++i) CHECK((found[0][i].second != lutra::kNoId) == (i < 40));
            }
            const Matrix nearest(1, m);
            const lutra::Index single = made("PQ" + std::to_string(m) + "x4fs", metric, e.training, nearest);
            CHECK(search(single, e.q, 1)[0][0].second == 0);
        }
}

TEST_CASE("faults of faiss: slots without a vector have id -1 and the worst distance, for any k") {
    const Matrix x = lutra_test::normal_matrix(40, 8, 14), few = lutra_test::normal_matrix(3, 8, 15);
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (const char* spec : {"PQ4x4fs", "IVF4,PQ4x4fsr"})
            for (std::size_t k : {4, 20, 21, 1000}) {
                const lutra::Index index = made(spec, metric, x, few);
                const std::vector<Hit> row = search(index, few, k, all_lists(index))[0];
                const float worst = std::numeric_limits<float>::max() * (metric == Metric::l2 ? 1.F : -1.F);
                for (std::size_t i = 3; i < k; ++i) REQUIRE(row[i] == Hit(worst, lutra::kNoId));
                REQUIRE(row[2].second != lutra::kNoId);
            }
}

TEST_CASE("faults of faiss: vectors from blocks of 64 and more come back from reconstruct, remove and merge") {
    const Matrix x = lutra_test::normal_matrix(200, 12, 16);
    for (const char* spec : {"PQ4x4fs", "PQ3x4fs", "IVF3,PQ4x4fsr"}) {
        CAPTURE(spec);
        const lutra::Index narrow = made(spec, Metric::l2, x, x);
        for (const char* blocks : {"_64", "_96", "_256"}) {
            lutra::MemoryWriter out;
            require_ok(made(std::string(spec) + blocks, Metric::l2, x, x).save(out));
            lutra::MemoryReader in(out.bytes());
            lutra::Result<lutra::Index> wide = lutra::load_index(in);
            require_ok(wide.status());
            Matrix a(200, 12), b(200, 12);
            require_ok(narrow.reconstruct_n(0, 200, a.row(0)));
            require_ok(wide->reconstruct_n(0, 200, b.row(0)));
            CHECK(a.values == b.values);
            CHECK(search(*wide, x, 5) == search(narrow, x, 5));
            lutra::Index other = made(std::string(spec) + blocks, Metric::l2, x, x);
            const auto third = [](Id id) { return id % 3 == 0; };
            CHECK(wide->remove_ids(lutra::IdFilter::predicate(third)).value() == 67);
            require_ok(wide->merge_from(other, 1000));  // onto lists whose size is no multiple of a block
            Matrix row(1, 12);
            for (const Id id : {0, 64, 131, 199}) {
                require_ok(wide->reconstruct(1000 + id, row.row(0)));
                CHECK(std::equal(row.values.begin(), row.values.end(), a.row(std::size_t(id))));
            }
        }
    }
}

TEST_CASE("PQ4 train: too few rows for the codebook are refused by number, in lists too, and nothing is trained") {
    for (const char* spec : {"PQ2x4fs", "IVF4,PQ2x4fs", "IVF4,PQ2x4fsr"}) {
        CAPTURE(spec);
        lutra::Result<lutra::Index> index = lutra::index_factory(4, spec);
        const lutra::Status status = index->train(lutra_test::normal_matrix(15, 4, 17));
        CHECK(status.code() == lutra::Errc::too_few_rows);
        CHECK(status.message().find("at least 16 rows and got n = 15") != std::string_view::npos);
        CHECK(!index->is_trained());
        CHECK(index->train(lutra_test::normal_matrix(16, 4, 17)).ok());
    }
    const lutra::Status lists = lutra::index_factory(4, "IVF32,PQ2x4fs")->train(lutra_test::normal_matrix(20, 4, 17));
    CHECK(lists.message().find("largest nlist that would work is 20") != std::string_view::npos);
}
