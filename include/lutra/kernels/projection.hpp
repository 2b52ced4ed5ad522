// lutra/kernels/projection.hpp: vectors in the few directions in which rows differ most, where no distance is longer than it was.
// SPDX-License-Identifier: MIT
//
//   y = B x',  f(x) = (y, |x' - B'y|)        x' = x - origin,  B [m, d] with orthonormal rows
//   |f(q) - f(x)|  <=  |q' - x'|             what is orthogonal to B is shortened to its length
//
// so distances of f are lower bounds: what is too far in m + 1 columns is too far in d. If the rows of B are the leading principal
// directions, little is lost: 64 of SIFT's 128 columns hold 0.935 of the rows' squared lengths, and of 60,000 rows leave 70 for the
// ten nearest; 80 of 256 columns of speech 0.932 and 40. The directions are found by orthogonal iteration (G. Golub and C. Van Loan,
// Matrix Computations, 4th edition, 8.2.4) on the covariance of a sample. Lower bounds by fewer columns: C. Faloutsos, M.
// Ranganathan and Y. Manolopoulos, Fast Subsequence Matching in Time-Series Databases, SIGMOD 1994, section 3.
//
// Rounding: B is scaled so that what its rows lack to be orthonormal lengthens nothing: for B of norm s <= 1 the factor of f is s^2
// + (1 - s^2)^2 <= 1. Sums of d and of m products in float move f by at most 2 sqrt(m) d u |x'| together, u = 2^-24, so a squared
// distance of f is at most that of x and 8.1 sqrt(m) d u (|q'|^2 + |x'|^2): slack_columns() says it in columns of byte_code.hpp's
// slack, each of which is u.
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/core/random.hpp>
#include <lutra/core/types.hpp>
#include <lutra/kernels/byte_code.hpp>
#include <lutra/simd/arch.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

/// The definition. y += factor * x, [n] each; n a multiple of 16.
inline void add_scaled(scalar, float factor, const float* x, std::size_t n, float* y) {
    for (std::size_t t = 0; t < n; ++t) y[t] += factor * x[t];
}
/// The definition. The squared length of x [d] less directions [d, m] times y [m]; m a multiple of 16.
inline float squared_rest(scalar, const float* x, const float* directions, const float* y, std::size_t d, std::size_t m) {
    float squared = 0;
    for (std::size_t t = 0; t < d; ++t, directions += m) {
        float rest = x[t];
        for (std::size_t i = 0; i < m; ++i) rest -= directions[i] * y[i];
        squared += rest * rest;
    }
    return squared;
}

#if !defined(LUTRA_SCALAR_ONLY)
template <class Arch>
float squared_rest(Arch, const float* x, const float* directions, const float* y, std::size_t d, std::size_t m) {
    using B = simd::Floats<Arch>;
    float squared = 0;
    for (std::size_t t = 0; t < d; ++t, directions += m) {
        B product(0.F);
        for (std::size_t i = 0; i < m; i += B::size)
            product = simd::fma(B::load_aligned(directions + i), B::load_aligned(y + i), product);
        const float rest = x[t] - simd::sum<Arch>(product);
        squared += rest * rest;
    }
    return squared;
}

template <class Arch>
void add_scaled(Arch, float factor, const float* x, std::size_t n, float* y) {
    using B = simd::Floats<Arch>;
    const B f(factor);
    for (std::size_t t = 0; t < n; t += B::size) simd::fma(f, B::load_aligned(x + t), B::load_aligned(y + t)).store_aligned(y + t);
}
#endif

}  // namespace detail

/// Directions of d columns; none: no projection. Const calls are thread-safe.
class Projection {
public:
    Projection() = default;

    /// The fewest columns, a multiple of 16, whose directions hold this share of the squared lengths of rows less the origin [d];
    /// none if that takes more than half of d or kMost. Uses at most kSample of rows [n, d], evenly spaced. Cost: (kSample + 3
    /// kMost) d^2 multiply-adds: 10 ms at d = 256.
    static Projection of(MatrixView rows, const float* origin, double share) {
        const std::size_t most = std::min(kMost, rows.d / 2 / kStep * kStep);
        if (most == 0 || rows.n < kLeastRows * most) return {};
        const Square covariance = covariance_of(rows, origin);
        const Directions found = leading(covariance, most - 1);
        const std::size_t columns = enough(covariance, found, share);
        return columns == 0 ? Projection() : Projection(found, columns);
    }

    bool operator==(const Projection&) const = default;
    bool empty() const { return columns_ == 0; }
    std::size_t columns() const { return columns_; }

    /// x [d], less the origin; f [columns()], aligned.
    void apply(const float* x, float* f) const {
        std::fill_n(f, columns_, 0.F);
        for (std::size_t t = 0; t < d_; ++t) detail::add_scaled(best{}, x[t], directions_.data() + t * columns_, columns_, f);
        f[columns_ - 1] = std::sqrt(detail::squared_rest(best{}, x, directions_.data(), f, d_, columns_));
    }

    /// What rounding of f adds to the slack of d columns, as so many columns.
    std::size_t slack_columns() const { return std::size_t(8.1 * std::sqrt(double(columns_)) * double(d_)) + 1; }

private:
    static constexpr std::size_t kStep = 16, kMost = 96, kSample = 1024, kLeastRows = 8;

    // [d, padded] and [m, padded], rows aligned.
    struct Square {
        std::size_t d = 0, padded = 0;
        AlignedVector<float> values;
        const float* row(std::size_t i) const { return values.data() + i * padded; }
        float* row(std::size_t i) { return values.data() + i * padded; }
    };
    using Directions = Square;

    // The last column is the length of the rest: its direction is 0.
    Projection(const Directions& found, std::size_t columns) : columns_(columns), d_(found.d), directions_(columns * found.d, 0.F) {
        const double scale = 1 / std::sqrt(1 + lack(found, columns - 1));
        for (std::size_t i = 0; i + 1 < columns; ++i)
            for (std::size_t t = 0; t < d_; ++t) directions_[t * columns + i] = float(double(found.row(i)[t]) * scale);
    }

    static Square covariance_of(MatrixView rows, const float* origin) {
        Square sums{rows.d, round_up(rows.d, kStep), {}};
        sums.values.assign(sums.d * sums.padded, 0.F);
        AlignedVector<float> x(sums.padded, 0.F);
        const std::size_t step = (rows.n + kSample - 1) / kSample;
        for (std::size_t j = 0; j < rows.n; j += step) {
            for (std::size_t t = 0; t < sums.d; ++t) x[t] = rows.row(j)[t] - origin[t];
            for (std::size_t i = 0; i < sums.d; ++i) detail::add_scaled(best{}, x[i], x.data(), sums.padded, sums.row(i));
        }
        return sums;
    }

    static Directions leading(const Square& covariance, std::size_t m) {
        constexpr int kIterations = 3;  // from a random start; more find no better ones (SIFT, speech)
        Directions found{covariance.d, covariance.padded, {}}, next = found;
        found.values.assign(m * found.padded, 0.F);
        Rng rng(1);
        for (std::size_t i = 0; i < m; ++i)
            for (std::size_t t = 0; t < found.d; ++t) found.row(i)[t] = rng.normal();
        for (int n = 0; n < kIterations; ++n) {
            next.values.assign(found.values.size(), 0.F);
            for (std::size_t i = 0; i < m; ++i)
                for (std::size_t t = 0; t < found.d; ++t)
                    detail::add_scaled(best{}, found.row(i)[t], covariance.row(t), found.padded, next.row(i));
            orthonormalise(next, m);
            std::swap(found, next);
        }
        return found;
    }

    // Gram and Schmidt, twice. A direction that the others hold already becomes 0.
    static void orthonormalise(Directions& found, std::size_t m) {
        for (std::size_t i = 0; i < m; ++i) {
            float* const x = found.row(i);
            const double before = std::sqrt(detail::product(x, x, found.d));
            for (std::size_t j = 0; j < 2 * i; ++j) {
                const float* const other = found.row(j % i);
                detail::add_scaled(best{}, float(-detail::product(x, other, found.d)), other, found.padded, x);
            }
            const double length = std::sqrt(detail::product(x, x, found.d));
            const double scale = length > 1e-5 * before && std::isfinite(length) ? 1 / length : 0;
            for (std::size_t t = 0; t < found.d; ++t) x[t] = float(double(x[t]) * scale);
        }
    }

    // The number of columns whose directions hold enough; 0: there is none.
    static std::size_t enough(const Square& covariance, const Directions& found, double share) {
        double all = 0, held = 0;
        for (std::size_t t = 0; t < covariance.d; ++t) all += double(covariance.row(t)[t]);
        if (!(all > 0) || !std::isfinite(all)) return 0;
        AlignedVector<float> image(found.padded);
        const std::size_t m = found.values.size() / found.padded;
        for (std::size_t i = 0; i < m; ++i) {
            image.assign(found.padded, 0.F);
            for (std::size_t t = 0; t < found.d; ++t)
                detail::add_scaled(best{}, found.row(i)[t], covariance.row(t), found.padded, image.data());
            held += detail::product(found.row(i), image.data(), found.d);
            if ((i + 2) % kStep == 0 && held >= share * all) return i + 2;
        }
        return 0;
    }

    // At least the square of how much the first m directions lengthen a vector, less 1: the norm of B B' - 1.
    static double lack(const Directions& found, std::size_t m) {
        double sum = 0;
        for (std::size_t i = 0; i < m; ++i)
            for (std::size_t j = 0; j < m; ++j) {
                const double off = detail::product(found.row(i), found.row(j), found.d) - (i == j ? 1 : 0);
                sum += off * off;
            }
        return std::sqrt(sum);
    }

    std::size_t columns_ = 0, d_ = 0;
    AlignedVector<float> directions_;  // [d, columns]
};

}  // namespace lutra::inline LUTRA_ABI_TAG
