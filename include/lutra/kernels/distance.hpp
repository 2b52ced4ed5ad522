// lutra/kernels/distance.hpp: exact distances of one query to rows.  SPDX-License-Identifier: MIT
//
// These define what a distance is: every search path ends here (fused kernels only propose candidates), so one query and
// a batch, one thread and many, Flat and IVF give the same bits. Each row is summed in the same order wherever it stands.
// Float error: within (d + 2) * 2^-24 of the sum of the terms' magnitudes.
#pragma once
#include <lutra/core/types.hpp>
#include <lutra/simd/arch.hpp>

#include <cstddef>

namespace lutra::inline LUTRA_ABI_TAG {

// out[j] = squared L2 distance of q [d] to row j of x [n, d].
inline void l2sqr_rows(scalar, const float* q, const float* x, std::size_t n, std::size_t d, float* out) {
    for (std::size_t j = 0; j < n; ++j) {
        float sum = 0;
        for (std::size_t i = 0; i < d; ++i) {
            const float t = q[i] - x[j * d + i];
            sum += t * t;
        }
        out[j] = sum;
    }
}

// out[j] = inner product of q [d] and row j of x [n, d].
inline void inner_product_rows(scalar, const float* q, const float* x, std::size_t n, std::size_t d, float* out) {
    for (std::size_t j = 0; j < n; ++j) {
        float sum = 0;
        for (std::size_t i = 0; i < d; ++i) sum += q[i] * x[j * d + i];
        out[j] = sum;
    }
}

#if !defined(LUTRA_SCALAR_ONLY)
namespace detail {

// The two terms that are summed. fma(a, b, c) in lanes.
struct SquaredDifference {
    template <class B>
    static B add(const B& q, const B& x, const B& sum) {
        const B t = q - x;
        return simd::fma(t, t, sum);
    }
};
struct Product {
    template <class B>
    static B add(const B& q, const B& x, const B& sum) {
        return simd::fma(q, x, sum);
    }
};

// Rows [0, Rows) of x at once; two sums a row hide the latency of the addition.
template <class Arch, class Term, std::size_t Rows>
void sum_rows(const float* q, const float* x, std::size_t d, float* out) {
    using B = simd::Floats<Arch>;
    B even[Rows], odd[Rows];
    LUTRA_UNROLL for (std::size_t r = 0; r < Rows; ++r) even[r] = odd[r] = B(0.F);
    std::size_t i = 0;
    for (; i + 2 * B::size <= d; i += 2 * B::size) {
        const B q0 = B::load_unaligned(q + i), q1 = B::load_unaligned(q + i + B::size);
        LUTRA_UNROLL for (std::size_t r = 0; r < Rows; ++r) {
            even[r] = Term::add(q0, B::load_unaligned(x + r * d + i), even[r]);
            odd[r] = Term::add(q1, B::load_unaligned(x + r * d + i + B::size), odd[r]);
        }
    }
    if (i + B::size <= d) {
        const B q0 = B::load_unaligned(q + i);
        LUTRA_UNROLL for (std::size_t r = 0; r < Rows; ++r) even[r] = Term::add(q0, B::load_unaligned(x + r * d + i), even[r]);
        i += B::size;
    }
    if (i < d) {
        const B q0 = simd::load_first<Arch>(q + i, d - i);
        LUTRA_UNROLL for (std::size_t r = 0; r < Rows; ++r) odd[r] =
            Term::add(q0, simd::load_first<Arch>(x + r * d + i, d - i), odd[r]);
    }
    LUTRA_UNROLL for (std::size_t r = 0; r < Rows; ++r) out[r] = simd::sum<Arch>(even[r] + odd[r]);
}

template <class Arch, class Term>
void sum_all_rows(const float* q, const float* x, std::size_t n, std::size_t d, float* out) {
    constexpr std::size_t kRows = 4;
    std::size_t j = 0;
    for (; j + kRows <= n; j += kRows) sum_rows<Arch, Term, kRows>(q, x + j * d, d, out + j);
    for (; j < n; ++j) sum_rows<Arch, Term, 1>(q, x + j * d, d, out + j);
}

}  // namespace detail

template <class Arch>
void l2sqr_rows(Arch, const float* q, const float* x, std::size_t n, std::size_t d, float* out) {
    detail::sum_all_rows<Arch, detail::SquaredDifference>(q, x, n, d, out);
}

template <class Arch>
void inner_product_rows(Arch, const float* q, const float* x, std::size_t n, std::size_t d, float* out) {
    detail::sum_all_rows<Arch, detail::Product>(q, x, n, d, out);
}
#endif

/// out[j] = the score of row j of x [n, d] for q [d]: squared L2 distance, or minus the inner product. Lower is better.
inline void score_rows(Metric metric, const float* q, const float* x, std::size_t n, std::size_t d, float* out) {
    if (metric == Metric::l2) return l2sqr_rows(best{}, q, x, n, d, out);
    inner_product_rows(best{}, q, x, n, d, out);
    for (std::size_t j = 0; j < n; ++j) out[j] = -out[j];
}

/// The score of one row x [d].
inline float score_row(Metric metric, const float* q, const float* x, std::size_t d) {
    float score;
    score_rows(metric, q, x, 1, d, &score);
    return score;
}

/// out[j] = squared length of row j of x [n, d].
inline void squared_norms(const float* x, std::size_t n, std::size_t d, float* out) {
    for (std::size_t j = 0; j < n; ++j) inner_product_rows(best{}, x + j * d, x + j * d, 1, d, out + j);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
