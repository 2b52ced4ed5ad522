// lutra/ivf/direct_map.hpp: from an id to the place where its vector is stored.  SPDX-License-Identifier: MIT
//
// Optional, as in faiss: an array for ids 0 .. n-1, a hash table for any ids, or none: then reconstruct() looks through all
// the ids. Always derived from the lists; a file keeps only its kind worth trusting, the content is made anew at load.
#pragma once
#include <lutra/io/record.hpp>
#include <lutra/ivf/inverted_lists.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Where a vector is.
struct Place {
    std::size_t list = 0, offset = 0;

    std::int64_t packed() const { return std::int64_t(list) << 32 | std::int64_t(offset); }
};

/// The numbers are those of faiss's files.
enum class DirectMapKind : std::int8_t { none = 0, array = 1, hash = 2 };

class DirectMap {
public:
    DirectMapKind kind() const { return kind_; }

    /// Makes the map of these lists. An array needs ids below the number of vectors; others get a hash table instead.
    void build(DirectMapKind kind, const InvertedLists& lists) {
        kind_ = kind;
        array_.clear(), hash_.clear();
        if (kind == DirectMapKind::none) return;
        const std::size_t n = lists.total();
        if (kind == DirectMapKind::array && !ids_below(lists, n)) kind_ = DirectMapKind::hash;
        if (kind_ == DirectMapKind::array) array_.assign(n, kNowhere);
        for (std::size_t l = 0; l < lists.nlist(); ++l)
            for (std::size_t i = 0; i < lists.size(l); ++i) put(lists.ids(l)[i], Place{l, i}.packed());
    }

    /// Takes in what has come to the lists since: vectors first[l] .. size(l) - 1 of each list l.
    void append(std::span<const std::size_t> first, const InvertedLists& lists) {
        if (kind_ == DirectMapKind::none) return;
        const std::size_t n = lists.total();
        if (kind_ == DirectMapKind::array) {
            for (std::size_t l = 0; l < lists.nlist(); ++l)
                for (const Id id : lists.ids(l).subspan(first[l]))
                    if (id < 0 || std::uint64_t(id) >= n) return build(kind_, lists);
            array_.resize(n, kNowhere);
        }
        for (std::size_t l = 0; l < lists.nlist(); ++l)
            for (std::size_t i = first[l]; i < lists.size(l); ++i) put(lists.ids(l)[i], Place{l, i}.packed());
    }

    /// Where `id` is: the first in the lists under that id. Without a map: a search through all ids.
    std::optional<Place> find(Id id, const InvertedLists& lists) const {
        if (kind_ == DirectMapKind::none) return look_through(id, lists);
        std::int64_t packed = kNowhere;
        if (kind_ == DirectMapKind::array && id >= 0 && std::uint64_t(id) < array_.size()) packed = array_[std::size_t(id)];
        if (const auto it = hash_.find(id); it != hash_.end()) packed = it->second;
        if (packed == kNowhere) return std::nullopt;
        return Place{std::size_t(packed >> 32), std::size_t(packed & 0xffffffff)};
    }

    Status save(Writer& out) const {
        LUTRA_TRY(write_value(out, std::int8_t(kind_)));
        LUTRA_TRY(write_counted(out, array_.data(), array_.size()));
        if (kind_ != DirectMapKind::hash) return {};
        LUTRA_TRY(write_value(out, std::uint64_t(hash_.size())));
        for (const auto& [id, packed] : hash_) {
            LUTRA_TRY(write_value(out, std::int64_t(id)));
            LUTRA_TRY(write_value(out, packed));
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
    static constexpr std::int64_t kNowhere = -1;

    static bool ids_below(const InvertedLists& lists, std::size_t n) {
        for (std::size_t l = 0; l < lists.nlist(); ++l)
            for (const Id id : lists.ids(l))
                if (id < 0 || std::uint64_t(id) >= n) return false;
        return true;
    }

    // Of several vectors under one id the first counts, by list and offset, as in look_through().
    void put(Id id, std::int64_t packed) {
        std::int64_t& entry = kind_ == DirectMapKind::array ? array_[std::size_t(id)] : hash_.try_emplace(id, packed).first->second;
        if (entry == kNowhere || packed < entry) entry = packed;
    }

    static std::optional<Place> look_through(Id id, const InvertedLists& lists) {
        for (std::size_t l = 0; l < lists.nlist(); ++l)
            for (std::size_t i = 0; i < lists.size(l); ++i)
                if (lists.ids(l)[i] == id) return Place{l, i};
        return std::nullopt;
    }

    DirectMapKind kind_ = DirectMapKind::none;
    std::vector<std::int64_t> array_;
    std::unordered_map<Id, std::int64_t> hash_;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
