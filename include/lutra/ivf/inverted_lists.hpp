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
#include <span>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// nlist lists; list l holds size(l) vectors in ceil(size / block) blocks of block_bytes each, in the order they came in.
/// Not thread-safe to change, except that different lists may be grown and filled by different workers after reserve().
class InvertedLists {
public:
    InvertedLists() = default;
    InvertedLists(std::size_t nlist, std::size_t block, std::size_t block_bytes)
        : block_(block), block_bytes_(block_bytes), lists_(nlist) {}

    std::size_t nlist() const { return lists_.size(); }
    std::size_t block() const { return block_; }
    std::size_t block_bytes() const { return block_bytes_; }
    std::size_t size(std::size_t list) const { return lists_[list].ids.size(); }
    std::size_t code_bytes(std::size_t list) const { return blocks(size(list)) * block_bytes_; }
    ListView view(std::size_t list) const { return view(list, 0, size(list)); }
    /// Vectors [begin, end) of a list; begin must be a multiple of block().
    ListView view(std::size_t list, std::size_t begin, std::size_t end) const {
        return {block_of(list, begin), lists_[list].ids.data() + begin, end - begin};
    }

    std::span<const Id> ids(std::size_t list) const { return lists_[list].ids; }
    std::span<Id> ids(std::size_t list) { return lists_[list].ids; }
    /// The block of the vector at `offset` in a list.
    std::byte* block_of(std::size_t list, std::size_t offset) {
        return codes_.data() + lists_[list].offset + offset / block_ * block_bytes_;
    }
    const std::byte* block_of(std::size_t list, std::size_t offset) const {
        return codes_.data() + lists_[list].offset + offset / block_ * block_bytes_;
    }

    /// Prefetches the beginning of a list's codes; the hardware prefetcher follows once the scan runs.
    void prefetch(std::size_t list) const { prefetch_bytes(block_of(list, 0), std::min(code_bytes(list), kAhead)); }

    std::size_t total() const {
        std::size_t sum = 0;
        for (const List& l : lists_) sum += l.ids.size();
        return sum;
    }

    /// Makes room for more [nlist] vectors in each list, so that adding them cannot fail. If memory runs out the lists are
    /// unchanged. The first call allocates exactly what is asked for; later, if any list lacks room, every list gets half as much
    /// again, so that many small additions cost little each.
    void reserve(std::span<const std::size_t> more) {
        bool fits = true;
        for (std::size_t l = 0; l < nlist(); ++l) {
            const std::size_t need = size(l) + more[l];
            if (need > lists_[l].ids.capacity()) lists_[l].ids.reserve(room(lists_[l], more[l]));
            fits = fits && blocks(need) <= lists_[l].blocks;
        }
        if (!fits) move_all(more);
    }

    /// Zeroes the codes of `more` reserved slots. They are filled through block_of() before the list grows, so an error until then
    /// changes nothing.
    void prepare(std::size_t list, std::size_t more) {
        const List& l = lists_[list];
        const std::size_t before = code_bytes(list), after = blocks(size(list) + more) * block_bytes_;
        LUTRA_ASSERT(blocks(size(list) + more) <= l.blocks);
        if (after != before) std::memset(codes_.data() + l.offset + before, 0, after - before);
    }
    /// Adds `more` prepared slots with id -1, to be filled through ids(). Cannot fail.
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
        codes_ = AlignedVector<std::byte>();
    }

    /// Makes codes and ids the content of the only list.
    void adopt(AlignedVector<std::byte> codes, std::vector<Id> ids) {
        LUTRA_ASSERT(nlist() == 1 && codes.size() == blocks(ids.size()) * block_bytes_);
        lists_[0] = {0, blocks(ids.size()), std::move(ids)};
        codes_ = std::move(codes);
    }

private:
    static constexpr std::size_t kAhead = 4096;

    struct List {
        std::size_t offset = 0, blocks = 0;  // its codes in codes_: first byte, and room in blocks
        std::vector<Id> ids;
    };

    std::size_t blocks(std::size_t n) const { return (n + block_ - 1) / block_; }

    std::size_t room(const List& l, std::size_t more) const {
        const std::size_t need = l.ids.size() + more;
        return codes_.empty() ? need : need + need / 2;
    }

    void move_all(std::span<const std::size_t> more) {
        std::size_t total = 0;
        std::vector<std::size_t> offsets(nlist()), room_blocks(nlist());
        for (std::size_t l = 0; l < nlist(); ++l) {
            offsets[l] = total, room_blocks[l] = std::max(lists_[l].blocks, blocks(room(lists_[l], more[l])));
            total += room_blocks[l] * block_bytes_;
        }
        AlignedVector<std::byte> codes(total);
        for (std::size_t l = 0; l < nlist(); ++l) {
            if (size(l) != 0) std::memcpy(codes.data() + offsets[l], block_of(l, 0), code_bytes(l));
            lists_[l].offset = offsets[l], lists_[l].blocks = room_blocks[l];
        }
        codes_ = std::move(codes);
    }

    std::size_t block_ = 1, block_bytes_ = 0;
    std::vector<List> lists_;
    AlignedVector<std::byte> codes_;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
