// tests/tune/recall_test.cpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/factory/index_factory.hpp>
#include <lutra/tune/recall.hpp>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "support/matrices.hpp"

namespace recall_test {
namespace {
using lutra::BaseVectors;
using lutra::Errc;
using lutra::Hits;
using lutra::Id;
using lutra::Index;
using lutra::kNoId;
using lutra::MatrixView;
using lutra::Metric;
using lutra::RecallJudge;
using lutra_test::Matrix;

constexpr std::size_t kD = 8, kN = 300, kQueries = 20, kTrue = 12;

/// Rows of zeros and ones: most distances are those of many rows.
Matrix bits(std::size_t n, std::uint32_t seed) {
    Matrix x = lutra_test::normal_matrix(n, kD, seed);
    for (float& value : x.values) value = value > 0 ? 1.F : 0.F;
    for (std::size_t i = 0; i < n; ++i) x.row(i)[0] = 1;  // L2norm can do nothing with a row of zeros
    return x;
}

Index filled(std::string_view spec, Metric metric, const Matrix& x) {
    Index index = lutra::index_factory(x.d, spec, metric).value();
    REQUIRE(index.train(x).ok());
    REQUIRE(index.add(x).ok());
    return index;
}

Hits searched(const Index& index, const Matrix& q, std::size_t k = kTrue) {
    lutra::SearchParams params;
    params.nprobe = 1000, params.k_factor = index.k_factor() != 0 ? 1000.F : 0.F;
    return lutra::search(index, q, k, params).value();
}

/// The nearest, of equally near ones those with the largest ids: what no search of lutra's names first.
std::vector<Id> last_of_ties(const Index& index, const Matrix& q) {
    const Hits all = searched(index, q, kN);
    std::vector<Id> truth;
    for (std::size_t i = 0; i < q.n; ++i) {
        std::vector<std::size_t> order(kN);
        std::iota(order.begin(), order.end(), i * kN);
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            const float x = all.distances[a], y = all.distances[b];
            if (x != y) return index.metric() == Metric::l2 ? x < y : x > y;
            return all.ids[a] > all.ids[b];
        });
        for (std::size_t j = 0; j < kTrue; ++j) truth.push_back(all.ids[order[j]]);
    }
    return truth;
}

double recall(const RecallJudge& judge, const Hits& hits, std::size_t at) { return judge.recall(hits, at).value(); }

/// A judge of small whole numbers: rows 0, 1 ... 9 on a line, asked from 0.
struct Line {
    Matrix x{10, 1}, q{1, 1};
    Index index;

    Line() : index(lutra::index_factory(1, "Flat", Metric::l2).value()) {
        for (std::size_t i = 0; i < 10; ++i) x.row(i)[0] = float(i / 2);  // two of each
        q.row(0)[0] = 0;
        REQUIRE(index.add(x).ok());
    }
    /// Of hits with these ids, at their distances.
    double recall(const std::vector<Id>& truth, const std::vector<Id>& found, std::size_t at) const {
        Hits hits(1, found.size());
        hits.ids = found;
        for (std::size_t i = 0; i < found.size(); ++i)
            hits.distances[i] = found[i] < 0 ? 1e30F : float((found[i] / 2) * (found[i] / 2));
        return RecallJudge::make(index, q, truth, truth.size()).value().recall(hits, at).value();
    }
};
}  // namespace

TEST_CASE("recall: an exact search finds all, whichever of equally near vectors the truth names") {
    const Matrix x = bits(kN, 1), q = bits(kQueries, 2);
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (const std::string spec : {"Flat", "IVF4,Flat", "Flat,RFlat", "IVF4,PQ4x4fs,RFlat", "L2norm,Flat", "L2norm,IVF4,Flat",
                                       "L2norm,IVF4,Flat,RFlat"}) {
            CAPTURE(spec);
            const Index index = filled(spec, metric, x);
            const Hits hits = searched(index, q);
            const std::vector<Id> truth = last_of_ties(index, q);
            CHECK(std::count(truth.begin(), truth.end(), hits.ids[0]) < std::ptrdiff_t(kQueries));
            for (const BaseVectors& base : {BaseVectors(), BaseVectors(x)}) {
                const auto judge = RecallJudge::make(index, q, truth, kTrue, base);
                REQUIRE(judge.ok());
                CHECK(judge->knows_distances());
                for (const std::size_t at : {std::size_t{1}, std::size_t{2}, std::size_t{10}, kTrue})
                    CHECK(recall(*judge, hits, at) == 1);
            }
        }
}

TEST_CASE("recall: copies of a row count as the row, of any numbers and for ids of the caller's") {
    Matrix once = lutra_test::normal_matrix(kN / 2, kD, 1), x(kN, kD);
    const Matrix q = lutra_test::normal_matrix(kQueries, kD, 2);
    std::vector<Id> ids(kN);
    for (std::size_t i = 0; i < kN; ++i) {
        std::copy_n(once.row(i / 2), kD, x.row(i));
        ids[i] = Id(i) * 1'000'000'007;
    }
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (const std::string spec : {"Flat", "IVF4,Flat", "L2norm,IVF4,Flat", "IVF4,Flat,RFlat"}) {
            Index index = lutra::index_factory(kD, spec, metric).value();
            REQUIRE(index.train(x).ok());
            REQUIRE(index.add_with_ids(x, ids.data()).ok());
            lutra::SearchParams even, odd;
            const auto is_even = [](Id id) { return id / 1'000'000'007 % 2 == 0; };
            const auto is_odd = [](Id id) { return id / 1'000'000'007 % 2 != 0; };
            even.filter = lutra::IdFilter::predicate(is_even), odd.filter = lutra::IdFilter::predicate(is_odd);
            even.nprobe = odd.nprobe = 4;
            even.k_factor = odd.k_factor = index.k_factor() != 0 ? 50.F : 0.F;
            const std::vector<Id> truth = lutra::search(index, q, kTrue, even).value().ids;
            const Hits hits = lutra::search(index, q, kTrue, odd).value();
            const RecallJudge judge = RecallJudge::make(index, q, truth, kTrue).value();
            CHECK(recall(judge, hits, 1) == 1);
            CHECK(recall(judge, hits, kTrue) == 1);
        }
}

TEST_CASE("recall: of codes alone the ids count, and with the vectors the distances") {
    const Matrix x = bits(kN, 1), q = bits(kQueries, 2);
    for (const std::string normalized : {"", "L2norm,"}) {
        const Index flat = filled(normalized + "Flat", Metric::inner_product, x),
                    codes = filled(normalized + "PQ4x4fs", Metric::inner_product, x);
        const std::vector<Id> truth = last_of_ties(flat, q);
        const RecallJudge by_id = RecallJudge::make(codes, q, truth, kTrue).value(),
                          by_distance = RecallJudge::make(codes, q, truth, kTrue, BaseVectors(x)).value();
        CHECK(!by_id.knows_distances());
        Hits hits = searched(flat, q);
        std::fill(hits.distances.begin(), hits.distances.end(), 0.F);  // whatever codes say
        CHECK(recall(by_id, hits, 10) < 0.9);
        CHECK(recall(by_distance, hits, 10) == 1);
        CHECK(recall(by_distance, hits, 1) == 1);
    }
}

TEST_CASE("recall: what is further than the last true neighbour does not count, what is as far does") {
    const Line line;
    CHECK(line.recall({0, 1, 2}, {1, 0, 3}, 1) == 1);
    CHECK(line.recall({0, 1, 2}, {1, 0, 3}, 3) == 1);
    CHECK(line.recall({0, 1, 2}, {2, 0, 1}, 1) == 0);
    CHECK(line.recall({0, 1, 2}, {0, 1, 4}, 3) == doctest::Approx(2 / 3.));
    CHECK(line.recall({0, 1, 2}, {4, 5, 6}, 3) == 0);
    CHECK(line.recall({0, 1, 2}, {3, 2, 6}, 3) == doctest::Approx(2 / 3.));  // both as near as the third
}

TEST_CASE("recall: an id that is returned twice counts once, and an empty slot never") {
    const Line line;
    CHECK(line.recall({0, 1, 2}, {0, 0, 0}, 3) == doctest::Approx(1 / 3.));
    CHECK(line.recall({0, 1, 2}, {3, 3, kNoId}, 3) == doctest::Approx(1 / 3.));
    CHECK(line.recall({0, 1, 2}, {kNoId, kNoId, kNoId}, 3) == 0);
}

TEST_CASE("recall: where there are fewer true neighbours, only those are wanted") {
    const Line line;
    CHECK(line.recall({0, 1, kNoId}, {1, 0, kNoId}, 3) == 1);
    CHECK(line.recall({0, 2, kNoId}, {1, 0, 3}, 3) == 1);  // three are as near as the last of two
    CHECK(line.recall({0, 2, kNoId}, {1, 8, 9}, 3) == 0.5);
    CHECK(line.recall({kNoId, kNoId, kNoId}, {1, 8, 9}, 3) == 1);
}

TEST_CASE("recall: a true neighbour that the index does not hold leaves the ids") {
    const Line line;
    CHECK(line.recall({0, 1, 77}, {0, 1, 2}, 3) == doctest::Approx(2 / 3.));
    CHECK(line.recall({77, 1, 2}, {0, 1, 3}, 3) == 1);  // the last is known
}

TEST_CASE("recall: shapes that do not fit are refused, and so is what the base refuses") {
    const Line line;
    const std::vector<Id> truth{0, 1, 2};
    CHECK(RecallJudge::make(line.index, line.q, truth, 4).status().code() == Errc::bad_argument);
    CHECK(RecallJudge::make(line.index, line.q, truth, 0).status().code() == Errc::bad_argument);
    CHECK(RecallJudge::make(line.index, {line.q.row(0), 0, 1}, truth, 1).status().code() == Errc::bad_argument);
    CHECK(RecallJudge::make(line.index, lutra_test::normal_matrix(1, 2, 1), truth, 1).status().code() == Errc::bad_argument);
    const BaseVectors broken(10, [](std::size_t, std::size_t, float*) { return lutra::Status{Errc::io_error, "no"}; });
    CHECK(RecallJudge::make(line.index, line.q, truth, 3, broken).status().code() == Errc::io_error);
    const RecallJudge judge = RecallJudge::make(line.index, line.q, truth, 3).value();
    CHECK(judge.recall(Hits(2, 3), 3).status().code() == Errc::bad_argument);
    CHECK(judge.recall(Hits(1, 2), 3).status().code() == Errc::bad_argument);
}

}  // namespace recall_test
