// tools/lutra/failure.hpp: how the command fails: with exceptions that main() turns into a message and an exit code.
// Main path: check(index.add(...)) or load_index(...).value() throws lutra::Error -> 1; BadUsage -> 2.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/result.hpp>

namespace command {
using namespace lutra;

/// The command line is at fault, not the data: exit code 2.
struct BadUsage : Error {
    using Error::Error;
};

inline void check(const Status& status) {
    if (!status) throw Error(status);
}

}  // namespace command
