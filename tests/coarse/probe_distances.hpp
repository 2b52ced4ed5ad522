// For tests: what a CoarseQuantizer says of the distances of the lists it names.  SPDX-License-Identifier: MIT
#pragma once
#include <doctest/doctest.h>

#include <lutra/core/types.hpp>
#include <lutra/core/workspace.hpp>
#include <lutra/kernels/distance.hpp>

#include <cmath>
#include <cstddef>
#include <vector>

#include "support/matrices.hpp"

namespace lutra_test {

/// Checks that probe() gives the distances of its lists' centroids to rounding: of a batch and of each query alone the same bits,
/// and the same lists whether it is asked for distances or not.
template <class Coarse>
void check_probe_distances(const Coarse& coarse, lutra::Metric metric, lutra::MatrixView q, std::size_t nprobe) {
    lutra::Arena arena;
    std::vector<lutra::Id> lists(q.n * nprobe, -9), alone(nprobe, -9), silent(q.n * nprobe, -9);
    std::vector<float> distances(q.n * nprobe, -9.F), of_one(nprobe, -9.F);
    coarse.probe(q, nprobe, lists.data(), distances.data(), arena);
    coarse.probe(q, nprobe, silent.data(), nullptr, arena);
    CHECK(lists == silent);
    for (std::size_t i = 0; i < q.n; ++i) {
        coarse.probe(q.rows(i, i + 1), nprobe, alone.data(), of_one.data(), arena);
        for (std::size_t p = 0; p < nprobe; ++p) {
            CHECK(alone[p] == lists[i * nprobe + p]);
            CHECK(of_one[p] == distances[i * nprobe + p]);
            double exact = 0, size = 0;
            for (std::size_t t = 0; t < q.d; ++t) {
                const double a = q.row(i)[t], b = coarse.centroid(std::size_t(alone[p]))[t];
                exact += metric == lutra::Metric::l2 ? (a - b) * (a - b) : a * b;
                size += a * a + b * b;
            }
            CHECK(std::abs(double(of_one[p]) - exact) <= double(q.d + 8) * 0x1p-23 * size);
        }
    }
}

}  // namespace lutra_test
