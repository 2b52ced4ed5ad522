// 09_kmeans.cpp: k-means by itself: centroids of rows, and the cluster of each row.  SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdio>
#include <lutra/lutra.hpp>

int main() {
    // 3,000 points of the plane around three centres.
    constexpr std::size_t n = 3000, d = 2, k = 3;
    constexpr float kCentres[k][d] = {{0, 0}, {10, 0}, {0, 10}};
    lutra::Rng rng(9);
    std::vector<float> points(n * d);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t t = 0; t < d; ++t) points[i * d + t] = kCentres[i % k][t] + rng.normal();

    // Training samples 256 rows a centroid, unless told to look at more. The best of two runs is kept. A seed, and so a result, is
    // the same for any number of threads.
    lutra::KMeansConfig config;
    config.redo = 2, config.max_points_per_centroid = n;
    const lutra::Result<lutra::KMeans> found = lutra::kmeans({points, d}, k, config);
    if (!found.ok()) return std::puts(found.status().c_str()), 1;
    std::printf("mean squared distance to the nearest centroid: %.3f after 1 iteration, %.3f after %zu\n",
                found->objective.front() / double(n), found->objective.back() / double(n), found->objective.size());

    // A row belongs to its nearest centroid: an exact index of the centroids finds it.
    lutra::Index centroids = lutra::index_factory(d, "Flat").value();
    if (!centroids.add({found->centroids, d})) return 1;
    const lutra::Hits nearest = lutra::search(centroids, {points, d}, 1).value();
    std::size_t sizes[k] = {}, together = 0;
    for (std::size_t i = 0; i < n; ++i) {
        ++sizes[nearest.ids[i]];
        together += nearest.ids[i] == nearest.ids[i % k];  // rows of one centre
    }
    for (std::size_t c = 0; c < k; ++c)
        std::printf("cluster %zu: centroid (%5.2f, %5.2f), %zu rows\n", c, double(found->centroids[c * d]),
                    double(found->centroids[c * d + 1]), sizes[c]);
    std::printf("%zu of %zu rows are in the cluster of their centre\n", together, n);

    // Fewer rows than clusters: refused, and the message says what would do.
    const lutra::Status refused = lutra::kmeans(lutra::MatrixView(points, d).rows(0, 2), k).status();
    std::printf("2 rows: %s\n", refused.c_str());
    return together > n - 10 && *std::min_element(sizes, sizes + k) > n / 4 && !refused.ok() ? 0 : 1;
}
