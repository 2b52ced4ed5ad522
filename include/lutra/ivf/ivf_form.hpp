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

// All vectors in another form.
template <CoarseQuantizer Coarse, Encoding E>
InvertedLists Ivf<Coarse, E>::stored_as(const E& form) const {
    constexpr std::size_t kTogether = 64;  // rows: 64 KB at d = 256, which stay in L2
    InvertedLists lists = empty_lists(form);
    std::vector<std::size_t> sizes(lists.nlist());
    for (std::size_t l = 0; l < lists.nlist(); ++l) sizes[l] = lists_.size(l);
    lists.reserve(sizes);
    std::vector<float> rows(kTogether * d_);
    const std::vector<const float*> pointers = row_pointers({rows.data(), kTogether, d_});
    for (std::size_t l = 0; l < lists.nlist(); ++l) {
        lists.grow(l, sizes[l]);
        std::copy_n(lists_.ids(l).begin(), sizes[l], lists.ids_to_set(l).begin());
        for (std::size_t first = 0; first < sizes[l]; first += kTogether) {
            const std::size_t n = std::min(kTogether, sizes[l] - first);
            for (std::size_t i = 0; i < n; ++i) decode({l, first + i}, rows.data() + i * d_);
            form.encode(std::span(pointers).first(n), centroid_of(l), lists.block_of(l, 0), first);
        }
    }
    return lists;
}

// Vectors stay the same, so nothing is lost if what follows fails.
template <CoarseQuantizer Coarse, Encoding E>
void Ivf<Coarse, E>::take_form(E form) {
    InvertedLists lists = stored_as(form);
    encoding_ = std::move(form), lists_ = std::move(lists);
}

template <CoarseQuantizer Coarse, Encoding E>
void Ivf<Coarse, E>::take_form_for(MatrixView x, MatrixView sample, bool is_empty) {
    if (std::optional<E> form = encoding_.refit(metric_, x, sample, is_empty)) take_form(std::move(*form));
}

template <CoarseQuantizer Coarse, Encoding E>
void Ivf<Coarse, E>::take_form_for(const Ivf& other) {
    const std::vector<float> sample = other.some_rows();
    const MatrixView some{sample.data(), sample.size() / d_, d_};
    if (std::optional<E> form = encoding_.refit(metric_, other.encoding_, some, ntotal_ == 0)) take_form(std::move(*form));
}

// At most 255 vectors, from all lists.
template <CoarseQuantizer Coarse, Encoding E>
std::vector<float> Ivf<Coarse, E>::some_rows() const {
    const std::size_t step = ntotal_ / 255 + 1;
    std::vector<float> rows((ntotal_ + step - 1) / step * d_);
    float* row = rows.data();
    std::size_t number = 0;
    for (std::size_t l = 0; l < lists_.nlist(); ++l)
        for (std::size_t i = 0; i < lists_.size(l); ++i)
            if (number++ % step == 0) decode({l, i}, row), row += d_;
    return rows;
}

}  // namespace lutra::inline LUTRA_ABI_TAG
