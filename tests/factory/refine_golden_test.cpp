// Refined fast-scan indexes written by faiss: loaded, they answer like faiss, and are saved as the same bytes.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/factory/save_load.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "factory/golden_files.hpp"

namespace {
using golden::kIp, golden::kL2;
using lutra::Id;

constexpr golden::Case kRefined[] = {
    {"ivf16_pq16x4fs_rflat.L2", "IVF16,PQ16x4fs,RFlat", kL2, 32, 1000, 4, 0, true, true},
    {"ivf16_pq16x4fs_rflat.IP", "IVF16,PQ16x4fs,RFlat", kIp, 32, 1000, 4, 0, true, true},
    {"pq16x4fs_rflat.L2", "PQ16x4fs,RFlat", kL2, 32, 1000, 0, 0, true, true},
};
}  // namespace

TEST_CASE("golden refined files: every one loads as what it is, gives faiss's rows and is saved as the same bytes") {
    for (const golden::Case& c : kRefined) {
        CAPTURE(c);
        const lutra::Index index = golden::loaded(c.name);
        CHECK(index.spec() == c.spec);
        CHECK(index.metric() == c.metric);
        CHECK(index.ntotal() == c.ntotal);
        CHECK(index.nprobe() == c.nprobe);
        CHECK(index.k_factor() == 4);
        const std::vector<float> want = golden::npy<float>(golden::path(c.name, ".R.npy"));
        std::vector<float> got(want.size());
        CHECK(index.reconstruct_n(0, want.size() / c.d, got.data()).ok());
        CHECK(got == want);
        CHECK(golden::saved(index) == golden::file_bytes(golden::path(c.name, ".index")));
    }
}

// Which forty candidates are compared depends on both sides' 8-bit tables; what is compared has its exact distance.
TEST_CASE("golden refined files: search finds faiss's ids but for the edge of the candidates, with its distances") {
    for (const golden::Case& c : kRefined) {
        CAPTURE(c);
        const lutra::Index index = golden::loaded(c.name);
        const std::vector<float> distances = golden::npy<float>(golden::path(c.name, ".D.npy"));
        const std::vector<Id> ids = golden::npy<Id>(golden::path(c.name, ".I.npy"));
        const lutra_test::Matrix q = golden::queries(c.d);
        const lutra::Hits hits = lutra::search(index, q, 10).value();
        lutra::SearchParams all;
        all.k_factor = 100;
        const lutra::Hits best = lutra::search(index, q, 10, all).value();
        std::size_t missing = 0, wrong = 0, worse = 0;
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const auto first = hits.ids.begin() + std::ptrdiff_t(i / 10 * 10), at = std::find(first, first + 10, ids[i]);
            const double size = 1e-5 * (1 + std::abs(double(distances[i])));
            if (at == first + 10)
                ++missing;
            else
                wrong += std::abs(double(hits.distances[std::size_t(at - hits.ids.begin())]) - double(distances[i])) > size;
            const double ahead = double(distances[i]) - double(best.distances[i]);
            worse += (c.metric == kL2 ? -ahead : ahead) > size;
        }
        CHECK(missing <= ids.size() / 50);
        CHECK(wrong == 0);
        CHECK(worse == 0);
    }
}
