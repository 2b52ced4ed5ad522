// lutra/ivf/direct_map.hpp: maps an id to the location of its vector: list and offset.  SPDX-License-Identifier: MIT
//
// Optional, as in faiss: an array for ids 0 .. n-1, a hash table for any ids, or none; without a map reconstruct() walks over all
// ids. On load only the map's kind is used; its entries are rebuilt from the lists.
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

/// Where a vector is stored.
struct Location {
    std::size_t list = 0, offset = 0;

    std::int64_t packed() const { return std::int64_t(list) << 32 | std::int64_t(offset); }
    static Location unpacked(std::uint64_t packed) { return {std::size_t(packed >> 32), std::size_t(packed & 0xffffffff)}; }
};

/// The numbers are those of faiss's files.
enum class DirectMapKind : std::int8_t { none = 0, array = 1, hash = 2 };

/// A hash table of ids and locations: open addressing, at most three in four slots taken. Only reserve() allocates.
class LocationTable {
public:
    static constexpr std::int64_t kNowhere = -1;

    std::size_t size() const { return size_; }
    /// Makes room for n ids, so that entry() cannot fail. If memory runs out the table is unchanged.
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

    /// The packed location of an id >= 0. A new id has kNowhere, which the caller sets.
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

    // The slot of the id, or the free one it would get. Consecutive ids lie far apart: they are multiplied by 2^64 / golden ratio.
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

    /// Builds the map of these lists. An array needs ids below the number of vectors; other ids get a hash table instead. If memory
    /// runs out the map is unchanged.
    void build(DirectMapKind kind, const InvertedLists& lists) {
        DirectMap made;
        made.kind_ = kind;
        made.reserve(lists.total(), ids_below(lists, lists.total()));
        made.rebuild(lists);
        *this = std::move(made);
    }

    /// Makes room for n vectors in all, so that append() and rebuild() cannot fail; ids_below_n: whether all ids are below n. If
    /// memory runs out the map is unchanged.
    void reserve(std::size_t n, bool ids_below_n) {
        if (kind_ == DirectMapKind::none) return;
        if (kind_ == DirectMapKind::hash || !ids_below_n) return table_.reserve(n);
        if (n > array_.capacity()) array_.reserve(array_.empty() ? n : n + n / 2);
    }

    /// Rebuilds the map from the lists, after reserve().
    void rebuild(const InvertedLists& lists) {
        const std::size_t n = lists.total();
        if (kind_ == DirectMapKind::array && !ids_below(lists, n)) kind_ = DirectMapKind::hash;
        array_.assign(kind_ == DirectMapKind::array ? n : 0, LocationTable::kNowhere);
        table_.clear();
        for (std::size_t l = 0; l < lists.nlist() && kind_ != DirectMapKind::none; ++l)
            for (std::size_t i = 0; i < lists.size(l); ++i) put(lists.ids(l)[i], Location{l, i}.packed());
    }

    /// Adds the vectors first[l] .. size(l) - 1 of each list l, after reserve().
    void append(std::span<const std::size_t> first, const InvertedLists& lists) {
        if (kind_ == DirectMapKind::none) return;
        const std::size_t n = lists.total();
        if (kind_ == DirectMapKind::array) {
            for (std::size_t l = 0; l < lists.nlist(); ++l)
                for (const Id id : lists.ids(l).from(first[l]))
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

    /// The location of the first vector in the lists with this id. Cost: one look-up; without a map a walk over all ids.
    std::optional<Location> find(Id id, const InvertedLists& lists) const {
        if (kind_ == DirectMapKind::none) return look_through(id, lists);
        std::int64_t packed = kind_ == DirectMapKind::hash ? table_.find(id) : LocationTable::kNowhere;
        if (kind_ == DirectMapKind::array && id >= 0 && std::uint64_t(id) < array_.size()) packed = array_[std::size_t(id)];
        if (packed == LocationTable::kNowhere) return std::nullopt;
        return Location{std::size_t(packed >> 32), std::size_t(packed & 0xffffffff)};
    }

    /// Writes the map of `lists`; the pairs of a hash table in the order of the lists, so that equal indexes give equal files.
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

    /// Reads the map's kind and skips its entries; call build() when the lists are loaded.
    static Status load_kind(Reader& in, DirectMapKind& kind) {
        std::int8_t number = 0;
        std::vector<std::int64_t> entries;
        LUTRA_TRY(read_value(in, number));
        if (number < 0 || number > 2)
            return {Errc::bad_file, "direct map of kind {}; accepted: 0 (none), 1 (array), 2 (hash table)", int(number)};
        kind = DirectMapKind(number);
        const std::byte* skipped = nullptr;
        std::size_t n = 0;
        LUTRA_TRY(in.lends() ? lend_counted(in, sizeof(std::int64_t), skipped, n) : read_counted(in, entries));
        if (kind != DirectMapKind::hash) return {};
        std::uint64_t pairs = 0;
        LUTRA_TRY(read_value(in, pairs));
        if (pairs > in.remaining() / 16)
            return {Errc::bad_file, "truncated: direct map of {} pairs, {} bytes are left", pairs, in.remaining()};
        return in.lends() ? in.lend(std::size_t(16 * pairs), skipped) : read_vector(in, entries, 2 * pairs);
    }

private:
    static bool ids_below(const InvertedLists& lists, std::size_t n) {
        for (std::size_t l = 0; l < lists.nlist(); ++l)
            for (const Id id : lists.ids(l))
                if (id < 0 || std::uint64_t(id) >= n) return false;
        return true;
    }

    // Of several vectors with one id the first by list and offset counts, as in look_through().
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
