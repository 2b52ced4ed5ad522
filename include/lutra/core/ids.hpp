// lutra/core/ids.hpp: the rules of ids that all indexes share: their range, the next id, shifts of a merge, id maps.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/id_run.hpp>
#include <lutra/core/result.hpp>
#include <lutra/core/types.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// The largest id: one below the largest number, so that the next id can be counted.
inline constexpr Id kMaxId = std::numeric_limits<Id>::max() - 1;

/// The kind of an id map: which of faiss's two records holds it. Their bytes are the same, but faiss refuses reconstruct() on an
/// index loaded from the first.
enum class IdMapKind : std::uint8_t {
    one_way,  ///< "IxMp", IDMap
    two_way   ///< "IxM2", IDMap2
};

/// The next id of add(): 0, 1, 2 ... in a fresh index, always above every id the index has held.
class NextId {
public:
    NextId() = default;
    explicit NextId(Id next) : next_(next) {}

    Id value() const { return next_; }
    /// bad_argument if fewer than n ids are left.
    Status check_room(std::size_t n) const {
        if (n <= std::uint64_t(kMaxId + 1 - next_)) return {};
        return {Errc::bad_argument, "add: {} rows from id {} on; ids end at {}, so use add_with_ids()", n, next_, kMaxId};
    }
    /// Moves past `highest`, an id in use; -1: none.
    void pass(Id highest) { next_ = std::max(next_, std::min(highest, kMaxId) + 1); }
    /// Moves past all ids that the other index of a merge has held, shifted.
    void pass(NextId other, Id shift) {
        next_ = std::max(next_, std::min(other.next_, kMaxId + 1 - std::max(shift, Id{0})) + shift);
    }

private:
    Id next_ = 0;
};

/// The ids of the rows of one add(): the caller's, or those from the next free one on.
class NewIds {
public:
    explicit NewIds(NextId next) : first_(next.value()) {}
    explicit NewIds(const Id* given) : given_(given) {}

    Id operator[](std::size_t i) const { return given_ != nullptr ? given_[i] : first_ + Id(i); }

private:
    const Id* given_ = nullptr;  // [n]
    Id first_ = 0;
};

/// bad_argument unless the caller's ids [n] are 0 to kMaxId each. ids may be null if n is 0.
inline Status check_given_ids(const Id* ids, std::size_t n) {
    if (ids == nullptr && n != 0) return {Errc::bad_argument, "add: {} ids at a null pointer", n};
    for (std::size_t i = 0; i < n; ++i)
        if (ids[i] < 0 || ids[i] > kMaxId)
            return {Errc::bad_argument, "add: id {} of row {}; accepted: 0 to {}", ids[i], i, kMaxId};
    return {};
}

/// 0, 1 .. n - 1
inline std::vector<Id> rising_ids(std::size_t n) {
    std::vector<Id> ids(n);
    std::iota(ids.begin(), ids.end(), Id{0});
    return ids;
}

/// bad_argument if an id of a merge is out of range, as one of a damaged file that is used in place may be, or the shifted one.
inline Status check_shift(Id id, Id shift) {
    if (id >= 0 && (shift < 0 ? id + shift >= 0 : id <= kMaxId - shift)) return {};
    return {Errc::bad_argument, "merge: id {} shifted by {}; accepted: what stays in 0 to {}", id, shift, kMaxId};
}

/// bad_file unless `map` has an entry for the id that is a valid id.
inline Status check_mapped(Id id, const IdList& map) {
    if (id < 0 || std::uint64_t(id) >= map.size())
        return {Errc::bad_file, "id {} has no entry in an id map of {} ids", id, map.size()};
    if (map[std::size_t(id)] < 0) return {Errc::bad_file, "id map holds the id {}; accepted: 0 or more", map[std::size_t(id)]};
    return {};
}

/// The error of reconstruct() if no vector has the id first + missing, which may be out of range.
inline Status no_such_id(Id first, std::size_t missing, std::size_t ntotal) {
    constexpr Id kLargest = std::numeric_limits<Id>::max();
    if (missing > std::uint64_t(kLargest) - std::uint64_t(first))
        return {Errc::not_found, "reconstruct: ids from {} on; ids end at {}", first, kLargest};
    return {Errc::not_found, "reconstruct: no vector has the id {}; the index holds {} vectors", first + Id(missing), ntotal};
}

/// The ids first .. first + n - 1 wanted by reconstruct_n(), of which each is met once in a walk over all ids of an index.
class WantedIds {
public:
    /// Tracks min(n, ntotal + 1) ids: of more some are missing, the first of them among these.
    WantedIds(Id first, std::size_t n, std::size_t ntotal)
        : first_(first), n_(n), ntotal_(ntotal), met_(std::min(n, ntotal + 1), false) {}

    /// The output row of this id, counted from `first`; nothing if the id is not wanted or was met before.
    std::optional<std::size_t> meet(Id id) {
        const std::uint64_t at = std::uint64_t(id) - std::uint64_t(first_);
        if (at >= n_) return std::nullopt;
        const auto row = std::size_t(at);
        if (row < met_.size() && met_[row]) return std::nullopt;
        if (row < met_.size()) met_[row] = true;
        return row;
    }
    /// not_found if a wanted id was not met.
    Status status() const {
        const auto missing = std::find_if(met_.begin(), met_.end(), [](bool met) { return !met; });
        return missing == met_.end() ? Status{} : no_such_id(first_, std::size_t(missing - met_.begin()), ntotal_);
    }

private:
    Id first_;
    std::size_t n_, ntotal_;
    std::vector<bool> met_;
};

/// Checks that ids are places, the numbers 0 .. n - 1, each once, in any order, given in one or several runs.
class PlaceCheck {
public:
    explicit PlaceCheck(std::size_t n) : seen_(n, false) {}

    void take(const IdList& ids) {
        for (const Id id : ids) {
            good_ = good_ && std::uint64_t(id) < seen_.size() && !seen_[std::size_t(id)];
            if (!good_) return;
            seen_[std::size_t(id)] = true;
            ++count_;
        }
    }
    bool all() const { return good_ && count_ == seen_.size(); }

private:
    std::vector<bool> seen_;
    std::size_t count_ = 0;
    bool good_ = true;
};

inline bool are_places(const IdList& ids, std::size_t n) {
    PlaceCheck check(n);
    check.take(ids);
    return check.all();
}

}  // namespace lutra::inline LUTRA_ABI_TAG
