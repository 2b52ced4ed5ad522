// tests/support/count_new.hpp: how often the program called operator new. Replaced for the whole of lutra_tests.
// SPDX-License-Identifier: MIT
#pragma once
#include <cstddef>

namespace lutra_test {

/// Calls of operator new in any thread since the program began; the difference of two is what lies between them.
std::size_t allocations();
/// Bytes asked for in those calls.
std::size_t allocated_bytes();

}  // namespace lutra_test
