// lutra/core/warm.hpp: warm() allocates the memory of searches before the first one.  SPDX-License-Identifier: MIT
//
// A worker's arena grows with the tasks it runs, and which worker of a pool runs which task is chance. So warm() runs searches in
// the calling thread and repeats their largest task under every worker number.
#pragma once
#include <lutra/core/concepts.hpp>
#include <lutra/core/guarded.hpp>
#include <lutra/core/workspace.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Grows `workspace` to what searches of `index` need. After that search(q, k, out, params, resources) allocates nothing, with this
/// k and these params, up to nq queries, resources.workspace = &workspace and any executor of `workers` workers. Valid until the
/// index changes. (A range search still allocates its result.)
///
/// Cost: about 6 nq + 130 workers searches of one query. Memory: twice that of the largest search, for every worker.
/// Errors: those of search().
template <SearchIndex I>
Status warm(Workspace& workspace, std::size_t workers, const I& index, std::size_t nq, std::size_t k,
            const SearchParams& params = {});

namespace detail {

/// An executor of `workers` workers in one thread. It repeats the first task, which is as large as any, under every worker number:
/// tasks of a search may be repeated, as nobody reads the result.
struct Rehearsal {
    std::size_t workers;

    Executor executor() { return {this, run, workers}; }
    static void run(void* self, std::size_t n, Executor::Task task, void* context) {
        for (std::size_t w = 1; w < static_cast<Rehearsal*>(self)->workers; ++w) task(context, 0, w);
        for (std::size_t i = 0; i < n; ++i) task(context, i, 0);
    }
};

}  // namespace detail

template <SearchIndex I>
Status warm(Workspace& workspace, std::size_t workers, const I& index, std::size_t nq, std::size_t k, const SearchParams& params) {
    return guarded("warm", [&]() -> Status {
        detail::Rehearsal rehearsal{std::max<std::size_t>(workers, 1)};
        Resources resources;
        resources.executor = rehearsal.executor(), resources.workspace = &workspace;
        Hits hits(nq, k);
        // Batches of up to about 16 queries a worker run other code than larger ones, and so do queries with NaN or with distances
        // that overflow.
        for (const float value : {0.F, 3e38F, std::numeric_limits<float>::quiet_NaN()}) {
            const std::vector<float> rows(nq * index.dim(), value);
            const auto search = [&](std::size_t n) {
                return index.search({rows.data(), n, index.dim()}, k, hits.view(), params, resources);
            };
            for (std::size_t n = 1; n < nq && n <= 16 * rehearsal.workers; n = std::max(2 * n, rehearsal.workers))
                LUTRA_TRY(search(n));
            LUTRA_TRY(search(nq));
        }
        workspace.settle();
        return {};
    });
}

}  // namespace lutra::inline LUTRA_ABI_TAG
