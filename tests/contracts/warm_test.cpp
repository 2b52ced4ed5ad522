// Tests of core/warm.hpp: after it no search allocates, whoever takes which task.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/warm.hpp>
#include <lutra/parallel/threads.hpp>

#include <cstddef>
#include <limits>
#include <string_view>
#include <vector>

#include "contracts/contract_cases.hpp"
#include "support/count_new.hpp"

namespace contracts::warming {
namespace {

/// One thread that does each task under a number drawn by chance, or always under the same one.
struct AnyWorker {
    std::size_t workers, only;
    lutra::Rng rng{5};

    lutra::Executor executor() { return {this, run, workers}; }
    static void run(void* self, std::size_t n, lutra::Executor::Task task, void* context) {
        auto& pool = *static_cast<AnyWorker*>(self);
        for (std::size_t i = 0; i < n; ++i) task(context, i, pool.only < pool.workers ? pool.only : pool.rng.below(pool.workers));
    }
};

struct Warmed {
    lutra::Index index;
    Matrix queries;
    std::size_t k;
    lutra::SearchParams params;
    lutra::Workspace workspace = {};
    lutra::Hits hits = {queries.n, k};

    /// Allocations of searches of this many queries, beginning with the first and with the last.
    std::size_t allocations(std::size_t n, const lutra::Executor& executor) {
        lutra::Resources resources;
        resources.executor = executor, resources.workspace = &workspace;
        const std::size_t before = lutra_test::allocations();
        bool good = true;
        for (const std::size_t first : {std::size_t{0}, queries.n - n})
            good = good && index.search(queries.view().rows(first, first + n), k, hits.view(), params, resources).ok();
        const std::size_t after = lutra_test::allocations();
        CHECK(good);
        return after - before;
    }
};

constexpr std::size_t kDim = 32, kWorkers = 3, kQueries = 150;

Warmed warmed(std::string_view spec, std::size_t n_training, std::size_t rows, float k_factor) {
    lutra::Result<lutra::Index> index = lutra::index_factory(kDim, spec);
    require_ok(index.status());
    const Matrix x = lutra_test::normal_matrix(rows, kDim, 1);
    if (!index->is_trained()) require_ok(index->train(x.view().rows(0, n_training)));
    require_ok(index->add(x));
    lutra::SearchParams params;
    params.nprobe = index->nlist() / 8, params.k_factor = k_factor;
    Warmed all{std::move(*index), lutra_test::normal_matrix(kQueries, kDim, 2), 10, params};
    all.queries.row(kQueries - 2)[3] = std::numeric_limits<float>::quiet_NaN();
    require_ok(lutra::warm(all.workspace, kWorkers, all.index, kQueries, all.k, all.params));
    return all;
}

struct Spec {
    std::string_view text;
    std::size_t n_training, rows = 3000;
    float k_factor = 0;
};
// The first have so much to scan that a single query is shared; 2,048 lists are found by codes.
const Spec kSpecs[] = {{"Flat", 1, 17000},
                       {"PQ16x4fs", 300, 17000},
                       {"L2norm,PQ16x4fs,RFlat", 300, 17000, 8},
                       {"IVF16,Flat", 300},
                       {"IVF16,PQ16x4fsr", 300},
                       {"L2norm,IVF16,PQ16x4fs,RFlat", 300, 3000, 10},
                       {"IVF2048,Flat", 2048},
                       {"IVF64(IVF8,PQ16x4fs,RFlat),PQ16x4fs,RFlat", 300, 3000, 4},
                       {"IVF8,Flat,RFlat", 300, 40000, 2}};

}  // namespace

TEST_CASE("warm: no search up to so many queries allocates, with any worker for any task" * doctest::test_suite("slow")) {
    for (const Spec& spec : kSpecs) {
        CAPTURE(spec.text);
        Warmed all = warmed(spec.text, spec.n_training, spec.rows, spec.k_factor);
        for (std::size_t only = 0; only <= kWorkers; ++only)
            for (const std::size_t n : {1, 2, 3, 4, 5, 7, 11, 20, 33, 64, 100, 149, 150, 1}) {
                CAPTURE(n);
                AnyWorker pool{kWorkers, only};
                CHECK(all.allocations(n, pool.executor()) == 0);
            }
    }
}

TEST_CASE("warm: nor does a search with a pool of threads") {
    lutra::ThreadPool pool(kWorkers);
    for (const Spec& spec : {kSpecs[0], kSpecs[5], kSpecs[7]}) {
        CAPTURE(spec.text);
        Warmed all = warmed(spec.text, spec.n_training, spec.rows, spec.k_factor);
        for (int round = 0; round < 3; ++round)
            for (const std::size_t n : {1, 2, 3, 7, 150}) CHECK(all.allocations(n, pool.executor()) == 0);
    }
}

TEST_CASE("warm: says what search says, and takes no queries and no workers for what they are") {
    lutra::Workspace workspace;
    lutra::Index index = untrained({"IVF4,Flat", Metric::l2, 3});
    CHECK(lutra::warm(workspace, 2, index, 5, 1).code() == lutra::Errc::not_trained);
    index = trained({"IVF4,Flat", Metric::l2, 3});
    CHECK(lutra::warm(workspace, 2, index, 5, 0).code() == lutra::Errc::bad_argument);
    require_ok(lutra::warm(workspace, 0, index, 0, 1));
}
}  // namespace contracts::warming
