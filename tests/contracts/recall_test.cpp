// Recall of an inverted file on the vectors of a golden file: a floor for each nprobe.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/factory/index_factory.hpp>
#include <lutra/factory/save_load.hpp>

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "support/matrices.hpp"

namespace {
using lutra::Id;
using lutra::Metric;
using lutra_test::Matrix;

Matrix golden_rows() {
    lutra::Result<lutra::Index> index = lutra::load_index(lutra_test::repository_file("tests/data/golden/flat.L2.index"));
    REQUIRE(index.ok());
    Matrix x(index->ntotal(), index->dim());
    REQUIRE(index->reconstruct_n(0, x.n, x.row(0)).ok());
    return x;
}

/// The share of the 10 exact neighbours that the index finds.
double recall(const lutra::Index& index, const lutra::Index& exact, const Matrix& q, std::size_t nprobe) {
    lutra::SearchParams params;
    params.nprobe = nprobe;
    const lutra::Result<lutra::Hits> found = lutra::search(index, q, 10, params), truth = lutra::search(exact, q, 10);
    REQUIRE((found.ok() && truth.ok()));
    std::size_t common = 0;
    for (std::size_t i = 0; i < q.n; ++i) {
        const std::set<Id> want(truth.value().ids.begin() + long(10 * i), truth.value().ids.begin() + long(10 * i + 10));
        for (std::size_t j = 10 * i; j < 10 * i + 10; ++j) common += want.count(found.value().ids[j]);
    }
    return double(common) / double(10 * q.n);
}
}  // namespace

TEST_CASE("IVF16,Flat: recall@10 rises with nprobe, above its floor, to 1") {
    struct Floor {
        std::size_t nprobe;
        double l2, inner_product;
    };
    const Floor floors[] = {{1, 0.55, 0.70}, {2, 0.88, 0.92}, {4, 0.97, 0.97}, {8, 0.99, 0.99}, {16, 1.0, 1.0}};
    const Matrix x = golden_rows();
    Matrix q(200, x.d);  // halfway between two rows: between the lists, where it is hardest
    for (std::size_t i = 0; i < q.n; ++i)
        for (std::size_t t = 0; t < x.d; ++t) q.row(i)[t] = (x.row(i)[t] + x.row(500 + (i * 37) % 500)[t]) / 2;
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        lutra::Result<lutra::Index> index = lutra::index_factory(x.d, "IVF16,Flat", metric),
                                    exact = lutra::index_factory(x.d, "Flat", metric);
        REQUIRE((index->train(x).ok() && index->add(x).ok() && exact->add(x).ok()));
        double before = 0;
        for (const Floor& floor : floors) {
            const double got = recall(*index, *exact, q, floor.nprobe);
            CAPTURE(floor.nprobe);
            CAPTURE(lutra::metric_name(metric));
            CHECK(got >= (metric == Metric::l2 ? floor.l2 : floor.inner_product));
            CHECK(got >= before);
            before = got;
        }
    }
}
