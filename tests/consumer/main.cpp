// A user's program, built against an installed lutra, a lutra in the source tree, and the single include.
// SPDX-License-Identifier: MIT
#if defined(LUTRA_SINGLE_INCLUDE)
#include <lutra.hpp>
#else
#include <lutra/lutra.hpp>
#endif

#include <vector>

int main() {
    const std::vector<float> x = lutra::Rng(1).normal(100 * 8);
    lutra::Result<lutra::Index> index = lutra::index_factory(8, "Flat", lutra::Metric::l2);
    if (!index.ok() || !index->add({x.data(), 100, 8}).ok()) return 1;
    lutra::Hits hits(100, 1);
    if (!index->search({x.data(), 100, 8}, 1, hits.view()).ok()) return 2;
    for (std::size_t i = 0; i < 100; ++i)
        if (hits.ids[i] != lutra::Id(i)) return 3;
    return 0;
}
