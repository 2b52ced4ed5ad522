// The products of bytes, and the scan over them, against their definitions.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/aligned.hpp>
#include <lutra/core/random.hpp>
#include <lutra/core/workspace.hpp>
#include <lutra/kernels/byte_scan.hpp>
#include <lutra/kernels/byte_tiles.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace {
using namespace lutra;

std::vector<std::int8_t> random_query(std::size_t padded, Rng& rng) {
    std::vector<std::int8_t> codes(padded);
    for (auto& v : codes) v = std::int8_t(int(rng.below(256)) - 128);
    return codes;
}

ByteCodes codes_of(const std::vector<std::int8_t>& query) {
    std::int32_t sum = 0;
    for (const std::int8_t v : query) sum += v;
    return {query.data(), kByteZero * sum};
}

/// Groups of random rows and of their numbers.
struct Rows {
    AlignedVector<std::byte> bytes;
    ByteGroups groups;

    Rows(std::size_t n, std::size_t padded, std::size_t terms, Rng& rng) {
        const std::size_t pitch = kByteGroup * padded + terms * kByteGroup * sizeof(float);
        bytes.resize(n * pitch);
        groups = {bytes.data(), n, pitch, padded};
        for (auto& v : bytes) v = std::byte(rng.below(256));
        for (std::size_t g = 0; g < n; ++g)
            for (std::size_t i = 0; i < terms * kByteGroup; ++i) term(g)[i] = float(int(rng.below(20000)) - 10000) * 0.01F;
    }
    float* term(std::size_t g) { return reinterpret_cast<float*>(bytes.data() + g * groups.pitch + kByteGroup * groups.padded); }
};

template <class Lanes>
void check_dots() {
    Rng rng(1);
    for (const std::size_t n : {0, 1, 3, 4, 9})
        for (const std::size_t padded : {4, 8, 12, 16, 20, 64, 324}) {
            std::vector<std::int8_t> q = random_query(padded, rng);
            Rows rows(n, padded, 0, rng);
            q[2] = q[3] = -128;  // the largest sums of a pair
            for (const std::size_t t : {2, 3})
                if (n != 0) rows.bytes[byte_offset(0, t)] = std::byte{0}, rows.bytes[byte_offset(15, t)] = std::byte{255};
            AlignedVector<float> want(n * kByteGroup), got(n * kByteGroup);
            const ByteCodes queries[1] = {codes_of(q)};
            byte_products<1>(scalar{}, queries, rows.groups, want.data());
            byte_products<1>(Lanes{}, queries, rows.groups, got.data());
            CHECK(got == want);
        }
}

/// What a scan finds for a query.
struct Found {
    std::vector<std::uint32_t> offsets;
    std::vector<std::int32_t> dots;
    bool operator==(const Found&) const = default;
};

template <bool Whole, std::size_t Q, class Lanes>
std::vector<Found> scan(Lanes lanes, const ByteGroups& rows, const std::array<ByteQuery, Q>& queries) {
    std::vector<Found> found(Q);
    std::array<ByteSurvivors, Q> room;
    const std::size_t n = (rows.n + 1) * kByteGroup;
    for (std::size_t q = 0; q < Q; ++q) {
        found[q].offsets.resize(n), found[q].dots.resize(n);
        room[q] = {found[q].offsets.data(), found[q].dots.data(), 7};
    }
    byte_scan<Whole>(lanes, rows, queries, room.data());
    for (std::size_t q = 0; q < Q; ++q) found[q].offsets.resize(room[q].n), found[q].dots.resize(room[q].n);
    return found;
}

/// Factors are powers of two and terms have few digits, so that no comparison is rounded.
template <bool Whole, std::size_t Q, class Lanes>
void check_scan() {
    Rng rng(2);
    std::size_t some = 0, all = 0;
    for (const std::size_t n : {0, 1, 2, 5})
        for (const std::size_t padded : {4, 12, 40}) {
            const Rows rows(n, padded, Whole ? 1 : 3, rng);
            std::vector<std::vector<std::int8_t>> codes;
            std::array<ByteQuery, Q> queries;
            for (std::size_t q = 0; q < Q; ++q) codes.push_back(random_query(padded, rng));
            for (std::size_t q = 0; q < Q; ++q)
                queries[q] = {codes_of(codes[q]), q % 2 == 0 ? 2.F : 0.5F, float(q % 3), float(rng.below(2000)) - 1000};
            if constexpr (Q > 2) queries[2].threshold = 1e30F;
            const auto want = scan<Whole>(scalar{}, rows.groups, queries), got = scan<Whole>(Lanes{}, rows.groups, queries);
            CHECK(got == want);
            for (const Found& f : want) some += f.offsets.size(), all += n * kByteGroup;
        }
    CHECK(some > all / 10);
    CHECK(some < all);
}

/// A row without a bound (base -infinity, unit and width 0) is always found, whatever the threshold, and so is one whose comparison
/// is not a number.
template <std::size_t Q, class Lanes>
void check_extremes() {
    Rng rng(4);
    Rows rows(3, 8, 3, rng);
    constexpr float kInfinity = std::numeric_limits<float>::infinity(), kNaN = std::numeric_limits<float>::quiet_NaN();
    for (const std::size_t j : {0, 15, 17, 40}) rows.term(j / 16)[j % 16] = -kInfinity, rows.term(j / 16)[kByteGroup + j % 16] = 0;
    const std::vector<std::int8_t> q = random_query(8, rng);
    for (const float threshold : {-kInfinity, -3e38F, 3e38F, kInfinity, kNaN}) {
        std::array<ByteQuery, Q> queries;
        queries.fill({codes_of(q), 2, 1, threshold});
        for (const Found& f : scan<false>(Lanes{}, rows.groups, queries))
            for (const std::uint32_t j : {0U, 15U, 17U, 40U}) CHECK(std::count(f.offsets.begin(), f.offsets.end(), j) == 1);
    }
}

/// Sums of 65,536 columns of extremes.
template <std::size_t Q, class Lanes>
void check_longest() {
    constexpr std::size_t kColumns = 65536;
    Rng rng(5);
    Rows rows(1, kColumns, 1, rng);
    for (std::size_t t = 0; t < kColumns; ++t)
        for (std::size_t j = 0; j < kByteGroup; ++j) rows.bytes[byte_offset(j, t)] = std::byte(j % 2 == 0 ? 0 : 255);
    for (const int code : {-128, 127}) {
        const std::vector<std::int8_t> q(kColumns, std::int8_t(code));
        std::array<ByteQuery, Q> queries;
        queries.fill({codes_of(q), 1, 0, 3e38F});
        for (const Found& f : scan<true>(Lanes{}, rows.groups, queries)) {
            REQUIRE(f.dots.size() == kByteGroup);
            for (std::size_t j = 0; j < kByteGroup; ++j) CHECK(f.dots[j] == code * (j % 2 == 0 ? -128 : 127) * 65536);
        }
    }
}

template <class Lanes>
void check_lanes() {
    check_dots<Lanes>();
    check_extremes<1, Lanes>();
    check_longest<1, Lanes>();
    if constexpr (requires { Lanes::kQueries; }) {
        check_extremes<Lanes::kQueries, Lanes>();
        check_longest<Lanes::kQueries, Lanes>();
        check_scan<true, 1, Lanes>();
        check_scan<false, 1, Lanes>();
        check_scan<true, Lanes::kQueries, Lanes>();
        check_scan<false, Lanes::kQueries, Lanes>();
    }
}

#if LUTRA_HAS_TILES
/// Queries for tiles, and each by itself.
struct Batch {
    AlignedVector<std::int8_t> codes;
    std::vector<ByteQuery> each;
    TileQueries all;

    Batch(std::size_t n, std::size_t padded, Rng& rng) : codes(round_up(n, TileQueries::kTile) * TileQueries::pitch_for(padded)) {
        all.n = n, all.pitch = TileQueries::pitch_for(padded), all.codes = codes.data();
        for (std::size_t q = 0; q < n; ++q) {
            std::int8_t* const own = codes.data() + q * all.pitch;
            const std::vector<std::int8_t> random = random_query(padded, rng);
            std::copy(random.begin(), random.end(), own);
            TileQueries::pad(own, padded);
            const float threshold = q % 7 == 2 ? 1e30F : float(rng.below(2000)) - 1000;
            each.push_back({codes_of(random), q % 2 == 0 ? 2.F : 0.5F, float(q % 3), threshold});
            each.back().codes.codes = own;
            all.each[q] = each.back();
        }
    }
};

template <bool Whole>
void check_tile_scan(const ByteGroups& rows, const Batch& batch) {
    Arena arena;
    const std::size_t room = (rows.n + 2) * kByteGroup;
    std::vector<Found> got(batch.all.n, {std::vector<std::uint32_t>(room), std::vector<std::int32_t>(room)});
    std::vector<ByteSurvivors> found;
    for (Found& f : got) found.push_back({f.offsets.data(), f.dots.data(), 7});
    byte_scan<Whole>(rows, batch.all, found.data(), arena);
    for (std::size_t q = 0; q < batch.all.n; ++q) {
        got[q].offsets.resize(found[q].n), got[q].dots.resize(found[q].n);
        CHECK(got[q] == scan<Whole>(scalar{}, rows, std::array{batch.each[q]})[0]);
    }
}

void check_tile_products(const ByteGroups& rows, const Batch& batch) {
    Arena arena;
    const std::size_t n = rows.n * kByteGroup;
    AlignedVector<float> got(batch.all.n * n), want(n);
    byte_products(batch.all, rows, got.data(), arena);
    for (std::size_t q = 0; q < batch.all.n; ++q) {
        byte_products<1>(scalar{}, &batch.each[q].codes, rows, want.data());
        CHECK(std::equal(want.begin(), want.end(), got.begin() + std::ptrdiff_t(q * n)));
    }
}
#endif
}  // namespace

TEST_CASE("byte_offset: each code of each row has a byte of its own") {
    for (const std::size_t padded : {4, 8, 20}) {
        std::vector<bool> taken(kByteGroup * padded);
        for (std::size_t j = 0; j < kByteGroup; ++j)
            for (std::size_t t = 0; t < padded; ++t) {
                REQUIRE(byte_offset(j, t) < taken.size());
                CHECK(!taken[byte_offset(j, t)]);
                taken[byte_offset(j, t)] = true;
            }
    }
}

TEST_CASE("byte_dot: the definition sums what a query and a row, less its zero, have in each column") {
    Rng rng(2);
    const std::vector<std::int8_t> q = random_query(12, rng);
    Rows rows(2, 12, 0, rng);
    std::int32_t want = 0;
    for (std::size_t t = 0; t < 12; ++t)
        want += std::int32_t(q[t]) * (std::int32_t(rows.bytes[kByteGroup * 12 + byte_offset(1, t)]) - 128);
    CHECK(byte_dot(codes_of(q), rows.groups, 17) == want);
}

TEST_CASE("byte_scan: the definition finds the rows for which its comparison holds, and their dots") {
    Rng rng(3);
    Rows rows(2, 4, 3, rng);
    const std::vector<std::int8_t> q = {1, 2, 3, 4};
    std::fill_n(rows.term(0), 3 * kByteGroup, 0.F), std::fill_n(rows.term(1), 3 * kByteGroup, 0.F);
    for (std::size_t j = 0; j < 32; ++j) rows.term(j / 16)[j % 16] = 1e9F;
    const auto dot = [&](std::size_t j) { return byte_dot(codes_of(q), rows.groups, j); };
    rows.term(0)[5] = 2 * float(dot(5)), rows.term(1)[3] = 2 * float(dot(19)) + 1;  // equal; above
    rows.term(1)[4] = 2 * float(dot(20)) + 3, rows.term(1)[kByteGroup + 4] = 1,
    rows.term(1)[2 * kByteGroup + 4] = 2;  // unit, width
    const std::array<ByteQuery, 1> query = {{{codes_of(q), 2, 0.5F, 2}}};
    const auto found = scan<false>(scalar{}, rows.groups, query);
    CHECK(found[0].offsets == std::vector<std::uint32_t>{5, 20});
    CHECK(found[0].dots == std::vector<std::int32_t>{dot(5), dot(20)});
}

TEST_CASE("byte kernels: the fastest of a build gives what the definition does") { check_lanes<BestBytes>(); }
#if defined(__AVX2__) && !defined(LUTRA_SCALAR_ONLY)
TEST_CASE("byte kernels: AVX2 gives what the definition does") { check_lanes<Avx2Bytes>(); }
#endif
#if defined(__aarch64__) && !defined(LUTRA_SCALAR_ONLY)
TEST_CASE("byte kernels: NEON without dot products gives what the definition does") { check_lanes<NeonBytes>(); }
#endif
#if LUTRA_HAS_TILES
TEST_CASE("byte kernels: tiles give what the definition does, for any number of queries, groups and columns") {
    if (!tiles_granted()) {
        MESSAGE("no tiles here");
        return;
    }
    Rng rng(6);
    for (const std::size_t n : {0, 1, 2, 3, 6})
        for (const std::size_t padded : {4, 60, 64, 68, 200}) {
            const Rows whole(n, padded, 1, rng), any(n, padded, 3, rng);
            for (const std::size_t n_queries : {1, 5, 16, 17, 31, 32}) {
                const Batch batch(n_queries, padded, rng);
                check_tile_scan<true>(whole.groups, batch);
                check_tile_scan<false>(any.groups, batch);
                check_tile_products(any.groups, batch);
            }
        }
}
#endif
