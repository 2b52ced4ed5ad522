// lutra/kernels/top_rows.hpp: finds the n best of some thousand rows for many queries: the coarse search of a batch,
// where the machine has no fast products of bytes.
// SPDX-License-Identifier: MIT
//
//   scores [k, W]   written by the product of panel.hpp, W queries side by side, a row of the matrix for each row
//   limit  [W]      just above the n-th best of each lane, by bisection: a step counts all lanes of a vector at once
//   found           rows under a lane's limit, n and a few more; each is scored exactly, and the n best are sorted
//
// The written scores are off by at most `slack` (rounding.hpp): with the limit raised by twice that, no row that
// belongs to the n best is missed. Against a heap that is fed while the product runs, d = 128, k = 1024, n = 32: 143 exact
// scores a query become 35.
#pragma once
#include <lutra/core/topk.hpp>
#include <lutra/core/workspace.hpp>
#include <lutra/kernels/distance.hpp>
#include <lutra/kernels/nearest.hpp>
#include <lutra/kernels/panel.hpp>
#include <lutra/kernels/rounding.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#if !defined(LUTRA_SCALAR_ONLY)
namespace lutra::inline LUTRA_ABI_TAG {

/// Finds the n best rows for groups of queries. Lives in the Arena it was made from. Needs n <= c.k / 2.
template <class Arch>
class TopRows {
    using B = simd::Floats<Arch>;
    using Shape = PanelShape<Arch, kMaxPanelVectors>;
    static constexpr std::size_t kLanes = B::size;

public:
    static constexpr std::size_t kWidth = Shape::kWidth;  ///< queries at a time
    static constexpr std::size_t kMinQueries = kLanes / 2;

    static constexpr std::size_t bytes(std::size_t k, std::size_t d, std::size_t n) {  ///< in the arena
        return arena_bytes<float>(kWidth * d) + arena_bytes<float>(kWidth * k) +
               arena_bytes<std::uint32_t>(kWidth * (room_for(n) + 1));
    }

    TopRows(Arena& arena, const CentroidsView& c, std::size_t n)
        : c_(c), n_(n), most_(n + n / 8 + 2), room_(room_for(n)), slack_(rounding_slack(c.d)) {
        panel_ = arena.take<float>(kWidth * c.d), scores_ = arena.take<float>(kWidth * c.k);
        found_ = arena.take<std::uint32_t>(kWidth * (room_ + 1));
    }

    /// rows and distances [queries.size(), n], at most kWidth queries (pointers to d floats): best first by the exact score, ties
    /// to the lower row, -1 where there is none.
    void find(std::span<const float* const> queries, Id* rows, float* distances) {
        const float* pointers[kWidth] = {};
        std::copy(queries.begin(), queries.end(), pointers);
        pack_panel(pointers, kWidth, c_.d, c_.origin, c_.metric == Metric::l2 ? -2.F : -1.F, panel_.data());
        write_scores();
        for (std::size_t lane = 0; lane < queries.size(); lane += kLanes) collect(lane, limits(lane, pointers + lane));
        for (std::size_t i = 0; i < queries.size(); ++i) rank(queries[i], i, rows + i * n_, distances + i * n_);
    }

private:
    static constexpr std::size_t room_for(std::size_t n) { return n + n / 8 + 2 + n / 8 + 14; }

    void write_scores() {
        for_tiles<Arch, Shape>(panel_.data(), c_.centred, c_.k, c_.d, [&](const auto& tile, std::size_t j, std::size_t n_rows) {
            for (std::size_t r = 0; r < n_rows; ++r)
                LUTRA_UNROLL for (std::size_t v = 0; v < Shape::kVectors; ++v)(tile.acc[r][v] + B(c_.terms[j + r]))
                    .store_aligned(scores_.data() + (j + r) * kWidth + v * kLanes);
        });
    }

    B scores_of(std::size_t row, std::size_t lane) const { return B::load_aligned(scores_.data() + row * kWidth + lane); }

    // The number of rows of each lane that score at or below its limit.
    B count(std::size_t lane, const B& limit) const {
        B even(0.F), odd(0.F);
        for (std::size_t j = 0; j + 2 <= c_.k; j += 2) {
            even = even + xsimd::select(scores_of(j, lane) <= limit, B(1.F), B(0.F));
            odd = odd + xsimd::select(scores_of(j + 1, lane) <= limit, B(1.F), B(0.F));
        }
        if (c_.k % 2 != 0) even = even + xsimd::select(scores_of(c_.k - 1, lane) <= limit, B(1.F), B(0.F));
        return even + odd;
    }

    // A limit for each lane with n rows under it and few more, raised by the error of the scores.
    B limits(std::size_t lane, const float* const* queries) const {
        B least = scores_of(0, lane), greatest = least, sum = least;
        for (std::size_t j = 1; j < c_.k; ++j) {
            const B score = scores_of(j, lane);
            least = xsimd::select(score < least, score, least), sum = sum + score;
            greatest = xsimd::select(score > greatest, score, greatest);
        }
        const B at = bisect(lane, least, simd::min(sum * B(1 / float(c_.k)), most_of_near(queries)), greatest, queries);
        alignas(64) float slack[kLanes] = {}, limit[kLanes];
        at.store_aligned(limit);
        for (std::size_t l = 0; l < kLanes; ++l)
            if (queries[l] != nullptr) slack[l] = 2 * slack_of(queries[l], limit[l]);
        return at + B::load_aligned(slack);
    }

    // Bisection starts from a limit with too few rows and one with enough: about half the rows are under the mean, and all that are
    // not far from the origin are under the other bound; else they are three doublings away, or all rows are taken. It ends where
    // each lane has n rows and few more: after 4 to 8 steps, 12 at most (1,024 and 4,096 centroids of SIFT, speech and words, n = 1
    // to 256). After 24 halvings there is hardly a float left between the limits, for floats have 24 bits: rows score alike there.
    B bisect(std::size_t lane, B below, B at, const B& greatest, const float* const* queries) const {
        constexpr int kSteps = 24;
        const B wanted = B(float(n_)), most = most_under(queries);
        B n = count(lane, at);
        for (int doubling = 0; doubling < 3 && !xsimd::all(n >= wanted); ++doubling) at = at + (at - below), n = count(lane, at);
        const auto under = n >= wanted;  // a mean of scores that hardly differ may round to less than all of them
        at = xsimd::select(under, at, greatest), n = xsimd::select(under, n, B(float(c_.k)));
        for (int step = 0; step < kSteps && !xsimd::all(n <= most); ++step) {
            const B middle = (below + at) * B(0.5F), n_middle = count(lane, middle);
            const auto enough = n_middle >= wanted;
            at = xsimd::select(enough, middle, at), n = xsimd::select(enough, n_middle, n);
            below = xsimd::select(enough, below, middle);
        }
        return at;
    }

    // How many rows under its limit each lane may have; a lane without a query any number.
    B most_under(const float* const* queries) const {
        alignas(64) float most[kLanes];
        for (std::size_t l = 0; l < kLanes; ++l) most[l] = float(queries[l] != nullptr ? most_ : c_.k);
        return B::load_aligned(most);
    }

    B most_of_near(const float* const* queries) const {
        alignas(64) float most[kLanes] = {};
        for (std::size_t l = 0; l < kLanes; ++l) {
            if (queries[l] == nullptr) continue;
            const float sum = c_.longest_near + std::sqrt(squared_length(queries[l]));
            most[l] = sum * sum;
        }
        return B::load_aligned(most);
    }

    // The error of scores near `limit`. Rows far from the origin, and further from q than the limit, do not count.
    float slack_of(const float* q, float limit) const {
        const float squared = squared_length(q), underflow = underflow_slack(c_.d);
        if (c_.metric == Metric::inner_product)
            return slack_ * std::sqrt(squared + underflow) * std::sqrt(c_.longest * c_.longest + underflow) + underflow;
        const bool far_is_farther = std::sqrt(squared) + std::sqrt(std::max(0.F, limit + squared)) < 0.9F * c_.far;
        const float longest = far_is_farther ? c_.longest_near : c_.longest;
        return slack_ * (squared + longest * longest) + underflow;
    }

    // |q|^2, less the origin.
    float squared_length(const float* q) const {
        float squared;
        c_.origin != nullptr ? l2sqr_rows(Arch{}, q, c_.origin, 1, c_.d, &squared) : squared_norms(q, 1, c_.d, &squared);
        return squared;
    }

    // The rows under each lane's limit into found_; a lane with more than there is room for says so by its count.
    void collect(std::size_t lane, const B& limit) {
        std::uint32_t* found[kLanes];
        std::uint32_t n[kLanes] = {};
        for (std::size_t l = 0; l < kLanes; ++l) found[l] = found_.data() + (lane + l) * (room_ + 1) + 1;
        for (std::size_t j = 0; j < c_.k; ++j)
            for (std::uint32_t left = simd::bits<Arch>(scores_of(j, lane) <= limit); left != 0; left &= left - 1) {
                const std::size_t l = std::size_t(std::countr_zero(left));
                found[l][std::min<std::size_t>(n[l], room_ - 1)] = std::uint32_t(j);
                ++n[l];
            }
        alignas(64) float limits[kLanes];
        limit.store_aligned(limits);
        for (std::size_t l = 0; l < kLanes; ++l)
            found[l][-1] = limits[l] <= std::numeric_limits<float>::max() ? n[l] : std::uint32_t(room_ + 1);
    }

    // With NaN, with infinity and if very many rows tie, a lane's limit says nothing: then every row is scored.
    void rank(const float* q, std::size_t lane, Id* rows, float* distances) {
        const std::uint32_t* found = found_.data() + lane * (room_ + 1);
        const bool usable = found[0] >= n_ && found[0] <= room_ && squared_length(q) <= std::numeric_limits<float>::max();
        TopK top(distances, rows, n_);
        for (std::size_t i = 0; i < (usable ? found[0] : c_.k); ++i) {
            const std::size_t row = usable ? found[i + 1] : i;
            top.push(score_row(c_.metric, q, c_.rows + row * c_.d, c_.d), Id(row));
        }
        top.write(c_.metric);
    }

    CentroidsView c_;
    // n and few more are under a limit: a row more is scored sooner than a step is made. Raised by the rounding, a limit has up to
    // 10 rows more (those centroids, 42,000 searches): there is room for a little more than twice the few.
    std::size_t n_, most_, room_;
    float slack_;
    std::span<float> panel_, scores_;
    std::span<std::uint32_t> found_;  // [kWidth, 1 + room]: how many, which
};

}  // namespace lutra::inline LUTRA_ABI_TAG
#endif
