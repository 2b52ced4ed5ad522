// lutra/ivf/ivf_ids.hpp: the calls of Ivf about ids: map_ids, ids_are_places, reconstruct_n.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/ids.hpp>
#include <lutra/ivf/ivf.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>

namespace lutra::inline LUTRA_ABI_TAG {

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::map_ids(IdList map, std::optional<IdMapKind> kind) {
    return guarded("map ids", [&]() -> Status {
        if (lists_.in_place()) return map_ids_in_place(map, kind);
        Id highest = kNoId;
        for (std::size_t l = 0; l < lists_.nlist(); ++l)
            for (const Id id : lists_.ids(l)) {
                LUTRA_TRY(check_mapped(id, map));
                highest = std::max(highest, map[std::size_t(id)]);
            }
        direct_map_.reserve(ntotal_, highest < Id(ntotal_));

        // Nothing fails any more.
        for (std::size_t l = 0; l < lists_.nlist(); ++l)
            for (Id& id : lists_.ids_to_set(l)) id = map[std::size_t(id)];
        count_loaded();
        positional_ = false;
        id_map_ = kind.value_or(id_map_);
        direct_map_.rebuild(lists_);
        return {};
    });
}

// Of ids that are counted, those of one list, the map is not read: it may be as large as the file.
template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::map_ids_in_place(const IdList& map, std::optional<IdMapKind> kind) {
    const bool is_view = lists_.nlist() == 1 && lists_.ids(0).run().counted();
    if (!is_view && lists_.room() != nullptr) return {Errc::unsupported, "an id map around lists: needs memory of the heap"};
    for (std::size_t l = 0; l < lists_.nlist(); ++l) {
        if (lists_.ids(l).run().counted() && lists_.size(l) <= map.size()) continue;
        for (const Id id : lists_.ids(l)) LUTRA_TRY(check_mapped(id, map));
    }
    lists_.map_in_place(map);
    positional_ = false;
    id_map_ = kind.value_or(id_map_);
    return {};
}

template <CoarseQuantizer Coarse, Encoding E>
bool Ivf<Coarse, E>::ids_are_places() const {
    if (!coarse_.learns()) return positional_;
    PlaceCheck check(ntotal_);
    for (std::size_t l = 0; l < lists_.nlist(); ++l) check.take(lists_.ids(l));
    return check.all();
}

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::reconstruct_n(Id first, std::size_t n, float* out) const {
    return guarded("reconstruct", [&] {
        WantedIds wanted(first, n, ntotal_);
        for (std::size_t l = 0; l < lists_.nlist(); ++l)
            for (std::size_t i = 0; i < lists_.size(l); ++i)
                if (const auto at = wanted.meet(lists_.ids(l)[i])) decode({l, i}, out + *at * d_);
        return wanted.status();
    });
}

}  // namespace lutra::inline LUTRA_ABI_TAG
