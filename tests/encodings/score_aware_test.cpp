// Tests of score-aware codes, PQ{M}x4fsa: score_aware.hpp and train_score_aware.hpp, against the loss itself.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/coarse/one_list.hpp>
#include <lutra/encodings/pq4fs/pq4fs_file.hpp>
#include <lutra/factory/index_factory.hpp>
#include <lutra/factory/save_load.hpp>
#include <lutra/ivf/ivf_file.hpp>
#include <lutra/parallel/threads.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "encodings/pq4_shapes.hpp"

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

double loss(const Pq4FastScan& encoding, const Matrix& x) {
    const Matrix y = decoded(encoding, encoded(encoding, x), x.n);
    double sum = 0;
    for (std::size_t i = 0; i < x.n; ++i) sum += loss(x.row(i), y.row(i), x.d, detail::score_aware_weight(x.d));
    return sum;
}

Pq4FastScan made(const Shape& s, const Matrix& x, bool score_aware, const Resources& resources = {}) {
    Pq4FastScan encoding(s.d(), s.m, false, kPq4Block, score_aware);
    REQUIRE(encoding.train(Metric::inner_product, x, resources).ok());
    return encoding;
}

constexpr Shape kLarge[] = {{40, 1}, {33, 2}, {10, 7}, {4, 16}, {1, 64}, {300, 2}};  // d above 25, so that the weight is above 0

}  // namespace

TEST_CASE("score-aware: the weight is that of theorem 3.4 for T = 0.2, and none where it would favour errors along the row") {
    CHECK(detail::score_aware_weight(100) == doctest::Approx(99 * 0.04 / 0.96 - 1));
    CHECK(detail::score_aware_weight(257) == doctest::Approx(256 * 0.04 / 0.96 - 1));
    for (const std::size_t d : {1, 2, 25}) CHECK(detail::score_aware_weight(d) < 1e-12);
}

TEST_CASE("score-aware encode: no other choice of one piece has less loss") {
    for (const Shape& s : kLarge) {
        CAPTURE(s);
        const Matrix x = lutra_test::normal_matrix(60, s.d(), 3);
        Pq4FastScan encoding = made(s, lutra_test::normal_matrix(200, s.d(), 4), true);
        Matrix y = decoded(encoding, encoded(encoding, x), x.n);
        const double weight = detail::score_aware_weight(s.d());
        double excess = 0;
        for (std::size_t i = 0; i < x.n; ++i) {
            const double chosen = loss(x.row(i), y.row(i), s.d(), weight);
            for (std::size_t m = 0; m < s.m; ++m) {
                const std::vector<float> piece(y.row(i) + m * s.dsub, y.row(i) + (m + 1) * s.dsub);
                for (std::size_t c = 0; c < 16; ++c) {
                    std::copy_n(encoding.codebook().centroid(m, c), s.dsub, y.row(i) + m * s.dsub);
                    excess = std::max(excess, 1 - loss(x.row(i), y.row(i), s.d(), weight) / chosen);
                }
                std::copy(piece.begin(), piece.end(), y.row(i) + m * s.dsub);
            }
        }
        CHECK(excess < 1e-5);
    }
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
                const std::vector<std::uint8_t>& codes = one.encode(rows[i]);
                want.insert(want.end(), codes.begin(), codes.end());
            }
            for (const std::size_t n : {0, 1, 3, 4, 5, 15, 16, 17, 19, 20, 33, 200}) {
                std::vector<std::uint8_t> got(n * s.m, 99);
                detail::score_aware_rows(codebook, std::span(rows).first(n), [&](std::size_t i, const std::uint8_t* codes) {
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
            const std::vector<std::uint8_t>& codes = encoder.encode(x.row(i));
            std::vector<float> y(s.d());
            for (std::size_t m = 0; m < s.m; ++m) std::copy_n(plain.codebook().centroid(m, codes[m]), s.dsub, &y[m * s.dsub]);
            between += loss(x.row(i), y.data(), s.d(), detail::score_aware_weight(s.d()));
        }
        CHECK(between < loss(plain, x));
        CHECK(loss(aware, x) < 0.998 * between);
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

TEST_CASE("score-aware: the same bits for any number of workers") {
    const Shape s{10, 7};
    const Matrix x = lutra_test::normal_matrix(9000, s.d(), 9);
    ThreadPool pool(3);
    Resources resources;
    resources.executor = pool.executor();
    CHECK(made(s, x, true).codebook().centroids() == made(s, x, true, resources).codebook().centroids());
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

TEST_CASE("PQ{M}x4fsa: for inner product and cosine; L2, and \"a\" with \"r\", are refused") {
    for (const char* spec : {"PQ8x4fsa", "IVF4,PQ8x4fsa_64", "L2norm,IVF4,PQ8x4fsa,RFlat"}) {
        CAPTURE(spec);
        CHECK(index_factory(32, spec, Metric::inner_product).value().spec() == spec);
        const Status status = index_factory(32, spec, Metric::l2).status();
        CHECK(status.code() == Errc::bad_argument);
        CHECK(status.message().find("score-aware codes are for inner product or cosine, not l2; plain: PQ8x4fs") !=
              std::string::npos);
    }
    // The caret stands under the part of the whole string.
    for (const char* spec : {"IVF64(IVF8,PQ8x4fsa),Flat", "L2norm,IVF64(IVF8(PQ8x4fsa),Flat),PQ16x4fs"}) {
        CAPTURE(spec);
        const std::string message(index_factory(32, spec, Metric::l2).status().message());
        const std::string text(spec), caret_line(text.find("PQ8x4fsa"), ' ');
        CHECK(message.find("\n  " + text + "\n  " + caret_line + "^\n  did you mean \"") != std::string::npos);
        CHECK(index_factory(32, spec, Metric::inner_product).ok());
    }
    for (const char* spec : {"IVF4,PQ8x4fsra", "IVF4,PQ8x4fsar", "PQ8x4fsaa"})
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
    CHECK(encoding.train(Metric::inner_product, lutra_test::normal_matrix(40, d, 17), {}).code() == Errc::bad_argument);
    CHECK(!encoding.is_trained());
    MemoryWriter file;
    REQUIRE(Ivf<OneList, Pq4FastScan>(d, Metric::inner_product, 1, OneList{}, std::move(encoding)).save(file).ok());
    MemoryReader in(file.bytes());
    CHECK(load_index(in).status().code() == Errc::bad_file);
}

TEST_CASE("PQ{M}x4fsa: adding in pieces is the same as at once") {
    const Matrix x = lutra_test::normal_matrix(200, 32, 14), q = lutra_test::normal_matrix(20, 32, 15);
    for (const char* spec : {"PQ8x4fsa", "IVF4,PQ8x4fsa"}) {
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

TEST_CASE("PQ{M}x4fsa: without the note in its header, as faiss writes it, a file is of PQ{M}x4fs and answers the same") {
    const Matrix x = lutra_test::normal_matrix(800, 32, 12), q = lutra_test::normal_matrix(20, 32, 13);
    constexpr std::int64_t kNote = detail::kScoreAwareNote, kNoNote = IndexHeader::kNoNote;
    for (const char* spec : {"PQ8x4fsa", "IVF4,PQ8x4fsa", "IVF4,PQ8x4fsa,RFlat"}) {
        CAPTURE(spec);
        Index index = index_factory(32, spec, Metric::inner_product).value();
        REQUIRE(index.train(x).ok());
        REQUIRE(index.add(x).ok());
        MemoryWriter file;
        REQUIRE(index.save(file).ok());
        std::vector<std::byte> bytes(file.bytes().begin(), file.bytes().end());
        const auto note = std::as_bytes(std::span(&kNote, 1)), none = std::as_bytes(std::span(&kNoNote, 1));
        const auto at = std::search(bytes.begin(), bytes.end(), note.begin(), note.end());
        REQUIRE(at != bytes.end());
        std::copy(none.begin(), none.end(), at);
        MemoryReader in(bytes);
        const Index loaded = load_index(in).value();
        std::string plain = spec;
        plain.erase(plain.find("fsa") + 2, 1);
        CHECK(loaded.spec() == plain);
        const Hits a = search(index, q, 10).value(), b = search(loaded, q, 10).value();
        CHECK(a.ids == b.ids);
        CHECK(a.distances == b.distances);
    }
}
