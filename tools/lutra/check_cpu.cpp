// tools/lutra/check_cpu.cpp: says what is missing on a processor that does not run this program, in place of an illegal instruction.
// Compiled for any machine, and run before the constructors of the other units, which are not.  SPDX-License-Identifier: MIT
#include <lutra/simd/cpu.hpp>

#include <unistd.h>

#include <cstring>

namespace command {
extern const std::uint64_t compiled_for;
}

namespace {
void print(const char* text) {
    if (write(STDERR_FILENO, text, std::strlen(text)) < 0) _exit(1);
}

[[gnu::constructor(101)]] void check_cpu() {
    const char* missing = lutra::missing_cpu_feature(command::compiled_for);
    if (missing == nullptr) return;
    print("lutra: this program is compiled for a processor with ");
    print(missing);
    print(
        ", which this one or its system lacks; one that runs here: cmake --preset release (any machine), or native, built on it\n");
    _exit(1);
}
}  // namespace
