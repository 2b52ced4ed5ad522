// lutra/refine/refine.hpp: "...,RFlat": a refine stage compares the candidates of a base index exactly.
// SPDX-License-Identifier: MIT
//
// The base, usually one with small codes, proposes k * k_factor candidates; their exact distances select the k best. Every row is
// kept in the order of adding; its number there is its place. Places are the ids of the base, so a candidate leads
// straight to its row. Ids of the caller's are an array beside the rows, which is empty while ids are places. Main path: search()
// -> a tile of queries -> base.search() -> rescore(). refine_change.hpp, which this includes, has the calls that change an index,
// refine_file.hpp its file record.
#pragma once
#include <lutra/core/concepts.hpp>
#include <lutra/core/guarded.hpp>
#include <lutra/core/ids.hpp>
#include <lutra/core/prefetch.hpp>
#include <lutra/core/validate.hpp>
#include <lutra/io/record.hpp>
#include <lutra/kernels/distance.hpp>
#include <lutra/kernels/row_store.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// See SearchIndex for the calls. Memory per vector: what the base takes, 4 d bytes, or d where every component of every row is a
/// whole number 0 to 255, and 8 for an id that is not its place.
///
///   search         compares max(k, k * k_factor) candidates, rounded down, at most ntotal(). Distances have the bits of Flat. Ties
///                  among candidates are broken by the base
///   range_search   compares every vector in the visited lists exactly, so it returns what "IVF{n},Flat" returns with the same
///                  lists and nprobe. k_factor has no effect: no radius of the base's estimates bounds the exact distances
///   reconstruct    the row as it was added; one look-up if ids are places, else a walk over all ids
template <SearchIndex Base>
class Refine {
public:
    static constexpr float kMaxFactor = 1000;  ///< accepted in files, too
    static constexpr Fourcc kRecord = "IxRF";

    /// Refines a base, trained or not. Removes the base's vectors: their original rows are lost.
    explicit Refine(Base base) : base_(std::move(base)), d_(base_.dim()), metric_(without_norm(base_.metric())), rows_(d_) {
        base_.reset();
    }

    Refine untrained() const {
        Refine index(base_.untrained());
        index.k_factor_ = k_factor_;
        return index;
    }

    const Base& base() const { return base_; }
    std::size_t dim() const { return d_; }
    std::size_t ntotal() const { return rows_.size(); }
    Metric metric() const { return metric_; }
    bool is_trained() const { return base_.is_trained(); }
    std::size_t nlist() const { return base_.nlist(); }
    std::size_t nprobe() const { return base_.nprobe(); }
    Status set_nprobe(std::size_t nprobe) { return base_.set_nprobe(nprobe); }
    std::size_t code_size() const { return base_.code_size() + dim() * sizeof(float); }
    Storage storage() const {
        Storage all = base_.storage();
        all.form.append("; rows to compare: ").append(rows_.form());
        all.bytes += rows_.allocated() + ids_.capacity() * sizeof(Id);
        return all;
    }
    std::size_t training_rows() const { return base_.training_rows(); }
    std::string spec() const { return base_.spec() + ",RFlat"; }

    float k_factor() const { return k_factor_; }
    /// The k_factor of searches whose params leave it 0; saved in files. Errors: bad_argument unless 1 to kMaxFactor.
    Status set_k_factor(float k_factor) {
        if (!(k_factor >= 1 && k_factor <= kMaxFactor))
            return {Errc::bad_argument, "k_factor = {}; accepted: 1 to {}", k_factor, kMaxFactor};
        k_factor_ = k_factor;
        return {};
    }

    Status train(MatrixView x, const Resources& resources = {});
    Status add(MatrixView x, const Resources& resources = {});
    Status add_with_ids(MatrixView x, const Id* ids, const Resources& resources = {});

    Status search(MatrixView q, std::size_t k, HitsView out, const SearchParams& params = {},
                  const Resources& resources = {}) const {
        LUTRA_TRY(check_shape("search", q, dim()));
        if (k == 0) return {Errc::bad_argument, "search: k = 0; at least one neighbour must be asked for"};
        if (params.k_factor != 0 && !(params.k_factor >= 1))
            return {Errc::bad_argument, "search: k_factor = {}; accepted: 1 or more, or 0 for the index's own", params.k_factor};
        if (q.n == 0) return base_.search(q, k, out, params, resources);  // says whether it could be searched
        const std::size_t wanted = candidates_for(k, params.k_factor != 0 ? params.k_factor : k_factor_);
        const auto bytes = [&] { return search_bytes(q.n, k, params); };
        return with_places(params, resources, bytes, [&](const SearchParams& p, const Resources& r) {
            Arena& arena = r.workspace->arena(0);
            const Arena::Frame frame(arena);
            const std::size_t tile = std::min(q.n, queries_at_once(wanted, r.executor.workers()));
            const HitsView found{arena.take<float>(tile * wanted).data(), arena.take<Id>(tile * wanted).data()};
            for (std::size_t i = 0; i < q.n; i += tile) {
                const MatrixView part = q.rows(i, std::min(q.n, i + tile));
                LUTRA_TRY(base_.search(part, wanted, found, p, r));
                const HitsView rows = out.rows_from(i, k);
                rescore(part, k, wanted, found.ids, rows, r);
                for (std::size_t j = 0; j < part.n; ++j)
                    if (rows.ids[j * k + k - 1] == kNoId && found.ids[j * wanted + wanted - 1] != kNoId)
                        search_all(part.row(j), k, rows.rows_from(j, k), p.filter, arena);
            }
            return Status{};
        });
    }

    std::size_t search_bytes(std::size_t nq, std::size_t k, const SearchParams& params = {}) const {
        const std::size_t wanted = candidates_for(k, params.k_factor != 0 ? params.k_factor : k_factor_);
        const std::size_t tile = std::min(nq, queries_at_once(wanted, 1));
        SearchParams by_place;
        by_place.nprobe = params.nprobe, by_place.order = Order::rough;
        return arena_bytes<float>(tile * wanted) + arena_bytes<Id>(tile * wanted) + base_.search_bytes(tile, wanted, by_place) +
               arena_bytes<float>(in_place() ? d_ : 0);
    }

    Status range_search(MatrixView q, float radius, RangeHits& out, const SearchParams& params = {},
                        const Resources& resources = {}) const {
        LUTRA_TRY(check_shape("search", q, dim()));
        if (q.n == 0) return base_.range_search(q, radius, out, params, resources);
        const float everywhere =
            metric() == Metric::l2 ? std::numeric_limits<float>::infinity() : -std::numeric_limits<float>::infinity();
        const auto bytes = [&] { return arena_bytes<float>(in_place() ? d_ : 0); };  // the base asks for its own
        return with_places(params, resources, bytes, [&](const SearchParams& p, const Resources& r) {
            const std::size_t tile = std::max(r.executor.workers(), kRangeCandidates / (ntotal() + 1));
            std::vector<RangeCollector> found(q.n, RangeCollector{metric() == Metric::l2 ? radius : -radius});
            RangeHits visited;
            for (std::size_t i = 0; i < q.n; i += tile) {
                const MatrixView part = q.rows(i, std::min(q.n, i + tile));
                LUTRA_TRY(base_.range_search(part, everywhere, visited, p, r));
                r.executor.for_each(part.n, [&](std::size_t j, std::size_t worker) {
                    keep_near(part.row(j), visited, j, params.order, found[i + j], r.workspace->arena(worker));
                });
            }
            write_range(metric(), found, out);
            return Status{};
        });
    }

    Status visit_range(MatrixView q, float radius, const RangeSink& sink, const SearchParams& params = {},
                       const Resources& resources = {}) const;

    Status reconstruct(Id id, float* out) const {
        const std::size_t place = place_of(id);
        if (place == ntotal()) return no_such_id(id, 0, ntotal());
        rows_.copy(place, out);
        return {};
    }

    /// Ids first .. first + n - 1 into out [n, d]. On not_found the rows that exist are written.
    Status reconstruct_n(Id first, std::size_t n, float* out) const;

    /// As everywhere: in an index without lists the rows behind a removed one move up, unless ids are the caller's.
    Result<std::size_t> remove_ids(const IdFilter& filter);

    /// Errors: bad_argument if the bases do not take each other's vectors, or if an id would leave the range of ids.
    Status merge_from(Refine& other, Id shift);

    void reset() {
        base_.reset();
        forget_rows();
    }

    Status save(Writer& out) const;
    /// Reads the record of a refine stage around that of a Base, or of an id map around both. Errors: bad_file (also a record of
    /// another index), unsupported, io_error.
    static Result<Refine> load(Reader& in, IndexOptions options = {});
    /// What follows the fourcc of the record. depth: records and transforms around it (io/id_map_record.hpp).
    static Result<Refine> load_record(Fourcc fourcc, Reader& in, std::size_t depth, IndexOptions options);
    static Result<Refine> assemble(Base&& base, RowStore&& rows, float k_factor);
    Status map_ids(IdList map, std::optional<IdMapKind> kind);  ///< needs no memory after remove_ids(), as Ivf's
    /// Places need no map; there is none for ids of the caller's.
    Status make_direct_map() const {
        return guarded("direct map", [&]() -> Status {
            LUTRA_TRY(check_writable("direct map", in_place()));
            if (ids_.empty()) return {};
            return {Errc::unsupported,
                    "direct map: {} holds ids of the caller's; it finds rows fast by place only: add() without ids", spec()};
        });
    }
    bool ids_are_places() const;

private:
    Refine(Base&& base, RowStore&& rows)  // places and their rows
        : base_(std::move(base)),
          d_(base_.dim()),
          metric_(without_norm(base_.metric())),
          rows_(std::move(rows)),
          next_id_(Id(base_.ntotal())) {}

    static constexpr std::size_t kRangeCandidates = std::size_t{1} << 22;  // visited rows of a tile: 117 MB, with the base's
    static constexpr std::size_t kAheadBytes = 4096;

    bool in_place() const { return rows_.in_place(); }
    IdList ids() const { return {ids_.empty() ? lent_ids_ : IdRun(ids_.data()), ntotal()}; }
    Id id_of(std::size_t place) const { return ids()[place]; }
    bool has_map() const { return from_map_ || !ids_.empty(); }
    std::size_t place_of(Id id) const {
        if (ids().run().counted()) return std::uint64_t(id) < ntotal() ? std::size_t(id) : ntotal();
        std::size_t place = 0;
        while (place < ntotal() && id_of(place) != id) ++place;
        return place;
    }
    std::size_t candidates_for(std::size_t k, float k_factor) const {
        const std::size_t most = std::max<std::size_t>(ntotal(), 1);
        const float wanted = float(k) * k_factor;
        return std::clamp(wanted < float(most) ? std::size_t(wanted) : most, std::min(k, most), most);
    }

    // Queries per tile: 2^19 candidates, 12 bytes each, are 6 MB for each worker, and at most so many queries.
    static std::size_t queries_at_once(std::size_t wanted, std::size_t workers) {
        constexpr std::size_t kCandidates = std::size_t{1} << 19;
        return workers * std::clamp<std::size_t>(kCandidates / wanted, 1, 4096);
    }

    /// Calls f(params, resources) with arguments for the base: a filter of places, estimates in any order, a workspace with room
    /// for bytes().
    template <class Bytes, class F>
    Status with_places(const SearchParams& params, const Resources& resources, Bytes&& bytes, F&& f) const {
        return guarded("search", [&]() -> Status {
            BorrowedWorkspace workspace(resources);
            LUTRA_TRY(workspace.check_room("search", bytes));
            SearchParams by_place = params;
            by_place.k_factor = 0, by_place.order = Order::rough;
            if (in_place() || !ids_.empty()) by_place.filter = params.filter.of_places(ids());
            return f(by_place, workspace.resources());
        });
    }

    // For a query so far from 0 that exact distances of candidates overflow and fewer than k are left. The base's estimates
    // overflow sooner, so they say nothing about the order of rows: all rows are compared, whatever lists they are in.
    void search_all(const float* q, std::size_t k, HitsView out, const IdFilter& places, Arena& arena) const {
        const Arena::Frame frame(arena);
        float* const scratch = scratch_row(arena);
        TopK top(out.distances, out.ids, k);
        for (std::size_t place = 0; place < ntotal(); ++place)
            if (places.accepts(Id(place))) top.push(rows_.score(metric(), q, place, scratch), id_of(place));
        top.write(metric());
    }

    // Writes the best k of found [q.n, wanted] by their exact distances.
    void rescore(MatrixView q, std::size_t k, std::size_t wanted, const Id* found, HitsView out, const Resources& resources) const {
        constexpr std::size_t kFloatsPerTask = std::size_t{1} << 18;  // waking a worker costs as much as some thousand
        const std::size_t grain = std::max<std::size_t>(1, kFloatsPerTask / (wanted * dim()));
        resources.executor.for_ranges(q.n, grain, [&](std::size_t begin, std::size_t end, std::size_t worker) {
            for (std::size_t i = begin; i < end; ++i) {
                TopK top(out.distances + i * k, out.ids + i * k, k);
                score_places(
                    q.row(i), std::span(found + i * wanted, wanted), [&](float score, Id id) { top.push(score, id); },
                    resources.workspace->arena(worker));
                top.write(metric());
            }
        });
    }

    void keep_near(const float* q, const RangeHits& visited, std::size_t query, Order order, RangeCollector& near,
                   Arena& arena) const {
        const std::size_t begin = visited.lims[query], end = visited.lims[query + 1];
        score_places(
            q, std::span(visited.ids).subspan(begin, end - begin), [&](float score, Id id) { near.push(score, id); }, arena);
        near.arrange(order);
    }

    float* scratch_row(Arena& arena) const { return arena.take<float>(in_place() ? d_ : 0).data(); }

    // Calls push(exact score, id) for the row at each place; places below 0 are empty slots, and files that are used in place may
    // hold others that are none. Rows are scattered in memory, so they
    // are prefetched about 4 KB ahead. Visiting them by place, or stopping halfway through a row, was no faster:
    // bench/DEAD_ENDS.md.
    template <class Push>
    void score_places(const float* q, std::span<const Id> places, Push&& push, Arena& arena) const {
        const Arena::Frame frame(arena);
        float* const scratch = scratch_row(arena);
        const auto has_row = [this](Id place) { return std::uint64_t(place) < ntotal(); };
        const std::size_t ahead = std::clamp<std::size_t>(kAheadBytes / rows_.row_bytes(), 1, 8);
        for (std::size_t i = 0; i < places.size() + ahead; ++i) {
            if (i < places.size() && has_row(places[i]))
                rows_.prefetch(std::size_t(places[i]), kAheadBytes);  // hardware fetches the rest
            if (i < ahead || !has_row(places[i - ahead])) continue;
            const std::size_t place = std::size_t(places[i - ahead]);
            push(rows_.score(metric(), q, place, scratch), id_of(place));
        }
    }

    void forget_rows() {
        rows_.clear(), ids_.clear();
        next_id_ = NextId(), from_map_ = false;
    }

    // refine_change.hpp
    Status append(MatrixView x, NewIds ids, bool are_places, const Resources& resources);
    template <class Rows>
    Status reserve(std::string_view call, const Rows& rows, std::size_t n, bool are_places);
    template <class Rows, class IdOf>
    void append_rows(const Rows& rows, std::size_t n, IdOf id_of_row, bool are_places);
    void move_rows(std::span<const Id> to);
    void drop_ids_if_places();

    Base base_;            // its ids are places
    std::size_t d_;        // base_.dim(), which may be an indirect call
    Metric metric_;        // of the rows as they were before an L2norm in the base: l2 or inner_product
    RowStore rows_;        // [ntotal, d], by place
    std::vector<Id> ids_;  // [ntotal], or empty: an id is its place,
    IdRun lent_ids_;       // except in place, with a map that is used in place, too
    NextId next_id_;
    bool from_map_ = false;  // loaded from an id map, which files keep even if ids are places
    IdMapKind id_map_ = IdMapKind::two_way;
    float k_factor_ = 1;
};

}  // namespace lutra::inline LUTRA_ABI_TAG

#include <lutra/refine/refine_change.hpp>
