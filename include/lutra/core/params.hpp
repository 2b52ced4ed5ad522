// lutra/core/params.hpp: what a call may be told: how to search, and with whose threads and memory.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/executor.hpp>
#include <lutra/core/id_filter.hpp>
#include <lutra/core/progress.hpp>
#include <lutra/core/result.hpp>
#include <lutra/core/workspace.hpp>

#include <cstddef>
#include <string_view>

namespace lutra::inline LUTRA_ABI_TAG {

/// How to search, for one call. Zero means the index's own setting.
struct SearchParams {
    std::size_t nprobe = 0;           ///< lists visited per query; more than nlist means all, as everywhere
    IdFilter filter = {};             ///< which ids may be returned
    float k_factor = 0;               ///< a refine stage compares k * k_factor candidates exactly; 1 or more
    Order order = Order::best_first;  ///< see Order
};

/// What set_nprobe() says where there is nothing to set.
inline Status no_lists(std::string_view spec, std::size_t nprobe) {
    return {Errc::unsupported, "nprobe = {}: {} has no lists; a number of them is asked for by \"IVF\" in the factory string",
            nprobe, spec};
}

/// What set_k_factor() says where there is nothing to set.
inline Status no_refine_stage(std::string_view spec, float k_factor) {
    return {Errc::unsupported, "k_factor = {}: {} has no refine stage; one is added by \",RFlat\" in the factory string", k_factor,
            spec};
}

/// With what to work: all optional. The default is the calling thread, memory of the call's own, and no reports.
///   executor    whose threads; a single query is spread over them too when it has enough to scan
///   workspace   scratch memory kept between searches, so that they allocate nothing; one per calling thread
///   progress    told about train() and add(), and able to cancel them
struct Resources {
    Executor executor = {};
    Workspace* workspace = nullptr;
    Progress progress = {};
};

/// The caller's workspace, or one for this call; with an arena for every worker.
class BorrowedWorkspace {
public:
    explicit BorrowedWorkspace(const Resources& resources)
        : workspace_(resources.workspace != nullptr ? *resources.workspace : own_) {
        workspace_.reserve(resources.executor.workers());
    }
    BorrowedWorkspace(const BorrowedWorkspace&) = delete;
    BorrowedWorkspace& operator=(const BorrowedWorkspace&) = delete;

    Arena& arena(std::size_t worker) { return workspace_.arena(worker); }

private:
    Workspace own_;
    Workspace& workspace_;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
