// lutra/encodings/flat/flat.hpp: the encoding "Flat": uncompressed rows, 4 d bytes each, exact distances.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/concepts.hpp>
#include <lutra/core/part_cost.hpp>
#include <lutra/io/flat_record.hpp>
#include <lutra/kernels/scan_rows.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace lutra::inline LUTRA_ABI_TAG {

class Flat {
public:
    static constexpr std::string_view kName = "Flat";
    static constexpr std::size_t kBlock = 1;
    static constexpr std::size_t kQueryTile = 4096;  // enough that many share a list
    static constexpr std::size_t kFirstLists = 0;    // two rounds were slower: bench/DEAD_ENDS.md
    static constexpr bool kEstimates = false;
    using Candidates = TopCollector;
    using State = float;  // a query needs no preparation: its state is its row

    explicit Flat(std::size_t d) : d_(d) {}

    static std::optional<Result<Flat>> parse(std::string_view token, std::size_t d, bool /*in_lists*/) {
        if (token != kName) return std::nullopt;
        return Result<Flat>(Flat(d));
    }
    std::string token() const { return std::string(kName); }
    Flat untrained() const { return *this; }

    std::size_t block_bytes() const { return d_ * sizeof(float); }
    std::size_t code_size() const { return block_bytes(); }
    bool by_residual() const { return false; }
    bool is_trained() const { return true; }
    std::size_t training_rows() const { return 0; }
    std::size_t least_training_rows() const { return 0; }
    Status check_metric(Metric) const { return {}; }
    Status train(Metric, MatrixView, MatrixView, const Resources&) { return {}; }
    void set_origins(Metric, std::span<const float* const>) {}
    void encode(std::span<const float* const> rows, const float*, std::byte* codes, std::size_t first) const {
        for (std::size_t i = 0; i < rows.size(); ++i) std::memcpy(codes + (first + i) * block_bytes(), rows[i], block_bytes());
    }
    void decode(const std::byte* block, std::size_t, const float*, float* row) const { std::memcpy(row, block, block_bytes()); }
    void copy(const std::byte* from, std::size_t, std::byte* to, std::size_t) const { std::memcpy(to, from, block_bytes()); }

    bool same(const Flat&) const { return true; }

    const State* prepare(Metric, const float* q, Arena&) const { return q; }

    template <Collector C>
    void scan(Metric metric, std::span<const State* const> queries, std::span<const float>, ListView list,
              std::span<C* const> collectors, Arena& arena) const {
        scan_rows<C>(metric, {reinterpret_cast<const float*>(list.codes), list.ids, list.size, d_}, queries, collectors, arena);
    }

    PartCost cost(Metric, std::size_t) const {
        PartCost cost;
        cost.sentence =
            detail::joined({"uncompressed rows, ", detail::bytes_text(double(block_bytes())), " each, are compared exactly"});
        cost.exact = true;
        cost.search_seconds = double(d_) / kMultiplyAddsPerSecond;
        return cost;
    }

    static constexpr Fourcc kIvfRecord = "IwFl";
    static std::int64_t note() { return IndexHeader::kNoNote; }
    Status save_fields(Writer&) const { return {}; }
    static Result<Flat> load_fields(Reader&, const IndexHeader& header) { return Flat(header.d); }

    static constexpr std::string_view kRecordName = kName;
    static constexpr std::array<Fourcc, 3> kAloneRecords = kFlatRecords;
    Status save_alone(Writer& out, Metric metric, ListView list) const {
        return write_flat_record(out, {reinterpret_cast<const float*>(list.codes), list.size, d_}, metric);
    }
    static Result<Flat> load_alone(Reader& in, IndexHeader& header, AlignedVector<std::byte>& codes) {
        LUTRA_TRY(read_flat_record(in, header, codes));
        return Flat(header.d);
    }

private:
    std::size_t d_;
};
static_assert(StoredEncoding<Flat>);

}  // namespace lutra::inline LUTRA_ABI_TAG
