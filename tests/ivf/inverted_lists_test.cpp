// Tests of ivf/inverted_lists.hpp, with blocks of one vector and of four, and with rows beside them.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/ivf/inverted_lists.hpp>

#include <cstddef>
#include <vector>

namespace {
using lutra::Id;
using lutra::InvertedLists;

/// A byte of a vector, in its slot of its block, or in its row.
template <class Lists>
auto& byte_of(Lists& lists, std::size_t list, std::size_t offset) {
    const auto codes = lists.block_of(list, offset);
    const std::size_t slot = offset % lists.block();
    return lists.block_bytes() != 0 ? codes.blocks[slot] : codes.rows[slot * lists.row_bytes()];
}
/// Adds a vector whose byte says which it is.
void append(InvertedLists& lists, std::size_t list, Id id) {
    std::vector<std::size_t> more(lists.nlist(), 0);
    more[list] = 1;
    lists.reserve(more);
    const std::size_t offset = lists.size(list);
    lists.grow(list, 1);
    CHECK(lists.ids(list)[offset] == lutra::kNoId);
    byte_of(lists, list, offset) = std::byte(id & 0xff);
    if (lists.row_bytes() != 0)
        lists.block_of(list, offset).rows[offset % lists.block() * lists.row_bytes() + 1] = std::byte(id >> 8);
    lists.ids_to_set(list)[offset] = id;
}
bool holds(const InvertedLists& lists, std::size_t list, const std::vector<Id>& ids) {
    bool good = lists.size(list) == ids.size();
    for (std::size_t i = 0; good && i < ids.size(); ++i)
        good = lists.ids(list)[i] == ids[i] && byte_of(lists, list, i) == std::byte(ids[i] & 0xff);
    const std::size_t bytes = lists.row_bytes();
    for (std::size_t i = 0; good && bytes != 0 && i < ids.size(); ++i)
        good = lists.block_of(list, i).rows[i % lists.block() * bytes + 1] == std::byte(ids[i] >> 8);
    return good;
}
}  // namespace

TEST_CASE("InvertedLists: every list keeps its vectors in the order they came, while others grow") {
    for (const InvertedLists& kind :
         {InvertedLists(3, 1, 8), InvertedLists(3, 4, 8), InvertedLists(3, 4, 8, 3), InvertedLists(3, 4, 0, 3)}) {
        InvertedLists lists = kind;
        std::vector<std::vector<Id>> want(3);
        for (Id id = 0; id < 500; ++id) {
            const std::size_t list = id % 7 == 0 ? 2 : 0;  // list 1 stays empty
            append(lists, list, id);
            want[list].push_back(id);
        }
        for (std::size_t l = 0; l < 3; ++l) CHECK(holds(lists, l, want[l]));
        CHECK(lists.total() == 500);
        CHECK(lists.nlist() == 3);
    }
}

TEST_CASE("InvertedLists: lists placed in order fill what was reserved, and no more, and can grow") {
    InvertedLists lists(4, 4, 8);
    lists.reserve_in_order(4);
    const std::size_t sizes[4] = {5, 0, 1, 2};  // 2, 0, 1 and 1 blocks
    Id next = 0;
    for (std::size_t l = 0; l < 4; ++l) {
        if (sizes[l] != 0) CHECK(lists.make_list(l, sizes[l]));
        for (std::size_t i = 0; i < sizes[l]; ++i) byte_of(lists, l, i) = std::byte(next), lists.ids_to_set(l)[i] = next, ++next;
    }
    CHECK_FALSE(lists.make_list(1, 1));
    append(lists, 1, 8);
    append(lists, 0, 9);
    CHECK(holds(lists, 0, {0, 1, 2, 3, 4, 9}));
    CHECK(holds(lists, 1, {8}));
    CHECK(holds(lists, 2, {5}));
    CHECK(holds(lists, 3, {6, 7}));
}

TEST_CASE("InvertedLists: a view is a run of a list, from any block to any vector") {
    InvertedLists lists(2, 4, 8, 3);
    for (Id id = 0; id < 11; ++id) append(lists, 1, id);
    const lutra::ListView all = lists.view(1), some = lists.view(1, 4, 10), none = lists.view(0);
    CHECK(all.size == 11);
    CHECK(some.size == 6);
    CHECK(some.ids[0] == all.ids[4]);
    CHECK(some.codes.blocks == all.codes.blocks + 8);
    CHECK(some.codes.rows == all.codes.rows + 4 * 3);
    CHECK(none.size == 0);
}

TEST_CASE("InvertedLists: new slots are zero, also where a longer list was cut") {
    InvertedLists lists(1, 1, 4, 2);
    for (Id id = 1; id < 9; ++id) append(lists, 0, id);
    lists.truncate(0, 3);
    CHECK(holds(lists, 0, {1, 2, 3}));
    const std::vector<std::size_t> more{4};
    lists.reserve(more);
    lists.grow(0, 4);
    for (std::size_t i = 3; i < 7; ++i)
        for (std::size_t b = 0; b < 4; ++b) CHECK(lists.block_of(0, i).blocks[b] == std::byte{0});
    for (std::size_t i = 3; i < 7; ++i)
        for (std::size_t b = 0; b < 2; ++b) CHECK(lists.block_of(0, i).rows[b] == std::byte{0});
    CHECK(holds(lists, 0, {1, 2, 3, -1, -1, -1, -1}) == false);
    CHECK(lists.ids(0)[6] == lutra::kNoId);
}

TEST_CASE("InvertedLists: reserving nothing and growing by nothing change nothing") {
    InvertedLists lists(2, 1, 4);
    lists.reserve(std::vector<std::size_t>{0, 0});
    lists.grow(1, 0);
    lists.truncate(0, 0);
    CHECK(lists.total() == 0);
}
