// Tests of score-aware codes, PQ{M}x4fsa and, by residual, PQ{M}x4fsra: score_aware.hpp and train_score_aware.hpp, against the loss
// itself. SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/coarse/one_list.hpp>
#include <lutra/encodings/pq4fs/pq4fs_file.hpp>
#include <lutra/factory/index_factory.hpp>
#include <lutra/factory/save_load.hpp>
#include <lutra/ivf/ivf_file.hpp>
#include <lutra/parallel/threads.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "encodings/pq4fs/shapes.hpp"

using namespace lutra;
using namespace pq4_test;
using lutra_test::Matrix;

namespace {

/// |e|^2 + weight (e . x / |x|)^2 of row x decoded as y.
double loss(const float* x, const float* y, std::size_t d, double weight) {
    double squared = 0, along = 0, norm = 0;
    for (std::size_t t = 0; t < d; ++t) {
        const double e = double(x[t]) - double(y[t]);
        squared += e * e, along += e * double(x[t]), norm += double(x[t]) * double(x[t]);
    }
    return squared + (norm > 0 ? weight * along * along / norm : 0);
}

double loss(const Pq4FastScan& encoding, const Matrix& x, const float* centroid = nullptr) {
    const Matrix y = decoded(encoding, encoded(encoding, x, centroid), x.n, centroid);
    double sum = 0;
    for (std::size_t i = 0; i < x.n; ++i) sum += loss(x.row(i), y.row(i), x.d, detail::score_aware_weight(x.d));
    return sum;
}

Pq4FastScan made(const Shape& s, const Matrix& x, bool score_aware, const Resources& resources = {}) {
    Pq4FastScan encoding(s.d(), s.m, false, kPq4Block, score_aware);
    REQUIRE(encoding.train(Metric::inner_product, x, x, resources).ok());
    return encoding;
}

/// Rows about a centroid [d], and what is left of them.
struct Residuals {
    Matrix rows, values;
    std::vector<float> centroid;

    Residuals(const Shape& s, std::size_t n, std::uint32_t seed)
        : rows(lutra_test::normal_matrix(n, s.d(), seed)), values(rows), centroid(Rng(seed + 1).normal(s.d())) {
        for (std::size_t i = 0; i < rows.values.size(); ++i) {
            rows.values[i] += 2 * centroid[i % s.d()];
            values.values[i] = rows.values[i] - centroid[i % s.d()];
        }
    }
    Pq4FastScan trained(std::size_t m, bool score_aware) const {
        Pq4FastScan encoding(rows.d, m, true, kPq4Block, score_aware);
        REQUIRE(encoding.train(Metric::inner_product, values, rows, {}).ok());
        return encoding;
    }
};

/// Of the loss of a row, the largest share that another choice of one piece would save.
double most_to_gain(const Pq4FastScan& encoding, const Matrix& x, const float* centroid) {
    const std::size_t dsub = encoding.codebook().dsub();
    Matrix y = decoded(encoding, encoded(encoding, x, centroid), x.n, centroid);
    const double weight = detail::score_aware_weight(x.d);
    double excess = 0;
    for (std::size_t i = 0; i < x.n; ++i) {
        const double chosen = loss(x.row(i), y.row(i), x.d, weight);
        for (std::size_t m = 0; m < encoding.m(); ++m) {
            float* to = y.row(i) + m * dsub;
            const std::vector<float> piece(to, to + dsub);
            for (std::size_t c = 0; c < 16; ++c) {
                for (std::size_t t = 0; t < dsub; ++t)
                    to[t] = encoding.codebook().centroid(m, c)[t] + (centroid == nullptr ? 0.F : centroid[m * dsub + t]);
                excess = std::max(excess, 1 - loss(x.row(i), y.row(i), x.d, weight) / chosen);
            }
            std::copy(piece.begin(), piece.end(), to);
        }
    }
    return excess;
}

constexpr Shape kLarge[] = {{40, 1}, {33, 2}, {10, 7}, {4, 16}, {1, 64}, {300, 2}};  // d above 25, so that the weight is above 0

std::vector<std::byte> saved(const Index& index) {
    MemoryWriter file;
    REQUIRE(index.save(file).ok());
    return {file.bytes().begin(), file.bytes().end()};
}
Index loaded_from(const std::vector<std::byte>& bytes) {
    MemoryReader in(bytes);
    return load_index(in).value();
}

}  // namespace

TEST_CASE("score-aware: the weight is that of theorem 3.4 for T = 0.2, and none where it would favour errors along the row") {
    CHECK(detail::score_aware_weight(100) == doctest::Approx(99 * 0.04 / 0.96 - 1));
    CHECK(detail::score_aware_weight(257) == doctest::Approx(256 * 0.04 / 0.96 - 1));
    for (const std::size_t d : {1, 2, 25}) CHECK(detail::score_aware_weight(d) < 1e-12);
}

TEST_CASE("score-aware encode: no other choice of one piece has less loss, also by residual") {
    for (const Shape& s : kLarge) {
        CAPTURE(s);
        const Residuals left(s, 60, 3);
        const Pq4FastScan whole = made(s, lutra_test::normal_matrix(200, s.d(), 4), true);
        CHECK(most_to_gain(whole, left.rows, nullptr) < 1e-5);
        CHECK(most_to_gain(Residuals(s, 200, 4).trained(s.m, true), left.rows, left.centroid.data()) < 1e-5);
    }
}

TEST_CASE("score-aware encode: residuals have the codes of each alone, bit for bit, in lists of any length") {
    for (const Shape& s : kShapes) {
        CAPTURE(s);
        const Residuals left(s, 600, 19);
        const Pq4FastScan encoding = left.trained(s.m, true);
        detail::ScoreAwareEncoder one(encoding.codebook());
        Matrix want(left.rows.n, s.d());
        for (std::size_t i = 0; i < want.n; ++i) {
            const std::vector<std::uint8_t>& codes = one.encode(left.values.row(i), left.rows.row(i));
            for (std::size_t m = 0; m < s.m; ++m)
                std::copy_n(encoding.codebook().centroid(m, codes[m]), s.dsub, want.row(i) + m * s.dsub);
        }
        for (const std::size_t n : {0, 1, 3, 4, 17, 255, 256, 257, 260, 600}) {
            Matrix rows = left.rows;
            rows.n = n, rows.values.resize(n * s.d());
            const Matrix got = decoded(encoding, encoded(encoding, rows, left.centroid.data()), n);
            CHECK(std::equal(got.values.begin(), got.values.end(), want.values.begin()));
        }
    }
}

TEST_CASE("score-aware encode: residuals from a centroid of zeros are whole rows") {
    const Shape s{20, 2};
    const Matrix x = lutra_test::normal_matrix(300, s.d(), 21);
    const Pq4FastScan encoding = made(s, x, true);
    const std::vector<float> zeros(s.d(), 0.F);
    CHECK(encoded(encoding, x) == encoded(encoding, x, zeros.data()));
}

TEST_CASE("score-aware encode: sixteen rows at a time have the codes of each alone, bit for bit") {
    for (const Shape& s : kShapes)
        for (const float scale : {1e-30F, 1.F, 1e30F, 5e37F}) {
            CAPTURE(s);
            CAPTURE(scale);
            Matrix x = lutra_test::normal_matrix(200, s.d(), 18);
            std::fill_n(x.row(3), s.d(), 0.F), std::fill_n(x.row(5), s.d(), 1.F), std::copy_n(x.row(7), s.d(), x.row(8));
            for (float& v : x.values) v *= scale;
            Pq4Codebook codebook(s.d(), s.m);
            REQUIRE(train_codebook(x, codebook, {}).ok());
            detail::ScoreAwareEncoder one(codebook);
            std::vector<const float*> rows(x.n);
            std::vector<std::uint8_t> want;
            for (std::size_t i = 0; i < x.n; ++i) {
                rows[i] = x.row(i);
                const std::vector<std::uint8_t>& codes = one.encode(rows[i], rows[i]);
                want.insert(want.end(), codes.begin(), codes.end());
            }
            for (const std::size_t n : {0, 1, 3, 4, 5, 15, 16, 17, 19, 20, 33, 200}) {
                std::vector<std::uint8_t> got(n * s.m, 99);
                const std::span<const float* const> first = std::span(rows).first(n);
                detail::score_aware_rows(codebook, first, first, [&](std::size_t i, const std::uint8_t* codes) {
                    std::copy_n(codes, s.m, got.data() + i * s.m);
                });
                CHECK(std::equal(got.begin(), got.end(), want.begin()));
            }
        }
}

TEST_CASE("score-aware: training lowers the loss of its codes below that of a plain codebook, and that below plain codes" *
          doctest::test_suite("slow")) {
    for (const Shape& s : kLarge) {
        if (s.m == 1) continue;  // with one piece there is little to win
        CAPTURE(s);
        const Matrix x = lutra_test::normal_matrix(3000, s.d(), 5);
        const Pq4FastScan plain = made(s, x, false), aware = made(s, x, true);
        detail::ScoreAwareEncoder encoder(plain.codebook());
        double between = 0;
        for (std::size_t i = 0; i < x.n; ++i) {
            const std::vector<std::uint8_t>& codes = encoder.encode(x.row(i), x.row(i));
            std::vector<float> y(s.d());
            for (std::size_t m = 0; m < s.m; ++m) std::copy_n(plain.codebook().centroid(m, codes[m]), s.dsub, &y[m * s.dsub]);
            between += loss(x.row(i), y.data(), s.d(), detail::score_aware_weight(s.d()));
        }
        CHECK(between < loss(plain, x));
        CHECK(loss(aware, x) < 0.998 * between);
    }
}

TEST_CASE("score-aware: training on residuals lowers the loss along the rows below that of a plain codebook, and of plain codes" *
          doctest::test_suite("slow")) {
    for (const Shape& s : kLarge) {
        if (s.m == 1) continue;
        CAPTURE(s);
        const Residuals left(s, 3000, 22);
        const float* c = left.centroid.data();
        const Pq4FastScan plain = left.trained(s.m, false), aware = left.trained(s.m, true);
        Pq4FastScan as_rows(s.d(), s.m, true, kPq4Block, true);  // errors along the residuals, not along the rows
        REQUIRE(as_rows.train(Metric::inner_product, left.values, left.values, {}).ok());
        CHECK(loss(aware, left.rows, c) < 0.995 * loss(plain, left.rows, c));
        CHECK(loss(aware, left.rows, c) < loss(as_rows, left.rows, c));
    }
}

TEST_CASE("score-aware: where the weight is 0, codebook and codes are the plain ones, but for equal distances") {
    const Shape s{8, 3};
    const Matrix x = lutra_test::normal_matrix(5000, s.d(), 6);
    const double plain = loss(made(s, x, false), x);
    CHECK(loss(made(s, x, true), x) <= 1.0001 * plain);
}

TEST_CASE("score-aware: the best of each query keep more of their inner products than with plain codes" *
          doctest::test_suite("slow")) {
    const Shape s{32, 2};
    const Matrix x = lutra_test::normal_matrix(4000, s.d(), 7), q = lutra_test::normal_matrix(50, s.d(), 8);
    const auto error = [&](bool score_aware) {
        const Pq4FastScan encoding = made(s, x, score_aware);
        const Matrix y = decoded(encoding, encoded(encoding, x), x.n);
        double sum = 0;
        for (std::size_t i = 0; i < q.n; ++i) {
            std::vector<std::pair<double, double>> pairs(x.n);
            for (std::size_t j = 0; j < x.n; ++j) {
                for (std::size_t t = 0; t < s.d(); ++t) {
                    pairs[j].first += double(q.row(i)[t]) * double(x.row(j)[t]);
                    pairs[j].second += double(q.row(i)[t]) * double(y.row(j)[t]);
                }
            }
            std::partial_sort(pairs.begin(), pairs.begin() + 10, pairs.end(), std::greater<>());
            for (std::size_t j = 0; j < 10; ++j) sum += std::pow(pairs[j].first - pairs[j].second, 2);
        }
        return sum;
    };
    CHECK(error(true) < 0.9 * error(false));
}

TEST_CASE("PQ{M}x4fsra: an index learns and encodes the residuals from its lists' centroids along the rows themselves") {
    const Shape s{20, 2};
    const Matrix x = Residuals(s, 500, 25).rows;
    Ivf<FlatCoarse, Pq4FastScan> index(s.d(), Metric::inner_product, 4, FlatCoarse{},
                                       Pq4FastScan(s.d(), s.m, true, kPq4Block, true));
    REQUIRE((index.train(x).ok() && index.add(x).ok()));
    Matrix values = x;
    std::vector<const float*> centroids(x.n);
    for (std::size_t l = 0; l < 4; ++l)
        for (const Id id : index.lists().ids(l)) centroids[std::size_t(id)] = index.coarse().centroid(l);
    for (std::size_t i = 0; i < x.n; ++i) std::transform(x.row(i), x.row(i) + s.d(), centroids[i], values.row(i), std::minus<>());
    Pq4FastScan encoding(s.d(), s.m, true, kPq4Block, true);
    REQUIRE(encoding.train(Metric::inner_product, values, x, {}).ok());
    for (std::size_t i = 0; i < x.n; ++i) {
        Matrix one(1, s.d()), got(1, s.d());
        std::copy_n(x.row(i), s.d(), one.row(0));
        REQUIRE(index.reconstruct(Id(i), got.row(0)).ok());
        CHECK(got.values == decoded(encoding, encoded(encoding, one, centroids[i]), 1, centroids[i]).values);
    }
}

TEST_CASE("PQ{M}x4fsra: the best of each query keep more of their inner products than with PQ{M}x4fsr" *
          doctest::test_suite("slow")) {
    const Shape s{32, 2};
    const Residuals left(s, 4000, 23);
    const Matrix q = lutra_test::normal_matrix(50, s.d(), 24);
    const auto error = [&](const char* spec) {
        Index index = index_factory(s.d(), spec, Metric::inner_product).value();
        Index exact = index_factory(s.d(), "Flat", Metric::inner_product).value();
        REQUIRE((index.train(left.rows).ok() && index.add(left.rows).ok() && exact.add(left.rows).ok()));
        const Hits best = search(exact, q, 10).value();
        double sum = 0;
        for (std::size_t i = 0; i < best.ids.size(); ++i) {
            std::vector<float> y(s.d());
            REQUIRE(index.reconstruct(best.ids[i], y.data()).ok());
            sum +=
                std::pow(double(-score_row(Metric::inner_product, q.row(i / 10), y.data(), s.d())) - double(best.distances[i]), 2);
        }
        return sum;
    };
    CHECK(error("IVF8,PQ32x4fsra") < 0.9 * error("IVF8,PQ32x4fsr"));
}

TEST_CASE("score-aware: the same bits for any number of workers") {
    const Shape s{10, 7};
    const Matrix x = lutra_test::normal_matrix(9000, s.d(), 9);
    ThreadPool pool(3);
    Resources resources;
    resources.executor = pool.executor();
    CHECK(made(s, x, true).codebook().centroids() == made(s, x, true, resources).codebook().centroids());
    Index one = index_factory(s.d(), "IVF5,PQ10x4fsra", Metric::inner_product).value(), shared = loaded_from(saved(one));
    REQUIRE((one.train(x).ok() && one.add(x).ok()));
    REQUIRE((shared.train(x, resources).ok() && shared.add(x, resources).ok()));
    CHECK(saved(one) == saved(shared));
}

TEST_CASE("score-aware: rows of zeros, equal rows and huge rows are no trouble") {
    const Shape s{20, 2};
    Matrix x = lutra_test::normal_matrix(100, s.d(), 10);
    for (std::size_t i = 0; i < 40; ++i) std::fill_n(x.row(i), s.d(), i < 20 ? 0.F : 3.F);
    for (const float scale : {1e-30F, 1.F, 1e30F}) {
        CAPTURE(scale);
        Matrix scaled = x;
        for (float& v : scaled.values) v *= scale;
        const Pq4FastScan encoding = made(s, scaled, true);
        for (const float c : encoding.codebook().centroids()) CHECK(std::isfinite(c));
        encoded(encoding, scaled);
    }
}

TEST_CASE("score-aware: training can be cancelled at any report") {
    const Matrix x = lutra_test::normal_matrix(200, 30, 11);
    for (const std::size_t stop_at : {1, 2, 3, 20, 60}) {
        std::size_t seen = 0;
        auto stop = [&](const ProgressEvent&) { return ++seen < stop_at; };
        Resources resources;
        resources.progress = Progress(stop);
        Index index = index_factory(30, "PQ10x4fsa", Metric::inner_product).value();
        CHECK(index.train(x, resources).code() == Errc::cancelled);
        CHECK(!index.is_trained());
    }
}

TEST_CASE("PQ{M}x4fsa, PQ{M}x4fsra: for inner product and cosine; L2 is refused, and \"r\" without lists") {
    for (const char* spec : {"PQ8x4fsa", "IVF4,PQ8x4fsa_64", "L2norm,IVF4,PQ8x4fsa,RFlat", "IVF4,PQ8x4fsra", "IVF4,PQ8x4fsra_64",
                             "L2norm,IVF4,PQ8x4fsra,RFlat", "IVF4(IVF2,PQ8x4fsra),PQ8x4fsra"}) {
        CAPTURE(spec);
        CHECK(index_factory(32, spec, Metric::inner_product).value().spec() == spec);
        const Status status = index_factory(32, spec, Metric::l2).status();
        const std::string plain = std::string(spec).find("fsra") != std::string::npos ? "PQ8x4fsr" : "PQ8x4fs";
        CHECK(status.code() == Errc::bad_argument);
        CHECK(status.message().find("score-aware codes are for inner product or cosine, not l2; plain: " + plain + "\n") !=
              std::string::npos);
    }
    for (const char* spec : {"PQ8x4fsra", "L2norm,PQ8x4fsra_64"}) {
        const Status status = index_factory(32, spec, Metric::inner_product).status();
        CHECK(status.code() == Errc::bad_spec);
        CHECK(status.message().find("\"r\" (by residual) is for lists; expected IVF before it") != std::string::npos);
    }
    // The caret stands under the part of the whole string.
    for (const char* spec : {"IVF64(IVF8,PQ8x4fsa),Flat", "L2norm,IVF64(IVF8(PQ8x4fsa),Flat),PQ16x4fs"}) {
        CAPTURE(spec);
        const std::string message(index_factory(32, spec, Metric::l2).status().message());
        const std::string text(spec), caret_line(text.find("PQ8x4fsa"), ' ');
        CHECK(message.find("\n  " + text + "\n  " + caret_line + "^\n  did you mean \"") != std::string::npos);
        CHECK(index_factory(32, spec, Metric::inner_product).ok());
    }
    for (const char* spec : {"IVF4,PQ8x4fsar", "IVF4,PQ8x4fsraa", "IVF4,PQ8x4fsrra", "IVF4,PQ8x4fsa_64r", "PQ8x4fsaa"})
        CHECK(!index_factory(32, spec, Metric::inner_product).ok());
    Ivf<OneList, Pq4FastScan> index(32, Metric::l2, 1, OneList{}, Pq4FastScan(32, 8, false, kPq4Block, true));
    CHECK(index.train(lutra_test::normal_matrix(100, 32, 1)).code() == Errc::bad_argument);
}

TEST_CASE("PQ{M}x4fsa: pieces of d / M up to 128 floats; longer ones are refused before memory or time is taken for them") {
    Index longest = index_factory(256, "PQ2x4fsa", Metric::inner_product).value();
    CHECK(longest.train(lutra_test::normal_matrix(40, 256, 16)).ok());
    const Status status = index_factory(1 << 20, "IVF4,PQ4096x4fsa", Metric::inner_product).status();
    CHECK(status.code() == Errc::bad_spec);
    CHECK(status.message().find("d / M = 256 floats; accepted: up to 128") != std::string_view::npos);
    CHECK(status.message().find("did you mean \"IVF4,PQ4096x4fs\"") != std::string_view::npos);
    constexpr std::size_t d = 129;
    Pq4FastScan encoding(d, 1, false, kPq4Block, true);
    const Matrix x = lutra_test::normal_matrix(40, d, 17);
    CHECK(encoding.train(Metric::inner_product, x, x, {}).code() == Errc::bad_argument);
    CHECK(!encoding.is_trained());
    MemoryWriter file;
    REQUIRE(Ivf<OneList, Pq4FastScan>(d, Metric::inner_product, 1, OneList{}, std::move(encoding)).save(file).ok());
    MemoryReader in(file.bytes());
    CHECK(load_index(in).status().code() == Errc::bad_file);
}

TEST_CASE("PQ{M}x4fsa: adding in pieces is the same as at once") {
    const Matrix x = lutra_test::normal_matrix(200, 32, 14), q = lutra_test::normal_matrix(20, 32, 15);
    for (const char* spec : {"PQ8x4fsa", "IVF4,PQ8x4fsa", "IVF4,PQ8x4fsra"}) {
        CAPTURE(spec);
        Index whole = index_factory(32, spec, Metric::inner_product).value();
        Index pieces = index_factory(32, spec, Metric::inner_product).value();
        REQUIRE(whole.train(x).ok());
        REQUIRE(pieces.train(x).ok());
        REQUIRE(whole.add(x).ok());
        for (std::size_t i = 0; i < x.n; i += 7) REQUIRE(pieces.add(x.view().rows(i, std::min(x.n, i + 7))).ok());
        const Hits a = search(whole, q, 50).value(), b = search(pieces, q, 50).value();
        CHECK(a.ids == b.ids);
        CHECK(a.distances == b.distances);
    }
}

TEST_CASE(
    "PQ{M}x4fsa: without the note in its header, as faiss writes it, a file is of PQ{M}x4fs or PQ{M}x4fsr and answers the same") {
    const Matrix x = lutra_test::normal_matrix(800, 32, 12), q = lutra_test::normal_matrix(20, 32, 13);
    constexpr std::int64_t kNote = detail::kScoreAwareNote, kNoNote = IndexHeader::kNoNote;
    for (const char* spec : {"PQ8x4fsa", "IVF4,PQ8x4fsa", "IVF4,PQ8x4fsa,RFlat", "IVF4,PQ8x4fsra", "IVF4,PQ8x4fsra,RFlat"}) {
        CAPTURE(spec);
        Index index = index_factory(32, spec, Metric::inner_product).value();
        REQUIRE(index.train(x).ok());
        REQUIRE(index.add(x).ok());
        std::vector<std::byte> bytes = saved(index);
        const auto note = std::as_bytes(std::span(&kNote, 1)), none = std::as_bytes(std::span(&kNoNote, 1));
        const auto at = std::search(bytes.begin(), bytes.end(), note.begin(), note.end());
        REQUIRE(at != bytes.end());
        std::copy(none.begin(), none.end(), at);
        const Index loaded = loaded_from(bytes);
        std::string plain = spec;
        plain.erase(plain.find('a'), 1);  // the first there is
        CHECK(loaded.spec() == plain);
        const std::vector<std::byte> both[] = {saved(index), saved(loaded)};
        Index aware = loaded_from(both[0]), other = loaded_from(both[1]);
        CHECK(aware.spec() == spec);
        CHECK(aware.merge_from(other, 1000).code() == Errc::bad_argument);
        const Hits a = search(index, q, 10).value(), b = search(loaded, q, 10).value();
        CHECK(a.ids == b.ids);
        CHECK(a.distances == b.distances);
    }
}
