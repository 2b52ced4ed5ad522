// lutra/core/reservoir.hpp: the k best of many candidates, kept in a heap of no order that is cut down now and then.
// SPDX-License-Identifier: MIT
//
// A binary heap costs a walk with mispredicted branches for every candidate. Here a candidate is appended; when the room is
// used up, the k-th best score is found by bisection over the scores' bits, which is one vectorised count per step, and what
// is worse is dropped. The threshold is that score, so it falls behind a heap's a little, and a few more candidates come.
#pragma once
#include <lutra/core/collector.hpp>
#include <lutra/core/workspace.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

/// A Collector with the outcome of TopCollector: the k best by (score, id), the lower id first. NaN and what is above the
/// largest float never enter. Memory is the arena's: 12 bytes for each of about 1.5 k + kRun candidates.
class Reservoir {
public:
    static constexpr std::size_t kRun = 256;  ///< the most candidates one append() brings

    static Reservoir make(float*, Id*, std::size_t k, const IdFilter* filter, Arena& arena) { return Reservoir(k, filter, arena); }
    Reservoir() = default;
    Reservoir(std::size_t k, const IdFilter* filter, Arena& arena)
        : k_(k),
          most_(k + k / 2 + 16),
          scores_(arena.take<float>(most_ + kRun)),
          ids_(arena.take<Id>(most_ + kRun)),
          filter_(filter) {}

    float threshold() const { return threshold_; }
    bool wants(Id id) const { return filter_->accepts(id); }

    void push(float score, Id id) {
        add(score, id);
        cut_when_full();
    }

    /// n <= kRun candidates: score(i) and id(i). The filter and the threshold are applied here.
    template <class Score, class IdOf>
    void append(std::size_t n, Score&& score, IdOf&& id) {
        if (!filter_->active())
            for (std::size_t i = 0; i < n; ++i) add(score(i), id(i));
        else
            for (std::size_t i = 0; i < n; ++i)
                if (wants(id(i))) add(score(i), id(i));
        cut_when_full();
    }

    /// All that another one has left, already filtered.
    void take_over(const Reservoir& other) {
        for (std::size_t i = 0; i < other.n_; ++i) push(other.scores_[i], other.ids_[i]);
    }

    /// The k best as a result row: sorted, scores turned into distances, -1 where there are none.
    void write(Metric metric, float* distances, Id* ids) {
        cut(0);
        TopK top(distances, ids, k_);
        for (std::size_t i = 0; i < n_; ++i) top.push(scores_[i], ids_[i]);
        top.write(metric);
    }

private:
    // Without a branch: a candidate that does not count is overwritten by the next.
    void add(float score, Id id) {
        scores_[n_] = score, ids_[n_] = id;
        n_ += score <= threshold_;
    }

    void cut_when_full() {
        if (n_ > most_) cut(k_ / 8);
        LUTRA_ASSERT(n_ <= most_);
    }

    // Scores as integers of the same order.
    static std::int32_t key(float score) {
        const auto bits = std::bit_cast<std::int32_t>(score + 0.F);  // -0 becomes 0
        return bits ^ std::int32_t(std::uint32_t(bits >> 31) >> 1);
    }
    static float score_of(std::int32_t key) { return std::bit_cast<float>(key ^ std::int32_t(std::uint32_t(key >> 31) >> 1)); }

    std::size_t count_to(float score) const {
        std::uint32_t n = 0;
        for (std::size_t i = 0; i < n_; ++i) n += scores_[i] <= score;
        return n;
    }

    // Keeps the k best, and up to `more` others if that ends the search for the k-th sooner. n_ > k_.
    void cut(std::size_t more) {
        if (n_ <= k_) return;
        const auto [least, most] = std::minmax_element(scores_.begin(), scores_.begin() + std::ptrdiff_t(n_));
        std::int64_t below = std::int64_t(key(*least)) - 1, at = key(*most);  // fewer than k up to `below`, at least k up to `at`
        std::size_t kept = n_;
        while (at - below > 1 && kept > k_ + more) {
            const std::int64_t middle = below + (at - below) / 2;
            const std::size_t n = count_to(score_of(std::int32_t(middle)));
            if (n < k_)
                below = middle;
            else
                at = middle, kept = n;
        }
        const float score = score_of(std::int32_t(at));
        const Id last = kept > k_ + more ? last_id_at(score) : std::numeric_limits<Id>::max();
        keep(score, last);
        threshold_ = score;
    }

    // More than k have scores up to `score`, the k-th best: the id up to which those with that very score are kept.
    Id last_id_at(float score) const {
        std::size_t better = 0;
        for (std::size_t i = 0; i < n_; ++i) better += scores_[i] < score;
        const auto up_to = [&](Id id) {
            std::size_t n = better;
            for (std::size_t i = 0; i < n_; ++i) n += scores_[i] == score && ids_[i] <= id;
            return n;
        };
        Id below = -1, at = std::numeric_limits<Id>::max();
        while (at - below > 1) {
            const Id middle = below + (at - below) / 2;
            (up_to(middle) < k_ ? below : at) = middle;
        }
        return at;
    }

    // At the very last pair, the same id may stand under the same score many times: k of all are kept.
    void keep(float score, Id last) {
        std::size_t n = 0, ties = 0, better = 0;
        for (std::size_t i = 0; i < n_; ++i) better += scores_[i] < score || (scores_[i] == score && ids_[i] < last);
        const std::size_t most_ties = last == std::numeric_limits<Id>::max() ? n_ : k_ - std::min(k_, better);
        for (std::size_t i = 0; i < n_; ++i) {
            const bool tie = scores_[i] == score && ids_[i] == last;
            const bool in = scores_[i] < score || (scores_[i] == score && ids_[i] < last) || (tie && ties++ < most_ties);
            scores_[n] = scores_[i], ids_[n] = ids_[i];
            n += in;
        }
        n_ = n;
    }

    std::size_t k_ = 0, most_ = 0, n_ = 0;
    float threshold_ = TopK::kEmpty;
    std::span<float> scores_;
    std::span<Id> ids_;
    const IdFilter* filter_ = nullptr;
};
static_assert(TopKCollector<Reservoir>);

}  // namespace lutra::inline LUTRA_ABI_TAG
