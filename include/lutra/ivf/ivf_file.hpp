// lutra/ivf/ivf_file.hpp: Ivf::save(), load() and load_alone(): faiss's records of an IVF index, and of an index without lists.
// SPDX-License-Identifier: MIT
//
//   in lists   fourcc, header, nlist, nprobe, coarse record, direct map, the encoding's own fields, lists
//   alone      the encoding's record. Ids of the caller's put it inside an id map: "IxM2", header, record, ids; an index that was
//              loaded from an "IxMp" keeps that kind. Loading an id map around lists stores its ids in the lists
#pragma once
#include <lutra/io/flat_record.hpp>
#include <lutra/io/id_map_record.hpp>
#include <lutra/ivf/ivf.hpp>
#include <lutra/ivf/lists_file.hpp>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::save(Writer& out) const {
    return guarded("save", [&] { return coarse_.learns() ? write_in_lists(out) : write_alone(out); });
}

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::write_alone(Writer& out) const {
    const ListView list = lists_.nlist() != 0 ? lists_.view(0) : ListView{};
    if (positional_) return encoding_.save_alone(out, metric_, list);
    return write_id_map(
        out, id_map_, {d_, ntotal_, is_trained(), metric_}, [&] { return encoding_.save_alone(out, metric_, list); },
        [&](std::size_t i) { return list.ids[i]; });
}

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::write_in_lists(Writer& out) const {
    LUTRA_TRY(write_fourcc(out, E::kIvfRecord));
    LUTRA_TRY(write_header(out, {d_, ntotal_, is_trained(), metric_, encoding_.note()}));
    LUTRA_TRY(write_value(out, std::uint64_t(nlist_)));
    LUTRA_TRY(write_value(out, std::uint64_t(nprobe_)));
    LUTRA_TRY(coarse_.save(out, d_, metric_));
    LUTRA_TRY(direct_map_.save(out, lists_));
    LUTRA_TRY(encoding_.save_fields(out));
    return write_all_lists(out);
}

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::write_all_lists(Writer& out) const {
    if constexpr (BlockStored<E>)
        return write_block_lists(out, lists_, nlist_, encoding_);
    else if constexpr (RowStored<E>)
        return write_lists(out, lists_, nlist_, d_ * sizeof(float), [&](const ListView& list) {
            return for_pieces_of_rows(list.size, d_, [&](std::size_t first, MatrixView piece, float* rows) {
                for (std::size_t i = 0; i < piece.n; ++i) encoding_.decode(list.codes, first + i, list.centroid, rows + i * d_);
                return write_values(out, rows, piece.n * d_);
            });
        });
    else
        return write_lists(out, lists_, nlist_, encoding_.block_bytes(),
                           [&](const ListView& list) { return out.write(list.codes.blocks, list.size * encoding_.block_bytes()); });
}

namespace detail {
inline Status read_ivf_sizes(Reader& in, IndexHeader& header, std::uint64_t& nlist, std::uint64_t& nprobe) {
    constexpr std::uint64_t kMost = 2147483647;
    LUTRA_TRY(read_header(in, header));
    LUTRA_TRY(read_value(in, nlist));
    LUTRA_TRY(read_value(in, nprobe));
    if (nlist >= 1 && nlist <= kMost) return {};
    return {Errc::bad_file, "IVF record with {} lists; accepted: 1 to {}", nlist, kMost};
}
}  // namespace detail

template <CoarseQuantizer Coarse, Encoding E>
Result<Ivf<Coarse, E>> Ivf<Coarse, E>::load_alone(Reader& in) {
    return guarded("load", [&]() -> Result<Ivf> {
        IndexHeader header;
        OwnedCodes codes;
        Result<E> encoding = E::load_alone(in, header, codes);
        LUTRA_TRY(encoding.status());
        Ivf index(header.d, header.metric, 1, Coarse(OneList()), std::move(*encoding));
        std::vector<Id> ids(std::size_t(header.ntotal));
        std::iota(ids.begin(), ids.end(), Id{0});
        if (index.is_trained()) index.lists_.adopt(std::move(codes), std::move(ids));
        index.count_loaded();
        return index;
    });
}

template <CoarseQuantizer Coarse, Encoding E>
Result<Ivf<Coarse, E>> Ivf<Coarse, E>::load(Reader& in, std::size_t depth) {
    return guarded("load", [&]() -> Result<Ivf> {
        IndexHeader header;
        std::uint64_t nlist = 0, nprobe = 0;
        LUTRA_TRY(detail::read_ivf_sizes(in, header, nlist, nprobe));
        Result<Coarse> coarse = Coarse::load(in, header, std::size_t(nlist), depth);
        LUTRA_TRY(coarse.status());
        return load_lists(in, header, std::size_t(nlist), std::size_t(nprobe), std::move(*coarse));
    });
}

/// Reads the rest behind the coarse record. A separate function, as load() stays on the stack while an index over centroids
/// loads.
template <CoarseQuantizer Coarse, Encoding E>
Result<Ivf<Coarse, E>> Ivf<Coarse, E>::load_lists(Reader& in, const IndexHeader& header, std::size_t nlist, std::size_t nprobe,
                                                  Coarse coarse) {
    DirectMapKind map = DirectMapKind::none;
    LUTRA_TRY(DirectMap::load_kind(in, map));
    Result<E> encoding = E::load_fields(in, header);
    LUTRA_TRY(encoding.status());
    if (encoding->training_rows() != 0 && encoding->is_trained() != header.is_trained)
        return Status{Errc::bad_file, "index and encoding disagree on whether they are trained"};
    Ivf index(header.d, header.metric, nlist, std::move(coarse), std::move(*encoding));
    LUTRA_TRY(index.read_all_lists(in));
    index.count_loaded();
    std::vector<float> row(header.d);
    for (std::size_t l = 0; l < index.lists_.nlist(); ++l) index.count_spread(l, 0, row.data());
    index.coarse_.set_spreads(index.spreads_.rms());
    if (index.ntotal_ != header.ntotal)
        return Status{Errc::bad_file, "IVF record says {} vectors, its lists hold {}", header.ntotal, index.ntotal_};
    index.nprobe_ = std::clamp<std::size_t>(nprobe, 1, nlist);
    LUTRA_TRY(index.set_direct_map(map));
    return index;
}

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::read_all_lists(Reader& in) {
    if constexpr (BlockStored<E>)
        return read_block_lists(in, nlist_, encoding_, lists_, [&](std::size_t l) { return origin(l); });
    else if constexpr (RowStored<E>)
        return read_row_lists(in);
    else
        return read_lists(in, nlist_, lists_);
}

// Centroids are like the rows to come, of which a file has those of one list first. Empty without lists.
template <CoarseQuantizer Coarse, Encoding E>
std::vector<float> Ivf<Coarse, E>::some_centroids() const {
    constexpr std::size_t kMost = 255;
    const std::size_t n = coarse_.learns() ? std::min(kMost, coarse_.nlist()) : 0;
    std::vector<float> rows(n * d_);
    for (std::size_t i = 0; i < n; ++i) std::copy_n(coarse_.centroid(i * coarse_.nlist() / n), d_, rows.data() + i * d_);
    return rows;
}

// Lists of rows, which are encoded as they come. Memory for all of them is taken when the first few have told their form.
template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::read_row_lists(Reader& in) {
    std::vector<detail::ListSize> sizes;
    LUTRA_TRY(read_lists_header(in, nlist_, lists_, d_ * sizeof(float), sizes));
    const std::vector<float> sample = some_centroids();
    bool is_empty = true;
    for (const auto& [list, size] : sizes) {
        const auto l = std::size_t(list);
        const Status read =
            for_pieces_of_rows(std::size_t(size), d_, [&](std::size_t first, MatrixView piece, float* rows) -> Status {
                LUTRA_TRY(read_values(in, rows, piece.n * d_));
                take_form_for(piece, sample.empty() ? piece : MatrixView{sample.data(), sample.size() / d_, d_}, is_empty);
                if (is_empty) detail::grow_lists(sizes, lists_);
                is_empty = false;
                encoding_.encode(row_pointers(piece), nullptr, lists_.block_of(l, 0), first);
                return {};
            });
        LUTRA_TRY(read);
        if (size != 0) LUTRA_TRY(detail::read_list_ids(in, l, lists_.ids(l)));
    }
    return {};
}

}  // namespace lutra::inline LUTRA_ABI_TAG
