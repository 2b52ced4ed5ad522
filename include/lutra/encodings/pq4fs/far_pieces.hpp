// lutra/encodings/pq4fs/far_pieces.hpp: outliers: finds pieces of training rows so far from all others that they must not count.
// SPDX-License-Identifier: MIT
// Main path: NearRows copies the training rows with far pieces moved to the middle; find_far_codes() marks the far centroids of a
// codebook from anywhere.
//
// One wrong component, 1e6 among values near 1, draws a centroid, and a centroid so far away sets the scale of every query's LUT. A
// piece is far if its squared distance from the middle (the median of each component)
//   - exceeds kFar times that of a typical whole row, so that no row near the piece is near any other row,
//   - and is kGap times that of the piece before it in the order of distances, or, where tails thin out step by step, kSpread
//     times that of a typical row and of the farthest piece that may not be far,
//   - and few rows share it: at most one in 128, an eighth of a centroid's share,
// or if it belongs to a row that as a whole is far by the same rule, and exceeds that piece of all others.
// Data without far pieces train to the same bits. For inner product nothing is far, as outliers are the answers there; their
// centroids are kept from setting the scale of LUTs instead (find_far_codes(), saturated_rows.hpp).
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/core/ordered.hpp>
#include <lutra/core/types.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG::detail {

// With kFar >= 1, no piece of SIFT, speech, words, normal or sparse binary rows is far (cut into 1, 2, d/4, d/2 or d pieces), and
// one or two in 100,000 lognormal ones. With 0.5, the ones of rows with 7 ones in 10,000 columns are far. A lower kFar finds
// smaller outliers, such as 50 among N(0,1), d = 600.
inline constexpr double kFar = 2, kGap = 9;                         // as squares: 1.4 and 3 times as far
inline constexpr double kSpread = 64, kSpreadOfCentroids = 0x1p20;  // 8 and 1,024: sixteen centroids go far out with a tail

/// The limit from which on squared distances are far, at most `most` of them; infinity if none is. Reorders them. `scale`: the
/// squared distance of a typical row.
inline double far_limit(std::span<double> distances, double scale, std::size_t most, double spread) {
    constexpr double kNone = std::numeric_limits<double>::infinity();
    if (!(*std::max_element(distances.begin(), distances.end()) > kFar * scale)) return kNone;
    const auto last = std::span(distances).last(std::min(most + 1, distances.size()));
    std::nth_element(distances.begin(), distances.end() - std::ptrdiff_t(last.size()), distances.end(), Less());
    std::sort(last.begin(), last.end(), Less());
    const double reach = spread * std::max(last.front(), scale);
    for (std::size_t i = 1; i < last.size(); ++i)
        if (last[i] > std::max(kFar * scale, std::min(kGap * last[i - 1], std::max(reach, last[i - 1])))) return last[i];
    return kNone;
}

/// The median of some values, NaN counting as the largest; 0 of none. Reorders them.
template <class T>
T median(std::span<T> values) {
    if (values.empty()) return 0;
    const auto middle = values.begin() + std::ptrdiff_t(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end(), [](T a, T b) { return a < b || (a == a && b != b); });
    return *middle;
}
/// The median of the values above 0: if most rows are equal, the others set the scale.
inline double positive_median(std::span<double> values) {
    const auto end = std::remove_if(values.begin(), values.end(), [](double v) { return !(v > 0); });
    return median(values.first(std::size_t(end - values.begin())));
}

inline double squared_distance(const float* a, const float* b, std::size_t n) {
    double sum = 0;
    for (std::size_t t = 0; t < n; ++t) sum += (double(a[t]) - double(b[t])) * (double(a[t]) - double(b[t]));
    return sum;
}

/// middle [d]: the median of each component of rows [n, d], of as many of them as there is room for in `column`.
inline void find_middle(MatrixView x, float* middle, std::span<float> column) {
    for (std::size_t t = 0; t < x.d; ++t) {
        for (std::size_t i = 0; i < column.size(); ++i) column[i] = x.row(i * x.n / column.size())[t];
        const float m = median(column);
        middle[t] = m - m == 0 ? m : 0;
    }
}
/// The same of about a thousand rows, if there are more.
inline void find_middle(MatrixView x, float* middle) {
    constexpr std::size_t kSome = 1024;
    std::vector<float> column(std::min(x.n, kSome));
    find_middle(x, middle, column);
}

/// Rows for training: the given ones, or a copy in which the middle replaces pieces that are far or not finite (as residuals may
/// be); the copy takes 4 n d bytes. Cost: 2 n d multiply-adds, much less than an iteration of k-means.
class NearRows {
public:
    /// x [n, d] in m pieces; x must outlive this object. For inner product only pieces that are not finite are replaced.
    NearRows(MatrixView x, std::size_t m, Metric metric)
        : x_(x),
          dsub_(x.d / m),
          most_(x.n < 64 ? 0 : std::max<std::size_t>(1, x.n / 128)),
          middle_(x.d),
          distances_(x.n),
          far_(x.n) {
        constexpr double kNone = std::numeric_limits<double>::infinity();
        find_middle(x, middle_.data());
        const double scale = metric == Metric::l2 ? find_far_rows() : 0;
        for (std::size_t piece = 0; piece < m; ++piece) {
            measure(piece * dsub_, dsub_);
            pull_in(piece * dsub_, metric == Metric::l2 ? piece_limit(scale) : kNone);
        }
    }

    MatrixView rows() const { return copy_.empty() ? x_ : MatrixView{copy_.data(), x_.n, x_.d}; }

private:
    // Sets distances_ [n], from the middle, over n columns from `first` on.
    void measure(std::size_t first, std::size_t n) {
        for (std::size_t i = 0; i < x_.n; ++i) distances_[i] = squared_distance(x_.row(i) + first, middle_.data() + first, n);
    }

    // Marks the rows that are far as a whole; returns the squared distance of a typical row.
    double find_far_rows() {
        measure(0, x_.d);
        std::vector<double> order = distances_;
        const double scale = positive_median(order);
        order = distances_;
        const double limit = far_limit(order, scale, most_, kSpread);
        for (std::size_t i = 0; i < x_.n; ++i) far_[i] = !(distances_[i] < limit);
        return scale;
    }

    // The limit from which on a piece is far. Pieces of far rows that exceed those of all other rows are far, too, however small.
    double piece_limit(double scale) const {
        std::vector<double> order = distances_;
        double limit = far_limit(order, scale, most_, kSpread), largest = 0, beyond = std::numeric_limits<double>::infinity();
        for (std::size_t i = 0; i < x_.n; ++i)
            if (far_[i] == 0) largest = std::max(largest, distances_[i]);
        for (std::size_t i = 0; i < x_.n; ++i)
            if (far_[i] != 0 && distances_[i] > largest) beyond = std::min(beyond, distances_[i]);
        return std::min(limit, beyond);
    }

    void pull_in(std::size_t first, double limit) {
        for (std::size_t i = 0; i < x_.n; ++i) {
            if (distances_[i] < limit) continue;
            if (copy_.empty()) copy_.assign(x_.data, x_.data + x_.n * x_.d);
            std::copy_n(middle_.data() + first, dsub_, copy_.data() + i * x_.d + first);
        }
    }

    MatrixView x_;
    std::size_t dsub_, most_;        // most_: how many rows may be far
    std::vector<float> middle_;      // [d]
    std::vector<double> distances_;  // [n]
    std::vector<char> far_;          // [n]: as a whole
    AlignedVector<float> copy_;
};

/// far [M]: sets bit c for far centroids of [M, 16, dsub], fewer than half of a sub-quantizer's, as training with outliers leaves
/// them. The scale of a typical row is M times that of the median sub-quantizer. Returns whether any centroid is far. Takes
/// memory for M doubles and dsub floats meanwhile.
inline bool find_far_codes(const float* centroids, std::size_t m, std::size_t dsub, std::span<std::uint16_t> far,
                           AlignedAllocator<float> allocator = {}) {
    constexpr std::size_t kCodes = 16;
    AlignedVector<float> middle(dsub, allocator);
    AlignedVector<double> typical(m, AlignedAllocator<double>(allocator));
    std::array<double, kCodes> distances;
    const auto measure = [&](std::size_t i) {
        const MatrixView sub{centroids + i * kCodes * dsub, kCodes, dsub};
        std::array<float, kCodes> column;
        find_middle(sub, middle.data(), column);
        for (std::size_t c = 0; c < kCodes; ++c) distances[c] = squared_distance(sub.row(c), middle.data(), dsub);
    };
    for (std::size_t i = 0; i < m; ++i) measure(i), typical[i] = positive_median(std::span<double>(distances));
    const double scale = double(m) * positive_median(std::span<double>(typical));
    bool any = false;
    for (std::size_t i = 0; i < m; ++i) {
        measure(i);
        std::array<double, kCodes> order = distances;
        const double limit = far_limit(order, scale, kCodes / 2 - 1, kSpreadOfCentroids);
        far[i] = 0;
        for (std::size_t c = 0; c < kCodes; ++c)
            if (!(distances[c] < limit)) far[i] = std::uint16_t(far[i] | 1U << c);
        any = any || far[i] != 0;
    }
    return any;
}

}  // namespace lutra::inline LUTRA_ABI_TAG::detail
