// lutra/transform/l2norm.hpp: the transform "L2norm": scales every row and query to length 1, before any other part sees them.
// With inner product the distance is then the cosine.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/io/record.hpp>
#include <lutra/kernels/normalize.hpp>

#include <cstddef>
#include <string>

namespace lutra::inline LUTRA_ABI_TAG {

class L2norm {
public:
    static constexpr Fourcc kRecord = "VNrm";
    std::string token() const { return "L2norm"; }

    /// Transforms x [n, d] into to [n, d].
    void apply(MatrixView x, float* to) const { normalize_rows(x.data, x.n, x.d, to); }

    Status save(Writer& out, std::size_t d) const {
        LUTRA_TRY(write_fourcc(out, kRecord));
        LUTRA_TRY(write_value(out, 2.F));
        LUTRA_TRY(write_value(out, std::int32_t(d)));
        LUTRA_TRY(write_value(out, std::int32_t(d)));
        return write_value(out, std::uint8_t{1});
    }

    /// Reads the record behind its fourcc; d: the columns of the index.
    static Status load(Reader& in, std::size_t d) {
        float norm = 0;
        std::int32_t dims[2] = {0, 0};
        bool trained = false;
        LUTRA_TRY(read_value(in, norm));
        LUTRA_TRY(read_values(in, dims, 2));
        LUTRA_TRY(read_bool(in, trained));
        if (norm != 2.F) return {Errc::unsupported, "normalisation by the {}-norm; accepted: 2", norm};
        if (dims[0] < 0 || std::size_t(dims[0]) != d || dims[1] != dims[0])
            return {Errc::bad_file, "L2norm from {} to {} columns in an index of d = {}", dims[0], dims[1], d};
        return {};
    }
};

}  // namespace lutra::inline LUTRA_ABI_TAG
