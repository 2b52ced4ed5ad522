// tools/lutra/compiled_for.cpp: what the other units of the command are compiled for; a constant, so that no code of theirs runs.
// SPDX-License-Identifier: MIT
#include <lutra/simd/cpu.hpp>

namespace command {
extern const std::uint64_t compiled_for;
constinit const std::uint64_t compiled_for = lutra::kCompiledFor;
}  // namespace command
