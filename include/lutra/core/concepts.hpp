// lutra/core/concepts.hpp: the three contracts of the library on one page. Plain value types model them; no base class.
// SPDX-License-Identifier: MIT
//
//   "L2norm,IVF1024,Flat"       one pipeline: transform, partition (CoarseQuantizer), encoding; and a SearchIndex over all
//
// Ivf<Coarse, Encoding>, Transformed<Base> and Refine<Base> compose the parts and are SearchIndexes; Index owns any SearchIndex and
// is one. What the compiler cannot check is said here and checked by tests/contracts.
#pragma once
#include <lutra/core/collector.hpp>
#include <lutra/core/guarded.hpp>
#include <lutra/core/hits.hpp>
#include <lutra/core/ids.hpp>
#include <lutra/core/params.hpp>
#include <lutra/core/result.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>

namespace lutra::inline LUTRA_ABI_TAG {

class Reader;  // io/stream.hpp
class Writer;
struct Fourcc;  // io/record.hpp
struct IndexHeader;
struct PartCost;  // core/part_cost.hpp

/// One inverted list, as the encodings see it: blocks of codes and the ids of their vectors.
struct ListView {
    const std::byte* codes = nullptr;  // [ceil(size / Encoding::kBlock)] blocks of block_bytes()
    const Id* ids = nullptr;           // [size]
    std::size_t size = 0;
    const float* centroid = nullptr;  // [d], what residuals are taken from; null where there is none
    std::uint64_t location = 0;       // of its first vector, for collectors: list and offset in one number; the others follow
    std::size_t number = 0;           // of the list, among all lists
};

/// Which lists a row belongs to and a query visits. A search structure over centroids that somebody else has trained.
///   kLearns             false: there is nothing to train (one list), build() is never called
///   untrained()         one of the same kind without centroids
///   build(c, nlist, d, metric, resources)  takes centroids [nlist, d]
///   probe(q, nprobe, lists, distances, arena)  lists [q.n, nprobe]: the nprobe <= nlist() best lists of each row, best first; -1
///                       where there is none (a NaN query), unless all are asked for: then all are given. distances: null, or
///                       [q.n, nprobe], those of each list's centroid by the index's metric, to float rounding; not finite where
///                       floats overflow. The same lists and distances whether rows come alone or together. Const, thread-safe
///                       with one arena a thread, allocates nothing once the arena is warm
///   assign(x, lists, arena)  lists [x.n]: the one list a row is stored in; finite rows always have one
///   takes_lengths()     true if for inner product centroids may have any length; false: build() is given those of length 1
///   wants_spreads()     true if the order of the lists depends on how far their rows lie from their centroids; then it is told:
///   set_spreads(rms)    [nlist] root mean squares of rows less centroids, as stored; 0 for a list without rows
///   centroid(list)      [d], what residuals are taken from
///   token()             what stands behind "IVF{n}" in a factory string
/// Moving one and set_spreads() cannot fail. The other calls throw std::bad_alloc, or an Error of a Status, where memory runs out.
template <class C>
concept CoarseQuantizer = requires(C& c, const C& cc, AlignedVector<float> centroids, MatrixView x, std::size_t n, Id* lists,
                                   float* distances, Arena& arena, Metric metric, std::span<const float> rms,
                                   const Resources& resources) {
    { C::kLearns } -> std::convertible_to<bool>;
    { cc.untrained() } -> std::same_as<C>;
    { c.build(std::move(centroids), n, n, metric, resources) } -> std::same_as<Status>;
    { cc.nlist() } -> std::same_as<std::size_t>;
    cc.probe(x, n, lists, distances, arena);
    cc.assign(x, lists, arena);
    { cc.takes_lengths() } -> std::same_as<bool>;
    { cc.wants_spreads() } -> std::same_as<bool>;
    c.set_spreads(rms);
    { cc.centroid(n) } -> std::same_as<const float*>;
    { cc.token() } -> std::same_as<std::string>;
};

/// What an Ivf in a file asks of it beside that.
///   save(out, d, metric)  a record of the index of centroids; d and metric are the index's, which knows them before training
///   load(in, index, nlist, depth)  reads one, fourcc and all. depth counts records in records
template <class C>
concept StoredCoarse = CoarseQuantizer<C> &&
    requires(const C& cc, Writer& out, Reader& in, const IndexHeader& index, std::size_t n, Metric metric) {
    { cc.save(out, n, metric) } -> std::same_as<Status>;
    { C::load(in, index, n, n) } -> std::same_as<Result<C>>;
};

/// How rows are stored and compared: codes, their block layout, per-query state, and the scan of a list.
///   kBlock              vectors per block of block_bytes() bytes; slot < kBlock is a place in it
///   kQueryTile          queries that are worth scanning lists for together: their states and candidates stay in a cache
///   kFirstLists         of a batch's probed lists, how many of each query's nearest are scanned before the others, so that
///                       thresholds are tight early; 0: all in one round
///   Candidates          the TopKCollector a search gives it
///   kEstimates          true: what scan() gives it are estimates. A search asks for with_estimates(k) candidates and scores
///                       them again, as decoded
///   token()             as written in a factory string: "Flat"
///   untrained()         one of the same kind and settings that has learnt nothing
///   by_residual()       codes are of rows less their list's centroid; false where there is none
///   check_metric(metric) an error if the encoding is not for it
///   train(metric, x, rows, resources)   learns to encode x [n, d]: the rows, or if by_residual() their residuals; rows [n, d] are
///                       the same as x otherwise. At least least_training_rows() and at most training_rows(); 0: learns nothing
///   set_origins(metric, centroids)   what residuals will be taken from: the centroids of all lists, pointers to d floats. After
///                       train() and after loading, if by_residual(), before block_bytes() is asked for
///   encode(rows, centroid, codes, first)   rows are pointers to d floats, centroid what residuals are taken from or null;
///                       into slots first, first + 1 ... of the list whose codes begin at `codes`; other slots stay as they are
///   decode(block, slot, centroid, out)     what one slot stands for
///   copy(block, slot, to_block, to_slot)   one code
///   same(other)         true if codes of the other mean the same here
///   prepare(metric, q, arena) -> const State*        what scan() needs of query q [d]; lives in the arena, or is q itself
///   scan(metric, states, distances, list, hits, arena)   offers every vector of the list to each state's collector: one call
///                       per list for all the queries that visit it. distances [states.size()]: of the queries to the list's
///                       centroid, as probe() gives them, if by_residual(); otherwise empty. Hot: no allocation, nothing virtual
/// Moving one cannot fail. The calls throw std::bad_alloc where memory runs out: encode() may leave anything in its slots then.
template <class E>
concept Encoding = requires(E& e, const E& ce, MatrixView x, std::span<const float* const> rows, const float* row, float* out,
                            std::byte* block, const std::byte* codes, std::size_t n, Arena& arena, Metric metric, ListView list,
                            std::span<const typename E::State* const> states, std::span<const float> distances,
                            std::span<typename E::Candidates* const> top, std::span<RangeCollector* const> range,
                            const Resources& resources) {
    { E::kBlock } -> std::convertible_to<std::size_t>;
    { E::kQueryTile } -> std::convertible_to<std::size_t>;
    { E::kFirstLists } -> std::convertible_to<std::size_t>;
    { E::kEstimates } -> std::convertible_to<bool>;
    requires TopKCollector<typename E::Candidates>;
    { ce.block_bytes() } -> std::same_as<std::size_t>;
    { ce.code_size() } -> std::same_as<std::size_t>;
    { ce.token() } -> std::same_as<std::string>;
    { ce.untrained() } -> std::same_as<E>;
    { ce.by_residual() } -> std::same_as<bool>;
    { ce.is_trained() } -> std::same_as<bool>;
    { ce.training_rows() } -> std::same_as<std::size_t>;
    { ce.least_training_rows() } -> std::same_as<std::size_t>;
    { ce.check_metric(metric) } -> std::same_as<Status>;
    { e.train(metric, x, x, resources) } -> std::same_as<Status>;
    e.set_origins(metric, rows);
    ce.encode(rows, row, block, n);
    ce.decode(codes, n, row, out);
    ce.copy(codes, n, block, n);
    { ce.same(ce) } -> std::same_as<bool>;
    { ce.prepare(metric, row, arena) } -> std::same_as<const typename E::State*>;
    ce.scan(metric, states, distances, list, top, arena);
    ce.scan(metric, states, distances, list, range, arena);
};

/// What the catalog (factory/catalog.hpp) asks of an encoding beside that.
///   kName               not empty; as in "expected an encoding (Flat)"
///   parse(token, d, in_lists)   nullopt: not its token; else an untrained one for vectors [d], or what is wrong. Any bytes
///   cost(metric, n)     what it says of itself, trained with n rows, for explain()
///   repair(token, d, metric, in_lists)   optional: the token parse() takes that is nearest to one it does not; empty if none is
///   near
template <class E>
concept NamedEncoding = Encoding<E> && requires(const E& ce, std::string_view token, std::size_t n, Metric metric) {
    { E::kName } -> std::convertible_to<std::string_view>;
    { E::parse(token, n, true) } -> std::same_as<std::optional<Result<E>>>;
    { ce.cost(metric, n) } -> std::same_as<PartCost>;
};

/// What files ask of an encoding beside that.
///   kIvfRecord          the fourcc of faiss's record of lists with it
///   kAloneRecords       an array of those of an index without lists; kRecordName what an error calls them: "PQ..x4fs"
///   note()              for the header of the record, alone or in lists; IndexHeader::kNoNote if there is nothing to say
///   save_fields(out), load_fields(in, header)   what stands before the lists
///   save_alone(out, metric, list), load_alone(in, header, codes)   the record of an index without lists, behind its fourcc when
///   read
template <class E>
concept StoredEncoding = NamedEncoding<E> && requires(const E& ce, Writer& out, Reader& in, IndexHeader& header, Metric metric,
                                                      ListView list, AlignedVector<std::byte>& codes) {
    { E::kIvfRecord } -> std::convertible_to<const Fourcc&>;
    { E::kAloneRecords[0] } -> std::convertible_to<const Fourcc&>;
    { E::kRecordName } -> std::convertible_to<std::string_view>;
    { ce.note() } -> std::same_as<std::int64_t>;
    { ce.save_fields(out) } -> std::same_as<Status>;
    { E::load_fields(in, header) } -> std::same_as<Result<E>>;
    { ce.save_alone(out, metric, list) } -> std::same_as<Status>;
    { E::load_alone(in, header, codes) } -> std::same_as<Result<E>>;
};

/// And of one whose lists are stored in blocks (kBlock > 1), which may be others in files.
///   file_block(), file_block_bytes()     vectors and bytes of a block in a file
///   to_file(list, out), from_file(in, n, centroid, codes)   out and in hold ceil(n / file_block()) of them
template <class E>
concept BlockStored = StoredEncoding<E> && requires(const E& ce, ListView list, std::span<std::byte> out, std::size_t n,
                                                    std::span<const std::byte> in, const float* centroid, std::byte* codes) {
    { ce.file_block() } -> std::same_as<std::size_t>;
    { ce.file_block_bytes() } -> std::same_as<std::size_t>;
    ce.to_file(list, out);
    ce.from_file(in, n, centroid, codes);
};

/// A step before an index: rows of dim_in() columns become rows of dim_out().
///   kName, parse(token, d), token(), untrained()   as an encoding's; d is dim_in()
///   repair(token, d)    optional, as an encoding's
///   train(x, resources)  learns from x [n, dim_in], n >= 1; it looks at training_rows() of them, 0: there is nothing to learn
///   apply(x, out)       x [n, dim_in] into out [n, dim_out], each row alone. Const, thread-safe, after train()
///   kReverses           whether there is a way back: reverse(y, out), y [n, dim_out] into out [n, dim_in]; without one what is
///                       stored is what reconstruct() gives, and dim_out() is dim_in()
///   same(other)         true if the other makes the same of every row
///   cost(metric, n)     what it says of itself, trained with n rows, for explain()
///   kRecord, save(out)  its fourcc and its record, which begins with it; load(in, d) reads what follows
template <class T>
concept Transform = requires(T& t, const T& ct, MatrixView x, float* out, std::size_t n, Metric metric, const Resources& resources,
                             std::string_view token, Writer& writer, Reader& reader) {
    { T::kName } -> std::convertible_to<std::string_view>;
    { T::kRecord } -> std::convertible_to<const Fourcc&>;
    { T::kReverses } -> std::convertible_to<bool>;
    { T::parse(token, n) } -> std::same_as<std::optional<Result<T>>>;
    { ct.token() } -> std::same_as<std::string>;
    { ct.untrained() } -> std::same_as<T>;
    { ct.dim_in() } -> std::same_as<std::size_t>;
    { ct.dim_out() } -> std::same_as<std::size_t>;
    { ct.is_trained() } -> std::same_as<bool>;
    { ct.training_rows() } -> std::same_as<std::size_t>;
    { t.train(x, resources) } -> std::same_as<Status>;
    ct.apply(x, out);
    { ct.same(ct) } -> std::same_as<bool>;
    { ct.cost(metric, n) } -> std::same_as<PartCost>;
    { ct.save(writer) } -> std::same_as<Status>;
    { T::load(reader, n) } -> std::same_as<Result<T>>;
};

/// An index: vectors go in, the nearest ones come out.
///   untrained()                one of the same kind and settings (nprobe, k_factor), without training and vectors
///   train(x, resources)        x [n, d], finite. On an error the index is as before
///   add(x, resources)          stores rows under the next free ids, 0, 1, 2 ... in a fresh index: all rows, or none on an error
///   add_with_ids(x, ids, resources)  ids [n], each >= 0
///   search(q, k, out, params, resources) const   always k slots a query, best first, missing ones with id -1. Equal
///                              distances: lower id first. A query with NaN finds nothing. Thread-safe. The same bits for any
///                              executor, and whether queries come alone or together. Of no queries (q.n == 0) there is
///                              nothing to write, and add() of no rows changes nothing: neither is an error, and pointers may
///                              be null then
///   range_search(q, radius, out, params, resources) const   strictly nearer than radius (L2), strictly larger (inner product);
///                              best first, or in the order of the rows (Order::any)
///   reconstruct(id, out) const, reconstruct_n(first, n, out) const   what is stored under an id; not_found if nothing is
///   remove_ids(filter)         forgets the ids that pass; says how many. Without lists (nlist() == 0) an index whose ids are
///                              places numbers its rows anew; otherwise ids stay
///   merge_from(other, shift)   takes over all vectors of an index of the same kind, ids + shift; other is left empty
///   reset()                    forgets the vectors, keeps the training
///   save(out) const            writes faiss's record
///   map_ids(map, kind)         number i is called map[i] from now on. bad_file if an id has no entry or gets one below 0. With
///                              lists it needs no memory after remove_ids(), if no number grows. kind: of the record the map comes
///                              from, which files then have again, also after reset(); nullopt: of none
///   make_direct_map()          from now on reconstruct() takes the time of one look-up; 8 bytes a vector (20 to 45 where ids
///                              are not below ntotal()), and a file keeps it. unsupported where there is no such map
///   ids_are_places() const     true if the ids are 0 .. ntotal() - 1, each once; without lists, also in the order of the rows
///   nlist(), nprobe()          0 where there is no partition
///   set_nprobe(n)              for searches that do not say otherwise, and in files. More than nlist() means all. Errors:
///                              bad_argument (0), unsupported (no partition)
///   k_factor()                 0 where there is no refine stage; set_k_factor() says what it accepts
///   training_rows()            the most rows train() looks at, of more it takes a sample; 0: there is nothing to train
///   code_size()                bytes a stored vector takes, without its id
///   spec() const               the factory string that makes such an index
/// Any call that gives a Status may give out_of_memory. After an error, and after an exception of the caller's own functions
/// (executor, filter, progress, stream), which comes through, the index is what it was before the call, and so are both of a merge;
/// what a search should have written is of no use. Constructors, spec() and what else gives no Status throw std::bad_alloc. Without
/// exceptions the process ends where operator new has no memory to give.
/// Const calls may run at the same time; the others must run alone.
template <class I>
concept SearchIndex = requires(I& i, const I& ci, MatrixView x, std::size_t n, const Id* ids, Id id, float* out, HitsView hits,
                               RangeHits& range, float radius, const SearchParams& params, const Resources& resources,
                               const IdFilter& filter, Writer& writer) {
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
    { ci.range_search(x, radius, range, params, resources) } -> std::same_as<Status>;
    { ci.reconstruct(id, out) } -> std::same_as<Status>;
    { ci.reconstruct_n(id, n, out) } -> std::same_as<Status>;
    { i.remove_ids(filter) } -> std::same_as<Result<std::size_t>>;
    { i.merge_from(i, id) } -> std::same_as<Status>;
    i.reset();
    { ci.save(writer) } -> std::same_as<Status>;
    { i.map_ids(std::span<const Id>(), std::optional<IdMapKind>()) } -> std::same_as<Status>;
    { i.make_direct_map() } -> std::same_as<Status>;
    { ci.ids_are_places() } -> std::same_as<bool>;
    { ci.nlist() } -> std::same_as<std::size_t>;
    { ci.nprobe() } -> std::same_as<std::size_t>;
    { i.set_nprobe(n) } -> std::same_as<Status>;
    { ci.k_factor() } -> std::same_as<float>;
    { i.set_k_factor(radius) } -> std::same_as<Status>;
    { ci.code_size() } -> std::same_as<std::size_t>;
    { ci.training_rows() } -> std::same_as<std::size_t>;
};

/// search() into memory of its own. See SearchIndex.
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

}  // namespace lutra::inline LUTRA_ABI_TAG
