// lutra/encodings/flat/flat_file.hpp: the record of a Flat index without lists, read and written some rows at a time.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/encodings/flat/flat.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

inline Status Flat::save_alone(Writer& out, Metric metric, ListView list) const {
    LUTRA_TRY(write_flat_header(out, {d_, list.size, true, metric}));
    return for_chunks_of_rows(list.size, d_, [&](std::size_t first, MatrixView chunk, float* rows) -> Status {
        for (std::size_t i = 0; i < chunk.n; ++i) decode(list.codes, first + i, nullptr, rows + i * d_);
        return write_values(out, rows, chunk.n * d_);
    });
}

inline Result<Flat> Flat::load_alone(Reader& in, IndexHeader& header, OwnedCodes& codes, IndexOptions options) {
    LUTRA_TRY(read_flat_header(in, header));
    Flat flat(header.d, options);
    const auto n = std::size_t(header.ntotal);
    if (in.lends()) {
        LUTRA_TRY(in.lend(n * header.d * sizeof(float), codes.lent));
        return flat;
    }
    const Status read = for_chunks_of_rows(n, header.d, [&](std::size_t first, MatrixView chunk, float* rows) -> Status {
        LUTRA_TRY(read_values(in, rows, chunk.n * chunk.d));
        if (std::optional<Flat> form = flat.refit(header.metric, chunk, chunk, first == 0))
            flat.convert(first, n, std::move(*form), codes);
        flat.make_room(n, codes);
        flat.encode(row_pointers(chunk), nullptr, codes, first);
        return {};
    });
    LUTRA_TRY(read);
    return flat;
}

inline void Flat::make_blocks(std::size_t n, AlignedVector<std::byte>& blocks) const {
    const std::size_t before = blocks.size();
    blocks.resize((n + kBlock - 1) / kBlock * block_bytes());
    const std::size_t last = std::min(blocks.size() - std::min(before, blocks.size()), block_bytes());
    std::fill(blocks.end() - std::ptrdiff_t(last), blocks.end(), std::byte{0});  // slots without a row
}

inline void Flat::make_room(std::size_t n, OwnedCodes& codes) const {
    make_blocks(n, codes.blocks);
    codes.rows.resize(n * row_bytes());
}

/// Takes another form, of codes with room for n rows of which the first `filled` are there.
inline void Flat::convert(std::size_t filled, std::size_t n, Flat form, OwnedCodes& codes) {
    OwnedCodes converted;
    if (filled != 0) form.make_room(n, converted);
    constexpr std::size_t kTogether = 64;
    std::vector<float> rows(kTogether * d_);
    const std::vector<const float*> pointers = row_pointers({rows.data(), kTogether, d_});
    for (std::size_t first = 0; first < filled; first += kTogether) {
        const std::size_t some = std::min(kTogether, filled - first);
        for (std::size_t i = 0; i < some; ++i) decode(Codes(codes), first + i, nullptr, rows.data() + i * d_);
        form.encode(std::span(pointers).first(some), nullptr, converted, first);
    }
    codes = std::move(converted);
    *this = std::move(form);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
