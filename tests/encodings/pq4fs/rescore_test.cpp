// PQ4 without a refine stage: what is kept by estimates is answered by the scores of decoded vectors.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/coarse/one_list.hpp>
#include <lutra/encodings/pq4fs/pq4fs.hpp>
#include <lutra/encodings/pq4fs/pq4fs_file.hpp>
#include <lutra/ivf/ivf.hpp>
#include <lutra/kernels/distance.hpp>
#include <lutra/parallel/threads.hpp>
#include <lutra/refine/refine.hpp>

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "support/count_new.hpp"
#include "support/matrices.hpp"

using namespace lutra;
using lutra_test::Matrix;
using lutra_test::normal_matrix;

namespace {

using Hit = std::pair<float, Id>;

struct Made {
    std::size_t d, m, nlist;
    bool by_residual, score_aware;
};

constexpr Made kMade[] = {{16, 8, 0, false, false}, {15, 5, 0, false, false},   {32, 32, 0, false, false},
                          {48, 6, 4, false, false}, {16, 4, 5, true, false},    {24, 24, 3, true, false},
                          {32, 8, 0, false, true},  {257, 257, 2, true, false}, {32, 8, 4, true, true}};

template <class I>
I filled(I index, const Matrix& x, const Id* ids) {
    REQUIRE(index.train(x).ok());
    REQUIRE((ids == nullptr ? index.add(x) : index.add_with_ids(x, ids)).ok());
    if (index.nlist() != 0) REQUIRE(index.set_nprobe(index.nlist()).ok());
    return index;
}

/// f(index): of rows x.
template <class F>
void with_index(const Made& made, Metric metric, const Matrix& x, F&& f, const Id* ids = nullptr) {
    Pq4FastScan encoding(made.d, made.m, made.by_residual, kPq4Block, made.score_aware);
    if (made.nlist == 0)
        f(filled(Ivf<OneList, Pq4FastScan>(made.d, metric, 1, OneList{}, std::move(encoding)), x, ids));
    else
        f(filled(Ivf<FlatCoarse, Pq4FastScan>(made.d, metric, made.nlist, FlatCoarse{}, std::move(encoding)), x, ids));
}

/// All rows as stored, by their scores for q, lowest first.
template <class I>
std::vector<Hit> by_decoded(const I& index, std::size_t n, const float* q) {
    Matrix rows(n, index.dim());
    REQUIRE(index.reconstruct_n(0, n, rows.row(0)).ok());
    std::vector<Hit> all(n);
    for (std::size_t i = 0; i < n; ++i) all[i] = {score_row(index.metric(), q, rows.row(i), index.dim()), Id(i)};
    std::sort(all.begin(), all.end());
    return all;
}

template <class I>
std::vector<Hit> row_of(const I& index, const Hits& hits, std::size_t i) {
    std::vector<Hit> row;
    for (std::size_t j = 0; j < hits.k; ++j) {
        const float distance = hits.distances[i * hits.k + j];
        if (hits.ids[i * hits.k + j] != kNoId)
            row.emplace_back(index.metric() == Metric::l2 ? distance : -distance, hits.ids[i * hits.k + j]);
    }
    return row;
}

std::vector<Metric> metrics_of(const Made& made) {
    return made.score_aware ? std::vector{Metric::inner_product} : std::vector{Metric::l2, Metric::inner_product};
}

SearchParams ordered(Order order) {
    SearchParams params;
    params.order = order;
    return params;
}

}  // namespace

TEST_CASE("PQ4 search: distances are those of the decoded vectors, to the bit") {
    for (const Made& made : kMade)
        for (const Metric metric : metrics_of(made)) {
            CAPTURE(made.m);
            CAPTURE(made.by_residual);
            const Matrix x = normal_matrix(500, made.d, 1), q = normal_matrix(20, made.d, 2);
            with_index(made, metric, x, [&](const auto& index) {
                for (const std::size_t k : {1, 10, 600}) {
                    const Hits hits = search(index, q, k).value();
                    for (std::size_t i = 0; i < q.n; ++i) {
                        const std::vector<Hit> all = by_decoded(index, x.n, q.row(i)), row = row_of(index, hits, i);
                        const std::set<Hit> exact(all.begin(), all.end());
                        for (const Hit& hit : row) REQUIRE(exact.count({hit.first, hit.second}) == 1);
                        REQUIRE(std::is_sorted(row.begin(), row.end()));
                        if (k > x.n) REQUIRE(row == all);
                    }
                }
            });
        }
}

TEST_CASE("PQ4 search: the nearest decoded vector comes first in at least 995 of 1,000 searches, the ten nearest nearly always" *
          doctest::test_suite("slow")) {
    for (const auto& c : {std::pair{4, Metric::l2}, {16, Metric::l2}, {16, Metric::inner_product}, {32, Metric::l2}}) {
        const auto [m, metric] = c;
        CAPTURE(c.first);
        const Matrix x = normal_matrix(5000, 32, 3), q = normal_matrix(400, 32, 4);
        with_index({32, std::size_t(m), 0, false, false}, metric, x, [&](const auto& index) {
            const Hits one = search(index, q, 1).value(), ten = search(index, q, 10).value();
            std::size_t first = 0, all_ten = 0;
            for (std::size_t i = 0; i < q.n; ++i) {
                std::vector<Hit> want = by_decoded(index, x.n, q.row(i));
                want.resize(10);
                first += row_of(index, one, i)[0] == want[0], all_ten += row_of(index, ten, i) == want;
            }
            CHECK(first >= q.n * 995 / 1000);
            CHECK(all_ten >= q.n * 98 / 100);
        });
    }
}

TEST_CASE("PQ4 range_search: all decoded vectors strictly within the radius and no other, near the origin and far from it") {
    for (const Made& made : kMade)
        for (const Metric metric : metrics_of(made))
            for (const float shift : {0.F, 3.F, 1000.F}) {
                CAPTURE(made.m);
                CAPTURE(made.by_residual);
                CAPTURE(shift);
                Matrix x = normal_matrix(400, made.d, 5), q = normal_matrix(8, made.d, 6);
                for (Matrix* rows : {&x, &q})
                    for (float& v : rows->values) v += shift;
                with_index(made, metric, x, [&](const auto& index) {
                    for (const std::size_t wanted : {0, 1, 7, 100, 399}) {
                        const std::vector<Hit> first = by_decoded(index, x.n, q.row(0));
                        const float radius = first[wanted].first;
                        RangeHits hits;
                        REQUIRE(index.range_search(q, metric == Metric::l2 ? radius : -radius, hits).ok());
                        for (std::size_t i = 0; i < q.n; ++i) {
                            std::vector<Hit> want = by_decoded(index, x.n, q.row(i)), got;
                            std::erase_if(want, [&](const Hit& hit) { return !(hit.first < radius); });
                            for (std::size_t j = hits.lims[i]; j < hits.lims[i + 1]; ++j)
                                got.emplace_back(metric == Metric::l2 ? hits.distances[j] : -hits.distances[j], hits.ids[j]);
                            REQUIRE(got == want);
                        }
                    }
                });
            }
}

TEST_CASE("PQ4 range_search: an infinite radius is all, one of 0 or NaN nothing; rough hits are estimates of all that is visited") {
    const Matrix x = normal_matrix(300, 16, 7), q = normal_matrix(3, 16, 8);
    with_index({16, 8, 0, false, false}, Metric::l2, x, [&](const auto& index) {
        RangeHits hits;
        REQUIRE(index.range_search(q, std::numeric_limits<float>::infinity(), hits).ok());
        CHECK(hits.ids.size() == 900);
        REQUIRE(index.range_search(q, std::numeric_limits<float>::infinity(), hits, ordered(Order::rough)).ok());
        CHECK(hits.ids.size() == 900);
        for (const float none : {0.F, -1.F, std::numeric_limits<float>::quiet_NaN()}) {
            REQUIRE(index.range_search(q, none, hits).ok());
            CHECK(hits.ids.empty());
        }
    });
}

TEST_CASE("PQ4 search: of equal rows the lowest ids come, whatever their order in the lists") {
    Matrix x = normal_matrix(900, 16, 9);
    for (std::size_t i = 0; i < 600; ++i) std::copy_n(x.row(899), 16, x.row(i));
    std::vector<Id> ids(x.n);
    for (std::size_t i = 0; i < x.n; ++i) ids[i] = Id(10 * (x.n - i));
    for (const Made& made : {Made{16, 8, 0, false, false}, Made{16, 8, 3, true, false}})
        with_index(
            made, Metric::l2, x,
            [&](const auto& index) {
                const Hits hits = search(index, {x.row(899), 1, 16}, 50).value();
                std::vector<Id> want{10};
                for (Id id = 10 * 301; want.size() < 50; id += 10) want.push_back(id);
                CHECK(hits.ids == want);
            },
            ids.data());
}

TEST_CASE("PQ4 search: the same bits for any number of workers, alone and together, in any order, where ids and codes repeat") {
    Matrix x = normal_matrix(30000, 8, 10), q = normal_matrix(5, 8, 11);
    for (float& v : x.values) v = std::round(v);
    for (std::size_t t = 0; t < 8; ++t) q.row(0)[t] = 0;
    std::vector<Id> ids(x.n);
    for (std::size_t i = 0; i < x.n; ++i) ids[i] = Id(i % 7);
    for (const Made& made : {Made{8, 2, 0, false, false}, Made{8, 4, 6, false, false}, Made{8, 2, 6, true, false}})
        for (const Metric metric : {Metric::l2, Metric::inner_product})
            with_index(
                made, metric, x,
                [&](const auto& index) {
                    const Hits together = search(index, q, 20).value(), any = search(index, q, 20, ordered(Order::any)).value();
                    for (const std::size_t workers : {1, 3}) {
                        ThreadPool pool(workers);
                        Resources resources;
                        resources.executor = pool.executor();
                        for (std::size_t i = 0; i < q.n; ++i) {
                            const Hits alone = search(index, {q.row(i), 1, 8}, 20, {}, resources).value();
                            std::vector<Hit> a = row_of(index, alone, 0), t = row_of(index, together, i), s = row_of(index, any, i);
                            CHECK(a == t);
                            std::sort(s.begin(), s.end());
                            CHECK(s == t);
                        }
                    }
                },
                ids.data());
}

TEST_CASE("PQ4 search: a filter decides before anything is counted") {
    const Matrix x = normal_matrix(2000, 16, 12), q = normal_matrix(10, 16, 13);
    const auto few = [](Id id) { return id % 97 == 5; };
    SearchParams params;
    params.filter = IdFilter::predicate(few);
    with_index({16, 8, 4, true, false}, Metric::l2, x, [&](const auto& index) {
        const Hits hits = search(index, q, 10, params).value();
        for (std::size_t i = 0; i < q.n; ++i) {
            std::vector<Hit> want = by_decoded(index, x.n, q.row(i));
            std::erase_if(want, [&](const Hit& hit) { return !few(hit.second); });
            want.resize(10);
            CHECK(row_of(index, hits, i) == want);
        }
    });
}

TEST_CASE("PQ4 search: once warm it allocates nothing, by decoded vectors or rough") {
    const Matrix x = normal_matrix(2000, 16, 14), q = normal_matrix(40, 16, 15);
    for (const Made& made : {Made{16, 8, 0, false, false}, Made{16, 8, 4, true, false}})
        with_index(made, Metric::l2, x, [&](const auto& index) {
            Workspace workspace;
            Resources resources;
            resources.workspace = &workspace;
            Hits hits(q.n, 10);
            for (const Order order : {Order::best_first, Order::any, Order::rough}) {
                for (int i = 0; i < 3; ++i) REQUIRE(index.search(q, 10, hits.view(), ordered(order), resources).ok());
                const std::size_t before = lutra_test::allocations();
                REQUIRE(index.search(q, 10, hits.view(), ordered(order), resources).ok());
                CHECK(lutra_test::allocations() == before);
            }
        });
}

TEST_CASE("PQ4 with RFlat: candidates are the best estimates, as many as asked for, and no vector is decoded") {
    const Matrix x = normal_matrix(3000, 16, 16), q = normal_matrix(30, 16, 17);
    with_index({16, 4, 0, false, false}, Metric::l2, x, [&](const auto& index) {
        const Hits rough = search(index, q, 40, ordered(Order::rough)).value();
        auto refined = filled(Refine(Ivf<OneList, Pq4FastScan>(16, Metric::l2, 1, OneList{}, Pq4FastScan(16, 4))), x, nullptr);
        SearchParams params;
        params.k_factor = 40;
        const Hits hits = search(refined, q, 1, params).value();
        for (std::size_t i = 0; i < q.n; ++i) {
            Hit best{std::numeric_limits<float>::max(), kNoId};
            for (std::size_t j = 0; j < 40; ++j) {
                const Id id = rough.ids[i * 40 + j];
                best = std::min(best, Hit{score_row(Metric::l2, q.row(i), x.row(std::size_t(id)), 16), id});
            }
            CHECK(hits.ids[i] == best.second);
        }
    });
}
