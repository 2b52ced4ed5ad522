// lutra/ivf/direct_map.hpp: from an id to the location where its vector is stored.  SPDX-License-Identifier: MIT
//
// Optional, as in faiss: an array for ids 0 .. n-1, a hash table for any ids, or none: then reconstruct() looks through all
// the ids. Always derived from the lists; a file keeps only its kind worth trusting, the content is made anew at load.
#pragma once
#include <lutra/io/record.hpp>
#include <lutra/ivf/inverted_lists.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Where a vector is.
struct Location {
    std::size_t list = 0, offset = 0;

    std::int64_t packed() const { return std::int64_t(list) << 32 | std::int64_t(offset); }
    static Location unpacked(std::uint64_t packed) { return {std::size_t(packed >> 32), std::size_t(packed & 0xffffffff)}; }
};

/// The numbers are those of faiss's files.
enum class DirectMapKind : std::int8_t { none = 0, array = 1, hash = 2 };

/// Ids and their locations by open addressing; at most three in four slots are taken. Nothing allocates but reserve().
class LocationTable {
public:
    static constexpr std::int64_t kNowhere = -1;

    std::size_t size() const { return size_; }
    /// Room for n ids, so that entry() cannot fail. If this does, the table is as before.
    void reserve(std::size_t n) {
        const std::size_t slots = std::bit_ceil(std::max<std::size_t>(4, n + (n + 2) / 3));
        if (slots <= slots_.size()) return;
        std::vector<Slot> before(slots);
        before.swap(slots_);
        size_ = 0;
        for (const Slot& slot : before)
            if (slot.id != kNoId) entry(slot.id) = slot.packed;
    }
    void clear() {
        std::fill(slots_.begin(), slots_.end(), Slot());
        size_ = 0;
    }

    /// The location of an id >= 0; kNowhere, to be set, if it is new.
    std::int64_t& entry(Id id) {
        Slot& slot = slots_[slot_of(id)];
        size_ += slot.id == kNoId;
        LUTRA_ASSERT(size_ < slots_.size());
        slot.id = id;
        return slot.packed;
    }
    std::int64_t find(Id id) const { return slots_.empty() ? kNowhere : slots_[slot_of(id)].packed; }

private:
    struct Slot {
        Id id = kNoId;
        std::int64_t packed = kNowhere;
    };

    // Where the id is, or the free slot where it would be. Multiplied by 2^64 over the golden ratio, ids in a row lie far apart.
    std::size_t slot_of(Id id) const {
        std::size_t at = std::size_t(std::uint64_t(id) * 0x9e3779b97f4a7c15U >> 32) & (slots_.size() - 1);
        while (slots_[at].id != id && slots_[at].id != kNoId) at = (at + 1) & (slots_.size() - 1);
        return at;
    }

    std::vector<Slot> slots_;  // as many as a power of two
    std::size_t size_ = 0;
};

class DirectMap {
public:
    DirectMapKind kind() const { return kind_; }

    /// Makes the map of these lists. An array needs ids below the number of vectors; others get a hash table instead. If memory
    /// runs out the map is as before.
    void build(DirectMapKind kind, const InvertedLists& lists) {
        DirectMap made;
        made.kind_ = kind;
        made.reserve(lists.total(), ids_below(lists, lists.total()));
        made.rebuild(lists);
        *this = std::move(made);
    }

    /// Room for n vectors in all, whose ids are all below n or not: then append() and rebuild() cannot fail. If this does, the map
    /// is as before.
    void reserve(std::size_t n, bool ids_below_n) {
        if (kind_ == DirectMapKind::none) return;
        if (kind_ == DirectMapKind::hash || !ids_below_n) return table_.reserve(n);
        if (n > array_.capacity()) array_.reserve(array_.empty() ? n : n + n / 2);
    }

    /// The map of what the lists hold now, after reserve().
    void rebuild(const InvertedLists& lists) {
        const std::size_t n = lists.total();
        if (kind_ == DirectMapKind::array && !ids_below(lists, n)) kind_ = DirectMapKind::hash;
        array_.assign(kind_ == DirectMapKind::array ? n : 0, LocationTable::kNowhere);
        table_.clear();
        for (std::size_t l = 0; l < lists.nlist() && kind_ != DirectMapKind::none; ++l)
            for (std::size_t i = 0; i < lists.size(l); ++i) put(lists.ids(l)[i], Location{l, i}.packed());
    }

    /// Takes in what has come to the lists since, after reserve(): vectors first[l] .. size(l) - 1 of each list l.
    void append(std::span<const std::size_t> first, const InvertedLists& lists) {
        if (kind_ == DirectMapKind::none) return;
        const std::size_t n = lists.total();
        if (kind_ == DirectMapKind::array) {
            for (std::size_t l = 0; l < lists.nlist(); ++l)
                for (const Id id : lists.ids(l).subspan(first[l]))
                    if (id < 0 || std::uint64_t(id) >= n) return rebuild(lists);
            array_.resize(n, LocationTable::kNowhere);
        }
        for (std::size_t l = 0; l < lists.nlist(); ++l)
            for (std::size_t i = first[l]; i < lists.size(l); ++i) put(lists.ids(l)[i], Location{l, i}.packed());
    }

    /// Forgets the vectors, keeps the kind. Cannot fail.
    void clear() {
        array_ = std::vector<std::int64_t>();
        table_ = LocationTable();
    }

    /// Where `id` is: the first in the lists under that id. Without a map: a search through all ids.
    std::optional<Location> find(Id id, const InvertedLists& lists) const {
        if (kind_ == DirectMapKind::none) return look_through(id, lists);
        std::int64_t packed = kind_ == DirectMapKind::hash ? table_.find(id) : LocationTable::kNowhere;
        if (kind_ == DirectMapKind::array && id >= 0 && std::uint64_t(id) < array_.size()) packed = array_[std::size_t(id)];
        if (packed == LocationTable::kNowhere) return std::nullopt;
        return Location{std::size_t(packed >> 32), std::size_t(packed & 0xffffffff)};
    }

    /// The map of `lists`; pairs of a hash table in the order of the lists, so that a file depends on what is stored only.
    Status save(Writer& out, const InvertedLists& lists) const {
        LUTRA_TRY(write_value(out, std::int8_t(kind_)));
        LUTRA_TRY(write_counted(out, array_.data(), array_.size()));
        if (kind_ != DirectMapKind::hash) return {};
        LUTRA_TRY(write_value(out, std::uint64_t(table_.size())));
        for (std::size_t l = 0; l < lists.nlist(); ++l)
            for (std::size_t i = 0; i < lists.size(l); ++i)
                if (const Id id = lists.ids(l)[i]; table_.find(id) == Location{l, i}.packed()) {
                    LUTRA_TRY(write_value(out, std::int64_t(id)));
                    LUTRA_TRY(write_value(out, Location{l, i}.packed()));
                }
        return {};
    }

    /// Reads past the map in a file and says what kind it was; build() it when the lists are there.
    static Status load_kind(Reader& in, DirectMapKind& kind) {
        std::int8_t number = 0;
        std::vector<std::int64_t> entries;
        LUTRA_TRY(read_value(in, number));
        if (number < 0 || number > 2)
            return {Errc::bad_file, "direct map of kind {}; accepted: 0 (none), 1 (array), 2 (hash table)", int(number)};
        kind = DirectMapKind(number);
        LUTRA_TRY(read_counted(in, entries));
        if (kind != DirectMapKind::hash) return {};
        std::uint64_t pairs = 0;
        LUTRA_TRY(read_value(in, pairs));
        if (pairs > in.remaining() / 16)
            return {Errc::bad_file, "truncated: direct map of {} pairs, {} bytes are left", pairs, in.remaining()};
        return read_vector(in, entries, 2 * pairs);
    }

private:
    static bool ids_below(const InvertedLists& lists, std::size_t n) {
        for (std::size_t l = 0; l < lists.nlist(); ++l)
            for (const Id id : lists.ids(l))
                if (id < 0 || std::uint64_t(id) >= n) return false;
        return true;
    }

    // Of several vectors under one id the first counts, by list and offset, as in look_through().
    void put(Id id, std::int64_t packed) {
        std::int64_t& entry = kind_ == DirectMapKind::array ? array_[std::size_t(id)] : table_.entry(id);
        if (entry == LocationTable::kNowhere || packed < entry) entry = packed;
    }

    static std::optional<Location> look_through(Id id, const InvertedLists& lists) {
        for (std::size_t l = 0; l < lists.nlist(); ++l)
            for (std::size_t i = 0; i < lists.size(l); ++i)
                if (lists.ids(l)[i] == id) return Location{l, i};
        return std::nullopt;
    }

    DirectMapKind kind_ = DirectMapKind::none;
    std::vector<std::int64_t> array_;
    LocationTable table_;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
