// lutra/ivf/lists_file.hpp: reads and writes inverted lists: "ilar", row by row, and "ilbl", in blocks.
// SPDX-License-Identifier: MIT
//
// ilar
//   full   the size of every list; written when more than half of them hold something
//   sprs   (list, size) of the others; then, in both, for each list with vectors: all codes, then all ids
//
// ilbl     vectors and bytes of a block; then, for every list: its ids, and its codes in whole blocks
#pragma once
#include <lutra/io/record.hpp>
#include <lutra/ivf/inverted_lists.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// write_codes(list) writes the codes of a list, code_size bytes each. `nlist` may exceed lists.nlist() for an untrained index,
/// whose lists do not exist yet.
template <class WriteCodes>
Status write_lists(Writer& out, const InvertedLists& lists, std::size_t nlist, std::size_t code_size, WriteCodes&& write_codes) {
    std::vector<std::uint64_t> full(lists.nlist()), sparse;
    for (std::size_t l = 0; l < lists.nlist(); ++l)
        if (full[l] = lists.size(l); full[l] != 0) sparse.insert(sparse.end(), {std::uint64_t(l), full[l]});
    const bool is_full = sparse.size() / 2 > nlist / 2;
    LUTRA_TRY(write_fourcc(out, "ilar"));
    LUTRA_TRY(write_value(out, std::uint64_t(nlist)));
    LUTRA_TRY(write_value(out, std::uint64_t(code_size)));
    LUTRA_TRY(write_fourcc(out, is_full ? "full" : "sprs"));
    LUTRA_TRY(is_full ? write_counted(out, full.data(), full.size()) : write_counted(out, sparse.data(), sparse.size()));
    for (std::size_t l = 0; l < lists.nlist(); ++l) {
        const ListView list = lists.view(l);
        LUTRA_TRY(write_codes(list));
        LUTRA_TRY(write_ids(out, list.size, [&](std::size_t i) { return list.ids[i]; }));
    }
    return {};
}

struct ListSize {
    std::uint64_t list = 0, size = 0;
};

namespace detail {

inline Status wrong_table(std::size_t n, std::uint64_t nlist) {
    return {Errc::bad_file, "inverted lists: {} sizes for {} lists; a sparse table has pairs of numbers", n, nlist};
}
inline Status wrong_list(std::uint64_t list, std::uint64_t nlist) {
    return {Errc::bad_file, "inverted lists: list number {} is out of order or range; accepted: rising, below {}", list, nlist};
}
// left: vectors that the stream may hold.
inline Status check_list_size(Reader& in, const ListSize& s, std::size_t nlist, std::uint64_t left) {
    if (s.size == 0) return {};
    if (nlist == 0) return {Errc::bad_file, "list {} of an untrained index holds {} vectors", s.list, s.size};
    if (s.size <= left) return {};
    return {Errc::bad_file, "truncated: list {} has {} vectors, {} bytes are left for all lists", s.list, s.size, in.remaining()};
}

inline Status read_list_sizes(Reader& in, std::uint64_t nlist, std::vector<ListSize>& sizes) {
    Fourcc kind;
    std::vector<std::uint64_t> numbers;
    LUTRA_TRY(read_fourcc(in, kind));
    if (kind != Fourcc("full") && kind != Fourcc("sprs")) return unexpected_record(kind, "full, sprs", in.position());
    LUTRA_TRY(read_counted(in, numbers));
    if (kind == Fourcc("full")) {
        if (numbers.size() != nlist) return wrong_table(numbers.size(), nlist);
        for (std::size_t l = 0; l < numbers.size(); ++l) sizes.push_back({l, numbers[l]});
        return {};
    }
    if (numbers.size() % 2 != 0) return wrong_table(numbers.size(), nlist);
    for (std::size_t i = 0; i < numbers.size(); i += 2) {
        if (numbers[i] >= nlist || (i > 0 && numbers[i] <= numbers[i - 2])) return wrong_list(numbers[i], nlist);
        sizes.push_back({numbers[i], numbers[i + 1]});
    }
    return {};
}

inline Status read_list_ids(Reader& in, std::size_t list, std::span<Id> ids) {
    LUTRA_TRY(read_values(in, ids.data(), ids.size()));
    for (const Id id : ids)
        if (id < 0) return {Errc::bad_file, "list {} holds the id {}; accepted: 0 or more", list, id};
    return {};
}

// The table of sizes, then the lists, where codes and ids lie in the stream's memory. Ids are not checked, as that would read them
// from the disk.
template <class ListFiller>
Status lend_lists(Reader& in, ListFiller& filler) {
    Fourcc kind;
    const std::byte *table = nullptr, *codes = nullptr, *ids = nullptr;
    std::size_t n = 0;
    LUTRA_TRY(read_fourcc(in, kind));
    const bool full = kind == Fourcc("full");
    if (!full && kind != Fourcc("sprs")) return unexpected_record(kind, "full, sprs", in.position());
    LUTRA_TRY(lend_counted(in, sizeof(std::uint64_t), table, n));
    const auto number = [table](std::size_t i) { return std::uint64_t(IdRun::in_bytes(table)[i]); };
    const std::size_t step = full ? 1 : 2;
    if (full ? n != filler.nlist() : n % 2 != 0) return wrong_table(n, filler.nlist());
    for (std::size_t i = 0; i < n; i += step) {
        const ListSize s{full ? i : number(i), number(i + step - 1)};
        if (s.list >= filler.nlist() || (!full && i > 0 && s.list <= number(i - 2))) return wrong_list(s.list, filler.nlist());
        LUTRA_TRY(check_list_size(in, s, filler.nlist(), in.remaining() / (filler.code_bytes() + sizeof(Id))));
        if (s.size == 0) continue;
        LUTRA_TRY(in.lend(std::size_t(s.size) * filler.code_bytes(), codes));
        LUTRA_TRY(in.lend(std::size_t(s.size) * sizeof(Id), ids));
        filler.lists().lend(std::size_t(s.list), std::size_t(s.size), codes, ids);
    }
    return {};
}

}  // namespace detail

/// The stream must hold that many vectors, of vector_bytes each; nlist: lists there are, none if the index is untrained.
inline Status check_list_sizes(Reader& in, std::span<const ListSize> sizes, std::size_t nlist, std::size_t vector_bytes) {
    std::uint64_t left = in.remaining() / vector_bytes;
    for (const ListSize& s : sizes) {
        LUTRA_TRY(detail::check_list_size(in, s, nlist, left));
        left -= s.size;
    }
    return {};
}

/// Reads "ilar" by the ListFiller of an index.
template <class ListFiller>
Status read_lists(Reader& in, ListFiller& filler) {
    Fourcc kind;
    std::uint64_t nlist = 0, code_bytes = 0;
    std::vector<ListSize> sizes;
    LUTRA_TRY(read_fourcc(in, kind));
    if (kind != Fourcc("ilar")) return unexpected_record(kind, "ilar", in.position());
    LUTRA_TRY(read_value(in, nlist));
    LUTRA_TRY(read_value(in, code_bytes));
    if (nlist != filler.nlist()) return {Errc::bad_file, "inverted lists: {} lists; the index has {}", nlist, filler.nlist()};
    if (filler.lists().nlist() != 0 && code_bytes != filler.code_bytes())
        return {Errc::bad_file, "inverted lists: codes of {} bytes; this index has codes of {}", code_bytes, filler.code_bytes()};
    if (filler.lists().in_place()) return detail::lend_lists(in, filler);
    LUTRA_TRY(detail::read_list_sizes(in, nlist, sizes));
    LUTRA_TRY(filler.set_sizes(in, sizes, filler.code_bytes() + sizeof(Id)));
    for (const ListSize& s : sizes) {
        if (s.size == 0) continue;
        LUTRA_TRY(filler.read_codes(in, std::size_t(s.list)));
        LUTRA_TRY(detail::read_list_ids(in, std::size_t(s.list), filler.ids(std::size_t(s.list))));
    }
    return {};
}

/// Writes the lists of an encoding in blocks. `nlist` may exceed lists.nlist() for an untrained index.
template <Encoding E>
Status write_block_lists(Writer& out, const InvertedLists& lists, std::size_t nlist, const E& encoding) {
    LUTRA_TRY(write_fourcc(out, "ilbl"));
    LUTRA_TRY(write_value(out, std::uint64_t(nlist)));
    LUTRA_TRY(write_value(out, ~std::uint64_t{0}));  // no code size: codes are not row by row
    LUTRA_TRY(write_value(out, std::uint64_t(encoding.file_block())));
    LUTRA_TRY(write_value(out, std::uint64_t(encoding.file_block_bytes())));
    std::vector<std::byte> bytes;
    for (std::size_t l = 0; l < nlist; ++l) {
        const ListView list = l < lists.nlist() ? lists.view(l) : ListView{};
        bytes.resize((list.size + encoding.file_block() - 1) / encoding.file_block() * encoding.file_block_bytes());
        encoding.to_file(list, bytes);
        LUTRA_TRY(write_value(out, std::uint64_t(list.size)));
        LUTRA_TRY(write_ids(out, list.size, [&](std::size_t i) { return list.ids[i]; }));
        LUTRA_TRY(write_counted(out, bytes.data(), bytes.size()));
    }
    return {};
}

namespace detail {

struct BlockSize {
    std::uint64_t vectors = 0, bytes = 0;
};

/// Ids and codes of one list.
inline Status read_block_list(Reader& in, std::size_t l, const BlockSize& block, std::vector<Id>& ids,
                              std::vector<std::byte>& codes) {
    LUTRA_TRY(read_counted(in, ids));
    LUTRA_TRY(read_counted(in, codes));
    if (codes.size() != (ids.size() + block.vectors - 1) / block.vectors * block.bytes)
        return {Errc::bad_file, "list {}: {} bytes of codes for {} vectors", l, codes.size(), ids.size()};
    for (const Id id : ids)
        if (id < 0) return {Errc::bad_file, "list {} holds the id {}; accepted: 0 or more", l, id};
    return {};
}

/// The same in the stream's memory; the ids are not checked.
inline Status lend_block_list(Reader& in, std::size_t l, const BlockSize& block, InvertedLists& lists) {
    const std::byte *ids = nullptr, *codes = nullptr;
    std::size_t n = 0, bytes = 0;
    LUTRA_TRY(lend_counted(in, sizeof(Id), ids, n));
    LUTRA_TRY(lend_counted(in, 1, codes, bytes));
    if (bytes != (n + block.vectors - 1) / block.vectors * block.bytes)
        return {Errc::bad_file, "list {}: {} bytes of codes for {} vectors", l, bytes, n};
    if (n != 0 && lists.nlist() == 0) return {Errc::bad_file, "list {} of an untrained index holds {} vectors", l, n};
    if (n != 0) lists.lend(l, n, codes, ids);
    return {};
}

inline Status read_block_lists_header(Reader& in, std::size_t nlist, const BlockSize& want) {
    Fourcc kind;
    std::uint64_t n = 0, code_size = 0;
    BlockSize block;
    LUTRA_TRY(read_fourcc(in, kind));
    if (kind != Fourcc("ilbl")) return unexpected_record(kind, "ilbl", in.position());
    LUTRA_TRY(read_value(in, n));
    LUTRA_TRY(read_value(in, code_size));
    LUTRA_TRY(read_value(in, block.vectors));
    LUTRA_TRY(read_value(in, block.bytes));
    if (n != nlist) return {Errc::bad_file, "inverted lists: {} lists; the index has {}", n, nlist};
    if (block.vectors == want.vectors && block.bytes == want.bytes) return {};
    return {Errc::bad_file, "inverted lists: blocks of {} vectors and {} bytes; this index has {} and {}",
            block.vectors,  block.bytes,
            want.vectors,   want.bytes};
}

}  // namespace detail

/// Reads "ilbl" by the ListFiller of an index, list by list into memory that is taken once.
template <class ListFiller>
Status read_block_lists(Reader& in, ListFiller& filler) {
    const auto& encoding = filler.encoding();
    InvertedLists& lists = filler.lists();
    const detail::BlockSize block{encoding.file_block(), encoding.file_block_bytes()};
    LUTRA_TRY(detail::read_block_lists_header(in, filler.nlist(), block));
    if (lists.in_place()) {
        for (std::size_t l = 0; l < filler.nlist(); ++l) LUTRA_TRY(detail::lend_block_list(in, l, block, lists));
        return {};
    }
    const std::uint64_t per_block = (block.vectors + lists.block() - 1) / lists.block();  // of ours, in one of the stream
    const std::uint64_t filled = filler.ntotal() / lists.block() + std::min(lists.nlist(), filler.ntotal());
    lists.reserve_in_order(std::size_t(std::min(filled, in.remaining() / block.bytes * per_block)));
    std::vector<Id> ids;
    std::vector<std::byte> codes;
    for (std::size_t l = 0; l < filler.nlist(); ++l) {
        LUTRA_TRY(detail::read_block_list(in, l, block, ids, codes));
        if (ids.empty()) continue;
        if (lists.nlist() == 0) return {Errc::bad_file, "list {} of an untrained index holds {} vectors", l, ids.size()};
        if (!lists.make_list(l, ids.size()))
            return {Errc::bad_file, "IVF record says {} vectors, its lists hold more", filler.ntotal()};
        std::copy(ids.begin(), ids.end(), lists.ids_to_set(l).begin());
        encoding.from_file(codes, ids.size(), filler.centroid_of(l), lists.block_of(l, 0));
    }
    return {};
}

}  // namespace lutra::inline LUTRA_ABI_TAG
