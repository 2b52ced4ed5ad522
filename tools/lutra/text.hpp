// tools/lutra/text.hpp: formats numbers for people, and prints tables.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/part_cost.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace command {

using lutra::detail::with_commas;          ///< "20,040"
std::string bytes_text(std::uint64_t n);   ///< "512 bytes", "20.7 MB"; 1 MB is 10^6 bytes
std::string rate_text(double per_second);  ///< "950", "41.2k", "1.3M"
std::string seconds_text(double seconds);  ///< "0.012 s", "3.4 s", "2:05 min"
std::string clock_text(double seconds);    ///< "0:07", "12:30", "1:02:30"

/// Columns of the terminal that a file descriptor leads to; 80 without one.
std::size_t terminal_width(int file);

/// Prints text on stderr, unchanged. A closed stderr is not an error: the work goes on.
void print_error(std::string_view text);

/// "name      value" on stdout, names padded to one width; the value is made printable.
void print_field(std::string_view name, std::string_view value);

/// A table on stdout, printed row by row as the rows come: columns as wide as their headers or `least`, cells to the right.
class Table {
public:
    explicit Table(std::vector<std::string> headers, std::size_t least = 9);
    void row(const std::vector<std::string>& cells) const;

private:
    std::vector<std::size_t> widths_;
};

}  // namespace command
