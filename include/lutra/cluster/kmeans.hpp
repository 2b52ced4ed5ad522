// lutra/cluster/kmeans.hpp: k-means, which trains every partition and codebook: what it is asked and answers.
// SPDX-License-Identifier: MIT
//
// Main path (lloyd.hpp): kmeans() -> sample -> for each redo: seed, then repeat assign -> update -> split empty clusters.
// Source: Lloyd, IEEE Trans. Inf. Theory 28(2), 1982. Sampling, seeding and splitting draw the same random numbers as faiss, so
// both start from the same points.
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/core/params.hpp>
#include <lutra/core/random.hpp>
#include <lutra/core/result.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// The method that assigns rows to centroids. Both give the same bits.
enum class Assignment {
    automatic,  ///< pruned where it pays: k >= 512 and more than 3 iterations
    plain,      ///< every row with every centroid, in every iteration
    pruned      ///< by bounds that need up to as much memory as the rows: pruned_assignment.hpp
};

struct KMeansConfig {
    std::size_t iterations = 25;
    std::size_t redo = 1;  ///< runs from different seeds; the one with the best objective is kept
    std::uint32_t seed = 1234;
    std::size_t max_points_per_centroid = 256;  ///< more rows than k times this are sampled
    Metric metric = Metric::l2;                 ///< what "nearest" means
    bool spherical = false;                     ///< centroids have length 1 (for inner product)
    Assignment assignment = Assignment::automatic;
    const float* weights = nullptr;             ///< [n], each >= 0, or null: all equal
    std::string_view stage = "train: k-means";  ///< names the work in messages and progress events
};

struct KMeans {
    AlignedVector<float> centroids;  ///< [k, d]
    std::size_t k = 0, d = 0;
    /// After each iteration of the kept run: the weighted sum of squared distances, which falls, or of inner products, which grows.
    std::vector<double> objective;
};

/// The rows of x [n, d] that training uses: all, or `limit` of them in the order of permutation(n, limit, seed).
inline AlignedVector<float> training_sample(MatrixView x, std::size_t limit, std::uint32_t seed) {
    if (x.n <= limit) return AlignedVector<float>(x.data, x.data + x.n * x.d);
    AlignedVector<float> sample(limit * x.d);
    const std::vector<std::size_t> rows = permutation(x.n, limit, seed);
    for (std::size_t i = 0; i < limit; ++i) std::copy_n(x.row(rows[i]), x.d, sample.data() + i * x.d);
    return sample;
}

/// Trains k centroids on x [n, d]. Stops before `iterations` when no row changes its cluster any more. Every cluster has a row if x
/// has k different rows; up to 8 extra iterations see to that. Finite rows of any size give finite centroids.
///
/// Cost: n k d multiply-adds an iteration, less where pruned, spread over the executor; memory: 4 n d bytes if sampled, up to
/// 4 n d if pruned, and 20 n + 12 k d. The same bits for any executor. Errors: bad_argument (shapes, weights), too_few_rows (n <
/// k), not_finite, cancelled.
Result<KMeans> kmeans(MatrixView x, std::size_t k, const KMeansConfig& config = {}, const Resources& resources = {});

}  // namespace lutra::inline LUTRA_ABI_TAG

#if !defined(LUTRA_COMPILED)
#include <lutra/cluster/lloyd.hpp>
#endif
