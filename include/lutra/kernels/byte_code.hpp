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
#include <lutra/kernels/byte_encode.hpp>
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
inline constexpr double kByteRatio = 1. / 128;    // of |e_q| to |q'|, in `width`

/// What is multiplied by a row's `width`: |q'| is at most the sum of both norms.
inline float byte_reach(const Coded& query) {
    return above(std::max(double(query.norm) + double(query.error), double(query.error) / kByteRatio));
}

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
        whole_ ? set_whole_row(row, scratch, group, j) : set_any_row(row, scratch, group, j);
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

    /// What target() takes from the arena: what stays taken, and what it gives back.
    std::size_t target_bytes() const { return arena_bytes<std::int8_t>(padded()); }
    std::size_t passing_bytes() const { return arena_bytes<float>(d_); }

    /// q [d] in bytes of the arena.
    ByteTarget target(const float* q, Arena& arena) const {
        ByteTarget target;
        target.row = q;
        const auto codes = arena.take<std::int8_t>(padded());
        std::fill(codes.begin() + std::ptrdiff_t(d_), codes.end(), std::int8_t{0});
        target.query.codes.codes = codes.data();
        const Arena::Frame frame(arena);
        const auto x = arena.take<float>(d_);
        const bool less_origin = whole_ || metric_ == Metric::l2;
        const Centred centred = centre(best{}, q, less_origin ? origin_.data() : nullptr, d_, x.data());
        if (!(centred.squared < detail::kLongestForBytes && centred.length < detail::kLongestForBytes)) return target;
        target.usable = true;
        whole_ ? aim_at_whole(x.data(), centred, codes.data(), target) : aim_at_any(x.data(), centred, codes.data(), target);
        return target;
    }

private:
    static constexpr std::size_t kExactColumns = 256;
    // Less 128, a query of small numbers is coded in steps of about 1: where that loses an eighth of it, products rule out little.
    static constexpr double kLeastGain = 8;

    float* terms(std::byte* group) const { return reinterpret_cast<float*>(group + kByteGroup * padded()); }

    void set_whole_row(const float* row, Scratch& scratch, std::byte* group, std::size_t j) const {
        std::int8_t* const codes = scratch.codes.data();
        std::int64_t squared = 0, sum = 0;
        for (std::size_t t = 0; t < d_; ++t) codes[t] = std::int8_t(std::int32_t(row[t]) - kByteZero);
        for (std::size_t t = 0; t < d_; ++t) squared += std::int32_t(codes[t]) * std::int32_t(codes[t]), sum += codes[t];
        detail::put_byte_row(codes, padded(), group, j);
        terms(group)[j] = metric_ == Metric::l2 ? float(squared) : -float(kByteZero * sum);
    }

    // A row too long for bytes may always be near.
    void set_any_row(const float* row, Scratch& scratch, std::byte* group, std::size_t j) const {
        std::int8_t* const codes = scratch.codes.data();
        float base = -std::numeric_limits<float>::infinity(), unit = 0, width = 0;
        const Centred centred = centre(best{}, row, origin_.data(), d_, scratch.row.data());
        std::fill_n(codes, d_, std::int8_t{0});
        if (centred.squared < detail::kLongestForBytes && centred.length < detail::kLongestForBytes) {
            const Coded coded = encode_bytes(best{}, scratch.row.data(), d_, centred.largest, codes);
            const double scale = double(coded.scale), length = metric_ == Metric::l2 ? double(centred.length) : 0;
            const double lengths = std::sqrt(double(centred.squared)) + std::sqrt(origin_squared_);
            const double rounding = metric_ == Metric::l2 ? 0 : detail::byte_share(d_) * lengths;
            base = float((length - detail::byte_slack(length, d_)) / scale);
            unit = float(1 / scale);
            width = detail::above((double(coded.error) + detail::kByteRatio * double(coded.norm) + rounding) / scale);
        }
        detail::put_byte_row(codes, padded(), group, j);
        float* const at = terms(group) + j;
        at[0] = base, at[kByteGroup] = unit, at[2 * kByteGroup] = width;
    }

    Coded set_codes(const float* x, const Centred& centred, std::int8_t* codes, ByteTarget& target) const {
        const Coded coded = encode_bytes(best{}, x, d_, centred.largest, codes);
        target.query.factor = (metric_ == Metric::l2 ? 2.F : 1.F) * coded.scale;
        target.query.codes.bias = kByteZero * coded.sum;
        return coded;
    }

    // x [d]: the query, less the origin for L2.
    void aim_at_any(const float* x, const Centred& centred, std::int8_t* codes, ByteTarget& target) const {
        const bool l2 = metric_ == Metric::l2;
        const double length = double(centred.length);
        target.query.reach = (l2 ? 2.F : 1.F) * detail::byte_reach(set_codes(x, centred, codes, target));
        target.shift = (l2 ? -length : detail::product(target.row, origin_.data(), d_)) + detail::byte_slack(l2 ? length : 0, d_);
    }

    // x [d]: the query less 128.
    void aim_at_whole(const float* x, const Centred& centred, std::int8_t* codes, ByteTarget& target) const {
        const bool l2 = metric_ == Metric::l2, whole = are_whole(target.row, d_);
        const double longest = 128. * 128. * double(d_);
        target.shift = l2 ? -double(centred.length)
                          : double(kByteZero) * detail::sum_in_double(d_, [&](auto t) { return double(target.row[t]); });
        target.exact = whole && d_ <= kExactColumns;
        if (whole) {
            for (std::size_t t = 0; t < d_; ++t) codes[t] = std::int8_t(x[t]), target.query.codes.bias += codes[t];
            target.query.codes.bias *= kByteZero;
            target.query.factor = l2 ? 2.F : 1.F;
        } else {
            const double error = double(set_codes(x, centred, codes, target).error), lost = error * kLeastGain;
            target.usable = l2 || lost * lost <= double(centred.squared);
            target.query.reach = detail::above((l2 ? 2 : 1) * error * std::sqrt(longest));
        }
        if (!target.exact) target.shift += detail::byte_slack(4 * longest + double(centred.squared), d_);
    }

    Metric metric_ = Metric::l2;
    std::size_t d_ = 0;
    bool whole_ = false;
    std::vector<float> origin_;  // [d]
    double origin_squared_ = 0;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
