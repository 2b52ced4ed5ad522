// lutra/kernels/byte_rows.hpp: 8-bit copies of rows with a proven error bound, to rule out rows that cannot be near.
// SPDX-License-Identifier: MIT
//
// The bound is that of byte_code.hpp, from above and from below: the k-th smallest upper bound of a score is a threshold. The
// origin is the median. The speed of a lone query is that of reading the rows it compares, and bytes are a quarter of them. Rows
// that may be near are compared exactly, so the result is that of comparing all.
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/core/bisect.hpp>
#include <lutra/core/order_key.hpp>
#include <lutra/core/types.hpp>
#include <lutra/core/workspace.hpp>
#include <lutra/kernels/byte_code.hpp>
#include <lutra/kernels/centroids.hpp>
#include <lutra/kernels/distance.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Rows [n, d] in d + 20 bytes each, n rounded up to 16. Const calls are thread-safe.
class ByteRows {
public:
    /// True if this build has an instruction for products of bytes; without one it costs more than it saves.
    static constexpr bool kFast = !std::is_same_v<BestBytes, scalar>;
    static constexpr std::size_t kMaxQueries = 4;  ///< larger batches are faster by comparing all rows in a matrix product

    ByteRows() = default;
    /// Empty if d > 65,536 (sums have 32 bits), or if a row is not finite or so long that its square may overflow.
    ByteRows(const float* rows, std::size_t n, std::size_t d, Metric metric)
        : n_(n),
          d_(d),
          padded_(round_up(d, kByteColumns)),
          metric_(metric),
          origin_(d),
          codes_(round_up(n, kByteGroup) * padded_, std::byte{kByteZero}),
          scratch_(d),
          coded_(padded_),
          scales_(n),
          norms_(n),
          errors_(n),
          scores_(n),
          slacks_(n) {
        if (d > kMostByteColumns) n_ = 0;
        for (std::size_t j = 0; j < n_; ++j)
            if (!(detail::squared_length(rows + j * d, d) < detail::kLongestForBytes)) n_ = 0;
        if (n_ == 0) return;
        column_medians(rows, n, d, origin_.data());
        for (std::size_t j = 0; j < n; ++j) set_row(j, rows + j * d);
    }

    bool empty() const { return n_ == 0; }

    /// Replaces row j. Cannot fail; a row too long for bytes may always be near.
    void set_row(std::size_t j, const float* row) {
        scales_[j] = norms_[j] = errors_[j] = scores_[j] = 0;
        slacks_[j] = std::numeric_limits<float>::infinity();
        const double squared = detail::squared_length(row, d_);
        if (!(squared < detail::kLongestForBytes)) return;
        for (std::size_t t = 0; t < d_; ++t) scratch_[t] = row[t] - origin_[t];
        const detail::Coded coded = detail::encode_bytes(scratch_.data(), d_, coded_.data());
        std::byte* const group = codes_.data() + j / kByteGroup * kByteGroup * padded_;
        detail::put_byte_row(coded_.data(), padded_, group, j % kByteGroup);
        const double length = detail::squared_length(scratch_.data(), d_);
        scales_[j] = coded.scale, norms_[j] = coded.norm, errors_[j] = coded.error;
        scores_[j] = metric_ == Metric::l2 ? float(length) : 0.F;
        slacks_[j] = slack(metric_ == Metric::l2 ? length : squared + detail::squared_length(origin_.data(), d_));
    }

    /// Finds all rows that may be among the k nearest of q [d]: their numbers, rising, into found, which has room for n + 1;
    /// returns how many. 0: the bound does not hold, as the query is not finite or too long. Needs: 1 <= k <= n.
    std::size_t may_be_near(const float* q, std::size_t k, std::uint32_t* found, Arena& arena) const {
        const Arena::Frame frame(arena);
        const auto codes = arena.take<std::int8_t>(padded_);
        const ByteGroups groups{codes_.data(), (n_ + kByteGroup - 1) / kByteGroup, kByteGroup * padded_, padded_};
        const auto dots = arena.take<std::int32_t>(groups.n * kByteGroup);
        const auto least = arena.take<std::int32_t>(n_), most = arena.take<std::int32_t>(n_);
        const Query asked = quantize(q, codes.data(), arena);
        if (!asked.usable) return 0;
        byte_dots(BestBytes{}, {codes.data(), kByteZero * asked.coded.sum}, groups, dots.data());
        find_bounds(asked, dots.data(), least.data(), most.data());
        const std::int32_t limit = kth_least(most, k).key;
        std::size_t n = 0;
        for (std::size_t j = 0; j < n_; ++j) found[n] = std::uint32_t(j), n += least[j] <= limit;
        return n;
    }

private:
    struct Query {
        detail::Coded coded;
        float norm = 0, slack = 0;
        bool usable = false;
    };

    // Keys of the lower and upper bound of each row's score. One loop over arrays, which compilers vectorise.
    void find_bounds(const Query& q, const std::int32_t* dots, std::int32_t* least, std::int32_t* most) const {
        const float factor = metric_ == Metric::l2 ? -2.F : -1.F, scale = q.coded.scale, error = q.coded.error;
        const float *const scales = scales_.data(), *const norms = norms_.data(), *const errors = errors_.data();
        const float *const scores = scores_.data(), *const slacks = slacks_.data();
        for (std::size_t j = 0; j < n_; ++j) {
            const float product = scale * scales[j] * float(dots[j]);
            const float score = factor * product + scores[j];
            const float off = -factor * (q.norm * errors[j] + error * norms[j]) + q.slack + slacks[j];
            least[j] = order_key(score - off), most[j] = order_key(score + off);
        }
    }
    float slack(double squared) const { return float(detail::byte_slack(squared, d_)); }

    Query quantize(const float* q, std::int8_t* codes, Arena& arena) const {
        if (!(detail::squared_length(q, d_) < detail::kLongestForBytes)) return {};
        const Arena::Frame frame(arena);
        const auto x = arena.take<float>(d_);
        for (std::size_t t = 0; t < d_; ++t) x[t] = metric_ == Metric::l2 ? q[t] - origin_[t] : q[t];
        const double length = detail::squared_length(x.data(), d_);
        std::fill(codes + d_, codes + padded_, std::int8_t{0});
        return {detail::encode_bytes(x.data(), d_, codes), detail::above(std::sqrt(length)), slack(length), true};
    }

    std::size_t n_ = 0, d_ = 0, padded_ = 0;
    Metric metric_ = Metric::l2;
    std::vector<float> origin_;       // [d]
    AlignedVector<std::byte> codes_;  // groups of 16 rows: byte_dots.hpp
    std::vector<float> scratch_;      // [d], of set_row()
    std::vector<std::int8_t> coded_;  // [padded], the same
    // [n] each: of Coded, and of rows |row - origin|^2 for L2, 0 for inner product, and what rounding may add
    AlignedVector<float> scales_, norms_, errors_, scores_, slacks_;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
