// lutra/kernels/byte_code.hpp: 8-bit copies of rows and queries with a proven bound, so that bytes can rule out what is not near.
// SPDX-License-Identifier: MIT
//
//   x' = row less the origin = s c + e,  c in -127 .. 127, e what is lost      q' likewise = s_q g + e_q; L2: less the origin, too
//   |q'.x' - s_q s (g.c)|  <=  |q'||e| + |e_q||s c|        (Cauchy and Schwarz)
//
// so a row can only score at or below a threshold T if
//
//   L2       |x'|^2 + |q'|^2 - 2 s_q s (g.c) - 2 |q'||e| - 2 |e_q||s c| - slack  <=  T
//   product  - q.origin - s_q s (g.c) - |q||e| - |e_q||s c| - slack  <=  T
//
// Divided by s, with all that depends on the row alone in three numbers, this is the comparison of byte_scan.hpp:
//
//   base = (|x'|^2 - slack) / s, or -slack / s        unit = 1 / s
//   width = |e| / s + |c| / 128, for products also a share of (|x| + |origin|) / s
//   factor = 2 s_q, or s_q       reach = 2 |q'|, or |q|; times 128 |e_q| / |q'| where that is above 1
//   threshold = T - |q'|^2 + slack, or T + q.origin + slack
//
// The slack of a row and that of a query are shares of their squared lengths: they bound the rounding of exact scores, which is
// that of sums of d terms, and of the comparison, a few dozen roundings of numbers no larger than the sum of both squared lengths.
// Where T is larger than that by a factor the comparison holds by a margin, whatever is rounded. The numbers of a product are no
// larger than |q| (|x| + |origin|): their share is in `width`, and slack is for tiny numbers only. A row too long for this has base
// = -infinity, unit = width = 0.
//
// Whole rows: if every component of every row is one of 0, 1 .. 255, then x' = x - 128 = c, nothing is lost, and unit and width are
// 1. With q' = q - 128 for either metric:
//
//   L2       |c|^2 - 2 q'.c + |q'|^2          base = |c|^2
//   product  -128 sum(c) - q'.c - 128 sum(q)  base = -128 sum(c)
//
// If the query is whole as well, and d <= 256, all of this is in integers below 2^24, and so is every sum of the exact score: it is
// base - factor * dot - shift, bit for bit.
#pragma once
#include <lutra/core/types.hpp>
#include <lutra/core/workspace.hpp>
#include <lutra/kernels/byte_scan.hpp>
#include <lutra/kernels/row_store.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

/// A vector in bytes: its scale, and the norms that the bound needs.
struct Coded {
    float scale = 0;
    float norm = 0;        // |scale * code|
    float error = 0;       // |vector - scale * code|
    std::int32_t sum = 0;  // of the codes
};

/// The sum of term(t) for t < d, in eight lanes, as compilers vectorise it.
template <class Term>
double sum_in_double(std::size_t d, Term&& term) {
    constexpr std::size_t kLanes = 8;
    double sums[kLanes] = {};
    std::size_t t = 0;
    for (; t + kLanes <= d; t += kLanes)
        for (std::size_t i = 0; i < kLanes; ++i) sums[i] += term(t + i);
    for (std::size_t i = 0; t < d; ++t, ++i) sums[i] += term(t);
    return (sums[0] + sums[1] + (sums[2] + sums[3])) + (sums[4] + sums[5] + (sums[6] + sums[7]));
}

inline double squared_length(const float* x, std::size_t d) {
    return sum_in_double(d, [x](std::size_t t) { return double(x[t]) * double(x[t]); });
}

inline double product(const float* x, const float* y, std::size_t d) {
    return sum_in_double(d, [x, y](std::size_t t) { return double(x[t]) * double(y[t]); });
}

inline float above(double x) { return float(x * (1 + 1e-6)); }

/// Codes of x [d] in -127 .. 127.
inline Coded encode_bytes(const float* x, std::size_t d, std::int8_t* codes) {
    constexpr float kLeast = 1e-30F;  // so that 1 / scale is finite
    std::int32_t largest = 0;         // floats without a sign are ordered as their bits, which compilers vectorise
    for (std::size_t t = 0; t < d; ++t) largest = std::max(largest, std::bit_cast<std::int32_t>(std::abs(x[t])));
    Coded coded;
    coded.scale = std::max(std::bit_cast<float>(largest) / 127, kLeast);
    const float inverse = 1 / coded.scale;
    for (std::size_t t = 0; t < d; ++t) {
        const float scaled = x[t] * inverse;  // at most a little above 127, and halves away from 0 lose no more than others
        codes[t] = std::int8_t(std::clamp(std::int32_t(scaled + (scaled < 0 ? -0.5F : 0.5F)), -127, 127));
    }
    for (std::size_t t = 0; t < d; ++t) coded.sum += codes[t];
    const auto value = [&](std::size_t t) { return double(coded.scale) * double(codes[t]); };
    const auto miss = [&](std::size_t t) { return double(x[t]) - value(t); };
    coded.norm = above(std::sqrt(sum_in_double(d, [&](std::size_t t) { return value(t) * value(t); })));
    coded.error = above(std::sqrt(sum_in_double(d, [&](std::size_t t) { return miss(t) * miss(t); })));
    return coded;
}

/// Bounds the rounding of a score and of the comparison: this share of |query|^2 + |row|^2, and what tiny numbers lose.
inline double byte_slack(double squared, std::size_t d) { return (squared * 0x1p-22 + 1e-36) * (double(d) / 4 + 64); }
inline double byte_share(std::size_t d) { return 0x1p-22 * (double(d) / 4 + 64); }

/// codes [padded] become those of row j of a group; four columns stand together.
inline void put_byte_row(const std::int8_t* codes, std::size_t padded, std::byte* group, std::size_t j) {
    for (std::size_t t = 0; t < padded; t += kByteColumns) {
        std::uint32_t four;
        std::memcpy(&four, codes + t, sizeof four);
        four ^= 0x80808080;  // kByteZero is added to each
        std::memcpy(group + byte_offset(j, t), &four, sizeof four);
    }
}

inline constexpr double kLongestForBytes = 1e30;  // of squared lengths

}  // namespace detail

inline constexpr std::size_t kMostByteColumns = 65536;  ///< sums have 32 bits

/// A query that has been prepared. `exact`: scores follow from dots.
struct ByteTarget {
    const float* row = nullptr;  // [d]
    ByteQuery query;             // but for the threshold
    double shift = 0;            // added to a threshold
    bool usable = false;         // false: not finite, too long, or bytes would lose too much: nothing is said about it
    bool exact = false;

    ByteQuery at(float threshold) const {
        ByteQuery q = query;
        constexpr double kMost = double(std::numeric_limits<float>::max());  // infinity times a unit of 0 is not a number
        q.threshold = float(std::clamp(double(threshold) + shift, -kMost, kMost));
        return q;
    }
    float score(float base, std::int32_t dot) const { return float(double(base) - double(query.factor) * dot - shift); }
};

/// How rows [d] of an index become bytes, and queries for them. Const calls are thread-safe.
class ByteCode {
public:
    ByteCode() = default;
    /// Of whole rows.
    ByteCode(Metric metric, std::size_t d) : metric_(metric), d_(d), whole_(true), origin_(d, float(kByteZero)) {}
    /// Of any rows, less this origin [d].
    ByteCode(Metric metric, std::vector<float> origin)
        : metric_(metric),
          d_(origin.size()),
          origin_(std::move(origin)),
          origin_squared_(detail::squared_length(origin_.data(), d_)) {}

    bool operator==(const ByteCode&) const = default;
    bool whole() const { return whole_; }
    float base(const std::byte* group, std::size_t j) const {
        return reinterpret_cast<const float*>(group + kByteGroup * padded())[j];
    }
    std::size_t padded() const { return round_up(d_, kByteColumns); }
    /// Bytes of a group: codes, and the numbers of its rows.
    std::size_t group_bytes() const {
        return kByteGroup * padded() + (whole_ ? ByteTerms<true>::kBytes : ByteTerms<false>::kBytes);
    }

    /// Room for a row less the origin, and for its codes.
    struct Scratch {
        std::vector<float> row;
        std::vector<std::int8_t> codes;
    };
    Scratch scratch() const { return {std::vector<float>(d_), std::vector<std::int8_t>(padded(), std::int8_t{0})}; }

    /// Makes `row` number j of a group.
    void set_row(const float* row, std::byte* group, std::size_t j, Scratch& scratch) const {
        for (std::size_t t = 0; t < d_; ++t) scratch.row[t] = row[t] - origin_[t];
        whole_ ? set_whole_row(scratch, group, j) : set_any_row(row, scratch, group, j);
    }

    /// Row j of a group of whole rows.
    void decode_whole(const std::byte* group, std::size_t j, float* row) const {
        const auto* codes = reinterpret_cast<const std::uint8_t*>(group);
        for (std::size_t t = 0; t < d_; ++t) row[t] = float(codes[byte_offset(j, t)]);
    }

    void copy(const std::byte* from, std::size_t i, std::byte* to, std::size_t j) const {
        for (std::size_t t = 0; t < padded(); t += kByteColumns)
            std::memcpy(to + byte_offset(j, t), from + byte_offset(i, t), kByteColumns);
        for (std::size_t term = kByteGroup * padded(); term < group_bytes(); term += kByteGroup * sizeof(float))
            std::memcpy(to + term + j * sizeof(float), from + term + i * sizeof(float), sizeof(float));
    }

    /// q [d] in bytes of the arena.
    ByteTarget target(const float* q, Arena& arena) const {
        ByteTarget target;
        target.row = q;
        const double squared = detail::squared_length(q, d_);
        if (!(squared < detail::kLongestForBytes)) return target;
        const auto codes = arena.take<std::int8_t>(padded());
        std::fill(codes.begin() + std::ptrdiff_t(d_), codes.end(), std::int8_t{0});
        target.query.codes.codes = codes.data();
        target.usable = whole_ ? aim_at_whole(q, codes.data(), target, arena) : aim_at_any(q, squared, codes.data(), target, arena);
        return target;
    }

private:
    static constexpr double kRatio = 1. / 128;  // of |e_q| to |q'|, in `width`
    static constexpr std::size_t kExactColumns = 256;
    // Less 128, a query of small numbers is coded in steps of about 1: where that loses an eighth of it, products rule out little.
    static constexpr double kLeastGain = 8;

    float* terms(std::byte* group) const { return reinterpret_cast<float*>(group + kByteGroup * padded()); }

    void set_whole_row(Scratch& scratch, std::byte* group, std::size_t j) const {
        std::int8_t* const codes = scratch.codes.data();
        std::int64_t squared = 0, sum = 0;
        for (std::size_t t = 0; t < d_; ++t) codes[t] = std::int8_t(std::int32_t(scratch.row[t]));
        for (std::size_t t = 0; t < d_; ++t) squared += std::int32_t(codes[t]) * std::int32_t(codes[t]), sum += codes[t];
        detail::put_byte_row(codes, padded(), group, j);
        terms(group)[j] = metric_ == Metric::l2 ? float(squared) : -float(kByteZero * sum);
    }

    // A row too long for bytes may always be near.
    void set_any_row(const float* row, Scratch& scratch, std::byte* group, std::size_t j) const {
        const float* const centred = scratch.row.data();
        std::int8_t* const codes = scratch.codes.data();
        float base = -std::numeric_limits<float>::infinity(), unit = 0, width = 0;
        const double squared = detail::squared_length(row, d_), length = detail::squared_length(centred, d_);
        std::fill_n(codes, d_, std::int8_t{0});
        if (squared < detail::kLongestForBytes && length < detail::kLongestForBytes) {
            const detail::Coded coded = detail::encode_bytes(centred, d_, codes);
            const double scale = double(coded.scale);
            const bool l2 = metric_ == Metric::l2;
            const double rounding = l2 ? 0 : detail::byte_share(d_) * (std::sqrt(squared) + std::sqrt(origin_squared_));
            base = float(((l2 ? length : 0) - detail::byte_slack(l2 ? length : 0, d_)) / scale);
            unit = float(1 / scale);
            width = detail::above((double(coded.error) + kRatio * double(coded.norm) + rounding) / scale);
        }
        detail::put_byte_row(codes, padded(), group, j);
        float* const at = terms(group) + j;
        at[0] = base, at[kByteGroup] = unit, at[2 * kByteGroup] = width;
    }

    // The part of q [d] that is lost is e_q; returns its length.
    float set_codes(const float* q, std::int8_t* codes, ByteTarget& target) const {
        const detail::Coded coded = detail::encode_bytes(q, d_, codes);
        target.query.factor = (metric_ == Metric::l2 ? 2.F : 1.F) * coded.scale;
        target.query.codes.bias = kByteZero * coded.sum;
        return coded.error;
    }

    bool aim_at_any(const float* q, double squared, std::int8_t* codes, ByteTarget& target, Arena& arena) const {
        const Arena::Frame frame(arena);
        const bool l2 = metric_ == Metric::l2;
        const auto x = arena.take<float>(d_);
        for (std::size_t t = 0; t < d_; ++t) x[t] = l2 ? q[t] - origin_[t] : q[t];
        const double length = l2 ? detail::squared_length(x.data(), d_) : squared, norm = std::sqrt(length);
        if (!(length < detail::kLongestForBytes)) return false;
        const float error = set_codes(x.data(), codes, target);
        target.query.reach = detail::above((l2 ? 2 : 1) * std::max(norm, double(error) / kRatio));
        target.shift = (l2 ? -length : detail::product(q, origin_.data(), d_)) + detail::byte_slack(l2 ? length : 0, d_);
        return true;
    }

    bool aim_at_whole(const float* q, std::int8_t* codes, ByteTarget& target, Arena& arena) const {
        const Arena::Frame frame(arena);
        const bool l2 = metric_ == Metric::l2;
        const auto x = arena.take<float>(d_);
        double sum = 0;
        for (std::size_t t = 0; t < d_; ++t) x[t] = q[t] - float(kByteZero), sum += double(q[t]);
        const double length = detail::squared_length(x.data(), d_), longest = 128. * 128. * double(d_);
        target.shift = l2 ? -length : double(kByteZero) * sum;
        const bool whole = are_whole(q, d_);
        target.exact = whole && d_ <= kExactColumns;
        if (whole) {
            for (std::size_t t = 0; t < d_; ++t) codes[t] = std::int8_t(x[t]), target.query.codes.bias += codes[t];
            target.query.codes.bias *= kByteZero;
            target.query.factor = l2 ? 2.F : 1.F;
        } else {
            const double error = double(set_codes(x.data(), codes, target)), lost = error * kLeastGain;
            if (!l2 && lost * lost > detail::squared_length(q, d_)) return false;
            target.query.reach = detail::above((l2 ? 2 : 1) * error * std::sqrt(longest));
        }
        if (!target.exact) target.shift += detail::byte_slack(4 * longest + detail::squared_length(q, d_), d_);
        return true;
    }

    Metric metric_ = Metric::l2;
    std::size_t d_ = 0;
    bool whole_ = false;
    std::vector<float> origin_;  // [d]
    double origin_squared_ = 0;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
