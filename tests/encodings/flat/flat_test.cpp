// Flat in each of its forms against comparing every row.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/coarse/one_list.hpp>
#include <lutra/encodings/flat/flat.hpp>
#include <lutra/io/stream.hpp>
#include <lutra/ivf/ivf_file.hpp>
#include <lutra/parallel/threads.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "support/matrices.hpp"

namespace {
using namespace lutra;
using lutra_test::Matrix;
using Alone = Ivf<OneList, Flat>;

constexpr Metric kMetrics[] = {Metric::l2, Metric::inner_product};
constexpr float kHuge = 1e30F;

MatrixView view(const Matrix& m) { return m.view(); }

Matrix changed(Matrix x, float scale, float offset) {
    for (float& v : x.values) v = v * scale + offset;
    return x;
}

Matrix whole(std::size_t n, std::size_t d, std::uint32_t seed) {
    Matrix x = lutra_test::normal_matrix(n, d, seed);
    for (float& v : x.values) v = std::clamp(std::nearbyint(v * 60 + 100), 0.F, 255.F) + 0.F;  // -0 is not whole
    x.row(0)[0] = 0, x.row(n - 1)[d - 1] = 255;
    return x;
}

Matrix joined(const Matrix& a, const Matrix& b) {
    Matrix x = a;
    x.values.insert(x.values.end(), b.values.begin(), b.values.end());
    x.n += b.n;
    return x;
}

/// The k nearest by comparing every row.
Hits compare_all(Metric metric, const Matrix& x, const Matrix& q, std::size_t k) {
    Hits hits(q.n, k);
    for (std::size_t i = 0; i < q.n; ++i) {
        TopK top(hits.distances.data() + i * k, hits.ids.data() + i * k, k);
        for (std::size_t j = 0; j < x.n; ++j) top.push(score_row(metric, q.row(i), x.row(j), x.d), Id(j));
        top.write(metric);
    }
    return hits;
}

template <class I>
void check_hits(const I& index, const Matrix& q, const Hits& want, std::size_t k) {
    const Hits batch = search(index, view(q), k).value();
    CHECK(batch.ids == want.ids);
    CHECK(batch.distances == want.distances);
    for (std::size_t i = 0; i < q.n; i += 3) {
        const Hits one = search(index, view(q).rows(i, i + 1), k).value();
        CHECK(std::equal(one.ids.begin(), one.ids.end(), want.ids.begin() + std::ptrdiff_t(i * k)));
        CHECK(std::equal(one.distances.begin(), one.distances.end(), want.distances.begin() + std::ptrdiff_t(i * k)));
    }
}

Alone flat(Metric metric, const Matrix& x) {
    Alone index(x.d, metric, 1, OneList(), Flat(x.d));
    REQUIRE(index.add(view(x)).ok());
    return index;
}

void check(Metric metric, const Matrix& x, const Matrix& q) {
    const std::size_t k = 7;
    const Hits want = compare_all(metric, x, q, k);
    check_hits(flat(metric, x), q, want, k);
    Ivf<FlatCoarse, Flat> lists(x.d, metric, 5, FlatCoarse(), Flat(x.d));
    REQUIRE(lists.train(view(x)).ok());
    REQUIRE(lists.add(view(x)).ok());
    REQUIRE(lists.set_nprobe(5).ok());
    check_hits(lists, q, want, k);
}

/// The k nearest of batches of 1030 rows, 37, 1030 .. that stay where they are, one after the other.
Hits scan_in_batches(Metric metric, const Matrix& x, const Matrix& q, std::size_t k) {
    Hits hits(q.n, k);
    const IdFilter all;
    std::vector<TopCollector> best;
    std::vector<TopCollector*> collectors;
    for (std::size_t i = 0; i < q.n; ++i) best.push_back({TopK(hits.distances.data() + i * k, hits.ids.data() + i * k, k), &all});
    for (TopCollector& c : best) collectors.push_back(&c);
    std::vector<Id> ids(x.n);
    std::iota(ids.begin(), ids.end(), Id{0});
    AlignedVector<std::byte> blocks;
    for (std::size_t begin = 0, n = 0; begin < x.n; begin += n) {
        n = std::min<std::size_t>(n == 1030 ? 37 : 1030, x.n - begin);
        const MatrixView batch = view(x).rows(begin, begin + n);
        const Flat flat = Flat::for_one_scan(metric, batch, q.n);
        const ListView list{flat.codes_beside(batch, blocks), ids.data() + begin, n};
        Arena arena;
        std::vector<const Flat::State*> states;
        for (std::size_t i = 0; i < q.n; ++i) states.push_back(flat.prepare(metric, q.row(i), arena));
        flat.scan<TopCollector>(metric, states, {}, list, collectors, arena);
    }
    for (TopCollector& c : best) c.top.write(metric);
    return hits;
}

void check_batches(const Matrix& x, const Matrix& q) {
    for (const Metric metric : kMetrics) {
        CAPTURE(metric_name(metric));
        const Hits want = compare_all(metric, x, q, 12), found = scan_in_batches(metric, x, q, 12);
        CHECK(found.ids == want.ids);
        CHECK(std::memcmp(found.distances.data(), want.distances.data(), want.distances.size() * sizeof(float)) == 0);
    }
}

Matrix reconstructed(const Alone& index) {
    Matrix x(index.ntotal(), index.dim());
    REQUIRE(index.reconstruct_n(0, x.n, x.row(0)).ok());
    return x;
}

Alone reloaded(const Alone& index) {
    MemoryWriter out;
    REQUIRE(index.save(out).ok());
    MemoryReader in(out.bytes());
    return Alone::load(in).value();
}
}  // namespace

TEST_CASE("Flat: codes beside rows are the same bytes by several workers") {
    for (const Matrix& x : {lutra_test::normal_matrix(5000, 40, 1), whole(5000, 40, 1)}) {
        const Flat flat = Flat::for_one_scan(Metric::l2, view(x), 1000);
        AlignedVector<std::byte> alone, shared;
        flat.codes_beside(view(x), alone);
        lutra::ThreadPool pool(3);
        flat.codes_beside(view(x), shared, pool.executor());
        CHECK(alone == shared);
        CHECK(alone.empty() == !lutra::kBytesPay);
    }
}

TEST_CASE("Flat: whole rows give the hits of comparing every row, to whole queries and others") {
    for (const Metric metric : kMetrics)
        for (const std::size_t d : {1, 3, 16, 100, 256, 257, 300}) {
            CAPTURE(d);
            Matrix q = joined(whole(20, d, 2), lutra_test::normal_matrix(10, d, 3));
            q = joined(q, changed(lutra_test::normal_matrix(5, d, 4), 50, 100));
            check(metric, whole(300, d, 1), q);
        }
}

TEST_CASE("Flat: rows of any size and offset give the hits of comparing every row") {
    for (const Metric metric : kMetrics)
        for (const std::size_t d : {31, 32, 70, 257})
            for (const float scale : {1e-30F, 1e-18F, 1.F, 1e9F})
                for (const float offset : {0.F, 1.F, 1000.F}) {
                    CAPTURE(d);
                    CAPTURE(scale);
                    CAPTURE(offset);
                    check(metric, changed(lutra_test::normal_matrix(200, d, 1), scale, scale * offset),
                          changed(lutra_test::normal_matrix(30, d, 2), scale, scale * offset));
                }
}

TEST_CASE("Flat: rows that are alike, equal, zero, huge, or with one large component") {
    const std::size_t d = 70;
    Matrix x = lutra_test::normal_matrix(300, d, 3);
    for (std::size_t i = 0; i < 100; ++i) std::copy_n(x.row(i % 3), d, x.row(i));
    for (std::size_t i = 100; i < 130; ++i) std::fill_n(x.row(i), d, 0.F);
    for (std::size_t i = 130; i < 200; ++i) x.row(i)[i % d] = 500;
    for (std::size_t i = 200; i < 210; ++i) x.row(i)[3] = kHuge;
    for (std::size_t i = 210; i < 260; ++i)
        for (std::size_t t = 0; t < d; ++t) x.row(i)[t] = x.row(0)[t] * (t == i % d ? 1.001F : 1.F);
    Matrix q = joined(lutra_test::normal_matrix(20, d, 5), x);
    for (const Metric metric : kMetrics) check(metric, x, q);
}

TEST_CASE("Flat: what a row or a query loses in its bytes may all lie along the other") {
    const std::size_t d = 64;
    Matrix x = lutra_test::normal_matrix(200, d, 6), q = lutra_test::normal_matrix(40, d, 7);
    for (std::size_t i = 0; i < x.n; ++i)
        for (std::size_t t = 0; t < d; ++t) x.row(i)[t] = t == 0 ? 127.F : float(i % 5) + 0.49F;
    for (std::size_t i = 0; i < q.n; ++i)
        for (std::size_t t = 0; t < d; ++t) q.row(i)[t] = t == 0 ? 127.F : (i % 2 == 0 ? 0.49F : -0.49F) * float(1 + i % 3);
    for (const Metric metric : kMetrics) {
        check(metric, x, q);
        check(metric, q, x);
    }
}

TEST_CASE("Flat: queries that are not finite find nothing, very long ones what comparing every row finds") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    for (const Metric metric : kMetrics)
        for (const Matrix& x : {whole(100, 40, 1), lutra_test::normal_matrix(100, 40, 1)}) {
            Matrix q = lutra_test::normal_matrix(12, 40, 2);
            q.row(1)[3] = nan, q.row(4)[0] = std::numeric_limits<float>::infinity();
            q.row(7)[2] = 3e18F, q.row(8)[2] = -1e25F;
            const Hits want = compare_all(metric, x, q, 7);
            CHECK(want.ids[7] == kNoId);
            check_hits(flat(metric, x), q, want, 7);
        }
}

TEST_CASE("Flat: a row that is not whole changes the form of those before it, and no hit") {
    for (const Metric metric : kMetrics)
        for (const std::size_t d : {8, 40}) {
            const Matrix first = whole(90, d, 1), second = lutra_test::normal_matrix(50, d, 2), q = whole(20, d, 3);
            Alone index = flat(metric, first);
            REQUIRE(index.add(view(second)).ok());
            const Matrix x = joined(first, second);
            check_hits(index, q, compare_all(metric, x, q, 7), 7);
            CHECK(reconstructed(index).values == x.values);
            const auto late = [](Id id) { return id >= 80; };
            REQUIRE(index.remove_ids(IdFilter::predicate(late)).value() == 60);
            Matrix left = x;
            left.n = 80, left.values.resize(80 * d);
            check_hits(index, q, compare_all(metric, left, q, 7), 7);
            index.reset();
            REQUIRE(index.add(view(first)).ok());
            check_hits(index, q, compare_all(metric, first, q, 7), 7);
        }
}

TEST_CASE("Flat: indexes in any two forms merge") {
    const std::size_t d = 40;
    const std::vector<Matrix> kinds = {whole(50, d, 1), lutra_test::normal_matrix(40, d, 2),
                                       changed(lutra_test::normal_matrix(30, d, 3), 2, 100), Matrix(0, d)};
    const Matrix q = whole(10, d, 4);
    for (const Metric metric : kMetrics)
        for (const Matrix& a : kinds)
            for (const Matrix& b : kinds) {
                Alone one = flat(metric, a), other = flat(metric, b);
                REQUIRE(one.merge_from(other, Id(a.n)).ok());
                const Matrix x = joined(a, b);
                check_hits(one, q, compare_all(metric, x, q, 7), 7);
                CHECK(reconstructed(one).values == x.values);
                CHECK(other.ntotal() == 0);
            }
}

TEST_CASE("Flat: a file has the rows as floats, whatever their form, and gives them back") {
    const std::size_t d = 40;
    for (const Metric metric : kMetrics)
        for (const Matrix& x : {whole(90, d, 1), lutra_test::normal_matrix(90, d, 2),
                                joined(whole(9000, d, 1), lutra_test::normal_matrix(300, d, 2)), Matrix(0, d)}) {
            const Alone index = flat(metric, x);
            MemoryWriter out;
            REQUIRE(index.save(out).ok());
            REQUIRE(out.bytes().size() >= x.values.size() * sizeof(float));
            const Alone again = reloaded(index);
            CHECK(again.ntotal() == x.n);
            CHECK(reconstructed(again).values == x.values);
            const Matrix q = whole(10, d, 4);
            check_hits(again, q, compare_all(metric, x, q, 7), 7);
        }
}

TEST_CASE("Flat: a filter and a radius see the rows that comparing every row finds") {
    const std::size_t d = 64;
    for (const Metric metric : kMetrics)
        for (const Matrix& x : {whole(400, d, 1), lutra_test::normal_matrix(400, d, 2)}) {
            const Alone index = flat(metric, x);
            const Matrix q = whole(9, d, 3);
            SearchParams params;
            const auto some = [](Id id) { return id >= 100 && id < 110; };
            params.filter = IdFilter::predicate(some);
            const Hits few = search(index, view(q), 20, params).value();
            for (std::size_t i = 0; i < q.n; ++i) {
                std::vector<Id> ids(few.ids.begin() + std::ptrdiff_t(i * 20), few.ids.begin() + std::ptrdiff_t(i * 20 + 20));
                std::sort(ids.begin(), ids.end());
                CHECK(std::count(ids.begin(), ids.end(), kNoId) == 10);
                CHECK(ids[10] == 100);
                CHECK(ids[19] == 109);
            }
            const Hits near = search(index, view(q), 30).value();
            for (const float nudge : {-0.25F, 0.F, 0.25F}) {
                const float radius = near.distances[29] + nudge;
                RangeHits hits;
                REQUIRE(index.range_search(view(q), radius, hits).ok());
                for (std::size_t i = 0; i < q.n; ++i) {
                    std::size_t inside = 0;
                    for (std::size_t j = 0; j < x.n; ++j) {
                        const float distance = distance_of(metric, score_row(metric, q.row(i), x.row(j), d));
                        inside += metric == Metric::l2 ? distance < radius : distance > radius;
                    }
                    CHECK(hits.lims[i + 1] - hits.lims[i] == inside);
                }
            }
        }
}

TEST_CASE("Flat: -0 is kept, in memory and in files") {
    Matrix x = whole(20, 40, 1);
    x.row(3)[7] = -0.F;
    const Alone index = flat(Metric::l2, x);
    CHECK(std::signbit(reconstructed(index).row(3)[7]));
    CHECK(std::signbit(reconstructed(reloaded(index)).row(3)[7]));
}

TEST_CASE("Flat: rows too long for bytes are found, where scores are infinite and where thresholds are hardly finite") {
    const std::size_t d = 32, n = 1101;
    Matrix x = lutra_test::normal_matrix(n, d, 1), q(1, d);
    x.row(0)[0] = x.row(1100)[0] = 3e38F;
    q.row(0)[0] = 10;
    std::vector<Id> ids(n);
    for (std::size_t i = 0; i < n; ++i) ids[i] = Id(i == 0 ? 9 : i == 1100 ? 3 : 100 + i);
    Alone ties(d, Metric::inner_product, 1, OneList(), Flat(d));
    REQUIRE(ties.add_with_ids(view(x), ids.data()).ok());
    CHECK(search(ties, view(q), 1).value().ids[0] == 3);

    Matrix far(1100, d), asked(1, d);
    for (std::size_t i = 0; i < far.n; ++i) far.row(i)[0] = -1e24F;
    far.row(5)[0] = far.row(1090)[0] = 0, far.row(5)[1] = 3.0e24F, far.row(1090)[1] = 3.1e24F;
    asked.row(0)[0] = asked.row(0)[1] = 1e14F;
    const Alone index = flat(Metric::inner_product, far);
    CHECK(search(index, view(asked), 1).value().ids[0] == 1090);
    RangeHits hits;
    REQUIRE(index.range_search(view(asked), 3.05e38F, hits).ok());
    CHECK(hits.ids == std::vector<Id>{1090});
}

TEST_CASE("Flat: in lists rows of any form are found after removals, merges and files") {
    using Lists = Ivf<FlatCoarse, Flat>;
    const std::size_t d = 40, nlist = 4;
    const Matrix first = whole(200, d, 1), second = changed(lutra_test::normal_matrix(100, d, 2), 30, 100), q = whole(15, d, 3);
    for (const Metric metric : kMetrics) {
        Lists one(d, metric, nlist, FlatCoarse(), Flat(d));
        REQUIRE(one.train(view(first)).ok());
        REQUIRE(one.set_nprobe(nlist).ok());
        const auto copy_of = [&](const Lists& index) {
            MemoryWriter out;
            REQUIRE(index.save(out).ok());
            MemoryReader in(out.bytes());
            return Lists::load(in).value();
        };
        Lists other = copy_of(one);
        REQUIRE(one.add(view(first)).ok());
        REQUIRE(other.add(view(second)).ok());
        check_hits(copy_of(one), q, compare_all(metric, first, q, 7), 7);
        REQUIRE(one.merge_from(other, 200).ok());
        Matrix x = joined(first, second);
        check_hits(one, q, compare_all(metric, x, q, 7), 7);
        check_hits(copy_of(one), q, compare_all(metric, x, q, 7), 7);
        const auto late = [](Id id) { return id >= 250; };
        REQUIRE(one.remove_ids(IdFilter::predicate(late)).value() == 50);
        x.n = 250, x.values.resize(250 * d);
        check_hits(copy_of(one), q, compare_all(metric, x, q, 7), 7);
        Lists empty = copy_of(one);
        empty.reset();
        REQUIRE(empty.merge_from(one, 0).ok());
        check_hits(empty, q, compare_all(metric, x, q, 7), 7);
    }
}

TEST_CASE("Flat: rows that stay where they are, batch after batch, give the hits of comparing every row") {
    const std::size_t n = 1100, nq = 150;  // enough queries for bytes
    for (const std::size_t d : {5, 33, 64}) {
        CAPTURE(d);
        const Matrix x = lutra_test::normal_matrix(n, d, 1), q = lutra_test::normal_matrix(nq, d, 2);
        check_batches(x, q);
        check_batches(changed(x, 1, 1000), changed(q, 1, 1000));
        for (const float scale : {1e-30F, 1e14F}) check_batches(changed(x, scale, 0), changed(q, scale, 0));
        check_batches(changed(x, 0, 3), q);  // all equal
        check_batches(whole(n, d, 3), joined(whole(nq, d, 4), q));
        check_batches(joined(whole(n, d, 3), x), q);  // forms change between batches
        check_batches(x, lutra_test::normal_matrix(3, d, 2));
        Matrix y = x, p = q;
        for (std::size_t i = 0; i < n; i += 9) y.row(i)[i % d] = std::numeric_limits<float>::quiet_NaN();
        p.row(7)[0] = std::numeric_limits<float>::quiet_NaN(), p.row(8)[d - 1] = std::numeric_limits<float>::infinity();
        check_batches(y, p);
    }
}
