// lutra/encodings/pq4fs/pq4fs.hpp: "PQ{M}x4fs": 4-bit product quantization, scanned by table look-ups in registers (FastScan).
// SPDX-License-Identifier: MIT
// Main path: train() -> pq4fs_train.hpp;  encode() -> blocks of 32 (layout.hpp);  prepare() -> look-up tables (lut.hpp);
// scan() -> scan_pq4() (kernel_best.hpp) for up to four queries a pass -> survivors into each query's candidates.
// Sources: Andre, Kermarrec, Le Scouarnec: "Cache locality is not enough" (tables in registers), VLDB 2015, and "Accelerated
// nearest neighbor search with Quick ADC" (4-bit codes), ICMR 2017; Johnson, Douze, Jegou, "Billion-scale similarity search with
// GPUs", IEEE Trans. Big Data 7(3), 2021 (the pipeline around it).
#pragma once
#include <lutra/core/concepts.hpp>
#include <lutra/core/part_cost.hpp>
#include <lutra/core/reservoir.hpp>
#include <lutra/encodings/pq4fs/kernel_best.hpp>
#include <lutra/encodings/pq4fs/kernel_score_aware.hpp>
#include <lutra/encodings/pq4fs/lut.hpp>
#include <lutra/encodings/pq4fs/pq4fs_token.hpp>
#include <lutra/io/record.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

/// Codes of M / 2 bytes; M divides d. Scores of a scan are estimates, within M * step / 2 of the exact score of the decoded vector
/// (lut.hpp). A search replaces them by the exact scores, unless it is asked for Order::rough.
class Pq4FastScan {
    using Kernel = detail::Pq4Kernel;
    using Layout = typename Kernel::Layout;

public:
    static constexpr std::string_view kName = "PQ{M}x4fs";
    static constexpr std::size_t kBlock = kPq4Block;
    static constexpr std::size_t kQueryTile = 1024;                     // others measured: bench/DEAD_ENDS.md
    static constexpr std::size_t kFirstLists = 2;                       // the same
    static constexpr std::size_t kTrainingRows = 2048 * kPq4Centroids;  ///< most rows train() uses
    static constexpr bool kEstimates = true;
    using Candidates = Reservoir;
    struct State {
        const float* query = nullptr;
        double unit = 1;      // factor of the scores in lut
        bool shared = false;  // lut serves all near lists: residual_terms.hpp
        Pq4Lut lut;
    };

    /// bbs: vectors per block in files; 32 is what faiss handles best. score_aware: codes for inner products (score_aware.hpp),
    /// d / M at most 128.
    explicit Pq4FastScan(std::size_t d, std::size_t m, bool by_residual = false, std::size_t bbs = kBlock, bool score_aware = false)
        : codebook_(d, m), by_residual_(by_residual), score_aware_(score_aware), bbs_(bbs) {}

    static std::optional<Result<Pq4FastScan>> parse(std::string_view text, std::size_t d, bool in_lists, IndexOptions = {}) {
        const std::optional<detail::Pq4Token> token = detail::read_pq4_token(text);
        if (!token) return std::nullopt;
        if (Status status = detail::check_pq4_token(*token, d, in_lists); !status.ok())
            return std::optional<Result<Pq4FastScan>>(std::in_place, status);
        return std::optional<Result<Pq4FastScan>>(std::in_place,
                                                  Pq4FastScan(d, token->m, token->by_residual, token->bbs, token->score_aware));
    }
    std::string token() const { return detail::write_pq4_token({m(), bbs_, by_residual_, score_aware_}); }
    Pq4FastScan untrained() const { return Pq4FastScan(codebook_.dim(), m(), by_residual_, bbs_, score_aware_); }
    static std::string repair(std::string_view text, std::size_t d, Metric metric, bool in_lists) {
        return detail::repair_pq4_token(text, d, metric, in_lists);
    }

    PartCost cost(Metric metric, std::size_t training_rows) const;  // pq4fs_cost.hpp

    std::size_t m() const { return codebook_.m(); }
    const Pq4Codebook& codebook() const { return codebook_; }
    bool by_residual() const { return by_residual_; }
    bool is_trained() const { return codebook_.is_trained(); }
    /// 2 bytes more a vector where rows have terms (residual_terms.hpp).
    std::size_t block_bytes() const { return lutra::block_bytes<Layout>(m()) + (terms_.used() ? kPq4TermBytes : 0); }
    std::size_t row_bytes() const { return 0; }
    std::size_t code_size() const { return (m() + 1) / 2; }
    /// The best k + 8 + k / 8 estimates contain the nearest vector in at least 997 of 1,000 searches, and all ten nearest in 983 or
    /// more: measurements in README.md.
    static constexpr std::size_t with_estimates(std::size_t k) { return k + 8 + k / 8; }

    std::size_t training_rows() const { return kTrainingRows; }
    std::size_t least_training_rows() const { return kPq4Centroids; }
    Status check_metric(Metric metric) const {
        if (!score_aware_ || metric == Metric::inner_product) return {};
        return {Errc::bad_argument, "{}: score-aware codes are for inner product or cosine, not {}; plain: {}", token(),
                metric_name(metric), detail::write_pq4_token({m(), kBlock, by_residual_})};
    }
    Status train(Metric metric, MatrixView x, MatrixView rows, const Resources& resources);  // pq4fs_train.hpp

    void set_centroids(Metric metric, std::span<const float* const> centroids) {
        terms_ = {};
        if (by_residual_ && metric == Metric::l2) terms_.set(codebook_, centroids);
    }

    std::optional<Pq4FastScan> refit(Metric, MatrixView, MatrixView, bool) const { return std::nullopt; }
    std::optional<Pq4FastScan> refit(Metric, const Pq4FastScan&, MatrixView, bool) const { return std::nullopt; }
    bool same_form(const Pq4FastScan&) const { return true; }
    std::string_view form() const { return "4-bit codes"; }

    void encode(std::span<const float* const> rows, const float* centroid, Codes to, std::size_t first) const {
        std::byte* const codes = to.blocks;
        if (score_aware_) return encode_score_aware(rows, centroid, codes, first);
        AlignedVector<float> lanes;
        encode_rows(codebook_, rows, centroid, lanes, [&](std::size_t i, std::size_t m, const float* run, std::size_t n) {
            for (std::size_t l = 0, v = first + i; l < n; ++l, ++v)
                set_code<Layout>(codes + v / kBlock * block_bytes(), m, v % kBlock, std::uint8_t(run[l]));
        });
        set_terms(codes, first, rows.size(), centroid);
    }
    void decode(ConstCodes codes, std::size_t slot, const float* centroid, float* out) const {
        const std::byte* const block = codes.blocks + slot / kBlock * block_bytes();
        slot %= kBlock;
        switch (codebook_.dsub()) {
            case 1:
                copy_centroids<1>(block, slot, out);
                break;
            case 2:
                copy_centroids<2>(block, slot, out);
                break;
            case 4:
                copy_centroids<4>(block, slot, out);
                break;
            case 8:
                copy_centroids<8>(block, slot, out);
                break;
            default:
                copy_centroids<0>(block, slot, out);
        }
        for (std::size_t t = 0; t < codebook_.dim() && centroid != nullptr; ++t) out[t] += centroid[t];
    }
    void copy(ConstCodes from_codes, std::size_t from_slot, Codes to_codes, std::size_t to_slot) const {
        const std::byte* const from = from_codes.blocks + from_slot / kBlock * block_bytes();
        std::byte* const to = to_codes.blocks + to_slot / kBlock * block_bytes();
        from_slot %= kBlock, to_slot %= kBlock;
        for (std::size_t m = 0; m < codebook_.m(); ++m) set_code<Layout>(to, m, to_slot, get_code<Layout>(from, m, from_slot));
        if (terms_.used()) set_term(to + codes_bytes(), to_slot, std::uint16_t(get_term(from + codes_bytes(), from_slot)));
    }

    const State* prepare(Metric metric, const float* q, Arena& arena) const {
        State* state = arena.take<State>(1).data();
        *state = {q, unit_of({codebook_, metric, q}), false, {}};
        state->shared = state->unit == 1 && terms_.shares(q);
        if (state->shared)
            state->lut = make_shared_lut(codebook_, terms_, q, padded<Layout>(m()), arena);
        else if (!by_residual_ || metric == Metric::inner_product)
            state->lut = make_lut({codebook_, metric, q}, padded<Layout>(m()), arena, state->unit);
        return state;
    }

    ArenaNeed prepare_bytes() const {
        const ArenaNeed lut = lut_bytes<Layout>(codebook_);
        return {arena_bytes<State>(1) + lut.kept + (by_residual_ ? arena_bytes<float>(codebook_.dim()) : 0), lut.passing};
    }
    std::size_t scan_bytes(std::size_t n) const {
        const ArenaNeed lut = lut_bytes<Layout>(codebook_);
        const std::size_t own_lut = by_residual_ ? arena_bytes<float>(codebook_.dim()) + lut.kept : 0;
        return arena_bytes<Scan<Reservoir>>(kPass) + arena_bytes<float>(codebook_.dim()) + lut.passing +
               std::min(n, kPass) * (2 * arena_bytes<std::uint32_t>(kChunk) + own_lut);
    }

    template <Collector C>
    void scan(Metric metric, std::span<const State* const> queries, std::span<const float> distances, ListView list,
              std::span<C* const> collectors, Arena& arena) const {
        LUTRA_ASSERT(!by_residual_ || (list.centroid != nullptr && distances.size() == queries.size()));
        for (std::size_t i = 0; i < queries.size(); i += kPass) {
            const std::size_t n = std::min(kPass, queries.size() - i);
            const auto own = by_residual_ ? distances.subspan(i, n) : distances;
            scan_some(metric, queries.subspan(i, n), own, list, collectors.subspan(i, n), arena);
        }
    }

    static constexpr Fourcc kIvfRecord = "IwPf";
    static constexpr std::array<Fourcc, 1> kAloneRecords = {"IPfs"};
    static constexpr std::string_view kRecordName = "PQ..x4fs";
    std::int64_t note() const;  // the note in the record's header, alone or in lists
    Status save_fields(Writer& out) const;
    static Result<Pq4FastScan> load_fields(Reader& in, const IndexHeader& header, IndexOptions = {});
    // Codes of lists in files: blocks of file_block() vectors; to_file() fills, from_file() reads ceil(n / file_block()) of them.
    std::size_t file_block() const { return bbs_; }
    std::size_t file_block_bytes() const;
    /// False for quads (layout.hpp), for terms behind the codes, and for blocks of more vectors.
    bool keeps_file_blocks() const {
        return is_trained() && std::is_same_v<Layout, LaneLayout> && bbs_ == kBlock && !terms_.used();
    }
    void to_file(ListView list, std::span<std::byte> out) const;
    void from_file(std::span<const std::byte> in, std::size_t n, const float* centroid, Codes codes) const;
    Status save_alone(Writer& out, Metric metric, ListView list) const;
    static Result<Pq4FastScan> load_alone(Reader& in, IndexHeader& header, OwnedCodes& codes, IndexOptions = {});

    /// True if codes of the other mean the same.
    bool same(const Pq4FastScan& other) const { return codebook_.centroids() == other.codebook_.centroids(); }

private:
    Pq4FastScan(Pq4Codebook codebook, bool by_residual, std::size_t bbs, bool score_aware);

    void encode_score_aware(std::span<const float* const> rows, const float* centroid, std::byte* codes, std::size_t first) const {
        const auto set = [&](std::size_t i, const std::uint8_t* chosen) {
            const std::size_t v = first + i;
            for (std::size_t m = 0; m < codebook_.m(); ++m)
                set_code<Layout>(codes + v / kBlock * block_bytes(), m, v % kBlock, chosen[m]);
        };
        if (centroid == nullptr) return detail::score_aware_rows(codebook_, rows, rows, set);
        detail::score_aware_residuals(codebook_, rows, centroid, set);
    }

    std::size_t codes_bytes() const { return lutra::block_bytes<Layout>(m()); }

    // Sets the terms of n rows whose codes stand from slot `first` on.
    void set_terms(std::byte* codes, std::size_t first, std::size_t n, const float* centroid) const {
        if (!terms_.used()) return;
        const Pq4ListTerms terms(codebook_, terms_, centroid);
        for (std::size_t v = first; v < first + n; ++v) {
            std::byte* block = codes + v / kBlock * block_bytes();
            set_term(block + codes_bytes(), v % kBlock, terms.of<Layout>(block, v % kBlock));
        }
    }

    // Dsub known to the compiler, or 0: any. A search decodes the candidates it rescores, so this is hot.
    template <std::size_t Dsub>
    void copy_centroids(const std::byte* block, std::size_t slot, float* out) const {
        const std::size_t dsub = Dsub != 0 ? Dsub : codebook_.dsub();
        const float* centroids = codebook_.centroids().data();
        for_codes<Layout>(block, slot, m(), [&](std::size_t sub, std::uint32_t code) {
            std::memcpy(out + sub * dsub, centroids + (sub * kPq4Centroids + code) * dsub, dsub * sizeof(float));
        });
    }

    // Vectors scanned between two updates of the limits: early limits against the cost of a call. The room for survivors, 32 KB for
    // four queries, stays in L1 or L2.
    static constexpr std::size_t kChunk = 1024;
    static constexpr std::size_t kPass = 4;  // queries that share each load of codes

    // The LUT of a query for this list: the query's own, for residuals shifted by the distance to the list's centroid; or a new
    // one, which costs as much as scanning a few hundred rows, if the list or the query is too far out to share (L2 residuals).
    Pq4Lut lut_for(Metric metric, const State& state, float distance, const ListView& list, Arena& arena) const {
        if (!by_residual_) return state.lut;
        if (metric == Metric::inner_product || (state.shared && terms_.near(list.number))) {
            Pq4Lut lut = state.lut;
            lut.bias += metric == Metric::inner_product ? score_of(state, distance, list.centroid) : distance;
            return lut;
        }
        const auto residual = arena.take<float>(codebook_.dim());
        constexpr float kMost = std::numeric_limits<float>::max();
        for (std::size_t t = 0; t < residual.size(); ++t)
            residual[t] = std::clamp(state.query[t] - list.centroid[t], -kMost, kMost);
        return make_lut({codebook_, metric, residual.data()}, padded<Layout>(m()), arena, state.unit);
    }

    // The score of an inner product with a list's centroid.
    float score_of(const State& state, float product, const float* centroid) const {
        if (state.unit == 1 && product - product == 0) return -product;
        double sum = 0;  // floats would overflow
        for (std::size_t t = 0; t < codebook_.dim(); ++t) sum -= double(state.query[t]) * double(centroid[t]);
        return float(std::clamp(sum * state.unit, -0x1p126, 0x1p126));
    }

    // Collectors without append() take exact scores, unless they are `rough`.
    template <class C>
    static constexpr bool kAppends = requires(C& c, std::span<const float> scores, std::uint64_t (*location)(std::size_t),
                                              Id (*id)(std::size_t)) {
        c.append(scores, location, id);
    };
    // With few sub-quantizers there are few different sums, so very many rows tie with the k-th: estimates cannot select among
    // them.
    static constexpr std::size_t kFewSums = 4;
    template <class C>
    bool wants_exact(const C& collector) const {
        if constexpr (requires { collector.rough; }) return !collector.rough && (!kAppends<C> || m() <= kFewSums);
        return true;
    }

    // The scan of one list for one query: its LUT, and the limit of sums for its collector's threshold.
    template <Collector C>
    struct Scan {
        const float* query;
        C* collector;
        bool exact;  // the collector takes exact scores of decoded vectors, not estimates
        Pq4Lut lut;
        Pq4Slack slack;
        float threshold;
        std::uint32_t limit;

        void start() { threshold = collector->threshold(), limit = lut.limit(slack.beyond(threshold)); }
        void refresh() {
            if (collector->threshold() != threshold) start();
        }
    };

    // pq4fs_scan.hpp
    template <Collector C>
    void scan_some(Metric metric, std::span<const State* const> states, std::span<const float> distances, const ListView& list,
                   std::span<C* const> collectors, Arena& arena) const;
    void scan_chunk(const ListView& list, std::size_t first, std::size_t n, std::span<const Pq4Query> queries,
                    std::span<Survivors> found) const;
    template <std::size_t Q>
    void scan_blocks(const Pq4Blocks& blocks, std::span<const Pq4Query> queries, std::span<Survivors> found) const;
    template <Collector C, class Exact>
    static void offer(const Scan<C>& scan, Survivors found, const ListView& list, std::size_t first, Exact&& exact);

    // Drops survivors that score worse than the `wanted` lowest sums; 0: none.
    static void keep_least(std::size_t wanted, const Pq4Lut& lut, Survivors& found) {
        if (wanted == 0 || found.n <= wanted) return;
        const KeyCount least = kth_least({reinterpret_cast<const std::int32_t*>(found.sums), found.n}, wanted, wanted / 8);
        const std::uint32_t limit = lut.limit(lut.score(std::uint32_t(least.key)));  // higher sums may round to the same score
        std::size_t n = 0;
        for (std::size_t i = 0; i < found.n; ++i) {
            const std::uint32_t sum = found.sums[i], offset = found.offsets[i];
            found.sums[n] = sum, found.offsets[n] = offset;
            n += sum < limit;
        }
        found.n = n;
    }

    float decoded_score(Metric metric, const float* q, const ListView& list, std::size_t at, float* decoded) const {
        decode(list.codes, at, by_residual_ ? list.centroid : nullptr, decoded);
        return std::min(score_row(metric, q, decoded, codebook_.dim()), std::numeric_limits<float>::max());  // as Ivf does
    }

    Pq4Codebook codebook_;
    Pq4Terms terms_;
    bool by_residual_, score_aware_ = false;
    std::size_t bbs_;
};

}  // namespace lutra::inline LUTRA_ABI_TAG

#include <lutra/encodings/pq4fs/pq4fs_cost.hpp>
#include <lutra/encodings/pq4fs/pq4fs_scan.hpp>
#if !defined(LUTRA_SEARCH_ONLY)
#include <lutra/encodings/pq4fs/pq4fs_train.hpp>
#endif
