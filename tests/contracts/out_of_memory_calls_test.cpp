// Memory that runs out in the calls around indexes: each allocation fails in turn, and each time the call says so.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/cluster/minibatch_kmeans.hpp>
#include <lutra/cluster/two_level_kmeans.hpp>
#include <lutra/core/warm.hpp>
#include <lutra/embedding/blend.hpp>
#include <lutra/embedding/query_expansion.hpp>
#include <lutra/factory/search_params.hpp>
#include <lutra/tune/advise.hpp>
#include <lutra/tune/autotune.hpp>

#include <cstddef>
#include <numeric>
#include <string_view>
#include <vector>

#include "contracts/contract_cases.hpp"
#include "support/each_failure.hpp"

#if LUTRA_HAS_EXCEPTIONS
namespace contracts::memory_of_calls {
namespace {

/// call() gives a Status or a Result.
template <class Call>
void says_so(std::string_view name, Call&& call) {
    CAPTURE(name);
    const auto status_of = [](const auto& result) {
        if constexpr (requires { result.status(); })
            return result.status();
        else
            return result;
    };
    CHECK(lutra_test::each_allocation_fails([] {}, [&] { return status_of(call()); }, [] {}) > 0);
}

}  // namespace

TEST_CASE("out of memory: k-means of every kind says so") {
    const Matrix x = lutra_test::normal_matrix(200, 6, 1);
    lutra::KMeansConfig pruned, weighted;
    const std::vector<float> weights(x.n, 1.F);
    pruned.assignment = lutra::Assignment::pruned, pruned.max_points_per_centroid = 20, pruned.iterations = 4;
    weighted.weights = weights.data(), weighted.redo = 2, weighted.iterations = 4;
    says_so("pruned, sampled", [&] { return lutra::kmeans(x, 6, pruned); });
    says_so("weighted, twice", [&] { return lutra::kmeans(x, 6, weighted); });
    says_so("rows as centroids", [&] { return lutra::kmeans(x, x.n); });
    lutra::TwoLevelConfig levels;
    levels.max_points_per_centroid = 20, levels.iterations = 3;
    says_so("two levels", [&] { return lutra::two_level_kmeans(x, 9, levels); });
    for (const lutra::Seeding seeding : {lutra::Seeding::random, lutra::Seeding::kmeans_plus_plus, lutra::Seeding::afk_mc2}) {
        says_so("seeds", [&] { return lutra::seed_centroids(x, 5, seeding, 1); });
        lutra::MiniBatchConfig batches;
        batches.batch = 32, batches.max_steps = 5, batches.seeding = seeding;
        says_so("mini-batches", [&] { return lutra::minibatch_kmeans(lutra::MatrixRows(x), 12, batches); });
    }
}

TEST_CASE("out of memory: expansion and blending say so") {
    const Matrix x = lutra_test::normal_matrix(60, 8, 1);
    lutra::Index cosines = filled({"L2norm,Flat", Metric::inner_product, 8}, x), near = filled({"IVF4,Flat", Metric::l2, 8}, x);
    std::vector<float> out(x.n * x.d);
    lutra::ExpansionConfig config;
    config.num_expand = 3;
    says_so("expand_queries", [&] { return lutra::expand_queries(cosines, x, x, config, out.data()); });
    says_so("expand_database", [&] { return lutra::expand_database(cosines, x, config, out.data()); });
    says_so("Blender", [&] { return lutra::Blender<lutra::Index>::make(near, {}); });
    says_so("search_and_blend", [&] { return lutra::search_and_blend(near, x, 3, 0.5F, out.data()); });
}

TEST_CASE("out of memory: advice, tuning, parameters and warming say so") {
    const Matrix x = lutra_test::normal_matrix(60, 8, 1);
    const lutra::Index index = filled({"IVF4,Flat", Metric::l2, 8}, x);
    std::vector<Id> truth(x.n);
    std::iota(truth.begin(), truth.end(), Id{0});
    lutra::AutotuneConfig tuning;
    tuning.k = 1, tuning.seconds = 0;
    lutra::Wish wish;
    wish.n = 1000000, wish.d = 64;
    lutra::Workload work;
    work.n = 100000, work.d = 64;
    says_so("advise", [&] { return lutra::advise(wish); });
    says_so("explain", [&] { return lutra::explain("IVF1024,PQ32x4fs,RFlat", work); });
    says_so("explain: a string with an error", [&] {
        const lutra::Status status = lutra::explain("IVF1024,PQ32x4fx", work).status();
        return status.code() == lutra::Errc::out_of_memory ? status : lutra::Status();
    });
    says_so("autotune", [&] { return lutra::autotune(index, x, truth, tuning); });
    const lutra::Index long_name = untrained({"L2norm,IVF4,PQ2x4fs,RFlat", Metric::l2, 8});
    says_so("a parameter that is not there", [&] {
        const lutra::Status status = lutra::parse_search_params(long_name, "nlist=1").status();
        return status.code() == lutra::Errc::out_of_memory ? status : lutra::Status();
    });
    says_so("warm", [&] {
        lutra::Workspace workspace;
        return lutra::warm(workspace, 2, index, 5, 3);
    });
}
}  // namespace contracts::memory_of_calls
#endif
