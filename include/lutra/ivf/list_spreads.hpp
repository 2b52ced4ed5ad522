// lutra/ivf/list_spreads.hpp: the spread of each list: the root mean square distance of its rows to its centroid.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/types.hpp>
#include <lutra/kernels/distance.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Sums of the squared distances of stored (decoded) rows to their list's centroid. Rows are added one after the other, so a sum
/// does not depend on the batches they came in, and loading a file gives the same sums.
class ListSpreads {
public:
    ListSpreads() = default;
    explicit ListSpreads(std::size_t nlist) : squared_(nlist, 0), rms_(nlist, 0.F) {}

    double squared(std::size_t list) const { return squared_[list]; }
    /// Cannot fail.
    void set(std::size_t list, double squared, std::size_t rows) {
        squared_[list] = squared;
        const double rms = rows != 0 ? std::sqrt(squared / double(rows)) : 0;
        rms_[list] = float(std::min(rms, double(std::numeric_limits<float>::max())));
    }
    void clear() { std::fill(squared_.begin(), squared_.end(), 0), std::fill(rms_.begin(), rms_.end(), 0.F); }
    /// Root mean squares [nlist].
    std::span<const float> rms() const { return rms_; }

    /// The squared distance of a row [d] to a centroid; the largest float if it overflows. 0 for a row with NaN, which files may
    /// hold: such a row must not hide the others of its list.
    static double between(const float* row, const float* centroid, std::size_t d) {
        const float squared = score_row(Metric::l2, row, centroid, d);
        return squared == squared ? double(std::min(squared, std::numeric_limits<float>::max())) : 0;
    }

private:
    std::vector<double> squared_;
    std::vector<float> rms_;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
