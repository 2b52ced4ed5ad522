// Tests of core/executor.hpp: the serial default, and executors of the user's own.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/executor.hpp>

#include <cstddef>
#include <stdexcept>
#include <utility>
#include <vector>

#include "support/count_new.hpp"

namespace {
using lutra::Executor;
using Ranges = std::vector<std::pair<std::size_t, std::size_t>>;

Ranges ranges_of(const Executor& executor, std::size_t n, std::size_t grain) {
    Ranges ranges;
    executor.for_ranges(n, grain, [&](std::size_t begin, std::size_t end, std::size_t) { ranges.emplace_back(begin, end); });
    return ranges;
}

/// A pool of the user's own that runs the tasks backwards, in turn under the numbers 0 and 1.
struct Backwards {
    int runs = 0;
    Executor executor() { return {this, run, 2}; }
    static void run(void* pool, std::size_t n, Executor::Task task, void* context) {
        ++static_cast<Backwards*>(pool)->runs;
        for (std::size_t i = n; i-- > 0;) task(context, i, i % 2);
    }
};
}  // namespace

TEST_CASE("Executor: the default one runs every task in order as worker 0") {
    std::vector<std::size_t> order;
    const Executor serial;
    serial.for_each(4, [&](std::size_t i, std::size_t worker) {
        order.push_back(i);
        CHECK(worker == 0);
    });
    CHECK(order == std::vector<std::size_t>{0, 1, 2, 3});
    CHECK(serial.workers() == 1);
}

TEST_CASE("Executor: for_ranges covers [0, n) once, for every n around the grain") {
    const Executor serial;
    CHECK(ranges_of(serial, 0, 4).empty());
    CHECK(ranges_of(serial, 0, 0).empty());  // a share of nothing
    CHECK(ranges_of(serial, 1, 4) == Ranges{{0, 1}});
    CHECK(ranges_of(serial, 4, 4) == Ranges{{0, 4}});
    CHECK(ranges_of(serial, 9, 4) == Ranges{{0, 4}, {4, 8}, {8, 9}});
}

TEST_CASE("Executor: a user's pool gets every task and cuts the job in the same ranges") {
    Backwards pool;
    CHECK(ranges_of(pool.executor(), 9, 4) == Ranges{{8, 9}, {4, 8}, {0, 4}});
    CHECK(pool.runs == 1);
}

TEST_CASE("Executor: no task or a single one does not bother the pool") {
    Backwards pool;
    int tasks = 0;
    pool.executor().for_each(0, [&](std::size_t, std::size_t) { ++tasks; });
    pool.executor().for_each(1, [&](std::size_t, std::size_t) { ++tasks; });
    CHECK(tasks == 1);
    CHECK(pool.runs == 0);
}

TEST_CASE("Executor: takes const functions and functions that are changed by being called") {
    Backwards pool;
    std::vector<std::size_t> seen;
    const auto constant = [&seen](std::size_t i, std::size_t) { seen.push_back(i); };
    pool.executor().for_each(2, constant);
    std::size_t sum = 0;
    auto counting = [&sum, calls = std::size_t{0}](std::size_t, std::size_t) mutable { sum = ++calls; };
    pool.executor().for_each(3, counting);
    CHECK(seen == std::vector<std::size_t>{1, 0});
    CHECK(sum == 3);
}

TEST_CASE("Executor: has at least one worker") { CHECK(Executor(nullptr, nullptr, 0).workers() == 1); }

TEST_CASE("Executor: running tasks allocates nothing") {
    std::size_t sum = 0;
    Backwards pool;
    const std::size_t before = lutra_test::allocations();
    pool.executor().for_ranges(1000, 7, [&](std::size_t begin, std::size_t end, std::size_t) { sum += end - begin; });
    CHECK(lutra_test::allocations() == before);
    CHECK(sum == 1000);
}

#if LUTRA_HAS_EXCEPTIONS
TEST_CASE("Executor: what a task throws comes to the caller, through a pool that never sees it; the other tasks are skipped") {
    for (const bool serial : {true, false}) {
        Backwards pool;
        const Executor executor = serial ? Executor() : pool.executor();
        std::size_t ran = 0;
        const auto third = [&ran](std::size_t, std::size_t) {
            if (++ran == 3) throw std::runtime_error("third");
        };
        CHECK_THROWS_WITH_AS(executor.for_each(10, third), "third", std::runtime_error);
        CHECK(ran == 3);
    }
}

TEST_CASE("Executor: what the pool itself throws comes to the caller") {
    const auto refuse = [](void*, std::size_t, Executor::Task, void*) { throw std::runtime_error("no threads"); };
    const Executor executor(nullptr, refuse, 2);
    CHECK_THROWS_WITH_AS(executor.for_each(2, [](std::size_t, std::size_t) {}), "no threads", std::runtime_error);
}
#endif
