// lutra/core/executor.hpp: Executor runs numbered tasks: in the calling thread (default) or on the caller's threads.
// The library starts no thread of its own; parallel/threads.hpp has a pool for those who want one.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/config.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <type_traits>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

/// The tasks of one run, wrapped for a pool: they never throw. The first exception is kept for the caller; tasks that have not
/// begun by then do nothing.
template <class F>
class Tasks {
public:
    explicit Tasks(F& f) : f_(f) {}

    static void call(void* tasks, std::size_t i, std::size_t worker) { static_cast<Tasks*>(tasks)->run(i, worker); }

#if LUTRA_HAS_EXCEPTIONS
    void rethrow() {
        if (thrown_) std::rethrow_exception(std::move(thrown_));
    }

private:
    void run(std::size_t i, std::size_t worker) {
        if (failed_.load(std::memory_order_relaxed) != 0) return;
        try {
            f_(i, worker);
        } catch (...) {
            if (failed_.exchange(1) == 0) thrown_ = std::current_exception();
        }
    }

    std::atomic<int> failed_{0};  // to exchange a bool, g++ 12 needs libatomic on riscv64
    std::exception_ptr thrown_;
#else
    void rethrow() {}

private:
    void run(std::size_t i, std::size_t worker) { f_(i, worker); }
#endif
    F& f_;
};

}  // namespace detail

/// A handle to a pool that runs numbered tasks: two pointers and a count, cheap to copy. The pool must outlive it. Results do not
/// depend on the executor: the result of a row does not depend on which rows share its task.
///
/// Your own threads: pass a function that calls task(context, i, worker) once for each i < n, from any threads, and returns when
/// all tasks are done. `worker` must be < workers, and no two tasks may run at the same time under one worker number.
///
/// Exceptions: tasks never throw into the pool. for_each() rethrows the first exception of a task, such as std::bad_alloc, in the
/// calling thread after the pool's function has returned; tasks that had not begun are skipped. The pool's function may itself
/// throw once no task is running: for_each() passes that on to the caller too.
class Executor {
public:
    using Task = void (*)(void* context, std::size_t i, std::size_t worker);
    using Run = void (*)(void* pool, std::size_t n, Task task, void* context);

    Executor() = default;  ///< serial: everything runs in the calling thread
    Executor(void* pool, Run run, std::size_t workers) : pool_(pool), run_(run), workers_(std::max<std::size_t>(workers, 1)) {}

    std::size_t workers() const { return workers_; }

    /// Calls f(i, worker) for every i < n, in any order. Rethrows the first exception of an f.
    template <class F>
    void for_each(std::size_t n, F&& f) const {
        if (run_ == nullptr || n <= 1) {
            for (std::size_t i = 0; i < n; ++i) f(i, std::size_t{0});
            return;
        }
        using Tasks = detail::Tasks<std::remove_reference_t<F>>;
        Tasks tasks(f);
        run_(pool_, n, &Tasks::call, &tasks);
        tasks.rethrow();
    }

    /// Calls f(begin, end, worker) for the ranges [0, grain), [grain, 2 grain) ... that cover [0, n). grain >= 1, unless n is 0.
    template <class F>
    void for_ranges(std::size_t n, std::size_t grain, F&& f) const {
        if (n == 0) return;
        for_each((n + grain - 1) / grain,
                 [&](std::size_t i, std::size_t worker) { f(i * grain, std::min(n, (i + 1) * grain), worker); });
    }

private:
    void* pool_ = nullptr;
    Run run_ = nullptr;
    std::size_t workers_ = 1;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
