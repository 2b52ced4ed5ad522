// lutra/core/types.hpp: basic value types: ids, metrics, orders, matrix views.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/config.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace lutra::inline LUTRA_ABI_TAG {

/// The number of a vector, chosen by add() or given to add_with_ids(), and returned by searches. >= 0; -1 marks an empty slot.
using Id = std::int64_t;
inline constexpr Id kNoId = -1;

/// How the distance of two vectors is computed. The numbers are those of faiss's files.
///   l2              squared Euclidean distance, smallest first
///   inner_product   dot product, largest first
///   cosine          inner product of the vectors scaled to length 1, largest first. index_factory() makes such an index as L2norm
///                   in front of one by inner product, and files hold it as these two. Parts, such as Ivf, take the other metrics
enum class Metric : std::int32_t { inner_product = 0, l2 = 1, cosine = -1 };

/// The metric by which an index compares vectors behind its L2norm, and which files name: inner_product for cosine.
constexpr Metric without_norm(Metric m) { return m == Metric::cosine ? Metric::inner_product : m; }

/// The order in which the hits of a query are written.
///   best_first   nearest first; equal distances: lower id first
///   any          search(): whichever is fastest. range_search(): the order in which rows were added; with lists, list by list
///   rough        as any, for a caller that compares the hits exactly afterwards: the encoding's estimates select the hits and are
///                written as their distances. For queries beyond 2^60 the estimates are in another unit, and a range search returns
///                every row it visits. Encodings with exact scores treat rough as any
enum class Order : std::uint8_t { best_first, any, rough };

constexpr std::string_view metric_name(Metric m) {
    return m == Metric::l2 ? "l2" : m == Metric::cosine ? "cosine" : "inner product";
}

/// Read-only rows of floats, [n, d] row-major, owned by the caller.
///   {values, d}      a vector, array or span of n * d floats
///   {data, n, d}     a pointer to them
/// A length that is not a multiple of d is an error of the call the view is given to (bad_argument, with both numbers); n counts
/// the whole rows, and `rest` the floats behind them. A view that has a name needs a vector that has one, too: that of a
/// temporary is good for the call it is written in only.
struct MatrixView {
    MatrixView() = default;
    MatrixView(const float* rows, std::size_t n_rows, std::size_t columns) : data(rows), n(n_rows), d(columns) {}
    MatrixView(std::span<const float> values, std::size_t columns)
        : data(values.data()), n(columns == 0 ? 0 : values.size() / columns), d(columns), rest(values.size() - n * columns) {}

    const float* data = nullptr;
    std::size_t n = 0, d = 0;
    std::size_t rest = 0;  ///< floats behind the last whole row, which check_whole_rows() (validate.hpp) refuses

    const float* row(std::size_t i) const { return data + i * d; }
    MatrixView rows(std::size_t begin, std::size_t end) const { return {data + begin * d, end - begin, d}; }
};

}  // namespace lutra::inline LUTRA_ABI_TAG
