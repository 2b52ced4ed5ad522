// lutra/core/workspace.hpp: memory that calls borrow and give back, so that a warmed-up search allocates nothing.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/aligned.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

class Workspace;

/// A stack of memory for one worker: take() moves a cursor, a Frame moves it back. Chunks are kept, so the same sequence
/// of calls finds all its memory there the second time. Not thread-safe: one Arena per worker.
class Arena {
public:
    /// Uninitialised memory for n values, cache-line aligned, valid until the enclosing Frame ends.
    template <class T>
    std::span<T> take(std::size_t n) {
        static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= kCacheLine);
        return {static_cast<T*>(take_bytes(n <= kMost / sizeof(T) ? n * sizeof(T) : kMost)), n};
    }

    /// Memory for a search inside a search, kept as long as this is.
    Workspace& nested();

    Arena();
    ~Arena();

    /// All that was taken since construction is given back at destruction.
    class Frame {
    public:
        explicit Frame(Arena& arena) : arena_(arena), chunk_(arena.chunk_), used_(arena.used_) {}
        ~Frame() { arena_.chunk_ = chunk_, arena_.used_ = used_; }
        Frame(const Frame&) = delete;
        Frame& operator=(const Frame&) = delete;

    private:
        Arena& arena_;
        std::size_t chunk_, used_;
    };

private:
    static constexpr std::size_t kMost = ~std::size_t{0} / 2;  // more than a vector can hold: growing by it fails

    void* take_bytes(std::size_t bytes) {
        bytes = round_up(std::max<std::size_t>(bytes, 1), kCacheLine);
        while (chunk_ < chunks_.size() && used_ + bytes > chunks_[chunk_].size()) ++chunk_, used_ = 0;
        if (chunk_ == chunks_.size()) grow(bytes);
        void* p = chunks_[chunk_].data() + used_;
        used_ += bytes;
        return p;
    }
    void grow(std::size_t bytes) {
        const std::size_t last = chunks_.empty() ? std::size_t{32} << 10 : chunks_.back().size();
        chunks_.emplace_back(std::max(2 * last, bytes));
    }

    std::vector<AlignedVector<std::byte>> chunks_;
    std::size_t chunk_ = 0, used_ = 0;
    std::unique_ptr<Workspace> nested_;
};

/// One Arena per worker. Keep one for each thread that calls search and pass it in: after the first few calls of a size
/// nothing is allocated. Without one, every call makes its own and frees it.
class Workspace {
public:
    /// Makes sure arenas [0, workers) exist. Call it before the workers start.
    void reserve(std::size_t workers) {
        while (arenas_.size() < workers) arenas_.push_back(std::make_unique<Arena>());
    }
    Arena& arena(std::size_t worker) { return *arenas_[worker]; }

private:
    std::vector<std::unique_ptr<Arena>> arenas_;  // references stay good when it grows; an unused one allocates nothing
};

inline Arena::Arena() = default;
inline Arena::~Arena() = default;
inline Workspace& Arena::nested() {
    if (nested_ == nullptr) nested_ = std::make_unique<Workspace>();
    return *nested_;
}

}  // namespace lutra::inline LUTRA_ABI_TAG
