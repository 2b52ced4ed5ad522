// Tests of parallel/threads.hpp. They are most useful in the preset tsan.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/parallel/threads.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <new>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/count_new.hpp"

namespace {
using lutra::Executor;
using lutra::ThreadPool;

/// How often each of n tasks ran.
std::vector<int> runs_of_each_task(const Executor& executor, std::size_t n) {
    std::vector<std::atomic<int>> counts(n);
    executor.for_each(n, [&](std::size_t i, std::size_t) { ++counts[i]; });
    return {counts.begin(), counts.end()};
}

void wait_until_at_least(const std::atomic<int>& count, int wanted) {
    while (count.load() < wanted) std::this_thread::yield();
}
}  // namespace

TEST_CASE("ThreadPool: every task runs once, for fewer, as many and more tasks than workers") {
    for (std::size_t workers : {1, 2, 3, 8}) {
        ThreadPool pool(workers);
        for (std::size_t n : {0, 1, 2, 3, 7, 8, 9, 1000}) {
            CAPTURE(workers);
            CAPTURE(n);
            CHECK(runs_of_each_task(pool.executor(), n) == std::vector<int>(n, 1));
        }
    }
}

TEST_CASE("ThreadPool: zero and one workers start no thread") {
    for (std::size_t workers : {0, 1}) {
        ThreadPool pool(workers);
        CHECK(pool.workers() == 1);
        CHECK(pool.executor().workers() == 1);
        const auto self = std::this_thread::get_id();
        bool same_thread = true;
        pool.executor().for_each(10, [&](std::size_t, std::size_t) { same_thread &= std::this_thread::get_id() == self; });
        CHECK(same_thread);
    }
}

TEST_CASE("ThreadPool: all workers work at the same time") {
    ThreadPool pool(4);
    std::atomic<int> arrived{0};
    pool.executor().for_each(4, [&](std::size_t, std::size_t) {
        ++arrived;
        wait_until_at_least(arrived, 4);  // hangs unless four threads take one task each
    });
    CHECK(arrived == 4);
}

TEST_CASE("ThreadPool: worker numbers are in range and never used by two tasks at once") {
    constexpr std::size_t kWorkers = 4;
    ThreadPool pool(kWorkers);
    std::array<std::atomic<int>, kWorkers> users{};
    std::atomic<int> errors{0};
    for (int round = 0; round < 200; ++round)
        pool.executor().for_each(64, [&](std::size_t, std::size_t worker) {
            if (worker >= kWorkers) {
                ++errors;
                return;
            }
            errors += users[worker].fetch_add(1) != 0;
            std::this_thread::yield();
            --users[worker];
        });
    CHECK(errors == 0);
}

TEST_CASE("ThreadPool: what tasks wrote is there for the caller, over many small runs") {
    ThreadPool pool(3);
    std::array<std::size_t, 5> values{};  // not atomic: the pool alone must order the writes
    std::size_t wrong = 0;
    for (std::size_t round = 0; round < 20000; ++round) {
        pool.executor().for_each(values.size(), [&](std::size_t i, std::size_t) { values[i] = round + i; });
        for (std::size_t i = 0; i < values.size(); ++i) wrong += values[i] != round + i;
    }
    CHECK(wrong == 0);
}

TEST_CASE("ThreadPool: threads that went to sleep wake up for the next run") {
    ThreadPool pool(2);
    for (int round = 0; round < 5; ++round) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        std::atomic<int> arrived{0};
        pool.executor().for_each(2, [&](std::size_t, std::size_t) {
            ++arrived;
            wait_until_at_least(arrived, 2);
        });
        CHECK(arrived == 2);
    }
}

TEST_CASE("ThreadPool: several threads may use one pool at once") {
    ThreadPool pool(3);
    std::atomic<int> wrong{0};
    std::vector<std::thread> callers;
    callers.reserve(4);
    for (int caller = 0; caller < 4; ++caller)
        callers.emplace_back([&] {
            for (int round = 0; round < 300; ++round) wrong += runs_of_each_task(pool.executor(), 10) != std::vector<int>(10, 1);
        });
    for (std::thread& caller : callers) caller.join();
    CHECK(wrong == 0);
}

TEST_CASE("ThreadPool: a task may use the executor again, under its own worker number") {
    ThreadPool pool(3);
    const Executor executor = pool.executor();
    std::atomic<int> inner{0}, other_number{0};
    for (int round = 0; round < 100; ++round)
        executor.for_each(8, [&](std::size_t, std::size_t outer_worker) {
            executor.for_each(4, [&](std::size_t, std::size_t worker) {
                ++inner;
                other_number += worker != outer_worker;
            });
        });
    CHECK(inner == 100 * 8 * 4);
    CHECK(other_number == 0);
}

TEST_CASE("ThreadPool: a run allocates nothing") {
    ThreadPool pool(3);
    const Executor executor = pool.executor();
    std::atomic<std::size_t> sum{0};
    const std::size_t before = lutra_test::allocations();
    for (int round = 0; round < 100; ++round) executor.for_each(16, [&](std::size_t i, std::size_t) { sum += i; });
    CHECK(lutra_test::allocations() == before);
    CHECK(sum == 100 * 120);
}

TEST_CASE("ThreadPool: pools come and go without a run") {
    for (int round = 0; round < 50; ++round) ThreadPool pool(4);
}

#if LUTRA_HAS_EXCEPTIONS
TEST_CASE("ThreadPool: what a task throws on any worker comes to the caller when all have stopped, and the pool stays good") {
    ThreadPool pool(3);
    const Executor executor = pool.executor();
    for (std::size_t bad = 0; bad < 60; ++bad) {
        std::atomic<std::size_t> begun{0}, ended{0};
        const auto task = [&](std::size_t i, std::size_t) {
            ++begun;
            if (i == bad) throw std::runtime_error("bad");
            std::this_thread::yield();
            ++ended;
        };
        CHECK_THROWS_WITH_AS(executor.for_each(60, task), "bad", std::runtime_error);
        CHECK(begun == ended + 1);  // none is under way any more
        CHECK(runs_of_each_task(executor, 60) == std::vector<int>(60, 1));
    }
}

TEST_CASE("ThreadPool: all tasks may throw at once; one exception comes to the caller") {
    ThreadPool pool(4);
    for (int round = 0; round < 200; ++round)
        CHECK_THROWS_AS(pool.executor().for_each(8, [](std::size_t, std::size_t) { throw std::bad_alloc(); }), std::bad_alloc);
}

TEST_CASE("ThreadPool: what an inner task throws goes through the outer one to the caller") {
    ThreadPool pool(2);
    const Executor executor = pool.executor();
    const auto outer = [&](std::size_t, std::size_t) {
        executor.for_each(4, [](std::size_t i, std::size_t) {
            if (i == 2) throw std::runtime_error("inner");
        });
    };
    CHECK_THROWS_WITH_AS(executor.for_each(4, outer), "inner", std::runtime_error);
}
#endif
