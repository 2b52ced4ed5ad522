// lutra/coarse/list_order.hpp: ranks lists by the largest inner product they may hold, for rows of different lengths.
// SPDX-License-Identifier: MIT
//
//   <q, x> = <q, c> + <q, x - c>           x in the list of centroid c
//   lists by   <q, c> + 2 |q| rms / sqrt(d)     rms: root mean square of |x - c| over the list's rows
//
// The product of q with a residual of length rms and random direction has deviation |q| rms / sqrt(d); the best of some dozen rows
// lies about two deviations up. Rows are stored by L2, so residuals are short, and long rows, the likely answers, lie together. The
// sum is an inner product with one column more: (q, |q|) and (c, 2 rms / sqrt(d)).
#pragma once
#include <lutra/coarse/centroid_search.hpp>
#include <lutra/core/types.hpp>
#include <lutra/core/workspace.hpp>
#include <lutra/kernels/normalize.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Owns centroids [nlist, d] with that column. Const calls are thread-safe with one arena a thread.
class ListOrder {
public:
    /// Deviations of |q| rms / sqrt(d) added to a centroid's score; ivf/README.md has the measurements.
    static constexpr float kReach = 2;

    ListOrder() = default;
    explicit ListOrder(MatrixView centroids)
        : search_(Metric::inner_product, extended(centroids), centroids.n, centroids.d + 1), rms_(centroids.n, 0.F) {}

    bool empty() const { return search_.k() == 0; }

    /// rms [nlist]. Cannot fail. Cost: nlist, and d for each list whose rms has changed.
    void set_spreads(std::span<const float> rms) {
        if (empty() || std::equal(rms.begin(), rms.end(), rms_.begin(), rms_.end())) return;
        const float factor = kReach / std::sqrt(float(d()));
        for (std::size_t l = 0; l < rms_.size(); ++l)
            if (rms[l] != rms_[l]) search_.set_component(l, d(), factor * rms[l]);
        search_.complete();
        std::copy(rms.begin(), rms.end(), rms_.begin());
    }

    std::size_t probe_bytes(std::size_t n, std::size_t nprobe) const {
        return arena_bytes<float>(n * search_.d()) + search_.probe_bytes(n, nprobe);
    }
    /// lists and distances as in CoarseQuantizer.
    void probe(MatrixView q, std::size_t nprobe, Id* lists, float* distances, Arena& arena) const {
        const Arena::Frame frame(arena);
        const auto asked = arena.take<float>(q.n * search_.d());
        for (std::size_t i = 0; i < q.n; ++i) extend(q.row(i), asked.data() + i * search_.d());
        search_.probe({asked.data(), q.n, search_.d()}, nprobe, lists, distances, arena);
        for (std::size_t p = 0; distances != nullptr && p < q.n * nprobe; ++p)
            if (lists[p] != kNoId)
                distances[p] -= asked[p / nprobe * search_.d() + d()] * search_.centroid(std::size_t(lists[p]))[d()];
    }

private:
    std::size_t d() const { return search_.d() - 1; }

    void extend(const float* q, float* out) const {
        std::copy_n(q, d(), out);
        out[d()] = length(q, d());
    }

    // The centroids with a last column of zeros: no list has rows yet.
    static AlignedVector<float> extended(MatrixView centroids) {
        AlignedVector<float> rows(centroids.n * (centroids.d + 1), 0.F);
        for (std::size_t j = 0; j < centroids.n; ++j)
            std::copy_n(centroids.row(j), centroids.d, rows.data() + j * (centroids.d + 1));
        return rows;
    }

    CentroidSearch search_;
    std::vector<float> rms_;  // of the last set_spreads()
};

}  // namespace lutra::inline LUTRA_ABI_TAG
