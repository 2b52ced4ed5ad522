// lutra/core/workspace.hpp: reusable scratch memory, so that a search allocates nothing after warm-up, or nothing at all.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/core/result.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// The bytes that Arena::take<T>(n) uses. The sum of some dozen of them does not overflow.
template <class T>
constexpr std::size_t arena_bytes(std::size_t n) {
    constexpr std::size_t kMost = ~std::size_t{0} / 64;
    return n < (kMost - kCacheLine) / sizeof(T) ? round_up(std::max<std::size_t>(n * sizeof(T), 1), kCacheLine) : kMost;
}

/// What a call takes from an arena: bytes that stay taken, and those that it gives back.
struct ArenaNeed {
    std::size_t kept = 0, passing = 0;
};

/// A stack allocator for one worker: take() moves a cursor, a Frame moves it back. Chunks are kept, so the same sequence of calls
/// allocates nothing the second time. Not thread-safe: one Arena per worker.
class Arena {
public:
    Arena() = default;
    /// Uses this room and no other memory: what does not fit is an Error, or ends the process in builds without exceptions. A
    /// search asks left() first.
    explicit Arena(std::span<std::byte> room) : fixed_(true) {
        const std::size_t skipped = (kCacheLine - reinterpret_cast<std::uintptr_t>(room.data()) % kCacheLine) % kCacheLine;
        if (skipped < room.size()) room_ = room.subspan(skipped);
    }

    /// Uninitialised memory for n values, cache-line aligned, valid until the enclosing Frame ends.
    template <class T>
    std::span<T> take(std::size_t n) {
        static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= kCacheLine);
        return {static_cast<T*>(take_bytes(n <= kMost / sizeof(T) ? n * sizeof(T) : kMost)), n};
    }

    /// Replaces all chunks by one of twice the largest size ever in use, so that sequences of take() of any sizes up to that size
    /// in all need no allocation. Needs: nothing is taken.
    void settle();

    bool fixed() const { return fixed_; }
    /// Bytes that a fixed arena can still give.
    std::size_t left() const { return room_.size() - used_; }
    /// The most bytes ever in use at a time.
    std::size_t most_taken() const { return most_taken_; }

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
        std::byte* p = fixed_ ? room_.data() + used_ : nullptr;
        if (fixed_) {
            if (bytes > left()) too_small(bytes);
        } else {
            while (chunk_ < chunks_.size() && used_ + bytes > chunks_[chunk_].size()) ++chunk_, used_ = 0;
            if (chunk_ == chunks_.size()) grow(bytes);
            p = chunks_[chunk_].data() + used_;
        }
        used_ += bytes, taken_ += bytes;
        most_taken_ = std::max(most_taken_, taken_);
        return p;
    }
    // The first chunk is what is asked for, or a kilobyte; then they double.
    void grow(std::size_t bytes) {
        const std::size_t last = chunks_.empty() ? std::size_t{512} : chunks_.back().size();
        chunks_.emplace_back(std::max(2 * last, bytes));
    }
    [[noreturn]] void too_small(std::size_t bytes) const {
        detail::fail({Errc::out_of_memory, "workspace of {} bytes: {} more are wanted", room_.size(), bytes - left()});
    }

    std::vector<AlignedBytes> chunks_;
    std::span<std::byte> room_;  // of a fixed arena, in place of chunks
    bool fixed_ = false;
    std::size_t chunk_ = 0, used_ = 0;        // the next piece: its chunk and offset
    std::size_t taken_ = 0, most_taken_ = 0;  // bytes
};

/// One Arena per worker. Keep a Workspace per calling thread and pass it to every search: after the first few calls of a size, the
/// workers that took part allocate nothing. warm() (warm.hpp) prepares all workers before the first call. A call without a
/// workspace makes its own and frees it.
class Workspace {
public:
    Workspace() = default;
    /// For one worker, in memory of the caller's, such as a static array: it never grows. workspace_bytes() says how much a search
    /// needs; if there is less, the search returns out_of_memory and says how much, before it begins.
    ///   alignas(64) static std::byte room[8192];
    ///   Workspace workspace(room);
    explicit Workspace(std::span<std::byte> room) : own_(room) {}
    /// The workspace of a search inside a search: what the worker's arena has left.
    explicit Workspace(Arena& arena) : first_(&arena) {}

    /// Creates arenas [0, workers). Call it before the workers start.
    void reserve(std::size_t workers) {
        while (others_.size() + 1 < workers) others_.push_back(std::make_unique<Arena>());
    }
    Arena& arena(std::size_t worker) { return worker != 0 ? *others_[worker - 1] : first_ != nullptr ? *first_ : own_; }
    /// Arena::settle() of each.
    void settle() {
        for (std::size_t worker = 0; worker <= others_.size(); ++worker) arena(worker).settle();
    }

private:
    Arena own_;
    Arena* first_ = nullptr;                      // in place of own_
    std::vector<std::unique_ptr<Arena>> others_;  // references stay good when it grows; an unused one allocates nothing
};

inline void Arena::settle() {
    LUTRA_ASSERT(taken_ == 0 && chunk_ == 0 && used_ == 0);
    if (fixed_ || most_taken_ == 0 || chunks_.front().size() >= 2 * most_taken_) return;
    AlignedBytes one(2 * most_taken_);
    chunks_.clear();
    chunks_.push_back(std::move(one));
}

}  // namespace lutra::inline LUTRA_ABI_TAG
