// lutra/embedding/blend.hpp: blends each query with a weighted mean of its neighbours, for audio threads.
// SPDX-License-Identifier: MIT
//
//   out = rate * sum_j w_j x_j / sum_j w_j + (1 - rate) * q,    w_j = 1 / score_j^2
//
// Voice conversion (RVC) does this to every frame. The score is the squared L2 distance, so a neighbour's weight falls with the
// fourth power of its distance; BlendWeight::inverse_score is the other reading, 1 / distance^2. Main path: Blender::make() -> a
// direct map and memory;  operator() -> search -> mix() for each row.
#pragma once
#include <lutra/core/concepts.hpp>
#include <lutra/core/guarded.hpp>
#include <lutra/core/hits.hpp>
#include <lutra/core/validate.hpp>
#include <lutra/core/warm.hpp>
#include <lutra/core/workspace.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

enum class BlendWeight {
    inverse_square_of_score,  ///< 1 / score^2 = 1 / distance^4, as RVC does
    inverse_score             ///< 1 / score = 1 / distance^2
};

struct BlendConfig {
    std::size_t k = 8;   ///< neighbours, 1 or more
    float rate = 0.75F;  ///< share of the neighbours in the result, 0 to 1 (RVC's index_rate)
    BlendWeight weight = BlendWeight::inverse_square_of_score;
    std::size_t rows = 64;  ///< queries searched together; a larger call is searched in parts of this size
    SearchParams params{};  ///< nprobe, k_factor, ...
};

/// Blends queries with the vectors of an L2 index: the original vectors if the index keeps them (Flat, RFlat), else the decoded
/// ones. Makes no second copy of them.
///
/// Neighbours at distance 0 outweigh all others (several share alike). A query without neighbours, because of empty lists or a NaN,
/// stays as it is. operator() never throws, locks or allocates. One blender a thread; several may share an index.
/// The index must outlive it and may not change meanwhile: make() may change it, so make all blenders, or call make_direct_map(),
/// before threads share it.
template <SearchIndex I>
class Blender {
public:
    /// Makes the index's direct map, if it has none. Errors: bad_argument (k, rate, rows, an index by inner product), not_trained,
    /// unsupported (no direct map is possible).
    static Result<Blender> make(I& index, const BlendConfig& config) {
        return guarded("blend", [&]() -> Result<Blender> {
            LUTRA_TRY(check(index, config));
            LUTRA_TRY(index.make_direct_map());
            Blender blender(index, config);
            LUTRA_TRY(warm(*blender.workspace_, 1, index, config.rows, config.k, config.params));
            return blender;
        });
    }

    /// out [q.n, d]; may be q itself. Errors: bad_argument (q.d), those of search() and reconstruct().
    Status operator()(MatrixView q, float* out) noexcept {
        LUTRA_TRY(check_whole_rows("blend", q));
        Resources resources;
        resources.workspace = workspace_.get();
        for (std::size_t i0 = 0; i0 < q.n; i0 += config_.rows) {
            const MatrixView part = q.rows(i0, std::min(q.n, i0 + config_.rows));
            LUTRA_TRY(index_->search(part, config_.k, hits_.view(), config_.params, resources));
            for (std::size_t i = 0; i < part.n; ++i) LUTRA_TRY(mix(part.row(i), i, out + (i0 + i) * q.d));
        }
        return {};
    }

private:
    Blender(const I& index, const BlendConfig& config)
        : index_(&index),
          config_(config),
          workspace_(std::make_unique<Workspace>()),
          hits_(config.rows, config.k),
          row_(index.dim()),
          sum_(index.dim()) {}

    static Status check(const I& index, const BlendConfig& config) {
        if (config.k == 0 || config.rows == 0)
            return {Errc::bad_argument, "blend: k = {}, rows = {}; both must be at least 1", config.k, config.rows};
        if (!(config.rate >= 0 && config.rate <= 1))
            return {Errc::bad_argument, "blend: rate = {}; accepted: 0 (the query alone) to 1 (its neighbours alone)", config.rate};
        if (index.metric() != Metric::l2)
            return {Errc::bad_argument, "blend: the index compares by {}; weights are of L2 distances: build it with L2",
                    metric_name(index.metric())};
        return {};
    }

    // Relative to the weight of the nearest neighbour, which is 1: so the sum is neither 0 nor infinite.
    double weight(float score, float least) const {
        if (!(score > 0)) return 1;
        const double share = double(least) / double(score);
        return config_.weight == BlendWeight::inverse_score ? share : share * share;
    }

    Status mix(const float* q, std::size_t i, float* out) {
        const float* scores = hits_.distances.data() + i * config_.k;
        const Id* ids = hits_.ids.data() + i * config_.k;
        const float least = std::max(0.F, scores[0]);
        double total = 0;
        std::fill(sum_.begin(), sum_.end(), 0.0);
        for (std::size_t j = 0; j < config_.k && ids[j] != kNoId; ++j) {
            const double w = weight(scores[j], least);
            LUTRA_TRY(index_->reconstruct(ids[j], row_.data()));
            for (std::size_t t = 0; t < row_.size(); ++t) sum_[t] += w * double(row_[t]);
            total += w;
        }
        const double rate = total > 0 ? double(config_.rate) : 0;
        for (std::size_t t = 0; t < row_.size(); ++t) {
            const double mean = total > 0 ? sum_[t] / total : 0;
            out[t] = rate > 0 ? float(rate * mean + (1 - rate) * double(q[t])) : q[t];
        }
        return {};
    }

    const I* index_;
    BlendConfig config_;
    std::unique_ptr<Workspace> workspace_;
    Hits hits_;                // [rows, k]
    std::vector<float> row_;   // [d]
    std::vector<double> sum_;  // [d]
};

/// Blends queries in one call, without a Blender: out [q.n, d], which may be q itself. Makes the index's direct map if it has none:
/// call make_direct_map() before threads share it. Errors: those of Blender.
template <SearchIndex I>
Status search_and_blend(I& index, MatrixView q, std::size_t k, float rate, float* out, const SearchParams& params = {}) {
    BlendConfig config;
    config.k = k, config.rate = rate, config.params = params;
    Result<Blender<I>> blender = Blender<I>::make(index, config);
    LUTRA_TRY(blender.status());
    return (*blender)(q, out);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
