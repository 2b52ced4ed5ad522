// lutra/core/id_filter.hpp: IdFilter restricts a search to some ids: an IdSet, a bitmap or a predicate.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/id_run.hpp>
#include <lutra/core/id_set.hpp>
#include <lutra/core/types.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

/// A set of its own, or a view of the caller's bitmap or function; by default every id passes.
///
/// The filter is asked only about vectors whose score could still enter the result: k log(n / k) of n scanned, if many pass; if few
/// pass and the best k are not found yet, most. A set or a bitmap answers in place, with RFlat, too; a predicate costs an indirect
/// call each time. Copies share the set: they allocate nothing.
class IdFilter {
public:
    IdFilter() = default;
    /// An id passes if the set contains it. Owns the set, so that `.filter = a & ~b` is safe. Allocates, and copies a set that has
    /// a name: make the filter once, `const IdFilter live = tenant & ~deleted;`, and give it to every search.
    IdFilter(IdSet set) : set_(std::make_shared<const IdSet>(std::move(set))), active_(true) {}

    /// Id i passes if bit i is set (in byte i / 8, lowest bit first). Ids outside [0, n_bits) do not pass.
    static IdFilter bitmap(const std::uint8_t* bits, std::size_t n_bits) {
        IdFilter f;
        f.bits_ = bits, f.n_bits_ = n_bits, f.active_ = true;
        return f;
    }
    /// An id passes if f(id) is true. Workers call f at the same time. f must outlive the search, so a temporary does not compile.
    template <class F>
    static IdFilter predicate(const F& f) {
        IdFilter filter;
        filter.context_ = std::addressof(f), filter.active_ = true;
        filter.accepts_ = [](const void* c, Id id) { return bool((*static_cast<const F*>(c))(id)); };
        return filter;
    }
    template <class F>
    static IdFilter predicate(const F&& f) = delete;

    /// A filter of places: place i passes if it is one, and ids[i] passes this filter. Both must outlive the search. Allocates
    /// nothing. A call of a function only if this is one of places, too, whose ids are the places of another index.
    IdFilter of_places(IdList ids) const {
        IdFilter filter = *this;
        filter.ids_ = ids, filter.of_places_ = true;
        if (!of_places_) return filter;
        filter.context_ = this;
        filter.accepts_ = [](const void* c, Id id) { return static_cast<const IdFilter*>(c)->accepts(id); };
        return filter;
    }

    bool active() const { return active_; }
    bool accepts(Id id) const {
        if (!active_) return true;
        if (of_places_) {
            if (std::uint64_t(id) >= ids_.size()) return false;
            id = ids_[std::size_t(id)];
        }
        if (accepts_ != nullptr) return accepts_(context_, id);
        if (set_ != nullptr) return set_->contains(id);
        return std::uint64_t(id) < n_bits_ && (bits_[std::size_t(id) / 8] >> (id % 8) & 1) != 0;
    }

private:
    std::shared_ptr<const IdSet> set_;
    const std::uint8_t* bits_ = nullptr;
    std::size_t n_bits_ = 0;
    const void* context_ = nullptr;
    bool (*accepts_)(const void*, Id) = nullptr;
    IdList ids_;
    bool of_places_ = false, active_ = false;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
