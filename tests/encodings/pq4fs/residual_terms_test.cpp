// L2 residual codes with one table a query: rows' terms, and what is found with them.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/encodings/pq4fs/pq4fs_file.hpp>
#include <lutra/io/stream.hpp>
#include <lutra/ivf/ivf_file.hpp>
#include <lutra/kernels/distance.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "encodings/pq4fs/shapes.hpp"

using namespace lutra;
using namespace pq4_test;
using lutra_test::Matrix;
using lutra_test::normal_matrix;

namespace {

constexpr Shape kSome[] = {{1, 1}, {2, 3}, {3, 5}, {8, 4}, {17, 1}, {64, 2}, {257, 1}, {300, 2}};

Matrix moved(Matrix x, float shift, float scale = 1) {
    for (float& v : x.values) v = v * scale + shift;
    return x;
}

std::vector<const float*> pointers(const Matrix& x) {
    std::vector<const float*> rows;
    for (std::size_t i = 0; i < x.n; ++i) rows.push_back(x.row(i));
    return rows;
}

/// Residuals of variance 1; lists at `centroids`.
Pq4FastScan residual_encoding(const Shape& s, const Matrix& centroids, Metric metric = Metric::l2) {
    Pq4FastScan encoding(s.d(), s.m, true);
    const Matrix residuals = normal_matrix(200, s.d(), 1);
    static_cast<void>(encoding.train(metric, residuals, residuals, {}));
    encoding.set_centroids(metric, pointers(centroids));
    return encoding;
}

/// n rows around a centroid, as its list holds them.
struct List {
    List(const Pq4FastScan& encoding, const Matrix& centroids, std::size_t l, std::size_t n)
        : x(normal_matrix(n, centroids.d, 10 + std::uint32_t(l))), ids(n), centroid(centroids.row(l)), number(l) {
        for (std::size_t i = 0; i < n * x.d; ++i) x.values[i] += centroid[i % x.d];
        for (std::size_t i = 0; i < n; ++i) ids[i] = Id(i);
        codes = encoded(encoding, x, centroid);
    }
    ListView view() const { return {codes.data(), ids.data(), x.n, centroid, 0, number}; }

    Matrix x;
    std::vector<Id> ids;
    std::vector<std::byte> codes;
    const float* centroid;
    std::size_t number;
};

/// The estimates of all rows of a list.
std::vector<float> estimates(const Pq4FastScan& encoding, const List& list, const float* q) {
    Arena arena;
    const IdFilter all;
    RangeCollector found{std::numeric_limits<float>::infinity(), &all, true};
    RangeCollector* const hits = &found;
    const Pq4FastScan::State* state = encoding.prepare(Metric::l2, q, arena);
    const float distance = score_row(Metric::l2, q, list.centroid, list.x.d);
    encoding.scan<RangeCollector>(Metric::l2, {&state, 1}, {&distance, 1}, list.view(), {&hits, 1}, arena);
    std::vector<float> scores(list.x.n, std::numeric_limits<float>::quiet_NaN());
    for (const auto& [score, id] : found.hits) scores[std::size_t(id)] = score;
    return scores;
}

/// The largest error of the estimates of a list's rows, in steps of the query's table, less what floats may lose.
double worst_error(const Pq4FastScan& encoding, const Pq4Terms& terms, const List& list, const float* q) {
    Arena arena;
    const Pq4FastScan::State* state = encoding.prepare(Metric::l2, q, arena);
    REQUIRE(state->shared);
    const Matrix residuals = decoded(encoding, list.codes, list.x.n);
    const std::vector<float> scores = estimates(encoding, list, q);
    const double floats = double(list.x.d + 4) * 0x1p-22 * double(state->lut.length) * double(state->lut.length);
    double worst = 0;
    for (std::size_t i = 0; i < residuals.n; ++i) {
        double exact = 0;
        for (std::size_t t = 0; t < residuals.d; ++t) {
            const double off = double(q[t] - terms.origin()[t]) - double(list.centroid[t] - terms.origin()[t]);
            exact += std::pow(off - double(residuals.row(i)[t]), 2);
        }
        worst = std::max(worst, (std::abs(double(scores[i]) - exact) - floats) / double(state->lut.step));
    }
    return worst;
}

using Lists = Ivf<FlatCoarse, Pq4FastScan>;

Lists untrained(const Shape& s, std::size_t nlist) {
    return {s.d(), Metric::l2, nlist, FlatCoarse{}, Pq4FastScan(s.d(), s.m, true)};
}

Lists trained(const Shape& s, std::size_t nlist, const Matrix& x) {
    Lists index = untrained(s, nlist);
    REQUIRE(index.train(x).ok());
    REQUIRE(index.set_nprobe(nlist).ok());
    return index;
}

/// Every row's estimate for each query, rising: what is stored beside the codes is part of it.
std::vector<std::pair<float, Id>> rough(const Lists& index, const Matrix& q) {
    SearchParams params;
    params.order = Order::rough;
    const Hits hits = search(index, q, index.ntotal(), params).value();
    std::vector<std::pair<float, Id>> all;
    for (std::size_t i = 0; i < hits.ids.size(); ++i) all.emplace_back(hits.distances[i], hits.ids[i]);
    for (std::size_t i = 0; i < q.n; ++i)
        std::sort(all.begin() + std::ptrdiff_t(i * hits.k), all.begin() + std::ptrdiff_t((i + 1) * hits.k));
    return all;
}

std::vector<std::byte> saved(const Lists& index) {
    MemoryWriter out;
    REQUIRE(index.save(out).ok());
    return {out.bytes().begin(), out.bytes().end()};
}

}  // namespace

TEST_CASE("residual terms: 2 c'.r to half a unit, and a little for each sub-quantizer") {
    for (const Shape& s : kSome) {
        CAPTURE(s);
        const Matrix centroids = normal_matrix(7, s.d(), 2);
        const Pq4FastScan encoding = residual_encoding(s, centroids);
        Pq4Terms terms;
        terms.set(encoding.codebook(), pointers(centroids));
        REQUIRE(terms.used());
        for (std::size_t l = 0; l < centroids.n; ++l) {
            if (!terms.near(l)) continue;
            const List list(encoding, centroids, l, 70);
            const Matrix residuals = decoded(encoding, list.codes, 70);
            double worst = 0;
            for (std::size_t i = 0; i < 70; ++i) {
                double want = 0;
                for (std::size_t t = 0; t < s.d(); ++t)
                    want += 2 * double(centroids.row(l)[t] - terms.origin()[t]) * double(residuals.row(i)[t]);
                const std::byte* block = list.codes.data() + i / 32 * encoding.block_bytes();
                const double kept = double(get_term(block + encoding.block_bytes() - kPq4TermBytes, i % 32)) - Pq4Terms::kZero;
                worst = std::max(worst, std::abs(kept * double(terms.unit()) - want) / double(terms.unit()));
            }
            CHECK(worst <= 0.5 + double(s.m) / 4096 + 1e-3);
        }
    }
}

TEST_CASE("residual terms: estimates are within M / 2 + 1 steps and a little, whatever the offset, for near and far queries") {
    for (const Shape& s : kSome)
        for (const float spread : {0.F, 0.01F, 1.F})
            for (const float shift : {0.F, 1000.F, 4e6F}) {
                CAPTURE(s);
                CAPTURE(spread);
                CAPTURE(shift);
                const Matrix centroids = moved(normal_matrix(5, s.d(), 3), shift, spread);
                const Pq4FastScan encoding = residual_encoding(s, centroids);
                Pq4Terms terms;
                terms.set(encoding.codebook(), pointers(centroids));
                std::size_t near = 0;
                for (std::size_t l = 0; l < centroids.n; ++l) {
                    if (!terms.near(l)) continue;
                    ++near;
                    const List list(encoding, centroids, l, 100);
                    for (const float away : {0.F, 1e-20F, 1.F, 1000.F, 1e12F}) {
                        const Matrix q = moved(normal_matrix(1, s.d(), 4), shift, away);
                        CAPTURE(away);
                        CHECK(worst_error(encoding, terms, list, q.row(0)) <= double(s.m) / 2 + 1 + double(s.m) / 4096);
                    }
                }
                CHECK(near >= 3);
            }
}

TEST_CASE("residual terms: a step is fine enough where the query lies on the origin, and the sums of 256 look-ups leave room") {
    const Matrix centroids = moved(normal_matrix(9, 256, 5), 0, 2.5F);
    const Pq4FastScan encoding = residual_encoding({256, 1}, centroids);
    Pq4Terms terms;
    terms.set(encoding.codebook(), pointers(centroids));
    Arena arena;
    const Pq4FastScan::State* state = encoding.prepare(Metric::l2, terms.origin(), arena);
    REQUIRE(state->shared);
    CHECK(state->lut.factor <= 32768);
    CHECK(terms.reach() > 30);
    for (std::size_t l = 0; l < centroids.n; ++l)
        if (terms.near(l)) CHECK(worst_error(encoding, terms, List(encoding, centroids, l, 64), terms.origin()) <= 130);
}

TEST_CASE("residual terms: a list far out has a table of its own, as exact as if it were alone") {
    Matrix centroids = normal_matrix(9, 32, 6);
    for (std::size_t t = 0; t < 32; ++t) centroids.row(4)[t] += 5e4F;
    const Pq4FastScan encoding = residual_encoding({8, 4}, centroids);
    Pq4Terms terms;
    terms.set(encoding.codebook(), pointers(centroids));
    REQUIRE(terms.used());
    CHECK(!terms.near(4));
    CHECK(terms.near(3));
    CHECK(terms.reach() < 20);
    const List list(encoding, centroids, 4, 100);
    const Matrix rows = decoded(encoding, list.codes, 100, list.centroid);
    const std::vector<float> scores = estimates(encoding, list, list.x.row(0));
    for (std::size_t i = 0; i < 100; ++i) CHECK(std::abs(scores[i] - score_row(Metric::l2, list.x.row(0), rows.row(i), 32)) < 1);
}

TEST_CASE("residual terms: queries that floats can hardly hold and NaN do without") {
    const Matrix centroids = normal_matrix(5, 8, 7);
    const Pq4FastScan encoding = residual_encoding({4, 2}, centroids);
    for (const float q : {1e19F, 1e38F, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
        Arena arena;
        CHECK(!encoding.prepare(Metric::l2, std::vector<float>(8, q).data(), arena)->shared);
    }
    const List list(encoding, centroids, 1, 40);
    const std::vector<float> nan(8, std::numeric_limits<float>::quiet_NaN()), far(8, 1e19F);
    for (const float score : estimates(encoding, list, nan.data())) CHECK(score != score);
    for (const float score : estimates(encoding, list, far.data())) CHECK(score >= 0);
}

TEST_CASE("residual terms: only L2 residuals have them, and not those of codebooks with far centroids") {
    const Matrix centroids = normal_matrix(5, 8, 8);
    const std::size_t plain = Pq4FastScan(8, 4).block_bytes();
    CHECK(residual_encoding({4, 2}, centroids).block_bytes() == plain + 64);
    CHECK(residual_encoding({4, 2}, centroids, Metric::inner_product).block_bytes() == plain);
    AlignedVector<float> codebook = residual_encoding({4, 2}, centroids).codebook().centroids();
    codebook[0] = codebook[1] = 1e6F;
    Pq4Codebook far(8, 4);
    far.set(codebook);
    REQUIRE(far.has_far());
    Pq4Terms terms;
    terms.set(far, pointers(centroids));
    CHECK(!terms.used());
}

TEST_CASE(
    "residual terms: rows added one by one, in pieces or at once, copied by a merge, left by a removal, or loaded, give the same "
    "bits") {
    for (const Shape& s : {Shape{4, 4}, Shape{5, 3}, Shape{33, 1}}) {
        CAPTURE(s);
        const Matrix x = normal_matrix(300, s.d(), 9), q = normal_matrix(7, s.d(), 11);
        Lists once = trained(s, 6, x);
        Lists pieces = once, other = once, longer = once;
        REQUIRE(once.add(x).ok());
        for (std::size_t i = 0; i < 40; ++i) REQUIRE(pieces.add(x.view().rows(i, i + 1)).ok());
        REQUIRE(pieces.add(x.view().rows(40, 200)).ok());
        REQUIRE(other.add(x.view().rows(200, 300)).ok());
        REQUIRE(pieces.merge_from(other, 200).ok());
        REQUIRE(longer.add(x).ok());
        const auto late = [](Id id) { return id >= 300; };
        REQUIRE(longer.add(moved(x, 0.5F)).ok());
        REQUIRE(longer.remove_ids(IdFilter::predicate(late)).ok());
        const auto want = rough(once, q);
        CHECK(rough(pieces, q) == want);
        CHECK(rough(longer, q) == want);
        const std::vector<std::byte> file = saved(once);
        MemoryReader in(file);
        Result<Lists> loaded = Lists::load(in);
        REQUIRE(loaded.status().ok());
        CHECK(rough(*loaded, q) == want);
        CHECK(saved(*loaded) == file);
        Lists after = std::move(*loaded);
        Lists before = once;
        REQUIRE(after.add(moved(x, 0.25F)).ok());
        REQUIRE(before.add(moved(x, 0.25F)).ok());
        CHECK(rough(after, q) == rough(before, q));
    }
}

TEST_CASE("residual terms: estimates alone are those of a batch, where some lists are far out and some are not") {
    Matrix x = normal_matrix(2000, 16, 12);
    for (std::size_t i = 0; i < 200; ++i) x.row(i)[3] += 3000;
    Lists index = trained({8, 2}, 12, x);
    REQUIRE(index.add(x).ok());
    const Matrix q = x;
    const Matrix some = [&] {
        Matrix m(30, 16);
        for (std::size_t i = 0; i < 30; ++i) std::copy_n(q.row(i * 60), 16, m.row(i));
        return m;
    }();
    const auto together = rough(index, some);
    for (std::size_t i = 0; i < some.n; ++i) {
        Matrix one(1, 16);
        std::copy_n(some.row(i), 16, one.row(0));
        const auto alone = rough(index, one);
        CHECK(std::equal(alone.begin(), alone.end(), together.begin() + std::ptrdiff_t(i * x.n)));
    }
}

TEST_CASE(
    "residual terms: where centroids are thousands of times as far apart as residuals, a row is found by its estimate as ever") {
    const Matrix centroids = moved(normal_matrix(8, 16, 13), 0, 5000);
    const Pq4FastScan encoding = residual_encoding({16, 1}, centroids);
    for (std::size_t l = 0; l < centroids.n; ++l) {
        const List list(encoding, centroids, l, 200);
        std::size_t found = 0;
        for (std::size_t i = 0; i < list.x.n; ++i) {
            const std::vector<float> scores = estimates(encoding, list, list.x.row(i));
            found += std::min_element(scores.begin(), scores.end()) == scores.begin() + std::ptrdiff_t(i);
        }
        CHECK(found >= 195);
    }
}

TEST_CASE("residual terms: an estimate below 0 is a distance of 0") {
    const Matrix x = normal_matrix(800, 32, 15);
    Lists index = trained({32, 1}, 4, x);
    REQUIRE(index.add(x).ok());
    Matrix rows(x.n, x.d);
    REQUIRE(index.reconstruct_n(0, x.n, rows.row(0)).ok());
    const auto hits = rough(index, rows);
    CHECK(std::all_of(hits.begin(), hits.end(), [](const auto& hit) { return hit.first >= 0; }));
    CHECK(std::any_of(hits.begin(), hits.end(), [](const auto& hit) { return hit.first == 0; }));
}
