// What every index promises when memory runs out, or an executor throws: a Status or that exception, and nothing half done.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/factory/save_load.hpp>
#include <lutra/parallel/threads.hpp>

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "contracts/contract_cases.hpp"
#include "support/each_failure.hpp"

#if LUTRA_HAS_EXCEPTIONS
namespace contracts::memory {
namespace {

constexpr std::size_t kRows = 100, kDim = 8;

constexpr std::string_view kSpecs[] = {"Flat",
                                       "L2norm,Flat",
                                       "IVF4,Flat",
                                       "IVF4,PQ4x4fs",
                                       "PQ4x4fs,RFlat",
                                       "L2norm,IVF4,PQ2x4fsr,RFlat",
                                       "IVF4,Flat,RFlat,RFlat",
                                       "IVF16(IVF2,PQ2x4fs,RFlat),Flat"};

/// An index before a call, and whether it still is what it was.
struct Before {
    lutra::Index index;
    std::vector<std::byte> file;
    Found answers;

    static const Matrix& queries() {
        static const Matrix q = lutra_test::normal_matrix(5, kDim, 3);
        return q;
    }
    explicit Before(lutra::Index i) : index(std::move(i)), file(saved(index)), answers(ask(index)) {}

    void renew() { index = reloaded(); }
    lutra::Index reloaded() const { return loaded(file); }
    static lutra::Index loaded(const std::vector<std::byte>& bytes) {
        lutra::MemoryReader in(bytes);
        lutra::Result<lutra::Index> read = lutra::load_index(in);
        require_ok(read.status());
        return std::move(*read);
    }
    static Found ask(const lutra::Index& i) { return i.is_trained() ? search(i, queries(), 7) : Found(); }

    void check() const {
        const std::vector<std::byte> now = saved(index);
        CHECK(now == file);
        CHECK(ask(index) == answers);
        CHECK(ask(loaded(now)) == answers);
    }
};

lutra::Index made(std::string_view spec) {
    lutra::Result<lutra::Index> index = lutra::index_factory(kDim, spec);
    require_ok(index.status());
    return std::move(*index);
}

struct Rows {
    Matrix x = lutra_test::normal_matrix(kRows, kDim, 1), more = lutra_test::normal_matrix(70, kDim, 2);
    std::vector<Id> ids;

    Rows() {
        for (std::size_t i = 0; i < more.n; ++i) ids.push_back(Id(1000 + 3 * i));
    }
};

lutra::Index with_rows(std::string_view spec, const Rows& rows) {
    lutra::Index index = made(spec);
    if (!index.is_trained()) require_ok(index.train(rows.x));
    require_ok(index.add(rows.x));
    return index;
}

const auto odd = [](Id id) { return id % 2 == 1; };

/// Every call that changes an index: f(name, before, call(index, resources)).
template <class F>
void for_each_change(std::string_view spec, const Rows& rows, F&& f) {
    using lutra::Index, lutra::Resources;
    f("train", Before(made(spec)), [&](Index& i, const Resources& r) { return i.train(rows.x, r); });
    const auto filled = [&] { return Before(with_rows(spec, rows)); };
    f("add", filled(), [&](Index& i, const Resources& r) { return i.add(rows.more, r); });
    f("add_with_ids", filled(), [&](Index& i, const Resources& r) { return i.add_with_ids(rows.more, rows.ids.data(), r); });
    f("remove", filled(), [&](Index& i, const Resources&) { return i.remove_ids(lutra::IdFilter::predicate(odd)).status(); });
    std::vector<Id> map(kRows);
    for (std::size_t i = 0; i < kRows; ++i) map[i] = Id(10 * (kRows - i));
    f("map_ids", filled(), [&](Index& i, const Resources&) { return i.map_ids(map, std::nullopt); });
}

}  // namespace

TEST_CASE("out of memory: each allocation of a changing call fails in turn, and the index is as it was") {
    const Rows rows;
    lutra::ThreadPool pool(3);
    lutra::Resources with_pool;
    with_pool.executor = pool.executor();
    for (const std::string_view spec : kSpecs)
        for (const lutra::Resources& resources : {lutra::Resources(), with_pool})
            for_each_change(spec, rows, [&](std::string_view name, Before before, auto&& call) {
                CAPTURE(spec);
                CAPTURE(name);
                CAPTURE(resources.executor.workers());
                lutra_test::each_allocation_fails([&] { before.renew(); }, [&] { return call(before.index, resources); },
                                                  [&] { before.check(); });
            });
}

TEST_CASE("out of memory: a merge that fails leaves both indexes as they were") {
    const Rows rows;
    for (const std::string_view spec : kSpecs) {
        CAPTURE(spec);
        Before to(with_rows(spec, rows));
        Before from(Before::loaded(to.file));
        const auto renew = [&] {
            to.renew();
            from.renew();
        };
        const auto check = [&] {
            to.check();
            from.check();
        };
        lutra_test::each_allocation_fails(
            renew, [&] { return to.index.merge_from(from.index, kRows); }, check);
        CHECK(to.index.ntotal() == 2 * kRows);
        CHECK(from.index.ntotal() == 0);
    }
}

TEST_CASE("out of memory: a search that fails says so, in a pool of threads, too, and the next one is right") {
    const Rows rows;
    lutra::ThreadPool pool(3);
    for (const std::string_view spec : kSpecs)
        for (const bool shared : {false, true}) {
            CAPTURE(spec);
            CAPTURE(shared);
            const Before before(with_rows(spec, rows));
            lutra::Resources resources;
            if (shared) resources.executor = pool.executor();
            const auto check = [&] { CHECK(Before::ask(before.index) == before.answers); };
            const auto search = [&] { return lutra::search(before.index, Before::queries(), 7, {}, resources).status(); };
            CHECK(lutra_test::each_allocation_fails([] {}, search, check) > 0);

            lutra::RangeHits hits;
            const auto forget = [&] { hits.lims = {5, 6}, hits.distances = {1}, hits.ids = {2}; };
            const auto range_search = [&] { return before.index.range_search(Before::queries(), 20, hits, {}, resources); };
            const auto as_before = [&] { CHECK((hits.lims.size() == 2 && hits.ids == std::vector<Id>{2})); };
            CHECK(lutra_test::each_allocation_fails(forget, range_search, as_before) > 0);
            CHECK(hits.lims.size() == Before::queries().n + 1);
        }
}

TEST_CASE("out of memory: saving, loading and making an index, and looking at it, say so") {
    const Rows rows;
    for (const std::string_view spec : kSpecs) {
        CAPTURE(spec);
        const Before before(with_rows(spec, rows));
        const auto nothing = [] {};
        const auto check = [&] { before.check(); };
        const auto save = [&] {
            lutra::MemoryWriter out;
            return before.index.save(out);
        };
        const auto load = [&] {
            lutra::MemoryReader in(before.file);
            return lutra::load_index(in).status();
        };
        std::vector<float> out(kRows * kDim);
        CHECK(lutra_test::each_allocation_fails(nothing, save, check) > 0);
        CHECK(lutra_test::each_allocation_fails(nothing, load, nothing) > 0);
        CHECK(lutra_test::each_allocation_fails(
                  nothing, [&] { return lutra::index_factory(kDim, spec).status(); }, nothing) > 0);
        CHECK(lutra_test::each_allocation_fails(
                  nothing, [&] { return before.index.reconstruct_n(0, kRows, out.data()); }, check) > 0);
    }
}

TEST_CASE("an executor that throws: the exception comes out of every changing call, and the index is as it was") {
    const Rows rows;
    for (const std::string_view spec : kSpecs)
        for_each_change(spec, rows, [&](std::string_view name, Before before, auto&& call) {
            CAPTURE(spec);
            CAPTURE(name);
            const auto with_executor = [&](lutra::Executor executor) {
                lutra::Resources resources;
                resources.executor = executor;
                return call(before.index, resources);
            };
            lutra_test::each_use_of_executor_throws([&] { before.renew(); }, with_executor, [&] { before.check(); });
        });
}

TEST_CASE("an executor that throws: searches go on as if nothing had been") {
    const Rows rows;
    for (const std::string_view spec : kSpecs) {
        CAPTURE(spec);
        const Before before(with_rows(spec, rows));
        lutra::Workspace workspace;
        const auto search = [&](lutra::Executor executor) {
            lutra::Resources resources;
            resources.executor = executor, resources.workspace = &workspace;
            return lutra::search(before.index, Before::queries(), 7, {}, resources).status();
        };
        CHECK(lutra_test::each_use_of_executor_throws([] {}, search, [&] { CHECK(Before::ask(before.index) == before.answers); }) >
              0);
    }
}
}  // namespace contracts::memory
#endif
