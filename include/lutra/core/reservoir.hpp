// lutra/core/reservoir.hpp: the k best of many candidates, in a pool of no order that is cut down now and then.
// SPDX-License-Identifier: MIT
//
// A binary heap costs a walk with mispredicted branches for every candidate. Here a candidate is appended; when the pool first
// holds k, and when it is half as large again, the k-th best score is found by bisection, one vectorised count per step, and what
// is worse is dropped. The threshold is that score, so it falls behind a heap's a little, and a few more candidates come.
#pragma once
#include <lutra/core/bisect.hpp>
#include <lutra/core/collector.hpp>
#include <lutra/core/order_key.hpp>
#include <lutra/core/workspace.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>

namespace lutra::inline LUTRA_ABI_TAG {

/// A TopKCollector with the outcome of TopCollector: the k best by (score, id), the lower id first. NaN and what is above the
/// largest float never enter. Memory is the arena's: about 30 k + 12 kRun bytes.
class Reservoir {
public:
    static constexpr std::size_t kRun = 256;  ///< the most candidates one append() brings

    static Reservoir make(float*, Id*, std::size_t k, const IdFilter* filter, Arena& arena) { return Reservoir(k, filter, arena); }
    Reservoir() = default;
    Reservoir(std::size_t k, const IdFilter* filter, Arena& arena)
        : k_(k),
          most_(k + k / 2 + 16),
          keys_(arena.take<Key>(most_ + kRun).data()),
          ids_(arena.take<Id>(most_ + kRun).data()),
          order_(arena.take<std::uint64_t>(most_).data()),
          filter_(filter) {}

    float threshold() const { return score_of(threshold_); }
    bool wants(Id id) const { return filter_->accepts(id); }
    /// Of the first candidates, how many of the best are enough; 0: all are needed.
    std::size_t wants_first() const { return n_ == 0 && !filter_->active() ? k_ : 0; }

    void push(float score, Id id) {
        add(key_of(score), id);
        cut_when_full();
    }

    /// n <= kRun candidates: score(i) and id(i). The filter and the threshold are applied here.
    template <class Score, class IdOf>
    void append(std::size_t n, Score&& score, IdOf&& id) {
        if (!filter_->active())
            add_all(n, score, id);
        else
            for (std::size_t i = 0; i < n; ++i)
                if (const Key key = key_of(score(i)); key <= threshold_ && wants(id(i))) add(key, id(i));
        cut_when_full();
    }

    /// Asks for the memory the next candidate goes to.
    void prefetch() const {
#if defined(__GNUC__)
        __builtin_prefetch(keys_ + n_, 1);
        __builtin_prefetch(ids_ + n_, 1);
#endif
    }

    /// All that another one has left, already filtered.
    void take_over(const Reservoir& other) {
        for (std::size_t i = 0; i < other.n_; ++i) push(score_of(other.keys_[i]), other.ids_[i]);
    }

    /// The k best as a result row: scores turned into distances, -1 where there are none. The last call.
    void write(Metric metric, Order order, float* distances, Id* ids) {
        if (n_ > k_) cut(order == Order::any ? 0 : kMore);
        const std::size_t n = std::min(n_, k_);
        if (order == Order::any)
            for (std::size_t i = 0; i < n; ++i) distances[i] = score_of(keys_[i]), ids[i] = ids_[i];
        else
            write_sorted(n, distances, ids);
        for (std::size_t i = 0; i < n; ++i) distances[i] = distance_of(metric, distances[i]);
        std::fill(distances + n, distances + k_, metric == Metric::l2 ? TopK::kEmpty : -TopK::kEmpty);
        std::fill(ids + n, ids + k_, kNoId);
    }

private:
    using Key = std::int32_t;  // a score as an integer of the same order
    static constexpr std::size_t kMore = 8;
    static constexpr Key kNone = std::numeric_limits<Key>::max();
    static constexpr Key kUnset = std::bit_cast<Key>(TopK::kEmpty);

    void write_sorted(std::size_t n, float* distances, Id* ids) {
        std::uint64_t* const order = order_;
        for (std::size_t i = 0; i < n_; ++i)
            order[i] = std::uint64_t(std::uint32_t(keys_[i]) ^ 0x80000000U) << 32 | std::uint64_t(i);
        std::sort(order, order + n_);
        sort_ties(order);
        for (std::size_t i = 0; i < n; ++i) distances[i] = score_of(keys_[place(order[i])]), ids[i] = ids_[place(order[i])];
    }

    static Key key_of(float score) {
        return score == score ? order_key(score + 0.F) : kNone;  // -0 becomes 0
    }
    static float score_of(Key key) { return from_order_key(key); }

    // Without a branch: a candidate that does not count is overwritten by the next.
    void add(Key key, Id id) {
        keys_[n_] = key, ids_[n_] = id;
        n_ += key <= threshold_;
    }

    // In variables of its own: what is stored to the pool could be n_ or threshold_ for all the compiler knows.
    template <class Score, class IdOf>
    void add_all(std::size_t n, Score&& score, IdOf&& id) {
        const Key threshold = threshold_;
        Key* keys = keys_ + n_;
        Id* ids = ids_ + n_;
        std::size_t added = 0;
        for (std::size_t i = 0; i < n; ++i) {
            const Key key = key_of(score(i));
            keys[added] = key, ids[added] = id(i);
            added += key <= threshold;
        }
        n_ += added;
    }

    void cut_when_full() {
        if (n_ > most_ || (threshold_ == kUnset && n_ >= k_)) cut(std::max(k_ / 8, kMore));
        LUTRA_ASSERT(n_ <= most_);
    }

    // Keeps the k best, and up to `more` others where that ends the search for the k-th sooner. n_ >= k_.
    void cut(std::size_t more) {
        const KeyCount found = kth_least({keys_, n_}, k_, more);
        threshold_ = found.key;
        if (found.n > k_ + more)
            keep_ties();
        else
            keep([this](std::size_t i) { return keys_[i] <= threshold_; });
    }

    template <class Predicate>
    void keep(Predicate&& wanted) {
        std::size_t n = 0;
        for (std::size_t i = 0; i < n_; ++i) {
            const bool in = wanted(i);
            keys_[n] = keys_[i], ids_[n] = ids_[i];
            n += in;
        }
        n_ = n;
    }

    // Many candidates have the k-th best score: of those, the lowest ids are kept. k are left.
    void keep_ties() {
        std::size_t better = 0;
        for (std::size_t i = 0; i < n_; ++i) better += keys_[i] < threshold_;
        const auto count = [&](Id id) {
            std::size_t n = better;
            for (std::size_t i = 0; i < n_; ++i) n += keys_[i] == threshold_ && ids_[i] <= id;
            return n;
        };
        Id below = -1, at = std::numeric_limits<Id>::max();
        while (below < at - 1) {
            const Id middle = std::midpoint(below, at);
            (count(middle) < k_ ? below : at) = middle;
        }
        std::size_t last = k_ - (at > 0 ? std::min(k_, count(at - 1)) : better);  // an id may stand there more than once
        keep([&](std::size_t i) {
            if (keys_[i] != threshold_) return keys_[i] < threshold_;
            return ids_[i] < at || (ids_[i] == at && last != 0 && last-- != 0);
        });
    }

    static std::size_t place(std::uint64_t ordered) { return std::size_t(ordered & 0xffffffff); }

    // Equal scores: the lower id first.
    void sort_ties(std::uint64_t* order) const {
        const auto by_id = [this](std::uint64_t a, std::uint64_t b) { return ids_[place(a)] < ids_[place(b)]; };
        for (std::size_t i = 0, end = 0; i < n_; i = end) {
            for (end = i + 1; end < n_ && order[end] >> 32 == order[i] >> 32;) ++end;
            if (end - i > 1) std::sort(order + i, order + end, by_id);
        }
    }

    std::size_t k_ = 0, most_ = 0, n_ = 0;
    Key threshold_ = kUnset;
    Key* keys_ = nullptr;
    Id* ids_ = nullptr;
    std::uint64_t* order_ = nullptr;  // for write()
    const IdFilter* filter_ = nullptr;
};
static_assert(TopKCollector<Reservoir>);

}  // namespace lutra::inline LUTRA_ABI_TAG
