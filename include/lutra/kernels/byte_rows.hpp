// lutra/kernels/byte_rows.hpp: 8-bit copies of rows with a proven error bound, to rule out rows that cannot be near.
// SPDX-License-Identifier: MIT
//
//   row less the origin = scale * code + error, code in -127 .. 127; the query the same way (L2). The origin is the median
//   |query . row - scale * scale * (code . code)| <= |query| |error of row| + |error of query| |scale * code of row|
//
// The speed of a lone query is that of reading the rows it compares, and bytes are a quarter of them. Rows that may be near by this
// bound are compared exactly, so the result is that of comparing all. Source of the bound: Cauchy and Schwarz.
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/core/bisect.hpp>
#include <lutra/core/order_key.hpp>
#include <lutra/core/types.hpp>
#include <lutra/core/workspace.hpp>
#include <lutra/kernels/byte_dots.hpp>
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

/// Rows [n, d] in d + 24 bytes each, n rounded up to 16. Const calls are thread-safe.
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
          codes_(round_up(n, kByteGroup) * padded_, std::int8_t{0}),
          scales_(n),
          norms_(n),
          errors_(n),
          scores_(n),
          slacks_(n),
          sums_(n) {
        if (d > kMostColumns) n_ = 0;
        for (std::size_t j = 0; j < n_; ++j)
            if (!(squared(rows + j * d, d) < kLongest)) n_ = 0;
        if (n_ == 0) return;
        column_medians(rows, n, d, origin_.data());
        for (std::size_t j = 0; j < n; ++j) set_row(j, rows + j * d);
    }

    bool empty() const { return n_ == 0; }

    /// Replaces row j. Cannot fail; a row too long for bytes may always be near.
    void set_row(std::size_t j, const float* row) {
        scales_[j] = norms_[j] = errors_[j] = scores_[j] = 0, sums_[j] = 0;
        slacks_[j] = std::numeric_limits<float>::infinity();
        if (!(squared(row, d_) < kLongest)) return;
        const auto centred = [&](std::size_t t) { return row[t] - origin_[t]; };
        const auto put = [&](std::size_t c, std::int32_t code) { codes_[byte_offset(j, c, padded_)] = std::int8_t(code); };
        const Coded coded = encode(centred, put);
        const double length = squared_length(centred, d_);
        scales_[j] = coded.scale, norms_[j] = coded.norm, errors_[j] = coded.error, sums_[j] = coded.sum;
        scores_[j] = metric_ == Metric::l2 ? float(length) : 0.F;
        slacks_[j] = slack(metric_ == Metric::l2 ? length : squared(row, d_) + squared(origin_.data(), d_));
    }

    /// Finds all rows that may be among the k nearest of q [d]: their numbers, rising, into found, which has room for n + 1;
    /// returns how many. 0: the bound does not hold, as the query is not finite or too long. Needs: 1 <= k <= n.
    std::size_t may_be_near(const float* q, std::size_t k, std::uint32_t* found, Arena& arena) const {
        const Arena::Frame frame(arena);
        const auto query = arena.take<std::uint8_t>(padded_);
        const std::size_t groups = (n_ + kByteGroup - 1) / kByteGroup;
        const auto dots = arena.take<std::int32_t>(groups * kByteGroup);
        const auto least = arena.take<std::int32_t>(n_), most = arena.take<std::int32_t>(n_);
        const Query asked = quantize(q, query.data(), arena);
        if (!asked.usable) return 0;
        byte_dots(BestBytes{}, query.data(), codes_.data(), groups, padded_, dots.data());
        find_bounds(asked, dots.data(), least.data(), most.data());
        const std::int32_t limit = kth_least(most, k).key;
        std::size_t n = 0;
        for (std::size_t j = 0; j < n_; ++j) found[n] = std::uint32_t(j), n += least[j] <= limit;
        return n;
    }

private:
    static constexpr double kLongest = 1e30;  // of squared lengths
    static constexpr std::size_t kMostColumns = 65536;
    /// A vector in bytes: its scale, and the norms that the bound needs.
    struct Coded {
        float scale = 0;
        float norm = 0;        // |scale * code|
        float error = 0;       // |vector - scale * code|
        std::int32_t sum = 0;  // of the codes
    };
    struct Query {
        Coded coded;
        float norm = 0, slack = 0;
        bool usable = false;
    };

    // Keys of the lower and upper bound of each row's score. One loop over arrays, which compilers vectorise.
    void find_bounds(const Query& q, const std::int32_t* dots, std::int32_t* least, std::int32_t* most) const {
        const float factor = metric_ == Metric::l2 ? -2.F : -1.F, scale = q.coded.scale, error = q.coded.error;
        const float *const scales = scales_.data(), *const norms = norms_.data(), *const errors = errors_.data();
        const float *const scores = scores_.data(), *const slacks = slacks_.data();
        const std::int32_t* const sums = sums_.data();
        for (std::size_t j = 0; j < n_; ++j) {
            const float product = scale * scales[j] * float(dots[j] - kByteBias<BestBytes> * sums[j]);
            const float score = factor * product + scores[j];
            const float off = -factor * (q.norm * errors[j] + error * norms[j]) + q.slack + slacks[j];
            least[j] = order_key(score - off), most[j] = order_key(score + off);
        }
    }
    // Bounds the rounding of score_row() and of this class: a share of |query|^2 + |row|^2 (L2: less the origin), and what tiny
    // numbers lose.
    float slack(double squared) const { return float((squared * 0x1p-22 + 1e-36) * (double(d_) / 8 + 64)); }
    template <class X>
    static double squared_length(X&& x, std::size_t d) {
        double sum = 0;
        for (std::size_t t = 0; t < d; ++t) sum += double(x(t)) * double(x(t));
        return sum;
    }
    static double squared(const float* x, std::size_t d) {
        return squared_length([x](std::size_t t) { return x[t]; }, d);
    }
    static float up(double x) { return float(x * (1 + 1e-6)); }

    // put(t, code) for each component x(t).
    template <class X, class Put>
    Coded encode(X&& x, Put&& put) const {
        float largest = 0;
        for (std::size_t t = 0; t < d_; ++t) largest = std::max(largest, std::abs(x(t)));
        Coded coded;
        coded.scale = largest / 127;
        const float inverse = coded.scale > 0 ? 1 / coded.scale : 0.F;
        double norm = 0, error = 0;
        for (std::size_t t = 0; t < d_; ++t) {
            const auto code = std::int32_t(std::clamp(std::lrint(x(t) * inverse), -127L, 127L));
            const double value = double(coded.scale) * double(code), miss = double(x(t)) - value;
            norm += value * value, error += miss * miss, coded.sum += code;
            put(t, code);
        }
        coded.norm = up(std::sqrt(norm)), coded.error = up(std::sqrt(error));
        return coded;
    }

    Query quantize(const float* q, std::uint8_t* codes, Arena& arena) const {
        const double all = squared(q, d_);
        if (!(all < kLongest)) return {};
        const Arena::Frame frame(arena);
        const auto x = arena.take<float>(d_);
        for (std::size_t t = 0; t < d_; ++t) x[t] = metric_ == Metric::l2 ? q[t] - origin_[t] : q[t];
        const double length = squared(x.data(), d_);
        Query query{encode([&](std::size_t t) { return x[t]; },
                           [codes](std::size_t t, std::int32_t code) { codes[t] = std::uint8_t(code + kByteBias<BestBytes>); }),
                    up(std::sqrt(length)), slack(length), true};
        std::fill(codes + d_, codes + padded_, std::uint8_t{0});
        return query;
    }

    std::size_t n_ = 0, d_ = 0, padded_ = 0;
    Metric metric_ = Metric::l2;
    std::vector<float> origin_;         // [d]
    AlignedVector<std::int8_t> codes_;  // byte_offset()
    // [n] each: of Coded, and of rows |row - origin|^2 for L2, 0 for inner product, and what rounding may add
    AlignedVector<float> scales_, norms_, errors_, scores_, slacks_;
    AlignedVector<std::int32_t> sums_;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
