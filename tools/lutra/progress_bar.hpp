// tools/lutra/progress_bar.hpp: progress on stderr: a bar with rate and remaining time on a terminal, a line now and then in a
// pipe.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/progress.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace command {

/// Shows the library's progress events, unless quiet, and cancels after Ctrl-C. A new stage, or the end of one, ends the line.
class ProgressBar {
public:
    explicit ProgressBar(bool quiet = false);
    ~ProgressBar();
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;

    /// False once interrupted. A rate is shown where the stage counts rows or queries.
    bool operator()(const lutra::ProgressEvent& event);
    /// The same, as a call of the command's own: throws when interrupted.
    void report(std::string_view stage, std::size_t done, std::size_t total);

private:
    using Clock = std::chrono::steady_clock;

    void begin(std::string_view stage);
    void end();
    void draw(std::size_t done, std::size_t total);
    std::string bar_line(double share, double seconds, const std::string& rate) const;

    bool quiet_, terminal_;
    std::string stage_;  // empty between stages
    Clock::time_point start_, drawn_;
    std::size_t width_ = 0;  // of what stands on the terminal's line
};

}  // namespace command
