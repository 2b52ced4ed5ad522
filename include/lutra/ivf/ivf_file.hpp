// lutra/ivf/ivf_file.hpp: Ivf::save() and load(): faiss's records of an IVF index, and of an index without lists.
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
#include <cstdint>
#include <span>
#include <type_traits>
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

/// Bytes of a vector in a file, which holds the codes as they are in memory.
template <StoredEncoding E>
std::size_t file_code_bytes(const E& encoding) {
    static_assert(E::kBlock == 1, "lists in blocks need RowStored or BlockStored");
    LUTRA_ASSERT(encoding.row_bytes() == 0);
    return encoding.block_bytes();
}

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::write_all_lists(Writer& out) const {
    if constexpr (BlockStored<E>)
        return write_block_lists(out, lists_, nlist_, encoding_);
    else if constexpr (RowStored<E>)
        return write_lists(out, lists_, nlist_, d_ * sizeof(float), [&](const ListView& list) {
            return for_chunks_of_rows(list.size, d_, [&](std::size_t first, MatrixView chunk, float* rows) {
                for (std::size_t i = 0; i < chunk.n; ++i) encoding_.decode(list.codes, first + i, list.centroid, rows + i * d_);
                return write_values(out, rows, chunk.n * d_);
            });
        });
    else {
        const std::size_t code_bytes = file_code_bytes(encoding_);
        return write_lists(out, lists_, nlist_, code_bytes,
                           [&](const ListView& list) { return out.write(list.codes.blocks, list.size * code_bytes); });
    }
}

/// What the record of an index in lists says of it.
struct IvfRecord {
    IndexHeader header;
    std::uint64_t nlist = 0, nprobe = 0;
    DirectMapKind map = DirectMapKind::none;
};

/// Reads what is before the coarse record.
inline Status read_ivf_header(Reader& in, IvfRecord& record) {
    constexpr std::uint64_t kMost = 2147483647;
    LUTRA_TRY(read_header(in, record.header));
    LUTRA_TRY(read_value(in, record.nlist));
    LUTRA_TRY(read_value(in, record.nprobe));
    if (record.nlist >= 1 && record.nlist <= kMost) return {};
    return {Errc::bad_file, "IVF record with {} lists; accepted: 1 to {}", record.nlist, kMost};
}

template <CoarseQuantizer Coarse, Encoding E>
bool Ivf<Coarse, E>::reads_alone(Fourcc fourcc) {
    if constexpr (std::is_constructible_v<Coarse, OneList>)
        return std::find(std::begin(E::kAloneRecords), std::end(E::kAloneRecords), fourcc) != std::end(E::kAloneRecords);
    return false;
}
template <CoarseQuantizer Coarse, Encoding E>
bool Ivf<Coarse, E>::reads_lists(Fourcc fourcc) {
    return StoredCoarse<Coarse> && fourcc == E::kIvfRecord;
}
template <CoarseQuantizer Coarse, Encoding E>
bool Ivf<Coarse, E>::reads(Fourcc fourcc) {
    return reads_alone(fourcc) || reads_lists(fourcc);
}

template <CoarseQuantizer Coarse, Encoding E>
void Ivf<Coarse, E>::append_records(Message& text) {
    if constexpr (std::is_constructible_v<Coarse, OneList>)
        lutra::append_records(text, std::span<const Fourcc>(E::kAloneRecords), E::kRecordName);
    if constexpr (StoredCoarse<Coarse>) lutra::append_records(text, std::span(&E::kIvfRecord, 1), E::kRecordName, "IVF,");
}

template <CoarseQuantizer Coarse, Encoding E>
Result<Ivf<Coarse, E>> Ivf<Coarse, E>::load(Reader& in, IndexOptions options) {
    return read_index<Ivf>(in, options);
}

template <CoarseQuantizer Coarse, Encoding E>
Result<Ivf<Coarse, E>> Ivf<Coarse, E>::load_record(Fourcc fourcc, Reader& in, [[maybe_unused]] std::size_t depth,
                                                   IndexOptions options) {
    if constexpr (std::is_constructible_v<Coarse, OneList>)
        if (reads_alone(fourcc)) return load_alone(in, options);
    if constexpr (StoredCoarse<Coarse>)
        if (reads_lists(fourcc)) return load_in_lists(in, depth, options);
    const auto expected = [] {
        Message text;
        append_records(text);
        return text;
    };
    return unexpected_record(fourcc, expected, in.position());
}

template <CoarseQuantizer Coarse, Encoding E>
Result<Ivf<Coarse, E>> Ivf<Coarse, E>::load_alone(Reader& in, IndexOptions options) {
    return guarded("load", [&]() -> Result<Ivf> {
        IndexHeader header;
        OwnedCodes codes;
        Result<E> encoding = E::load_alone(in, header, codes, options);
        LUTRA_TRY(encoding.status());
        Ivf index(header.d, header.metric, 1, Coarse(OneList()), std::move(*encoding), WithoutLists());
        LUTRA_TRY(index.make_lists(in, codes.lent != nullptr));
        if (codes.lent != nullptr)
            index.lists_.lend(0, std::size_t(header.ntotal), codes.lent, nullptr);
        else if (index.is_trained())
            index.lists_.adopt(std::move(codes), rising_ids(std::size_t(header.ntotal)));
        index.count_loaded();
        index.in_place_ = in.lends();
        return index;
    });
}

// Vectors of an encoding with kRowsInFiles are encoded as they come; their memory is taken when the first few have told their form.
template <CoarseQuantizer Coarse, Encoding E>
class Ivf<Coarse, E>::ListFiller {
public:
    ListFiller(Ivf& index, std::size_t ntotal) : index_(index), ntotal_(ntotal) {
        if (!index.lists_.in_place()) sample_ = index.some_centroids();
    }

    std::size_t nlist() const { return index_.nlist_; }
    /// Vectors in all lists, as the record says.
    std::size_t ntotal() const { return ntotal_; }
    /// Bytes of a vector in a file.
    std::size_t code_bytes() const requires(!BlockStored<E>) {
        if constexpr (RowStored<E>)
            return index_.d_ * sizeof(float);
        else
            return file_code_bytes(index_.encoding_);
    }

    /// The numbers of vectors, by rising lists. The stream must hold vector_bytes for each of them. Errors: bad_file.
    Status set_sizes(Reader& in, std::span<const ListSize> sizes, std::size_t vector_bytes) {
        LUTRA_TRY(check_list_sizes(in, sizes, index_.lists_.nlist(), vector_bytes));
        sizes_.assign(index_.lists_.nlist(), 0);
        for (const ListSize& s : sizes)
            if (s.size != 0) sizes_[std::size_t(s.list)] = std::size_t(s.size);
        return {};
    }

    /// Reads all codes of a list that is not empty, code_bytes() each.
    Status read_codes(Reader& in, std::size_t list) requires(!BlockStored<E>) {
        if constexpr (RowStored<E>)
            return for_chunks_of_rows(sizes_[list], index_.d_, [&](std::size_t first, MatrixView chunk, float* rows) -> Status {
                LUTRA_TRY(read_values(in, rows, chunk.n * chunk.d));
                encode(list, first, chunk);
                return {};
            });
        else {
            take_memory();
            return in.read(index_.lists_.block_of(list, 0).blocks, sizes_[list] * code_bytes());
        }
    }
    /// Ids of a list, each >= 0, behind its codes.
    std::span<Id> ids(std::size_t list) { return index_.lists_.ids_to_set(list); }

    /// For records of codes in blocks.
    const E& encoding() const { return index_.encoding_; }
    InvertedLists& lists() { return index_.lists_; }
    const float* centroid_of(std::size_t list) const { return index_.centroid_of(list); }

private:
    void encode(std::size_t list, std::size_t first, MatrixView chunk) {
        index_.take_form_for(chunk, {sample_.data(), sample_.size() / chunk.d, chunk.d}, !has_memory_);
        take_memory();
        index_.encoding_.encode(row_pointers(chunk), nullptr, index_.lists_.block_of(list, 0), first);
    }

    void take_memory() {
        if (std::exchange(has_memory_, true)) return;
        index_.lists_.reserve(sizes_);
        for (std::size_t l = 0; l < sizes_.size(); ++l) index_.lists_.grow(l, sizes_[l]);
    }

    Ivf& index_;
    std::vector<float> sample_;
    std::size_t ntotal_;
    std::vector<std::size_t> sizes_;
    bool has_memory_ = false;
};

/// True if lists of the encoding can be used where a file has them.
template <StoredEncoding E>
bool keeps_codes_of_files(const E& encoding) {
    if constexpr (BlockStored<E>)
        return encoding.keeps_file_blocks();
    else
        return RowStored<E>;
}

// Empty lists, if the index is trained: to be filled, or views.
template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::make_lists(Reader& in, bool in_place) {
    if (!is_trained()) return {};
    if (!in_place) LUTRA_TRY(in.check_heap("vectors that cannot be used in place"));
    spreads_ = empty_spreads(coarse_);
    if (!in_place) return lists_ = empty_lists(encoding_), Status();
    LUTRA_TRY(in.check_room({InvertedLists::in_place_bytes(nlist_)}));
    lists_ = InvertedLists::views(nlist_, E::kBlock, encoding_.block_bytes(), encoding_.row_bytes(), in.room());
    return {};
}

template <CoarseQuantizer Coarse, Encoding E>
template <class Fill>
Result<Ivf<Coarse, E>> Ivf<Coarse, E>::from_record(Reader& in, const IvfRecord& record, Coarse&& coarse, E&& encoding,
                                                   Fill&& fill) {
    return guarded("load", [&]() -> Result<Ivf> {
        const IndexHeader& header = record.header;
        if (encoding.training_rows() != 0 && encoding.is_trained() != header.is_trained)
            return Status{Errc::bad_file, "index and encoding disagree on whether they are trained"};
        Ivf index(header.d, header.metric, std::size_t(record.nlist), std::move(coarse), std::move(encoding), WithoutLists());
        if (index.encoding_.by_residual()) LUTRA_TRY(in.check_heap("codes of residuals"));
        if (index.is_trained()) index.set_centroids(index.coarse_, index.encoding_);
        LUTRA_TRY(index.make_lists(in, in.lends() && keeps_codes_of_files(index.encoding_)));
        ListFiller filler(index, std::size_t(header.ntotal));
        LUTRA_TRY(fill(filler));
        index.count_loaded();
        std::vector<float> row(index.coarse_.wants_spreads() ? header.d : 0);
        for (std::size_t l = 0; l < index.lists_.nlist(); ++l) index.count_spread(l, 0, row.data());
        index.coarse_.set_spreads(index.spreads_.rms());
        if (index.ntotal_ != header.ntotal)
            return Status{Errc::bad_file, "IVF record says {} vectors, its lists hold {}", header.ntotal, index.ntotal_};
        index.nprobe_ = std::clamp<std::size_t>(std::size_t(record.nprobe), 1, index.nlist_);
        if (!index.lists_.in_place()) LUTRA_TRY(index.set_direct_map(record.map));
        index.in_place_ = in.lends();
        return index;
    });
}

template <CoarseQuantizer Coarse, Encoding E>
Result<Ivf<Coarse, E>> Ivf<Coarse, E>::load_in_lists(Reader& in, std::size_t depth, IndexOptions options) {
    return guarded("load", [&]() -> Result<Ivf> {
        IvfRecord record;
        LUTRA_TRY(read_ivf_header(in, record));
        Result<Coarse> coarse = Coarse::load(in, record.header, std::size_t(record.nlist), depth, options);
        LUTRA_TRY(coarse.status());
        return load_behind_coarse(in, record, std::move(*coarse), options);
    });
}

/// Reads the rest behind the coarse record. A separate function, as load_in_lists() stays on the stack while an index over
/// centroids loads.
template <CoarseQuantizer Coarse, Encoding E>
Result<Ivf<Coarse, E>> Ivf<Coarse, E>::load_behind_coarse(Reader& in, IvfRecord& record, Coarse&& coarse, IndexOptions options) {
    LUTRA_TRY(DirectMap::load_kind(in, record.map));
    Result<E> encoding = E::load_fields(in, record.header, options);
    LUTRA_TRY(encoding.status());
    return from_record(in, record, std::move(coarse), std::move(*encoding), [&](ListFiller& filler) {
        if constexpr (BlockStored<E>)
            return read_block_lists(in, filler);
        else
            return read_lists(in, filler);
    });
}

// Centroids are like the rows to come, of which a file has those of one list first. Empty without centroids.
template <CoarseQuantizer Coarse, Encoding E>
std::vector<float> Ivf<Coarse, E>::some_centroids() const {
    constexpr std::size_t kMost = 255;
    const std::size_t n = std::min(kMost, coarse_.nlist());
    std::vector<float> rows(n * d_);
    for (std::size_t i = 0; i < n; ++i) std::copy_n(coarse_.centroid(i * coarse_.nlist() / n), d_, rows.data() + i * d_);
    return rows;
}

}  // namespace lutra::inline LUTRA_ABI_TAG
