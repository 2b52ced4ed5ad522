// lutra/encodings/pq4fs/score_aware.hpp: codes for inner products, whose error is mostly orthogonal to the vector.
// SPDX-License-Identifier: MIT
// Main path: ScoreAwareEncoder::encode() -> the errors of all 16 choices of each piece -> coordinate descent from the nearest ones:
// one piece is chosen anew at a time until none changes. The definition; kernel_score_aware.hpp encodes 16 rows at a time.
// Source: Guo et al., "Accelerating Large-Scale Inference with Anisotropic Vector Quantization", ICML 2020, sections 3 and 4.
#pragma once
#include <lutra/core/bit_cast.hpp>
#include <lutra/encodings/pq4fs/codebook.hpp>
#include <lutra/kernels/distance.hpp>
#include <lutra/simd/arch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG::detail {

/// The weight of the loss |e|^2 + weight (e . x / |x|)^2 of a row x stored as x - e. Queries that have x among their best point in
/// its direction, and for them only the error along x counts. For codes of residuals x - e is the centroid plus the decoded
/// residual. Counting queries with q . x >= T |q| |x|, Guo et al. find 1 + weight = (d - 1) T^2 / (1 - T^2), theorem 3.4. T = 0.2
/// is theirs; for residuals no other value measures better on all sets (README.md). Where that gives less than 1 (d <= 25) the
/// weight is 0, the plain loss.
inline double score_aware_weight(std::size_t d) {
    constexpr double kSquaredT = 0.2 * 0.2;
    return std::max(0.0, double(d - 1) * kSquaredT / (1 - kSquaredT) - 1);
}

/// 1 / |x|; 0 for a row of zeros, which has no direction.
inline float inverse_norm(const float* x, std::size_t d) {
    float squared = 0;
    squared_norms(x, 1, d, &squared);
    return squared > 0 ? 1 / std::sqrt(squared) : 0.F;
}

/// The errors of the 16 choices for one piece of a row: the squared distance, and the part of the error along the row.
struct PieceErrors {
    alignas(64) std::array<float, kPq4Centroids> squared, along;

    /// y [dsub]: the piece of the encoded vector, the row or its residual; x [dsub]: that of the row; inverse: 1 / |row|.
    void set(const Pq4Codebook& codebook, std::size_t m, const float* y, const float* x, float inverse) {
        squared.fill(0), along.fill(0);
        for (std::size_t t = 0; t < codebook.dsub(); ++t) {
            const float* lanes = codebook.lanes(m, t);
            for (std::size_t c = 0; c < kPq4Centroids; ++c) {
                const float error = y[t] - lanes[c];
                squared[c] = simd::fma(error, error, squared[c]), along[c] = simd::fma(error, x[t] * inverse, along[c]);
            }
        }
    }

    /// The choice with the lowest loss, ties to the lower number, if the other pieces have an error of `rest` along the row; 0 if
    /// no loss is finite. Losses are non-negative, so their bit patterns order like integers; compilers vectorise minima of
    /// integers.
    std::size_t best(float rest, float weight) const {
        std::array<std::uint32_t, kPq4Centroids> loss;
        const auto infinity = bit_cast<std::uint32_t>(std::numeric_limits<float>::infinity());
        std::uint32_t least = infinity;
        for (std::size_t c = 0; c < kPq4Centroids; ++c) {
            const float all = rest + along[c];
            loss[c] = bit_cast<std::uint32_t>(simd::fma(weight, all * all, squared[c]));
            least = std::min(least, loss[c]);
        }
        return least == infinity ? 0 : std::size_t(std::find(loss.begin(), loss.end(), least) - loss.begin());
    }
};

class ScoreAwareEncoder {
public:
    static constexpr std::size_t kRounds = 100;  // ten are usual; with rounding the descent could cycle

    explicit ScoreAwareEncoder(const Pq4Codebook& codebook)
        : codebook_(codebook), weight_(float(score_aware_weight(codebook.dim()))), errors_(codebook.m()), codes_(codebook.m()) {}

    /// Codes [M] of y [d], which is row x [d] or its residual: a local minimum, in which no other choice of one piece has a lower
    /// loss (but for rounding). Cost: 32 d multiply-adds, and 16 M a round, about ten rounds. The result lives until the next call.
    const std::vector<std::uint8_t>& encode(const float* y, const float* x) {
        const float inverse = inverse_norm(x, codebook_.dim());
        float along = 0;
        for (std::size_t m = 0; m < codes_.size(); ++m) {
            const std::size_t first = m * codebook_.dsub();
            errors_[m].set(codebook_, m, y + first, x + first, inverse);
            codes_[m] = std::uint8_t(errors_[m].best(0, 0));
            along += errors_[m].along[codes_[m]];
        }
        for (std::size_t round = 0; round < kRounds && improve(along); ++round) {
        }
        return codes_;
    }

private:
    // True if a piece has changed.
    bool improve(float& along) {
        bool changed = false;
        for (std::size_t m = 0; m < codes_.size(); ++m) {
            const float rest = along - errors_[m].along[codes_[m]];
            const std::size_t code = errors_[m].best(rest, weight_);
            changed = changed || code != codes_[m];
            codes_[m] = std::uint8_t(code), along = rest + errors_[m].along[code];
        }
        return changed;
    }

    const Pq4Codebook& codebook_;
    float weight_;
    std::vector<PieceErrors> errors_;  // [M]
    std::vector<std::uint8_t> codes_;  // [M]
};

}  // namespace lutra::inline LUTRA_ABI_TAG::detail
