// lutra/kernels/distance.hpp: exact distances of one query to rows.  SPDX-License-Identifier: MIT
//
// These kernels define a distance: every search path ends here (fused kernels only propose candidates), so one query and a batch,
// one thread and many, Flat and IVF give the same bits. The terms of a row are summed in the same order, whatever rows are around
// it. Float error: within (d + 2) * 2^-24 of the sum of the terms' magnitudes.
#pragma once
#include <lutra/core/prefetch.hpp>
#include <lutra/core/types.hpp>
#include <lutra/simd/arch.hpp>

#include <cstddef>

namespace lutra::inline LUTRA_ABI_TAG {

// out[j] = squared L2 distance of q [d] to row j of x [n, d], whose components X are floats or whole numbers 0 to 255.
template <class X>
void l2sqr_rows(scalar, const float* q, const X* x, std::size_t n, std::size_t d, float* out) {
    for (std::size_t j = 0; j < n; ++j) {
        float sum = 0;
        for (std::size_t i = 0; i < d; ++i) {
            const float t = q[i] - float(x[j * d + i]);
            sum += t * t;
        }
        out[j] = sum;
    }
}

// out[j] = inner product of q [d] and row j of x [n, d].
template <class X>
void inner_product_rows(scalar, const float* q, const X* x, std::size_t n, std::size_t d, float* out) {
    for (std::size_t j = 0; j < n; ++j) {
        float sum = 0;
        for (std::size_t i = 0; i < d; ++i) sum += q[i] * float(x[j * d + i]);
        out[j] = sum;
    }
}

#if !defined(LUTRA_SCALAR_ONLY)
namespace detail {

// The terms of the two sums, in lanes.
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

// One row; two sums hide the latency of the addition. Prefetches `Ahead` floats ahead.
template <class Arch, class Term, std::size_t Ahead, class X>
float sum_row(const float* q, const X* x, std::size_t d) {
    using B = simd::Floats<Arch>;
    B even(0.F), odd(0.F);
    std::size_t i = 0;
    for (; i + 2 * B::size <= d; i += 2 * B::size) {
        if constexpr (Ahead != 0) prefetch_line(x + i + Ahead);
        even = Term::add(B::load_unaligned(q + i), simd::load<Arch>(x + i), even);
        odd = Term::add(B::load_unaligned(q + i + B::size), simd::load<Arch>(x + i + B::size), odd);
    }
    if (i + B::size <= d) {
        even = Term::add(B::load_unaligned(q + i), simd::load<Arch>(x + i), even);
        i += B::size;
    }
    if (i < d) odd = Term::add(simd::load_first<Arch>(q + i, d - i), simd::load_first<Arch>(x + i, d - i), odd);
    return simd::sum<Arch>(even + odd);
}

// Prefetch distance for consecutive rows: 4 KB, the latency of memory times its rate. Zen 1 streams at 90% of its memory's rate
// with prefetching and at 70% without; on machines with AVX-512 the hardware does better alone (Zen 4: 85% with it, 99% without;
// AVX2 code there: 88% and 98%).
template <class Arch>
inline constexpr std::size_t kAhead = simd::Floats<Arch>::size >= 16 ? 0 : 1024;

template <class Arch, class Term, class X>
void sum_rows(const float* q, const X* x, std::size_t n, std::size_t d, float* out) {
    if (n == 1) return void(out[0] = sum_row<Arch, Term, 0>(q, x, d));
    for (std::size_t j = 0; j < n; ++j, x += d) out[j] = sum_row<Arch, Term, kAhead<Arch>>(q, x, d);
}

}  // namespace detail

template <class Arch, class X>
void l2sqr_rows(Arch, const float* q, const X* x, std::size_t n, std::size_t d, float* out) {
    detail::sum_rows<Arch, detail::SquaredDifference>(q, x, n, d, out);
}

template <class Arch, class X>
void inner_product_rows(Arch, const float* q, const X* x, std::size_t n, std::size_t d, float* out) {
    detail::sum_rows<Arch, detail::Product>(q, x, n, d, out);
}
#endif

/// The most roundings of a term on its way into the sum of d terms.
constexpr std::size_t roundings_of_sum(std::size_t d) {
#if defined(LUTRA_SCALAR_ONLY)
    return d + 1;
#else
    constexpr std::size_t kLanes = simd::Floats<best>::size;  // two sums in lanes, then the lanes
    return d / (2 * kLanes) + kLanes + 4;
#endif
}

/// out[j] = the score of row j of x [n, d] for q [d]: squared L2 distance, or minus the inner product. Lower is better.
template <class X>
void score_rows(Metric metric, const float* q, const X* x, std::size_t n, std::size_t d, float* out) {
    if (metric == Metric::l2) return l2sqr_rows(best{}, q, x, n, d, out);
    inner_product_rows(best{}, q, x, n, d, out);
    for (std::size_t j = 0; j < n; ++j) out[j] = -out[j];
}

/// The score of one row x [d]; of whole numbers the same bits as of the same floats.
template <class X>
float score_row(Metric metric, const float* q, const X* x, std::size_t d) {
    float score;
    score_rows(metric, q, x, 1, d, &score);
    return score;
}

/// out[j] = squared length of row j of x [n, d].
inline void squared_norms(const float* x, std::size_t n, std::size_t d, float* out) {
    for (std::size_t j = 0; j < n; ++j) inner_product_rows(best{}, x + j * d, x + j * d, 1, d, out + j);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
