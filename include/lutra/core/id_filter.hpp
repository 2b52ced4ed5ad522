// lutra/core/id_filter.hpp: IdFilter restricts a search to some ids, by a bitmap or a predicate.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/types.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace lutra::inline LUTRA_ABI_TAG {

/// A view of the caller's bitmap or function; empty by default: every id passes. The filter is asked only about vectors whose score
/// could still enter the result, so the indirect call of a predicate is not paid per vector scanned.
class IdFilter {
public:
    IdFilter() = default;

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

    bool active() const { return active_; }
    bool accepts(Id id) const {
        if (!active_) return true;
        if (accepts_ != nullptr) return accepts_(context_, id);
        return std::uint64_t(id) < n_bits_ && (bits_[std::size_t(id) / 8] >> (id % 8) & 1) != 0;
    }

private:
    const std::uint8_t* bits_ = nullptr;
    std::size_t n_bits_ = 0;
    const void* context_ = nullptr;
    bool (*accepts_)(const void*, Id) = nullptr;
    bool active_ = false;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
