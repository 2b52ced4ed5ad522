// lutra/ivf/ivf.hpp: an index of inverted lists: a coarse quantizer chooses the lists, an encoding stores and compares the vectors.
// SPDX-License-Identifier: MIT
//
// "IVF1024,Flat" is Ivf<FlatCoarse, Flat>; "Flat" is Ivf<OneList, Flat>, the same code with one list that needs no training. The
// factory makes both as Ivf<AnyCoarse, Flat>.
// Main path: train() -> k-means -> coarse.build();  add() -> coarse.assign() -> encode;  search() -> scan_lists.hpp.
// ivf_search.hpp, ivf_train.hpp, ivf_change.hpp, ivf_form.hpp and ivf_ids.hpp, which this includes, search and change an index;
// ivf_file.hpp has its record.
// Sources: Sivic and Zisserman, ICCV 2003; Jegou, Douze, Schmid, IEEE TPAMI 33(1), 2011.
#pragma once
#include <lutra/cluster/kmeans_config.hpp>
#include <lutra/coarse/one_list.hpp>
#include <lutra/core/concepts.hpp>
#include <lutra/core/guarded.hpp>
#include <lutra/core/ids.hpp>
#include <lutra/core/prefetch.hpp>
#include <lutra/core/reservoir.hpp>
#include <lutra/core/validate.hpp>
#include <lutra/ivf/direct_map.hpp>
#include <lutra/ivf/inverted_lists.hpp>
#include <lutra/ivf/list_spreads.hpp>
#include <lutra/ivf/scan_lists.hpp>
#include <lutra/kernels/normalize.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

struct IvfRecord;  // ivf_file.hpp

/// See SearchIndex for the calls. Memory per vector: the code and 8 bytes of id.
template <CoarseQuantizer Coarse, Encoding E>
class Ivf {
    using Candidates = typename E::Candidates;

public:
    /// An index of vectors [d] in nlist lists; d, nlist >= 1; metric: l2 or inner_product, as train() and add() refuse cosine. For
    /// OneList nlist is 1.
    Ivf(std::size_t d, Metric metric, std::size_t nlist, Coarse coarse, E encoding)
        : Ivf(d, metric, nlist, std::move(coarse), std::move(encoding), WithoutLists()) {
        if (!is_trained()) return;
        set_centroids(coarse_, encoding_);
        lists_ = empty_lists(encoding_), spreads_ = empty_spreads(coarse_);
    }

    Ivf untrained() const {
        Ivf index(d_, metric_, nlist_, coarse_.untrained(), encoding_.untrained());
        index.nprobe_ = nprobe_;
        return index;
    }

    std::size_t dim() const { return d_; }
    std::size_t ntotal() const { return ntotal_; }
    Metric metric() const { return metric_; }
    bool is_trained() const { return coarse_.nlist() == nlist_ && encoding_.is_trained(); }
    /// 0 for OneList, which has no partition.
    std::size_t nlist() const { return coarse_.learns() ? nlist_ : 0; }
    std::size_t nprobe() const { return coarse_.learns() ? nprobe_ : 0; }
    Status set_nprobe(std::size_t nprobe) {
        if (!coarse_.learns()) return guarded("nprobe", [&] { return no_lists(*this, nprobe); });
        if (nprobe == 0) return {Errc::bad_argument, "nprobe = 0; accepted: 1 to {}, and more for all lists", nlist_};
        nprobe_ = std::min(nprobe, nlist_);
        return {};
    }
    float k_factor() const { return 0; }
    Status set_k_factor(float k_factor) {
        return guarded("k_factor", [&] { return no_refine_stage(*this, k_factor); });
    }
    std::size_t code_size() const { return encoding_.code_size(); }
    Storage storage() const {
        return {std::string(encoding_.form()).append(lists_.in_place() ? kInPlaceForm : ""), lists_.allocated()};
    }
    std::size_t training_rows() const {
        return std::max(coarse_.learns() ? nlist_ * KMeansConfig{}.max_points_per_centroid : 0, encoding_.training_rows());
    }
    const Coarse& coarse() const { return coarse_; }
    const InvertedLists& lists() const { return lists_; }
    std::string spec() const {
        return coarse_.learns() ? "IVF" + std::to_string(nlist_) + coarse_.token() + "," + encoding_.token() : encoding_.token();
    }

    /// Trains the centroids (10 iterations of k-means; spherical for inner product, unless lengths_matter()) and the encoding, on
    /// residuals if it is by_residual(). Errors: bad_argument (shapes, cosine, an index that holds vectors, an encoding that is not
    /// for the metric), too_few_rows (n < nlist), not_finite, cancelled. Memory, beside that of k-means: the encoding's training
    /// rows, 4 d bytes each, and as much again for their residuals.
    Status train(MatrixView x, const Resources& resources = {});

    Status add(MatrixView x, const Resources& resources = {});
    /// As add(), under ids [n] of the caller's, each >= 0; an id may be given more than once.
    Status add_with_ids(MatrixView x, const Id* ids, const Resources& resources = {});

    Status search(MatrixView q, std::size_t k, HitsView out, const SearchParams& params = {},
                  const Resources& resources = {}) const;
    std::size_t search_bytes(std::size_t nq, std::size_t k, const SearchParams& params = {}) const;
    Status range_search(MatrixView q, float radius, RangeHits& out, const SearchParams& params = {},
                        const Resources& resources = {}) const;

    Status visit_range(MatrixView q, float radius, const RangeSink& sink, const SearchParams& params = {},
                       const Resources& resources = {}) const;

    /// Cost: one look-up with a direct map, else a walk over all ids.
    Status reconstruct(Id id, float* out) const {
        const std::optional<Location> location = direct_map_.find(id, lists_);
        if (!location) return no_such_id(id, 0, ntotal_);
        decode(*location, out);
        return {};
    }

    /// Ids first .. first + n - 1 into out [n, d], in one walk over all ids. On not_found the rows that exist are written.
    Status reconstruct_n(Id first, std::size_t n, float* out) const;

    /// Removes every vector whose id the filter accepts; the others keep their order. A plain Flat index numbers its rows by
    /// position, so there the rows behind a removed one move up; with ids of the caller's, and in lists, ids stay.
    Result<std::size_t> remove_ids(const IdFilter& filter);

    /// Errors: bad_argument if the two differ in d, metric, nlist, encoding or centroids, or if an id would fall below 0 or
    /// pass the largest one.
    Status merge_from(Ivf& other, Id shift);

    void reset() {
        lists_.clear();
        ntotal_ = 0, next_id_ = NextId(), positional_ = true;
        direct_map_.clear();
        spreads_.clear();
        coarse_.set_spreads(spreads_.rms());
    }

    DirectMapKind direct_map() const { return direct_map_.kind(); }
    /// Builds a direct map of this kind and keeps it up to date from now on; none drops it. Memory: 8 bytes a vector as an array,
    /// 20 to 45 as a hash table, which ids at or above ntotal() need.
    Status set_direct_map(DirectMapKind kind) {
        return guarded("direct map", [&]() -> Status {
            LUTRA_TRY(check_writable("direct map", in_place_));
            direct_map_.build(kind, lists_);
            return {};
        });
    }
    Status make_direct_map() { return direct_map_.kind() == DirectMapKind::none ? set_direct_map(DirectMapKind::array) : Status(); }

    Status save(Writer& out) const;
    /// Reads the record of such an index, or of an id map around it, from the front of a stream: in lists if Coarse is
    /// StoredCoarse, alone if it can be made from a OneList. Errors: bad_file (also a record of another index), unsupported,
    /// io_error. No more is allocated than the stream can fill; for codes in blocks, which may be wider here, a few times that.
    static Result<Ivf> load(Reader& in, IndexOptions options = {});
    /// What follows the fourcc of the record. depth: records and transforms around it (io/id_map_record.hpp).
    static Result<Ivf> load_record(Fourcc fourcc, Reader& in, std::size_t depth, IndexOptions options);
    /// The records load() reads beside id maps: whether this is one, and all of them, for errors.
    static bool reads(Fourcc fourcc);
    static void append_records(Message& text);
    /// Fills the lists of a new index from a record.
    class ListFiller;
    /// An index of what a record says of it, whose lists fill(ListFiller&) fills; if `in` lends and the encoding keeps codes as
    /// files have them, by views. With it a reader of another record needs no member (ivf_file.hpp). Errors: bad_file,
    /// out_of_memory, those of fill().
    template <class Fill>
    static Result<Ivf> from_record(Reader& in, const IvfRecord& record, Coarse&& coarse, E&& encoding, Fill&& fill);
    /// Number i is called map[i] from now on. The second half of an "IxMp" record. Needs no memory after remove_ids().
    Status map_ids(IdList map, std::optional<IdMapKind> kind);
    bool ids_are_places() const;

private:
    struct WithoutLists {};
    Ivf(std::size_t d, Metric metric, std::size_t nlist, Coarse&& coarse, E&& encoding, WithoutLists)  // refs: little stack
        : d_(d), metric_(metric), nlist_(coarse.learns() ? nlist : 1), coarse_(std::move(coarse)), encoding_(std::move(encoding)) {
        LUTRA_ASSERT(d >= 1 && nlist >= 1);
    }

    static constexpr std::size_t kListsPerTask = 16;  // lists filled by one worker at a time: 1,000 make 64 tasks to share

    IvfView<Coarse, E> view() const { return {coarse_, encoding_, lists_, metric_}; }
    std::size_t effective_nprobe(const SearchParams& params) const {
        return std::min(params.nprobe != 0 ? params.nprobe : nprobe_, nlist_);
    }

    // Inner product: lists by direction (spherical k-means), as in faiss, unless lengths matter; then plain k-means by L2, whose
    // lists part directions and lengths (README.md).
    KMeansConfig coarse_config(MatrixView x) const {
        KMeansConfig config;
        config.iterations = 10;
        if (metric_ == Metric::inner_product && !(coarse_.takes_lengths() && lengths_matter(x)))
            config.metric = metric_, config.spherical = true;
        return config;
    }

    Status check_trained(std::string_view call) const {
        if (is_trained()) return {};
        return {Errc::not_trained, "{}: {} is not trained; call train() with at least {} rows first", call, [&] { return spec(); },
                std::max(nlist_, encoding_.least_training_rows())};
    }
    Status check_add(MatrixView x) const {
        LUTRA_TRY(check_writable("add", in_place_));
        LUTRA_TRY(check_shape("add", x, d_));
        LUTRA_TRY(check_part_metric("add", metric_));
        LUTRA_TRY(check_trained("add"));
        return check_finite("add", x);
    }
    Status check_search(MatrixView q) const {
        LUTRA_TRY(check_shape("search", q, d_));
        return check_trained("search");
    }

    // The centroid that residuals in a list are taken from; null for an encoding of whole rows.
    const float* centroid_of(std::size_t list) const { return encoding_.by_residual() ? coarse_.centroid(list) : nullptr; }

    LocationIds location_ids() const {
        return {&lists_, [](const void* lists, std::uint64_t location) {
                    const auto* const all = static_cast<const InvertedLists*>(lists);
                    const Location p = location_in(*all, location);
                    return all->ids(p.list)[p.offset];
                }};
    }
    // A list that is the only one may be longer than Location packs.
    static Location location_in(const InvertedLists& lists, std::uint64_t location) {
        return lists.nlist() == 1 ? Location{0, std::size_t(location)} : Location::unpacked(location);
    }

    // Waking the workers costs some microseconds, about as much as scanning a quarter of a million floats; sharing pays from twice
    // that on.
    bool worth_sharing(std::size_t nprobe) const {
        constexpr std::size_t kFloats = std::size_t{1} << 19;
        return ntotal_ / nlist_ > kFloats / d_ / nprobe;
    }

    void decode(Location p, float* out) const {
        encoding_.decode(lists_.block_of(p.list, p.offset), p.offset % E::kBlock, centroid_of(p.list), out);
    }

    void copy_code(const InvertedLists& from, Location a, Location b) {
        encoding_.copy(from.block_of(a.list, a.offset), a.offset % E::kBlock, lists_.block_of(b.list, b.offset),
                       b.offset % E::kBlock);
    }

    // After a file has filled the lists.
    void count_loaded() {
        ntotal_ = lists_.total(), next_id_ = NextId();
        if (!lists_.in_place()) next_id_.pass(highest_id());  // in place: never used, and would read all ids
    }
    Id highest_id() const {
        Id highest = kNoId;
        for (std::size_t l = 0; l < lists_.nlist(); ++l)
            for (const Id id : lists_.ids(l)) highest = std::max(highest, id);
        return highest;
    }

    void set_centroids(const Coarse& coarse, E& encoding) const {
        if (!encoding.by_residual()) return;
        std::vector<const float*> centroids(coarse.nlist());
        for (std::size_t l = 0; l < centroids.size(); ++l) centroids[l] = coarse.centroid(l);
        encoding.set_centroids(metric_, centroids);
    }

    ListSpreads empty_spreads(const Coarse& coarse) const { return ListSpreads(coarse.wants_spreads() ? nlist_ : 0); }
    InvertedLists empty_lists(const E& encoding) const {
        return InvertedLists(nlist_, E::kBlock, encoding.block_bytes(), encoding.row_bytes());
    }

    // ivf_search.hpp
    static std::size_t queries_of_tile(std::size_t d, std::size_t nprobe);
    std::size_t scan_lists_bytes(std::size_t nq, std::size_t nprobe) const;
    template <class F>
    static void for_query_tiles(MatrixView q, std::size_t nprobe, const Executor& executor, F&& f);
    Candidates make_candidates(std::size_t k, HitsView row, const SearchParams& params, Arena& arena) const;
    void write_best(const float* q, std::size_t k, Candidates& found, HitsView row, Order order, Arena& arena) const;
    void search_tile(MatrixView q, std::size_t k, HitsView out, std::size_t nprobe, const SearchParams& params, Arena& arena) const;
    void search_shared(MatrixView q, std::size_t k, HitsView out, std::size_t nprobe, const SearchParams& params,
                       BorrowedWorkspace& workspace) const;

    // ivf_file.hpp
    static bool reads_alone(Fourcc fourcc);
    static bool reads_lists(Fourcc fourcc);
    static Result<Ivf> load_alone(Reader& in, IndexOptions options);
    static Result<Ivf> load_in_lists(Reader& in, std::size_t depth, IndexOptions options);
    Status write_alone(Writer& out) const;
    Status write_in_lists(Writer& out) const;
    Status write_all_lists(Writer& out) const;
    Status make_lists(Reader& in, bool in_place);
    static Result<Ivf> load_behind_coarse(Reader& in, IvfRecord& record, Coarse&& coarse, IndexOptions options);
    std::vector<float> some_centroids() const;

    // ivf_form.hpp
    InvertedLists stored_as(const E& form) const;
    void take_form(E form);
    void take_form_for(const Ivf& other);
    std::vector<float> some_rows() const;
    void take_form_for(MatrixView x, MatrixView sample, bool is_empty);

    // ivf_train.hpp
    Status learn(MatrixView x, const Resources& resources);
    Status train_encoding(const Coarse& coarse, MatrixView x, E& encoding, const Resources& resources) const;
    void take_centroids_off(const Coarse& coarse, MatrixView rows, float* out, const Resources& resources) const;

    // ivf_change.hpp
    Status append(MatrixView x, NewIds ids, const Resources& resources);
    Status map_ids_in_place(const IdList& map, std::optional<IdMapKind> kind);
    Status assign(MatrixView x, std::span<Id> lists, const Resources& resources) const;
    void encode(std::size_t list, MatrixView x, std::span<const std::size_t> rows);
    std::size_t remove_from(std::size_t list, const std::vector<bool>& goes, std::size_t at);
    Status check_mergeable(const Ivf& other) const;
    void take_over(const InvertedLists& from, std::size_t list, Id shift);
    double squared_residuals(std::size_t list, std::size_t begin, std::size_t end, double sum, float* row) const;
    void count_spread(std::size_t list, std::size_t begin, float* row);

    std::size_t d_;
    Metric metric_;
    std::size_t nlist_, nprobe_ = 1, ntotal_ = 0;
    NextId next_id_;
    bool in_place_ = false;                  // lists are, or might be, in memory of others
    bool positional_ = true;                 // ids are those add() gave
    IdMapKind id_map_ = IdMapKind::two_way;  // in files, where ids are not positional
    Coarse coarse_;
    E encoding_;
    InvertedLists lists_;
    ListSpreads spreads_;  // empty unless coarse_.wants_spreads()
    DirectMap direct_map_;
};

}  // namespace lutra::inline LUTRA_ABI_TAG

#include <lutra/ivf/ivf_change.hpp>
#include <lutra/ivf/ivf_form.hpp>
#include <lutra/ivf/ivf_ids.hpp>
#include <lutra/ivf/ivf_search.hpp>
#if !defined(LUTRA_SEARCH_ONLY)
#include <lutra/ivf/ivf_train.hpp>
#endif
