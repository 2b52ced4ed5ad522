// lutra/cluster/kmeans_config.hpp: the settings and the result of k-means.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/core/types.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// The method that assigns rows to centroids. Both give the same bits.
enum class Assignment {
    automatic,  ///< pruned where it pays: k >= 512 and more than 3 iterations, and no products of bytes
    plain,      ///< every row with every centroid, in every iteration
    pruned      ///< by bounds that need up to as much memory as the rows: pruned_assignment.hpp
};

struct KMeansConfig {
    std::size_t iterations = 25;
    std::size_t redo = 1;  ///< runs from different seeds; the one with the best objective is kept
    std::uint32_t seed = 1234;
    std::size_t max_points_per_centroid = 256;  ///< more rows than k times this are sampled
    Metric metric = Metric::l2;                 ///< what "nearest" means; l2 or inner_product
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

}  // namespace lutra::inline LUTRA_ABI_TAG
