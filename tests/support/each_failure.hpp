// tests/support/each_failure.hpp: what fails in turn: each allocation, or each use of an executor.  SPDX-License-Identifier: MIT
#pragma once
#include <doctest/doctest.h>

#include <lutra/core/executor.hpp>
#include <lutra/core/result.hpp>

#include <cstddef>
#include <stdexcept>

#include "support/count_new.hpp"

namespace lutra_test {

#if LUTRA_HAS_EXCEPTIONS
/// call() -> Status runs again and again, each time with another allocation failing, until there is none left to fail; check()
/// after each of those times. make() comes before each call. How often it failed.
template <class Make, class Call, class Check>
std::size_t each_allocation_fails(Make&& make, Call&& call, Check&& check) {
    std::size_t failures = 0;
    for (std::size_t at = 0;; ++at) {
        make();
        lutra::Status status;
        bool reached = false;
        {
            const FailingAllocation failing(at);
            status = call();
            reached = failing.reached();
        }
        CAPTURE(at);
        CAPTURE(status.message());
        if (!reached) {
            CHECK(status.ok());
            return failures;
        }
        ++failures;
        CHECK(status.code() == lutra::Errc::out_of_memory);
        check();
    }
}

/// Two workers in one thread. The use number `at` throws, after it has done half of its tasks.
struct ThrowingExecutor {
    std::size_t at = 0, uses = 0;

    lutra::Executor executor() { return {this, run, 2}; }
    static void run(void* self, std::size_t n, lutra::Executor::Task task, void* context) {
        auto& pool = *static_cast<ThrowingExecutor*>(self);
        const bool fails = pool.uses++ == pool.at;
        for (std::size_t i = 0; i < (fails ? n / 2 : n); ++i) task(context, i, i % 2);
        if (fails) throw std::runtime_error("executor");
    }
};

/// The same for an executor that throws: call(executor) -> Status.
template <class Make, class Call, class Check>
std::size_t each_use_of_executor_throws(Make&& make, Call&& call, Check&& check) {
    for (std::size_t at = 0;; ++at) {
        make();
        ThrowingExecutor pool{at};
        CAPTURE(at);
        try {
            const lutra::Status status = call(pool.executor());
            CHECK_MESSAGE(status.ok(), status.message());
            CHECK(pool.uses <= at);  // or what was thrown got lost
            return at;
        } catch (const std::runtime_error&) {
            check();
        }
    }
}
#endif

}  // namespace lutra_test
