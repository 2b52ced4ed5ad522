// lutra/io/flat_record.hpp: the record of plain rows ("IxF2", "IxFI"): a Flat index, and the centroids of every IVF index.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/io/record.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

namespace lutra::inline LUTRA_ABI_TAG {

inline constexpr std::array<Fourcc, 3> kFlatRecords = {"IxF2", "IxFI", "IxFl"};

inline bool is_flat_record(Fourcc f) { return std::find(kFlatRecords.begin(), kFlatRecords.end(), f) != kFlatRecords.end(); }

/// Writes the record up to its rows, header.ntotal of them.
inline Status write_flat_header(Writer& out, const IndexHeader& header) {
    LUTRA_TRY(write_fourcc(out, header.metric == Metric::l2 ? "IxF2" : "IxFI"));
    LUTRA_TRY(write_header(out, header));
    return write_value(out, header.ntotal * header.d);
}

/// Writes rows [n, d].
inline Status write_flat_record(Writer& out, MatrixView rows, Metric metric) {
    LUTRA_TRY(write_flat_header(out, {rows.d, rows.n, true, metric}));
    return write_values(out, rows.data, rows.n * rows.d);
}

/// Calls f(first, chunk, buffer) for n rows of d floats, a megabyte at a time: chunk has the shape of the rows from `first` on, its
/// memory is the buffer.
template <class F>
Status for_chunks_of_rows(std::size_t n, std::size_t d, F&& f) {
    constexpr std::size_t kFloats = std::size_t{1} << 18;
    const std::size_t most = std::min(n, std::max<std::size_t>(1, kFloats / d));
    AlignedVector<float> buffer(most * d);
    for (std::size_t first = 0; first < n; first += most)
        LUTRA_TRY(f(first, MatrixView{buffer.data(), std::min(most, n - first), d}, buffer.data()));
    return {};
}

/// Reads the record behind its fourcc up to the rows, header.ntotal of them, which the stream has.
inline Status read_flat_header(Reader& in, IndexHeader& header) {
    std::uint64_t count = 0;
    LUTRA_TRY(read_header(in, header));
    LUTRA_TRY(read_value(in, count));
    const bool counts = header.ntotal >> 44 == 0;  // d is at most 2^20
    if (counts && count != header.ntotal * header.d)
        return {Errc::bad_file, "Flat record: {} floats for {} vectors of d = {}; {} are needed",
                count,          header.ntotal,
                header.d,       header.ntotal * header.d};
    if (!counts || count > in.remaining() / sizeof(float))
        return {Errc::bad_file, "truncated: {} floats wanted at offset {}, {} bytes are left", count, in.position(),
                in.remaining()};
    return {};
}

/// Reads the record behind its fourcc.
inline Status read_flat_record(Reader& in, IndexHeader& header, AlignedVector<float>& rows) {
    LUTRA_TRY(read_flat_header(in, header));
    return read_vector(in, rows, header.ntotal * header.d);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
