// Tests of Metric::cosine in factory/index_factory.hpp and in files.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/factory/index_factory.hpp>
#include <lutra/factory/save_load.hpp>
#include <lutra/io/record.hpp>
#include <lutra/io/stream.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "support/matrices.hpp"

namespace {
using lutra_test::Matrix;
constexpr std::size_t kCosineD = 16;

// Rows of very different lengths: the inner product would prefer the long ones.
Matrix rows_of_all_lengths(std::size_t n, std::uint32_t seed) {
    Matrix x = lutra_test::normal_matrix(n, kCosineD, seed);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t t = 0; t < kCosineD; ++t) x.row(i)[t] *= std::exp2(float(i % 20));
    return x;
}

double cosine_of(const float* a, const float* b) {
    double ab = 0, aa = 0, bb = 0;
    for (std::size_t t = 0; t < kCosineD; ++t) {
        const double u = a[t], v = b[t];
        ab += u * v, aa += u * u, bb += v * v;
    }
    return ab / std::sqrt(aa * bb);
}

lutra::Index made(std::string_view spec, lutra::Metric metric, const Matrix& x) {
    lutra::Result<lutra::Index> index = lutra::index_factory(kCosineD, spec, metric);
    REQUIRE_MESSAGE(index.ok(), index.status().message());
    REQUIRE(index->train(x).ok());
    REQUIRE(index->add(x).ok());
    return std::move(*index);
}

std::vector<std::byte> file_of(const lutra::Index& index) {
    lutra::MemoryWriter out;
    REQUIRE(index.save(out).ok());
    return {out.bytes().begin(), out.bytes().end()};
}
lutra::Index read_back(const std::vector<std::byte>& bytes) {
    lutra::MemoryReader in(bytes);
    lutra::Result<lutra::Index> index = lutra::load_index(in);
    REQUIRE_MESSAGE(index.ok(), index.status().message());
    return std::move(*index);
}
}  // namespace

TEST_CASE("cosine: distances are cosines, largest first, whatever the lengths, with RFlat too") {
    const Matrix x = rows_of_all_lengths(300, 1), q = rows_of_all_lengths(20, 2);
    for (const char* spec : {"Flat", "IVF8,Flat", "PQ8x4fs,RFlat", "IVF8,PQ8x4fsra,RFlat", "L2norm,IVF8,PQ8x4fs,RFlat"}) {
        CAPTURE(spec);
        const lutra::Index index = made(spec, lutra::Metric::cosine, x);
        const lutra::Hits hits = lutra::search(index, q, 10, {.nprobe = 8, .k_factor = index.k_factor() > 0 ? 30.F : 0.F}).value();
        for (std::size_t i = 0; i < q.n; ++i) {
            std::vector<double> all;
            for (std::size_t j = 0; j < x.n; ++j) all.push_back(cosine_of(q.row(i), x.row(j)));
            std::sort(all.rbegin(), all.rend());
            const lutra::HitRow row = hits.row(i);
            REQUIRE(row.size() == 10);
            for (std::size_t j = 0; j < 10; ++j) {
                CHECK(double(row[j].distance) == doctest::Approx(all[j]).epsilon(1e-5));
                CHECK(double(row[j].distance) == doctest::Approx(cosine_of(q.row(i), x.row(std::size_t(row[j].id)))).epsilon(1e-5));
            }
        }
    }
}

TEST_CASE("cosine: is L2norm in front of inner product, once; spec() and metric() make the same index") {
    const Matrix x = rows_of_all_lengths(100, 3);
    for (const char* spec : {"Flat", "L2Norm,Flat", "IVF4,Flat", "IVF4,PQ8x4fs,RFlat", "L2norm,IVF4,PQ8x4fs,RFlat"}) {
        CAPTURE(spec);
        const lutra::Index index = made(spec, lutra::Metric::cosine, x);
        CHECK(index.metric() == lutra::Metric::cosine);
        CHECK(index.spec().starts_with("L2norm,"));
        CHECK_FALSE(index.spec().starts_with("L2norm,L2norm"));
        CHECK(file_of(made(index.spec(), index.metric(), x)) == file_of(index));
    }
    CHECK(file_of(made("L2norm,IVF4,Flat", lutra::Metric::inner_product, x)) ==
          file_of(made("IVF4,Flat", lutra::Metric::cosine, x)));
    CHECK(made("L2norm,IVF4,Flat", lutra::Metric::inner_product, x).metric() == lutra::Metric::cosine);
    CHECK(made("L2norm,Flat", lutra::Metric::l2, x).metric() == lutra::Metric::l2);
    CHECK(made("L2norm,Flat,RFlat", lutra::Metric::inner_product, x).metric() == lutra::Metric::inner_product);
}

TEST_CASE("cosine: a file names inner product behind L2norm, and is cosine again when it is loaded") {
    const Matrix x = rows_of_all_lengths(100, 4);
    for (const char* spec : {"Flat", "IVF4,Flat", "IVF4,PQ8x4fs,RFlat"}) {
        CAPTURE(spec);
        const lutra::Index index = made(spec, lutra::Metric::cosine, x);
        const std::vector<std::byte> bytes = file_of(index);
        constexpr std::size_t kMetricAt = 4 + 4 + 8 + 16 + 1;  // fourcc, d, ntotal, two numbers, a flag
        std::int32_t metric = -9;
        std::memcpy(&metric, bytes.data() + kMetricAt, sizeof metric);
        CHECK(std::memcmp(bytes.data(), "IxPT", 4) == 0);
        CHECK(metric == std::int32_t(lutra::Metric::inner_product));
        const lutra::Index again = read_back(bytes);
        CHECK(again.metric() == lutra::Metric::cosine);
        CHECK(again.spec() == index.spec());
        CHECK(lutra::search(again, x, 5).value().distances == lutra::search(index, x, 5).value().distances);
    }
    const std::vector<std::byte> refined = file_of(made("L2norm,Flat,RFlat", lutra::Metric::inner_product, x));
    CHECK(read_back(refined).metric() == lutra::Metric::inner_product);
}

TEST_CASE("cosine: errors show the string as it was given, and what can be made can be loaded, however deep") {
    const lutra::Status status = lutra::index_factory(16, "IVF4,PQ5x4fs", lutra::Metric::cosine).status();
    CHECK(status.code() == lutra::Errc::bad_spec);
    CHECK(status.message().find("L2norm,IVF4") == std::string_view::npos);
    std::string spec = "Flat";
    std::size_t deepest = 0;
    for (std::size_t n = 0; n < 2 * lutra::kMaxNesting; ++n, spec += ",RFlat") {
        const lutra::Result<lutra::Index> index = lutra::index_factory(4, spec, lutra::Metric::cosine);
        const bool by_product = lutra::index_factory(4, "L2norm," + spec, lutra::Metric::inner_product).ok();
        CHECK(index.ok() == by_product);
        if (!index.ok()) continue;
        deepest = n;
        CHECK(read_back(file_of(*index)).spec() == index->spec());
    }
    CHECK(deepest > 2);
}
