// lutra/tune/recall.hpp: recall, the share of the true nearest neighbours that a search found; ties count by distance.
// Main path: RecallJudge::make() -> distances of the true neighbours -> recall() of each search.  SPDX-License-Identifier: MIT
//
// If vectors are equally near (data sets of bytes have many), two exact searches may return different ones. So a hit is right if it
// is as near as the k-th true neighbour. Distances come from an index that keeps its vectors, or from the vectors themselves; for
// codes alone only ids can be compared.
#pragma once
#include <lutra/core/guarded.hpp>
#include <lutra/core/hits.hpp>
#include <lutra/core/validate.hpp>
#include <lutra/factory/index.hpp>
#include <lutra/kernels/distance.hpp>
#include <lutra/kernels/normalize.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// The vectors that an index was made of, by id. They need not be in memory.
///   read(first, count, out)   reads the vectors with ids first .. first + count - 1, all below n, into out [count, d]
struct BaseVectors {
    std::size_t n = 0;  ///< 0: not given
    std::function<Status(std::size_t, std::size_t, float*)> read = {};

    BaseVectors() = default;
    BaseVectors(std::size_t vectors, std::function<Status(std::size_t, std::size_t, float*)> reader)
        : n(vectors), read(std::move(reader)) {}
    /// Rows in memory, owned by the caller.
    explicit BaseVectors(MatrixView x)
        : n(x.n), read([x](std::size_t first, std::size_t count, float* out) {
              LUTRA_TRY(check_whole_rows("base vectors", x));
              std::copy_n(x.row(first), count * x.d, out);
              return Status{};
          }) {}
};

/// True if searches return exact distances of the vectors that reconstruct() returns: ...,RFlat, and ...,Flat behind no other
/// transform than L2norm, whose rows are stored as they are compared.
inline bool keeps_vectors(const Index& index) {
    const std::string spec = index.spec();
    std::string_view rest = spec;
    while (rest.starts_with("L2norm,")) rest.remove_prefix(7);
    return rest == "Flat" || rest.ends_with(",RFlat") || (rest.starts_with("IVF") && rest.ends_with(",Flat"));
}

/// True for cosine, and for L2 distances behind L2norm; RFlat in front of those compares vectors as they were before.
inline bool compares_unit_rows(const Index& index) {
    return index.metric() == Metric::cosine || (index.spec().starts_with("L2norm,") && index.k_factor() == 0);
}

/// Judges searches for the same queries against one truth.
///
/// The first `at` true ids that are not -1 are wanted. A hit among the first `at` is right if its id is wanted or, if distances are
/// known, if it is no further than the last wanted id. An id returned twice counts once.
class RecallJudge {
public:
    /// truth [queries.n, k], k >= most: true ids, best first, -1 where there are none; most: the largest `at` of recall().
    /// Distances are known from `base`, if it is given, or else from an index that keeps_vectors(). Queries and truth stay with the
    /// caller. Cost: queries.n * most distances, and a walk over the vectors.  Errors: bad_argument (shapes), out_of_memory, those
    /// of base.read().
    static Result<RecallJudge> make(const Index& index, MatrixView queries, std::span<const Id> truth, std::size_t most,
                                    BaseVectors base = {});

    bool knows_distances() const { return !distances_.empty(); }

    /// The share of wanted ids, over all queries, that was found; 1 if none is wanted. hits [queries.n, k] are those of the
    /// index; with base vectors only their ids matter.  Needs: 1 <= at <= most.  Cost: queries.n * at^2, with base vectors
    /// queries.n * k distances too.  Errors: bad_argument (another number of queries), out_of_memory, those of base.read().
    Result<double> recall(const Hits& hits, std::size_t at) const;

private:
    // Groups vectors to be read together: at most `gap` ids between two, and at most `most` ids in all.
    struct Runs {
        Id gap, most;
    };

    RecallJudge(const Index& index, MatrixView queries, std::span<const Id> truth, std::size_t most, BaseVectors base)
        : metric_(without_norm(index.metric())),
          queries_(queries),
          truth_(truth),
          k_(truth.size() / queries.n),
          most_(most),
          base_(std::move(base)) {}

    void normalize_queries();
    Status know_distances(const Index& index);
    Status from_base(std::span<const Id> ids, std::size_t k, std::vector<float>& out) const;
    Status from_index(const Index& index, std::span<const Id> ids, std::size_t k, std::vector<float>& out) const;
    template <class Read>
    Status measure(Read read, Runs runs, std::span<const Id> ids, std::size_t k, std::vector<float>& out) const;
    float bound(std::size_t query, std::size_t at) const;
    std::size_t right(std::size_t query, std::span<const Id> found, const float* distances) const;
    MatrixView asked() const { return unit_queries_.empty() ? queries_ : MatrixView{unit_queries_.data(), queries_.n, queries_.d}; }

    Metric metric_;
    MatrixView queries_;
    std::span<const Id> truth_;  // [nq, k_]
    std::size_t k_, most_;
    BaseVectors base_;
    AlignedVector<float> unit_queries_;  // as L2norm makes them; empty without it
    std::vector<float> distances_;       // [nq, most_] of the true ids, as hits have them; NaN: not known. Empty: none is known
};

inline Result<RecallJudge> RecallJudge::make(const Index& index, MatrixView queries, std::span<const Id> truth, std::size_t most,
                                             BaseVectors base) {
    LUTRA_TRY(check_whole_rows("recall", queries));
    if (queries.n == 0 || most == 0 || truth.size() % queries.n != 0 || truth.size() / queries.n < most || queries.d != index.dim())
        return Status{Errc::bad_argument,
                      "recall: {} queries of {} columns, {} neighbours, {} true ids; accepted: queries of {} columns, each with so "
                      "many true ids or more",
                      queries.n,
                      queries.d,
                      most,
                      truth.size(),
                      index.dim()};
    return guarded("recall", [&]() -> Result<RecallJudge> {
        RecallJudge judge(index, queries, truth, most, std::move(base));
        if (compares_unit_rows(index)) judge.normalize_queries();
        if (judge.base_.n != 0 || keeps_vectors(index)) LUTRA_TRY(judge.know_distances(index));
        return judge;
    });
}

inline void RecallJudge::normalize_queries() {
    unit_queries_.resize(queries_.n * queries_.d);
    normalize_rows(queries_.data, queries_.n, queries_.d, unit_queries_.data());
}

inline Status RecallJudge::know_distances(const Index& index) {
    std::vector<Id> ids;
    for (std::size_t i = 0; i < queries_.n; ++i) {
        const auto first = truth_.subspan(i * k_, most_);
        ids.insert(ids.end(), first.begin(), first.end());
    }
    return base_.n != 0 ? from_base(ids, most_, distances_) : from_index(index, ids, most_, distances_);
}

/// Distances of vectors as the index compares them: behind L2norm they have length 1.
inline Status RecallJudge::from_base(std::span<const Id> ids, std::size_t k, std::vector<float>& out) const {
    constexpr std::size_t kGap = 4096, kMost = std::size_t{1} << 18;  // floats
    const std::size_t d = queries_.d;
    const auto read = [&](Id first, std::size_t n, float* rows) -> Status {
        if (std::uint64_t(first) >= base_.n) return {};
        n = std::min(n, base_.n - std::size_t(first));
        LUTRA_TRY(base_.read(std::size_t(first), n, rows));
        if (!unit_queries_.empty()) normalize_rows(rows, n, d, rows);
        return {};
    };
    return measure(read, {Id(kGap / d), Id(std::max<std::size_t>(1, kMost / d))}, ids, k, out);
}

/// reconstruct_n() walks over all ids for each run, so runs are few.
inline Status RecallJudge::from_index(const Index& index, std::span<const Id> ids, std::size_t k, std::vector<float>& out) const {
    constexpr std::size_t kMost = std::size_t{1} << 20, kRuns = 64;  // floats
    const Id most = Id(std::max(kMost / queries_.d, index.ntotal() / kRuns) + 1);
    const auto read = [&](Id first, std::size_t n, float* rows) -> Status {
        Status status = index.reconstruct_n(first, n, rows);
        return status.code() == Errc::not_found ? Status{} : status;  // what is there has been written
    };
    return measure(read, {most, most}, ids, k, out);
}

/// out[i * k + j] = the distance of query i to the vector ids[i * k + j], NaN where there is none.
template <class Read>
Status RecallJudge::measure(Read read, Runs runs, std::span<const Id> ids, std::size_t k, std::vector<float>& out) const {
    constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();
    const std::size_t d = queries_.d;
    std::vector<std::size_t> slots;
    for (std::size_t slot = 0; slot < ids.size(); ++slot)
        if (ids[slot] >= 0) slots.push_back(slot);
    std::sort(slots.begin(), slots.end(), [&](std::size_t a, std::size_t b) { return ids[a] < ids[b]; });
    out.assign(ids.size(), kUnknown);
    AlignedVector<float> rows;
    for (std::size_t begin = 0, end = 0; begin < slots.size(); begin = end) {
        const Id first = ids[slots[begin]];
        Id last = first;
        for (; end < slots.size() && ids[slots[end]] - last <= runs.gap && ids[slots[end]] - first < runs.most; ++end)
            last = ids[slots[end]];
        const auto n = std::size_t(last - first) + 1;
        rows.resize(std::max(rows.size(), n * d));
        for (std::size_t i = 0; i < n; ++i) rows[i * d] = kUnknown;  // stays where there is no vector
        LUTRA_TRY(read(first, n, rows.data()));
        for (std::size_t i = begin; i < end; ++i) {
            const float* row = rows.data() + std::size_t(ids[slots[i]] - first) * d;
            const float score = score_row(metric_, asked().row(slots[i] / k), row, d);
            out[slots[i]] = metric_ == Metric::l2 ? score : -score;
        }
    }
    return {};
}

/// The distance of the last wanted id; NaN: not known.
inline float RecallJudge::bound(std::size_t query, std::size_t at) const {
    while (at > 0 && truth_[query * k_ + at - 1] == kNoId) --at;
    return at == 0 || distances_.empty() ? std::numeric_limits<float>::quiet_NaN() : distances_[query * most_ + at - 1];
}

inline std::size_t RecallJudge::right(std::size_t query, std::span<const Id> found, const float* distances) const {
    const std::span<const Id> wanted = truth_.subspan(query * k_, found.size());
    const float limit = bound(query, found.size());
    std::size_t count = 0;
    for (auto hit = found.begin(); hit != found.end(); ++hit, ++distances) {
        if (*hit == kNoId || std::find(found.begin(), hit, *hit) != hit) continue;
        const bool near = metric_ == Metric::l2 ? *distances <= limit : *distances >= limit;
        count += near || std::find(wanted.begin(), wanted.end(), *hit) != wanted.end();
    }
    return count;
}

inline Result<double> RecallJudge::recall(const Hits& hits, std::size_t at) const {
    LUTRA_ASSERT(at >= 1 && at <= most_);
    if (hits.nq != queries_.n || hits.k < at)
        return Status{Errc::bad_argument, "recall@{}: {} x {} hits for {} queries", at, hits.nq, hits.k, queries_.n};
    std::vector<float> exact;
    if (base_.n != 0) LUTRA_TRY(guarded("recall", [&] { return from_base(hits.ids, hits.k, exact); }));
    const std::vector<float>& distances = base_.n != 0 ? exact : hits.distances;
    std::size_t wanted = 0, there = 0;
    for (std::size_t i = 0; i < queries_.n; ++i) {
        const auto ids = truth_.subspan(i * k_, at);
        const std::size_t some = at - std::size_t(std::count(ids.begin(), ids.end(), kNoId));
        there += std::min(some, right(i, std::span(hits.ids).subspan(i * hits.k, at), distances.data() + i * hits.k));
        wanted += some;
    }
    return wanted == 0 ? 1 : double(there) / double(wanted);
}

}  // namespace lutra::inline LUTRA_ABI_TAG
