// The scan kernels of 4-bit codes against their definition.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/core/random.hpp>
#include <lutra/encodings/pq4fs/kernel_lane.hpp>
#include <lutra/encodings/pq4fs/kernel_quad.hpp>

#include <vector>

using namespace lutra;

namespace {

struct FoundRows {
    explicit FoundRows(std::size_t n) : sums(n, 77), offsets(n, 77) {}
    Survivors view() { return {sums.data(), offsets.data(), 0}; }
    std::vector<std::uint32_t> sums, offsets;
};

std::vector<std::byte> random_bytes(std::size_t n, Rng& rng) {
    std::vector<std::byte> bytes(n);
    for (std::byte& b : bytes) b = std::byte(rng.below(256));
    return bytes;
}

// Q queries with random tables and limits from "none" to "all".
template <class Kernel, std::size_t Q, bool Terms>
void check_same(std::size_t m, std::size_t n_blocks, bool largest) {
    using Layout = typename Kernel::Layout;
    Rng rng(std::uint32_t(m * 100 + n_blocks * 10 + Q));
    const std::size_t width = padded<Layout>(m), room = n_blocks * kPq4Block;
    const std::vector<std::byte> codes = random_bytes(n_blocks * (width * 16 + (Terms ? kPq4TermBytes : 0)), rng);
    std::vector<std::vector<std::uint8_t>> luts(Q, std::vector<std::uint8_t>(width * 16));
    std::array<Pq4Query, Q> queries;
    std::array<Survivors, Q> want, got;
    std::vector<FoundRows> want_memory(Q, FoundRows(room)), got_memory(Q, FoundRows(room));
    for (std::size_t q = 0; q < Q; ++q) {
        for (std::size_t i = 0; i < luts[q].size(); ++i) {
            const bool first = i / 16 % 8 < 4;  // partners share a byte: 155 + 100
            const std::uint8_t most = i / 16 < width - width % 8 ? (first ? 155 : 100) : 255;
            luts[q][i] = largest ? most : std::uint8_t(rng.below(std::size_t{most} + 1));
        }
        const std::uint32_t limits[] = {std::uint32_t(m * 64), 0, 0xffffffff, std::uint32_t(m * 60)};
        const std::uint16_t factors[] = {std::uint16_t(rng.below(32769)), 32768, 0, 1};
        queries[q] = {luts[q].data(), limits[(q + m) % 4], factors[(q + m / 4) % 4]};
        want[q] = want_memory[q].view(), got[q] = got_memory[q].view();
    }
    const Pq4Blocks blocks{codes.data(), n_blocks, width};
    scan_pq4<Layout, Terms>(scalar{}, blocks, queries, want);
    scan_pq4<Terms>(Kernel{}, blocks, queries, got);
    CAPTURE(m);
    CAPTURE(n_blocks);
    for (std::size_t q = 0; q < Q; ++q) {
        CAPTURE(q);
        REQUIRE(got[q].n == want[q].n);
        for (std::size_t i = 0; i < got[q].n; ++i) {
            REQUIRE(got[q].sums[i] == want[q].sums[i]);
            REQUIRE(got[q].offsets[i] == want[q].offsets[i]);
        }
    }
}

template <class Kernel, bool Terms>
void check_all() {
    for (const std::size_t m : {1, 2, 3, 4, 6, 7, 16, 63, 64, 128, 255, 256, 257, 300, 514})
        for (const std::size_t n_blocks : {0, 1, 2, 5}) {
            check_same<Kernel, 1, Terms>(m, n_blocks, false);
            check_same<Kernel, 2, Terms>(m, n_blocks, false);
            check_same<Kernel, 3, Terms>(m, n_blocks, true);
            check_same<Kernel, 4, Terms>(m, n_blocks, false);
        }
}
template <class Kernel>
void check_all() {
    check_all<Kernel, false>();
    check_all<Kernel, true>();
}

}  // namespace

TEST_CASE("layouts: each vector's code has a nibble of its own") {
    const auto check = []<class Layout>(Layout) {
        for (const std::size_t m : {1, 2, 5, 8}) {
            std::vector<std::byte> block(block_bytes<Layout>(m));
            Rng rng(3);
            std::vector<std::uint8_t> codes(m * kPq4Block);
            for (std::uint8_t& c : codes) c = std::uint8_t(rng.below(16));
            for (std::size_t pass = 0; pass < 2; ++pass)  // the second time over codes that stand there
                for (std::size_t i = 0; i < codes.size(); ++i) set_code<Layout>(block.data(), i / 32, i % 32, codes[i]);
            for (std::size_t i = 0; i < codes.size(); ++i) CHECK(get_code<Layout>(block.data(), i / 32, i % 32) == codes[i]);
        }
    };
    check(LaneLayout{});
    check(QuadLayout{});
}

#if LUTRA_HAS_LOOKUP16
TEST_CASE("scan_pq4: 128-bit lanes give the sums of the definition") { check_all<LaneKernel<Bytes128>>(); }
#if defined(__AVX2__)
TEST_CASE("scan_pq4: 256-bit lanes give the sums of the definition") { check_all<LaneKernel<Bytes256>>(); }
#endif
#if defined(__AVX512BW__)
TEST_CASE("scan_pq4: 512-bit lanes give the sums of the definition") { check_all<LaneKernel<Bytes512>>(); }
#endif
#if defined(__AVX512VBMI__) && defined(__AVX512VNNI__)
TEST_CASE("scan_pq4: quads give the sums of the definition") { check_all<QuadKernel>(); }
#endif
#endif
