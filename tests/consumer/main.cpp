// A user's program, built against an installed lutra, a lutra in the source tree, and the single include.
// SPDX-License-Identifier: MIT
#if defined(LUTRA_SINGLE_INCLUDE)
#include <lutra.hpp>
#elif __has_include(<lutra/lutra.hpp>)
#include <lutra/lutra.hpp>
#else
#include <lutra/core/topk.hpp>
#endif

int main() {
    float score = 0;
    lutra::Id id = lutra::kNoId;
    lutra::TopK top(&score, &id, 1);
    top.push(2.F, 20);
    top.push(1.F, 10);
    return id == 10 ? 0 : 1;
}
