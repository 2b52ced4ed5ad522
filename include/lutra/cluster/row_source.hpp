// lutra/cluster/row_source.hpp: RowSource, rows accessed by number: in memory, in files, anywhere.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/result.hpp>
#include <lutra/core/types.hpp>
#include <lutra/core/validate.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>

namespace lutra::inline LUTRA_ABI_TAG {

/// n() rows of d() columns, which need not be in memory.
///   gather(rows, out)   the rows with these numbers, each below n(), in this order, into out [rows.size(), d]
template <class S>
concept RowSource = requires(const S& s, std::span<const std::size_t> rows, float* out) {
    { s.n() } -> std::convertible_to<std::size_t>;
    { s.d() } -> std::convertible_to<std::size_t>;
    { s.gather(rows, out) } -> std::same_as<Status>;
};

/// Rows in memory.
class MatrixRows {
public:
    explicit MatrixRows(MatrixView x) : x_(x) {}
    std::size_t n() const { return x_.n; }
    std::size_t d() const { return x_.d; }
    Status gather(std::span<const std::size_t> rows, float* out) const {
        LUTRA_TRY(check_whole_rows("rows", x_));
        for (const std::size_t row : rows) out = std::copy_n(x_.row(row), x_.d, out);
        return {};
    }

private:
    MatrixView x_;
};
static_assert(RowSource<MatrixRows>);

}  // namespace lutra::inline LUTRA_ABI_TAG
