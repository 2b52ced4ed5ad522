// lutra/refine/refine_file.hpp: Refine::save(), and Refine::assemble() from the parts of a file: faiss's record of a refine stage.
// SPDX-License-Identifier: MIT
//
//   "IxRF"   header, the base's record, a Flat record with the rows, k_factor. Ids of the caller's put it inside an id map: "IxM2",
//            header, the record, ids; an index that was loaded from an "IxMp" keeps that kind
//
// Reading begins in factory/save_load.hpp, which knows who reads the base's record.
#pragma once
#include <lutra/io/flat_record.hpp>
#include <lutra/refine/refine.hpp>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

template <SearchIndex Base>
Status Refine<Base>::save(Writer& out) const {
    return guarded("save", [&]() -> Status {
        const IndexHeader header{dim(), ntotal(), is_trained(), metric()};
        if (has_map()) {
            LUTRA_TRY(write_fourcc(out, id_map_record(id_map_)));
            LUTRA_TRY(write_header(out, header));
        }
        LUTRA_TRY(write_fourcc(out, "IxRF"));
        LUTRA_TRY(write_header(out, header));
        LUTRA_TRY(base_.save(out));
        LUTRA_TRY(write_flat_record(out, {rows_.data(), ntotal(), dim()}, metric()));
        LUTRA_TRY(write_value(out, k_factor_));
        if (!has_map()) return {};
        LUTRA_TRY(write_value(out, std::uint64_t(ntotal())));
        for (std::size_t place = 0; place < ntotal(); ++place) LUTRA_TRY(write_value(out, id_of(place)));
        return {};
    });
}

/// Puts together the parts read from a file: the base with its vectors, and their rows [base.ntotal(), d] by place.
/// Errors: bad_file if the base's ids are not places, or k_factor is out of range.
template <SearchIndex Base>
Result<Refine<Base>> Refine<Base>::assemble(Base base, AlignedVector<float> rows, float k_factor) {
    if (rows.size() != base.ntotal() * base.dim())
        return Status{Errc::bad_file, "refine record: {} floats of rows for {} vectors of d = {}", rows.size(), base.ntotal(),
                      base.dim()};
    if (!(k_factor >= 1 && k_factor <= kMaxFactor))
        return Status{Errc::bad_file, "refine record: k_factor = {}; accepted: 1 to {}", k_factor, kMaxFactor};
    if (!base.ids_are_places())
        return Status{Errc::bad_file,
                      "refine record: the ids in it must be 0 to {}, each once, to lead to the rows; other ids belong into an id "
                      "map around it",
                      Id(base.ntotal()) - 1};
    Refine index(std::move(base), std::move(rows));
    index.k_factor_ = k_factor;
    return index;
}

/// Gives the vectors other ids: number i becomes map[i].
template <SearchIndex Base>
Status Refine<Base>::map_ids(std::span<const Id> map, std::optional<IdMapKind> kind) {
    return guarded("map ids", [&]() -> Status {
        Id highest = kNoId;
        bool places = nlist() != 0;
        for (std::size_t place = 0; place < ntotal(); ++place) {
            LUTRA_TRY(check_mapped(id_of(place), map));
            const Id id = map[std::size_t(id_of(place))];
            highest = std::max(highest, id), places = places && id == Id(place);
        }
        if (!places && ids_.empty()) {
            std::vector<Id> ids(ntotal());
            std::iota(ids.begin(), ids.end(), Id{0});
            ids_ = std::move(ids);
        }

        // Nothing fails any more.
        for (Id& id : ids_) id = map[std::size_t(id)];
        if (places) ids_.clear();
        next_id_ = std::min(highest, kMaxId) + 1;
        if (kind) id_map_ = *kind, from_map_ = true;
        return {};
    });
}

template <SearchIndex Base>
bool Refine<Base>::ids_are_places() const {
    return ids_.empty() || (nlist() != 0 && are_places(ids_, ntotal()));
}

}  // namespace lutra::inline LUTRA_ABI_TAG
