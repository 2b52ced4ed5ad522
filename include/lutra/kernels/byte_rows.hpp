// lutra/kernels/byte_rows.hpp: 8-bit copies of rows with a proven error bound, to rule out rows that cannot be near.
// SPDX-License-Identifier: MIT
// Main path: may_be_near(): queries in bytes -> products -> byte_bounds.hpp -> the k-th least upper bound is the limit -> the rows
// whose lower bound is at or below it.
//
// The bound is that of byte_code.hpp, from above and from below. The origin is the median. Rows that may be near are compared
// exactly by the caller, so the result is that of comparing all: of 1,024 centroids 1 or 2 where the nearest is asked for, some 40
// for the nearest 32. A lone query takes the time of reading the rows, and bytes are a quarter of them; several together that of
// products, which are faster in bytes. Rows in few columns (projection.hpp) have a lower bound alone.
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/core/bisect.hpp>
#include <lutra/core/order_key.hpp>
#include <lutra/core/types.hpp>
#include <lutra/core/workspace.hpp>
#include <lutra/kernels/byte_bounds.hpp>
#include <lutra/kernels/byte_code.hpp>
#include <lutra/kernels/byte_tiles.hpp>
#include <lutra/kernels/column_medians.hpp>
#include <lutra/kernels/projection.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Rows that may be near a query.
struct RowsNear {
    std::uint32_t* rows = nullptr;  // rising; room for all, rounded up to 16
    std::size_t n = 0;              // 0: the bound says nothing, as the query is not finite or too long
};

/// Rows [n, d] in d + 16 bytes each, n rounded up to 16. Const calls are thread-safe.
class ByteRows {
public:
    ByteRows() = default;
    /// Empty if d > 65,536 (sums have 32 bits), or if a row is not finite or so long that its square may overflow.
    ByteRows(const float* rows, std::size_t n, std::size_t d, Metric metric)
        : ByteRows(rows, fit(rows, n, d) ? n : 0, d, metric, medians(rows, n, d), Projection()) {}
    /// Rows in few columns, for lower_bounds() alone; empty as well if those hold too little of them (projection.hpp). L2.
    static ByteRows in_few_columns(const float* rows, std::size_t n, std::size_t d) {
        if (!fit(rows, n, d)) return {};
        std::vector<float> origin = medians(rows, n, d);
        Projection projection = Projection::of({rows, n, d}, origin.data(), kHeld);
        return projection.empty() ? ByteRows() : ByteRows(rows, n, d, Metric::l2, std::move(origin), std::move(projection));
    }

    bool empty() const { return n_ == 0; }
    std::size_t size() const { return n_; }

    /// Replaces row j. Cannot fail; a row too long for bytes may always be near.
    void set_row(std::size_t j, const float* row) {
        bases_[j] = scales_[j] = widths_[j] = 0;
        slacks_[j] = std::numeric_limits<float>::infinity();
        Centred centred = centre(best{}, row, origin_.data(), d_, scratch_.data());
        if (!(centred.squared < detail::kLongestForBytes && centred.length < detail::kLongestForBytes)) return;
        const double length = double(centred.length);
        const float* const few = in_columns(scratch_.data(), few_.data(), centred);
        const Coded coded = encode_bytes(best{}, few, columns(), centred.largest, coded_.data());
        std::byte* const group = codes_.data() + j / kByteGroup * kByteGroup * padded_;
        detail::put_byte_row(coded_.data(), padded_, group, j % kByteGroup);
        scales_[j] = coded.scale;
        widths_[j] = detail::above(double(coded.error) + detail::kByteRatio * double(coded.norm));
        bases_[j] = metric_ == Metric::l2 ? centred.length : 0.F;
        slacks_[j] = slack(metric_ == Metric::l2 ? length : double(centred.squared) + origin_squared_);
    }

    /// So many queries are best asked for together.
    static std::size_t most_together() {
#if LUTRA_HAS_TILES
        if (tiles_granted()) return TileQueries::kMost;
#endif
        return kByteQueries;
    }

    /// The most that may_be_near(), and lower_bounds() or kth(), take from the arena for all rows.
    std::size_t near_bytes(std::size_t n_queries, std::size_t k) const {
        const std::size_t n = round_up(n_, kByteGroup);
        const std::size_t asked = arena_bytes<std::int8_t>(round_up(n_queries, kByteGroup) * pitch()) +
                                  arena_bytes<ByteCodes>(n_queries) + arena_bytes<Query>(n_queries);
        const std::size_t found = 2 * arena_bytes<float>(n_queries * n) + arena_bytes<float>(n_queries) + arena_bytes<float>(n);
        return asked + std::max(arena_bytes<float>(d_) + arena_bytes<float>(projection_.columns()),
                                found + std::max(kTileSumBytes, 2 * arena_bytes<float>(round_up(8 * k, kByteGroup))));
    }

    /// Finds all rows of [begin, end) that may be among the k nearest of those, for each query (pointers to d floats); numbers
    /// found are less begin. Needs: at most most_together() queries, begin a multiple of 16, end too or size(), 1 <= k <= end -
    /// begin.
    void may_be_near(std::span<const float* const> queries, std::size_t begin, std::size_t end, std::size_t k, RowsNear* found,
                     Arena& arena) const {
        LUTRA_ASSERT(begin % kByteGroup == 0 && (end % kByteGroup == 0 || end == n_));
        const Arena::Frame frame(arena);
        LUTRA_ASSERT(!queries.empty() && queries.size() <= most_together());
        const Asked asked = quantize_all(queries, arena);
        for (std::size_t q = 0; q < queries.size(); ++q) found[q].n = 0;
        if (k == 1) return find_nearest(asked, begin, end, found, arena);
        const std::size_t n = round_up(end - begin, kByteGroup);
        const auto products = arena.take<float>(asked.n * n), most = arena.take<float>(n);
        multiply(asked, groups(begin, n), products.data(), arena);
        for (std::size_t q = 0; q < asked.n; ++q) {
            if (!asked.targets[q].usable) continue;
            float* const least = products.data() + q * n;  // becomes bounds; slots behind the rows are infinitely far
            byte_bounds(best{}, terms(begin, n), asked.targets[q].bound, least, most.data());
            const float limit = kth(most.data(), end - begin, k, arena);
            found[q].n = std::min(end - begin, find_up_to(best{}, least, n, limit, found[q].rows));
        }
    }

    /// What each row's L2 score is at least, less |y|^2 of the query, which is returned; rows in few columns. least: room for all
    /// rounded up to 16, aligned; those behind the rows are infinite. NaN: nothing is known.
    float lower_bounds(const float* query, float* least, Arena& arena) const {
        const Arena::Frame frame(arena);
        const Asked asked = quantize_all({&query, 1}, arena);
        if (!asked.targets[0].usable) return std::numeric_limits<float>::quiet_NaN();
        multiply(asked, groups(0, bases_.size()), least, arena);
        byte_bounds(best{}, terms(0, bases_.size()), asked.targets[0].bound, least, nullptr);
        return asked.targets[0].length;
    }

    /// A value at or above the k-th least of values [n], and hardly more of them: the k-th of the least of groups of them, 8 k or
    /// so: of the k least about k / 16 share a group with another. Infinite values behind them fill a multiple of 16.
    static float kth(const float* values, std::size_t n, std::size_t k, Arena& arena) {
        const std::size_t groups = std::min(round_up(8 * k, kByteGroup), round_up(n, kByteGroup));
        const Arena::Frame frame(arena);
        const auto least = arena.take<float>(groups);
        std::copy_n(values, groups, least.begin());
        for (std::size_t j = groups; j < n; j += groups)
            for (std::size_t i = 0; i < std::min(groups, n - j); ++i) least[i] = std::min(least[i], values[j + i]);
        const auto keys = arena.take<std::int32_t>(groups);
        for (std::size_t j = 0; j < groups; ++j) keys[j] = order_key(least[j]);
        return from_order_key(kth_least(keys, k, k / 8).key);
    }

private:
#if LUTRA_HAS_TILES
    static constexpr std::size_t kTileSumBytes = detail::kTileSumBytes;
#else
    static constexpr std::size_t kTileSumBytes = 0;
#endif

    struct Query {
        ByteBoundQuery bound;
        float length = 0;
        bool usable = false;
    };
    // Queries in bytes: codes [n, pitch()], coded [n], targets [n].
    struct Asked {
        std::size_t n = 0;
        std::span<std::int8_t> codes;
        std::span<ByteCodes> coded;
        std::span<Query> targets;
    };

    static constexpr double kHeld = 0.95;  // by few columns

    static bool fit(const float* rows, std::size_t n, std::size_t d) {
        for (std::size_t j = 0; j < n; ++j)
            if (!(detail::squared_length(rows + j * d, d) < detail::kLongestForBytes)) return false;
        return d <= kMostByteColumns;
    }

    float slack(double squared) const {
        return float(detail::byte_slack(squared, d_ + (projection_.empty() ? 0 : projection_.slack_columns())));
    }

    Query quantize(const float* q, std::int8_t* codes, ByteCodes& coded, Arena& arena) const {
        const Arena::Frame frame(arena);
        coded = {codes, 0};
        std::fill_n(codes, pitch(), std::int8_t{0});
        const bool l2 = metric_ == Metric::l2;
        const auto x = arena.take<float>(d_), few = arena.take<float>(projection_.columns());
        Centred centred = centre(best{}, q, l2 ? origin_.data() : nullptr, d_, x.data());
        if (!(centred.squared < detail::kLongestForBytes && centred.length < detail::kLongestForBytes)) return {};
        const double length = double(centred.length);
        const float* const y = in_columns(x.data(), few.data(), centred);
        const Coded query = encode_bytes(best{}, y, columns(), centred.largest, codes);
        coded.bias = kByteZero * query.sum;
        const float factor = l2 ? 2.F : 1.F;
        return {{factor * query.scale, factor * detail::byte_reach(query), slack(length)}, centred.length, true};
    }

#if LUTRA_HAS_TILES
    std::size_t pitch() const { return TileQueries::pitch_for(padded_); }
    static bool by_tiles(std::size_t n) { return n >= TileQueries::kLeast && tiles_granted(); }
#else
    std::size_t pitch() const { return padded_; }
#endif

    Asked quantize_all(std::span<const float* const> queries, Arena& arena) const {
        const std::size_t n = queries.size();
        Asked asked{n, arena.take<std::int8_t>(round_up(n, kByteGroup) * pitch()), arena.take<ByteCodes>(n), arena.take<Query>(n)};
        for (std::size_t q = 0; q < n; ++q)
            asked.targets[q] = quantize(queries[q], asked.codes.data() + q * pitch(), asked.coded[q], arena);
        return asked;
    }

    // products [asked.n, rows.n * kByteGroup]
    void multiply(const Asked& asked, const ByteGroups& rows, float* products, Arena& arena) const {
#if LUTRA_HAS_TILES
        if (by_tiles(asked.n)) {
            TileQueries queries;
            queries.n = asked.n, queries.pitch = pitch(), queries.codes = asked.codes.data();
            for (std::size_t q = 0; q < asked.n; ++q) queries.each[q].codes = asked.coded[q];
            return byte_products(queries, rows, products, arena);
        }
#else
        static_cast<void>(arena);
#endif
        std::size_t q = 0;
        const auto next = [&]<std::size_t Q>(std::integral_constant<std::size_t, Q>) {
            byte_products<Q>(BestBytes{}, asked.coded.data() + q, rows, products + q * rows.n * kByteGroup);
            q += Q;
        };
        while (q + kByteQueries <= asked.n) next(std::integral_constant<std::size_t, kByteQueries>());
        while (q < asked.n) next(std::integral_constant<std::size_t, 1>());
    }

    ByteGroups groups(std::size_t begin, std::size_t n) const {
        return {codes_.data() + begin * padded_, n / kByteGroup, kByteGroup * padded_, padded_};
    }
    ByteBoundTerms terms(std::size_t begin, std::size_t n) const {
        return {bases_.data() + begin, scales_.data() + begin, widths_.data() + begin, slacks_.data() + begin, n};
    }

    // may_be_near() for k = 1, in runs of rows whose products stay in the L1 cache: the least upper bound so far is the limit of a
    // run, the last one that of all.
    void find_nearest(const Asked& asked, std::size_t begin, std::size_t end, RowsNear* found, Arena& arena) const {
        const std::size_t most = asked.n > kByteQueries ? 12 * 1024 : 6 * 1024;  // products; of tiles some are in L2
        const std::size_t room = round_up(end - begin, kByteGroup);
        const std::size_t run = std::min(most / asked.n / kByteGroup * kByteGroup, room);
        const auto products = arena.take<float>(asked.n * run), least = arena.take<float>(asked.n * room);
        const auto limits = arena.take<float>(asked.n);
        std::fill(limits.begin(), limits.end(), std::numeric_limits<float>::infinity());
        for (std::size_t first = begin; first < end; first += run) {
            const std::size_t n = round_up(std::min(run, end - first), kByteGroup);
            multiply(asked, groups(first, n), products.data(), arena);
            for (std::size_t q = 0; q < asked.n; ++q) {
                if (!asked.targets[q].usable) continue;
                float* const values = products.data() + q * n;
                limits[q] = std::min(limits[q], byte_bounds(best{}, terms(first, n), asked.targets[q].bound, values, nullptr));
                std::uint32_t* const rows = found[q].rows + found[q].n;
                const std::size_t count = find_up_to(best{}, values, n, limits[q], rows);
                for (std::size_t i = 0; i < count; ++i) {
                    least[q * room + found[q].n++] = values[rows[i]];
                    rows[i] += std::uint32_t(first - begin);
                }
            }
        }
        for (std::size_t q = 0; q < asked.n; ++q) keep_up_to(limits[q], least.data() + q * room, end - begin, found[q]);
    }
    // Of the found rows those below n whose bound is at or below a limit.
    static void keep_up_to(float limit, const float* least, std::size_t n, RowsNear& found) {
        std::size_t kept = 0;
        for (std::size_t i = 0; i < found.n; ++i)
            if (least[i] <= limit && found.rows[i] < n) found.rows[kept++] = found.rows[i];
        found.n = kept;
    }

    static std::vector<float> medians(const float* rows, std::size_t n, std::size_t d) {
        std::vector<float> out(d);
        if (n != 0) column_medians(rows, n, d, out.data());
        return out;
    }

    // Rows that fit.
    ByteRows(const float* rows, std::size_t n, std::size_t d, Metric metric, std::vector<float> origin, Projection projection)
        : n_(n),
          d_(d),
          projection_(std::move(projection)),
          padded_(round_up(columns(), kByteColumns)),
          metric_(metric),
          origin_(std::move(origin)),
          codes_(round_up(n_, kByteGroup) * padded_, std::byte{kByteZero}),
          scratch_(d),
          few_(projection_.columns()),
          coded_(padded_),
          bases_(round_up(n_, kByteGroup), std::numeric_limits<float>::infinity()),  // slots without a row are far
          scales_(bases_.size(), 0.F),
          widths_(bases_.size(), 0.F),
          slacks_(bases_.size(), 0.F) {
        if (n_ == 0) return;
        origin_squared_ = detail::squared_length(origin_.data(), d);
        for (std::size_t j = 0; j < n; ++j) set_row(j, rows + j * d);
    }

    std::size_t columns() const { return projection_.empty() ? d_ : projection_.columns(); }
    // x [d] in the columns that become bytes, with its length and largest component there.
    const float* in_columns(const float* x, float* few, Centred& centred) const {
        if (projection_.empty()) return x;
        projection_.apply(x, few);
        const float squared = centred.squared;
        centred = centre(best{}, few, nullptr, projection_.columns(), few);
        centred.squared = squared;
        return few;
    }

    std::size_t n_ = 0, d_ = 0;
    Projection projection_;
    std::size_t padded_ = 0;
    Metric metric_ = Metric::l2;
    std::vector<float> origin_;  // [d]
    double origin_squared_ = 0;
    AlignedVector<std::byte> codes_;                         // groups of 16 rows: byte_dots.hpp
    std::vector<float> scratch_;                             // [d], of set_row()
    AlignedVector<float> few_;                               // [m], the same
    std::vector<std::int8_t> coded_;                         // [padded], the same
    AlignedVector<float> bases_, scales_, widths_, slacks_;  // ByteBoundTerms
};

/// ByteRows of builds without kernels of bytes: always empty, and nothing to carry.
struct NoByteRows {
    NoByteRows() = default;
    NoByteRows(const float*, std::size_t, std::size_t, Metric) {}
    static NoByteRows in_few_columns(const float*, std::size_t, std::size_t) { return {}; }
    static constexpr bool empty() { return true; }
    static void set_row(std::size_t, const float*) {}
    static constexpr std::size_t near_bytes(std::size_t, std::size_t) { return 0; }
    static void may_be_near(std::span<const float* const>, std::size_t, std::size_t, std::size_t, RowsNear*, Arena&) {}
    static float lower_bounds(const float*, float*, Arena&) { return std::numeric_limits<float>::quiet_NaN(); }
};
/// What centroids keep.
using CentroidBytes = std::conditional_t<kHasBytes, ByteRows, NoByteRows>;

}  // namespace lutra::inline LUTRA_ABI_TAG
