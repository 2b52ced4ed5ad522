// Tests of refine/: what the contract tests of SearchIndex do not see.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/coarse/one_list.hpp>
#include <lutra/encodings/flat/flat.hpp>
#include <lutra/factory/save_load.hpp>
#include <lutra/ivf/ivf_file.hpp>
#include <lutra/parallel/threads.hpp>
#include <lutra/refine/refine_file.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "contracts/contract_cases.hpp"
#include "support/count_new.hpp"

using namespace contracts;
using lutra::Errc, lutra::Refine;

namespace {
/// A base whose distances say little: of each row only the first column is kept. Ids, filters and errors as they should be.
class FirstColumn {
public:
    explicit FirstColumn(std::size_t d, Metric metric = Metric::l2) : d_(d), index_(1, metric, 1, {}, lutra::Flat(1)) {}

    FirstColumn untrained() const { return FirstColumn(d_, metric()); }
    std::size_t dim() const { return d_; }
    std::size_t ntotal() const { return index_.ntotal(); }
    Metric metric() const { return index_.metric(); }
    bool is_trained() const { return true; }
    std::string spec() const { return "FirstColumn"; }
    std::size_t nlist() const { return 0; }
    std::size_t nprobe() const { return 0; }
    lutra::Status set_nprobe(std::size_t nprobe) { return lutra::no_lists(*this, nprobe); }
    float k_factor() const { return 0; }
    lutra::Status set_k_factor(float k_factor) { return lutra::no_refine_stage(*this, k_factor); }
    std::size_t code_size() const { return 4; }
    lutra::Storage storage() const { return index_.storage(); }
    std::size_t training_rows() const { return 0; }
    lutra::Status train(lutra::MatrixView, const lutra::Resources& = {}) { return {}; }
    lutra::Status add(lutra::MatrixView x, const lutra::Resources& resources = {}) {
        if (fails) return {Errc::io_error, "add: the base has failed"};
        LUTRA_TRY(lutra::check_shape("add", x, d_));
        LUTRA_TRY(lutra::check_finite("add", x));
        return index_.add(column(x), resources);
    }
    lutra::Status add_with_ids(lutra::MatrixView x, const Id* ids, const lutra::Resources& resources = {}) {
        return index_.add_with_ids(column(x), ids, resources);
    }
    lutra::Status search(lutra::MatrixView q, std::size_t k, lutra::HitsView out, const lutra::SearchParams& params = {},
                         const lutra::Resources& resources = {}) const {
        asked = k, most_queries = std::max(most_queries, q.n), factor_seen = params.k_factor;
        return index_.search(column(q), k, out, params, resources);
    }
    lutra::Status range_search(lutra::MatrixView q, float radius, lutra::RangeHits& out, const lutra::SearchParams& params = {},
                               const lutra::Resources& resources = {}) const {
        return index_.range_search(column(q), radius, out, params, resources);
    }
    std::size_t search_bytes(std::size_t nq, std::size_t k, const lutra::SearchParams& params = {}) const {
        return index_.search_bytes(nq, k, params);
    }
    lutra::Status visit_range(lutra::MatrixView q, float radius, const lutra::RangeSink& sink,
                              const lutra::SearchParams& params = {}, const lutra::Resources& resources = {}) const {
        return index_.visit_range(column(q), radius, sink, params, resources);
    }
    lutra::Status reconstruct(Id id, float* out) const { return index_.reconstruct(id, out); }
    lutra::Status reconstruct_n(Id id, std::size_t n, float* out) const { return index_.reconstruct_n(id, n, out); }
    lutra::Result<std::size_t> remove_ids(const lutra::IdFilter& filter) {
        if (fails) return lutra::Status{Errc::io_error, "remove_ids: the base has failed"};
        return index_.remove_ids(filter);
    }
    lutra::Status merge_from(FirstColumn& other, Id shift) {
        if (fails) return {Errc::io_error, "merge: the base has failed"};
        return index_.merge_from(other.index_, shift);
    }
    void reset() { index_.reset(); }
    lutra::Status save(lutra::Writer& out) const { return index_.save(out); }
    lutra::Status map_ids(lutra::IdList map, std::optional<lutra::IdMapKind> kind) { return index_.map_ids(map, kind); }
    lutra::Status make_direct_map() { return index_.make_direct_map(); }
    bool ids_are_places() const { return index_.ids_are_places(); }

    static inline bool fails = false;
    static inline std::size_t asked = 0, most_queries = 0;  // of the searches so far
    static inline float factor_seen = 0;

private:
    lutra::MatrixView column(lutra::MatrixView x) const {
        values_.resize(x.n);
        for (std::size_t i = 0; i < x.n; ++i) values_[i] = x.row(i)[0];
        return {values_.data(), x.n, 1};
    }

    std::size_t d_;
    lutra::Ivf<lutra::OneList, lutra::Flat> index_;
    mutable std::vector<float> values_;
};
static_assert(lutra::SearchIndex<FirstColumn>);
static_assert(lutra::SearchIndex<Refine<FirstColumn>>);
static_assert(lutra::SearchIndex<Refine<Refine<lutra::Index>>>);

using RefinedColumn = Refine<FirstColumn>;

template <class I>
std::vector<std::byte> saved(const I& index) {
    lutra::MemoryWriter out;
    require_ok(index.save(out));
    return {out.bytes().begin(), out.bytes().end()};
}
lutra::Result<lutra::Index> load(const std::vector<std::byte>& bytes) {
    lutra::MemoryReader in(bytes);
    return lutra::load_index(in);
}
lutra::Index loaded(const std::vector<std::byte>& bytes) {
    lutra::Result<lutra::Index> index = load(bytes);
    require_ok(index.status());
    return std::move(*index);
}

template <class I>
Found find(const I& index, lutra::MatrixView q, std::size_t k, float k_factor = 0, const lutra::SearchParams& params = {}) {
    lutra::SearchParams with_factor = params;
    with_factor.k_factor = k_factor;
    lutra::Result<lutra::Hits> hits = lutra::search(index, q, k, with_factor);
    require_ok(hits.status());
    return rows_of(*hits);
}

/// The k best by all columns among the `candidates` best by the first.
Found expected(Metric metric, const Matrix& x, const Matrix& q, std::size_t k, std::size_t candidates) {
    const Case all{"Flat", metric, x.d}, first{"Flat", metric, 1};
    Matrix x0(x.n, 1), q0(q.n, 1);
    for (std::size_t i = 0; i < x.n; ++i) x0.row(i)[0] = x.row(i)[0];
    for (std::size_t i = 0; i < q.n; ++i) q0.row(i)[0] = q.row(i)[0];
    const Found base = first_of(every_row(first, x0, q0), candidates, metric), exact = every_row(all, x, q);
    Found want(q.n);
    for (std::size_t i = 0; i < q.n; ++i) {
        std::set<Id> kept;
        for (const Hit& h : base[i]) kept.insert(h.second);
        want[i] = only({exact[i]}, [&](Id id) { return kept.count(id) != 0; })[0];
    }
    return first_of(want, k, metric);
}

lutra::Index make(std::string_view spec, std::size_t d, Metric metric = Metric::l2) {
    lutra::Result<lutra::Index> index = lutra::index_factory(d, spec, metric);
    require_ok(index.status());
    return std::move(*index);
}
}  // namespace

TEST_CASE("Refine: of k * k_factor candidates of the base the k exactly nearest come out, with Flat's distances") {
    for (const Metric metric : {Metric::l2, Metric::inner_product})
        for (const std::size_t d : {1, 2, 7, 33, 128, 1100}) {
            const Matrix x = rows_with_ties(200, d), q = rows_with_ties(9, d, 2);
            RefinedColumn index{FirstColumn(d, metric)};
            require_ok(index.add(x));
            for (const std::size_t k : {1, 3, 10})
                for (const float factor : {1.F, 1.5F, 2.F, 7.25F, 1000.F}) {
                    CAPTURE(d);
                    CAPTURE(k);
                    CAPTURE(factor);
                    const std::size_t candidates = std::min<std::size_t>(200, std::size_t(float(k) * factor));
                    CHECK(find(index, q, k, factor) == expected(metric, x, q, k, candidates));
                    CHECK(FirstColumn::asked == candidates);
                }
        }
}

TEST_CASE("Refine: candidates are k * k_factor rounded down, never less than k, never more than there are vectors") {
    RefinedColumn index{FirstColumn(2)};
    const Matrix x = lutra_test::normal_matrix(50, 2, 1);
    struct {
        std::size_t k;
        float factor;
        std::size_t want;
    } const rows[] = {
        {10, 1.1F, 11}, {1, 1.99F, 1}, {3, 2.5F, 7},  {10, 4, 40},    {10, 5.1F, 50},
        {50, 1, 50},    {51, 1, 50},   {1000, 9, 50}, {7, 1e30F, 50}, {7, std::numeric_limits<float>::infinity(), 50}};
    require_ok(index.add(x));
    for (const auto& row : rows) {
        CAPTURE(row.k);
        CAPTURE(row.factor);
        CHECK(find(index, x, row.k, row.factor)[0].size() == row.k);
        CHECK(FirstColumn::asked == row.want);
    }
    require_ok(index.set_k_factor(4));
    CHECK(find(index, x, 10) == find(index, x, 10, 4));
    static_cast<void>(find(index, x, 5));
    CHECK(FirstColumn::asked == 20);
}

TEST_CASE("Refine: an empty index, and one with fewer vectors than k, fill up with -1") {
    RefinedColumn index{FirstColumn(3)};
    const Matrix x = rows_with_ties(4, 3), q = rows_with_ties(3, 3, 2);
    CHECK(find(index, q, 5, 3) == first_of(Found(3), 5, Metric::l2));
    require_ok(index.add(x));
    CHECK(find(index, q, 9, 3) == expected(Metric::l2, x, q, 9, 4));
    CHECK(find(index, q, 9, 3)[0][4].second == lutra::kNoId);
}

TEST_CASE("Refine: inner products below zero come before the slots nobody filled") {
    RefinedColumn index{FirstColumn(1, Metric::inner_product)};
    const std::vector<float> rows{-1, -2, -3};
    require_ok(index.add({rows.data(), 3, 1}));
    const float q = 5;
    const Found found = find(index, {&q, 1, 1}, 5, 2);
    CHECK(found[0][0] == Hit{-5.F, 0});
    CHECK(found[0][2] == Hit{-15.F, 2});
    CHECK(found[0][3].second == lutra::kNoId);
}

TEST_CASE("Refine: ties go to the lower id, whatever the order of the rows") {
    Matrix x(6, 2);
    x.values = {0, 1, 1, 0, 2, 2, 0, -1, -1, 0, 3, 3};  // rows 0, 1, 3, 4 are 1 from the origin
    const Id ids[] = {90, 70, 5, 80, 60, 1};
    RefinedColumn index{FirstColumn(2)};
    require_ok(index.add_with_ids(x, ids));
    const Matrix origin(1, 2);
    CHECK(find(index, origin, 4, 2)[0] == std::vector<Hit>{{1.F, 60}, {1.F, 70}, {1.F, 80}, {1.F, 90}});
}

TEST_CASE("Refine: a k_factor below 1 or not a number is refused, with what is accepted") {
    RefinedColumn index{FirstColumn(2)};
    const Matrix x = lutra_test::normal_matrix(5, 2, 1);
    require_ok(index.add(x));
    const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
    lutra::Hits hits(5, 2);
    for (const float bad : {0.5F, 0.999F, -1.F, -inf, nan}) {
        lutra::SearchParams params;
        params.k_factor = bad;
        const lutra::Status status = index.search(x, 2, hits.view(), params);
        CHECK(status.code() == Errc::bad_argument);
        CHECK(status.message().find("1 or more") != std::string_view::npos);
    }
    for (const float bad : {0.F, 0.5F, -3.F, 1001.F, inf, nan}) {
        const lutra::Status status = index.set_k_factor(bad);
        CHECK(status.code() == Errc::bad_argument);
        CHECK(status.message().find("accepted: 1 to 1000") != std::string_view::npos);
        CHECK(index.k_factor() == 1);
    }
    CHECK(index.set_k_factor(1000).ok());
    lutra::Index plain = make("L2norm,IVF4,Flat", 2);
    CHECK(plain.k_factor() == 0);
    const lutra::Status none = plain.set_k_factor(2);
    CHECK(none.code() == Errc::unsupported);
    CHECK(none.message().find("IVF4,Flat has no refine stage") != std::string_view::npos);
}

TEST_CASE("Refine: add is all or nothing, also when the base fails") {
    RefinedColumn index{FirstColumn(2)};
    const Matrix x = lutra_test::normal_matrix(20, 2, 1), more = lutra_test::normal_matrix(30, 2, 2);
    const std::vector<Id> ids(30, 7);
    require_ok(index.add(x));
    RefinedColumn other{FirstColumn(2)};
    require_ok(other.add(more));
    const auto before = saved(index), others = saved(other);
    FirstColumn::fails = true;
    CHECK(index.add(more).code() == Errc::io_error);
    CHECK(index.add_with_ids(more, ids.data()).code() == Errc::io_error);
    CHECK(index.remove_ids({}).status().code() == Errc::io_error);
    CHECK(index.merge_from(other, 20).code() == Errc::io_error);
    FirstColumn::fails = false;
    CHECK(saved(index) == before);
    CHECK(saved(other) == others);
    CHECK(index.ntotal() == 20);
    require_ok(index.add(more));
    CHECK(index.base().ntotal() == 50);
    std::vector<float> row(2);
    require_ok(index.reconstruct(49, row.data()));
    CHECK(std::equal(row.begin(), row.end(), more.row(29)));
}

TEST_CASE("Refine: around a base that holds vectors it begins empty, in both") {
    FirstColumn base(2);
    const Matrix x = lutra_test::normal_matrix(20, 2, 1);
    require_ok(base.add(x));
    RefinedColumn index(std::move(base));
    CHECK(index.ntotal() == 0);
    CHECK(index.base().ntotal() == 0);
    require_ok(index.add(x));
    CHECK(find(index, x, 1, 3)[7][0] == Hit{0.F, 7});
}

TEST_CASE("Refine: a query with NaN finds nothing, even in a base that proposes something for it") {
    RefinedColumn index{FirstColumn(3)};
    const Matrix x = lutra_test::normal_matrix(30, 3, 1);
    Matrix q = lutra_test::normal_matrix(4, 3, 2);
    q.row(2)[2] = std::numeric_limits<float>::quiet_NaN();  // not in the column the base sees
    require_ok(index.add(x));
    const Found found = find(index, q, 3, 4);
    for (const Hit& hit : found[2]) CHECK(hit.second == lutra::kNoId);
    CHECK(found[3][0].second != lutra::kNoId);
    lutra::RangeHits range;
    require_ok(index.range_search(q, 100, range));
    CHECK(rows_of(range)[2].empty());
    CHECK(rows_of(range)[3].size() == 30);
}

TEST_CASE("Refine: filters speak in the caller's ids and narrow the candidates, not the answer") {
    const Matrix x = rows_with_ties(150, 4), q = rows_with_ties(10, 4, 2);
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        RefinedColumn index{FirstColumn(4, metric)};
        std::vector<Id> ids(150);
        for (std::size_t i = 0; i < 150; ++i) ids[i] = Id(1000 + 3 * ((i * 77) % 150));
        require_ok(index.add_with_ids(x, ids.data()));
        const auto accepts = [](Id id) { return id % 2 == 0 && id >= 1000; };
        Matrix kept(0, 4);
        std::vector<Id> kept_ids;
        for (std::size_t i = 0; i < 150; ++i)
            if (accepts(ids[i]))
                kept.values.insert(kept.values.end(), x.row(i), x.row(i) + 4), kept_ids.push_back(ids[i]), ++kept.n;
        RefinedColumn alone{FirstColumn(4, metric)};
        require_ok(alone.add_with_ids(kept, kept_ids.data()));
        lutra::SearchParams params;
        params.filter = lutra::IdFilter::predicate(accepts);
        for (const float factor : {1.F, 3.F, 40.F}) CHECK(find(index, q, 5, factor, params) == find(alone, q, 5, factor));
        std::vector<std::uint8_t> bits(1500 / 8, 0);
        for (const Id id : kept_ids) bits[std::size_t(id) / 8] = std::uint8_t(bits[std::size_t(id) / 8] | 1 << (id % 8));
        params.filter = lutra::IdFilter::bitmap(bits.data(), 1480);
        CHECK(find(index, q, 5, 40, params) == find(alone, q, 5, 40));
        params.filter = lutra::IdSet::of(kept_ids);
        CHECK(find(index, q, 5, 40, params) == find(alone, q, 5, 40));
        lutra::RangeHits some, all;
        const float radius = metric == Metric::l2 ? 5.F : 0.5F;
        require_ok(index.range_search(q, radius, some, params));
        require_ok(alone.range_search(q, radius, all));
        CHECK(rows_of(some) == rows_of(all));
    }
}

TEST_CASE("Refine: range_search is exact and complete even where the base's distances say little, for any k_factor") {
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        const Case c{"Flat", metric, 6};
        const Matrix x = rows_with_ties(300, 6), q = rows_with_ties(20, 6, 2);
        RefinedColumn index{FirstColumn(6, metric)};
        require_ok(index.add(x));
        const Found want = every_row(c, x, q);
        for (const float factor : {1.F, 8.F})
            for (const std::size_t rank : {0, 1, 40, 299}) {
                require_ok(index.set_k_factor(factor));
                lutra::RangeHits hits;
                require_ok(index.range_search(q, want[3][rank].first, hits));
                CHECK(rows_of(hits) == within(want, want[3][rank].first, metric));
            }
    }
}

TEST_CASE("Refine: the rows kept are those before the transforms, and so are the distances") {
    const Matrix x = lutra_test::normal_matrix(300, 5, 3), q = lutra_test::normal_matrix(20, 5, 4);
    const Case c{"L2norm,IVF4,Flat,RFlat", Metric::l2, 5};
    lutra::Index index = make(c.spec, 5);
    require_ok(index.train(x));
    require_ok(index.add(x));
    lutra::SearchParams params = all_lists(index);
    params.k_factor = 100;
    CHECK(search(index, q, 300, params) == every_row({"Flat", Metric::l2, 5}, x, q));
    CHECK(range_search(index, q, 4, params) == within(every_row({"Flat", Metric::l2, 5}, x, q), 4, Metric::l2));
    std::vector<float> row(5);
    require_ok(index.reconstruct(17, row.data()));
    CHECK(std::equal(row.begin(), row.end(), x.row(17)));
    CHECK(index.spec() == c.spec);
    CHECK(index.code_size() == 40);
    CHECK(find(loaded(saved(index)), q, 9, 5, all_lists(index)) == find(index, q, 9, 5, all_lists(index)));
}

TEST_CASE("Refine: twice, the outer one's k_factor is the call's and the inner one has its own") {
    const Matrix x = rows_with_ties(200, 6), q = rows_with_ties(15, 6, 2);
    Refine<RefinedColumn> index{RefinedColumn(FirstColumn(6))};
    require_ok(index.add(x));
    FirstColumn::factor_seen = 9;
    CHECK(find(index, q, 5, 4) == expected(Metric::l2, x, q, 5, 20));
    CHECK(FirstColumn::asked == 20);
    CHECK(FirstColumn::factor_seen == 0);
    CHECK(index.spec() == "FirstColumn,RFlat,RFlat");
    lutra::Index twice = make("IVF4,Flat,RFlat,RFlat", 6);
    require_ok(twice.train(x));
    require_ok(twice.add(x));
    const auto gone = [](Id id) { return id % 3 == 0; };
    CHECK(twice.remove_ids(lutra::IdFilter::predicate(gone)).value() == 67);
    require_ok(twice.add(x));
    const lutra::Index again = loaded(saved(twice));
    CHECK(again.spec() == "IVF4,Flat,RFlat,RFlat");
    CHECK(search(again, q, 50, all_lists(again)) == search(twice, q, 50, all_lists(twice)));
    std::vector<float> row(6);
    require_ok(twice.reconstruct(200, row.data()));
    CHECK(std::equal(row.begin(), row.end(), x.row(0)));
    CHECK(twice.reconstruct(3, row.data()).code() == Errc::not_found);
}

TEST_CASE("Refine: after removals, additions and merges each id still leads to its own row, in memory and in files") {
    for (const std::string_view spec : {"Flat,RFlat", "IVF8,Flat,RFlat", "L2norm,IVF8,Flat,RFlat,RFlat", "L2norm,Flat,RFlat"})
        for (const bool own_ids : {false, true}) {
            CAPTURE(spec);
            CAPTURE(own_ids);
            const Matrix pool = lutra_test::normal_matrix(1500, 3, 11);
            const bool shifts = !own_ids && spec.find("IVF") == std::string_view::npos;
            std::vector<std::pair<Id, std::size_t>> want;  // id, row of the pool; in order
            lutra::Index index = make(spec, 3);
            require_ok(index.train(pool.view().rows(0, 300)));
            lutra::Rng rng(5);
            Id next = 0;
            std::size_t used = 0;
            for (int step = 0; step < 32; ++step) {
                const std::size_t n = 1 + rng.below(45);
                const lutra::MatrixView rows = pool.view().rows(used, used + n);
                if (step % 4 == 3) {
                    const std::size_t residue = rng.below(3);
                    const auto gone = [&](Id id) { return std::size_t(id) % 3 == residue || (step == 27 && id >= 0); };
                    const std::size_t before = want.size();
                    std::erase_if(want, [&](const auto& w) { return gone(w.first); });
                    CHECK(index.remove_ids(lutra::IdFilter::predicate(gone)).value() == before - want.size());
                    for (std::size_t i = 0; shifts && i < want.size(); ++i) want[i].first = Id(i);
                    if (shifts) next = Id(want.size());
                } else if (step % 8 == 6) {
                    lutra::Index other = loaded(saved(index));
                    other.reset();
                    require_ok(other.add(rows));
                    require_ok(index.merge_from(other, next));
                    CHECK(other.ntotal() == 0);
                    for (std::size_t i = 0; i < n; ++i) want.emplace_back(next++, used + i);
                } else if (own_ids && step % 2 == 0) {
                    std::vector<Id> ids(n);
                    for (std::size_t i = 0; i < n; ++i) ids[i] = next + Id(5 * (n - i));
                    require_ok(index.add_with_ids(rows, ids.data()));
                    for (std::size_t i = 0; i < n; ++i) want.emplace_back(ids[i], used + i);
                    next += Id(5 * n) + 1;
                } else {
                    require_ok(index.add(rows));
                    for (std::size_t i = 0; i < n; ++i) want.emplace_back(next++, used + i);
                }
                used += n;
                REQUIRE(index.ntotal() == want.size());
                const lutra::Index again = loaded(saved(index));
                std::vector<float> row(3);
                std::size_t wrong = 0;
                for (const auto& [id, at] : want) {
                    for (const lutra::Index* i : {static_cast<const lutra::Index*>(&index), &again})
                        wrong += !i->reconstruct(id, row.data()).ok() || !std::equal(row.begin(), row.end(), pool.row(at));
                    if (at % 5 == 0)
                        wrong += find(index, pool.view().rows(at, at + 1), 1, 50, all_lists(index))[0][0] != Hit{0.F, id};
                }
                REQUIRE(wrong == 0);
            }
        }
}

TEST_CASE("Refine: ids that are places cost no memory and no id map in the file") {
    const Matrix x = lutra_test::normal_matrix(100, 3, 1);
    std::vector<Id> places(100);
    std::iota(places.begin(), places.end(), Id{0});
    const auto is_mapped = [](const lutra::Index& index) { return saved(index)[2] == std::byte{'M'}; };
    for (const std::string_view spec : {"Flat,RFlat", "IVF4,Flat,RFlat"}) {
        const bool lists = spec != "Flat,RFlat";
        lutra::Index index = make(spec, 3);
        require_ok(index.train(x));
        require_ok(index.add_with_ids(x, places.data()));
        CHECK(is_mapped(index) == !lists);  // without lists they say: these ids stay when others are removed
        CHECK(index.ids_are_places() == lists);
        index.reset();
        require_ok(index.add(x));
        CHECK(!is_mapped(index));
        CHECK(index.ids_are_places());
        const auto first = [](Id id) { return id < 3; };
        REQUIRE(index.remove_ids(lutra::IdFilter::predicate(first)).ok());
        CHECK(is_mapped(index) == lists);
        CHECK(index.ids_are_places() == !lists);
    }
}

TEST_CASE("Refine: a batch larger than a tile, over any number of workers, finds what each query finds alone") {
    const Matrix x = rows_with_ties(600, 4), q = rows_with_ties(2000, 4, 3);
    RefinedColumn index{FirstColumn(4)};
    require_ok(index.add(x));
    const Found want = expected(Metric::l2, x, q, 10, 500);
    FirstColumn::most_queries = 0;
    CHECK(find(index, q, 10, 50) == want);
    CHECK(FirstColumn::most_queries < q.n);  // or this test sees nothing
    for (const std::size_t workers : {2, 3}) {
        lutra::ThreadPool pool(workers);
        lutra::Resources resources;
        resources.executor = pool.executor();
        lutra::Hits hits(q.n, 10);
        lutra::SearchParams params;
        params.k_factor = 50;
        require_ok(index.search(q, 10, hits.view(), params, resources));
        CHECK(rows_of(hits) == want);
    }
}

TEST_CASE("Refine: search allocates nothing once its workspace is warm, with tiles, filters and other ids") {
    const Matrix x = rows_with_ties(1000, 8), q = rows_with_ties(300, 8, 3);
    std::vector<Id> ids(1000);
    for (std::size_t i = 0; i < 1000; ++i) ids[i] = Id(5000 - 3 * i);
    lutra::Index index = make("IVF4,Flat,RFlat", 8);
    require_ok(index.train(x));
    require_ok(index.add_with_ids(x, ids.data()));
    const auto odd = [](Id id) { return id % 2 == 1; };
    lutra::SearchParams params = all_lists(index);
    params.k_factor = 40, params.filter = lutra::IdFilter::predicate(odd);
    lutra::SearchParams of_set = params;
    of_set.filter = lutra::IdSet::where(5001, odd);
    lutra::Workspace workspace;
    lutra::Resources resources;
    resources.workspace = &workspace;
    lutra::Hits hits(300, 20);
    const auto both = [&] {
        return index.search(q, 20, hits.view(), params, resources).ok() &&
               index.search(q.view().rows(0, 1), 20, hits.view(), params, resources).ok() &&
               index.search(q, 20, hits.view(), of_set, resources).ok();
    };
    CHECK(both());
    const std::size_t before = lutra_test::allocations();
    CHECK(both());
    CHECK(lutra_test::allocations() == before);
}

TEST_CASE("Refine: k_factor and nprobe are kept in the file") {
    const Matrix x = lutra_test::normal_matrix(60, 3, 1);
    lutra::Index index = make("IVF4,Flat,RFlat", 3);
    require_ok(index.train(x));
    require_ok(index.add(x));
    require_ok(index.set_k_factor(2.5F));
    require_ok(index.set_nprobe(3));
    const lutra::Index again = loaded(saved(index));
    CHECK(again.k_factor() == 2.5F);
    CHECK(again.nprobe() == 3);
    CHECK(saved(again) == saved(index));
    index.reset();
    CHECK(index.k_factor() == 2.5F);
}

TEST_CASE("Refine: typed, without a factory, it is the same index, bit for bit in its file") {
    const Matrix x = rows_with_ties(100, 5), q = rows_with_ties(7, 5, 2);
    Refine typed(lutra::Ivf<lutra::FlatCoarse, lutra::Flat>(5, Metric::l2, 4, {}, lutra::Flat(5)));
    lutra::Index index = make("IVF4,Flat,RFlat", 5);
    require_ok(typed.train(x));
    require_ok(typed.add(x));
    require_ok(index.train(x));
    require_ok(index.add(x));
    CHECK(saved(typed) == saved(index));
    CHECK(find(typed, q, 4, 3) == find(index, q, 4, 3));
    CHECK(typed.spec() == index.spec());
}

TEST_CASE("Refine: rows so far out that estimates and distances of all others overflow find themselves") {
    constexpr float kMost = std::numeric_limits<float>::max();
    Matrix x(105, 2);
    for (std::size_t i = 0; i < 105; ++i) {
        x.row(i)[0] = i < 50 || i >= 100 ? kMost : -kMost, x.row(i)[1] = kMost;
        if (i >= 100) x.row(i)[i < 103 ? 1 : 0] *= 1 - 0.001F * float(i - 98);
    }
    lutra::Index index = lutra::index_factory(2, "PQ2x4fs,RFlat").value();
    REQUIRE(index.train(x).ok());
    REQUIRE(index.add(x).ok());
    const lutra::Hits hits = lutra::search(index, x.view().rows(100, 105), 3).value();
    for (std::size_t i = 0; i < 5; ++i) CHECK(hits.distances[i * 3] == 0);
}

TEST_CASE("Refine: whole rows, which are kept as bytes, have Flat's distances, and so they have beside rows that are not") {
    const std::size_t d = 20, k = 5;
    lutra_test::Matrix x = lutra_test::normal_matrix(400, d, 1), q = lutra_test::normal_matrix(30, d, 2);
    for (std::size_t i = 0; i < 300 * d; ++i)
        x.values[i] = std::clamp(std::nearbyint(x.values[i] * 50 + 90), 0.F, 255.F) + 0.F;  // -0 is not whole
    for (float& v : q.values) v = v * 50 + 90;
    for (const Metric metric : {Metric::l2, Metric::inner_product}) {
        Refine<FirstColumn> index(FirstColumn(d, metric));
        lutra::Ivf<lutra::OneList, lutra::Flat> flat(d, metric, 1, {}, lutra::Flat(d));
        REQUIRE(index.set_k_factor(100).ok());
        for (const auto& [begin, end] : {std::pair<std::size_t, std::size_t>{0, 300}, {300, 400}}) {
            REQUIRE(index.add(x.view().rows(begin, end)).ok());
            REQUIRE(flat.add(x.view().rows(begin, end)).ok());
            const lutra::Hits got = lutra::search(index, q, k).value(), want = lutra::search(flat, q, k).value();
            CHECK(got.ids == want.ids);
            CHECK(got.distances == want.distances);
            std::vector<float> rows(end * d);
            REQUIRE(index.reconstruct_n(0, end, rows.data()).ok());
            CHECK(std::equal(rows.begin(), rows.end(), x.values.begin()));
        }
    }
}
