// lutra/encodings/pq4fs/lut.hpp: the look-up table (LUT) of a query: what each code adds to the score, in a byte.
// SPDX-License-Identifier: MIT
//
//   table [M, 16] float    |q_m - c|^2, or -q_m.c for inner product
//   lut   [M, 16] byte     round((table - least of its row) / step), step = widest pair of partner rows / 254
//   score = bias + step * (sum of M bytes),  bias = sum of the least of each row
//
// The error of a byte is at most half a step, so that of a score is at most M * step / 2, typically step * sqrt(M / 12). Partners
// (pq4_partner) share a byte in the kernels, so 254 steps must hold their two widths together; the largest sum of two rounded
// entries is then 255. Compared with a byte for each alone, recall@10 of M = 64 on a million SIFT descriptors fell by 0.0013 and
// recall of 10 in 100 did not change, for kernels 1.4 times as fast. Outliers do not set the step: saturated_rows.hpp. A score from
// saturated rows exceeds the exact one by at most M * step / 2, as here, but may be lower for far vectors. LUTs are made query by
// query, in tiles too: the codebook, 64 d bytes, stays in L1, and arithmetic is the bound. Source: Andre, Kermarrec, Le Scouarnec,
// VLDB 2015, section 4; one scale for all sub-quantizers, so that bytes add up.
#pragma once
#include <lutra/core/types.hpp>
#include <lutra/core/workspace.hpp>
#include <lutra/encodings/pq4fs/codebook.hpp>
#include <lutra/encodings/pq4fs/kernel.hpp>
#include <lutra/encodings/pq4fs/kernel_table.hpp>
#include <lutra/encodings/pq4fs/residual_terms.hpp>
#include <lutra/encodings/pq4fs/saturated_rows.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace lutra::inline LUTRA_ABI_TAG {

/// The LUT of a query, and how its sums become scores.
struct Pq4Lut {
    const std::uint8_t* lut = nullptr;  // [M padded to whole runs, 16]; zeros past M
    float bias = 0, step = 0, inverse_step = 0;
    bool bounded = false;                                   // a score exceeds the exact one by at most M * step / 2
    bool finite = false;                                    // false for a query with NaN or infinity: it finds nothing
    float least = -std::numeric_limits<float>::infinity();  // the lowest possible score
    std::uint16_t factor = 0;                               // of rows' terms: make_shared_lut()
    float length = 0;  // bounds the length of every vector in a score with terms; 0 without terms

    float score(std::uint32_t sum) const { return std::max(bias + step * float(sum), least); }

    /// The limit of sums for a threshold of scores: a scan keeps the sums below it. Conservative: it may admit a few scores just
    /// above the threshold (by two steps, or the rounding of floats there), and never rejects one at or below it.
    std::uint32_t limit(float threshold) const {
        if (!finite || !(bias <= threshold)) return 0;
        if (step == 0) return std::numeric_limits<std::uint32_t>::max();
        const float rounding = std::abs(threshold) * 0x1p-23F;  // of score(), if bias is much larger than a step
        const float steps = (threshold - bias + rounding) * inverse_step * (1 + 0x1p-20F);  // rounded up
        return steps < 1e9F ? std::uint32_t(steps) + 2 : std::numeric_limits<std::uint32_t>::max();
    }
};

namespace detail {

// One loop over all rows, which compilers vectorise.
inline void quantize(const float* entries, std::size_t n, float inverse_step, std::uint8_t* bytes) {
    for (std::size_t i = 0; i < n; ++i)
        bytes[i] = std::uint8_t(std::min(std::int32_t(entries[i] * inverse_step + 0.5F), std::int32_t{254}));
}

// The largest width of two partners together.
template <class T>
T widest_pair(std::span<T> width) {
    T widest = 0;
    for (std::size_t m = 0; m < width.size(); ++m)
        widest = std::max(widest, width[m] + (pq4_partner(m) < width.size() ? width[pq4_partner(m)] : 0));
    return widest;
}

// make_lut(); false if a number overflows.
inline bool make_plain(Pq4Table table, float least_step, std::uint8_t* bytes, Pq4Lut& lut, Arena& arena) {
    const auto entries = arena.take<float>(table.codebook.m() * kPq4Centroids);
    const auto width = arena.take<float>(table.codebook.m());
    alignas(kCacheLine) float all[kPq4Centroids] = {};
    float bias = 0;
    for (std::size_t m = 0; m < width.size(); ++m) {
        const RowRange range = table_row(best{}, table, m, entries.data() + m * kPq4Centroids, all);
        width[m] = range.width, bias += range.least;
    }
    const float widest = std::max(widest_pair(width), 254 * least_step);
    // Neither NaN nor infinity anywhere: one of them would be left in a sum.
    lut.finite = bias - bias == 0 && widest - widest == 0;
    for (const float sum : all) lut.finite = lut.finite && sum - sum == 0;
    if (!lut.finite) return false;
    const float inverse = widest > 0 ? 254 / widest : 0;
    const bool usable = inverse <= std::numeric_limits<float>::max();  // else the rows are as good as constant
    lut.bounded = true, lut.bias = bias, lut.step = usable ? widest / 254 : 0, lut.inverse_step = usable ? inverse : 0;
    quantize(entries.data(), entries.size(), lut.inverse_step, bytes);
    return true;
}

// make_lut() with saturated rows. In doubles, as sums of two rows may overflow floats.
inline void make_saturated(Pq4Table table, double unit, std::span<double> width, std::uint8_t* bytes, Pq4Lut& lut) {
    constexpr double kMost = 0x1p127;
    lut.finite = std::all_of(table.q, table.q + table.codebook.dim(), [](float x) { return x - x == 0; });
    if (!lut.finite) return;
    const SaturatedRows rows(table, unit);
    bool lost = false;
    double bias = 0, row[kPq4Centroids];
    for (std::size_t m = 0; m < width.size(); ++m) {
        lost = !rows.row(m, row) || lost;
        const auto [least, largest] = std::minmax_element(row, row + kPq4Centroids);
        width[m] = *largest - *least, bias += *least;
    }
    const double widest = widest_pair(width);
    const bool usable = !lost && widest > 254 * double(std::numeric_limits<float>::min());
    lut.step = usable ? float(widest / 254) : 0, lut.inverse_step = usable ? float(254 / widest) : 0;
    lut.bias = float(lost ? kMost : std::clamp(bias, -kMost, kMost));
    lut.bounded = usable && unit == 1 && !rows.raises() && std::abs(bias) < kMost;
    for (std::size_t m = 0; m < width.size(); ++m) {
        rows.row(m, row);
        const double least = *std::min_element(row, row + kPq4Centroids);
        for (std::size_t c = 0; c < kPq4Centroids; ++c)
            bytes[m * kPq4Centroids + c] =
                usable ? std::uint8_t(std::min(std::int32_t((row[c] - least) * 254 / widest + 0.5), std::int32_t{254}))
                       : std::uint8_t{0};
    }
}

}  // namespace detail

/// The factor of a query's scores: 1, or 2^-160 if the query (or, for inner product, a centroid) is so far from 0 that distances of
/// some vectors overflow floats. The distances of near vectors, which do not, still rank them.
inline double unit_of(Pq4Table table) {
    const Pq4Codebook& codebook = table.codebook;
    float most = 0;
    for (std::size_t t = 0; t < codebook.dim(); ++t) most = std::max(most, std::abs(table.q[t]));
    const bool fits =
        table.metric == Metric::l2 ? most < 0x1p60F : double(most) * double(codebook.largest()) * double(codebook.dim()) < 0x1p126;
    return fits ? 1 : 0x1p-160;
}

/// What make_lut() takes from the arena.
template <class Layout>
ArenaNeed lut_bytes(const Pq4Codebook& codebook) {
    const std::size_t m = codebook.m();
    return {arena_bytes<std::uint8_t>(padded<Layout>(m) * kPq4Centroids),
            arena_bytes<float>(m * kPq4Centroids) + arena_bytes<float>(m) + arena_bytes<double>(m)};
}

/// The LUT of a query's table, in the arena. `runs`: M padded to whole runs of the layout; scores are multiplied by `unit`.
/// least_step: a lower bound of the step, for terms counted in steps; used only without far centroids and with unit 1.
inline Pq4Lut make_lut(Pq4Table table, std::size_t runs, Arena& arena, double unit = 1, float least_step = 0) {
    const std::size_t m_all = table.codebook.m();
    const auto bytes = arena.take<std::uint8_t>(runs * kPq4Centroids);
    std::fill(bytes.begin() + std::ptrdiff_t(m_all * kPq4Centroids), bytes.end(), std::uint8_t{0});
    const Arena::Frame frame(arena);
    Pq4Lut lut{bytes.data()};
    const bool plain = unit == 1 && !table.codebook.has_far() && detail::make_plain(table, least_step, bytes.data(), lut, arena);
    if (!plain) detail::make_saturated(table, unit, arena.take<double>(m_all), bytes.data(), lut);
    return lut;
}

/// One LUT of query q [d] for the residuals of all near lists (residual_terms.hpp). `factor` converts rows' terms to steps: a step
/// is at least two units of terms, so factor is at most 2^15. `bias` lacks the squared distance of query and list centroid. The
/// kernels round terms down, by half a step on average, which is added back here.
inline Pq4Lut make_shared_lut(const Pq4Codebook& codebook, const Pq4Terms& terms, const float* q, std::size_t runs, Arena& arena) {
    const auto shifted = arena.take<float>(codebook.dim());
    for (std::size_t t = 0; t < shifted.size(); ++t) shifted[t] = q[t] - terms.origin()[t];
    Pq4Lut lut = make_lut({codebook, Metric::l2, shifted.data()}, runs, arena, 1, 2 * terms.unit());
    const float squared = terms.squared_from_origin(q);
    lut.factor = std::uint16_t(double(terms.unit()) * double(lut.inverse_step) * 65536 + 0.5);
    lut.bias += lut.step * 0.5F - lut.step * float(lut.factor) * (float(Pq4Terms::kZero) / 65536) - squared;
    lut.least = 0;  // rounding may take the difference below 0
    lut.length = float(std::sqrt(double(squared)) + terms.reach() + codebook.longest());
    return lut;
}

/// The slack of a scan: how far beyond a threshold of exact scores it must look at estimates, so that no decoded vector is missed.
///
/// The exact score and the estimate differ by M * step / 2, and by rounding: of the sums, at most 2 (d + 4) 2^-24 of the terms'
/// magnitudes each; of residuals, where q - c and c + code are rounded, 2^-24 of each component. With terms, rounding a term down,
/// the term itself and the factor add 1 + M / 4096 steps, and the score is a difference of possibly much larger numbers.
class Pq4Slack {
public:
    Pq4Slack() = default;
    /// centroid [d] of the list, or null if codes are of whole rows.
    Pq4Slack(const Pq4Codebook& codebook, Metric metric, const Pq4Lut& lut, const float* q, const float* centroid)
        : metric_(metric),
          none_(false),
          all_(!lut.bounded),
          step_(double(codebook.m()) * double(lut.step) / 2),
          sums_(double(codebook.dim() + 4) * 0x1p-22) {
        const std::size_t d = codebook.dim();
        const double query = norm(q, d), origin = centroid != nullptr ? norm(centroid, d) : 0;
        if (metric == Metric::l2)
            shift_ = centroid != nullptr ? 0x1p-22 * (query + origin + double(lut.length)) : 0;
        else
            step_ += sums_ * query * (origin + codebook.longest());
        if (lut.length > 0)
            step_ += (1 + double(codebook.m()) / 4096) * double(lut.step) + sums_ * double(lut.length) * double(lut.length);
    }

    float beyond(float threshold) const {
        constexpr float kAll = std::numeric_limits<float>::infinity();
        if (none_ || threshold != threshold) return threshold;
        if (all_) return kAll;
        double most = double(threshold);
        if (metric_ == Metric::l2) {
            const double root = std::sqrt(std::max(most, 0.0)) * (1 + 0x1p-22) + shift_;
            most = root * root * (1 + sums_);
        }
        most += step_;
        return most < double(std::numeric_limits<float>::max()) ? std::nextafter(float(most), kAll) : kAll;
    }

private:
    static double norm(const float* x, std::size_t d) {
        double sum = 0;
        for (std::size_t t = 0; t < d; ++t) sum += double(x[t]) * double(x[t]);
        return std::sqrt(sum);
    }

    Metric metric_ = Metric::l2;
    bool none_ = true, all_ = false;  // none_: estimates suffice; all_: no bound holds
    double step_ = 0, sums_ = 0, shift_ = 0;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
