// lutra/core/workspace.hpp: reusable scratch memory, so that a search allocates nothing after warm-up.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/aligned.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

class Workspace;

/// A stack allocator for one worker: take() moves a cursor, a Frame moves it back. Chunks are kept, so the same sequence of calls
/// allocates nothing the second time. Not thread-safe: one Arena per worker.
class Arena {
public:
    /// Uninitialised memory for n values, cache-line aligned, valid until the enclosing Frame ends.
    template <class T>
    std::span<T> take(std::size_t n) {
        static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= kCacheLine);
        return {static_cast<T*>(take_bytes(n <= kMost / sizeof(T) ? n * sizeof(T) : kMost)), n};
    }

    /// The workspace of a search inside a search; it lives as long as this arena.
    Workspace& nested();

    /// Replaces all chunks by one of twice the largest size ever in use, so that sequences of take() of any sizes up to that size
    /// in all need no allocation. Needs: nothing is taken.
    void settle();

    Arena();
    ~Arena();

    /// A scope: its destructor gives back everything taken since its construction.
    class Frame {
    public:
        explicit Frame(Arena& arena) : arena_(arena), chunk_(arena.chunk_), used_(arena.used_), taken_(arena.taken_) {}
        ~Frame() { arena_.chunk_ = chunk_, arena_.used_ = used_, arena_.taken_ = taken_; }
        Frame(const Frame&) = delete;
        Frame& operator=(const Frame&) = delete;

    private:
        Arena& arena_;
        std::size_t chunk_, used_, taken_;
    };

private:
    static constexpr std::size_t kMost = ~std::size_t{0} / 2;  // more than a vector can hold: growing by it fails

    void* take_bytes(std::size_t bytes) {
        bytes = round_up(std::max<std::size_t>(bytes, 1), kCacheLine);
        while (chunk_ < chunks_.size() && used_ + bytes > chunks_[chunk_].size()) ++chunk_, used_ = 0;
        if (chunk_ == chunks_.size()) grow(bytes);
        void* p = chunks_[chunk_].data() + used_;
        used_ += bytes, taken_ += bytes;
        most_taken_ = std::max(most_taken_, taken_);
        return p;
    }
    void grow(std::size_t bytes) {
        const std::size_t last = chunks_.empty() ? std::size_t{32} << 10 : chunks_.back().size();
        chunks_.emplace_back(std::max(2 * last, bytes));
    }

    std::vector<AlignedBytes> chunks_;
    std::size_t chunk_ = 0, used_ = 0;        // the next piece: its chunk and offset
    std::size_t taken_ = 0, most_taken_ = 0;  // bytes
    std::unique_ptr<Workspace> nested_;
};

/// One Arena per worker. Keep a Workspace per calling thread and pass it to every search: after the first few calls of a size, the
/// workers that took part allocate nothing. warm() (warm.hpp) prepares all workers before the first call. A call without a
/// workspace makes its own and frees it.
class Workspace {
public:
    /// Creates arenas [0, workers). Call it before the workers start.
    void reserve(std::size_t workers) {
        while (arenas_.size() < workers) arenas_.push_back(std::make_unique<Arena>());
    }
    Arena& arena(std::size_t worker) { return *arenas_[worker]; }
    /// Arena::settle() of each.
    void settle() {
        for (const auto& arena : arenas_) arena->settle();
    }

private:
    std::vector<std::unique_ptr<Arena>> arenas_;  // references stay good when it grows; an unused one allocates nothing
};

inline Arena::Arena() = default;
inline Arena::~Arena() = default;
inline Workspace& Arena::nested() {
    if (nested_ == nullptr) nested_ = std::make_unique<Workspace>();
    return *nested_;
}
inline void Arena::settle() {
    LUTRA_ASSERT(taken_ == 0 && chunk_ == 0 && used_ == 0);
    if (nested_ != nullptr) nested_->settle();
    if (most_taken_ == 0 || chunks_.front().size() >= 2 * most_taken_) return;
    AlignedBytes one(2 * most_taken_);
    chunks_.clear();
    chunks_.push_back(std::move(one));
}

}  // namespace lutra::inline LUTRA_ABI_TAG
