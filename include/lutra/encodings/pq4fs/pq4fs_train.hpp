// lutra/encodings/pq4fs/pq4fs_train.hpp: Pq4FastScan::train().  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/encodings/pq4fs/pq4fs.hpp>
#include <lutra/encodings/pq4fs/train_codebook.hpp>
#include <lutra/encodings/pq4fs/train_score_aware.hpp>

namespace lutra::inline LUTRA_ABI_TAG {

inline Status Pq4FastScan::train(Metric metric, MatrixView x, MatrixView rows, const Resources& resources) {
    if (score_aware_) LUTRA_TRY(detail::check_score_aware_piece(Errc::bad_argument, codebook_.dim(), m()));
    const detail::NearRows near(x, m(), metric);
    LUTRA_TRY(train_codebook(near.rows(), codebook_, resources));
    return score_aware_ ? train_score_aware(near.rows(), rows, codebook_, resources) : Status();
}

}  // namespace lutra::inline LUTRA_ABI_TAG
