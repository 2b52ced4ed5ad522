// tools/lutra/text.cpp: see text.hpp.  SPDX-License-Identifier: MIT
#include "text.hpp"

#include <lutra/io/path_text.hpp>

#include <fmt/core.h>

#include <sys/ioctl.h>

#include <algorithm>
#include <cstdio>

namespace command {

std::string bytes_text(std::uint64_t n) { return lutra::detail::bytes_text(double(n)); }

std::string rate_text(double per_second) {
    if (per_second < 999.5) return fmt::format("{:.0f}", per_second);
    if (per_second < 999.95e3) return fmt::format("{:.1f}k", per_second / 1e3);
    return fmt::format("{:.1f}M", per_second / 1e6);
}

std::string seconds_text(double seconds) {
    if (seconds < 0.1) return fmt::format("{:.3f} s", seconds);
    if (seconds < 100) return fmt::format("{:.1f} s", seconds);
    return clock_text(seconds) + (seconds < 3600 ? " min" : " h");
}

std::string clock_text(double seconds) {
    const auto s = std::uint64_t(std::min(seconds, 1e9) + 0.5);
    if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
    return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::size_t terminal_width(int file) {
    winsize size{};
    return ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void print_error(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
}

void print_field(std::string_view name, std::string_view value) { fmt::print("{:<13} {}\n", name, lutra::printable(value)); }

Table::Table(std::vector<std::string> headers, std::size_t least) {
    for (const std::string& header : headers) widths_.push_back(std::max(header.size(), least));
    row(headers);
}

void Table::row(const std::vector<std::string>& cells) const {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i)
        line += fmt::format("{:>{}}{}", cells[i], widths_[i], i + 1 < cells.size() ? "  " : "\n");
    fmt::print("{}", line);
    std::fflush(stdout);
}

}  // namespace command
