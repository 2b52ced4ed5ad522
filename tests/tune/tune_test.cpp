// Tests of tune/: explain, advise, autotune.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/kernels/byte_lanes.hpp>
#include <lutra/tune/advise.hpp>
#include <lutra/tune/autotune.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/matrices.hpp"

namespace {
using lutra::Errc;
using lutra::Explanation;
using lutra::Id;
using lutra::Metric;
using lutra_test::Matrix;

bool warns(const Explanation& e, std::string_view of) {
    return std::any_of(e.warnings.begin(), e.warnings.end(), [&](const std::string& w) { return w.find(of) != w.npos; });
}

Explanation explained(std::string_view spec, std::size_t n, std::size_t d, std::size_t nprobe = 0, float k_factor = 0) {
    lutra::Result<Explanation> e = lutra::explain(spec, {n, d, Metric::l2, 10, nprobe, k_factor});
    REQUIRE_MESSAGE(e.ok(), e.status().message());
    return *e;
}

struct Tuning {
    Matrix x, q;
    std::vector<Id> truth;
    lutra::Index index;

    explicit Tuning(std::string_view spec)
        : Tuning(spec, lutra_test::clustered_matrix(4000, 16, 60, 1), lutra_test::clustered_matrix(100, 16, 60, 1)) {}
    Tuning(std::string_view spec, Matrix rows, Matrix queries)
        : x(std::move(rows)), q(std::move(queries)), index(lutra::index_factory(16, spec, Metric::l2).value()) {
        for (std::size_t i = 0; i < q.values.size(); ++i) q.values[i] += 0.3F * float(i % 7);
        lutra::Index flat = lutra::index_factory(16, "Flat", Metric::l2).value();
        REQUIRE(flat.add(x).ok());
        truth = lutra::search(flat, q, 20).value().ids;
        REQUIRE(index.train(x).ok());
        REQUIRE(index.add(x).ok());
    }

    double recall(std::size_t nprobe, float k_factor) const {
        lutra::SearchParams params;
        params.nprobe = nprobe, params.k_factor = k_factor;
        return lutra::RecallJudge::make(index, q, truth, 10)
            .value()
            .recall(lutra::search(index, q, 10, params).value(), 10)
            .value();
    }
    lutra::Tuned tuned(double recall) const {
        lutra::AutotuneConfig config;
        config.recall = recall, config.seconds = 0.001;
        lutra::Result<lutra::Tuned> result = lutra::autotune(index, q, truth, config);
        REQUIRE_MESSAGE(result.ok(), result.status().message());
        return *result;
    }
};
}  // namespace

TEST_CASE("explain: one sentence a part, and the memory that the index takes") {
    const Explanation e = explained("L2norm,IVF64,PQ8x4fs,RFlat", 100000, 16);
    REQUIRE(e.parts.size() == 4);
    CHECK(e.parts[0].token == "L2norm");
    CHECK(e.parts[3].token == "RFlat");
    CHECK(e.bytes == 100000 * (4 + 64 + 8) + 64 * 64);
    CHECK(explained("L2norm,IVF64,PQ8x4fsr,RFlat", 100000, 16).bytes == e.bytes + 2 * 100000);  // residuals in L2: a number a row
    CHECK(e.training_rows == 32768);
    CHECK(e.search_seconds > 0);
    CHECK(e.train_seconds > 0);
    CHECK(explained("Flat", 10, 16).train_seconds == 0);
    CHECK(e.parts[2].sentence.find("orthogonal") == std::string::npos);
    const auto aware = lutra::explain("PQ8x4fsa", {1000, 32, Metric::inner_product, 10, 0, 0});
    REQUIRE(aware.ok());
    CHECK(aware->parts[0].sentence.find("orthogonal") != std::string::npos);
    CHECK(aware->parts[0].sentence.find("less the centroid") == std::string::npos);
    const auto left = lutra::explain("IVF16,PQ8x4fsra", {1000, 32, Metric::inner_product, 10, 0, 0});
    REQUIRE(left.ok());
    CHECK(left->parts[1].sentence.find("orthogonal") != std::string::npos);
    CHECK(left->parts[1].sentence.find("each row, less the centroid of its list, is cut into 8 pieces") != std::string::npos);
}

TEST_CASE("explain: byte copies are said and counted where an index has them, whole rows where they may be") {
    lutra::Workload work{100000, 128, Metric::l2};
    const Explanation with = lutra::explain("IVF256,Flat", work).value();
    work.options.byte_copies = false;
    const Explanation without = lutra::explain("IVF256,Flat", work).value();
    const auto says = [](const Explanation& e, std::string_view words) {
        return e.parts.back().sentence.find(words) != std::string::npos;
    };
    CHECK(without.bytes == 100000. * (512 + 8) + 256 * 512);
    CHECK(with.bytes == without.bytes + (lutra::kHasBytes ? 100000. * 140 : 0));
    CHECK(says(with, "8-bit copies beside them, 140 bytes each") == lutra::kHasBytes);
    CHECK_FALSE(says(without, "8-bit copies"));
    for (const Explanation* e : {&with, &without})
        CHECK(says(*e, lutra::kHasBytes ? "kept as bytes alone, 132 bytes each" : "kept as bytes alone, 128 bytes each"));
    CHECK(with.search_seconds <= without.search_seconds);
    CHECK(says(explained("PQ64x4fs,RFlat", 100000, 128), "512 bytes each (whole numbers 0 to 255: 128 bytes)"));
    CHECK_FALSE(says(explained("Flat", 1000, 31), "8-bit copies"));
    CHECK_FALSE(says(explained("Flat", 10, 65537), "whole numbers"));
}

TEST_CASE("explain: score-aware codes take longer to learn and to make, and are searched as fast") {
    const lutra::Workload work{100000, 200, Metric::inner_product, 10, 0, 0};
    for (const std::string codes : {"PQ100x4fs", "IVF256,PQ100x4fs", "IVF256,PQ100x4fsr"}) {
        const auto plain = lutra::explain(codes, work), aware = lutra::explain(codes + "a", work);
        REQUIRE(plain.ok());
        REQUIRE(aware.ok());
        const double train = aware->train_seconds - plain->train_seconds, add = aware->add_seconds - plain->add_seconds;
        CHECK((train > 1 && train < 3.2));  // measured on Zen 3: 2.8 to 3.2 s
        CHECK((add > 0.1 && add < 0.38));   // 0.37 to 0.39 s
        CHECK(aware->search_seconds == plain->search_seconds);
        CHECK(aware->bytes == plain->bytes);
    }
}

TEST_CASE("explain: warns of what is unwise, and of nothing else") {
    CHECK(warns(explained("IVF64,PQ8x4fs", 10000, 16), "order the nearest poorly"));
    CHECK(warns(explained("IVF64,PQ8x4fs,RFlat", 10000, 16, 0, 1), "k_factor 1"));
    CHECK(warns(explained("IVF1024,Flat", 10000, 16), "fewer than 39 rows"));
    CHECK(warns(explained("IVF1024,Flat", 1000, 16), "training will fail"));
    CHECK(!warns(explained("IVF8192,Flat", 400000, 16), "more than 16 sqrt(n)"));  // 16 sqrt(n) is 10,119
    CHECK(warns(explained("IVF16384,Flat", 1000000, 16), "more than 16 sqrt(n)"));
    CHECK(warns(explained("IVF16,Flat", 100000, 16), "fewer than sqrt(n)"));
    CHECK(warns(explained("Flat", 1000000, 16), "without lists"));
    CHECK(warns(explained("IVF64,Flat", 10000, 16, 1), "nprobe 1"));
    CHECK(warns(explained("IVF256,PQ4x4fs,RFlat", 20000, 16), "pieces of more than 2"));
    CHECK(warns(explained("IVF256,Flat,RFlat", 20000, 16), "gain nothing"));
    CHECK(explained("IVF1024,PQ64x4fs,RFlat", 1000000, 128).warnings.empty());
    CHECK(explained("IVF1,Flat", 20, 16).warnings.empty());
}

TEST_CASE("explain: the pieces of a row are those of the string, an odd number too") {
    const auto pieces = [](std::string_view spec, std::size_t d) { return explained(spec, 1000, d).parts[0].sentence; };
    CHECK(pieces("PQ7x4fs", 14).starts_with("each row is cut into 7 pieces of 2 floats, "));
    CHECK(pieces("PQ255x4fs", 255).starts_with("each row is cut into 255 pieces of 1 float, "));
    CHECK(pieces("PQ7x4fs_64", 14).find("4 bytes a row") != std::string::npos);
    CHECK(warns(explained("PQ3x4fs", 1000, 9), "pieces of more than 2"));
    CHECK(!warns(explained("PQ7x4fs", 1000, 14), "pieces of more than 2"));
}

TEST_CASE("explain: codes need rows to be learned from") {
    CHECK(warns(explained("PQ8x4fs,RFlat", 15, 16), "training will fail"));
    CHECK(warns(explained("IVF2,PQ8x4fs", 15, 16), "at least 16 rows"));
    CHECK(!warns(explained("PQ8x4fs,RFlat", 16, 16), "training will fail"));
}

TEST_CASE("explain: RFlat behind L2norm does not compare by cosine, whatever the metric") {
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        const lutra::Result<Explanation> refined = lutra::explain("L2norm,IVF64,PQ8x4fs,RFlat", {10000, 16, metric}),
                                         codes = lutra::explain("L2norm,IVF64,PQ8x4fs", {10000, 16, metric});
        REQUIRE(refined.ok());
        REQUIRE(codes.ok());
        CHECK(warns(*refined, metric == Metric::l2 ? "by L2 distance, not by cosine" : "by inner product, not by cosine"));
        CHECK(refined->parts[0].sentence.find("RFlat") != std::string::npos);
        CHECK(!warns(*codes, "not by cosine"));
        CHECK(codes->parts[0].sentence.find("cosine") != std::string::npos);
    }
}

TEST_CASE("explain: for the metric cosine RFlat compares by cosine, too") {
    const lutra::Result<Explanation> refined = lutra::explain("IVF64,PQ8x4fs,RFlat", {10000, 16, Metric::cosine});
    REQUIRE(refined.ok());
    CHECK(refined->spec == "L2norm,IVF64,PQ8x4fs,RFlat");
    CHECK(refined->parts[0].token == "L2norm");
    CHECK(refined->parts[0].sentence.find("the distances are cosines") != std::string::npos);
    CHECK(refined->parts.back().sentence.find("scaled to length 1") != std::string::npos);
    CHECK(!warns(*refined, "cosine"));
    CHECK(refined->bytes == explained("IVF64,PQ8x4fs,RFlat", 10000, 16).bytes);
}

TEST_CASE("explain: settings that make no sense are refused, those without effect are named") {
    const auto code = [](float k_factor) {
        return lutra::explain("Flat,RFlat", {9, 4, Metric::l2, 10, 0, k_factor}).status().code();
    };
    CHECK(code(-3) == Errc::bad_argument);
    CHECK(code(0.5F) == Errc::bad_argument);
    CHECK(code(std::numeric_limits<float>::quiet_NaN()) == Errc::bad_argument);
    CHECK(code(std::numeric_limits<float>::infinity()) == Errc::bad_argument);
    CHECK(code(1) == Errc::ok);
    CHECK(warns(explained("Flat", 1000, 16, 5), "nprobe = 5 has no effect"));
    CHECK(warns(explained("IVF8,Flat", 1000, 16, 5, 7), "k_factor = 7 has no effect"));
    CHECK(explained("Flat", 1000, 16, 0, 1).warnings.empty());
}

TEST_CASE("explain and advise: nothing to explain, and strings that do not parse, are refused") {
    CHECK(lutra::explain("Flat", {0, 4}).status().code() == Errc::bad_argument);
    CHECK(lutra::explain("Flat", {4, 0}).status().code() == Errc::bad_argument);
    CHECK(lutra::explain("Flut", {4, 4}).status().code() == Errc::bad_spec);
    CHECK(lutra::advise({0, 4}).status().code() == Errc::bad_argument);
    CHECK(lutra::advise({4, 4, Metric::l2, 1.5}).status().code() == Errc::bad_argument);
    CHECK(lutra::advise({4, 4, Metric::l2, 0.5, -1}).status().code() == Errc::bad_argument);
}

TEST_CASE("advise: an index that can be built, fits the memory, and follows the rules") {
    for (std::size_t n : {1, 100, 9999, 10000, 100000, 3000000, 1000000000})
        for (std::size_t d : {1, 3, 100, 256})
            for (double recall : {0.5, 0.9, 0.95, 0.99, 1.0})
                for (double memory : {0.0, 0.5 * double(n * d)}) {
                    const lutra::Result<lutra::Advice> advice = lutra::advise({n, d, Metric::l2, recall, memory});
                    if (memory != 0 && !advice.ok()) continue;
                    REQUIRE(advice.ok());
                    CAPTURE(advice->index.spec);
                    if (memory != 0) CHECK(advice->index.bytes <= memory);
                    const lutra::Index index = lutra::index_factory(d, advice->index.spec, Metric::l2).value();
                    CHECK(index.nlist() * 39 <= std::max<std::size_t>(n, 39));
                    CHECK(advice->index.nprobe <= index.nlist());
                    if (memory == 0 && index.nlist() != 0) CHECK(advice->index.warnings.empty());
                }
    CHECK(lutra::advise({1000, 16}).value().index.spec == "Flat");
    CHECK(lutra::advise({300000, 256}).value().index.spec == "IVF2048,PQ128x4fs,RFlat");
    CHECK(lutra::advise({300000, 256, Metric::l2, 0.95, 100e6}).value().index.spec == "IVF2048,PQ128x4fs");
    const lutra::Advice tight = lutra::advise({300000, 256, Metric::l2, 0.95, 320e6}).value();  // without 8-bit copies it fits
    CHECK(tight.index.spec == "IVF2048,Flat");
    CHECK(tight.options.byte_copies == !lutra::kHasBytes);
    CHECK(lutra::advise({300000, 256, Metric::l2, 0.95, 1e6}).status().code() == Errc::unsupported);
}

TEST_CASE("advise: what is advised can be trained, few rows too, and wants nothing without effect") {
    for (std::size_t n : {1, 5, 15, 16, 40, 100})
        for (std::size_t d : {1, 6, 64})
            for (Metric metric : {Metric::l2, Metric::inner_product})
                for (double memory : {0.0, 4.0 * double(n * d), double(n * d)}) {
                    const lutra::Result<lutra::Advice> advice = lutra::advise({n, d, metric, 0.95, memory});
                    if (!advice.ok()) {
                        CHECK(advice.status().code() == Errc::unsupported);
                        continue;
                    }
                    CAPTURE(advice->index.spec);
                    lutra::Index index = lutra::index_factory(d, advice->index.spec, metric).value();
                    CHECK(index.train(lutra_test::normal_matrix(n, d, 1)).ok());
                    CHECK(!warns(advice->index, "has no effect"));
                    CHECK(!warns(advice->index, "39 rows"));
                }
    CHECK(lutra::advise({5, 256, Metric::l2, 0.95, 4000}).status().code() == Errc::unsupported);
    const std::string text = "5160 bytes";  // without bytes beside the rows
    CHECK(lutra::advise({5, 256, Metric::l2, 0.95, 4000}).status().message().find(text) != std::string_view::npos);
}

TEST_CASE("advise: for cosine as for inner product, behind the L2norm that the metric puts there") {
    const auto advised = [](std::size_t n, double memory) {
        return lutra::advise({n, 256, Metric::cosine, 0.95, memory}).value().index;
    };
    CHECK(advised(1000, 0).spec == "Flat");
    CHECK(advised(1000, 0).parts[0].token == "L2norm");
    CHECK(advised(300000, 0).spec == "IVF2048,PQ128x4fsra,RFlat");
    CHECK(advised(300000, 0).warnings.empty());
    CHECK(advised(300000, 0).k_factor == 8);
    CHECK(advised(300000, 100e6).spec == "IVF2048,PQ128x4fsra");
}

TEST_CASE("advise: for inner product residuals in lists, and score-aware codes where rows are long enough to have a weight") {
    const auto spec = [](std::size_t n, std::size_t d, double memory = 0) {
        return lutra::advise({n, d, Metric::inner_product, 0.95, memory}).value().index.spec;
    };
    CHECK(spec(300000, 256) == "IVF2048,PQ128x4fsra,RFlat");
    CHECK(spec(300000, 256, 100e6) == "IVF2048,PQ128x4fsra");
    CHECK(spec(300000, 26) == "IVF2048,PQ13x4fsra,RFlat");
    CHECK(spec(300000, 25) == "IVF2048,PQ25x4fsr,RFlat");
    CHECK(spec(40, 64, 2000) == "PQ32x4fsa");  // no lists
    CHECK(spec(40, 24, 800) == "PQ12x4fs");
}

TEST_CASE("advise: the reason names the pieces that are cut") {
    const auto reason = [](std::size_t d, double memory) {
        return lutra::advise({300000, d, Metric::l2, 0.95, memory * 300000}).value().reason;
    };
    CHECK(reason(64, 30).ends_with("codes of 2 floats each"));
    CHECK(reason(64, 20).ends_with("codes of 4 floats each"));
    CHECK(reason(6, 11.5).ends_with("codes of 2 floats each"));
    CHECK(reason(6, 9.5).ends_with("codes of 3 floats each"));
    CHECK(reason(7, 15).ends_with("codes of 1 float each"));
}

TEST_CASE("autotune: the least nprobe that reaches the target, for the chosen k_factor") {
    for (const std::string_view spec : {"IVF64,Flat", "IVF64,PQ8x4fs,RFlat"}) {
        const Tuning t(spec);
        for (double target : {0.5, 0.9, 0.99}) {
            const lutra::Tuned tuned = t.tuned(target);
            CAPTURE(spec);
            CAPTURE(target);
            REQUIRE(tuned.reached);
            CHECK(t.recall(tuned.best.nprobe, tuned.best.k_factor) == doctest::Approx(tuned.best.recall));
            CHECK(tuned.best.recall >= target);
            const bool in_table = std::has_single_bit(tuned.best.nprobe);  // one of those that are timed whatever the target
            if (!in_table) CHECK(t.recall(tuned.best.nprobe - 1, tuned.best.k_factor) < target);
        }
    }
}

TEST_CASE("autotune: points that no other beats, by rising recall and falling speed") {
    const std::vector<lutra::OperatingPoint> points = Tuning("IVF64,PQ8x4fs,RFlat").tuned(0.9).pareto;
    REQUIRE(!points.empty());
    for (std::size_t i = 1; i < points.size(); ++i) {
        CHECK(points[i].recall > points[i - 1].recall);
        CHECK(points[i].queries_per_second <= points[i - 1].queries_per_second);
    }
}

TEST_CASE("autotune: points over the range of recalls, below the target with few candidates too") {
    const Matrix x = lutra_test::normal_matrix(20000, 16, 1), q = lutra_test::normal_matrix(100, 16, 2);
    const lutra::Tuned tuned = Tuning("IVF64,PQ8x4fs,RFlat", x, q).tuned(0.99);  // no structure: the target takes many lists
    REQUIRE(!tuned.pareto.empty());
    CHECK(tuned.pareto.front().recall < 0.99);
    CHECK(tuned.pareto.front().k_factor <= 10);
    for (const lutra::OperatingPoint& point : tuned.pareto)
        if (point.recall >= 0.99) CHECK(point.queries_per_second <= tuned.best.queries_per_second);
    CHECK(Tuning("PQ8x4fs").tuned(0.01).pareto.size() == 1);  // no knob
}

TEST_CASE("autotune: tells its progress, and stops when it is asked to") {
    const Tuning t("IVF64,Flat");
    std::size_t calls = 0, last = ~std::size_t{0};
    std::vector<std::string> stages;
    const auto tune = [&] {
        auto report = [&](const lutra::ProgressEvent& e) {
            if (stages.empty() || stages.back() != e.stage) stages.emplace_back(e.stage);
            CHECK(e.done <= e.total);
            return ++calls < last;
        };
        lutra::Resources resources;
        resources.progress = lutra::Progress(report);
        lutra::AutotuneConfig config;
        config.seconds = 0.001;
        return lutra::autotune(t.index, t.q, t.truth, config, resources).status().code();
    };
    CHECK(tune() == Errc::ok);
    CHECK(stages == std::vector<std::string>{"tune: least nprobe", "tune: points", "tune: timing"});
    for (const std::size_t at : {std::size_t{1}, std::size_t{5}, std::size_t{10}}) {  // timing may have few reports
        calls = 0, last = at;
        CHECK(tune() == Errc::cancelled);
        CHECK(calls == at);
    }
}

TEST_CASE("autotune: what is out of reach is said, with the point of most recall") {
    const Tuning t("IVF64,PQ4x4fs");
    const lutra::Tuned tuned = t.tuned(0.999);
    CHECK(!tuned.reached);
    CHECK(tuned.best.recall >= t.recall(64, 0));
}

TEST_CASE("autotune: shapes that do not fit are refused") {
    const Tuning t("IVF64,Flat");
    lutra::AutotuneConfig config;
    CHECK(lutra::autotune(t.index, t.q.view().rows(0, 0), t.truth, config).status().code() == Errc::bad_argument);
    config.k = 21;
    CHECK(lutra::autotune(t.index, t.q, t.truth, config).status().code() == Errc::bad_argument);
    config.k = 10, config.recall = 0;
    CHECK(lutra::autotune(t.index, t.q, t.truth, config).status().code() == Errc::bad_argument);
    const Matrix wrong = lutra_test::normal_matrix(100, 15, 1);
    CHECK(!lutra::autotune(t.index, wrong, t.truth).ok());
}
