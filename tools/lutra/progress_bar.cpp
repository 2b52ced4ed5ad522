// tools/lutra/progress_bar.cpp: see progress_bar.hpp.  SPDX-License-Identifier: MIT
#include "progress_bar.hpp"

#include "interrupt.hpp"
#include "text.hpp"

#include <fmt/core.h>

#include <sys/ioctl.h>
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

std::size_t terminal_width() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}
}  // namespace

ProgressBar::ProgressBar() : terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressBar::~ProgressBar() { end(); }

bool ProgressBar::operator()(const lutra::ProgressEvent& event) {
    if (event.stage != stage_) begin(event.stage);
    done_ = event.done;
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
    const double rate = seconds > 0 ? double(done) / seconds : 0;
    if (!terminal_) {
        print_error(fmt::format("{}: {:.0f}%, {} rows/s, {}\n", stage_, 100 * share, rate_text(rate), seconds_text(seconds)));
        return;
    }
    const std::string line = bar_line(share, seconds, rate);
    print_error(fmt::format("\r{:<{}}", line, width_));  // spaces over what a longer line left
    width_ = std::max(width_, line.size());
}

std::string ProgressBar::bar_line(double share, double seconds, double rate) const {
    const std::string left = share > 0 && seconds > 0.5 ? clock_text(seconds / share * (1 - share)) : "-:--";
    std::string line = fmt::format("{:<15} {:3.0f}%", stage_, 100 * share);
    const std::string end = fmt::format("{:>7} rows/s  ETA {}", rate_text(rate), left);
    const std::size_t columns = terminal_width(), used = line.size() + end.size() + 6;
    if (columns < used + 10) return line.substr(0, columns - 1);
    const std::size_t size = std::min<std::size_t>(columns - used, 40), full = std::size_t(share * double(size));
    return fmt::format("{}  [{}{}]  {}", line, std::string(full, '#'), std::string(size - full, '.'), end);
}

}  // namespace command
