// lutra/kernels/byte_dots.hpp: inner products of queries and rows, all in bytes, rows interleaved: the definition and the layout.
// SPDX-License-Identifier: MIT
//
//   codes [padded / 4, 16, 4]     a group of 16 rows: four columns of each, then the next four
//
// One instruction multiplies four columns of 4, 8 or 16 rows by the query's four and adds each row's products to its own 32-bit
// sum, so nothing is summed across lanes, and a query's four columns are one number that is broadcast. byte_lanes.hpp has those
// instructions. Rows have no sign and queries have one, as dot products of x86 want it.
#pragma once
#include <lutra/kernels/byte_lanes.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace lutra::inline LUTRA_ABI_TAG {

inline constexpr std::size_t kByteGroup = 16, kByteColumns = 4;
inline constexpr std::int32_t kByteZero = 128;  ///< the code of 0 in a row: a row's value is its code less this

/// The offset of column t of row j < kByteGroup in its group.
constexpr std::size_t byte_offset(std::size_t j, std::size_t t) {
    return t / kByteColumns * kByteGroup * kByteColumns + j * kByteColumns + t % kByteColumns;
}

/// A query in bytes. Columns from d on are 0.
struct ByteCodes {
    const std::int8_t* codes = nullptr;  // [padded]
    std::int32_t bias = 0;               // kByteZero times their sum
};

/// Groups of rows, `pitch` bytes from one to the next; padded: columns, rounded up to kByteColumns.
struct ByteGroups {
    const std::byte* codes = nullptr;
    std::size_t n = 0, pitch = 0, padded = 0;

    const std::uint8_t* group(std::size_t g) const { return reinterpret_cast<const std::uint8_t*>(codes + g * pitch); }
};

/// The definition: the sum over all columns of query * (code - kByteZero). It has 32 bits: padded <= 65,536.
inline std::int32_t byte_dot(const ByteCodes& query, const ByteGroups& rows, std::size_t j) {
    std::int32_t sum = 0;
    const std::uint8_t* group = rows.group(j / kByteGroup);
    for (std::size_t t = 0; t < rows.padded; ++t)
        sum += std::int32_t(query.codes[t]) * (std::int32_t(group[byte_offset(j % kByteGroup, t)]) - kByteZero);
    return sum;
}

/// products [Q, n * kByteGroup]: each query times each row.
template <std::size_t Q>
void byte_products(scalar, const ByteCodes* queries, const ByteGroups& rows, float* products) {
    for (std::size_t q = 0; q < Q; ++q)
        for (std::size_t j = 0; j < rows.n * kByteGroup; ++j) *products++ = float(byte_dot(queries[q], rows, j));
}

namespace detail {

/// The sums of Q queries with Groups groups from `first` on. Several at once, as a sum must wait for the one before it.
template <class Lanes, std::size_t Q, std::size_t Groups>
struct ByteSums {
    static constexpr std::size_t kVectors = Groups * kByteGroup / Lanes::kRows;
    typename Lanes::Sum sums[Q][kVectors];

    void add_all(const ByteCodes* const (&queries)[Q], const ByteGroups& rows, std::size_t first) {
        const std::uint8_t* from[Groups];
        LUTRA_UNROLL for (std::size_t g = 0; g < Groups; ++g) from[g] = rows.group(first + g);
        LUTRA_UNROLL for (std::size_t q = 0; q < Q; ++q) LUTRA_UNROLL for (auto& s : sums[q]) s = Lanes::start(queries[q]->bias);
        for (std::size_t t = 0; t < rows.padded; t += kByteColumns) {
            typename Lanes::Rows x[kVectors];
            LUTRA_UNROLL for (std::size_t v = 0; v < kVectors; ++v) x[v] = Lanes::load(vector_of(from, v) + t * kByteGroup);
            LUTRA_UNROLL for (std::size_t q = 0; q < Q; ++q) {
                const auto four = Lanes::broadcast(queries[q]->codes + t);
                LUTRA_UNROLL for (std::size_t v = 0; v < kVectors; ++v) sums[q][v] = Lanes::add(sums[q][v], x[v], four);
            }
        }
    }

private:
    static const std::uint8_t* vector_of(const std::uint8_t* const (&from)[Groups], std::size_t v) {
        constexpr std::size_t kPerGroup = kByteGroup / Lanes::kRows;
        return from[v / kPerGroup] + v % kPerGroup * Lanes::kRows * kByteColumns;
    }
};

/// The sums of one query with one group: its bytes are read from first to last, as memory is fastest, in chains for every fourth
/// four columns, which need not wait for each other.
template <class Lanes>
struct ByteSums<Lanes, 1, 1> {
    static constexpr std::size_t kVectors = kByteGroup / Lanes::kRows;
    typename Lanes::Sum sums[1][kVectors];

    void add_all(const ByteCodes* const (&queries)[1], const ByteGroups& rows, std::size_t first) {
        constexpr std::size_t kChains = std::max<std::size_t>(1, 4 / kVectors), kStep = kChains * kByteColumns;
        const std::uint8_t* const from = rows.group(first);
        const std::int8_t* const query = queries[0]->codes;
        typename Lanes::Sum chains[kChains][kVectors];
        LUTRA_UNROLL for (std::size_t c = 0; c < kChains; ++c) LUTRA_UNROLL for (auto& s : chains[c]) s =
            Lanes::start(c == 0 ? queries[0]->bias : 0);
        std::size_t t = 0;
        for (; t + kStep <= rows.padded; t += kStep)
            LUTRA_UNROLL for (std::size_t c = 0; c < kChains; ++c) add(chains[c], from, query, t + c * kByteColumns);
        for (; t < rows.padded; t += kByteColumns) add(chains[0], from, query, t);
        LUTRA_UNROLL for (std::size_t v = 0; v < kVectors; ++v) {
            sums[0][v] = chains[0][v];
            LUTRA_UNROLL for (std::size_t c = 1; c < kChains; ++c) sums[0][v] = Lanes::plus(sums[0][v], chains[c][v]);
        }
    }

private:
    static void add(typename Lanes::Sum (&chain)[kVectors], const std::uint8_t* from, const std::int8_t* query, std::size_t t) {
        const auto four = Lanes::broadcast(query + t);
        LUTRA_UNROLL for (std::size_t v = 0; v < kVectors; ++v) chain[v] =
            Lanes::add(chain[v], Lanes::load(from + t * kByteGroup + v * Lanes::kRows * kByteColumns), four);
    }
};

// Not inlined, so that the sums stay in registers.
template <std::size_t Groups, class Lanes, std::size_t Q>
[[gnu::noinline]] void byte_products_of(Lanes, const ByteCodes* const (&queries)[Q], const ByteGroups& rows, std::size_t first,
                                        float* products) {
    ByteSums<Lanes, Q, Groups> all;
    all.add_all(queries, rows, first);
    LUTRA_UNROLL for (std::size_t q = 0; q < Q; ++q) LUTRA_UNROLL for (std::size_t v = 0; v < all.kVectors; ++v)
        Lanes::floats(all.sums[q][v])
            .store_aligned(products + (q * rows.n + first) * kByteGroup + v * Lanes::kRows);
}

}  // namespace detail

template <std::size_t Q, class Lanes>
void byte_products(Lanes lanes, const ByteCodes* queries, const ByteGroups& rows, float* products) {
    constexpr std::size_t kTogether = Q > 1 ? Lanes::kGroups : 1;
    const ByteCodes* pointers[Q];
    for (std::size_t q = 0; q < Q; ++q) pointers[q] = &queries[q];
    std::size_t g = 0;
    for (; g + kTogether <= rows.n; g += kTogether) detail::byte_products_of<kTogether>(lanes, pointers, rows, g, products);
    for (; g < rows.n; ++g) detail::byte_products_of<1>(lanes, pointers, rows, g, products);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
