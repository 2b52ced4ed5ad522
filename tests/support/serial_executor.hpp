// tests/support/serial_executor.hpp: an executor of several workers without threads.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/executor.hpp>

#include <cstddef>

namespace lutra_test {

/// Runs tasks one after the other, in turns for each of two workers.
inline lutra::Executor two_workers_in_turns() {
    const auto run = [](void*, std::size_t n, lutra::Executor::Task task, void* context) {
        for (std::size_t i = 0; i < n; ++i) task(context, i, i % 2);
    };
    return lutra::Executor(nullptr, run, 2);
}

}  // namespace lutra_test
