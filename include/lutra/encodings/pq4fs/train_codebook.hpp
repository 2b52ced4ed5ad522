// lutra/encodings/pq4fs/train_codebook.hpp: trains the sub-quantizers of a codebook, each by k-means on its slice of the rows.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/params.hpp>
#include <lutra/encodings/pq4fs/slice_kmeans.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

/// Trains all sub-quantizers of rows x [n, d], spread over the executor: four k-means++ starts on the first 4,096 rows of a
/// random order, the best one refined over all rows. Cost: 16 n d multiply-adds an iteration, 25 at most; memory: 8 n d / M bytes
/// a worker. The same bits for any executor.
/// Errors: too_few_rows (n < 16), cancelled.
inline Status train_codebook(MatrixView x, Pq4Codebook& codebook, const Resources& resources) {
    constexpr std::uint32_t kSeed = 1234;
    if (x.n < kPq4Centroids)
        return {Errc::too_few_rows, "train: 4-bit product quantization needs at least {} rows and got n = {}", kPq4Centroids, x.n};
    const std::size_t dsub = codebook.dsub(), size = kPq4Centroids * dsub;
    AlignedVector<float> centroids(codebook.m() * size);
    const std::vector<std::size_t> order = permutation(x.n, x.n, kSeed);
    LUTRA_TRY(resources.progress.report("train: codebook", 0, codebook.m()));
    resources.executor.for_each(codebook.m(), [&](std::size_t m, std::size_t) {
        detail::SliceKMeans(x, order, m * dsub, dsub).run(kSeed, centroids.data() + m * size);
    });
    codebook.set(std::move(centroids));
    return resources.progress.report("train: codebook", codebook.m(), codebook.m());
}

}  // namespace lutra::inline LUTRA_ABI_TAG
