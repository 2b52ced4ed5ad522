// lutra/core/id_map.hpp: ids that are places, and maps from places to other ids.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/result.hpp>
#include <lutra/core/types.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Which of faiss's two records an id map is in. Their bytes are the same; of what it has read from the first faiss finds no
/// vector by its id again: it refuses reconstruct().
enum class IdMapKind : std::uint8_t {
    one_way,  ///< "IxMp", IDMap
    two_way   ///< "IxM2", IDMap2
};

/// What reconstruct() says where no vector has the id first + missing, which may be beyond all ids.
inline Status no_such_id(Id first, std::size_t missing, std::size_t ntotal) {
    constexpr Id kLargest = std::numeric_limits<Id>::max();
    if (missing > std::uint64_t(kLargest) - std::uint64_t(first))
        return {Errc::not_found, "reconstruct: ids from {} on; ids end at {}", first, kLargest};
    return {Errc::not_found, "reconstruct: no vector has the id {}; the index holds {} vectors", first + Id(missing), ntotal};
}

/// bad_file unless `map` has an entry for the id, and that is an id.
inline Status check_mapped(Id id, std::span<const Id> map) {
    if (id < 0 || std::uint64_t(id) >= map.size())
        return {Errc::bad_file, "id {} is not a place in an id map of {}", id, map.size()};
    if (map[std::size_t(id)] < 0) return {Errc::bad_file, "id map holds the id {}; accepted: 0 or more", map[std::size_t(id)]};
    return {};
}

/// Whether numbers come as 0 .. n - 1, each once, in any order, possibly in several runs.
class PlaceCheck {
public:
    explicit PlaceCheck(std::size_t n) : seen_(n, false) {}

    void take(std::span<const Id> ids) {
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

inline bool are_places(std::span<const Id> ids, std::size_t n) {
    PlaceCheck check(n);
    check.take(ids);
    return check.all();
}

}  // namespace lutra::inline LUTRA_ABI_TAG
