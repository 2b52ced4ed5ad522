// lutra/core/counting_sort.hpp: counting sort: orders items by group, in linear time.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/config.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// Numbers the items by group: those of group g get first[g] .. first[g + 1] - 1, in the order of the visit.
///
///   first   [groups + 1], of an unsigned type; the result
///   visit   visit(f) calls f(group, item...) for each item, group < groups; called twice, with the same items in the same order
///   put     put(number, item...) receives the number of each item
///
/// Cost: both visits and one pass over first; no allocation.
template <class Index, class Visit, class Put>
void counting_sort(std::span<Index> first, Visit&& visit, Put&& put) {
    std::fill(first.begin(), first.end(), Index{0});
    visit([&](std::size_t group, auto...) { ++first[group + 1]; });
    std::exclusive_scan(first.begin() + 1, first.end(), first.begin() + 1, Index{0});  // begins, then ends
    visit([&](std::size_t group, auto... item) { put(std::size_t(first[group + 1]++), item...); });
}

/// The same for items 0 .. group_of.size() - 1.
template <class Index, class Put>
void counting_sort_by(std::span<const std::int32_t> group_of, std::span<Index> first, Put&& put) {
    const auto visit = [&](auto&& f) {
        for (std::size_t i = 0; i < group_of.size(); ++i) f(std::size_t(group_of[i]), i);
    };
    counting_sort(first, visit, put);
}

/// Items 0 .. n - 1 ordered by group, rising in each group. Memory: 8 (n + groups) bytes.
class Grouped {
public:
    Grouped() = default;
    Grouped(std::span<const std::int32_t> group_of, std::size_t n_groups) { assign(group_of, n_groups); }

    /// Sorts anew, in the same memory. group_of [n], each below n_groups.
    void assign(std::span<const std::int32_t> group_of, std::size_t n_groups) {
        first_.resize(n_groups + 1), items_.resize(group_of.size());
        counting_sort_by(group_of, std::span(first_), [&](std::size_t at, std::size_t i) { items_[at] = i; });
    }
    std::size_t size(std::size_t g) const { return first_[g + 1] - first_[g]; }
    std::span<const std::size_t> of(std::size_t g) const { return {items_.data() + first_[g], size(g)}; }

private:
    std::vector<std::size_t> first_, items_;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
