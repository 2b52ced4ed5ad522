// lutra/encodings/pq4fs/saturated_rows.hpp: the rows of a query's tables where far centroids or overflow would set their scale.
// SPDX-License-Identifier: MIT
//
// All entries share one step (lut.hpp), so an entry of 1e12 among entries near 1 would leave 0 of all others. But a row with such
// an entry is not near: already the others' typical score is less. So with, over all rows of the tables and their near entries
// (centroids that are not far, far_pieces.hpp; numbers that fit a float),
//
//   typical = sum of (mean - least),   widest = largest (largest - least),   reach = max(typical, widest)
//
// entries of far centroids saturate `reach` above the least near one of their row, infinite ones too. Below it, which happens for
// inner products and for queries that are far themselves, they keep their order: the least is raised to 2 * reach below, what is
// less than `reach` above that follows it, the others are raised to `reach` below.
//
// So vectors without far centroids have the scores they would have had, within the same bound, in steps of at most (typical +
// widest) / 60; one with a far centroid looks nearer than it is, but no nearer than `reach`, a whole typical score above the best;
// or, below, less near than it is, but by `reach` nearer than without it.
#pragma once
#include <lutra/core/types.hpp>
#include <lutra/encodings/pq4fs/codebook.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace lutra::inline LUTRA_ABI_TAG::detail {

/// The definition, in doubles, which nothing overflows; 16 d multiply-adds each time a row is asked for, so three times those of a
/// plain table.
class SaturatedRows {
public:
    /// Entries are taken times `unit`, a power of two: less than 1 for queries so far that floats cannot hold their scores.
    SaturatedRows(const Pq4Codebook& codebook, Metric metric, const float* q, double unit)
        : codebook_(codebook), metric_(metric), q_(q), unit_(unit) {
        double typical = 0, widest = 0, farthest = 0, lowest = 0, entries[kPq4Centroids];
        for (std::size_t m = 0; m < codebook.m(); ++m) {
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

    /// Entries [16] of row m; false if none fits a float, then they are 0.
    bool row(std::size_t m, double* entries) const {
        raw_row(m, entries);
        const Near near = near_entries(m, entries);
        const double lowest = *std::min_element(entries, entries + kPq4Centroids);
        for (std::size_t c = 0; c < kPq4Centroids; ++c) entries[c] = near.n == 0 ? 0 : saturated(entries[c], near.least, lowest);
        return near.n != 0;
    }
    /// True if some entry is above its exact value.
    bool raises() const { return raises_; }

private:
    static constexpr double kMost = std::numeric_limits<float>::max();

    struct Near {
        double least = kMost, largest = -kMost, sum = 0;
        std::size_t n = 0;
    };

    void raw_row(std::size_t m, double* entries) const {
        for (std::size_t c = 0; c < kPq4Centroids; ++c) {
            double sum = 0;
            for (std::size_t t = 0; t < codebook_.dsub(); ++t) {
                const double x = double(q_[m * codebook_.dsub() + t]), centroid = double(codebook_.centroid(m, c)[t]);
                sum += metric_ == Metric::l2 ? (x - centroid) * (x - centroid) : -x * centroid;
            }
            entries[c] = std::isfinite(sum) ? sum * unit_ : std::numeric_limits<double>::max();
        }
    }

    Near near_entries(std::size_t m, const double* entries) const {
        Near near;
        for (std::size_t c = 0; c < kPq4Centroids; ++c) {
            if ((codebook_.far(m) >> c & 1) != 0 || !(std::abs(entries[c]) <= kMost)) continue;
            near.least = std::min(near.least, entries[c]), near.largest = std::max(near.largest, entries[c]);
            near.sum += entries[c], ++near.n;
        }
        return near;
    }

    double saturated(double entry, double least, double lowest) const {
        if (entry >= least) return std::min(entry, least + reach_);
        return std::max(entry, std::min(least - reach_, least - 2 * reach_ + (entry - lowest)));
    }

    const Pq4Codebook& codebook_;
    Metric metric_;
    const float* q_;
    double unit_, reach_ = 0;
    bool raises_ = false;
};

}  // namespace lutra::inline LUTRA_ABI_TAG::detail
