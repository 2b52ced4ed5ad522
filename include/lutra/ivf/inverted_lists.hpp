// lutra/ivf/inverted_lists.hpp: the inverted lists of an index: codes in blocks, and ids. Knows bytes, not encodings.
// SPDX-License-Identifier: MIT
//
// The codes of all lists lie in one allocation, on huge pages when it is large, so that memory and not page walks limits a scan
// (measured: a third faster than lists allocated one by one). Each list has spare room; when one list runs out of it, all lists
// move.
#pragma once
#include <lutra/core/concepts.hpp>
#include <lutra/core/prefetch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// nlist lists; list l holds size(l) vectors in ceil(size / block) blocks of block_bytes each, in the order they came in, and
/// beside them row_bytes for each. Not thread-safe to change, except that different lists may be grown and filled by different
/// workers after reserve().
class InvertedLists {
public:
    InvertedLists() = default;
    InvertedLists(std::size_t nlist, std::size_t block, std::size_t block_bytes, std::size_t row_bytes = 0)
        : block_(block), block_bytes_(block_bytes), row_bytes_(row_bytes), lists_(nlist) {}

    std::size_t nlist() const { return lent_.empty() ? lists_.size() : lent_.size(); }
    std::size_t block() const { return block_; }
    std::size_t block_bytes() const { return block_bytes_; }
    std::size_t row_bytes() const { return row_bytes_; }
    std::size_t size(std::size_t list) const { return lent_.empty() ? lists_[list].ids.size() : lent_[list].size; }
    ListView view(std::size_t list) const { return view(list, 0, size(list)); }
    /// Vectors [begin, end) of a list; begin must be a multiple of block().
    ListView view(std::size_t list, std::size_t begin, std::size_t end) const {
        return {block_of(list, begin), id_run(list) + begin, end - begin};
    }

    IdList ids(std::size_t list) const { return {id_run(list), size(list)}; }
    std::span<Id> ids_to_set(std::size_t list) { return lists_[list].ids; }
    /// The codes from the block of the vector at `offset` in a list on.
    Codes block_of(std::size_t list, std::size_t offset) {
        const List& l = lists_[list];
        const std::size_t block = offset / block_;
        return {codes_.data() + (l.first + block) * block_bytes_, rows_.data() + (l.first_row + block * block_) * row_bytes_};
    }
    ConstCodes block_of(std::size_t list, std::size_t offset) const {
        if (lent_.empty()) return const_cast<InvertedLists*>(this)->block_of(list, offset);
        const std::byte* const codes = lent_[list].codes;  // either blocks or rows
        return {codes + offset / block_ * block_bytes_, codes + offset / block_ * block_ * row_bytes_};
    }

    /// Prefetches the beginning of a list's codes, or of its rows where there are none; the hardware prefetcher follows once the
    /// scan runs.
    void prefetch(std::size_t list) const {
        const ConstCodes codes = block_of(list, 0);
        if (block_bytes_ != 0)
            prefetch_bytes(codes.blocks, std::min(blocks(size(list)) * block_bytes_, kAhead));
        else
            prefetch_bytes(codes.rows, std::min(size(list) * row_bytes_, kAhead));
    }

    std::size_t total() const {
        std::size_t sum = 0;
        for (std::size_t l = 0; l < nlist(); ++l) sum += size(l);
        return sum;
    }

    /// Bytes of codes, rows and ids, with the spare room of lists.
    std::size_t allocated() const {
        std::size_t bytes = codes_.size() + rows_.size() + (own_ids_ != nullptr ? own_ids_->size() * sizeof(Id) : 0);
        for (const List& l : lists_) bytes += l.ids.capacity() * sizeof(Id);
        return bytes;
    }

    /// nlist lists that are views of memory that others own, also after clear(): lend() tells where each lies. Such lists are read
    /// only; with blocks they have no rows beside them. Takes in_place_bytes() from the room, if there is one.
    static InvertedLists views(std::size_t nlist, std::size_t block, std::size_t block_bytes, std::size_t row_bytes, Room* room) {
        LUTRA_ASSERT(block_bytes == 0 || row_bytes == 0);
        InvertedLists lists(0, block, block_bytes, row_bytes);
        lists.lent_ = AlignedVector<Lent>(nlist, Lent(), AlignedAllocator<Lent>(room));
        return lists;
    }
    static constexpr std::size_t in_place_bytes(std::size_t nlist) { return nlist * sizeof(Lent); }
    bool in_place() const { return !lent_.empty(); }
    /// Where views took their memory from; null: the heap.
    Room* room() const { return lent_.get_allocator().room; }
    /// ids as stored in a file, at any address; null: 0, 1, 2 ...
    void lend(std::size_t list, std::size_t size, const std::byte* codes, const std::byte* ids) {
        lent_[list] = {codes, ids != nullptr ? IdRun::in_bytes(ids) : IdRun(), size};
    }
    /// Number i is called map[i] from now on, which all ids have an entry for. The ids of one list that are counted become a view
    /// of the map; others are copied, 8 bytes each.
    void map_in_place(const IdList& map) {
        if (lent_.size() == 1 && lent_[0].ids.counted()) return void(lent_[0].ids = map.run());
        const auto ids = std::make_shared<std::vector<Id>>();
        ids->reserve(total());
        for (Lent& l : lent_) {
            for (std::size_t i = 0; i < l.size; ++i) ids->push_back(map[std::size_t(l.ids[i])]);
            l.ids = ids->data() + ids->size() - l.size;
        }
        own_ids_ = ids;
    }

    /// Makes room for more [nlist] vectors in each list, so that adding them cannot fail. If memory runs out the lists are
    /// unchanged. The first call allocates exactly what is asked for; later, if any list lacks room, every list gets half as much
    /// again, so that many small additions cost little each.
    void reserve(std::span<const std::size_t> more) {
        bool fits = true;
        for (std::size_t l = 0; l < nlist(); ++l) {
            const std::size_t need = size(l) + more[l];
            if (need > lists_[l].ids.capacity()) lists_[l].ids.reserve(room(lists_[l], more[l]));
            fits = fits && need <= lists_[l].room;
        }
        if (!fits) move_all(more);
    }

    /// Takes memory for n_blocks of empty lists without rows, which make_list() then makes one after the other.
    void reserve_in_order(std::size_t n_blocks) {
        LUTRA_ASSERT(row_bytes_ == 0 && codes_.empty());
        codes_.reserve(n_blocks * block_bytes_);
    }
    /// Makes a list one of `size` slots with id -1. False: what was reserved does not hold them.
    bool make_list(std::size_t list, std::size_t size) {
        const std::size_t first = codes_.size() / block_bytes_;
        if (blocks(size) > codes_.capacity() / block_bytes_ - first) return false;
        codes_.resize((first + blocks(size)) * block_bytes_);
        lists_[list] = {first, 0, size, {}};
        lists_[list].ids.reserve(size);
        grow(list, size);
        return true;
    }

    /// Zeroes the codes of `more` reserved slots. They are filled through block_of() before the list grows, so an error until then
    /// changes nothing.
    void prepare(std::size_t list, std::size_t more) {
        const std::size_t before = blocks(size(list)), added = blocks(size(list) + more) - before;
        LUTRA_ASSERT(size(list) + more <= lists_[list].room);
        const Codes codes = block_of(list, before * block_);
        if (added * block_bytes_ != 0) std::memset(codes.blocks, 0, added * block_bytes_);
        if (more * row_bytes_ != 0)
            std::memset(rows_.data() + (lists_[list].first_row + size(list)) * row_bytes_, 0, more * row_bytes_);
    }
    /// Adds `more` prepared slots with id -1, to be filled through ids_to_set(). Cannot fail.
    void admit(std::size_t list, std::size_t more) { lists_[list].ids.resize(size(list) + more, kNoId); }
    void grow(std::size_t list, std::size_t more) {
        prepare(list, more);
        admit(list, more);
    }

    /// Keeps the first `size` vectors of a list.
    void truncate(std::size_t list, std::size_t size) { lists_[list].ids.resize(size); }

    /// Removes all vectors and frees their memory. Cannot fail.
    void clear() {
        for (List& l : lists_) l = List();
        for (Lent& l : lent_) l = Lent();
        codes_ = rows_ = AlignedVector<std::byte>();
        own_ids_.reset();
    }

    /// Makes codes and ids the content of the only list.
    void adopt(OwnedCodes codes, std::vector<Id> ids) {
        LUTRA_ASSERT(nlist() == 1 && codes.blocks.size() == blocks(ids.size()) * block_bytes_);
        LUTRA_ASSERT(codes.rows.size() == ids.size() * row_bytes_);
        lists_[0] = {0, 0, ids.size(), std::move(ids)};
        codes_ = std::move(codes.blocks), rows_ = std::move(codes.rows);
    }

private:
    static constexpr std::size_t kAhead = 4096;  // bytes: a page, at whose end hardware prefetchers stop

    struct List {
        std::size_t first = 0, first_row = 0;  // its first block and row, of those of all lists
        std::size_t room = 0;                  // in vectors
        std::vector<Id> ids;
    };

    struct Lent {
        const std::byte* codes = nullptr;
        IdRun ids;
        std::size_t size = 0;
    };

    IdRun id_run(std::size_t list) const { return lent_.empty() ? IdRun(lists_[list].ids.data()) : lent_[list].ids; }
    std::size_t blocks(std::size_t n) const { return (n + block_ - 1) / block_; }

    std::size_t room(const List& l, std::size_t more) const {
        const std::size_t need = l.ids.size() + more;
        return codes_.empty() && rows_.empty() ? need : need + need / 2;
    }

    void move_all(std::span<const std::size_t> more) {
        std::vector<List> moved_lists(nlist());  // without ids
        std::size_t n_blocks = 0, n_rows = 0;
        for (std::size_t l = 0; l < nlist(); ++l) {
            moved_lists[l] = {n_blocks, n_rows, std::max(lists_[l].room, room(lists_[l], more[l])), {}};
            n_blocks += blocks(moved_lists[l].room), n_rows += moved_lists[l].room;
        }
        OwnedCodes moved{AlignedVector<std::byte>(n_blocks * block_bytes_), AlignedVector<std::byte>(n_rows * row_bytes_)};
        for (std::size_t l = 0; l < nlist(); ++l) {
            const std::size_t code_bytes = blocks(size(l)) * block_bytes_, bytes = size(l) * row_bytes_;
            const ConstCodes from = block_of(l, 0);
            if (code_bytes != 0) std::memcpy(moved.blocks.data() + moved_lists[l].first * block_bytes_, from.blocks, code_bytes);
            if (bytes != 0) std::memcpy(moved.rows.data() + moved_lists[l].first_row * row_bytes_, from.rows, bytes);
        }
        for (std::size_t l = 0; l < nlist(); ++l)
            lists_[l].first = moved_lists[l].first, lists_[l].first_row = moved_lists[l].first_row,
            lists_[l].room = moved_lists[l].room;
        codes_ = std::move(moved.blocks), rows_ = std::move(moved.rows);
    }

    std::size_t block_ = 1, block_bytes_ = 0, row_bytes_ = 0;
    std::vector<List> lists_;
    AlignedVector<std::byte> codes_, rows_;
    AlignedVector<Lent> lent_;                        // in place: instead of all these
    std::shared_ptr<const std::vector<Id>> own_ids_;  // of lists in place whose ids a map has replaced; copies share them
};

}  // namespace lutra::inline LUTRA_ABI_TAG
