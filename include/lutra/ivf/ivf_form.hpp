// lutra/ivf/ivf_form.hpp: an Ivf whose encoding takes another form: all its vectors are stored anew, and stay the same.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/ivf/ivf.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

// Stores all vectors in another form. They stay the same, so nothing is lost if what follows fails.
template <CoarseQuantizer Coarse, Encoding E>
void Ivf<Coarse, E>::take_form(E form) {
    constexpr std::size_t kTogether = 64;
    InvertedLists lists = empty_lists(form);
    std::vector<std::size_t> sizes(lists.nlist());
    for (std::size_t l = 0; l < lists.nlist(); ++l) sizes[l] = lists_.size(l);
    lists.reserve(sizes);
    std::vector<float> rows(kTogether * d_);
    const std::vector<const float*> pointers = row_pointers({rows.data(), kTogether, d_});
    for (std::size_t l = 0; l < lists.nlist(); ++l) {
        lists.grow(l, sizes[l]);
        std::ranges::copy(lists_.ids(l), lists.ids(l).begin());
        for (std::size_t first = 0; first < sizes[l]; first += kTogether) {
            const std::size_t n = std::min(kTogether, sizes[l] - first);
            for (std::size_t i = 0; i < n; ++i) decode({l, first + i}, rows.data() + i * d_);
            form.encode(std::span(pointers).first(n), origin(l), lists.block_of(l, 0), first);
        }
    }
    encoding_ = std::move(form), lists_ = std::move(lists);
}

template <CoarseQuantizer Coarse, Encoding E>
void Ivf<Coarse, E>::take_form_for(MatrixView x, MatrixView sample, bool is_empty) {
    if (std::optional<E> form = encoding_.refit(metric_, x, sample, is_empty)) take_form(std::move(*form));
}

}  // namespace lutra::inline LUTRA_ABI_TAG
