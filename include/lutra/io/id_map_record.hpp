// lutra/io/id_map_record.hpp: the record of an id map, around that of an index whose ids are places: "IxMp" and "IxM2"; and
// read_index(), which reads an index of any type with or without one.  SPDX-License-Identifier: MIT
//
//   fourcc, header, the record of the index, n ids: the i-th is the id of place i of the index
#pragma once
#include <lutra/core/concepts.hpp>
#include <lutra/core/guarded.hpp>
#include <lutra/core/ids.hpp>
#include <lutra/io/record.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

constexpr Fourcc id_map_record(IdMapKind kind) { return kind == IdMapKind::one_way ? Fourcc("IxMp") : Fourcc("IxM2"); }

/// The kind of id map that begins with this fourcc, if one does.
inline std::optional<IdMapKind> id_map_kind(Fourcc fourcc) {
    for (const IdMapKind kind : {IdMapKind::one_way, IdMapKind::two_way})
        if (fourcc == id_map_record(kind)) return kind;
    return std::nullopt;
}

/// A u64 count and that many ids, copied unless the reader lends them.
inline Status read_or_lend_ids(Reader& in, std::vector<Id>& copy, IdList& ids) {
    const std::byte* at = nullptr;
    std::size_t n = 0;
    LUTRA_TRY(read_or_lend_counted(in, copy, at, n));
    ids = {IdRun::in_bytes(at), n};
    return {};
}

/// Writes the record. write_index() writes the index's own record; id(i) is the id of place i < header.ntotal.
template <class WriteIndex, class IdOf>
Status write_id_map(Writer& out, IdMapKind kind, const IndexHeader& header, WriteIndex&& write_index, IdOf&& id) {
    LUTRA_TRY(write_fourcc(out, id_map_record(kind)));
    LUTRA_TRY(write_header(out, header));
    LUTRA_TRY(write_index());
    LUTRA_TRY(write_value(out, header.ntotal));
    return write_ids(out, std::size_t(header.ntotal), id);
}

/// Reads the record behind its fourcc. read_index() reads the index's own record into a Result<Index>, whose ids map_ids()
/// replaces.
template <class ReadIndex>
auto read_id_map(Reader& in, IdMapKind kind, ReadIndex&& read_index) -> decltype(read_index()) {
    IndexHeader header;
    LUTRA_TRY(read_header(in, header));
    auto index = read_index();
    LUTRA_TRY(index.status());
    std::vector<Id> copy;
    IdList map;
    LUTRA_TRY(read_or_lend_ids(in, copy, map));
    if (map.size() != index->ntotal())
        return Status{Errc::bad_file, "id map of {} ids for {} vectors", map.size(), index->ntotal()};
    LUTRA_TRY(index->map_ids(map, kind));
    return index;
}

/// Reads an index behind the fourcc of its record, or of an id map around that.
/// depth: of records and transforms around it. Errors: bad_file, also at kMaxNesting.
template <StoredIndex I>
Result<I> read_record(Fourcc fourcc, Reader& in, std::size_t depth, IndexOptions options);

/// The same from the fourcc on.
template <StoredIndex I>
Result<I> read_record(Reader& in, std::size_t depth, IndexOptions options) {
    Fourcc fourcc;
    LUTRA_TRY(read_fourcc(in, fourcc));
    return read_record<I>(fourcc, in, depth, options);
}

template <StoredIndex I>
Result<I> read_record(Fourcc fourcc, Reader& in, std::size_t depth, IndexOptions options) {
    if (depth >= kMaxNesting) return nested_too_deep();
    if (const std::optional<IdMapKind> kind = id_map_kind(fourcc))
        return read_id_map(in, *kind, [&] { return read_record<I>(in, depth + 1, options); });
    return I::load_record(fourcc, in, depth, options);
}

/// Reads an index from the front of a stream: what load() of every type and load_index() do. Errors: bad_file, unsupported,
/// io_error.
template <StoredIndex I>
Result<I> read_index(Reader& in, IndexOptions options) {
    return guarded("load", [&]() -> Result<I> {
        if (options.mmap)
            return Status{Errc::bad_argument, "load: mmap is for a path; bytes in memory are used in place by open_index()"};
        if constexpr (sizeof(std::size_t) < sizeof(std::uint64_t))  // then every length in the stream is a std::size_t
            if (in.remaining() > std::numeric_limits<std::size_t>::max())
                return Status{Errc::unsupported, "{} bytes, more than this machine can address", in.remaining()};
        return read_record<I>(in, 0, options);
    });
}

/// An index of a known type over bytes in memory, as open_index() opens any, for programs without a heap: what cannot be used in
/// place is kept in the room, whose used() then says how much that was. Both must stay while the index lives. Searches then take
/// nothing but a Workspace on memory of the caller's.
///   using Small = Refine<Ivf<FlatCoarse, Pq4FastScan>>;
///   static std::byte memory[16384];
///   Room room(memory);
///   const Result<Small> index = open_in_place<Small>(flash, room);
/// Errors: as load(); out_of_memory (the room is too small), unsupported (what needs the heap: an index over centroids, inner
/// products with centroids of any length, codes of residuals or in another layout than the machine's; big-endian machines).
template <StoredIndex I>
Result<I> open_in_place(std::span<const std::byte> bytes, Room& room) {
    MemoryReader in(bytes, room);
    if (!in.lends()) return Status{Errc::unsupported, "files cannot be used in place on a big-endian machine"};
    return read_index<I>(in, {});
}
/// Bytes of a temporary would be gone.
template <StoredIndex I, class T>
Result<I> open_in_place(const std::vector<T>&& bytes, Room& room) = delete;

}  // namespace lutra::inline LUTRA_ABI_TAG
