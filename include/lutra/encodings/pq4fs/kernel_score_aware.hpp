// lutra/encodings/pq4fs/kernel_score_aware.hpp: score-aware codes (score_aware.hpp) of sixteen rows at a time.
// SPDX-License-Identifier: MIT
// Main path: score_aware_rows(), score_aware_residuals() -> ScoreAwareLanes::encode(): ScoreAwareEncoder with a row in each lane.
// The choice of a piece depends on the piece before, but rows do not depend on each other.
#pragma once
#include <lutra/encodings/pq4fs/encode.hpp>
#include <lutra/encodings/pq4fs/score_aware.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG::detail {

#if !defined(LUTRA_SCALAR_ONLY)
/// The codes of ScoreAwareEncoder, bit for bit.
template <class Arch>
class ScoreAwareLanes {
    using B = simd::Floats<Arch>;
    static constexpr std::size_t kLanes = kEncodeLanes, kVectors = kLanes / B::size;

public:
    explicit ScoreAwareLanes(const Pq4Codebook& codebook)
        : codebook_(codebook),
          weight_(float(score_aware_weight(codebook.dim()))),
          values_(codebook.dim() * kLanes),
          rows_(values_.size()),
          squared_(codebook.m() * kPq4Centroids * kLanes),
          along_(squared_.size()),
          chosen_(codebook.m() * kLanes),
          codes_(chosen_.size()),
          done_(chosen_.size()) {}

    /// Codes [16, M] of 16 values [d], which are rows [d] or their residuals. Cost: as ScoreAwareEncoder, with as many rounds as
    /// the slowest row of a register takes. The result lives until the next call.
    const std::uint8_t* encode(const float* const* values, const float* const* rows) {
        transpose_rows(values, nullptr, codebook_.dim(), values_.data());
        transpose_rows(rows, nullptr, codebook_.dim(), rows_.data());
        alignas(64) float inverse[kLanes];
        for (std::size_t l = 0; l < kLanes; ++l) inverse[l] = inverse_norm(rows[l], codebook_.dim());
        B along[kVectors];
        for (std::size_t v = 0; v < kVectors; ++v) {
            along[v] = B(0.F);
            for (std::size_t m = 0; m < codebook_.m(); ++m) {
                set_errors(m, v, B::load_aligned(inverse + v * B::size));
                choose(m, v, B(0.F), B(0.F));
                along[v] = along[v] + B::load_aligned(chosen_.data() + m * kLanes + v * B::size);
            }
        }
        improve(along);
        return done_.data();
    }

private:
    static constexpr std::uint32_t kAll = (1U << B::size) - 1;

    // Round by round. A row is done after the first round that changes none of its codes; later changes in its lane are ignored.
    void improve(B* along) {
        std::uint32_t open[kVectors];
        std::fill_n(open, kVectors, kAll);
        for (std::size_t round = 0; round < ScoreAwareEncoder::kRounds; ++round) {
            std::uint32_t changed[kVectors] = {}, any = 0;
            for (std::size_t m = 0; m < codebook_.m(); ++m)
                for (std::size_t v = 0; v < kVectors; ++v)
                    if (open[v] != 0) changed[v] |= step(m, v, along[v]);
            const bool last = round + 1 == ScoreAwareEncoder::kRounds;
            for (std::size_t v = 0; v < kVectors; ++v) {
                keep(v, last ? open[v] : open[v] & ~changed[v]);
                open[v] &= changed[v], any |= open[v];
            }
            if (any == 0) return;
        }
    }

    // Bit i: the piece of row i has changed.
    std::uint32_t step(std::size_t m, std::size_t v, B& along) {
        float *chosen = chosen_.data() + m * kLanes + v * B::size, *codes = codes_.data() + m * kLanes + v * B::size;
        const B before = B::load_aligned(codes), rest = along - B::load_aligned(chosen);
        choose(m, v, rest, B(weight_));
        along = rest + B::load_aligned(chosen);
        return simd::bits<Arch>(B::load_aligned(codes) != before);
    }

    // PieceErrors::set().
    void set_errors(std::size_t m, std::size_t v, const B& inverse) {
        const std::size_t first = m * codebook_.dsub() * kLanes + v * B::size;
        const float *y = values_.data() + first, *x = rows_.data() + first;
        for (std::size_t c = 0; c < kPq4Centroids; ++c) {
            B squared(0.F), along(0.F);
            for (std::size_t t = 0; t < codebook_.dsub(); ++t) {
                const B error = B::load_aligned(y + t * kLanes) - B(codebook_.centroid(m, c)[t]);
                squared = simd::fma(error, error, squared);
                along = simd::fma(error, B::load_aligned(x + t * kLanes) * inverse, along);
            }
            squared.store_aligned(squared_.data() + (m * kPq4Centroids + c) * kLanes + v * B::size);
            along.store_aligned(along_.data() + (m * kPq4Centroids + c) * kLanes + v * B::size);
        }
    }

    // PieceErrors::best(), into codes_, and its error along the row into chosen_.
    void choose(std::size_t m, std::size_t v, const B& rest, const B& weight) {
        const std::size_t at = m * kPq4Centroids * kLanes + v * B::size;
        const float *squared = squared_.data() + at, *along = along_.data() + at;
        B least(std::numeric_limits<float>::infinity()), code(0.F), chosen = B::load_aligned(along);
        LUTRA_UNROLL for (std::size_t c = 0; c < kPq4Centroids; ++c) {
            const B one = B::load_aligned(along + c * kLanes), all = rest + one;
            const B loss = simd::fma(weight, all * all, B::load_aligned(squared + c * kLanes));
            const auto less = loss < least;
            least = xsimd::select(less, loss, least);
            code = xsimd::select(less, B(float(c)), code);
            chosen = xsimd::select(less, one, chosen);
        }
        code.store_aligned(codes_.data() + m * kLanes + v * B::size);
        chosen.store_aligned(chosen_.data() + m * kLanes + v * B::size);
    }

    void keep(std::size_t v, std::uint32_t rows) {
        for (std::size_t l = v * B::size; rows != 0; ++l, rows >>= 1)
            for (std::size_t m = 0; (rows & 1) != 0 && m < codebook_.m(); ++m)
                done_[l * codebook_.m() + m] = std::uint8_t(codes_[m * kLanes + l]);
    }

    const Pq4Codebook& codebook_;
    float weight_;
    AlignedVector<float> values_, rows_;    // [d, 16]
    AlignedVector<float> squared_, along_;  // [M, 16 centroids, 16]
    AlignedVector<float> chosen_, codes_;   // [M, 16]: of along_, what belongs to the codes; the codes
    std::vector<std::uint8_t> done_;        // [16, M]
};
#endif

/// Calls set(i, codes) with the codes [M] of each of values [n], which are rows [n] or their residuals: pointers to d floats. A
/// rest of fewer than four is encoded one by one, which is then faster.
template <class Set>
void score_aware_rows(const Pq4Codebook& codebook, std::span<const float* const> values, std::span<const float* const> rows,
                      Set&& set) {
    std::size_t i = 0;
#if !defined(LUTRA_SCALAR_ONLY)
    if (rows.size() >= 4) {
        ScoreAwareLanes<best> lanes(codebook);
        for (; i + 4 <= rows.size(); i = std::min(i + kEncodeLanes, rows.size())) {
            const float *group[kEncodeLanes], *group_rows[kEncodeLanes];
            for (std::size_t l = 0; l < kEncodeLanes; ++l) {
                const std::size_t at = std::min(i + l, rows.size() - 1);
                group[l] = values[at], group_rows[l] = rows[at];
            }
            const std::uint8_t* codes = lanes.encode(group, group_rows);
            for (std::size_t l = 0; l < kEncodeLanes && i + l < rows.size(); ++l) set(i + l, codes + l * codebook.m());
        }
    }
#endif
    ScoreAwareEncoder one(codebook);
    for (; i < rows.size(); ++i) set(i, one.encode(values[i], rows[i]).data());
}

/// The same of rows less one centroid [d], some at a time.
template <class Set>
void score_aware_residuals(const Pq4Codebook& codebook, std::span<const float* const> rows, const float* centroid, Set&& set) {
    constexpr std::size_t kGroup = 256;
    const std::size_t d = codebook.dim();
    std::vector<float> residuals(std::min(kGroup, rows.size()) * d);
    std::vector<const float*> values;
    for (std::size_t i = 0; i < rows.size(); i += kGroup) {
        const auto group = rows.subspan(i, std::min(kGroup, rows.size() - i));
        values.clear();
        for (std::size_t j = 0; j < group.size(); ++j) {
            float* y = residuals.data() + j * d;
            std::transform(group[j], group[j] + d, centroid, y, std::minus<>());
            values.push_back(y);
        }
        score_aware_rows(codebook, values, group, [&](std::size_t j, const std::uint8_t* codes) { set(i + j, codes); });
    }
}

}  // namespace lutra::inline LUTRA_ABI_TAG::detail
