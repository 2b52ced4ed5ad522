// lutra/encodings/pq4fs/kernel_lane.hpp: scans the lane layout by byte shuffles: SSSE3, AVX2, AVX-512BW, NEON.
// SPDX-License-Identifier: MIT
//
//   codes   |v0 v8 v1 v9 .. of m | v0 v8 .. of m + 1 | ...     one register: kParts sub-quantizers
//   nibbles  low: vectors 0 .. 15, high: 16 .. 31
//   lookup   16 bytes of table per part, picked by nibble      bytes: even = vectors 0 .. 7, odd = 8 .. 15
//   pairs    bytes of m and m + 4 are added as bytes
//   add      as 16-bit numbers:  all += bytes                  the odd ones are 256 times too large in it,
//                                odd += bytes >> 8             so at the end  even = all - 256 * odd
//
// 16-bit sums are exact for 256 sub-quantizers (128 pairs of 255 at most, and a term of 2^15, are below 2^16); more sub-quantizers
// are summed 256 at a time. The limit is compared in vectors, into a mask; a loop over its bits stores the survivors, a few in a
// thousand. Sources: Andre, Kermarrec, Le Scouarnec, VLDB 2015 and ICMR 2017; even and odd bytes are summed apart as in faiss.
#pragma once
#include <lutra/encodings/pq4fs/kernel.hpp>
#include <lutra/simd/lookup16.hpp>

#include <algorithm>
#include <bit>

#if LUTRA_HAS_LOOKUP16
namespace lutra::inline LUTRA_ABI_TAG {

/// Tag of the lane kernel with registers of one width.
template <class Bytes>
struct LaneKernel {
    using Layout = LaneLayout;
};

namespace detail {

template <class Bytes>
struct LaneSums {
    typename Bytes::Register all_low, odd_low, all_high, odd_high;

    void clear() { all_low = odd_low = all_high = odd_high = Bytes::zero(); }
    void add(typename Bytes::Register low, typename Bytes::Register high) {
        all_low = Bytes::add16(all_low, low), odd_low = Bytes::add16(odd_low, Bytes::odd_bytes(low));
        all_high = Bytes::add16(all_high, high), odd_high = Bytes::add16(odd_high, Bytes::odd_bytes(high));
    }
    void store(std::uint16_t* sums) const {
        Bytes::store_fold(Bytes::without(all_low, odd_low), sums), Bytes::store_fold(odd_low, sums + 8);
        Bytes::store_fold(Bytes::without(all_high, odd_high), sums + 16), Bytes::store_fold(odd_high, sums + 24);
    }
};

// sums [Q, 32] of sub-quantizers [begin, end), at most 256 of them, of one block.
template <class Bytes, std::size_t Q>
void lane_sums(const std::byte* block, std::size_t begin, std::size_t end, const std::array<Pq4Query, Q>& queries,
               std::uint16_t (&sums)[Q][32]) {
    LaneSums<Bytes> acc[Q];
    LUTRA_UNROLL for (auto& a : acc) a.clear();
    const auto step = [&](std::size_t m, auto&& add) {
        const auto codes = Bytes::load(block + m * 16), low = Bytes::low_nibbles(codes), high = Bytes::high_nibbles(codes);
        LUTRA_UNROLL for (std::size_t q = 0; q < Q; ++q) {
            const auto table = Bytes::load(queries[q].lut + m * 16);
            add(q, Bytes::lookup(table, low), Bytes::lookup(table, high));
        }
    };
    std::size_t m = begin;
    for (; m + 8 <= end; m += 8) LUTRA_UNROLL for (std::size_t part = 0; part < 4; part += Bytes::kParts) {
            typename Bytes::Register low[Q], high[Q];
            step(m + part, [&](std::size_t q, auto l, auto h) { low[q] = l, high[q] = h; });
            step(m + part + 4, [&](std::size_t q, auto l, auto h) { acc[q].add(Bytes::add8(low[q], l), Bytes::add8(high[q], h)); });
        }
    for (; m + Bytes::kParts <= end; m += Bytes::kParts) step(m, [&](std::size_t q, auto l, auto h) { acc[q].add(l, h); });
    LUTRA_UNROLL for (std::size_t q = 0; q < Q; ++q) acc[q].store(sums[q]);
    if constexpr (Bytes::kParts > 1) {
        for (; m < end; ++m)
            for (std::size_t q = 0; q < Q; ++q)
                for (std::size_t slot = 0; slot < kPq4Block; ++slot)
                    sums[q][slot] = std::uint16_t(sums[q][slot] + queries[q].lut[m * 16 + get_code<LaneLayout>(block, m, slot)]);
    }
}

inline void keep_below(const std::uint16_t* sums, std::uint32_t limit, std::uint32_t first, Survivors& found) {
    if (limit == 0) return;
    const auto most = std::uint16_t(std::min<std::uint32_t>(limit - 1, 0xffff));
    std::uint32_t left = mask_at_most(sums, most);
    if (left == ~std::uint32_t{0}) {  // a query without a threshold keeps all 32: stored in vectors
        for (std::uint32_t slot = 0; slot < kPq4Block; ++slot)
            found.sums[found.n + slot] = sums[slot], found.offsets[found.n + slot] = first + slot;
        found.n += kPq4Block;
        return;
    }
    for (; left != 0; left &= left - 1) {
        const auto slot = std::uint32_t(std::countr_zero(left));
        found.sums[found.n] = sums[slot], found.offsets[found.n++] = first + slot;
    }
}

inline void keep_below(const std::uint32_t* sums, std::uint32_t limit, std::uint32_t first, Survivors& found) {
    for (std::uint32_t slot = 0; slot < kPq4Block; ++slot)
        if (sums[slot] < limit) found.sums[found.n] = sums[slot], found.offsets[found.n++] = first + slot;
}

}  // namespace detail

template <bool Terms = false, class Bytes, std::size_t Q>
void scan_pq4(LaneKernel<Bytes>, const Pq4Blocks& blocks, const std::array<Pq4Query, Q>& queries, std::array<Survivors, Q>& found) {
    constexpr std::size_t kMost = 256;
    for (Survivors& f : found) f.n = 0;
    for (std::size_t b = 0; b < blocks.n_blocks; ++b) {
        const std::byte* block = blocks.block<Terms>(b);
        std::uint16_t sums[Q][32];
        detail::lane_sums<Bytes, Q>(block, 0, std::min(blocks.m, kMost), queries, sums);
        if constexpr (Terms)
            for (std::size_t q = 0; q < Q; ++q) add_scaled(blocks.terms(block), queries[q].factor, sums[q]);
        if (blocks.m <= kMost) {
            for (std::size_t q = 0; q < Q; ++q)
                detail::keep_below(sums[q], queries[q].limit, std::uint32_t(b * kPq4Block), found[q]);
            continue;
        }
        std::uint32_t wide[Q][32];
        for (std::size_t q = 0; q < Q; ++q) std::copy_n(sums[q], 32, wide[q]);
        for (std::size_t m = kMost; m < blocks.m; m += kMost) {
            detail::lane_sums<Bytes, Q>(block, m, std::min(blocks.m, m + kMost), queries, sums);
            for (std::size_t q = 0; q < Q; ++q)
                for (std::size_t slot = 0; slot < kPq4Block; ++slot) wide[q][slot] += sums[q][slot];
        }
        for (std::size_t q = 0; q < Q; ++q) detail::keep_below(wide[q], queries[q].limit, std::uint32_t(b * kPq4Block), found[q]);
    }
}

}  // namespace lutra::inline LUTRA_ABI_TAG
#endif
