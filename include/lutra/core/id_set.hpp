// lutra/core/id_set.hpp: IdSet, any set of ids, made from ids, ranges, bitmaps or a predicate and combined by &, | and ~; an
// IdFilter of it restricts a search or chooses what to remove.  SPDX-License-Identifier: MIT
//
// The set is kept as its changes, the ids i of which i and i - 1 are not both in it or both out: [3, 7) and 9 are {3, 7, 9, 10}.
// Before the first change and from the last one on a set is the same, so there is an even number of them. Sorted changes merge in
// one pass. Where they are not too far apart, a bitmap in 64-bit words from the first to the last replaces them: it answers in one
// look-up, and two of them combine word by word.
#pragma once
#include <lutra/core/ids.hpp>
#include <lutra/core/ordered.hpp>
#include <lutra/core/types.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// A set of ids (0 or more), empty by default; a value that owns its memory.
///
/// Memory: a bit for each id from the first change to the last (10 million rows take 1.25 MB), or 8 bytes a change: for a single
/// run of ids, and where the bitmap would be larger than they are and take over 32 times as much or over 16 MB.
/// Cost: contains() is one look-up in a bitmap, or a binary search among the changes; a & b and a | b one pass over the words of
/// both, with a bitmap of scratch memory, and ~a a copy. Without a bitmap, and where those that are there lie so far apart that one
/// over all would be more than twice as large, changes merge, with 8 bytes each of scratch memory. All throw std::bad_alloc if
/// memory runs out. Const calls may run at the same time.
class IdSet {
public:
    IdSet() = default;

    /// These ids, in any order, also more than once; numbers that are no ids (below 0 or above kMaxId) are left out. Cost: sorts a
    /// copy, unless they are in order. Scratch memory: that copy, and 16 bytes a run of ids.
    static IdSet of(std::span<const Id> ids) {
        if (std::is_sorted(ids.begin(), ids.end(), detail::Less())) return of_sorted(ids);
        std::vector<Id> sorted(ids.begin(), ids.end());
        std::sort(sorted.begin(), sorted.end(), detail::Less());
        return of_sorted(sorted);
    }
    /// All ids from `first` on and below `end`.
    static IdSet range(Id first, Id end) {
        first = std::max(first, Id{0});
        return first < end ? IdSet({first, end}, false) : IdSet();
    }
    /// Id i if bit i is set (in byte i / 8, lowest bit first), for i in [0, n_bits), as in IdFilter::bitmap(). Scratch memory: a
    /// copy of the bitmap.
    static IdSet bitmap(const std::uint8_t* bits, std::size_t n_bits) {
        Words words((n_bits + 63) / 64);
        for (std::size_t i = 0; i < (n_bits + 7) / 8; ++i) words[i / 8] |= std::uint64_t(bits[i]) << (i % 8 * 8);
        if (n_bits % 64 != 0) words.back() &= ~std::uint64_t{0} >> (64 - n_bits % 64);
        return IdSet(0, std::move(words), false);
    }
    /// The ids below `end` of which f(id) is true. Calls f once for each, in ascending order. Scratch memory: end bits.
    template <class F>
    static IdSet where(Id end, F&& f) {
        Words words = words_of(end > 0 ? words_until(end) : 0);
        for (Id id = 0; id < end; ++id) words[std::size_t(id / 64)] |= std::uint64_t{bool(f(id))} << (id % 64);
        return IdSet(0, std::move(words), false);
    }

    bool contains(Id id) const {
        if (id < 0) return false;
        const std::uint64_t at = std::uint64_t(id) - std::uint64_t(first_word_) * 64;  // before the first word a large number
        if (at / 64 < words_.size()) return (words_[std::size_t(at / 64)] >> (at % 64) & 1) != 0;
        return far_in_ != (((std::upper_bound(changes_.begin(), changes_.end(), id) - changes_.begin()) & 1) != 0);
    }
    bool empty() const { return !far_in_ && is_constant(); }

    /// The ids in both sets.
    friend IdSet operator&(const IdSet& a, const IdSet& b) {
        if (a.is_constant() && a.far_in_) return b;
        if (b.is_constant() && b.far_in_) return a;
        const Span span = span_of_both(a, b);
        if (span.words() > 2 * (a.words_.size() + b.words_.size())) return IdSet(changes_of_both(a, b), a.far_in_ && b.far_in_);
        Words words = a.words_over(span);
        const Words other = b.words_over(span);
        for (std::size_t w = 0; w < words.size(); ++w) words[w] &= other[w];
        return IdSet(span.begin, std::move(words), a.far_in_ && b.far_in_);
    }
    /// The ids in either set, or both.
    friend IdSet operator|(const IdSet& a, const IdSet& b) { return ~(~a & ~b); }
    /// All other ids, however large.
    friend IdSet operator~(IdSet a) {
        a.far_in_ = !a.far_in_;
        for (std::uint64_t& word : a.words_) word = ~word;
        return a;
    }
    IdSet& operator&=(const IdSet& other) { return *this = *this & other; }
    IdSet& operator|=(const IdSet& other) { return *this = *this | other; }

    /// Whether the same ids are in both, however they were made.
    friend bool operator==(const IdSet&, const IdSet&) = default;

private:
    using Words = std::vector<std::uint64_t>;

    /// Words of 64 ids, [begin, end); none if end <= begin.
    struct Span {
        std::uint64_t begin = 0, end = 0;
        std::uint64_t words() const { return begin < end ? end - begin : 0; }
    };

    // bench/kernels/id_filter.cpp, 65,536 random ids of 10 million, Xeon with AMX: a bitmap answers in 2.3 ns, a search among
    // 8, 1,000 and 10,000 changes in 11, 45 and 67.
    static constexpr std::size_t kWordsPerChange = 32, kSpareWords = std::size_t{1} << 21;
    static bool is_bitmap(std::uint64_t words, std::size_t changes) {
        if (changes <= 2) return false;
        return words <= changes || (words <= kSpareWords && words <= kWordsPerChange * changes);
    }
    static std::uint64_t words_until(Id end) { return (std::uint64_t(end) + 63) / 64; }
    /// Zeros; more words than there are addresses throw std::length_error.
    static Words words_of(std::uint64_t n) { return Words(std::size_t(std::min<std::uint64_t>(n, ~std::size_t{0}))); }

    /// An even number of changes, sorted, each once; far_in: whether ids before the first and from the last on are in the set.
    IdSet(std::vector<Id> changes, bool far_in) : far_in_(far_in), changes_(std::move(changes)) {
        const Span all = span();
        if (is_bitmap(all.words(), changes_.size()))
            words_ = words_over(all), first_word_ = all.begin, changes_ = {};
        else
            changes_.shrink_to_fit();
    }
    /// Bits of the ids from 64 * first_word on; all others are in the set if far_in, else out.
    IdSet(std::uint64_t first_word, Words words, bool far_in) : far_in_(far_in), first_word_(first_word), words_(std::move(words)) {
        const auto changes_here = [fill = fill()](std::uint64_t word) { return word != fill; };
        words_.erase(std::find_if(words_.rbegin(), words_.rend(), changes_here).base(), words_.end());
        const auto first = std::find_if(words_.begin(), words_.end(), changes_here);
        first_word_ += std::uint64_t(first - words_.begin());
        words_.erase(words_.begin(), first);
        if (is_bitmap(words_.size(), count_changes()))
            words_.shrink_to_fit();
        else
            changes_ = changes(), words_ = {}, first_word_ = 0;
    }

    static IdSet of_sorted(std::span<const Id> ids) {
        ids = ids.subspan(std::size_t(std::lower_bound(ids.begin(), ids.end(), Id{0}) - ids.begin()));
        ids = ids.first(std::size_t(std::upper_bound(ids.begin(), ids.end(), kMaxId) - ids.begin()));
        const auto begins_run = [&](std::size_t i) { return i == 0 || ids[i] > ids[i - 1] + 1; };
        std::size_t runs = 0;
        for (std::size_t i = 0; i < ids.size(); ++i) runs += begins_run(i);
        std::vector<Id> changes;
        changes.reserve(2 * runs);
        for (std::size_t i = 0; i < ids.size(); ++i) {
            if (begins_run(i)) changes.push_back(ids[i]), changes.push_back(0);
            changes.back() = ids[i] + 1;
        }
        return IdSet(std::move(changes), false);
    }

    /// True of the empty set and of the set of all ids.
    bool is_constant() const { return changes_.empty() && words_.empty(); }
    std::uint64_t fill() const { return far_in_ ? ~std::uint64_t{0} : 0; }
    /// The words that have changes.
    Span span() const {
        if (changes_.empty()) return {first_word_, first_word_ + words_.size()};
        return {std::uint64_t(changes_.front()) / 64, words_until(changes_.back())};
    }
    /// The words outside of which a & b is the same everywhere. Neither is the set of all ids.
    static Span span_of_both(const IdSet& a, const IdSet& b) {
        const Span of_a = a.span(), of_b = b.span();
        if (a.far_in_ && b.far_in_) return {std::min(of_a.begin, of_b.begin), std::max(of_a.end, of_b.end)};
        if (a.far_in_ || b.far_in_) return a.far_in_ ? of_b : of_a;
        return {std::max(of_a.begin, of_b.begin), std::min(of_a.end, of_b.end)};
    }

    /// The set as bits in these words.
    Words words_over(Span over) const {
        Words out(std::size_t(over.words()), fill());
        for (std::size_t c = 0; c < changes_.size(); c += 2) {
            const auto begin = std::max(std::uint64_t(changes_[c]), over.begin * 64);
            const auto end = std::min(std::uint64_t(changes_[c + 1]), over.end * 64);
            if (begin < end) flip(out, begin - over.begin * 64, end - over.begin * 64);
        }
        const std::uint64_t begin = std::max(over.begin, first_word_), end = std::min(over.end, first_word_ + words_.size());
        for (std::uint64_t w = begin; w < end; ++w) out[std::size_t(w - over.begin)] = words_[std::size_t(w - first_word_)];
        return out;
    }
    /// Bits [begin, end), begin < end.
    static void flip(Words& words, std::uint64_t begin, std::uint64_t end) {
        const std::uint64_t from_begin = ~std::uint64_t{0} << (begin % 64), to_last = ~std::uint64_t{0} >> (63 - (end - 1) % 64);
        const auto first = std::size_t(begin / 64), last = std::size_t((end - 1) / 64);
        if (first == last) return void(words[first] ^= from_begin & to_last);
        words[first] ^= from_begin, words[last] ^= to_last;
        for (std::size_t w = first + 1; w < last; ++w) words[w] = ~words[w];
    }

    /// Calls f(word, bits) with the bits of each word at which the bitmap changes, and with what is behind it.
    template <class F>
    void for_change_bits(F&& f) const {
        std::uint64_t before = fill();
        for (std::size_t w = 0; w < words_.size(); before = words_[w++])
            f(first_word_ + w, words_[w] ^ (words_[w] << 1 | before >> 63));
        f(first_word_ + words_.size(), (before ^ fill()) >> 63);
    }
    std::size_t count_changes() const {
        std::size_t n = changes_.size();
        for_change_bits([&](std::uint64_t, std::uint64_t bits) { n += std::size_t(std::popcount(bits)); });
        return n;
    }
    /// The changes, from the bitmap if there is one.
    std::vector<Id> changes() const {
        if (words_.empty()) return changes_;
        std::vector<Id> changes;
        changes.reserve(count_changes());
        for_change_bits([&](std::uint64_t word, std::uint64_t bits) {
            for (; bits != 0; bits &= bits - 1) changes.push_back(Id(word * 64) + std::countr_zero(bits));
        });
        return changes;
    }
    /// The changes of a & b.
    static std::vector<Id> changes_of_both(const IdSet& a, const IdSet& b) {
        const std::vector<Id> of_a = a.changes(), of_b = b.changes();
        bool in_a = a.far_in_, in_b = b.far_in_, in = in_a && in_b;
        std::vector<Id> changes;
        for (auto at_a = of_a.begin(), at_b = of_b.begin(); at_a != of_a.end() || at_b != of_b.end();) {
            const Id next = at_b == of_b.end() || (at_a != of_a.end() && *at_a < *at_b) ? *at_a : *at_b;
            if (at_a != of_a.end() && *at_a == next) in_a = !in_a, ++at_a;
            if (at_b != of_b.end() && *at_b == next) in_b = !in_b, ++at_b;
            if ((in_a && in_b) != in) changes.push_back(next), in = !in;
        }
        return changes;
    }

    bool far_in_ = false;           // whether ids before the first change and from the last on are in the set
    std::vector<Id> changes_;       // sorted; or
    std::uint64_t first_word_ = 0;  // the id of the lowest bit of words_[0] / 64
    Words words_;                   // bit i of word w: whether id 64 (first_word_ + w) + i is in the set
};

}  // namespace lutra::inline LUTRA_ABI_TAG
