// lutra/ivf/ivf_train.hpp: Ivf::train(): k-means for the lists, then the encoding.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/cluster/kmeans.hpp>
#include <lutra/ivf/ivf.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::train(MatrixView x, const Resources& resources) {
    return guarded("train", [&]() -> Status {
        LUTRA_TRY(check_writable("train", in_place_));
        LUTRA_TRY(check_some_rows("train", x, d_));
        LUTRA_TRY(check_part_metric("train", metric_));
        LUTRA_TRY(encoding_.check_metric(metric_));
        if (ntotal_ != 0)
            return {Errc::bad_argument, "train: the index holds {} vectors of its present training; reset() it first", ntotal_};
        if (x.n < encoding_.least_training_rows())
            return {Errc::too_few_rows, "train: {} needs at least {} rows and got n = {}", spec(), encoding_.least_training_rows(),
                    x.n};
        if (x.n < nlist_)
            return {Errc::too_few_rows,
                    "train: k-means for {} needs at least nlist = {} rows and got n = {}; the largest nlist that would work is {}",
                    spec(),
                    nlist_,
                    x.n,
                    x.n};
        LUTRA_TRY(check_finite("train", x));
        return learn(x, resources);
    });
}

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::learn(MatrixView x, const Resources& resources) {
    static_assert(std::is_nothrow_move_assignable_v<Coarse> && std::is_nothrow_move_assignable_v<E>);
    Coarse coarse = coarse_.untrained();
    if (coarse.learns()) {
        Result<KMeans> centroids = kmeans(x, nlist_, coarse_config(x), resources);
        LUTRA_TRY(centroids.status());
        LUTRA_TRY(coarse.build(std::move(centroids->centroids), nlist_, d_, metric_, resources));
    }
    E encoding = encoding_;
    LUTRA_TRY(train_encoding(coarse, x, encoding, resources));
    set_centroids(coarse, encoding);
    InvertedLists lists = empty_lists(encoding);
    ListSpreads spreads = empty_spreads(coarse);
    coarse_ = std::move(coarse), encoding_ = std::move(encoding), lists_ = std::move(lists), spreads_ = std::move(spreads);
    reset();
    return {};
}

template <CoarseQuantizer Coarse, Encoding E>
Status Ivf<Coarse, E>::train_encoding(const Coarse& coarse, MatrixView x, E& encoding, const Resources& resources) const {
    if (encoding.training_rows() == 0) return {};
    AlignedVector<float> sample = training_sample(x, encoding.training_rows(), KMeansConfig{}.seed);
    const MatrixView rows{sample.data(), sample.size() / d_, d_};
    if (!encoding.by_residual()) return encoding.train(metric_, rows, rows, resources);
    AlignedVector<float> residuals = sample;
    take_centroids_off(coarse, rows, residuals.data(), resources);
    return encoding.train(metric_, {residuals.data(), rows.n, d_}, rows, resources);
}

template <CoarseQuantizer Coarse, Encoding E>
void Ivf<Coarse, E>::take_centroids_off(const Coarse& coarse, MatrixView rows, float* out, const Resources& resources) const {
    BorrowedWorkspace workspace(resources);
    std::vector<Id> lists(rows.n);
    coarse.assign(rows, lists.data(), workspace.arena(0));
    for (std::size_t i = 0; i < rows.n; ++i)
        for (std::size_t t = 0; t < d_; ++t) out[i * d_ + t] -= coarse.centroid(std::size_t(lists[i]))[t];
}

}  // namespace lutra::inline LUTRA_ABI_TAG
