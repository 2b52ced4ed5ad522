// Recall on the real vectors in examples/data: exact search finds the shipped truth, and every kind of index keeps a floor.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/factory/index_factory.hpp>
#include <lutra/io/vectors.hpp>

#include <cmath>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "support/matrices.hpp"

namespace {
using lutra::Id;
using lutra::Metric;
using lutra_test::Matrix;

Matrix read_matrix(const std::string& path) {
    const lutra::Result<lutra::VectorFile> file = lutra::VectorFile::open(lutra_test::repository_file("examples/data/") + path);
    REQUIRE_MESSAGE(file.ok(), file.status().message());
    Matrix x(file->n(), file->d());
    REQUIRE(file->read(0, x.n, x.row(0)).ok());
    return x;
}

/// A set of examples/data.
struct Sample {
    Sample(const std::string& folder, const std::string& base_name, const std::string& query_name)
        : base(read_matrix(folder + base_name)), queries(read_matrix(folder + query_name)) {
        lutra::Result<lutra::IdRows> truth =
            lutra::read_id_rows(lutra_test::repository_file("examples/data/") + folder + "truth_l2.ivecs");
        REQUIRE((truth.ok() && truth->n == queries.n && truth->k == 10));
        true_l2 = truth->ids;
    }

    Matrix base, queries;
    std::vector<Id> true_l2;  // [queries.n, 10]
};
Sample speech() { return {"speech/", "3_feature256", "query.fvecs"}; }
Sample sift() { return {"sift/", "base.bvecs", "query.bvecs"}; }

lutra::Index filled(std::string_view spec, const Matrix& x, Metric metric) {
    lutra::Result<lutra::Index> index = lutra::index_factory(x.d, spec, metric);
    REQUIRE_MESSAGE(index.ok(), index.status().message());
    REQUIRE((index->train(x).ok() && index->add(x).ok()));
    return *std::move(index);
}

std::vector<Id> nearest(const lutra::Index& index, const Matrix& q, const lutra::SearchParams& params = {}) {
    const lutra::Result<lutra::Hits> hits = lutra::search(index, q, 10, params);
    REQUIRE_MESSAGE(hits.ok(), hits.status().message());
    return hits->ids;
}

/// The share of the 10 nearest that was found; both are [nq, 10].
double recall(const std::vector<Id>& found, const std::vector<Id>& truth) {
    std::size_t common = 0;
    for (std::size_t i = 0; i < truth.size(); i += 10) {
        const std::set<Id> want(truth.begin() + long(i), truth.begin() + long(i + 10));
        for (std::size_t j = i; j < i + 10; ++j) common += want.count(found[j]);
    }
    return double(common) / double(truth.size());
}

/// recall@10 with these settings.
struct Floor {
    std::size_t nprobe;
    float k_factor;
    double l2, inner_product;
};
struct Floors {
    std::string_view spec;
    std::vector<Floor> settings;  // each better than the one before
};

void check_floors(const Sample& sample, const std::vector<Floors>& all) {
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        const bool l2 = metric == Metric::l2;
        const std::vector<Id> truth = l2 ? sample.true_l2 : nearest(filled("Flat", sample.base, metric), sample.queries);
        for (const Floors& floors : all) {
            const lutra::Index index = filled(floors.spec, sample.base, metric);
            double before = 0;
            for (const Floor& floor : floors.settings) {
                lutra::SearchParams params;
                params.nprobe = floor.nprobe, params.k_factor = floor.k_factor;
                const double got = recall(nearest(index, sample.queries, params), truth);
                CAPTURE(floors.spec);
                CAPTURE(lutra::metric_name(metric));
                CAPTURE(floor.nprobe);
                CAPTURE(floor.k_factor);
                CAPTURE(got);
                CHECK(got >= (l2 ? floor.l2 : floor.inner_product));
                CHECK(got >= before);
                before = got;
            }
        }
    }
}
}  // namespace

TEST_CASE("Flat finds the shipped truth of both samples, in its order") {
    for (const Sample& sample : {speech(), sift()})
        CHECK(nearest(filled("Flat", sample.base, Metric::l2), sample.queries) == sample.true_l2);
}

// The floors lie 0.01 to 0.03 below what was measured.
TEST_CASE("recall@10 on speech features rises with nprobe and k_factor, above its floors" * doctest::test_suite("slow")) {
    check_floors(speech(), {
                               {"IVF32,Flat", {{1, 0, 0.41, 0.44}, {4, 0, 0.74, 0.74}, {16, 0, 0.95, 0.95}, {32, 0, 1, 1}}},
                               {"PQ128x4fs", {{0, 0, 0.81, 0.84}}},
                               {"PQ64x4fs,RFlat", {{0, 1, 0.62, 0.68}, {0, 2, 0.81, 0.89}, {0, 10, 0.98, 0.99}}},
                               {"IVF32,PQ64x4fsr,RFlat", {{8, 1, 0.57, 0.66}, {8, 10, 0.85, 0.85}, {32, 10, 0.98, 0.99}}},
                           });
}

TEST_CASE("recall@10 on SIFT rises with nprobe and k_factor, above its floors" * doctest::test_suite("slow")) {
    check_floors(sift(), {
                             {"IVF64,Flat", {{1, 0, 0.51, 0.52}, {4, 0, 0.85, 0.85}, {16, 0, 0.98, 0.98}, {64, 0, 1, 1}}},
                             {"PQ64x4fs", {{0, 0, 0.70, 0.46}}},
                             {"PQ32x4fs,RFlat", {{0, 1, 0.58, 0.30}, {0, 2, 0.78, 0.47}, {0, 10, 0.97, 0.85}}},
                             {"IVF64,PQ32x4fsr,RFlat", {{8, 1, 0.58, 0.30}, {8, 10, 0.94, 0.83}, {64, 10, 0.98, 0.85}}},
                         });
}

TEST_CASE("recall@10 by inner product of rows of many lengths is higher in lists that know lengths" * doctest::test_suite("slow")) {
    Matrix x = lutra_test::clustered_matrix(12000, 48, 3000, 1);
    const Matrix lengths = lutra_test::normal_matrix(x.n, 1, 2), q = lutra_test::normal_matrix(200, 48, 9);
    for (std::size_t i = 0; i < x.n; ++i)
        for (std::size_t t = 0; t < x.d; ++t) x.row(i)[t] *= std::exp(lengths.row(i)[0] / 2);
    const std::vector<Id> truth = nearest(filled("Flat", x, Metric::inner_product), q);
    // Behind an index over centroids they have length 1.
    const lutra::Index by_length = filled("IVF128,Flat", x, Metric::inner_product),
                       by_direction = filled("IVF128(IVF1,Flat),Flat", x, Metric::inner_product);
    for (const std::size_t nprobe : {8, 16}) {
        lutra::SearchParams params;
        params.nprobe = nprobe;
        CHECK(recall(nearest(by_length, q, params), truth) > recall(nearest(by_direction, q, params), truth) + 0.02);
    }
}
