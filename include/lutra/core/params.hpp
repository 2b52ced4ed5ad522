// lutra/core/params.hpp: optional arguments of a call: search parameters, and resources (threads, memory, progress).
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

/// Search parameters of one call. 0 means the index's own setting.
struct SearchParams {
    std::size_t nprobe = 0;           ///< lists visited per query; more than nlist means all, as everywhere
    IdFilter filter = {};             ///< which ids may be returned: an IdSet, or see IdFilter
    float k_factor = 0;               ///< a refine stage compares k * k_factor candidates exactly; 1 or more
    Order order = Order::best_first;  ///< see Order
};

/// The error of set_nprobe() for an index without lists.
template <class I>
Status no_lists(const I& index, std::size_t nprobe) {
    return {Errc::unsupported, "nprobe = {}: {} has no lists; \"IVF{n}\" in the factory string makes n of them", nprobe,
            [&] { return index.spec(); }};
}

/// The error of set_k_factor() for an index without a refine stage.
template <class I>
Status no_refine_stage(const I& index, float k_factor) {
    return {Errc::unsupported, "k_factor = {}: {} has no refine stage; \",RFlat\" in the factory string adds one", k_factor,
            [&] { return index.spec(); }};
}

/// Resources for one call; every field is optional. The default: the calling thread, memory owned by the call, no progress reports.
///   executor    runs the work in parallel; a single query is split over its workers too when it has enough to scan
///   workspace   scratch memory kept between searches, so that they allocate nothing; one per calling thread
///   progress    receives the progress of train() and add(), and may cancel them
struct Resources {
    Executor executor = {};
    Workspace* workspace = nullptr;
    Progress progress = {};
};

/// The caller's workspace, or else one owned by this call; it has an arena for every worker.
class BorrowedWorkspace {
public:
    explicit BorrowedWorkspace(const Resources& resources) : resources_(resources) {
        if (resources_.workspace == nullptr) resources_.workspace = &own_;
        resources_.workspace->reserve(resources_.executor.workers());
    }
    BorrowedWorkspace(const BorrowedWorkspace&) = delete;
    BorrowedWorkspace& operator=(const BorrowedWorkspace&) = delete;

    Arena& arena(std::size_t worker) { return resources_.workspace->arena(worker); }

    /// An error if the workspace is a fixed one that is too small for a search of this many bytes, or for several workers.
    template <class Bytes>
    Status check_room(std::string_view call, Bytes&& bytes) {
        if (!is_fixed()) return {};
        if (resources_.executor.workers() != 1)
            return {Errc::bad_argument, "{}: a workspace of fixed room is for one worker, not {}", call,
                    resources_.executor.workers()};
        const std::size_t wanted = bytes(), left = arena(0).left();
        if (wanted <= left) return {};
        return {Errc::out_of_memory, "{}: the workspace has room for {} bytes and {} are wanted; see workspace_bytes()", call, left,
                wanted};
    }
    /// The caller's resources with this workspace, for inner calls, which borrow it again.
    const Resources& resources() const { return resources_; }

private:
    bool is_fixed() { return arena(0).fixed(); }

    Workspace own_;
    Resources resources_;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
