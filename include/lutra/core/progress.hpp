// lutra/core/progress.hpp: progress reports of train() and add(), and their cancellation.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/result.hpp>

#include <cstddef>
#include <memory>
#include <string_view>

namespace lutra::inline LUTRA_ABI_TAG {

struct ProgressEvent {
    std::string_view stage;   ///< "train: k-means", "add"
    std::size_t done, total;  ///< in rows times iterations, or rows; done == total ends the stage
};

/// A reference to the caller's function `bool(const ProgressEvent&)`: return false to cancel. Called from the thread that
/// made the call, at least a few times a second on a large job. The function must outlive the call.
class Progress {
public:
    Progress() = default;
    template <class F>
    explicit Progress(F& f)
        : context_(std::addressof(f)), report_([](void* c, const ProgressEvent& e) { return bool((*static_cast<F*>(c))(e)); }) {}

    /// Calls the function; Errc::cancelled if it returns false.
    Status report(std::string_view stage, std::size_t done, std::size_t total) const {
        if (report_ == nullptr || report_(context_, {stage, done, total})) return {};
        return {Errc::cancelled, "{}: cancelled by the progress callback after {} of {}; the index is as it was before the call",
                stage, done, total};
    }

private:
    void* context_ = nullptr;
    bool (*report_)(void*, const ProgressEvent&) = nullptr;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
