// lutra/core/types.hpp: the values every part speaks in: ids, metrics, matrices.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/config.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lutra::inline LUTRA_ABI_TAG {

/// What a search returns and add_with_ids() takes. User ids are >= 0; -1 marks an empty slot.
using Id = std::int64_t;
inline constexpr Id kNoId = -1;

/// How near two vectors are. The numbers are those of faiss's files.
///   l2              squared Euclidean distance, smallest first
///   inner_product   dot product, largest first
/// Cosine is not a metric of its own: it is L2norm + inner_product.
enum class Metric : std::int32_t { inner_product = 0, l2 = 1 };

/// In which order the hits of a query are written.
///   best_first   nearest first; of equally near ones the lower id
///   any          search(): whatever is quicker. range_search(): in the order of the rows, as they were added, with lists one
///                list after the other
///   rough        as any, for who will compare them exactly: an encoding's estimates decide which hits these are, and are their
///                distances; those of queries beyond 2^60 are in a unit of their own, and a range search then gives all that it
///                visits. Where scores are exact, as any
enum class Order : std::uint8_t { best_first, any, rough };

constexpr std::string_view metric_name(Metric m) { return m == Metric::l2 ? "l2" : "inner product"; }

/// Read-only rows of floats, [n, d] row-major, owned by the caller.
struct MatrixView {
    const float* data = nullptr;
    std::size_t n = 0, d = 0;

    const float* row(std::size_t i) const { return data + i * d; }
    MatrixView rows(std::size_t begin, std::size_t end) const { return {data + begin * d, end - begin, d}; }
};

}  // namespace lutra::inline LUTRA_ABI_TAG
