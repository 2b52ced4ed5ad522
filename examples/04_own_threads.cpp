// 04_own_threads.cpp: the library starts no threads. Give it yours: any function that runs numbered tasks, here two
// std::threads a call. (lutra/parallel/threads.hpp has a pool ready.)  SPDX-License-Identifier: MIT
#include <atomic>
#include <cstdio>
#include <lutra/lutra.hpp>
#include <thread>

namespace {
// Calls task(context, i, worker) once for every i < n and returns when all are done. `pool` is whatever you pass below.
void run_on_two_threads(void* pool, std::size_t n, lutra::Executor::Task task, void* context) {
    ++*static_cast<int*>(pool);
    std::atomic<std::size_t> next = 0;
    const auto work = [&](std::size_t worker) {
        for (std::size_t i = next++; i < n; i = next++) task(context, i, worker);
    };
    std::thread other(work, std::size_t{1});
    work(0);
    other.join();
}
}  // namespace

int main() {
    constexpr std::size_t n = 20000, d = 32, nq = 100, k = 5;
    lutra::Rng rng(3);
    const std::vector<float> rows = rng.normal(n * d);
    const lutra::MatrixView x{rows.data(), n, d}, q = x.rows(0, nq);

    int runs = 0;
    lutra::Workspace workspace;  // scratch memory: after the first search of a size nothing is allocated any more
    const lutra::Resources two{.executor = lutra::Executor(&runs, run_on_two_threads, 2), .workspace = &workspace};

    lutra::Index index = lutra::index_factory(d, "IVF64,Flat").value();
    if (!index.train(x, two) || !index.add(x, two)) return 1;
    const lutra::Hits parallel = lutra::search(index, q, k, {.nprobe = 8}, two).value();
    const lutra::Hits alone = lutra::search(index, q, k, {.nprobe = 8}).value();

    const bool same = parallel.ids == alone.ids && parallel.distances == alone.distances;
    std::printf("%d parallel runs; results are %s those of one thread, bit for bit\n", runs, same ? "equal to" : "NOT");
    return same && runs > 0 ? 0 : 1;
}
