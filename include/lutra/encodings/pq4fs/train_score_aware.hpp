// lutra/encodings/pq4fs/train_score_aware.hpp: refines a codebook for score-aware codes (score_aware.hpp): minimises their loss.
// SPDX-License-Identifier: MIT
// Main path: train_score_aware() -> rounds over the sub-quantizers: choose the codes of one anew, move its centroids.
// Source: Guo et al., ICML 2020, section 4; they solve for all centroids at once, here each step moves those of one sub-quantizer.
#pragma once
#include <lutra/core/params.hpp>
#include <lutra/encodings/pq4fs/kernel_score_aware.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

/// The equations A c = b of the centroid with the lowest loss for the rows that have its code.
class CentroidEquations {
public:
    explicit CentroidEquations(std::size_t dsub) : dsub_(dsub), a_(dsub * dsub), b_(dsub) {}

    /// Adds a row: y [dsub] is its encoded piece, x [dsub] that of the row; the other pieces have an error of `rest` along the row.
    void add(const float* y, const float* x, float inverse, float rest, double weight) {
        double along = double(rest);
        for (std::size_t t = 0; t < dsub_; ++t) along += double(y[t]) * double(x[t]) * double(inverse);
        rows_ += 1;
        for (std::size_t t = 0; t < dsub_; ++t) {
            const double scaled = weight * double(x[t]) * double(inverse);
            b_[t] += double(y[t]) + scaled * along;
            for (std::size_t s = 0; s < dsub_; ++s) a_[t * dsub_ + s] += scaled * double(x[s]) * double(inverse);
        }
    }
    void add(const CentroidEquations& other) {
        rows_ += other.rows_;
        for (std::size_t i = 0; i < a_.size(); ++i) a_[i] += other.a_[i];
        for (std::size_t t = 0; t < dsub_; ++t) b_[t] += other.b_[t];
    }

    /// Two sweeps of coordinate descent: each component is set to its best given the others, so the loss only falls. Without rows c
    /// stays.
    void move(float* c) const {
        for (std::size_t i = 0; i < 2 * dsub_ && rows_ > 0; ++i) {
            const std::size_t t = i % dsub_;
            double left = b_[t];
            for (std::size_t s = 0; s < dsub_; ++s) left -= s == t ? 0 : a_[t * dsub_ + s] * double(c[s]);
            constexpr double kMost = std::numeric_limits<float>::max();
            c[t] = float(std::clamp(left / (rows_ + a_[t * dsub_ + t]), -kMost, kMost));
        }
    }

private:
    std::size_t dsub_;
    double rows_ = 0;            // the rows' own share of A: their number on its diagonal
    std::vector<double> a_, b_;  // [dsub, dsub], [dsub]
};

class ScoreAwareTrainer {
public:
    ScoreAwareTrainer(MatrixView values, MatrixView rows, Pq4Codebook& codebook, const Executor& executor)
        : values_(values),
          rows_(rows),
          codebook_(codebook),
          executor_(executor),
          weight_(score_aware_weight(rows.d)),
          codes_(rows.n * codebook.m()),
          inverse_(rows.n),
          along_(rows.n) {
        executor_.for_ranges(rows_.n, kChunk, [this](std::size_t begin, std::size_t end, std::size_t) { encode(begin, end); });
    }

    /// The codes and the centroids of sub-quantizer m.
    void improve(std::size_t m) {
        const std::size_t chunks = (rows_.n + kChunk - 1) / kChunk;
        std::vector<CentroidEquations> equations(chunks * kPq4Centroids, CentroidEquations(codebook_.dsub()));
        executor_.for_ranges(rows_.n, kChunk, [&](std::size_t begin, std::size_t end, std::size_t) {
            for (std::size_t i = begin; i < end; ++i) choose(i, m, equations.data() + begin / kChunk * kPq4Centroids);
        });
        for (std::size_t e = kPq4Centroids; e < equations.size(); ++e) equations[e % kPq4Centroids].add(equations[e]);
        AlignedVector<float> centroids(codebook_.centroid(m, 0), codebook_.centroid(m, kPq4Centroids));
        for (std::size_t c = 0; c < kPq4Centroids; ++c) equations[c].move(centroids.data() + c * codebook_.dsub());
        codebook_.set(m, centroids.data());
        for (std::size_t i = 0; i < rows_.n; ++i) along_[i] += along(i, m);
    }

private:
    static constexpr std::size_t kChunk = 2048;

    void encode(std::size_t begin, std::size_t end) {
        std::vector<const float*> values, rows;
        for (std::size_t i = begin; i < end; ++i) values.push_back(values_.row(i)), rows.push_back(rows_.row(i));
        score_aware_rows(codebook_, values, rows, [this, begin](std::size_t j, const std::uint8_t* chosen) {
            const std::size_t i = begin + j;
            std::copy_n(chosen, codebook_.m(), codes(i));
            inverse_[i] = inverse_norm(rows_.row(i), rows_.d);
            for (std::size_t m = 0; m < codebook_.m(); ++m) along_[i] += along(i, m);
        });
    }

    std::uint8_t* codes(std::size_t i) { return codes_.data() + i * codebook_.m(); }

    const float* piece(MatrixView of, std::size_t i, std::size_t m) const { return of.row(i) + m * codebook_.dsub(); }

    // The error of piece m along row i.
    float along(std::size_t i, std::size_t m) {
        const float *y = piece(values_, i, m), *x = piece(rows_, i, m), *c = codebook_.centroid(m, codes(i)[m]);
        float sum = 0;
        for (std::size_t t = 0; t < codebook_.dsub(); ++t) sum += (y[t] - c[t]) * (x[t] * inverse_[i]);
        return sum;
    }

    // Leaves in along_ what the other pieces have.
    void choose(std::size_t i, std::size_t m, CentroidEquations* equations) {
        const float *y = piece(values_, i, m), *x = piece(rows_, i, m);
        PieceErrors errors;
        errors.set(codebook_, m, y, x, inverse_[i]);
        along_[i] -= along(i, m);
        const std::size_t code = errors.best(along_[i], float(weight_));
        codes(i)[m] = std::uint8_t(code);
        equations[code].add(y, x, inverse_[i], std::isfinite(along_[i]) ? along_[i] : 0.F, weight_);
    }

    MatrixView values_, rows_;  // [n, d]: the encoded vectors, and the rows along which errors count
    Pq4Codebook& codebook_;
    const Executor& executor_;
    double weight_;
    std::vector<std::uint8_t> codes_;     // [n, M]
    std::vector<float> inverse_, along_;  // [n] 1 / |row|; the error along it
};

}  // namespace detail

/// Refines a trained codebook (train_codebook.hpp) on values [n, d], which are rows [n, d] or their residuals, spread over the
/// executor. Cost: 10 rounds of 32 n d + n d d / M multiply-adds; memory: (M + 8 + (d / M)^2 / 16) n bytes, for 32,768 rows 34 MB
/// at d / M = 128, the largest accepted. The same bits for any executor. Errors: cancelled.
inline Status train_score_aware(MatrixView values, MatrixView rows, Pq4Codebook& codebook, const Resources& resources) {
    constexpr std::size_t kRounds = 10;
    const std::size_t steps = kRounds * codebook.m();
    detail::ScoreAwareTrainer trainer(values, rows, codebook, resources.executor);
    for (std::size_t step = 0; step < steps; ++step) {
        LUTRA_TRY(resources.progress.report("train: score-aware codebook", step, steps));
        trainer.improve(step % codebook.m());
    }
    codebook.find_far();
    return resources.progress.report("train: score-aware codebook", steps, steps);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
