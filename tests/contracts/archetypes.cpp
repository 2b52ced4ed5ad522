// What the contracts ask for is enough: parts that have exactly those members go through the composing templates and the catalog. A
// member that a template calls and its contract does not demand fails to compile here. Nothing is linked.  SPDX-License-Identifier: MIT
#include <lutra/core/reservoir.hpp>
#include <lutra/core/warm.hpp>
#include <lutra/embedding/blend.hpp>
#include <lutra/embedding/query_expansion.hpp>
#include <lutra/factory/catalog.hpp>
#include <lutra/factory/save_load.hpp>
#include <lutra/refine/refine_file.hpp>

namespace lutra_test::archetypes {
using namespace lutra;

/// A TopKCollector without any of the optional members.
struct AnyCollector {
    AnyCollector() = delete;
    AnyCollector(AnyCollector&&) = default;
    AnyCollector& operator=(AnyCollector&&) = default;

    static std::size_t bytes(std::size_t);
    static AnyCollector make(float*, Id*, std::size_t, const IdFilter*, Arena&);
    void take_over(const AnyCollector&);
    void write(Metric, Order, float*, Id*);
    float threshold() const;
    bool wants(Id) const;
    void push(float, Id);
};
static_assert(TopKCollector<AnyCollector>);

/// A StoredEncoding that is neither RowStored nor BlockStored, with two overloads of scan() where ours have a template. With a
/// Reservoir it has estimates.
template <class C>
struct AnyEncoding {
    struct State;
    using Candidates = C;
    static constexpr unsigned kBlock = 1, kQueryTile = 64, kFirstLists = 2;
    static constexpr bool kEstimates = std::is_same_v<C, Reservoir>;
    static constexpr const char* kName = "Any";
    static constexpr const char* kRecordName = "Any";
    static constexpr Fourcc kIvfRecord = "IwAn";
    static constexpr Fourcc kAloneRecords[] = {"IxAn", "IyAn"};

    AnyEncoding() = delete;
    static std::size_t with_estimates(std::size_t) requires kEstimates;
    std::size_t block_bytes() const;
    std::size_t row_bytes() const;
    std::size_t code_size() const;
    std::string token() const;
    AnyEncoding untrained() const;
    bool by_residual() const;
    bool is_trained() const;
    std::size_t training_rows() const;
    std::size_t least_training_rows() const;
    Status check_metric(Metric) const;
    Status train(Metric, MatrixView, MatrixView, const Resources&);
    void set_centroids(Metric, std::span<const float* const>);
    std::optional<AnyEncoding> refit(Metric, MatrixView, MatrixView, bool) const;
    std::optional<AnyEncoding> refit(Metric, const AnyEncoding&, MatrixView, bool) const;
    bool same_form(const AnyEncoding&) const;
    std::string_view form() const;
    void encode(std::span<const float* const>, const float*, Codes, std::size_t) const;
    void decode(ConstCodes, std::size_t, const float*, float*) const;
    void copy(ConstCodes, std::size_t, Codes, std::size_t) const;
    bool same(const AnyEncoding&) const;
    const State* prepare(Metric, const float*, Arena&) const;
    ArenaNeed prepare_bytes() const;
    std::size_t scan_bytes(std::size_t) const;
    using States = std::span<const State* const>;
    void scan(Metric, States, std::span<const float>, ListView, std::span<C* const>, Arena&) const;
    void scan(Metric, States, std::span<const float>, ListView, std::span<RangeCollector* const>, Arena&) const;

    static std::optional<Result<AnyEncoding>> parse(std::string_view, std::size_t, bool, IndexOptions);
    PartCost cost(Metric, std::size_t) const;

    std::int64_t note() const;
    Status save_fields(Writer&) const;
    static Result<AnyEncoding> load_fields(Reader&, IndexHeader&, IndexOptions);
    Status save_alone(Writer&, Metric, ListView) const;
    static Result<AnyEncoding> load_alone(Reader&, IndexHeader&, OwnedCodes&, IndexOptions);
};
using Exact = AnyEncoding<AnyCollector>;
using Estimated = AnyEncoding<Reservoir>;
static_assert(StoredEncoding<Exact> && !RowStored<Exact> && !BlockStored<Exact> && StoredEncoding<Estimated>);

struct AnyTransform {
    static constexpr const char* kName = "Any";
    static constexpr Fourcc kRecord = "VTAn";
    static constexpr bool kReverses = false;
    static constexpr bool kUnitRows = false;

    AnyTransform() = delete;

    static std::optional<Result<AnyTransform>> parse(std::string_view, std::size_t);
    std::string token() const;
    AnyTransform untrained() const;
    std::size_t dim_in() const;
    std::size_t dim_out() const;
    bool is_trained() const;
    std::size_t training_rows() const;
    Status train(MatrixView, const Resources&);
    void apply(MatrixView, float*) const;
    bool same(const AnyTransform&) const;
    PartCost cost(Metric, std::size_t) const;
    Status save(Writer&) const;
    static Result<AnyTransform> load(Reader&, std::size_t);
};
static_assert(Transform<AnyTransform>);

struct AnyQuantizer {
    explicit AnyQuantizer(OneList);  // of Ivf::load() of a record without lists
    AnyQuantizer(AnyQuantizer&&) = default;
    AnyQuantizer& operator=(AnyQuantizer&&) = default;

    bool learns() const;
    AnyQuantizer untrained() const;
    Status build(AlignedVector<float>&&, std::size_t, std::size_t, Metric, const Resources&);
    std::size_t nlist() const;
    void probe(MatrixView, std::size_t, Id*, float*, Arena&) const;
    std::size_t probe_bytes(std::size_t, std::size_t) const;
    void assign(MatrixView, Id*, Arena&) const;
    bool takes_lengths() const;
    bool wants_spreads() const;
    void set_spreads(std::span<const float>);
    const float* centroid(std::size_t) const;
    std::string token() const;
    Status save(Writer&, std::size_t, Metric) const;
    static Result<AnyQuantizer> load(Reader&, const IndexHeader&, std::size_t, std::size_t, IndexOptions);
};
static_assert(StoredCoarse<AnyQuantizer>);

struct AnyIndex {
    AnyIndex() = delete;
    AnyIndex(AnyIndex&&) = default;
    AnyIndex& operator=(AnyIndex&&) = default;

    AnyIndex untrained() const;
    std::size_t dim() const;
    std::size_t ntotal() const;
    Metric metric() const;
    bool is_trained() const;
    std::string spec() const;
    Status train(MatrixView, const Resources&);
    Status add(MatrixView, const Resources&);
    Status add_with_ids(MatrixView, const Id*, const Resources&);
    Status search(MatrixView, std::size_t, HitsView, const SearchParams&, const Resources&) const;
    std::size_t search_bytes(std::size_t, std::size_t, const SearchParams&) const;
    Status visit_range(MatrixView, float, const RangeSink&, const SearchParams&, const Resources&) const;
    Status range_search(MatrixView, float, RangeHits&, const SearchParams&, const Resources&) const;
    Status reconstruct(Id, float*) const;
    Status reconstruct_n(Id, std::size_t, float*) const;
    Result<std::size_t> remove_ids(const IdFilter&);
    Status merge_from(AnyIndex&, Id);
    void reset();
    Status save(Writer&) const;
    Status map_ids(IdList, std::optional<IdMapKind>);
    Status make_direct_map();
    bool ids_are_places() const;
    std::size_t nlist() const;
    std::size_t nprobe() const;
    Status set_nprobe(std::size_t);
    float k_factor() const;
    Status set_k_factor(float);
    std::size_t code_size() const;
    Storage storage() const;
    std::size_t training_rows() const;
    static Result<AnyIndex> load_record(lutra::Fourcc, Reader&, std::size_t, IndexOptions);
};
static_assert(SearchIndex<AnyIndex> && lutra::StoredIndex<AnyIndex>);

}  // namespace lutra_test::archetypes

using namespace lutra_test::archetypes;

template class lutra::Ivf<AnyQuantizer, Exact>;
template Status lutra::Ivf<AnyQuantizer, Estimated>::search(MatrixView, std::size_t, HitsView, const SearchParams&,
                                                            const Resources&) const;
template class lutra::Transformed<AnyIndex, AnyTransform>;
template class lutra::Refine<AnyIndex>;
static_assert(lutra::SearchIndex<lutra::Ivf<AnyQuantizer, Exact>>);
static_assert(lutra::SearchIndex<lutra::Transformed<AnyIndex, AnyTransform>> && lutra::SearchIndex<lutra::Refine<AnyIndex>>);

lutra::Index owned(AnyIndex index) { return lutra::Index(std::move(index)); }
template class lutra::Blender<AnyIndex>;
template Status lutra::expand_queries(const AnyIndex&, MatrixView, MatrixView, const ExpansionConfig&, float*, const SearchParams&,
                                      const Resources&);
template Status lutra::expand_database(const AnyIndex&, MatrixView, const ExpansionConfig&, float*, const SearchParams&,
                                       const Resources&);
template Status lutra::warm(Workspace&, std::size_t, const AnyIndex&, std::size_t, std::size_t, const SearchParams&);
template Result<Hits> lutra::search(const AnyIndex&, MatrixView, std::size_t, const SearchParams&, const Resources&);
template Status lutra::save_index(const AnyIndex&, const std::string&);

// The catalog, with these parts in its lists.
constexpr lutra::EncodingList<Exact> kEncodings;
constexpr lutra::TransformList<AnyTransform> kTransforms;
constexpr auto kEncodingWords = lutra::detail::make_words(kEncodings);
constexpr auto kTransformWords = lutra::detail::make_words(kTransforms);

std::string tokens(std::string_view token) {
    const auto token_of = [](auto part) { return part.token(); };
    return *lutra::with_encoding(token, 8, true, {}, token_of, kEncodings) +
           *lutra::with_transform(token, 8, token_of, kTransforms) + std::string(lutra::encoding_records(kEncodings).view()) +
           std::string(kEncodingWords[0].name) + std::string(kTransformWords[0].name);
}
lutra::LoadRecord loader(lutra::Fourcc fourcc) { return lutra::find_loader(fourcc, kEncodings); }
lutra::Result<lutra::PutBefore> put_before(lutra::Fourcc fourcc, lutra::Reader& in, std::size_t& d) {
    return lutra::load_transform(fourcc, in, d, kTransforms);
}
