// lutra/kernels/centroids.hpp: centroids, and the same less a common origin, as the fused products need them.
// SPDX-License-Identifier: MIT
//
//   |x - c|^2 = |x'|^2 - 2 x'.c' + |c'|^2,     x' = x - origin, c' = c - origin
//
// The sum on the right cancels: its rounding grows with |x'| and |c'|, not with the distance. Positions in metres from the centre
// of the Earth have 4e6 in each column and distances of a few metres, so products of the raw rows would be noise. The origin is the
// median of each column, which removes offsets and, unlike the mean, does not follow one far centroid. Inner products depend on the
// origin: there it is 0.
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/core/order_key.hpp>
#include <lutra/core/types.hpp>
#include <lutra/kernels/byte_rows.hpp>
#include <lutra/kernels/column_medians.hpp>
#include <lutra/kernels/distance.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Centroids as the kernels need them.
struct CentroidsView {
    const float* rows = nullptr;     // [k, d] as they are: what exact distances are taken to
    const float* centred = nullptr;  // [k, d] less the origin: what products are taken of
    const float* terms = nullptr;    // [k] |centred|^2 for L2, 0 for inner product
    const float* origin = nullptr;   // [d]; null: 0
    std::size_t k = 0, d = 0;
    Metric metric = Metric::l2;
    float longest = 0;                                   // largest |centred|
    float longest_near = 0;                              // the same without far centroids
    float far = std::numeric_limits<float>::infinity();  // smallest |centred| of a far centroid
    const CentroidBytes* bytes = nullptr;                // of centroids, if there are; row 0 is their number first_byte_row
    std::size_t first_byte_row = 0;
};

/// Owns centroids [k, d] and what CentroidsView has beside them. Memory: 8 k d bytes for L2, 4 k d for inner product; bytes are
/// k d more. Rows may be changed; prepare() them before the next view().
class Centroids {
public:
    Centroids() = default;
    /// for_lone_queries: bytes also where the products of many points are no faster by them.
    Centroids(Metric metric, AlignedVector<float> rows, std::size_t k, std::size_t d, bool for_lone_queries = false)
        : metric_(metric),
          with_bytes_(may_have_bytes(k, d) && (for_lone_queries ? kHasBytes : kBytesPay) && rows.get_allocator().room == nullptr),
          k_(k),
          d_(d),
          rows_(std::move(rows)),
          centred_(rows_.get_allocator()),
          origin_(rows_.get_allocator()),
          terms_(k, 0.F, rows_.get_allocator()),
          norms_(k, 0.F, rows_.get_allocator()),
          scratch_(rows_.get_allocator()) {
        scratch_.reserve(k);
        if (metric == Metric::l2) origin_.resize(d), centred_.resize(k * d);
        choose_origin();
    }

    /// True if the memory is a room's: nothing is kept beside that is not needed.
    bool in_room() const { return rows_.get_allocator().room != nullptr; }

    static bool may_have_bytes(std::size_t k, std::size_t d) {
        // The nearest of k by floats takes so many times what it takes by bytes, first d columns of SIFT, Zen 4: k = 256, d = 48
        // 0.97; 192, 48 0.84; 256, 32 0.76; 256, 128 1.5; 512, 48 1.2.
        constexpr std::size_t kLeast = 256, kLeastColumns = 48;
        return k >= kLeast && d >= kLeastColumns && d <= kMostByteColumns;
    }

    std::size_t k() const { return k_; }
    std::size_t d() const { return d_; }
    const AlignedVector<float>& rows() const { return rows_; }
    const float* row(std::size_t j) const { return rows_.data() + j * d_; }
    float* row(std::size_t j) { return rows_.data() + j * d_; }

    /// Empty without bytes.
    const CentroidBytes& bytes() const { return bytes_; }

    /// An origin for the rows as they are now, and all of them prepared.
    void choose_origin() {
        if (metric_ == Metric::l2 && k_ != 0) column_medians(rows_.data(), k_, d_, origin_.data());
        bytes_ = CentroidBytes();
        prepare();
        if constexpr (kHasBytes)
            if (with_bytes_) bytes_ = CentroidBytes(rows_.data(), k_, d_, metric_);
    }

    /// After any rows have changed.
    void prepare() {
        for (std::size_t j = 0; j < k_; ++j) prepare_row(j);
        find_far();
    }

    /// After row j has changed; then once find_far().
    void prepare_row(std::size_t j) {
        const float* c = row(j);
        if (metric_ == Metric::l2) {
            for (std::size_t t = 0; t < d_; ++t) centred_[j * d_ + t] = c[t] - origin_[t];
            c = centred_.data() + j * d_;
        }
        squared_norms(c, 1, d_, &norms_[j]);
        if (metric_ == Metric::l2) terms_[j] = norms_[j];
        if constexpr (kHasBytes)
            if (!bytes_.empty()) bytes_.set_row(j, row(j));
    }

    /// Marks centroids so far from the origin that they are nearest only to their own rows: their length must not enter the error
    /// bound of the products with all others. Under inner product none is far.
    void find_far() {
        float limit = std::numeric_limits<float>::infinity();
        if (metric_ == Metric::l2 && k_ != 0) {
            scratch_.resize(k_);
            const std::span<std::int32_t> keys(scratch_);  // as column_medians() sorts them: one function in the program
            for (std::size_t j = 0; j < k_; ++j) keys[j] = order_key(norms_[j]);
            std::nth_element(keys.begin(), keys.begin() + std::ptrdiff_t(k_ / 2), keys.end(), detail::Less());
            if (const float middle = from_order_key(keys[k_ / 2]); middle > 0) limit = kFar * kFar * middle;
        }
        float near = 0, longest = 0, far = std::numeric_limits<float>::infinity();
        for (const float norm : norms_) {
            longest = std::max(longest, norm);
            if (norm <= limit)
                near = std::max(near, norm);
            else  // the square overflows, so it is far
                far = std::min(far, std::min(norm, std::numeric_limits<float>::max()));
        }
        longest_ = std::sqrt(longest), longest_near_ = std::sqrt(near), far_ = std::sqrt(far);
    }

    CentroidsView view() const { return view(0, k_); }
    /// Centroids [begin, end); with their bytes if both are multiples of kByteGroup, or all are left.
    CentroidsView view(std::size_t begin, std::size_t end) const {
        const bool l2 = metric_ == Metric::l2, whole_groups = begin % kByteGroup == 0 && (end % kByteGroup == 0 || end == k_);
        return {row(begin),
                l2 ? centred_.data() + begin * d_ : row(begin),
                terms_.data() + begin,
                l2 ? origin_.data() : nullptr,
                end - begin,
                d_,
                metric_,
                longest_,
                longest_near_,
                far_,
                bytes_.empty() || !whole_groups ? nullptr : &bytes_,
                begin};
    }

private:
    static constexpr float kFar = 16;  // times the median length

    Metric metric_ = Metric::l2;
    bool with_bytes_ = false;
    std::size_t k_ = 0, d_ = 0;
    AlignedVector<float> rows_, centred_, origin_, terms_;
    AlignedVector<float> norms_;           // [k] |centred|^2
    AlignedVector<std::int32_t> scratch_;  // [k]
    [[no_unique_address]] CentroidBytes bytes_;
    float longest_ = 0, longest_near_ = 0, far_ = std::numeric_limits<float>::infinity();
};

}  // namespace lutra::inline LUTRA_ABI_TAG
