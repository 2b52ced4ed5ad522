// lutra/core/concepts.hpp: the contracts of the parts: CoarseQuantizer, Encoding, Transform. Plain value types model them; no base
// class. The contract of an index is in search_index.hpp, those of collectors are in collector.hpp.  SPDX-License-Identifier: MIT
//
//   "L2norm,IVF1024,Flat"       one pipeline: Transform, CoarseQuantizer, Encoding; and a SearchIndex over all
// Ivf<Coarse, Encoding>, Transformed<Base, Transform> and Refine<Base> compose the parts and are SearchIndexes; Index owns any
// SearchIndex and is one. Comments say what the compiler cannot check; tests/contracts checks it.
#pragma once
#include <lutra/core/collector.hpp>
#include <lutra/core/guarded.hpp>
#include <lutra/core/hits.hpp>
#include <lutra/core/ids.hpp>
#include <lutra/core/params.hpp>
#include <lutra/core/result.hpp>
#include <lutra/core/search_index.hpp>
#include <lutra/core/storage.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

class Reader;  // io/stream.hpp
class Writer;
struct Fourcc;  // io/record.hpp
struct IndexHeader;
struct PartCost;  // core/part_cost.hpp
class Reservoir;  // core/reservoir.hpp

/// Where vectors are stored, from one block of a list on: blocks of codes, and what is kept of each vector beside them, in order.
template <class Byte>
struct CodesFrom {
    Byte* blocks = nullptr;  // Encoding::kBlock vectors in each block_bytes()
    Byte* rows = nullptr;    // row_bytes() for each vector

    CodesFrom() = default;
    CodesFrom(Byte* b, Byte* r = nullptr) : blocks(b), rows(r) {}
    operator CodesFrom<const Byte>() const { return {blocks, rows}; }
};
using Codes = CodesFrom<std::byte>;
using ConstCodes = CodesFrom<const std::byte>;

/// Owns the codes of an index without lists; or says where they lie in the memory that the reader lends.
struct OwnedCodes {
    AlignedVector<std::byte> blocks, rows;
    const std::byte* lent = nullptr;

    operator Codes() { return {blocks.data(), rows.data()}; }
};

/// Pointers to the rows of x, as encode() takes them.
inline std::vector<const float*> row_pointers(MatrixView x) {
    std::vector<const float*> pointers(x.n);
    for (std::size_t i = 0; i < x.n; ++i) pointers[i] = x.row(i);
    return pointers;
}

/// One inverted list as encodings see it: codes, and the ids of their vectors.
struct ListView {
    ConstCodes codes;  // [ceil(size / Encoding::kBlock)] blocks, [size] rows
    IdRun ids;         // [size]
    std::size_t size = 0;
    const float* centroid = nullptr;  // [d], which residuals are taken from; null if codes are of whole rows
    std::uint64_t location = 0;       // of the first vector, for collectors: list and offset in one number; the others follow
    std::size_t number = 0;           // the number of the list
};

/// Chooses the list of a row and the lists of a query: a search structure over centroids, which k-means has trained.
///   learns()            false: nothing to train (one list), build() is never called
///   untrained()         a quantizer of the same kind without centroids
///   build(c, nlist, d, metric, resources)  takes centroids [nlist, d]
///   probe(q, nprobe, lists, distances, arena)  lists [q.n, nprobe]: the nprobe <= nlist() best lists of each query, best first; -1
///                       for a missing one (a query with NaN), unless nprobe is nlist(): then all lists are returned.
///                       distances: null, or [q.n, nprobe], of each list's centroid by the index's metric, to float rounding; not
///                       finite if floats overflow. Batches do not change the result of a query. Const, thread-safe with one
///                       arena a thread; allocates nothing once the arena is warm
///   probe_bytes(n, nprobe)  the most that probe() takes from the arena for n queries
///   assign(x, lists, arena)  lists [x.n]: the list that stores each row; a finite row always has one
///   takes_lengths()     true if centroids for inner product may have any length; false: build() gets centroids of length 1
///   wants_spreads()     true if the order of lists depends on the spread of their rows, which is then set by:
///   set_spreads(rms)    [nlist] root mean squares of rows less centroids, as stored; 0 for a list without rows
///   centroid(list)      [d], which residuals are taken from
///   token()             the text behind "IVF{n}" in a factory string
/// Moving one and set_spreads() cannot fail. If memory runs out the other calls throw std::bad_alloc, or an Error with a Status.
template <class C>
concept CoarseQuantizer = std::movable<C> &&
    requires(C& c, const C& cc, AlignedVector<float> centroids, MatrixView x, std::size_t n, Id* lists, float* distances,
             Arena& arena, Metric metric, std::span<const float> rms, const Resources& resources) {
    { cc.learns() } -> std::same_as<bool>;
    { cc.untrained() } -> std::same_as<C>;
    { c.build(std::move(centroids), n, n, metric, resources) } -> std::same_as<Status>;
    { cc.nlist() } -> std::same_as<std::size_t>;
    cc.probe(x, n, lists, distances, arena);
    { cc.probe_bytes(n, n) } -> std::same_as<std::size_t>;
    cc.assign(x, lists, arena);
    { cc.takes_lengths() } -> std::same_as<bool>;
    { cc.wants_spreads() } -> std::same_as<bool>;
    c.set_spreads(rms);
    { cc.centroid(n) } -> std::same_as<const float*>;
    { cc.token() } -> std::same_as<std::string>;
};

/// A coarse quantizer that files hold.
///   save(out, d, metric)  writes a record of the centroids; d and metric are the index's, which knows them before training
///   load(in, index, nlist, depth, options)  reads such a record with its fourcc; depth: nesting of records
template <class C>
concept StoredCoarse = CoarseQuantizer<C> &&
    requires(const C& cc, Writer& out, Reader& in, const IndexHeader& index, std::size_t n, Metric metric, IndexOptions options) {
    { cc.save(out, n, metric) } -> std::same_as<Status>;
    { C::load(in, index, n, n, options) } -> std::same_as<Result<C>>;
};

/// How rows are stored and compared: codes, their block layout, per-query state, and the scan of a list.
///   kBlock              vectors per block of block_bytes() bytes; each has a slot < kBlock in it
///   kQueryTile          the most queries of a tile, which scan lists together: lists come from memory once for each tile
///   kFirstLists         the nearest lists of each query of a batch that are scanned before all others, so that thresholds are
///                       tight early; 0: one round
///   Candidates          the TopKCollector of its searches; Reservoir if kEstimates
///   kEstimates          true: scan() gives it estimates. A search collects with_estimates(k) candidates and rescores them by
///                       their decoded vectors
///   token()             as written in a factory string: "Flat"
///   untrained()         an encoding of the same kind and settings, without training
///   by_residual()       codes are of rows less their list's centroid; false in an index without lists
///   check_metric(metric) an error if the encoding does not support the metric
///   train(metric, x, rows, resources)   trains on x [n, d]: rows, or their residuals if by_residual(); rows [n, d]: those rows. n
///                       is at least least_training_rows() and at most training_rows(), which is 0 if there is nothing to train
///   set_centroids(metric, centroids)   the centroids that residuals are taken from, of all lists: pointers to d floats. Called if
///                       by_residual(), after train() and after loading, before block_bytes()
///   refit(metric, x, sample, is_empty)   how codes are stored may depend on the rows: the form for x [n, d], in an index that is
///                       empty or holds rows in this form; nullopt: this one will do. sample [m, d]: rows like those to come.
///                       Vectors and results are the same in any form
///   refit(metric, other, sample, is_empty)   likewise for all vectors of another index, of which sample [m, d] are some
///   same_form(other)    true if blocks of the other can be copied
///   form()              how it keeps vectors now, in words: see Storage
///   block_bytes(), row_bytes()   bytes of a block of codes; bytes kept of each vector beside the blocks, in an array of their own
///   encode(rows, centroid, codes, first)   encodes rows, pointers to d floats, less centroid unless null, into slots first,
///                       first + 1 ... of the list whose codes begin at `codes`; other slots stay unchanged
///   decode(codes, slot, centroid, out)     the vector of one slot, counted from `codes` on
///   copy(codes, slot, to_codes, to_slot)   copies one vector
///   same(other)         true if codes of the other mean the same here
///   prepare(metric, q, arena) -> const State*        the data that scan() needs of query q [d]; in the arena, or q itself
///   prepare_bytes()     what prepare() takes from the arena
///   scan_bytes(n)       the most that scan() takes from it for n queries
///   scan(metric, states, distances, list, collectors, arena)   offers every vector of the list to each query's collector: one
///                       call per list for all the queries that visit it. distances [states.size()]: of the queries to the
///                       list's centroid, as from probe(), if by_residual(); otherwise empty. Hot: no allocation, nothing virtual
/// Moving one cannot fail. If memory runs out the calls throw std::bad_alloc; the slots of encode() are then undefined.
template <class E>
concept Encoding = std::copyable<E> &&
    requires(E& e, const E& ce, MatrixView x, std::span<const float* const> rows, const float* row, float* out, Codes block,
             ConstCodes codes, std::size_t n, Arena& arena, Metric metric, ListView list,
             std::span<const typename E::State* const> states, std::span<const float> distances,
             std::span<typename E::Candidates* const> top, std::span<RangeCollector* const> range, const Resources& resources) {
    { E::kBlock } -> std::convertible_to<std::size_t>;
    { E::kQueryTile } -> std::convertible_to<std::size_t>;
    { E::kFirstLists } -> std::convertible_to<std::size_t>;
    { E::kEstimates } -> std::convertible_to<bool>;
    requires TopKCollector<typename E::Candidates>;
    requires !E::kEstimates || (std::same_as<typename E::Candidates, Reservoir> && requires { std::size_t{ce.with_estimates(n)}; });
    { ce.block_bytes() } -> std::same_as<std::size_t>;
    { ce.row_bytes() } -> std::same_as<std::size_t>;
    { ce.code_size() } -> std::same_as<std::size_t>;
    { ce.token() } -> std::same_as<std::string>;
    { ce.untrained() } -> std::same_as<E>;
    { ce.by_residual() } -> std::same_as<bool>;
    { ce.is_trained() } -> std::same_as<bool>;
    { ce.training_rows() } -> std::same_as<std::size_t>;
    { ce.least_training_rows() } -> std::same_as<std::size_t>;
    { ce.check_metric(metric) } -> std::same_as<Status>;
    { e.train(metric, x, x, resources) } -> std::same_as<Status>;
    e.set_centroids(metric, rows);
    { ce.refit(metric, x, x, true) } -> std::same_as<std::optional<E>>;
    { ce.refit(metric, ce, x, true) } -> std::same_as<std::optional<E>>;
    { ce.same_form(ce) } -> std::same_as<bool>;
    { ce.form() } -> std::same_as<std::string_view>;
    ce.encode(rows, row, block, n);
    ce.decode(codes, n, row, out);
    ce.copy(codes, n, block, n);
    { ce.same(ce) } -> std::same_as<bool>;
    { ce.prepare(metric, row, arena) } -> std::same_as<const typename E::State*>;
    { ce.prepare_bytes() } -> std::same_as<ArenaNeed>;
    { ce.scan_bytes(n) } -> std::same_as<std::size_t>;
    ce.scan(metric, states, distances, list, top, arena);
    ce.scan(metric, states, distances, list, range, arena);
};

/// An encoding that factory strings can name (factory/catalog.hpp).
///   kName               not empty; shown in "expected an encoding (Flat, PQ{M}x4fs)"
///   parse(token, d, in_lists, options)   nullopt: the token of another encoding; else an untrained encoding for vectors [d], or an
///                       error. Accepts any bytes. An encoding without such a choice has no use for the options
///   cost(metric, n)     a sentence and the costs for explain(), trained with n rows
///   repair(token, d, metric, in_lists)   optional: the accepted token nearest to a malformed one; empty if none is near
template <class E>
concept NamedEncoding = Encoding<E> &&
    requires(const E& ce, std::string_view token, std::size_t n, Metric metric, IndexOptions options) {
    { E::kName } -> std::convertible_to<std::string_view>;
    { E::parse(token, n, true, options) } -> std::same_as<std::optional<Result<E>>>;
    { ce.cost(metric, n) } -> std::same_as<PartCost>;
};

/// An encoding that files hold.
///   kIvfRecord          the fourcc of faiss's record of lists with this encoding
///   kAloneRecords       the fourccs of faiss's records of an index without lists; kRecordName: their name in errors, "PQ..x4fs"
///   note()              the note in the record's header, alone or in lists; IndexHeader::kNoNote for none
///   save_fields(out), load_fields(in, header, options)   the fields before the lists
///   save_alone(out, metric, list), load_alone(in, header, codes, options)   the record without lists, read behind its fourcc
template <class E>
concept StoredEncoding = NamedEncoding<E> && requires(const E& ce, Writer& out, Reader& in, IndexHeader& header, Metric metric,
                                                      ListView list, OwnedCodes& codes, IndexOptions options) {
    { E::kIvfRecord } -> std::convertible_to<const Fourcc&>;
    { *std::begin(E::kAloneRecords) } -> std::convertible_to<const Fourcc&>;
    { E::kRecordName } -> std::convertible_to<std::string_view>;
    { ce.note() } -> std::same_as<std::int64_t>;
    { ce.save_fields(out) } -> std::same_as<Status>;
    { E::load_fields(in, header, options) } -> std::same_as<Result<E>>;
    { ce.save_alone(out, metric, list) } -> std::same_as<Status>;
    { E::load_alone(in, header, codes, options) } -> std::same_as<Result<E>>;
};

/// A stored encoding with kRowsInFiles: lists are in files row by row, each as its d floats.
template <class E>
concept RowStored = StoredEncoding<E> && E::kRowsInFiles;

/// A stored encoding whose lists are in blocks in files. One that is neither this nor RowStored has kBlock 1 and row_bytes() 0:
/// files hold its codes vector by vector.
///   file_block(), file_block_bytes()     vectors and bytes of a block in a file
///   to_file(list, out), from_file(in, n, centroid, codes)   out and in hold ceil(n / file_block()) blocks of a file
///   keeps_file_blocks() true if those are the blocks in memory, too, so that they can be used in place
template <class E>
concept BlockStored = StoredEncoding<E> && requires(const E& ce, ListView list, std::span<std::byte> out, std::size_t n,
                                                    std::span<const std::byte> in, const float* centroid, Codes codes) {
    { ce.file_block() } -> std::same_as<std::size_t>;
    { ce.file_block_bytes() } -> std::same_as<std::size_t>;
    { ce.keeps_file_blocks() } -> std::same_as<bool>;
    ce.to_file(list, out);
    ce.from_file(in, n, centroid, codes);
};

/// A step before an index: rows of dim_in() columns become rows of dim_out().
///   kName, parse(token, d), token(), untrained()   as an encoding's; d is dim_in(). parse() takes what token() gives, never ""
///   repair(token, d)    optional, as an encoding's
///   train(x, resources) trains on x [n, dim_in], n >= 1, of which it uses training_rows(); 0: nothing to train
///   apply(x, out)       x [n, dim_in] into out [n, dim_out], each row alone; of length 1 if kUnitRows. Const, thread-safe
///   kReverses           true: reverse(y, out) maps y [n, dim_out] back into out [n, dim_in]; false: reconstruct() returns the
///                       stored row, and dim_out() is dim_in()
///   same(other)         true if the other gives the same result for every row
///   cost(metric, n)     a sentence and the costs for explain(), trained with n rows
///   kRecord, save(out)  its fourcc, and its record with that fourcc; load(in, d) reads the rest behind the fourcc
template <class T>
concept Transform = std::copyable<T> &&
    requires(T& t, const T& ct, MatrixView x, float* out, std::size_t n, Metric metric, const Resources& resources,
             std::string_view token, Writer& writer, Reader& reader) {
    { T::kName } -> std::convertible_to<std::string_view>;
    { T::kRecord } -> std::convertible_to<const Fourcc&>;
    { T::kReverses } -> std::convertible_to<bool>;
    { T::kUnitRows } -> std::convertible_to<bool>;
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

}  // namespace lutra::inline LUTRA_ABI_TAG
