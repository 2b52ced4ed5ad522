// lutra/ivf/inverted_lists.hpp: the lists of an IVF index: codes in blocks, and ids. Knows bytes, not encodings.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/concepts.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// nlist lists; list l holds size(l) vectors in ceil(size / block) blocks of block_bytes each, in the order they came in.
/// Not thread-safe to change, except that different lists may be filled by different workers after grow().
class InvertedLists {
public:
    InvertedLists() = default;
    InvertedLists(std::size_t nlist, std::size_t block, std::size_t block_bytes)
        : block_(block), block_bytes_(block_bytes), lists_(nlist) {}

    std::size_t nlist() const { return lists_.size(); }
    std::size_t block() const { return block_; }
    std::size_t block_bytes() const { return block_bytes_; }
    std::size_t size(std::size_t list) const { return lists_[list].ids.size(); }
    ListView view(std::size_t list) const { return {lists_[list].codes.data(), lists_[list].ids.data(), size(list)}; }
    const std::vector<Id>& ids(std::size_t list) const { return lists_[list].ids; }

    /// Vectors [begin, end) of a list; begin must be a multiple of block().
    ListView view(std::size_t list, std::size_t begin, std::size_t end) const {
        return {lists_[list].codes.data() + begin / block_ * block_bytes_, lists_[list].ids.data() + begin, end - begin};
    }

    std::size_t total() const {
        std::size_t sum = 0;
        for (const List& l : lists_) sum += l.ids.size();
        return sum;
    }

    /// Memory for `more` vectors, so that grow() cannot fail afterwards. Exact the first time, by half as much again later.
    void reserve(std::size_t list, std::size_t more) {
        List& l = lists_[list];
        const std::size_t need = l.ids.size() + more;
        if (need <= l.ids.capacity()) return;
        const std::size_t room = std::max(need, l.ids.size() + l.ids.size() / 2);
        l.ids.reserve(room);
        l.codes.reserve(blocks(room) * block_bytes_);
    }

    /// Adds `more` slots, codes zeroed, ids -1: to be filled with set_id() and through block_of().
    void grow(std::size_t list, std::size_t more) {
        List& l = lists_[list];
        l.ids.resize(l.ids.size() + more, kNoId);
        l.codes.resize(blocks(l.ids.size()) * block_bytes_, std::byte{0});
    }

    void set_id(std::size_t list, std::size_t place, Id id) { lists_[list].ids[place] = id; }
    std::byte* block_of(std::size_t list, std::size_t place) { return lists_[list].codes.data() + place / block_ * block_bytes_; }
    const std::byte* block_of(std::size_t list, std::size_t place) const {
        return lists_[list].codes.data() + place / block_ * block_bytes_;
    }

    /// Codes and ids as they come from a file; the sizes must fit.
    void assign(std::size_t list, AlignedVector<std::byte> codes, std::vector<Id> ids) {
        LUTRA_ASSERT(codes.size() == blocks(ids.size()) * block_bytes_);
        lists_[list] = {std::move(codes), std::move(ids)};
    }

    /// Keeps the first `size` vectors of a list.
    void truncate(std::size_t list, std::size_t size) {
        lists_[list].ids.resize(size);
        lists_[list].codes.resize(blocks(size) * block_bytes_);
    }

private:
    struct List {
        AlignedVector<std::byte> codes;
        std::vector<Id> ids;
    };

    std::size_t blocks(std::size_t n) const { return (n + block_ - 1) / block_; }

    std::size_t block_ = 1, block_bytes_ = 0;
    std::vector<List> lists_;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
