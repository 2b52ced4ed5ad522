// lutra/encodings/pq4fs/residual_terms.hpp: the term of a row, a number that lets one LUT a query serve the residuals of all lists.
// SPDX-License-Identifier: MIT
//
// Codes r are of rows less their list's centroid c. With the query and the centroids less a common origin, q' and c',
//
//   |q - c - r|^2  =  |q' - r|^2  +  |q - c|^2 - |q'|^2  +  2 c'.r
//                     one table a    one number a           one number a row: its term, in multiples of unit()
//                     query          query and list
//
// A term depends only on the code, the codebook and the centroids, so files do not hold it: terms are computed when rows are added
// or loaded, as sums of integers, which are the same in any order. A term is kept in 16 bits behind the codes of its block; one
// multiplication scales it to the steps of a query's LUT (kernel.hpp). (With |r|^2 in the term instead of the LUT, less of the
// term's range would be left to 2 c'.r.)
//
// The price is precision: steps grow with |q'|, those of a LUT for q - c only with |q - c|. So a list is near only if its centroid
// is within kReach typical residuals of the origin, the centroids' median. Other lists, and all lists of a codebook with far
// centroids (far_pieces.hpp), get a LUT for each query that visits them.
#pragma once
#include <lutra/encodings/pq4fs/codebook.hpp>
#include <lutra/encodings/pq4fs/far_pieces.hpp>
#include <lutra/encodings/pq4fs/kernel.hpp>
#include <lutra/kernels/distance.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// The data shared by all terms of an index: origin, unit, and which lists are near.
class Pq4Terms {
public:
    static constexpr double kReach = 3;
    static constexpr std::int32_t kZero = 32768;  ///< the term 0, as kept

    /// centroids [nlist]: pointers to d floats, of all lists. Cost: 2 nlist d multiply-adds and the medians of d columns.
    void set(const Pq4Codebook& codebook, std::span<const float* const> centroids) {
        *this = {};
        if (codebook.has_far() || centroids.empty()) return;
        find_origin(codebook.dim(), centroids);
        const double most = kReach * typical_length(codebook);
        for (const float* c : centroids) {
            const double length = from_origin(c);
            near_.push_back(length <= most);
            if (length <= most) reach_ = std::max(reach_, length);
        }
        const double largest = 2 * reach_ * codebook.longest();
        used_ = codebook.longest() < 0x1p50 && (largest == 0 || (largest > 0x1p-100 && largest < 0x1p100));
        unit_ = float(largest / (kZero - 8));
        if (!used_) *this = {};
    }

    bool used() const { return used_; }
    /// True if rows of this list have terms that count.
    bool near(std::size_t list) const { return near_[list]; }
    const float* origin() const { return origin_.data(); }
    float unit() const { return unit_; }
    /// The largest distance of a near list's centroid from the origin.
    double reach() const { return reach_; }

    /// True if one LUT can serve all near lists: the query is not so far that floats overflow.
    bool shares(const float* q) const { return used_ && squared_from_origin(q) < 0x1p100F; }
    float squared_from_origin(const float* q) const { return score_row(Metric::l2, q, origin_.data(), origin_.size()); }

    double from_origin(const float* centroid) const {
        double sum = 0;
        for (std::size_t t = 0; t < origin_.size(); ++t) sum += double(centroid[t] - origin_[t]) * double(centroid[t] - origin_[t]);
        return std::sqrt(sum);
    }

private:
    // The median of each component over about a thousand centroids; the mean would follow centroids far from all others.
    void find_origin(std::size_t d, std::span<const float* const> centroids) {
        const std::size_t n = std::min<std::size_t>(centroids.size(), 1024);
        std::vector<float> some(n * d);
        for (std::size_t i = 0; i < n; ++i) std::copy_n(centroids[i * centroids.size() / n], d, some.data() + i * d);
        origin_.resize(d);
        detail::find_middle({some.data(), n, d}, origin_.data());
    }

    static double typical_length(const Pq4Codebook& codebook) {
        double sum = 0;
        for (const float c : codebook.centroids()) sum += double(c) * double(c);
        return std::sqrt(sum / double(kPq4Centroids));
    }

    bool used_ = false;
    float unit_ = 0;
    double reach_ = 0;
    std::vector<float> origin_;  // [d]
    std::vector<bool> near_;     // [nlist]
};

/// Terms of the rows of one list.
class Pq4ListTerms {
public:
    /// Cost: 16 d multiply-adds.
    Pq4ListTerms(const Pq4Codebook& codebook, const Pq4Terms& terms, const float* centroid)
        : m_(codebook.m()), parts_(m_ * kPq4Centroids) {
        const bool counts = terms.unit() > 0 && terms.from_origin(centroid) <= terms.reach();
        for (std::size_t m = 0; counts && m < m_; ++m) {
            double row[kPq4Centroids] = {};  // doubles hold the products exactly: the same bits in every build
            for (std::size_t t = 0; t < codebook.dsub(); ++t) {
                const std::size_t at = m * codebook.dsub() + t;
                const float shift = centroid[at] - terms.origin()[at];
                for (std::size_t c = 0; c < kPq4Centroids; ++c) row[c] += double(shift) * double(codebook.lanes(m, t)[c]);
            }
            const double scale = 2.0 * kParts / double(terms.unit());
            for (std::size_t c = 0; c < kPq4Centroids; ++c) parts_[m * kPq4Centroids + c] = std::int32_t(row[c] * scale);
        }
    }

    /// The stored term of a code: within 1/2 + M / 4096 of the exact one.
    template <class Layout>
    std::uint16_t of(const std::byte* block, std::size_t slot) const {
        std::int32_t sum = kParts / 2;
        for_codes<Layout>(block, slot, m_, [&](std::size_t m, std::uint32_t code) { sum += parts_[m * kPq4Centroids + code]; });
        return std::uint16_t((sum >> kPartBits) + Pq4Terms::kZero);
    }

private:
    static constexpr int kPartBits = 12;
    static constexpr std::int32_t kParts = 1 << kPartBits;  // parts of a unit, to which each sub-quantizer's share is rounded down

    std::size_t m_;
    std::vector<std::int32_t> parts_;  // [M, 16]
};

}  // namespace lutra::inline LUTRA_ABI_TAG
