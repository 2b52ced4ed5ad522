// lutra/parallel/threads.hpp: ThreadPool, a pool of std::threads behind an Executor. Opt-in: without it the library includes no
// <thread> and starts no thread.  SPDX-License-Identifier: MIT
//
// Main path: run() publishes a job -> every thread that is awake in time join()s and takes tasks from one counter -> the
// caller takes part, then closes the job and waits for those who joined. Threads that wake too late find it closed, so a
// small job never waits for a sleeping thread.
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/core/executor.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// `workers` threads that run tasks: the caller of each run is worker 0, the others are started here and sleep between runs.
/// A run allocates nothing.
///
///   several callers   runs of different threads follow one another; each has all workers
///   nested            a task may use the executor of its own pool: the inner tasks run at once in the thread of the outer
///                     task, under its worker number. Tasks of two pools must not use each other's pool.
///   exceptions        what a task throws comes out of for_each(), in the caller's thread, after all workers have stopped;
///                     tasks that had not begun are skipped. The pool is good for the next run
class ThreadPool {
public:
    /// Starts workers - 1 threads (none for 0 and 1). Throws std::system_error if the system refuses one.
    explicit ThreadPool(std::size_t workers) : ThreadPool() { start(workers); }
    ~ThreadPool() { stop(); }
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    std::size_t workers() const { return threads_.size() + 1; }
    /// A handle for train, add and search; good as long as the pool lives.
    Executor executor() {
        const auto run = [](void* pool, std::size_t n, Executor::Task task, void* context) {
            static_cast<ThreadPool*>(pool)->run({task, context, n});
        };
        return {this, run, workers()};
    }

private:
    struct Job {
        Executor::Task task = nullptr;
        void* context = nullptr;
        std::size_t n = 0;
    };
    static constexpr std::size_t kNobody = ~std::size_t{0};
    static constexpr int kYields = 64;  // checks for the next job before sleeping; see join()

    ThreadPool() = default;
    void start(std::size_t workers) {
        threads_.reserve(std::max<std::size_t>(workers, 1) - 1);
        for (std::size_t worker = 1; worker < workers; ++worker) threads_.emplace_back([this, worker] { serve(worker); });
    }
    void stop() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
            published_.fetch_add(1);
        }
        wake_.notify_all();
        for (std::thread& thread : threads_) thread.join();
    }

    void run(const Job& job) noexcept {
        if (const std::size_t self = running_worker(); self != kNobody) {
            for (std::size_t i = 0; i < job.n; ++i) job.task(job.context, i, self);
            return;
        }
        const std::lock_guard one_run_at_a_time(runs_);
        caller_.store(std::this_thread::get_id());
        publish(job);
        take_tasks(job, 0);
        close();
        caller_.store(std::thread::id{});
    }

    // The worker number of this thread if it is inside a task of this pool. No other thread can write our id to caller_.
    std::size_t running_worker() const {
        const std::thread::id self = std::this_thread::get_id();
        if (caller_.load() == self) return 0;
        for (std::size_t i = 0; i < threads_.size(); ++i)
            if (threads_[i].get_id() == self) return i + 1;
        return kNobody;
    }

    void publish(const Job& job) {
        {
            const std::lock_guard lock(mutex_);
            job_ = job, open_ = true;
            next_.store(0);
            published_.fetch_add(1);
        }
        for (std::size_t i = std::min(job.n - 1, threads_.size()); i-- > 0;) wake_.notify_one();
    }
    void close() {
        std::unique_lock lock(mutex_);
        open_ = false;
        done_.wait(lock, [this] { return joined_ == 0; });
    }

    void take_tasks(const Job& job, std::size_t worker) noexcept {
        for (std::size_t i; (i = next_.fetch_add(1)) < job.n;) job.task(job.context, i, worker);
    }

    void serve(std::size_t worker) noexcept {
        std::uint64_t seen = 0;
        while (join(seen)) {
            take_tasks(job_, worker);
            leave();
        }
    }
    // Waits for a job newer than `seen` that is still open and joins it; false when the pool stops. Looking a while before
    // sleeping saves the wake-up (two tasks of 25 us: 32 us instead of 37), and yielding costs others nothing on a busy
    // machine, where a plain spin made the same run take 84 us.
    bool join(std::uint64_t& seen) {
        for (int i = 0; i < kYields && published_.load() == seen; ++i) std::this_thread::yield();
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return stopping_ || (open_ && published_.load() != seen); });
        seen = published_.load();
        if (!stopping_) ++joined_;
        return !stopping_;
    }
    void leave() {
        const std::lock_guard lock(mutex_);
        if (--joined_ == 0) done_.notify_one();
    }

    std::mutex runs_;   // held for a whole run
    std::mutex mutex_;  // guards job_, open_, joined_, stopping_; job_ does not change while anybody has joined it
    std::condition_variable wake_, done_;
    Job job_;
    bool open_ = false, stopping_ = false;
    std::size_t joined_ = 0;
    std::atomic<std::uint64_t> published_{0};
    std::atomic<std::thread::id> caller_{};
    alignas(kCacheLine) std::atomic<std::size_t> next_{0};
    std::vector<std::thread> threads_;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
