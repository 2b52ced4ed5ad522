// lutra/core/warm.hpp: memory for searches, taken before the first of them.  SPDX-License-Identifier: MIT
//
// A workspace grows by what its workers meet, and which worker of a pool meets what is chance. warm() lets each of them meet
// everything: searches in the calling thread whose tasks are done under every worker's number.
#pragma once
#include <lutra/core/concepts.hpp>
#include <lutra/core/guarded.hpp>
#include <lutra/core/workspace.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Takes into `workspace` what searches of `index` need: from now on search(q, k, out, params, resources) allocates nothing, with
/// this k and these params, up to nq queries, resources.workspace = &workspace and any executor of `workers` workers, whichever of
/// them takes which task. Good as long as the index does not change. (A range search allocates its answer all the same.)
///
/// Cost: about 6 nq + 130 workers searches of one query. Memory: that of the largest search for every worker, twice.
/// Errors: those of search().
template <SearchIndex I>
Status warm(Workspace& workspace, std::size_t workers, const I& index, std::size_t nq, std::size_t k,
            const SearchParams& params = {});

namespace detail {

/// An executor of so many workers in one thread. The first task, which is as large as any, is done under all their numbers: a
/// search's tasks may be done again, the answer of a rehearsal is nobody's.
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
        // Few queries take other ways than many, and so does one that is not a number, or whose distances overflow.
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
