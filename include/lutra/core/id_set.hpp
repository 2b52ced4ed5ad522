// lutra/core/id_set.hpp: IdSet, any set of ids, made from ids, ranges, bitmaps or a predicate and combined by &, | and ~; an IdFilter
// of it restricts a search or chooses what to remove.  SPDX-License-Identifier: MIT
//
// The set is kept as its changes, the ids i of which i and i - 1 are not both in it or both out: [3, 7) and 9 are {3, 7, 9, 10}.
// Sorted changes merge in one pass. Where a bitmap from the first to the last change is no larger than they are, as with many
// scattered ids, it replaces them, as it answers in one look-up.
#pragma once
#include <lutra/core/ids.hpp>
#include <lutra/core/types.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// A set of ids (0 or more), empty by default; a value that owns its memory.
///
/// Memory: the smaller of 8 bytes a change and a bit for each id from the first change to the last: 10 million rows take 1.25 MB
/// at most, a range 16 bytes.
/// Cost: contains() is one look-up in a bitmap, or a binary search among the changes; a, b -> a & b one pass over both, with 8 bytes
/// a change of scratch memory; ~a a copy. Throws std::bad_alloc if memory runs out. Const calls may run at the same time.
class IdSet {
public:
    IdSet() = default;

    /// These ids, in any order, also more than once; numbers that are no ids (below 0 or above kMaxId) are left out. Cost: sorts a copy, unless they are in order.
    static IdSet of(std::span<const Id> ids) {
        std::vector<Id> sorted(ids.begin(), ids.end());
        if (!std::is_sorted(sorted.begin(), sorted.end())) std::sort(sorted.begin(), sorted.end());
        Builder builder;
        for (const Id id : sorted)
            if (id >= 0 && id <= kMaxId) builder.add(id);
        return std::move(builder).set();
    }
    /// All ids from `first` on and below `end`.
    static IdSet range(Id first, Id end) {
        first = std::max(first, Id{0});
        return first < end ? IdSet({first, end}, false) : IdSet();
    }
    /// Id i if bit i is set (in byte i / 8, lowest bit first), for i in [0, n_bits), as in IdFilter::bitmap().
    static IdSet bitmap(const std::uint8_t* bits, std::size_t n_bits) {
        return where(Id(n_bits), [bits](Id i) { return (bits[std::size_t(i) / 8] >> (i % 8) & 1) != 0; });
    }
    /// The ids below `end` of which f(id) is true. Calls f once for each.
    template <class F>
    static IdSet where(Id end, F&& f) {
        Builder builder;
        for (Id id = 0; id < end; ++id)
            if (f(id)) builder.add(id);
        return std::move(builder).set();
    }

    bool contains(Id id) const {
        if (id < 0) return false;
        if (words_.empty())
            return starts_in_ != (((std::upper_bound(changes_.begin(), changes_.end(), id) - changes_.begin()) & 1) != 0);
        const std::uint64_t at = std::uint64_t(id) - std::uint64_t(first_);  // before first_ a large number
        if (at / 64 < words_.size()) return (words_[at / 64] >> (at % 64) & 1) != std::uint64_t(starts_in_);
        return id < first_ ? starts_in_ : ends_in_;
    }

    /// The ids in both sets.
    friend IdSet operator&(const IdSet& a, const IdSet& b) {
        return merged(a, b, [](bool in_a, bool in_b) { return in_a && in_b; });
    }
    /// The ids in either set, or both.
    friend IdSet operator|(const IdSet& a, const IdSet& b) {
        return merged(a, b, [](bool in_a, bool in_b) { return in_a || in_b; });
    }
    /// All other ids, however large.
    friend IdSet operator~(IdSet a) {
        a.starts_in_ = !a.starts_in_, a.ends_in_ = !a.ends_in_;
        return a;
    }

private:
    /// Sorted changes, each once; starts_in: whether ids before the first are in the set.
    IdSet(std::vector<Id> changes, bool starts_in)
        : starts_in_(starts_in), ends_in_(starts_in != (changes.size() % 2 != 0)), changes_(std::move(changes)) {
        if (changes_.empty()) return;
        const auto words = std::uint64_t(changes_.back() - changes_.front()) / 64 + 1;
        if (words <= changes_.size())
            replace_by_bitmap(std::size_t(words));
        else
            changes_.shrink_to_fit();
    }

    /// Collects ids in ascending order.
    class Builder {
    public:
        void add(Id id) {
            if (!changes_.empty() && id < changes_.back()) return;  // once more
            if (!changes_.empty() && id == changes_.back())
                ++changes_.back();
            else
                changes_.push_back(id), changes_.push_back(id + 1);
        }
        IdSet set() && { return IdSet(std::move(changes_), false); }

    private:
        std::vector<Id> changes_;
    };

    // Bit i of the words: whether first_ + i is in the set and 0 is not, or the other way round.
    void replace_by_bitmap(std::size_t words) {
        words_.resize(words);
        first_ = changes_.front();
        for (std::size_t c = 0; c < changes_.size(); c += 2) {
            const auto begin = std::uint64_t(changes_[c] - first_);
            const std::uint64_t end = c + 1 < changes_.size() ? std::uint64_t(changes_[c + 1] - first_) : words * 64;
            for (std::uint64_t i = begin; i < end; ++i) words_[i / 64] |= std::uint64_t{1} << (i % 64);
        }
        changes_ = {};
    }

    /// The changes, from the bitmap if there is one.
    std::vector<Id> changes() const {
        if (words_.empty()) return changes_;
        std::vector<Id> changes;
        bool in = false;
        for (std::uint64_t i = 0; i < words_.size() * 64; ++i)
            if (((words_[i / 64] >> (i % 64) & 1) != 0) != in) changes.push_back(first_ + Id(i)), in = !in;
        return changes;
    }

    template <class F>
    static IdSet merged(const IdSet& a, const IdSet& b, F&& both) {
        const std::vector<Id> of_a = a.changes(), of_b = b.changes();
        const bool starts_in = both(a.starts_in_, b.starts_in_);
        bool in_a = a.starts_in_, in_b = b.starts_in_, in = starts_in;
        std::vector<Id> changes;
        for (auto at_a = of_a.begin(), at_b = of_b.begin(); at_a != of_a.end() || at_b != of_b.end();) {
            const Id next = at_b == of_b.end() || (at_a != of_a.end() && *at_a < *at_b) ? *at_a : *at_b;
            if (at_a != of_a.end() && *at_a == next) in_a = !in_a, ++at_a;
            if (at_b != of_b.end() && *at_b == next) in_b = !in_b, ++at_b;
            if (both(in_a, in_b) != in) changes.push_back(next), in = !in;
        }
        return IdSet(std::move(changes), starts_in);
    }

    bool starts_in_ = false;            // before the first change
    bool ends_in_ = false;              // from the last change on
    Id first_ = 0;                      // the first change, if there is a bitmap
    std::vector<Id> changes_;           // sorted; or
    std::vector<std::uint64_t> words_;  // from first_ on
};

}  // namespace lutra::inline LUTRA_ABI_TAG
