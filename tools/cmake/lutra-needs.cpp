// What the other units of a level are compiled for (lutra-dispatch.cmake): a constant, no code.  SPDX-License-Identifier: MIT
#include <lutra/simd/cpu.hpp>

extern "C" {
extern const std::uint64_t lutra_needs;
constinit const std::uint64_t lutra_needs = lutra::kCompiledFor;
}
