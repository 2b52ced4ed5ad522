// lutra/refine/refine_change.hpp: the calls of Refine beside search: train, add, remove_ids, merge_from, map_ids, reconstruct_n.
// SPDX-License-Identifier: MIT
//
// Everything that can fail comes before the base changes; the base makes all of a change or none; the rest cannot fail.
#pragma once
#include <lutra/core/ids.hpp>
#include <lutra/refine/refine.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

// The base gives all places it visits.
template <SearchIndex Base>
Status Refine<Base>::visit_range(MatrixView q, float radius, const RangeSink& sink, const SearchParams& params,
                                 const Resources& resources) const {
    LUTRA_TRY(check_shape("search", q, dim()));
    const float infinity = std::numeric_limits<float>::infinity();
    const float score = metric() == Metric::l2 ? radius : -radius, everywhere = metric() == Metric::l2 ? infinity : -infinity;
    const auto bytes = [&] { return search_bytes(1, 1, params); };
    return with_places(params, resources, bytes, [&](const SearchParams& p, const Resources& r) {
        Arena& arena = r.workspace->arena(0);
        const Arena::Frame frame(arena);
        const auto offer = [&, scratch = scratch_row(arena)](Id place) {
            if (std::uint64_t(place) >= ntotal()) return;
            const float exact = rows_.score(metric(), q.data, std::size_t(place), scratch);
            if (exact < score) sink.take(sink.context, exact, id_of(std::size_t(place)));
        };
        const auto take = [](void* context, float, Id place) { (*static_cast<const decltype(offer)*>(context))(place); };
        return base_.visit_range(q, everywhere, {const_cast<void*>(static_cast<const void*>(&offer)), take}, p, r);
    });
}

template <SearchIndex Base>
Status Refine<Base>::train(MatrixView x, const Resources& resources) {
    LUTRA_TRY(check_writable("train", in_place()));
    LUTRA_TRY(base_.train(x, resources));
    forget_rows();
    return {};
}

template <SearchIndex Base>
Status Refine<Base>::add(MatrixView x, const Resources& resources) {
    LUTRA_TRY(next_id_.check_room(x.n));
    return append(x, NewIds(next_id_), ids_.empty() && next_id_.value() == Id(ntotal()), resources);
}

template <SearchIndex Base>
Status Refine<Base>::add_with_ids(MatrixView x, const Id* ids, const Resources& resources) {
    LUTRA_TRY(check_shape("add", x, dim()));
    LUTRA_TRY(check_given_ids(ids, x.n));
    bool are_places = ids_.empty() && nlist() != 0;  // without lists only ids that add() gave follow their rows
    for (std::size_t i = 0; i < x.n; ++i) are_places = are_places && ids[i] == Id(ntotal() + i);
    return append(x, NewIds(ids), are_places, resources);
}

template <SearchIndex Base>
Status Refine<Base>::append(MatrixView x, NewIds ids, bool are_places, const Resources& resources) {
    LUTRA_TRY(check_writable("add", in_place()));
    LUTRA_TRY(check_shape("add", x, dim()));
    if (x.n == 0) return base_.add(x, resources);  // also for ids of the caller's: without rows nothing changes
    LUTRA_TRY(reserve("add", x, x.n, are_places));
    LUTRA_TRY(base_.add(x, resources));
    append_rows(
        x, x.n, [ids](std::size_t i) { return ids[i]; }, are_places);
    for (std::size_t i = 0; i < x.n; ++i) next_id_.pass(ids[i]);
    return {};
}

// rows: a MatrixView or a RowStore of n rows.
template <SearchIndex Base>
template <class Rows>
Status Refine<Base>::reserve(std::string_view call, const Rows& rows, std::size_t n, bool are_places) {
    return guarded(call, [&] {
        const std::size_t need = ntotal() + n;
        rows_.reserve(rows);
        if (!are_places && need > ids_.capacity()) ids_.reserve(ntotal() == 0 ? need : need + need / 2);
        return Status();
    });
}

template <SearchIndex Base>
template <class Rows, class IdOf>
void Refine<Base>::append_rows(const Rows& rows, std::size_t n, IdOf id_of_row, bool are_places) {
    const std::size_t before = ntotal();
    if (!are_places && ids_.empty()) {
        ids_.resize(before);
        std::iota(ids_.begin(), ids_.end(), Id{0});
    }
    for (std::size_t i = 0; !are_places && i < n; ++i) ids_.push_back(id_of_row(i));
    rows_.append(rows);
}

template <SearchIndex Base>
Result<std::size_t> Refine<Base>::remove_ids(const IdFilter& filter) {
    return guarded("remove", [&]() -> Result<std::size_t> {
        LUTRA_TRY(check_writable("remove", in_place()));
        const bool keep_ids = nlist() != 0 || !ids_.empty();
        std::vector<Id> to(ntotal()), ids;  // the new place of each row, -1 if it goes; the ids of those that stay
        Id kept = 0;
        for (std::size_t place = 0; place < to.size(); ++place) {
            to[place] = filter.accepts(id_of(place)) ? kNoId : kept++;
            if (keep_ids && to[place] != kNoId) ids.push_back(id_of(place));
        }
        const auto goes = [&](Id place) { return to[std::size_t(place)] == kNoId; };
        Result<std::size_t> removed = base_.remove_ids(IdFilter::predicate(goes));
        if (!removed.ok() || *removed == 0) return removed;
        // Without lists the base has numbered its rows anew. The map needs no memory after remove_ids(), so it does not fail.
        if (nlist() != 0) LUTRA_TRY(base_.map_ids(to, std::nullopt));
        move_rows(to);
        rows_.truncate(std::size_t(kept));
        if (!keep_ids) next_id_ = NextId(kept);
        ids_ = std::move(ids);
        drop_ids_if_places();
        return removed;
    });
}

// Moves rows to their new places, which are at or before the old ones.
template <SearchIndex Base>
void Refine<Base>::move_rows(std::span<const Id> to) {
    for (std::size_t place = 0; place < to.size(); ++place)
        if (to[place] != kNoId && to[place] != Id(place)) rows_.move(place, std::size_t(to[place]));
}

// In an index without lists ids of the caller's stay, even if they equal the places.
template <SearchIndex Base>
void Refine<Base>::drop_ids_if_places() {
    if (nlist() == 0) return;
    for (std::size_t place = 0; place < ids_.size(); ++place)
        if (ids_[place] != Id(place)) return;
    ids_.clear();
}

template <SearchIndex Base>
Status Refine<Base>::merge_from(Refine& other, Id shift) {
    LUTRA_TRY(check_writable("merge", in_place()));
    if (&other == this) return {Errc::bad_argument, "merge: an index cannot take over its own vectors"};
    if (other.ntotal() == 0) return base_.merge_from(other.base_, 0);  // says whether they are alike
    for (std::size_t place = 0; place < other.ntotal(); ++place) LUTRA_TRY(check_shift(other.id_of(place), shift));
    LUTRA_TRY(guarded("merge", [&]() -> Status {
        if (!other.in_place() || other.base_.ids_are_places()) return {};  // in place they were not checked before
        return {Errc::bad_file, "merge: the ids in the other index's file must be 0 to {}, each once, to lead to its rows",
                other.ntotal() - 1};
    }));
    const std::size_t before = ntotal(), n = other.ntotal();
    const bool are_places = ids_.empty() && other.ids_.empty() && shift == next_id_.value() && shift == Id(before);
    const IdMapKind id_map = has_map() ? id_map_ : other.id_map_;
    if (other.dim() == dim()) LUTRA_TRY(reserve("merge", other.rows_, n, are_places));
    LUTRA_TRY(base_.merge_from(other.base_, Id(before)));
    append_rows(
        other.rows_, n, [&](std::size_t i) { return other.id_of(i) + shift; }, are_places);
    next_id_.pass(other.next_id_, shift);
    id_map_ = id_map;
    other.reset();
    return {};
}

/// Gives the vectors other ids: number i becomes map[i].
template <SearchIndex Base>
Status Refine<Base>::map_ids(IdList map, std::optional<IdMapKind> kind) {
    return guarded("map ids", [&]() -> Status {
        if (in_place() && !ids().run().counted()) return {Errc::unsupported, "an id map around an id map, in place"};
        if (in_place()) {  // not read: it may be as large as the file
            if (map.size() < ntotal()) return check_mapped(Id(map.size()), map);
            lent_ids_ = map.run(), from_map_ = true, id_map_ = kind.value_or(id_map_);
            return {};
        }
        Id highest = kNoId;
        bool places = nlist() != 0;
        for (std::size_t place = 0; place < ntotal(); ++place) {
            LUTRA_TRY(check_mapped(id_of(place), map));
            const Id id = map[std::size_t(id_of(place))];
            highest = std::max(highest, id), places = places && id == Id(place);
        }
        if (!places && ids_.empty()) {
            std::vector<Id> now(ids().begin(), ids().end());
            ids_ = std::move(now);
        }

        // Nothing fails any more.
        for (Id& id : ids_) id = map[std::size_t(id)];
        if (places) ids_.clear();
        next_id_ = NextId();
        next_id_.pass(highest);
        if (kind) id_map_ = *kind, from_map_ = true;
        return {};
    });
}

template <SearchIndex Base>
bool Refine<Base>::ids_are_places() const {
    return ids().run().counted() || (nlist() != 0 && are_places(ids(), ntotal()));
}

template <SearchIndex Base>
Status Refine<Base>::reconstruct_n(Id first, std::size_t n, float* out) const {
    return guarded("reconstruct", [&] {
        WantedIds wanted(first, n, ntotal());
        for (std::size_t place = 0; place < ntotal(); ++place)
            if (const auto at = wanted.meet(id_of(place))) rows_.copy(place, out + *at * dim());
        return wanted.status();
    });
}

}  // namespace lutra::inline LUTRA_ABI_TAG
