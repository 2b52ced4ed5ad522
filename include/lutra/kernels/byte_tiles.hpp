// lutra/kernels/byte_tiles.hpp: the scan and the products of bytes for many queries, by the tiles of AMX.
// SPDX-License-Identifier: MIT
//
//   rows      a group's codes of 64 columns [16, 16, 4] are a tile as they are: line i has columns 4 i .. 4 i + 3 of 16 rows
//   queries   [16, 64] of [n, pitch], pitch = columns rounded up to 64, zeros behind the last
//   sums      [16, 16], of 16 queries with 16 rows; they go to memory, as nothing moves a tile to vector registers
//
// One instruction makes 16,384 multiply-adds in 16 cycles. While the sums of two groups are compared, the next two are multiplied.
// A build for AMX also runs where the system does not grant a process its tiles: tiles_granted() asks. Any function may use tiles for
// itself, so none is called while they hold something: not memcpy() either, nor a filter, which may search.
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18.
#pragma once
#include <lutra/core/workspace.hpp>
#include <lutra/kernels/byte_scan.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#if LUTRA_HAS_TILES
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace lutra::inline LUTRA_ABI_TAG {

#if LUTRA_HAS_TILES

/// Whether this process may use tiles. The first call asks Linux, whose answer holds for all threads and for good. Where it grants
/// them, threads that use tiles have 8 KB more in the frame of a signal: an alternate stack must have room for that (sigaltstack()
/// refuses less than some 12 KB from then on; one that is too small before makes Linux refuse the tiles).
inline bool tiles_granted() {
    constexpr long kRequest = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM; the state's bit in XCR0
    static const bool granted = syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
    return granted;
}

/// Up to kMost queries, as tiles and comparisons take them.
struct TileQueries {
    static constexpr std::size_t kTile = 16, kMost = 2 * kTile;
    static constexpr std::size_t kLeast = 4;  // 192 rows, d = 128: 0.41 ns a row and query; six queries by vectors 0.47

    std::size_t n = 0, pitch = 0;
    const std::int8_t* codes = nullptr;  // [n rounded up to kTile, pitch]: pad() each query's
    ByteQuery each[kMost];

    static constexpr std::size_t pitch_for(std::size_t padded) { return round_up(padded, 64); }
    static void pad(std::int8_t* codes, std::size_t padded) {
        std::fill(codes + padded, codes + pitch_for(padded), std::int8_t{0});
    }
};

namespace detail {

/// Eight tiles of 16 lines of 64 bytes, in use in this thread while it lives. Takes 80 ns. Needs: tiles_granted().
class Tiles {
public:
    Tiles() {
        struct {
            std::uint8_t palette = 1, start = 0, reserved[14] = {};
            std::uint16_t line_bytes[16] = {};
            std::uint8_t lines[16] = {};
        } config;
        for (std::size_t tile = 0; tile < 8; ++tile) config.line_bytes[tile] = 64, config.lines[tile] = 16;
        __asm__ volatile("ldtilecfg %0" : : "m"(config));
    }
    ~Tiles() { _tile_release(); }
    Tiles(const Tiles&) = delete;
    Tiles& operator=(const Tiles&) = delete;
};

/// The most that products of tiles take from the arena.
inline constexpr std::size_t kTileSumBytes = 2 * arena_bytes<std::int32_t>(TileQueries::kMost * 2 * kByteGroup);

/// Multiplies QueryTiles * 16 queries by two groups of rows at a time.
template <std::size_t QueryTiles>
class TileProducts {
public:
    static constexpr std::size_t kLine = 2 * kByteGroup;  ///< sums of a query: those of two groups

    TileProducts(const ByteGroups& rows, const TileQueries& queries, Arena& arena)
        : rows_(rows),
          codes_(queries.codes),
          pitch_(queries.pitch),
          sums_{arena.take<std::int32_t>(kSums).data(), arena.take<std::int32_t>(kSums).data()} {
        if (rows.padded % kColumns != 0) std::memset(last_, 0, sizeof last_);
    }

    /// Calls use(first, sums) for groups `first` and first + 1, if there is that; it calls nothing, as tiles hold other sums.
    /// sums [queries, kLine], biases in them.
    template <class F>
    void run(F&& use) {
        multiply(0);
        for (std::size_t g = 0, turn = 0; g < rows_.n; g += 2, turn ^= 1) {
            store(sums_[turn]);
            if (g + 2 < rows_.n) multiply(g + 2);
            use(g, static_cast<const std::int32_t*>(sums_[turn]));
        }
    }

private:
    static constexpr std::size_t kColumns = 64, kTileBytes = 1024, kSums = QueryTiles * TileQueries::kTile * kLine;

    // Tiles 0-3: sums of queries 0-15 with either group, then of 16-31; 4, 5: queries; 6, 7: rows.
    void multiply(std::size_t g) {
        const std::uint8_t* const first = rows_.group(g);
        const std::uint8_t* const second = rows_.group(std::min(g + 1, rows_.n - 1));
        const std::size_t whole = rows_.padded / kColumns * kColumns;
        if (whole < rows_.padded) copy_last(first + whole * kByteGroup, second + whole * kByteGroup, rows_.padded - whole);
        __asm__ volatile("" ::: "memory");  // compilers do not know what _tile_loadd() reads: it is written by now
        _tile_zero(0);
        _tile_zero(1);
        if constexpr (QueryTiles == 2) {
            _tile_zero(2);
            _tile_zero(3);
        }
        for (std::size_t t = 0; t < whole; t += kColumns) multiply_columns(t, first + t * kByteGroup, second + t * kByteGroup);
        if (whole < rows_.padded) multiply_columns(whole, last_[0], last_[1]);
    }
    // Fewer than 64 columns: a tile would read what is behind the codes, and behind the last group that may be no memory.
    void copy_last(const std::uint8_t* first, const std::uint8_t* second, std::size_t columns) {
        std::memcpy(last_[0], first, columns * kByteGroup);
        std::memcpy(last_[1], second, columns * kByteGroup);
    }
    void multiply_columns(std::size_t t, const std::uint8_t* first, const std::uint8_t* second) const {
        _tile_loadd(6, first, kColumns);
        _tile_loadd(7, second, kColumns);
        _tile_loadd(4, codes_ + t, pitch_);
        _tile_dpbsud(0, 4, 6);
        _tile_dpbsud(1, 4, 7);
        if constexpr (QueryTiles == 2) {
            _tile_loadd(5, codes_ + TileQueries::kTile * pitch_ + t, pitch_);
            _tile_dpbsud(2, 5, 6);
            _tile_dpbsud(3, 5, 7);
        }
    }
    static void store(std::int32_t* sums) {
        constexpr std::size_t kPitch = kLine * sizeof *sums;
        _tile_stored(0, sums, kPitch);
        _tile_stored(1, sums + kByteGroup, kPitch);
        if constexpr (QueryTiles == 2) {
            std::int32_t* const later = sums + TileQueries::kTile * kLine;
            _tile_stored(2, later, kPitch);
            _tile_stored(3, later + kByteGroup, kPitch);
        }
    }

    const ByteGroups& rows_;
    const std::int8_t* codes_;
    std::size_t pitch_;
    std::int32_t* sums_[2];
    alignas(64) std::uint8_t last_[2][kTileBytes];  // of either group, zeros behind them
};

/// The dots of query q with group v of two.
inline __m512i tile_dots(const TileQueries& queries, std::size_t q, const std::int32_t* sums, std::size_t v) {
    const __m512i sum = _mm512_load_si512(sums + q * TileProducts<1>::kLine + v * kByteGroup);
    return _mm512_sub_epi32(sum, _mm512_set1_epi32(queries.each[q].codes.bias));
}

template <class F>
void for_tile_products(const ByteGroups& rows, const TileQueries& queries, Arena& arena, F&& use) {
    LUTRA_ASSERT(queries.n <= TileQueries::kMost);
    const Arena::Frame frame(arena);
    const Tiles tiles;
    if (queries.n > TileQueries::kTile)
        TileProducts<2>(rows, queries, arena).run(use);
    else
        TileProducts<1>(rows, queries, arena).run(use);
}

/// Keeps the rows of Groups groups from `first` on that may be near, for each query.
template <bool Whole, std::size_t Groups>
void compare_tiles(const ByteGroups& rows, std::size_t first, const TileQueries& queries, const std::int32_t* sums,
                   ByteSurvivors* found) {
    for (std::size_t q = 0; q < queries.n; ++q) {
        __m512i dots[Groups];
        std::uint32_t masks[Groups], any = 0;
        LUTRA_UNROLL for (std::size_t v = 0; v < Groups; ++v) {
            dots[v] = tile_dots(queries, q, sums, v);
            any |= masks[v] = may_be_near<Whole, VnniBytes>(dots[v], ByteTerms<Whole>(rows, first + v), 0, queries.each[q]);
        }
        if (any == 0) [[likely]]
            continue;
        LUTRA_UNROLL for (std::size_t v = 0; v < Groups; ++v)
            keep_survivors_of_16(dots[v], masks[v], (first + v) * kByteGroup, found[q]);
    }
}

}  // namespace detail

/// byte_scan() for up to 32 queries. Needs: tiles_granted().
template <bool Whole>
void byte_scan(const ByteGroups& rows, const TileQueries& queries, ByteSurvivors* found, Arena& arena) {
    for (std::size_t q = 0; q < queries.n; ++q) found[q].n = 0;
    if (rows.n == 0) return;
    detail::for_tile_products(rows, queries, arena, [&](std::size_t first, const std::int32_t* sums) {
        if (first + 1 < rows.n)
            detail::compare_tiles<Whole, 2>(rows, first, queries, sums, found);
        else
            detail::compare_tiles<Whole, 1>(rows, first, queries, sums, found);
    });
}

/// byte_products() for up to 32 queries. Needs: tiles_granted().
inline void byte_products(const TileQueries& queries, const ByteGroups& rows, float* products, Arena& arena) {
    if (rows.n == 0) return;
    detail::for_tile_products(rows, queries, arena, [&](std::size_t first, const std::int32_t* sums) {
        const std::size_t groups = std::min<std::size_t>(2, rows.n - first);
        for (std::size_t q = 0; q < queries.n; ++q)
            for (std::size_t v = 0; v < groups; ++v)
                VnniBytes::floats(detail::tile_dots(queries, q, sums, v))
                    .store_aligned(products + (q * rows.n + first + v) * kByteGroup);
    });
}

#endif

/// What multiplies the bytes of many in this process: "AMX", "AVX-512 VNNI" ...; "" where floats do.
template <class Lanes = BestBytes>
std::string_view bytes_name() {
#if LUTRA_HAS_TILES
    if (tiles_granted()) return "AMX";
#endif
    if constexpr (kBytesPayFor<Lanes>)
        return Lanes::kName;
    else
        return "";
}

}  // namespace lutra::inline LUTRA_ABI_TAG
