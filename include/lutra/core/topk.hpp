// lutra/core/topk.hpp: the k best (score, id) pairs seen so far, in a heap inside the caller's result row.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/types.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

/// The distance that a user sees for a score: scores are lower for nearer vectors, so inner products are negated back. Zero is +0.
inline float distance_of(Metric metric, float score) { return metric == Metric::l2 ? score + 0.F : 0.F - score; }

/// Lower scores are better, always. Ties go to the lower id, so the result does not depend on the order in which candidates arrive
/// or on the worker that found them. -0 equals +0. The largest float is an ordinary score; NaN and +infinity never enter.
///
/// The memory is the caller's: scores [k] and ids [k], usually the very row of the result. push() is O(log k).
class TopK {
public:
    static constexpr float kEmpty = std::numeric_limits<float>::max();

    TopK() = default;
    TopK(float* scores, Id* ids, std::size_t k) : scores_(scores), ids_(ids), k_(k) {
        for (std::size_t i = 0; i < k; ++i) scores_[i] = kEmpty, ids_[i] = kNoId;
    }

    std::size_t k() const { return k_; }
    /// The threshold: the k-th best score so far, or the largest float while there are fewer than k. Higher scores cannot enter.
    float worst() const { return scores_[0]; }
    bool accepts(float score, Id id) const { return before(score, id, scores_[0], ids_[0]); }

    void push(float score, Id id) {
        if (accepts(score, id)) sift_down(0, k_, score, id);
    }

    /// Calls f(score, id) for all pairs, in no order.
    template <class F>
    void for_each(F&& f) const {
        for (std::size_t i = 0; i < k_; ++i)
            if (ids_[i] != kNoId) f(scores_[i], ids_[i]);
    }

    /// Sorts the row best first and converts scores to distances (inner products are negated back). Empty slots have id -1 and the
    /// worst float. The last call: the heap is destroyed.
    void write(Metric metric) {
        for (std::size_t size = k_; size-- > 1;) {
            const float score = scores_[size];
            const Id id = ids_[size];
            scores_[size] = scores_[0], ids_[size] = ids_[0];
            sift_down(0, size, score, id);
        }
        for (std::size_t i = 0; i < k_; ++i) scores_[i] = distance_of(metric, scores_[i]);
    }

private:
    // Empty slots (largest float, id -1) come last of all, behind real ids with that score: -1 is the largest unsigned number.
    static bool before(float a, Id ida, float b, Id idb) { return a < b || (a == b && std::uint64_t(ida) < std::uint64_t(idb)); }

    void sift_down(std::size_t hole, std::size_t size, float score, Id id) {
        for (std::size_t child; (child = 2 * hole + 1) < size; hole = child) {
            if (child + 1 < size && before(scores_[child], ids_[child], scores_[child + 1], ids_[child + 1])) ++child;
            if (!before(score, id, scores_[child], ids_[child])) break;
            scores_[hole] = scores_[child], ids_[hole] = ids_[child];
        }
        scores_[hole] = score, ids_[hole] = id;
    }

    float* scores_ = nullptr;
    Id* ids_ = nullptr;
    std::size_t k_ = 0;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
