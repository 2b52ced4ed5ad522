// tools/lutra/progress_bar.cpp: see progress_bar.hpp.  SPDX-License-Identifier: MIT
#include "progress_bar.hpp"

#include "interrupt.hpp"
#include "text.hpp"

#include <fmt/core.h>

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace command {

namespace {
constexpr auto kBetweenDraws = std::chrono::milliseconds(100);
constexpr auto kBetweenLines = std::chrono::seconds(5);

double seconds_between(std::chrono::steady_clock::time_point a, std::chrono::steady_clock::time_point b) {
    return std::chrono::duration<double>(b - a).count();
}

/// What a stage counts; empty where it is steps of work, whose rate says nothing to people: assignments of k-means, codebooks.
std::string_view unit_of(std::string_view stage) {
    for (const std::string_view of_rows : {"add", "truth", "convert", "sample", "dedup", "expand"})
        if (stage == of_rows) return "rows";
    for (const std::string_view of_queries : {"search", "exact search"})
        if (stage == of_queries) return "queries";
    return {};
}
}  // namespace

ProgressBar::ProgressBar(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressBar::~ProgressBar() { end(); }

bool ProgressBar::operator()(const lutra::ProgressEvent& event) {
    if (quiet_) return !interrupted();
    if (event.stage != stage_) begin(event.stage);
    const bool last = event.done >= event.total;
    if (last || Clock::now() - drawn_ >= (terminal_ ? Clock::duration(kBetweenDraws) : Clock::duration(kBetweenLines)))
        draw(event.done, event.total);
    if (last) end();
    return !interrupted();
}

void ProgressBar::report(std::string_view stage, std::size_t done, std::size_t total) {
    if (!(*this)({stage, done, total})) check_interrupt();
}

void ProgressBar::begin(std::string_view stage) {
    end();
    stage_ = stage;
    start_ = Clock::now();
    drawn_ = terminal_ ? Clock::time_point{} : start_;
}

/// Leaves the line to whoever writes next.
void ProgressBar::end() {
    if (terminal_ && width_ != 0) print_error(fmt::format("\r{:{}}\r", "", width_));
    width_ = 0;
    stage_.clear();
}

void ProgressBar::draw(std::size_t done, std::size_t total) {
    drawn_ = Clock::now();
    const double seconds = seconds_between(start_, drawn_), share = total == 0 ? 1 : double(done) / double(total);
    const std::string_view unit = unit_of(stage_);
    const std::string rate = unit.empty() || !(seconds > 0) ? "" : fmt::format("{} {}/s", rate_text(double(done) / seconds), unit);
    if (!terminal_) {
        const std::string comma = rate.empty() ? "" : ", ";
        return print_error(fmt::format("{}: {:.0f}%{}{}, {}\n", stage_, 100 * share, comma, rate, seconds_text(seconds)));
    }
    const std::string line = bar_line(share, seconds, rate);
    print_error(fmt::format("\r{:<{}}", line, width_));  // spaces over what a longer line left
    width_ = std::max(width_, line.size());
}

std::string ProgressBar::bar_line(double share, double seconds, const std::string& rate) const {
    const std::string left = share > 0 && seconds > 0.5 ? clock_text(seconds / share * (1 - share)) : "-:--";
    std::string line = fmt::format("{:<15} {:3.0f}%", stage_, 100 * share);
    const std::string end = fmt::format("{:>16}  ETA {}", rate, left);
    const std::size_t columns = terminal_width(STDERR_FILENO), used = line.size() + end.size() + 6;
    if (columns < used + 10) return line.substr(0, columns - 1);
    const std::size_t size = std::min<std::size_t>(columns - used, 40), full = std::size_t(share * double(size));
    return fmt::format("{}  [{}{}]  {}", line, std::string(full, '#'), std::string(size - full, '.'), end);
}

}  // namespace command
