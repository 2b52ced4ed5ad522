// lutra/cluster/kmeans_checks.hpp: the arguments that k-means accepts.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/cluster/kmeans_config.hpp>
#include <lutra/core/validate.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

inline Status check_weights(std::size_t n, std::size_t k, const KMeansConfig& config) {
    if (config.weights == nullptr) return {};
    std::size_t positive = 0;
    for (std::size_t i = 0; i < n; ++i) {
        if (!(config.weights[i] >= 0) || !is_finite(config.weights[i]))
            return {Errc::bad_argument, "{}: weight {} of row {}; accepted: finite, 0 or more", config.stage, config.weights[i], i};
        positive += config.weights[i] > 0;
    }
    if (positive >= k) return {};
    return {Errc::too_few_rows,
            "{}: {} rows with a weight above 0 cannot make {} clusters; ask for at most {}",
            config.stage,
            positive,
            k,
            positive};
}

inline Status check_kmeans(MatrixView x, std::size_t k, const KMeansConfig& config) {
    LUTRA_TRY(check_some_rows(config.stage, x, x.d));
    if (x.d == 0 || k == 0) return {Errc::bad_argument, "{}: d = {}, k = {}; both must be at least 1", config.stage, x.d, k};
    if (k > std::size_t(std::numeric_limits<std::int32_t>::max()))
        return {Errc::bad_argument, "{}: k = {}; accepted: up to 2^31 - 1", config.stage, k};
    if (x.n < k)
        return {Errc::too_few_rows,
                "{}: {} rows cannot make {} clusters; give at least {} rows, or ask for at most {} clusters",
                config.stage,
                x.n,
                k,
                k,
                x.n};
    if (config.metric == Metric::cosine)
        return {Errc::bad_argument, "{}: by cosine; accepted: l2, or inner_product of rows of length 1 with .spherical = true",
                config.stage};
    if (config.redo == 0 || config.max_points_per_centroid == 0)
        return {Errc::bad_argument, "{}: redo = {}, max_points_per_centroid = {}; both must be at least 1", config.stage,
                config.redo, config.max_points_per_centroid};
    LUTRA_TRY(check_weights(x.n, k, config));
    return check_finite(config.stage, x);
}

}  // namespace detail

}  // namespace lutra::inline LUTRA_ABI_TAG
