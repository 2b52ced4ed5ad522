// lutra/core/reservoir.hpp: the k best of many candidates, in an unsorted pool, pruned whenever it fills.
// SPDX-License-Identifier: MIT
//
// A binary heap costs a walk with mispredicted branches for every candidate. Here a candidate is appended. The pool is pruned when
// it first holds k candidates, and whenever it is half as large again: the k-th best score is found by bisection, one vectorised
// count per step, and worse candidates are dropped. The threshold is that score. It lags a little behind a heap's, so a few more
// candidates are appended than a heap would take.
#pragma once
#include <lutra/core/bisect.hpp>
#include <lutra/core/bit_cast.hpp>
#include <lutra/core/collector.hpp>
#include <lutra/core/order_key.hpp>
#include <lutra/core/ordered.hpp>
#include <lutra/core/prefetch.hpp>
#include <lutra/core/workspace.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace lutra::inline LUTRA_ABI_TAG {

/// Maps the location of a vector to its id. A location is a number by which the index finds the vector, different for every vector.
struct LocationIds {
    const void* index = nullptr;
    Id (*id)(const void* index, std::uint64_t location) = [](const void*, std::uint64_t location) { return Id(location); };

    Id operator()(std::uint64_t location) const { return id(index, location); }
};

/// A TopKCollector with the result of TopCollector: the k best by (score, id); ties go to the lower id, then to the lower location.
/// NaN and +infinity never enter. Candidates are kept by location: their ids are scattered in memory, so they are looked up only
/// for the final k, and to break ties. Memory, from the arena: about 38 k + 20 kRun bytes.
///
/// Scores may be estimates: rescore() replaces them.
class Reservoir {
public:
    static constexpr std::size_t kRun = 256;  ///< most candidates of one append(): room for them is kept behind a full pool
    static constexpr std::size_t kGroup = 8;  ///< most candidates rescored at a time: the next group's rows load meanwhile

    /// What one takes from the arena.
    static constexpr std::size_t bytes(std::size_t k) {
        const std::size_t n = pool_size(k);
        return arena_bytes<Key>(n + kRun) + 2 * arena_bytes<std::uint64_t>(n + kRun) + arena_bytes<std::uint64_t>(n);
    }

    static Reservoir make(float*, Id*, std::size_t k, const IdFilter* filter, Arena& arena) { return Reservoir(k, filter, arena); }
    Reservoir() = default;
    Reservoir(std::size_t k, const IdFilter* filter, Arena& arena, LocationIds id_of = {}, bool estimates_will_do = true)
        : rough(estimates_will_do),
          k_(k),
          most_(pool_size(k)),
          keys_(arena.take<Key>(most_ + kRun).data()),
          locations_(arena.take<std::uint64_t>(most_ + kRun).data()),
          ids_(arena.take<Id>(most_ + kRun).data()),
          order_(arena.take<std::uint64_t>(most_).data()),
          filter_(filter),
          id_of_(id_of) {}

    bool rough = true;  ///< estimates are final, as for a refine stage; candidates are then appended by id, not by location

    float threshold() const { return score_of(threshold_); }
    bool wants(Id id) const { return filter_->accepts(id); }
    /// While the pool is empty: how many of the best of the first candidates suffice. 0: all are needed.
    std::size_t wants_first() const { return n_ == 0 && !filter_->active() ? k_ : 0; }

    /// For indexes whose locations are ids.
    void push(float score, Id id) {
        add(key_of(score), std::uint64_t(id));
        cut_when_full();
    }

    /// Takes at most kRun candidates with their scores and location(i); id(i) is for the filter. Applies filter and threshold.
    template <class LocationOf, class IdOf>
    void append(std::span<const float> scores, LocationOf&& location, IdOf&& id) {
        if (!filter_->active())
            add_all(scores, location);
        else
            for (std::size_t i = 0; i < scores.size(); ++i)
                if (const Key key = key_of(scores[i]); key <= threshold_ && wants(id(i))) add(key, location(i));
        cut_when_full();
    }

    /// The same candidates with other scores, of which the best k, no more than before, will be written. score(locations, n,
    /// scores) gives those of up to kGroup candidates; prefetch(location) comes some time before. Which candidates these are does
    /// not depend on the order they came in, also not where scores and ids are equal.
    template <class Prefetch, class Score>
    void rescore(std::size_t k, Prefetch&& prefetch, Score&& score) {
        if (n_ > k_) cut(0);
        for (std::size_t i = 0; i < std::min(kGroup, n_); ++i) prefetch(locations_[i]);
        for (std::size_t i = 0; i < n_; i += kGroup) {
            const std::size_t end = std::min(i + kGroup, n_);
            for (std::size_t next = end; next < std::min(end + kGroup, n_); ++next) prefetch(locations_[next]);
            float scores[kGroup] = {};
            score(locations_ + i, end - i, scores);
            for (std::size_t j = i; j < end; ++j) keys_[j] = key_of(scores[j - i]);
        }
        k_ = k, threshold_ = kUnset;
        keep([this](std::size_t i) { return keys_[i] <= kUnset; });
    }

    /// Prefetches the memory of the next candidate.
    void prefetch() const {
        prefetch_line_to_write(keys_ + n_);
        prefetch_line_to_write(locations_ + n_);
    }

    /// Appends the candidates of another reservoir of the same query, already filtered.
    void take_over(const Reservoir& other) {
        for (std::size_t i = 0; i < other.n_; ++i) {
            add(other.keys_[i], other.locations_[i]);
            cut_when_full();
        }
    }

    /// Writes the k best as a result row: scores become distances, missing hits have id -1. The last call.
    void write(Metric metric, Order order, float* distances, Id* ids) {
        if (n_ > k_) cut(order == Order::best_first ? kMore : 0);
        const std::size_t n = std::min(n_, k_);
        if (order != Order::best_first)
            for (std::size_t i = 0; i < n; ++i) distances[i] = score_of(keys_[i]), ids[i] = id_of_(locations_[i]);
        else
            write_sorted(n, distances, ids);
        for (std::size_t i = 0; i < n; ++i) distances[i] = distance_of(metric, distances[i]);
        std::fill(distances + n, distances + k_, metric == Metric::l2 ? TopK::kEmpty : -TopK::kEmpty);
        std::fill(ids + n, ids + k_, kNoId);
    }

private:
    using Key = std::int32_t;  // a score as an integer of the same order
    // Surplus candidates that pruning may keep, so that bisection ends sooner. Of 30,000 random scores the best 40 take 22.5 us,
    // and 28.0 us with 0; 2 and 32 take as long as 8 (Zen 4).
    static constexpr std::size_t kMore = 8;
    // Pruning passes over the pool several times, so it waits for k / 2 surplus candidates: the best 1,000 of 30,000 scores take
    // 105 us, with k / 8 188 us, with k 95 us and a third more memory; up to k = 100 all these differ by 10 %. 16: for small k.
    static constexpr std::size_t pool_size(std::size_t k) { return k + k / 2 + 16; }
    static constexpr Key kNone = std::numeric_limits<Key>::max();
    static constexpr Key kUnset = bit_cast<Key>(TopK::kEmpty);

    void write_sorted(std::size_t n, float* distances, Id* ids) {
        std::uint64_t* const order = order_;
        for (std::size_t i = 0; i < n_; ++i) {
            order[i] = std::uint64_t(std::uint32_t(keys_[i]) ^ 0x80000000U) << 32 | std::uint64_t(i);
            ids_[i] = id_of_(locations_[i]);
        }
        std::sort(order, order + n_, detail::Less());
        sort_ties(order);
        for (std::size_t i = 0; i < n; ++i) distances[i] = score_of(keys_[number(order[i])]), ids[i] = ids_[number(order[i])];
    }

    static Key key_of(float score) {
        return score == score ? order_key(score + 0.F) : kNone;  // -0 becomes 0
    }
    static float score_of(Key key) { return from_order_key(key); }

    // Without a branch: a candidate that does not count is overwritten by the next.
    void add(Key key, std::uint64_t location) {
        keys_[n_] = key, locations_[n_] = location;
        n_ += key <= threshold_;
    }

    // With local copies of the members: for the compiler, stores to the pool might alias n_ and threshold_.
    template <class LocationOf>
    void add_all(std::span<const float> scores, LocationOf&& location) {
        const Key threshold = threshold_;
        Key* keys = keys_ + n_;
        std::uint64_t* locations = locations_ + n_;
        std::size_t added = 0;
        for (std::size_t i = 0; i < scores.size(); ++i) {
            const Key key = key_of(scores[i]);
            keys[added] = key, locations[added] = location(i);
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
            keys_[n] = keys_[i], locations_[n] = locations_[i];
            n += in;
        }
        n_ = n;
    }

    // Many candidates have the k-th best score: of those, the lowest ids are kept, of equal ids the lowest locations. k are left.
    void keep_ties() {
        std::size_t better = 0, ties = 0;
        for (std::size_t i = 0; i < n_; ++i) {
            better += keys_[i] < threshold_;
            ids_[ties] = Id(i), ties += keys_[i] == threshold_;  // numbers of candidates, for now
        }
        const auto before = [this](Id a, Id b) {
            const std::uint64_t x = locations_[std::size_t(a)], y = locations_[std::size_t(b)];
            const Id id_x = id_of_(x), id_y = id_of_(y);
            return id_x != id_y ? id_x < id_y : x < y;
        };
        std::nth_element(ids_, ids_ + (k_ - better), ids_ + ties, before);
        for (std::size_t t = k_ - better; t < ties; ++t) keys_[std::size_t(ids_[t])] = kNone;
        keep([this](std::size_t i) { return keys_[i] <= threshold_; });
    }

    static std::size_t number(std::uint64_t ordered) { return std::size_t(ordered & 0xffffffff); }

    // Equal scores: the lower id first.
    void sort_ties(std::uint64_t* order) const {
        const auto by_id = [this](std::uint64_t a, std::uint64_t b) { return ids_[number(a)] < ids_[number(b)]; };
        for (std::size_t i = 0, end = 0; i < n_; i = end) {
            for (end = i + 1; end < n_ && order[end] >> 32 == order[i] >> 32;) ++end;
            if (end - i > 1) std::sort(order + i, order + end, by_id);
        }
    }

    std::size_t k_ = 0, most_ = 0, n_ = 0;
    Key threshold_ = kUnset;
    Key* keys_ = nullptr;
    std::uint64_t* locations_ = nullptr;
    Id* ids_ = nullptr;               // of the candidates that tie
    std::uint64_t* order_ = nullptr;  // for write()
    const IdFilter* filter_ = nullptr;
    LocationIds id_of_;
};
static_assert(TopKCollector<Reservoir>);

}  // namespace lutra::inline LUTRA_ABI_TAG
