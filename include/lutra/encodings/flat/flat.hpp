// lutra/encodings/flat/flat.hpp: the encoding "Flat": uncompressed rows, exact distances.  SPDX-License-Identifier: MIT
//
// Rows are kept in one of three forms, which are chosen by the first rows and by what the machine can do:
//
//   floats         4 d bytes a row
//   bytes, floats  d + 12 more, unless IndexOptions put memory first: a bound from bytes (kernels/byte_code.hpp) rules out
//                  most rows, floats decide
//   whole bytes    d + 4, where every component is one of 0, 1 .. 255, as in image descriptors: bytes are the rows
//
// Without kernels of bytes (kHasBytes) there are no bytes beside floats, and whole bytes are d a row, made floats for a scan.
// Results are the same, bit for bit. Bytes are in blocks of 16 rows, the last of a list padded, floats in an array of their own, so
// either is read without gaps: with a gap behind every block, memory gives a third of its rate (Zen 4).
#pragma once
#include <lutra/core/concepts.hpp>
#include <lutra/core/part_cost.hpp>
#include <lutra/core/prefetch.hpp>
#include <lutra/io/flat_record.hpp>
#include <lutra/kernels/byte_code.hpp>
#include <lutra/kernels/centroids.hpp>
#include <lutra/kernels/query_tile.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

class Flat {
    enum class Form { floats, copies, whole };  // copies: bytes beside floats

public:
    static constexpr std::string_view kName = "Flat";
    static constexpr std::size_t kBlock = kHasBytes ? kByteGroup : 1;
    // Lists come from memory once a tile: SIFT 1M, 1,024 lists, 10,000 queries take 0.9 of what tiles of 4,096 take (Granite Rapids).
    static constexpr std::size_t kQueryTile = 16384;
    static constexpr std::size_t kFirstLists = 0;  // two rounds were slower: bench/DEAD_ENDS.md
    static constexpr bool kEstimates = false;
    static constexpr bool kRowsInFiles = true;
    using Candidates = TopCollector;
    using State = ByteTarget;

    explicit Flat(std::size_t d, IndexOptions options = {}) : d_(d), options_(options) {}

    static std::optional<Result<Flat>> parse(std::string_view token, std::size_t d, bool /*in_lists*/, IndexOptions options = {}) {
        if (token != kName) return std::nullopt;
        return Result<Flat>(Flat(d, options));
    }
    std::string token() const { return std::string(kName); }
    Flat untrained() const { return Flat(d_, options_); }

    std::size_t block_bytes() const { return in_blocks() ? code_.group_bytes() : 0; }
    std::size_t row_bytes() const { return has_floats() ? d_ * sizeof(float) : in_blocks() ? 0 : d_; }
    std::size_t code_size() const { return d_ * sizeof(float); }
    bool by_residual() const { return false; }
    bool is_trained() const { return true; }
    std::size_t training_rows() const { return 0; }
    std::size_t least_training_rows() const { return 0; }
    Status check_metric(Metric) const { return {}; }
    Status train(Metric, MatrixView, MatrixView, const Resources&) { return {}; }
    void set_centroids(Metric, std::span<const float* const>) {}

    /// The form for rows x [n, d] in an index that is empty, or holds rows in this form; nullopt: this one. The origin of bytes is
    /// the median of the sample [m, d].
    std::optional<Flat> refit(Metric metric, MatrixView x, MatrixView sample, bool is_empty) const {
        if (x.n == 0 || (!is_empty && has_floats())) return std::nullopt;
        const bool whole = d_ <= kMostByteColumns && are_whole(x.data, x.n * d_);
        if (whole && !has_floats()) return std::nullopt;
        return whole ? of_whole_rows(metric) : of_any_rows(metric, sample);
    }
    std::optional<Flat> refit(Metric metric, const Flat& other, MatrixView sample, bool is_empty) const {
        if (!is_empty && (has_floats() || !other.has_floats())) return std::nullopt;
        if (!other.has_floats()) return of_whole_rows(metric);
        Flat any = of_any_rows(metric, sample);
        if (any.form_ == other.form_) any.code_ = other.code_;  // so blocks can be copied
        return any;
    }
    bool same_form(const Flat& other) const { return form_ == other.form_ && code_ == other.code_; }
    std::string_view form() const {
        constexpr std::string_view kWords[] = {"floats", "floats, 8-bit copies beside them", "whole numbers as bytes"};
        return kWords[std::size_t(form_)];
    }

    void encode(std::span<const float* const> rows, const float*, Codes codes, std::size_t first) const {
        constexpr std::size_t kAhead = 4;  // rows of a list are scattered among those added
        auto scratch = code_.scratch();
        for (std::size_t i = 0, j = first; i < rows.size(); ++i, ++j) {
            if (i + kAhead < rows.size()) prefetch_bytes(rows[i + kAhead], d_ * sizeof(float));
            if constexpr (kHasBytes)
                if (in_blocks()) set_bytes(rows[i], j, codes.blocks, scratch);
            std::byte* const to = codes.rows + j * row_bytes();
            if (has_floats())
                std::memcpy(to, rows[i], row_bytes());
            else if (!in_blocks())
                for (std::size_t t = 0; t < d_; ++t) to[t] = std::byte(std::uint8_t(std::int32_t(rows[i][t])));
        }
    }
    void decode(ConstCodes codes, std::size_t slot, const float*, float* row) const {
        const std::byte* const from = codes.rows + slot * row_bytes();
        if (has_floats())
            std::memcpy(row, from, row_bytes());
        else if (in_blocks())
            code_.decode_whole(codes.blocks + slot / kBlock * block_bytes(), slot % kBlock, row);
        else
            for (std::size_t t = 0; t < d_; ++t) row[t] = float(std::to_integer<std::uint8_t>(from[t]));
    }
    void copy(ConstCodes from, std::size_t i, Codes to, std::size_t j) const {
        if (in_blocks())
            code_.copy(from.blocks + i / kBlock * block_bytes(), i % kBlock, to.blocks + j / kBlock * block_bytes(), j % kBlock);
        if (row_bytes() != 0) std::memcpy(to.rows + j * row_bytes(), from.rows + i * row_bytes(), row_bytes());
    }

    /// The form for rows x [n, d] that n_queries queries scan once: with bytes where making them pays.
    static Flat for_one_scan(Metric metric, MatrixView x, std::size_t n_queries) {
        constexpr std::size_t kFewQueries = 128;  // 298,353 x 256, Zen 4: 64 take 0.19 s by bytes, 0.14 by floats; 128 0.20, 0.24
        const Flat flat(x.d);
        if (!kBytesPay || n_queries < kFewQueries) return flat;
        return flat.refit(metric, x, x, true).value_or(flat);
    }
    /// Codes of x [n, d] in this form, one of for_one_scan(). Floats are not copied: x, and `blocks`, which receives the bytes, must
    /// outlive the codes.
    ConstCodes codes_beside(MatrixView x, AlignedVector<std::byte>& blocks, const Executor& executor = {}) const {
        constexpr std::size_t kRowsPerTask = 64 * kBlock;
        LUTRA_ASSERT(has_floats() || in_blocks());
        make_blocks(x.n, blocks);
        if constexpr (kHasBytes)
            executor.for_ranges(in_blocks() ? x.n : 0, kRowsPerTask, [&](std::size_t begin, std::size_t end, std::size_t) {
                auto scratch = code_.scratch();
                for (std::size_t j = begin; j < end; ++j) set_bytes(x.row(j), j, blocks.data(), scratch);
            });
        return {blocks.data(), reinterpret_cast<const std::byte*>(x.data)};
    }

    bool same(const Flat&) const { return true; }

    const State* prepare(Metric, const float* q, Arena& arena) const {
        State* const state = arena.take<State>(1).data();
        *state = State{q, {}, 0, false, false};
        if constexpr (kHasBytes)
            if (in_blocks()) *state = code_.target(q, arena);
        return state;
    }

    ArenaNeed prepare_bytes() const {
        const std::size_t state = arena_bytes<State>(1);
        return in_blocks() ? ArenaNeed{state + code_.target_bytes(), code_.passing_bytes()} : ArenaNeed{state, 0};
    }
    std::size_t scan_bytes(std::size_t n) const;

    // flat_scan.hpp
    template <Collector C>
    void scan(Metric metric, std::span<const State* const> queries, std::span<const float>, ListView list,
              std::span<C* const> collectors, Arena& arena) const;

    /// Of rows that are not whole bytes.
    PartCost cost(Metric, std::size_t) const {
        constexpr double kFaster = 3;  // a batch by bytes: SIFT 1M, IVF1024, nprobe 32, Zen 4: 2.7
        const bool bytes = copies_pay();
        PartCost cost;
        cost.row_bytes = bytes ? double(round_up(d_, kByteColumns) + 12) : 0;
        cost.sentence =
            detail::joined({"uncompressed rows, ", detail::bytes_text(double(code_size())), " each, are compared exactly"});
        if (bytes)
            cost.sentence += detail::joined(
                {"; 8-bit copies beside them, ", detail::bytes_text(cost.row_bytes), " each, first rule out most of them"});
        if (d_ <= kMostByteColumns)
            cost.sentence += detail::joined({"; rows of whole numbers 0 to 255 are kept as bytes alone, ",
                                             detail::bytes_text(double(whole_row_bytes())), " each"});
        cost.exact = true;
        cost.search_seconds = double(d_) / kMultiplyAddsPerSecond / (bytes && kBytesPay ? kFaster : 1);
        return cost;
    }

    static constexpr Fourcc kIvfRecord = "IwFl";
    static std::int64_t note() { return IndexHeader::kNoNote; }
    Status save_fields(Writer&) const { return {}; }
    static Result<Flat> load_fields(Reader&, const IndexHeader& header, IndexOptions options = {}) {
        return Flat(header.d, options);
    }

    static constexpr std::string_view kRecordName = kName;
    static constexpr std::array<Fourcc, 3> kAloneRecords = kFlatRecords;
    Status save_alone(Writer& out, Metric metric, ListView list) const;
    static Result<Flat> load_alone(Reader& in, IndexHeader& header, OwnedCodes& codes, IndexOptions options = {});

private:
    static constexpr std::size_t kLeastColumns = 32;  // below, the 12 bytes of a row's numbers are most of what a scan would save

    static std::vector<float> medians(MatrixView x) {
        std::vector<float> out(x.d);
        column_medians(x.data, x.n, x.d, out.data());
        return out;
    }
    void make_blocks(std::size_t n, AlignedVector<std::byte>& blocks) const;
    void make_room(std::size_t n, OwnedCodes& codes) const;
    void convert(std::size_t filled, std::size_t n, Flat form, OwnedCodes& codes);
    Flat of_whole_rows(Metric metric) const {
        Flat whole = untrained();
        whole.form_ = Form::whole;
        if (kHasBytes) whole.code_ = ByteCode(metric, d_);
        return whole;
    }
    Flat of_any_rows(Metric metric, MatrixView sample) const {
        Flat any = untrained();
        if (copies_pay()) any.form_ = Form::copies, any.code_ = ByteCode(metric, medians(sample));
        return any;
    }
    std::size_t whole_row_bytes() const { return kHasBytes ? round_up(d_, kByteColumns) + sizeof(float) : d_; }
    bool copies_pay() const { return kHasBytes && options_.byte_copies && d_ >= kLeastColumns && d_ <= kMostByteColumns; }

    bool in_blocks() const { return kHasBytes && form_ != Form::floats; }
    bool has_floats() const { return form_ != Form::whole; }
    void set_bytes(const float* row, std::size_t j, std::byte* blocks, ByteCode::Scratch& scratch) const {
        code_.set_row(row, blocks + j / kBlock * block_bytes(), j % kBlock, scratch);
    }
    ConstCodes from(ConstCodes codes, std::size_t j) const {
        return {codes.blocks + j / kBlock * block_bytes(), codes.rows + j * row_bytes()};
    }
    const float* float_row(const ListView& list, std::size_t j) const {
        return reinterpret_cast<const float*>(list.codes.rows) + j * d_;
    }
    float base_of(const ListView& list, std::size_t j) const {
        return code_.base(list.codes.blocks + j / kBlock * block_bytes(), j % kBlock);
    }

    // Where many queries are no faster by bytes, they go by floats.
    bool bytes_pay(std::size_t n_queries) const { return in_blocks() && (kBytesPay || n_queries < QueryTile<best>::kMinQueries); }
    // Several queries after each other: rows stay in the L1 cache for all of them. One: between two updates of its threshold.
    std::size_t rows_at_once(std::size_t n_queries) const {
        constexpr std::size_t kBytes = 24 << 10, kChunk = 1024;
        if (n_queries <= 2) return kChunk;
        return std::clamp(kBytes / (code_.group_bytes() * 2) * 2 * kBlock, 2 * kBlock, kChunk);
    }

    // Decoded rows stay in the L1 cache. Few queries: so few rows that the next ones come from memory while these are compared.
    // A small machine has no memory for more.
    std::size_t decoded_together(std::size_t n_queries) const {
        constexpr std::size_t kFew = 4 << 10, kMany = sizeof(std::size_t) < 8 ? 2 << 10 : 16 << 10, kMost = 256;
        const std::size_t bytes = n_queries < QueryTile<best>::kMinQueries ? std::min(kFew, kMany) : kMany;
        return std::clamp<std::size_t>(bytes / (d_ * sizeof(float)), 1, kMost);
    }

#if LUTRA_HAS_TILES
    // Rows between two updates of thresholds. Tiles cost 80 ns to set up, so runs are longer and in L2.
    std::size_t rows_of_tiles() const {
        constexpr std::size_t kBytes = 64 << 10, kLeast = 256, kChunk = 1024;
        return std::clamp(kBytes / (code_.group_bytes() * 2) * 2 * kBlock, kLeast, kChunk);
    }
#endif

    // flat_scan.hpp
    template <Collector C>
    void scan_floats(Metric metric, std::span<const State* const> queries, ListView list, std::span<C* const> collectors,
                     Arena& arena) const;
    template <bool Whole, Collector C>
    void scan_bytes(Metric metric, std::span<const State* const> queries, ListView list, std::span<C* const> collectors,
                    Arena& arena) const;
#if LUTRA_HAS_TILES
    template <bool Whole, Collector C>
    void scan_tiles(Metric metric, std::span<const State* const> queries, ListView list, std::span<C* const> collectors,
                    Arena& arena) const;
#endif
    template <bool Whole, std::size_t Q, Collector C>
    void scan_some(Metric metric, const State* const* queries, const ListView& part, C* const* collectors, ByteSurvivors* found,
                   Arena& arena) const;
    ByteGroups groups_of(const ListView& part) const {
        return {part.codes.blocks, (part.size + kBlock - 1) / kBlock, block_bytes(), code_.padded()};
    }
    static void take_room(std::size_t run, std::span<ByteSurvivors> found, Arena& arena);
    template <Collector C, class F>
    void for_runs(const ListView& list, std::size_t run, std::span<C* const> collectors, F&& f) const;
    template <bool Whole, Collector C>
    void offer_all(Metric metric, const State* const* queries, const ListView& part, std::span<const ByteSurvivors> found,
                   C* const* collectors, Arena& arena) const;
    template <bool Whole, Collector C>
    void offer(Metric metric, const State& query, const ListView& part, ByteSurvivors found, C& collector, Arena& arena) const;

    std::size_t d_;
    IndexOptions options_;
    Form form_ = Form::floats;
    ByteCode code_;
};

}  // namespace lutra::inline LUTRA_ABI_TAG

#include <lutra/encodings/flat/flat_file.hpp>
#include <lutra/encodings/flat/flat_scan.hpp>

namespace lutra::inline LUTRA_ABI_TAG {
static_assert(StoredEncoding<Flat>);
}  // namespace lutra::inline LUTRA_ABI_TAG
