// lutra/coarse/byte_rows.hpp: rows a second time, in bytes, which say for certain which of them cannot be among the nearest.
// SPDX-License-Identifier: MIT
//
//   row less the origin = scale * code + error, code in -127 .. 127; the query the same way (L2). The origin is the median
//   |query . row - scale * scale * (code . code)| <= |query| |error of row| + |error of query| |scale * code of row|
//
// A lone query is bound by the memory of the rows it compares: bytes are a quarter of it. What may be near by this bound is
// compared exactly, so the outcome is that of comparing all. Source of the bound: Cauchy and Schwarz.
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/core/bisect.hpp>
#include <lutra/core/order_key.hpp>
#include <lutra/core/types.hpp>
#include <lutra/core/workspace.hpp>
#include <lutra/kernels/centroids.hpp>
#include <lutra/kernels/distance.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <type_traits>
#include <vector>
#if defined(__AVX2__) && !defined(LUTRA_SCALAR_ONLY)
#include <immintrin.h>
#endif

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

// dots [n]: query [padded] times each row of codes [n, padded]; padded is a multiple of 64. A kernel's kOffset is what a query's
// bytes hold beyond its codes: instructions differ in which factor may be negative.
struct ScalarDots {
    static constexpr std::int32_t kOffset = 0;

    static void run(const std::uint8_t* query, const std::int8_t* codes, std::size_t n, std::size_t padded, std::int32_t* dots) {
        for (std::size_t j = 0; j < n; ++j) {
            dots[j] = 0;
            for (std::size_t t = 0; t < padded; ++t)
                dots[j] += std::int32_t(std::int8_t(query[t])) * std::int32_t(codes[j * padded + t]);
        }
    }
};

#if defined(__AVX512VNNI__) && defined(__AVX512VBMI__) && !defined(LUTRA_SCALAR_ONLY)  // as LUTRA_ABI_TAG tells builds apart
struct VnniDots {
    static constexpr std::int32_t kOffset = 128;

    static void run(const std::uint8_t* query, const std::int8_t* codes, std::size_t n, std::size_t padded, std::int32_t* dots) {
        for (std::size_t j = 0; j < n; ++j) {
            __m512i sum = _mm512_setzero_si512();
            for (std::size_t t = 0; t < padded; t += 64)
                sum = _mm512_dpbusd_epi32(sum, _mm512_loadu_si512(query + t), _mm512_loadu_si512(codes + j * padded + t));
            alignas(64) std::int32_t lanes[16];
            _mm512_store_si512(lanes, sum);
            dots[j] = std::accumulate(lanes, lanes + 16, 0);
        }
    }
};
using ByteDots = VnniDots;
#elif defined(__AVX2__) && !defined(LUTRA_SCALAR_ONLY)
// |q| times c with the sign of q: both are at most 127, so that two products fit into 16 bits.
struct Avx2Dots {
    static constexpr std::int32_t kOffset = 0;

    static void run(const std::uint8_t* query, const std::int8_t* codes, std::size_t n, std::size_t padded, std::int32_t* dots) {
        const auto load = [](const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); };
        for (std::size_t j = 0; j < n; ++j) {
            __m256i sum = _mm256_setzero_si256();
            for (std::size_t t = 0; t < padded; t += 32) {
                const __m256i q = load(query + t), c = load(codes + j * padded + t);
                const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(q), _mm256_sign_epi8(c, q));
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
            }
            alignas(32) std::int32_t lanes[8];
            _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), sum);
            dots[j] = std::accumulate(lanes, lanes + 8, 0);
        }
    }
};
using ByteDots = Avx2Dots;
#else
using ByteDots = ScalarDots;
#endif

}  // namespace detail

/// Rows [n, d] in d bytes each, d rounded up to 64, and 24 more. Const calls are thread-safe.
class ByteRows {
public:
    /// Whether this build has an instruction for it; without one it is slower than what it saves.
    static constexpr bool kFast = !std::is_same_v<detail::ByteDots, detail::ScalarDots>;
    static constexpr std::size_t kMaxQueries = 4;  ///< together they are compared with all rows sooner

    ByteRows() = default;
    /// Empty if d > 65,536 (sums have 32 bits), or if a row is not finite or so long that its square may overflow.
    ByteRows(const float* rows, std::size_t n, std::size_t d, Metric metric)
        : n_(n), d_(d), padded_(round_up(d, 64)), metric_(metric), origin_(d), codes_(n * padded_, std::int8_t{0}), rows_(n) {
        if (d > kMostColumns) n_ = 0;
        for (std::size_t j = 0; j < n_; ++j)
            if (!(squared(rows + j * d, d) < kLongest)) n_ = 0;
        if (n_ == 0) return;
        column_medians(rows, n, d, origin_.data());
        for (std::size_t j = 0; j < n; ++j) set_row(j, rows + j * d);
    }

    bool empty() const { return n_ == 0; }

    /// Row j is this one [d] from now on. Cannot fail; if it is too long for bytes, all of them are gone.
    void set_row(std::size_t j, const float* row) {
        if (!(squared(row, d_) < kLongest)) n_ = 0;
        if (n_ == 0) return;
        const auto centred = [&](std::size_t t) { return row[t] - origin_[t]; };
        rows_[j].coded = encode(centred, [&](std::size_t t, std::int32_t code) { codes_[j * padded_ + t] = std::int8_t(code); });
        const double length = squared_length(centred);
        rows_[j].score = metric_ == Metric::l2 ? float(length) : 0.F;
        rows_[j].slack = slack(metric_ == Metric::l2 ? length : squared(row, d_) + squared(origin_.data(), d_));
    }

    /// The numbers, rising, of all rows that may be among the k nearest of q [d]; found has room for n + 1. None: a query of which
    /// this cannot say anything, because it is not finite or too long. 1 <= k <= n.
    std::size_t may_be_near(const float* q, std::size_t k, std::uint32_t* found, Arena& arena) const {
        const Arena::Frame frame(arena);
        const auto query = arena.take<std::uint8_t>(padded_);
        const auto dots = arena.take<std::int32_t>(n_), least = arena.take<std::int32_t>(n_), most = arena.take<std::int32_t>(n_);
        const Query asked = quantize(q, query.data(), arena);
        if (!asked.usable) return 0;
        detail::ByteDots::run(query.data(), codes_.data(), n_, padded_, dots.data());
        for (std::size_t j = 0; j < n_; ++j) {
            const Row& row = rows_[j];
            const float product = asked.coded.scale * row.coded.scale * float(dots[j] - detail::ByteDots::kOffset * row.coded.sum);
            const float score = factor() * product + row.score, off = bound(asked, row);
            least[j] = order_key(score - off), most[j] = order_key(score + off);
        }
        const std::int32_t limit = kth_least(most, k).key;
        std::size_t n = 0;
        for (std::size_t j = 0; j < n_; ++j) found[n] = std::uint32_t(j), n += least[j] <= limit;
        return n;
    }

private:
    static constexpr double kLongest = 1e30;  // of squared lengths
    static constexpr std::size_t kMostColumns = 65536;
    /// What is known of a vector in bytes.
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
    struct Row {
        Coded coded;
        float score = 0, slack = 0;  // |row - origin|^2 for L2, 0 for inner product
    };

    float factor() const { return metric_ == Metric::l2 ? -2.F : -1.F; }
    float bound(const Query& q, const Row& row) const {
        return -factor() * (q.norm * row.coded.error + q.coded.error * row.coded.norm) + q.slack + row.slack;
    }
    // score_row() and what is computed here round by so small a share of |query|^2 + |row|^2 (L2: less the origin), or by as much
    // as tiny numbers lose.
    float slack(double squared) const { return float((squared * 0x1p-22 + 1e-36) * (double(d_) / 8 + 64)); }
    static double squared(const float* x, std::size_t d) {
        double sum = 0;
        for (std::size_t t = 0; t < d; ++t) sum += double(x[t]) * double(x[t]);
        return sum;
    }
    template <class X>
    double squared_length(X&& x) const {
        double sum = 0;
        for (std::size_t t = 0; t < d_; ++t) sum += double(x(t)) * double(x(t));
        return sum;
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
        Query query{
            encode([&](std::size_t t) { return x[t]; },
                   [codes](std::size_t t, std::int32_t code) { codes[t] = std::uint8_t(code + detail::ByteDots::kOffset); }),
            up(std::sqrt(length)), slack(length), true};
        std::fill(codes + d_, codes + padded_, std::uint8_t{0});
        return query;
    }

    std::size_t n_ = 0, d_ = 0, padded_ = 0;
    Metric metric_ = Metric::l2;
    std::vector<float> origin_;         // [d]
    AlignedVector<std::int8_t> codes_;  // [n, padded]
    std::vector<Row> rows_;             // [n]
};

}  // namespace lutra::inline LUTRA_ABI_TAG
