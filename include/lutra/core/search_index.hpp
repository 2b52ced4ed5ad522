// lutra/core/search_index.hpp: the contract of an index, SearchIndex, and the calls that every index has.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/collector.hpp>
#include <lutra/core/guarded.hpp>
#include <lutra/core/hits.hpp>
#include <lutra/core/id_run.hpp>
#include <lutra/core/ids.hpp>
#include <lutra/core/params.hpp>
#include <lutra/core/result.hpp>
#include <lutra/core/storage.hpp>
#include <lutra/core/topk.hpp>

#include <concepts>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>

namespace lutra::inline LUTRA_ABI_TAG {

class Reader;  // io/stream.hpp
class Writer;
struct Fourcc;  // io/record.hpp

/// An index: vectors go in, the nearest ones come out.
///   untrained()                an index of the same kind and settings (nprobe, k_factor, options), without training and vectors
///   train(x, resources)        x [n, d], finite
///   add(x, resources)          stores rows with the next free ids, 0, 1, 2 ... in a fresh index: all rows, or none on an error
///   add_with_ids(x, ids, resources)  ids [n], each >= 0
///   search(q, k, out, params, resources) const   k slots a query, best first; empty slots have id -1. Ties: lower id first. A
///                              query with NaN finds nothing. Thread-safe. The same bits for any executor and any batches.
///                              Without queries (q.n == 0) nothing is written, and add() without rows changes nothing: neither
///                              is an error, and pointers may be null then
///   search_bytes(nq, k, params) const   the most that a search of up to nq queries takes from the arena of one worker: see
///                              workspace_bytes()
///   range_search(q, radius, out, params, resources) const   hits strictly nearer than radius (L2), strictly larger (inner
///                              product); best first, or in the order of the rows (Order::any)
///   visit_range(q, radius, sink, params, resources) const   the same hits of one query, the first row of q, one by one in any
///                              order and as scores; needs no memory but the workspace's: that of a search for one neighbour
///   reconstruct(id, out) const, reconstruct_n(first, n, out) const   the vectors stored under ids; not_found if one is missing
///   remove_ids(filter)         removes the ids that pass; returns how many. Without lists (nlist() == 0) an index whose ids are
///                              places numbers its rows anew; otherwise ids stay
///   merge_from(other, shift)   takes over all vectors of an index of the same kind, ids + shift; other is left empty
///   reset()                    removes the vectors, keeps the training
///   save(out) const            writes faiss's record
///   map_ids(map, kind)         replaces each id i by map[i]. bad_file if an id has no entry, or one below 0. With lists it needs
///                              no memory after remove_ids(), if no id grows. In place the map may be used where it lies: it must
///                              stay. kind: of the record that held the map, which files use again, also after reset(); nullopt:
///                              none
///   make_direct_map()          makes reconstruct() one look-up from now on; 8 bytes a vector (20 to 45 if ids are not below
///                              ntotal()). Files keep it. unsupported if the index cannot have one
///   ids_are_places() const     true if the ids are 0 .. ntotal() - 1, each once; without lists, also in the order of the rows
///   nlist(), nprobe()          0 without a partition
///   set_nprobe(n)              the nprobe of searches whose params leave it 0; saved in files. More than nlist() means all.
///                              Errors: bad_argument (0), unsupported (no partition)
///   k_factor(), set_k_factor() the same for a refine stage; 0 without one
///   training_rows()            the most rows train() uses, a sample if there are more; 0: nothing to train
///   code_size()                bytes of a stored vector in a file, without its id
///   storage()                  the form of stored vectors in memory, and what they take
///   spec() const               the factory string that makes such an index
/// Every call that returns a Status may return out_of_memory. After an error, or an exception of the caller's own functions
/// (executor, filter, progress, stream), which passes through, the index is unchanged, and so are both indexes of a merge; the
/// output of a search is undefined. Constructors, spec() and other calls without a Status throw std::bad_alloc. In builds without
/// exceptions operator new ends the process. Const calls may run at the same time; the others must run alone.
template <class I>
concept SearchIndex = std::movable<I> &&
    requires(I& i, const I& ci, MatrixView x, std::size_t n, const Id* ids, Id id, float* out, HitsView hits, RangeHits& range,
             float radius, const SearchParams& params, const Resources& resources, const IdFilter& filter, Writer& writer) {
    { ci.untrained() } -> std::same_as<I>;
    { ci.dim() } -> std::same_as<std::size_t>;
    { ci.ntotal() } -> std::same_as<std::size_t>;
    { ci.metric() } -> std::same_as<Metric>;
    { ci.is_trained() } -> std::same_as<bool>;
    { ci.spec() } -> std::same_as<std::string>;
    { i.train(x, resources) } -> std::same_as<Status>;
    { i.add(x, resources) } -> std::same_as<Status>;
    { i.add_with_ids(x, ids, resources) } -> std::same_as<Status>;
    { ci.search(x, n, hits, params, resources) } -> std::same_as<Status>;
    { ci.search_bytes(n, n, params) } -> std::same_as<std::size_t>;
    { ci.range_search(x, radius, range, params, resources) } -> std::same_as<Status>;
    { ci.visit_range(x, radius, RangeSink(), params, resources) } -> std::same_as<Status>;
    { ci.reconstruct(id, out) } -> std::same_as<Status>;
    { ci.reconstruct_n(id, n, out) } -> std::same_as<Status>;
    { i.remove_ids(filter) } -> std::same_as<Result<std::size_t>>;
    { i.merge_from(i, id) } -> std::same_as<Status>;
    i.reset();
    { ci.save(writer) } -> std::same_as<Status>;
    { i.map_ids(IdList(), std::optional<IdMapKind>()) } -> std::same_as<Status>;
    { i.make_direct_map() } -> std::same_as<Status>;
    { ci.ids_are_places() } -> std::same_as<bool>;
    { ci.nlist() } -> std::same_as<std::size_t>;
    { ci.nprobe() } -> std::same_as<std::size_t>;
    { i.set_nprobe(n) } -> std::same_as<Status>;
    { ci.k_factor() } -> std::same_as<float>;
    { i.set_k_factor(radius) } -> std::same_as<Status>;
    { ci.code_size() } -> std::same_as<std::size_t>;
    { ci.storage() } -> std::same_as<Storage>;
    { ci.training_rows() } -> std::same_as<std::size_t>;
};

/// An index that reads its record.
///   load_record(fourcc, in, depth, options)   reads the record behind its fourcc, or says which are expected; depth: records and
///                              transforms around it (read_record() in io/id_map_record.hpp, which also reads id maps)
template <class I>
concept StoredIndex = SearchIndex<I> && requires(const Fourcc& fourcc, Reader& in, std::size_t n, IndexOptions options) {
    { I::load_record(fourcc, in, n, options) } -> std::same_as<Result<I>>;
};

/// The bytes that make a Workspace on memory of the caller's large enough for a search of up to nq queries with one worker: an
/// upper bound. Valid until the index changes.
template <SearchIndex I>
std::size_t workspace_bytes(const I& index, std::size_t k, const SearchParams& params = {}, std::size_t nq = 1) {
    return index.search_bytes(nq, k, params) + kCacheLine - 1;  // wherever the memory begins
}

/// search() that allocates its result. See SearchIndex.
template <SearchIndex I>
Result<Hits> search(const I& index, MatrixView queries, std::size_t k, const SearchParams& params = {},
                    const Resources& resources = {}) {
    if (queries.n != 0 && k > std::numeric_limits<std::size_t>::max() / sizeof(Id) / queries.n)
        return Status{Errc::bad_argument, "search: k = {} neighbours of {} queries do not fit into memory", k, queries.n};
    return guarded("search", [&]() -> Result<Hits> {
        Hits hits(queries.n, k);
        LUTRA_TRY(index.search(queries, k, hits.view(), params, resources));
        return hits;
    });
}

/// The range search of one query, q [d], into room of the caller's for n hits: out has the nearest ones, best first and then slots
/// with id -1. Returns how many lie within the radius, which may be more than n. Allocates nothing if resources have a workspace.
template <SearchIndex I>
Result<std::size_t> range_search(const I& index, const float* q, float radius, std::size_t n, HitsView out,
                                 const SearchParams& params = {}, const Resources& resources = {}) {
    struct Nearest {
        TopK top;
        std::size_t found = 0;
    } nearest{TopK(out.distances, out.ids, n)};
    const auto take = [](void* context, float score, Id id) {
        auto& all = *static_cast<Nearest*>(context);
        ++all.found, all.top.push(score, id);
    };
    LUTRA_TRY(index.visit_range({q, 1, index.dim()}, radius, {&nearest, take}, params, resources));
    nearest.top.write(without_norm(index.metric()));
    return nearest.found;
}

}  // namespace lutra::inline LUTRA_ABI_TAG
