// lutra/encodings/pq4fs/saturated_rows.hpp: rows of a LUT with saturated entries, if far centroids or overflow would set the scale.
// SPDX-License-Identifier: MIT
//
// All entries share one step (lut.hpp), so an entry of 1e12 among entries near 1 would round all others to 0. But a vector with
// that entry is not near: its score exceeds the typical score of the others. So, over all rows of the LUT and their near entries
// (those of centroids that are not far, far_pieces.hpp, and that fit a float), with
//
//   typical = sum of (mean - least),   widest = largest (largest - least),   reach = max(typical, widest)
//
// entries of far centroids, infinite ones too, saturate at `reach` above the lowest near entry of their row. Entries below the near
// ones (inner products, or queries that are far themselves) keep their order: the lowest is raised to 2 * reach below, entries less
// than `reach` above it keep their distance to it, and the others are raised to `reach` below.
//
// So vectors without far centroids keep their scores, within the same bound, in steps of at most (typical + widest) / 60. A vector
// with a far centroid seems nearer than it is, but at least `reach`, a typical score, worse than the best; below the near entries
// it seems less near than it is, but `reach` nearer than vectors without that centroid.
#pragma once
#include <lutra/encodings/pq4fs/codebook.hpp>
#include <lutra/encodings/pq4fs/kernel_table.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace lutra::inline LUTRA_ABI_TAG::detail {

/// The definition, in doubles, which do not overflow. Each call of row() computes it anew, so a LUT costs three times the
/// multiply-adds of a plain one.
class SaturatedRows {
public:
    /// Entries are multiplied by `unit`, a power of two below 1 for queries whose scores would overflow floats.
    SaturatedRows(Pq4Table table, double unit) : table_(table), unit_(unit) {
        double typical = 0, widest = 0, farthest = 0, lowest = 0, entries[kPq4Centroids];
        for (std::size_t m = 0; m < table.codebook.m(); ++m) {
            raw_row(m, entries);
            const Near near = near_entries(m, entries);
            if (near.n == 0) continue;
            typical += near.sum / double(near.n) - near.least, widest = std::max(widest, near.largest - near.least);
            for (const double e : entries)
                farthest = std::max(farthest, std::abs(e - near.least)), lowest = std::min(lowest, e - near.least);
        }
        reach_ = std::max(typical, widest);
        raises_ = lowest < -reach_;
        if (reach_ == 0) reach_ = std::min(farthest, kMost);  // constant but for what is far
    }

    /// Entries [16] of row m; false, and all 0, if none fits a float.
    bool row(std::size_t m, double* entries) const {
        raw_row(m, entries);
        const Near near = near_entries(m, entries);
        const double lowest = *std::min_element(entries, entries + kPq4Centroids);
        for (std::size_t c = 0; c < kPq4Centroids; ++c) entries[c] = near.n == 0 ? 0 : saturated(entries[c], near.least, lowest);
        return near.n != 0;
    }
    /// True if some entry exceeds its exact value.
    bool raises() const { return raises_; }

private:
    static constexpr double kMost = std::numeric_limits<float>::max();

    struct Near {
        double least = kMost, largest = -kMost, sum = 0;
        std::size_t n = 0;
    };

    void raw_row(std::size_t m, double* entries) const {
        const std::size_t dsub = table_.codebook.dsub();
        for (std::size_t c = 0; c < kPq4Centroids; ++c) {
            double sum = 0;
            for (std::size_t t = 0; t < dsub; ++t) {
                const double x = double(table_.q[m * dsub + t]), centroid = double(table_.codebook.centroid(m, c)[t]);
                sum += table_.metric == Metric::l2 ? (x - centroid) * (x - centroid) : -x * centroid;
            }
            entries[c] = std::isfinite(sum) ? sum * unit_ : std::numeric_limits<double>::max();
        }
    }

    Near near_entries(std::size_t m, const double* entries) const {
        Near near;
        for (std::size_t c = 0; c < kPq4Centroids; ++c) {
            if ((table_.codebook.far(m) >> c & 1) != 0 || !(std::abs(entries[c]) <= kMost)) continue;
            near.least = std::min(near.least, entries[c]), near.largest = std::max(near.largest, entries[c]);
            near.sum += entries[c], ++near.n;
        }
        return near;
    }

    double saturated(double entry, double least, double lowest) const {
        if (entry >= least) return std::min(entry, least + reach_);
        return std::max(entry, std::min(least - reach_, least - 2 * reach_ + (entry - lowest)));
    }

    Pq4Table table_;
    double unit_, reach_ = 0;
    bool raises_ = false;
};

}  // namespace lutra::inline LUTRA_ABI_TAG::detail
