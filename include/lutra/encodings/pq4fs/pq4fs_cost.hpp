// lutra/encodings/pq4fs/pq4fs_cost.hpp: the self-description of PQ{M}x4fs for explain().  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/part_cost.hpp>
#include <lutra/encodings/pq4fs/pq4fs.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

/// Rates of one core with AVX-512 (Zen 4), a second. Extra ones of score-aware codes: pieces encoded, and floats and pieces of a
/// training round; measured on Zen 3 with AVX2, doubled for encoding, times 1.5 for training, which gains nothing from wider
/// registers.
inline constexpr double kLookups = 80e9, kEncodedFloats = 500e6;
inline constexpr double kAwarePieces = 50e6, kAwareTrainedFloats = 60e6, kAwareTrainedPieces = 40e6;

}  // namespace detail

inline PartCost Pq4FastScan::cost(Metric metric, std::size_t training_rows) const {
    const double d = double(codebook_.dim()), pieces = double(m());
    PartCost cost;
    cost.sentence = detail::joined(
        {by_residual_ ? "each row, less the centroid of its list, is cut into " : "each row is cut into ",
         detail::count_text(pieces), " pieces of ", detail::floats_text(codebook_.dsub()),
         ", each replaced by the nearest of 16 centroids: ", detail::bytes_text(double(code_size())),
         " a row; distances are sums of table look-ups in registers, fast and approximate",
         score_aware_ ? "; errors are mostly orthogonal to the rows, where the best inner products change least" : ""});
    if (by_residual_ && metric == Metric::l2) cost.row_bytes = sizeof(std::uint16_t);  // its term
    cost.least_training_rows = least_training_rows();
    cost.add_seconds = d / detail::kEncodedFloats;
    cost.search_seconds = pieces / detail::kLookups;
    if (score_aware_) {
        const double rows = double(std::min(training_rows, kTrainingRows));
        cost.train_seconds = 10 * rows * (d / detail::kAwareTrainedFloats + pieces / detail::kAwareTrainedPieces);
        cost.add_seconds += pieces / detail::kAwarePieces;
    }
    cost.unrefined = "4-bit codes alone order the nearest poorly; \",RFlat\" behind them compares candidates exactly";
    if (codebook_.dsub() > 2)
        cost.warnings.push_back("pieces of more than 2 floats lose much accuracy; PQ{d/2}x4fs, with 2, is usual");
    return cost;
}

}  // namespace lutra::inline LUTRA_ABI_TAG
