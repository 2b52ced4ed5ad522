// lutra/core/validate.hpp: checks of the rows given to a call (shape, null pointers, finite values) and of the metric of a part.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/bit_cast.hpp>
#include <lutra/core/result.hpp>
#include <lutra/core/types.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>

namespace lutra::inline LUTRA_ABI_TAG {

/// unsupported for an index that is used in place.
inline Status check_writable(std::string_view call, bool in_place) {
    if (!in_place) return {};
    return {Errc::unsupported, "{}: the index is open in place, so it is read-only; accepted: one that load_index() has copied",
            call};
}

/// bad_argument if x was made of floats that are not a whole number of rows. `call` names the call in the message.
inline Status check_whole_rows(std::string_view call, MatrixView x) {
    if (x.rest == 0) return {};
    return {Errc::bad_argument, "{}: {} floats are not rows of d = {}; accepted: a multiple of d", call, x.n * x.d + x.rest, x.d};
}

/// bad_argument unless x has d columns, whole rows, and a pointer if it has rows.
inline Status check_shape(std::string_view call, MatrixView x, std::size_t d) {
    LUTRA_TRY(check_whole_rows(call, x));
    if (x.d != d) return {Errc::bad_argument, "{}: rows have {} columns; this index takes d = {}", call, x.d, d};
    if (x.n != 0 && x.data == nullptr) return {Errc::bad_argument, "{}: {} rows at a null pointer", call, x.n};
    return {};
}

/// The same for a call that needs rows, such as train(): bad_argument too if there are none.
inline Status check_some_rows(std::string_view call, MatrixView x, std::size_t d) {
    LUTRA_TRY(check_shape(call, x, d));
    if (x.n == 0) return {Errc::bad_argument, "{}: no rows given; at least one is needed", call};
    return {};
}

/// bad_argument for cosine, which parts such as Ivf do not compute.
inline Status check_part_metric(std::string_view call, Metric metric) {
    if (metric != Metric::cosine) return {};
    return {Errc::bad_argument, "{}: by cosine; accepted: l2 or inner_product, of rows of length 1 as L2norm in front makes them",
            call};
}

namespace detail {
// Tests the bits, which no compiler option can optimise away. An exponent of all ones is an infinity or a NaN.
inline bool is_finite(float v) { return (bit_cast<std::uint32_t>(v) & 0x7f800000U) != 0x7f800000U; }
}  // namespace detail

/// not_finite if a row has a NaN or an infinity; the message names row and column.
inline Status check_finite(std::string_view call, MatrixView x) {
    for (std::size_t i = 0; i < x.n; ++i) {
        const float* row = x.row(i);
        bool good = true;
        for (std::size_t t = 0; t < x.d; ++t) good &= detail::is_finite(row[t]);
        for (std::size_t t = 0; t < x.d && !good; ++t)
            if (!detail::is_finite(row[t]))
                return {Errc::not_finite, "{}: row {} has {} in column {}; every value must be finite", call, i, row[t], t};
    }
    return {};
}

}  // namespace lutra::inline LUTRA_ABI_TAG
