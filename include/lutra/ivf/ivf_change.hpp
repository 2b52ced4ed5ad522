// lutra/ivf/ivf_change.hpp: add, remove_ids and merge_from of Ivf.
// SPDX-License-Identifier: MIT
//
// Each call first does everything that can fail: it checks the rows, allocates, and fills reserved slots that no search sees yet;
// then it only copies and counts. So an error, or an exception of the caller's own functions, leaves the index unchanged.
#pragma once
#include <lutra/core/counting_sort.hpp>
#include <lutra/core/ids.hpp>
#include <lutra/ivf/ivf.hpp>
#include <lutra/kernels/nearest.hpp>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::add(MatrixView x, const Resources& resources) {
    return guarded("add", [&]() -> Status {
        LUTRA_TRY(check_add(x));
        if (x.n == 0) return {};
        LUTRA_TRY(next_id_.check_room(x.n));
        return append(x, NewIds(next_id_), resources);
    });
}

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::add_with_ids(MatrixView x, const Id* ids, const Resources& resources) {
    return guarded("add", [&]() -> Status {
        LUTRA_TRY(check_add(x));
        if (x.n == 0) return {};
        LUTRA_TRY(check_given_ids(ids, x.n));
        LUTRA_TRY(append(x, NewIds(ids), resources));
        positional_ = false;
        return {};
    });
}

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::append(MatrixView x, NewIds ids, const Resources& resources) {
    std::vector<Id> lists(x.n);
    LUTRA_TRY(assign(x, lists, resources));
    take_form_for(x, x, ntotal_ == 0);
    std::vector<std::size_t> first(nlist_ + 1), rows(x.n), before(nlist_), more(nlist_);
    const auto visit = [&](auto&& f) {
        for (std::size_t i = 0; i < x.n; ++i) f(std::size_t(lists[i]), i);
    };
    counting_sort(std::span(first), visit, [&](std::size_t at, std::size_t i) { rows[at] = i; });
    for (std::size_t l = 0; l < nlist_; ++l) before[l] = lists_.size(l), more[l] = first[l + 1] - first[l];
    const auto rows_of = [&](std::size_t l) { return std::span(rows).subspan(first[l], more[l]); };
    Id highest = kNoId;
    for (std::size_t i = 0; i < x.n; ++i) highest = std::max(highest, ids[i]);
    lists_.reserve(more);
    direct_map_.reserve(ntotal_ + x.n, highest < Id(ntotal_ + x.n));
    std::vector<double> squared(coarse_.wants_spreads() ? nlist_ : 0);
    resources.executor.for_ranges(nlist_, kListsPerTask, [&](std::size_t begin, std::size_t end, std::size_t) {
        std::vector<float> row(d_);
        for (std::size_t l = begin; l < end; ++l) {
            encode(l, x, rows_of(l));
            if (!squared.empty())
                squared[l] = squared_residuals(l, before[l], before[l] + rows_of(l).size(), spreads_.squared(l), row.data());
        }
    });
    LUTRA_TRY(resources.progress.report("add", x.n, x.n));

    // Nothing fails any more.
    for (std::size_t l = 0; l < nlist_; ++l) {
        lists_.admit(l, rows_of(l).size());
        for (std::size_t at = before[l]; const std::size_t i : rows_of(l)) lists_.ids_to_set(l)[at++] = ids[i];
        if (!squared.empty()) spreads_.set(l, squared[l], lists_.size(l));
    }
    coarse_.set_spreads(spreads_.rms());
    next_id_.pass(highest);
    ntotal_ += x.n;
    direct_map_.append(before, lists_);
    return {};
}

// Encodes rows of x into reserved slots behind the codes of a list.
template <CoarseQuantizer Coarse, Encoding E>
void Ivf<Coarse, E>::encode(std::size_t list, MatrixView x, std::span<const std::size_t> rows) {
    if (rows.empty()) return;
    std::vector<const float*> pointers(rows.size());
    std::transform(rows.begin(), rows.end(), pointers.begin(), [x](std::size_t i) { return x.row(i); });
    lists_.prepare(list, rows.size());
    encoding_.encode(pointers, centroid_of(list), lists_.block_of(list, 0), lists_.size(list));
}

// Adds to `sum` the squared distances to the centroid of rows [begin, end) of a list, which may be in slots not admitted yet.
// row [d]: scratch.
template <CoarseQuantizer Coarse, Encoding E>
double Ivf<Coarse, E>::squared_residuals(std::size_t list, std::size_t begin, std::size_t end, double sum, float* row) const {
    for (std::size_t i = begin; i < end; ++i) {
        decode({list, i}, row);
        sum += ListSpreads::between(row, coarse_.centroid(list), d_);
    }
    return sum;
}

// Adds a list's rows from offset `begin` on to its spread. row [d]: scratch. Call coarse_.set_spreads() afterwards.
template <CoarseQuantizer Coarse, Encoding E>
void Ivf<Coarse, E>::count_spread(std::size_t list, std::size_t begin, float* row) {
    if (!coarse_.wants_spreads()) return;
    const std::size_t size = lists_.size(list);
    spreads_.set(list, squared_residuals(list, begin, size, begin != 0 ? spreads_.squared(list) : 0, row), size);
}

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::assign(MatrixView x, std::span<Id> lists, const Resources& resources) const {
    constexpr std::size_t kReport = 64 * kNearestGrain;  // rows per progress report
    BorrowedWorkspace workspace(resources);
    for (std::size_t i0 = 0; i0 < x.n; i0 += kReport) {
        LUTRA_TRY(resources.progress.report("add", i0, x.n));
        resources.executor.for_ranges(
            std::min(kReport, x.n - i0), kNearestGrain, [&](std::size_t begin, std::size_t end, std::size_t worker) {
                coarse_.assign(x.rows(i0 + begin, i0 + end), lists.data() + i0 + begin, workspace.arena(worker));
            });
    }
    return {};
}

template <CoarseQuantizer Coarse, Encoding E>
Result<std::size_t> Ivf<Coarse, E>::remove_ids(const IdFilter& filter) {
    return guarded("remove", [&]() -> Result<std::size_t> {
        LUTRA_TRY(check_writable("remove", in_place_));
        std::vector<bool> goes;  // list by list
        goes.reserve(ntotal_);
        Id highest = kNoId;
        for (std::size_t l = 0; l < lists_.nlist(); ++l)
            for (const Id id : lists_.ids(l)) {
                goes.push_back(filter.accepts(id));
                if (!goes.back()) highest = std::max(highest, id);
            }
        const auto removed = std::size_t(std::count_if(goes.begin(), goes.end(), [](bool gone) { return gone; }));
        const bool renumbers = !coarse_.learns() && positional_;
        if (removed == 0) return removed;
        direct_map_.reserve(ntotal_ - removed, renumbers || highest < Id(ntotal_ - removed));
        std::vector<float> row(d_);

        // Nothing fails any more.
        ntotal_ -= removed;
        for (std::size_t l = 0, at = 0; l < lists_.nlist(); ++l) {
            const std::size_t size = lists_.size(l);
            at = remove_from(l, goes, at);
            if (lists_.size(l) != size) count_spread(l, 0, row.data());
        }
        coarse_.set_spreads(spreads_.rms());
        if (renumbers) {
            std::iota(lists_.ids_to_set(0).begin(), lists_.ids_to_set(0).end(), Id{0});
            next_id_ = NextId(Id(ntotal_));
        }
        direct_map_.rebuild(lists_);
        return removed;
    });
}

// Removes vectors of a list, whose entries in `goes` begin at `at`. Returns the begin of the next list's entries.
template <CoarseQuantizer Coarse, Encoding E>
std::size_t Ivf<Coarse, E>::remove_from(std::size_t list, const std::vector<bool>& goes, std::size_t at) {
    const std::size_t size = lists_.size(list);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < size; ++i) {
        if (goes[at + i]) continue;
        if (kept != i) {
            copy_code(lists_, {list, i}, {list, kept});
            lists_.ids_to_set(list)[kept] = lists_.ids(list)[i];
        }
        ++kept;
    }
    lists_.truncate(list, kept);
    return at + size;
}

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::merge_from(Ivf& other, Id shift) {
    return guarded("merge", [&]() -> Status {
        LUTRA_TRY(check_writable("merge", in_place_));
        LUTRA_TRY(check_mergeable(other));
        if (&other == this) return {Errc::bad_argument, "merge: an index cannot take over its own vectors"};
        if (other.ntotal_ == 0) return {};
        for (std::size_t l = 0; l < other.lists_.nlist(); ++l)
            for (const Id id : other.lists_.ids(l)) LUTRA_TRY(check_shift(id, shift));
        take_form_for(other);
        const bool alike = encoding_.same_form(other.encoding_);
        const InvertedLists converted = alike ? InvertedLists() : other.stored_as(encoding_);
        std::vector<std::size_t> sizes(lists_.nlist()), before(lists_.nlist());
        for (std::size_t l = 0; l < lists_.nlist(); ++l) sizes[l] = other.lists_.size(l), before[l] = lists_.size(l);
        const std::size_t n = ntotal_ + other.ntotal_;
        lists_.reserve(sizes);
        direct_map_.reserve(n, other.highest_id() + shift < Id(n));
        std::vector<float> row(d_);

        // Nothing fails any more.
        for (std::size_t l = 0; l < lists_.nlist(); ++l) {
            take_over(alike ? other.lists_ : converted, l, shift);
            count_spread(l, before[l], row.data());
        }
        coarse_.set_spreads(spreads_.rms());
        if (positional_) id_map_ = other.id_map_;
        positional_ = positional_ && other.positional_ && shift == next_id_.value();
        next_id_.pass(other.next_id_, shift);
        ntotal_ = n;
        direct_map_.append(before, lists_);
        other.reset();
        return {};
    });
}

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::check_mergeable(const Ivf& other) const {
    if (other.d_ != d_ || other.metric_ != metric_ || other.spec() != spec())
        return {Errc::bad_argument,
                "merge: {} (d = {}, {}) cannot take over {} (d = {}, {}); they must be alike",
                spec(),
                d_,
                metric_name(metric_),
                other.spec(),
                other.d_,
                metric_name(other.metric_)};
    LUTRA_TRY(check_trained("merge"));
    LUTRA_TRY(other.check_trained("merge"));
    if (!encoding_.same(other.encoding_))
        return {Errc::bad_argument, "merge: the codebooks differ; both indexes must come from the same training"};
    for (std::size_t l = 0; coarse_.learns() && l < nlist_; ++l)
        if (!std::equal(coarse_.centroid(l), coarse_.centroid(l) + d_, other.coarse_.centroid(l)))
            return {Errc::bad_argument, "merge: the centroids of list {} differ; both indexes must come from the same training", l};
    return {};
}

template <CoarseQuantizer Coarse, Encoding E>
void Ivf<Coarse, E>::take_over(const InvertedLists& from, std::size_t list, Id shift) {
    const std::size_t old = lists_.size(list);
    lists_.grow(list, from.size(list));
    for (std::size_t i = 0; i < from.size(list); ++i) {
        copy_code(from, {list, i}, {list, old + i});
        lists_.ids_to_set(list)[old + i] = from.ids(list)[i] + shift;
    }
}

}  // namespace lutra::inline LUTRA_ABI_TAG
