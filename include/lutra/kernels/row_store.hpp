// lutra/kernels/row_store.hpp: rows by place, as floats, or as bytes where every component is a whole number 0 to 255.
// SPDX-License-Identifier: MIT
//
// Image descriptors are whole numbers, and as bytes take a quarter of the memory and of its rate. Nothing is lost: a row is given
// back as floats. The first rows choose; the first that is not whole turns all into floats.
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/core/bit_cast.hpp>
#include <lutra/core/prefetch.hpp>
#include <lutra/core/types.hpp>
#include <lutra/kernels/distance.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

/// True if each of n floats is one of 0, 1 .. 255; -0 is not, as bytes would give back 0.
inline bool are_whole(const float* x, std::size_t n) {
    constexpr std::size_t kRun = 64;  // without a branch in it, so that compilers vectorise
    for (std::size_t i = 0; i < n; i += kRun) {
        bool whole = true;
        for (std::size_t j = i; j < std::min(n, i + kRun); ++j) {
            const float clamped = x[j] >= 0.F && x[j] <= 255.F ? x[j] : 0.5F;
            whole &= bit_cast<std::int32_t>(float(std::int32_t(clamped))) == bit_cast<std::int32_t>(x[j]);
        }
        if (!whole) return false;
    }
    return true;
}

/// Rows [n, d]. Const calls are thread-safe. Only reserve() allocates. Rows in memory of others (use_in_place()) are read only.
class RowStore {
public:
    explicit RowStore(std::size_t d) : d_(d) {}

    std::size_t size() const { return lent_ != nullptr ? n_lent_ : (whole_ ? bytes_.size() : floats_.size()) / d_; }
    bool whole() const { return whole_; }
    std::string_view form() const { return lent_ != nullptr ? "floats, in place" : whole_ ? "whole numbers as bytes" : "floats"; }
    std::size_t allocated() const { return bytes_.capacity() + floats_.capacity() * sizeof(float); }
    std::size_t row_bytes() const { return whole_ ? d_ : d_ * sizeof(float); }

    /// From now on the rows are n of d floats each, at any address.
    void use_in_place(const std::byte* rows, std::size_t n) { lent_ = rows, n_lent_ = n; }
    bool in_place() const { return lent_ != nullptr; }

    /// The score of q [d] and the row at a place. scratch [d]: for rows at an address where floats may not be read.
    float score(Metric metric, const float* q, std::size_t place, float* scratch) const {
        if (whole_) return score_row(metric, q, bytes_.data() + place * d_, d_);
        if (lent_ == nullptr) return score_row(metric, q, floats_.data() + place * d_, d_);
        if (is_aligned<float>(lent_)) return score_row(metric, q, reinterpret_cast<const float*>(float_row(place)), d_);
        copy(place, scratch);
        return score_row(metric, q, scratch, d_);
    }
    void copy(std::size_t place, float* out) const {
        const std::size_t first = place * d_;
        if (!whole_) return void(std::memcpy(out, float_row(place), d_ * sizeof(float)));
        for (std::size_t t = 0; t < d_; ++t) out[t] = float(bytes_[first + t]);
    }
    /// Prefetches at most `most` bytes of a row.
    void prefetch(std::size_t place, std::size_t most) const {
        if (whole_)
            prefetch_bytes(bytes_.data() + place * d_, std::min(most, d_));
        else
            prefetch_bytes(float_row(place), std::min(most, d_ * sizeof(float)));
    }

    /// Makes room for the rows x, or for `to_come` rows that begin with them, and takes a form that holds x. The first call
    /// reserves exactly what is asked for; later ones half as much again, so that many small additions cost little each. If memory
    /// runs out the rows stay.
    void reserve(MatrixView x, std::size_t to_come = 0) { reserve(std::max(x.n, to_come), are_whole(x.data, x.n * d_)); }
    void reserve(const RowStore& other) { reserve(other.size(), other.size() == 0 || other.whole_); }

    /// Appends rows for which there is room.
    void append(MatrixView x) {
        const std::size_t before = size() * d_, n = x.n * d_;
        whole_ ? bytes_.resize(before + n) : floats_.resize(before + n);
        for (std::size_t i = 0; whole_ && i < n; ++i) bytes_[before + i] = std::uint8_t(std::int32_t(x.data[i]));
        if (!whole_ && n != 0) std::memcpy(floats_.data() + before, x.data, n * sizeof(float));
    }
    void append(const RowStore& other) {
        const std::size_t before = size() * d_, n = other.size() * d_;
        whole_ ? bytes_.resize(before + n) : floats_.resize(before + n);
        if (!other.whole_ && n != 0) return void(std::memcpy(floats_.data() + before, other.float_row(0), n * sizeof(float)));
        for (std::size_t i = 0; i < n; ++i)
            if (whole_)
                bytes_[before + i] = other.bytes_[i];
            else
                floats_[before + i] = float(other.bytes_[i]);
    }

    void move(std::size_t from, std::size_t to) {
        if (whole_)
            std::memcpy(bytes_.data() + to * d_, bytes_.data() + from * d_, d_);
        else
            std::memcpy(floats_.data() + to * d_, floats_.data() + from * d_, d_ * sizeof(float));
    }
    void truncate(std::size_t n) { whole_ ? bytes_.resize(n * d_) : floats_.resize(n * d_); }
    void clear() { lent_ != nullptr ? void(n_lent_ = 0) : truncate(0); }

private:
    const std::byte* float_row(std::size_t place) const {
        const std::byte* const rows = lent_ != nullptr ? lent_ : reinterpret_cast<const std::byte*>(floats_.data());
        return rows + place * d_ * sizeof(float);
    }
    void reserve(std::size_t more, bool whole) {
        const std::size_t n = size(), need = n + more;
        if (n == 0 && more != 0 && whole != whole_) take_form(whole, need);
        if (whole_ && !whole) take_form(false, need);
        const std::size_t room = (n == 0 ? need : need + need / 2) * d_;
        if (whole_ && need * d_ > bytes_.capacity()) bytes_.reserve(room);
        if (!whole_ && need * d_ > floats_.capacity()) floats_.reserve(room);
    }
    void take_form(bool whole, std::size_t room) {
        AlignedVector<std::uint8_t> bytes;
        AlignedVector<float> floats;
        whole ? bytes.reserve(room * d_) : floats.reserve(room * d_);
        if (!whole) floats.assign(bytes_.begin(), bytes_.end());
        bytes_ = std::move(bytes), floats_ = std::move(floats), whole_ = whole;
    }

    std::size_t d_;
    bool whole_ = false;
    AlignedVector<float> floats_;
    AlignedVector<std::uint8_t> bytes_;
    const std::byte* lent_ = nullptr;  // null: rows are in the vectors
    std::size_t n_lent_ = 0;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
