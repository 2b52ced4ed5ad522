// lutra/io/flat_record.hpp: the record of plain rows ("IxF2", "IxFI"): a Flat index, and the centroids of every IVF index.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/io/record.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

namespace lutra::inline LUTRA_ABI_TAG {

inline constexpr std::array<Fourcc, 3> kFlatRecords = {"IxF2", "IxFI", "IxFl"};

inline bool is_flat_record(Fourcc f) { return std::ranges::find(kFlatRecords, f) != kFlatRecords.end(); }

/// Writes rows [n, d].
inline Status write_flat_record(Writer& out, MatrixView rows, Metric metric) {
    LUTRA_TRY(write_fourcc(out, metric == Metric::l2 ? "IxF2" : "IxFI"));
    LUTRA_TRY(write_header(out, {rows.d, rows.n, true, metric}));
    return write_counted(out, rows.data, rows.n * rows.d);
}

/// Reads the record behind its fourcc. The vector may hold floats, or the bytes of floats for a list's codes.
template <class T>
Status read_flat_record(Reader& in, IndexHeader& header, AlignedVector<T>& rows) {
    std::uint64_t count = 0;
    LUTRA_TRY(read_header(in, header));
    LUTRA_TRY(read_value(in, count));
    if (count % header.d != 0 || count / header.d != header.ntotal)
        return {Errc::bad_file, "Flat record: {} floats for {} vectors of d = {}; {} are needed",
                count,          header.ntotal,
                header.d,       header.ntotal * header.d};
    if (count > in.remaining() / sizeof(float))
        return {Errc::bad_file, "truncated: {} floats wanted at offset {}, {} bytes are left", count, in.position(),
                in.remaining()};
    rows.resize(std::size_t(count) * sizeof(float) / sizeof(T));
    return read_values(in, reinterpret_cast<float*>(rows.data()), std::size_t(count));
}

}  // namespace lutra::inline LUTRA_ABI_TAG
