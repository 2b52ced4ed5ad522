// lutra/encodings/pq4fs/pq4fs_file.hpp: reads and writes Pq4FastScan as faiss does: "IPfs" alone, the fields of "IwPf" in lists.
// SPDX-License-Identifier: MIT
//
//   PQ     d, M, 4, centroids [M, 16, dsub]
//   IPfs   header, PQ, implem, bbs, qbs, ntotal rounded up to bbs, M rounded up to 2, codes
//   IwPf   IVF fields, by_residual, code_size, bbs, M rounded up to 2, implem, qbs, PQ, block lists
//
// Score-aware codes are ordinary codes to a reader: faiss finds a file of PQ{M}x4fs or PQ{M}x4fsr. A note in the header
// (io/record.hpp) tells lutra to encode further rows in the same way; faiss drops the note when it writes the file again.
//
// Codes are in blocks of bbs vectors in lane layout, 32 vectors after the other within each pair of sub-quantizers.
#pragma once
#include <lutra/encodings/pq4fs/pq4fs.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

/// The fields of a record that describe the layout of its codes.
struct Pq4FileLayout {
    std::size_t m = 0, bbs = kPq4Block;

    std::size_t m2() const { return round_up(m, 2); }
    std::size_t block_bytes() const { return bbs * m2() / 2; }
    std::size_t bytes(std::size_t n) const { return (n + bbs - 1) / bbs * block_bytes(); }
    std::size_t byte_of(std::size_t v, std::size_t sub) const {
        const std::size_t in_block = v % bbs;
        return v / bbs * block_bytes() + sub / 2 * bbs + in_block / kPq4Block * 32 +
               LaneLayout::byte_of(sub % 2, in_block % kPq4Block);
    }
};

inline Status write_pq(Writer& out, const Pq4Codebook& codebook) {
    LUTRA_TRY(write_value(out, std::uint64_t(codebook.dim())));
    LUTRA_TRY(write_value(out, std::uint64_t(codebook.m())));
    LUTRA_TRY(write_value(out, std::uint64_t{4}));
    const AlignedVector<float> zeros(codebook.is_trained() ? 0 : codebook.dim() * kPq4Centroids, 0.F);
    const AlignedVector<float>& centroids = codebook.is_trained() ? codebook.centroids() : zeros;
    return write_counted(out, centroids.data(), centroids.size());
}

/// Errors: bad_file; unsupported for other than 4 bits.
inline Result<Pq4Codebook> read_pq(Reader& in, const IndexHeader& header) {
    std::uint64_t d = 0, m = 0, bits = 0;
    LUTRA_TRY(read_value(in, d));
    LUTRA_TRY(read_value(in, m));
    LUTRA_TRY(read_value(in, bits));
    if (bits != 4) return Status{Errc::unsupported, "product quantizer of {} bits; accepted: 4", bits};
    if (d != header.d || m == 0 || m > d || d % m != 0)
        return Status{Errc::bad_file, "product quantizer of d = {}, M = {} in an index of d = {}; M must divide d", d, m, header.d};
    AlignedVector<float> centroids = vector_for<float>(in);
    LUTRA_TRY(read_counted(in, centroids));
    Pq4Codebook codebook{std::size_t(d), std::size_t(m)};
    if (centroids.empty() && !header.is_trained) return codebook;
    if (centroids.size() != d * kPq4Centroids)
        return Status{Errc::bad_file, "product quantizer with {} numbers; d = {} needs {}", centroids.size(), d, d * kPq4Centroids};
    if (!header.is_trained) return codebook;
    const std::uint64_t in_lanes = centroids.size() * sizeof(float);
    LUTRA_TRY(in.check_room({in_lanes, m * sizeof(std::uint16_t), m * sizeof(double), d / m * sizeof(float)}));
    codebook.set(std::move(centroids));
    return codebook;
}

inline constexpr std::int64_t kScoreAwareNote = IndexHeader::kNoNote + 'a';

inline Result<bool> read_score_aware(const IndexHeader& header, std::size_t m) {
    const bool score_aware = header.note == kScoreAwareNote;
    if (score_aware && header.metric == Metric::l2)
        return Status{Errc::bad_file, "score-aware codes for L2; accepted: for inner product"};
    if (score_aware) LUTRA_TRY(check_score_aware_piece(Errc::bad_file, header.d, m));
    return score_aware;
}

inline Status check_bbs(std::int64_t bbs) {
    if (bbs >= std::int64_t(kPq4Block) && bbs <= std::int64_t(kMaxPq4FileBlock) && bbs % std::int64_t(kPq4Block) == 0) return {};
    return {Errc::bad_file, "blocks of {} vectors; accepted: multiples of {} up to {}", bbs, kPq4Block, kMaxPq4FileBlock};
}

}  // namespace detail

inline Pq4FastScan::Pq4FastScan(Pq4Codebook codebook, bool by_residual, std::size_t bbs, bool score_aware)
    : codebook_(std::move(codebook)), by_residual_(by_residual), score_aware_(score_aware), bbs_(bbs) {}

inline std::int64_t Pq4FastScan::note() const { return score_aware_ ? detail::kScoreAwareNote : IndexHeader::kNoNote; }

inline std::size_t Pq4FastScan::file_block_bytes() const { return detail::Pq4FileLayout{m(), bbs_}.block_bytes(); }

inline void Pq4FastScan::to_file(ListView list, std::span<std::byte> out) const {
    const detail::Pq4FileLayout file{m(), bbs_};
    std::fill(out.begin(), out.end(), std::byte{0});
    for (std::size_t v = 0; v < list.size; ++v)
        for (std::size_t sub = 0; sub < m(); ++sub) {
            const auto code = std::byte(get_code<Layout>(list.codes.blocks + v / kBlock * block_bytes(), sub, v % kBlock));
            out[file.byte_of(v, sub)] |= v % kBlock < 16 ? code : code << 4;
        }
}

inline void Pq4FastScan::from_file(std::span<const std::byte> in, std::size_t n, const float* centroid, Codes codes) const {
    const detail::Pq4FileLayout file{m(), bbs_};
    for (std::size_t v = 0; v < n; ++v)
        for (std::size_t sub = 0; sub < m(); ++sub) {
            const auto both = std::uint8_t(in[file.byte_of(v, sub)]);
            const auto code = std::uint8_t(v % kBlock < 16 ? both & 15 : both >> 4);
            set_code<Layout>(codes.blocks + v / kBlock * block_bytes(), sub, v % kBlock, code);
        }
    set_terms(codes.blocks, 0, n, centroid);
}

inline Status Pq4FastScan::save_fields(Writer& out) const {
    LUTRA_TRY(write_value(out, std::uint8_t(by_residual_)));
    LUTRA_TRY(write_value(out, std::uint64_t(code_size())));
    LUTRA_TRY(write_value(out, std::int32_t(bbs_)));
    LUTRA_TRY(write_value(out, std::uint64_t(round_up(m(), 2))));
    LUTRA_TRY(write_value(out, std::int32_t{0}));   // implem: automatic
    LUTRA_TRY(write_value(out, std::uint64_t{0}));  // qbs: default
    return detail::write_pq(out, codebook_);
}

inline Result<Pq4FastScan> Pq4FastScan::load_fields(Reader& in, const IndexHeader& header, IndexOptions) {
    bool by_residual = false;
    std::uint64_t code_size = 0, m2 = 0, qbs = 0;
    std::int32_t bbs = 0, implem = 0;
    LUTRA_TRY(read_bool(in, by_residual));
    LUTRA_TRY(read_value(in, code_size));
    LUTRA_TRY(read_value(in, bbs));
    LUTRA_TRY(read_value(in, m2));
    LUTRA_TRY(read_value(in, implem));
    LUTRA_TRY(read_value(in, qbs));
    LUTRA_TRY(detail::check_bbs(bbs));
    Result<Pq4Codebook> codebook = detail::read_pq(in, header);
    LUTRA_TRY(codebook.status());
    if (m2 != round_up(codebook->m(), 2) || code_size != m2 / 2)
        return Status{Errc::bad_file, "code size {} and {} sub-quantizers do not fit M = {}", code_size, m2, codebook->m()};
    const Result<bool> score_aware = detail::read_score_aware(header, codebook->m());
    LUTRA_TRY(score_aware.status());
    return Pq4FastScan(std::move(*codebook), by_residual, std::size_t(bbs), *score_aware);
}

inline Status Pq4FastScan::save_alone(Writer& out, Metric metric, ListView list) const {
    LUTRA_TRY(write_fourcc(out, "IPfs"));
    LUTRA_TRY(write_header(out, {codebook_.dim(), list.size, is_trained(), metric, note()}));
    LUTRA_TRY(detail::write_pq(out, codebook_));
    LUTRA_TRY(write_value(out, std::int32_t{0}));  // implem: automatic
    LUTRA_TRY(write_value(out, std::int32_t(bbs_)));
    LUTRA_TRY(write_value(out, std::int32_t{0}));  // qbs: default
    LUTRA_TRY(write_value(out, std::uint64_t(round_up(list.size, bbs_))));
    LUTRA_TRY(write_value(out, std::uint64_t(round_up(m(), 2))));
    std::vector<std::byte> codes(detail::Pq4FileLayout{m(), bbs_}.bytes(list.size));
    to_file(list, codes);
    return write_counted(out, codes.data(), codes.size());
}

inline Result<Pq4FastScan> Pq4FastScan::load_alone(Reader& in, IndexHeader& header, OwnedCodes& codes, IndexOptions) {
    std::int32_t implem = 0, bbs = 0, qbs = 0;
    std::uint64_t ntotal2 = 0, m2 = 0;
    LUTRA_TRY(read_header(in, header));
    Result<Pq4Codebook> codebook = detail::read_pq(in, header);
    LUTRA_TRY(codebook.status());
    LUTRA_TRY(read_value(in, implem));
    LUTRA_TRY(read_value(in, bbs));
    LUTRA_TRY(read_value(in, qbs));
    LUTRA_TRY(read_value(in, ntotal2));
    LUTRA_TRY(read_value(in, m2));
    LUTRA_TRY(detail::check_bbs(bbs));
    std::vector<std::byte> copy;
    const std::byte* at = nullptr;
    std::size_t n_bytes = 0;
    LUTRA_TRY(read_or_lend_counted(in, copy, at, n_bytes));
    const std::span<const std::byte> bytes(at, n_bytes);
    const detail::Pq4FileLayout file{codebook->m(), std::size_t(bbs)};
    const bool emptied = header.ntotal == 0 && bytes.empty();  // faiss leaves ntotal2 as it was when it empties an index
    const std::uint64_t blocks = (header.ntotal + file.bbs - 1) / file.bbs;
    if (m2 != file.m2() || bytes.size() / file.block_bytes() != blocks || bytes.size() % file.block_bytes() != 0 ||
        (!emptied && ntotal2 != blocks * file.bbs))
        return Status{Errc::bad_file,
                      "{} bytes of codes, {} padded vectors and {} sub-quantizers do not fit {} vectors of M = {}",
                      bytes.size(),
                      ntotal2,
                      m2,
                      header.ntotal,
                      codebook->m()};
    if (header.ntotal != 0 && !header.is_trained)
        return Status{Errc::bad_file, "an untrained index holds {} vectors", header.ntotal};
    const Result<bool> score_aware = detail::read_score_aware(header, file.m);
    LUTRA_TRY(score_aware.status());
    Pq4FastScan encoding(std::move(*codebook), false, file.bbs, *score_aware);
    if (in.lends() && encoding.keeps_file_blocks()) {
        codes.lent = bytes.data();
        return encoding;
    }
    LUTRA_TRY(in.check_heap("4-bit codes in another layout"));
    codes.blocks.assign((std::size_t(header.ntotal) + kBlock - 1) / kBlock * encoding.block_bytes(), std::byte{0});
    encoding.from_file(bytes, std::size_t(header.ntotal), nullptr, codes);
    return encoding;
}
static_assert(BlockStored<Pq4FastScan>);

}  // namespace lutra::inline LUTRA_ABI_TAG
