// lutra/cluster/kmeans.hpp: k-means, which trains every partition. The algorithm is in lloyd.hpp.
// SPDX-License-Identifier: MIT
//
// Main path: kmeans() -> sample -> for each redo: seed, then repeat assign -> update -> split empty clusters.
// Source: Lloyd, IEEE Trans. Inf. Theory 28(2), 1982. Sampling, seeding and splitting draw the same random numbers as faiss, so
// both start from the same points.
#pragma once
#include <lutra/cluster/kmeans_config.hpp>
#include <lutra/core/params.hpp>
#include <lutra/core/random.hpp>
#include <lutra/core/result.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

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
