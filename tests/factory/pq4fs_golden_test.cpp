// Fast-scan indexes written by faiss: loaded, they answer like faiss within the error of both sides' 8-bit tables, and are
// saved as the same bytes.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/factory/save_load.hpp>
#include <lutra/kernels/distance.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "factory/golden_files.hpp"
#include "factory/pq4_record.hpp"

namespace {
using golden::kIp, golden::kL2, golden::loaded, golden::saved;
using lutra::Id;
using lutra_test::Matrix;

// No range search: faiss 1.7.3 has none here. has_rows is false where faiss's own reconstruct is wrong (blocks of 64);
// same_bytes where the file says how many queries faiss is to scan at once (qbs = 2), which lutra decides itself (0).
constexpr golden::Case kFastScan[] = {
    {"pq16x4fs.L2", "PQ16x4fs", kL2, 32, 1000, 0, 0, true, true},
    {"pq16x4fs.IP", "PQ16x4fs", kIp, 32, 1000, 0, 0, true, true},
    {"pq16x4fs_64.L2", "PQ16x4fs_64", kL2, 32, 1000, 0, 0, false, false},
    {"pq16x4fs_64.IP", "PQ16x4fs_64", kIp, 32, 1000, 0, 0, false, false},
    {"pq9x4fs_odd.L2", "PQ9x4fs", kL2, 36, 700, 0, 0, true, true},
    {"pq9x4fs_odd.IP", "PQ9x4fs", kIp, 36, 700, 0, 0, true, true},
    {"ivf16_pq16x4fs.L2", "IVF16,PQ16x4fs", kL2, 32, 1000, 4, 0, true, true},
    {"ivf16_pq16x4fs.IP", "IVF16,PQ16x4fs", kIp, 32, 1000, 4, 0, true, true},
    {"ivf16_pq16x4fsr.L2", "IVF16,PQ16x4fsr", kL2, 32, 1000, 4, 0, true, true},
    {"ivf16_pq16x4fsr.IP", "IVF16,PQ16x4fsr", kIp, 32, 1000, 4, 0, true, true},
    {"ivf16_pq16x4fs_64.L2", "IVF16,PQ16x4fs_64", kL2, 32, 1000, 4, 0, false, true},
    {"ivf16_pq16x4fs_64.IP", "IVF16,PQ16x4fs_64", kIp, 32, 1000, 4, 0, false, true},
    {"ivf8_pq9x4fsr_odd.L2", "IVF8,PQ9x4fsr", kL2, 36, 700, 4, 0, true, true},
    {"ivf8_pq9x4fsr_odd.IP", "IVF8,PQ9x4fsr", kIp, 36, 700, 4, 0, true, true},
};
constexpr std::string_view kEmpty[] = {"ivf16_pq16x4fs_empty.L2", "ivf16_pq16x4fs_empty.IP"};

/// What one query finds of all the vectors it visits: distances by id, NaN where it does not come by.
std::vector<float> visited(const lutra::Index& index, lutra::MatrixView q) {
    lutra::Result<lutra::Hits> hits = lutra::search(index, q, index.ntotal());
    REQUIRE(hits.ok());
    std::vector<float> found(index.ntotal(), std::numeric_limits<float>::quiet_NaN());
    for (std::size_t i = 0; i < hits->ids.size(); ++i)
        if (hits->ids[i] != lutra::kNoId) found[std::size_t(hits->ids[i])] = hits->distances[i];
    return found;
}

/// One query: our distances of all it visits are near the decoded vectors', and near faiss's of the ten it found.
struct QueryCheck {
    std::size_t wrong_decoded = 0, wrong_ids = 0, wrong_ranks = 0;
    double difference = 0, tolerance = 0;
};

QueryCheck check_query(const golden::Case& c, const lutra::Index& index, const pq4_test::Pq4Record& record, const Matrix& rows,
                       lutra::MatrixView q, const float* distances, const Id* ids) {
    const std::size_t k = 10;
    QueryCheck check;
    const std::vector<float> mine = visited(index, q);
    const lutra::Result<lutra::Hits> hits = lutra::search(index, q, k);
    const pq4_test::ScoreErrors errors = record.errors(q.data, std::max<std::size_t>(c.nprobe, 1));
    double largest = 1e-3;
    for (std::size_t j = 0; j < k; ++j) largest = std::max(largest, std::abs(double(distances[j])));
    const double rounding = 2e-5 * largest, tolerance = errors.lutra + errors.faiss + rounding;
    for (std::size_t i = 0; i < mine.size(); ++i) {
        if (mine[i] != mine[i]) continue;
        const float exact = lutra::score_row(c.metric, q.data, rows.row(i), c.d);
        const double size = std::abs(double(exact)) * 2e-5;
        check.wrong_decoded +=
            std::abs(double(mine[i]) - double(c.metric == kL2 ? exact : -exact)) > errors.lutra + rounding + size;
    }
    for (std::size_t j = 0; j < k; ++j) {
        check.wrong_ranks += !(std::abs(double(hits->distances[j]) - double(distances[j])) <= tolerance);
        check.wrong_ids += ids[j] < 0 || !(std::abs(double(mine[std::size_t(ids[j])]) - double(distances[j])) <= tolerance);
        check.difference += std::abs(double(mine[std::size_t(std::max<Id>(ids[j], 0))]) - double(distances[j])) / double(k);
    }
    check.tolerance = tolerance;
    return check;
}
}  // namespace

TEST_CASE("golden fast-scan files: every one loads as what it is") {
    for (const golden::Case& c : kFastScan) {
        CAPTURE(c);
        const lutra::Index index = loaded(c.name);
        CHECK(index.spec() == c.spec);
        CHECK(index.metric() == c.metric);
        CHECK(index.dim() == c.d);
        CHECK(index.ntotal() == c.ntotal);
        CHECK(index.nprobe() == c.nprobe);
        CHECK(index.is_trained());
    }
}

TEST_CASE("golden fast-scan files: search answers like faiss, within half a step per sub-quantizer of each side's tables") {
    for (const golden::Case& c : kFastScan) {
        CAPTURE(c);
        const lutra::Index index = loaded(c.name);
        const std::vector<char> bytes = golden::file_bytes(golden::path(c.name, ".index"));
        const pq4_test::Pq4Record record(std::as_bytes(std::span(bytes)));
        const std::vector<float> distances = golden::npy<float>(golden::path(c.name, ".D.npy"));
        const std::vector<Id> ids = golden::npy<Id>(golden::path(c.name, ".I.npy"));
        const Matrix q = golden::queries(c.d);
        REQUIRE(ids.size() == q.n * 10);
        Matrix rows(c.ntotal, c.d);
        REQUIRE(index.reconstruct_n(0, c.ntotal, rows.row(0)).ok());
        double difference = 0, tolerance = 0;
        for (std::size_t i = 0; i < q.n; ++i) {
            const QueryCheck check = check_query(c, index, record, rows, q.view().rows(i, i + 1), &distances[i * 10], &ids[i * 10]);
            CHECK(check.wrong_decoded == 0);
            CHECK(check.wrong_ids == 0);
            CHECK(check.wrong_ranks == 0);
            difference += check.difference, tolerance += check.tolerance;
        }
        CHECK(difference < 0.25 * tolerance);  // rounding errors cancel: the bound is for the worst case
    }
}

TEST_CASE("golden fast-scan files: reconstruct_n gives faiss's rows") {
    for (const golden::Case& c : kFastScan) {
        if (!c.has_rows) continue;
        CAPTURE(c);
        const std::vector<float> want = golden::npy<float>(golden::path(c.name, ".R.npy"));
        std::vector<float> got(want.size());
        CHECK(loaded(c.name).reconstruct_n(0, want.size() / c.d, got.data()).ok());
        CHECK(got == want);
    }
}

TEST_CASE("golden fast-scan files: blocks of 64 hold the codes that blocks of 32 hold") {
    const lutra::Index narrow = loaded("pq16x4fs.L2"), wide = loaded("pq16x4fs_64.L2");
    Matrix a(1000, 32), b(1000, 32);
    REQUIRE(narrow.reconstruct_n(0, 1000, a.row(0)).ok());
    REQUIRE(wide.reconstruct_n(0, 1000, b.row(0)).ok());
    CHECK(a.values == b.values);
}

TEST_CASE("golden fast-scan files: saved again they are the same bytes but for qbs, also empty ones") {
    for (const golden::Case& c : kFastScan) {
        CAPTURE(c);
        std::vector<char> want = golden::file_bytes(golden::path(c.name, ".index"));
        if (!c.same_bytes) {
            const std::size_t qbs = 37 + 3 * 8 + 8 + 16 * c.d * sizeof(float) + 2 * 4;
            CHECK(want[qbs] == 2);
            want[qbs] = 0;
        }
        CHECK(saved(loaded(c.name)) == want);
    }
    for (const std::string_view name : kEmpty) {
        CAPTURE(name);
        CHECK(saved(loaded(name)) == golden::file_bytes(golden::path(name, ".index")));
    }
}

TEST_CASE("golden fast-scan files: an empty one finds nothing and can be filled") {
    for (const std::string_view name : kEmpty) {
        CAPTURE(name);
        lutra::Index index = loaded(name);
        CHECK(index.ntotal() == 0);
        CHECK(index.is_trained());
        const Matrix x = lutra_test::normal_matrix(100, index.dim(), 1);
        const lutra::Result<lutra::Hits> none = lutra::search(index, x, 3);
        CHECK(std::all_of(none->ids.begin(), none->ids.end(), [](Id id) { return id == lutra::kNoId; }));
        CHECK(index.add(x).ok());
        CHECK(index.ntotal() == 100);
    }
}
