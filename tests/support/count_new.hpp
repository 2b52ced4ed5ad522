// tests/support/count_new.hpp: how often the program called operator new, and calls that fail. Replaced for all of lutra_tests.
// SPDX-License-Identifier: MIT
#pragma once
#include <cstddef>

namespace lutra_test {

/// Calls of operator new in any thread since the program began; the difference of two is what lies between them.
std::size_t allocations();
/// Bytes asked for in those calls.
std::size_t allocated_bytes();

/// While it lives, one allocation of any thread fails: number `at` from now, counted from 0.
class FailingAllocation {
public:
    explicit FailingAllocation(std::size_t at);
    ~FailingAllocation();
    FailingAllocation(const FailingAllocation&) = delete;
    FailingAllocation& operator=(const FailingAllocation&) = delete;

    /// Whether there were as many allocations, so that one has failed.
    bool reached() const;
};

}  // namespace lutra_test
