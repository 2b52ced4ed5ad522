// Tests of core/params.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/params.hpp>

#include <cstddef>

#include "support/count_new.hpp"

namespace {
using lutra::BorrowedWorkspace;
using lutra::Executor;

void run_nothing(void*, std::size_t, Executor::Task, void*) {}
}  // namespace

TEST_CASE("BorrowedWorkspace: is the caller's, with an arena for every worker") {
    lutra::Workspace own;
    const lutra::Resources resources{Executor(nullptr, run_nothing, 3), &own, {}};
    BorrowedWorkspace borrowed(resources);
    for (std::size_t worker = 0; worker < 3; ++worker) CHECK(&borrowed.arena(worker) == &own.arena(worker));
}

TEST_CASE("BorrowedWorkspace: without the caller's it has its own") {
    BorrowedWorkspace first({}), second({});
    CHECK(first.arena(0).take<int>(10).size() == 10);
    CHECK(&first.arena(0) != &second.arena(0));
}

TEST_CASE("BorrowedWorkspace: borrowing the caller's again allocates nothing") {
    lutra::Workspace own;
    const lutra::Resources resources{{}, &own, {}};
    { const BorrowedWorkspace warm_up(resources); }
    const std::size_t before = lutra_test::allocations();
    { const BorrowedWorkspace borrowed(resources); }
    CHECK(lutra_test::allocations() == before);
}

TEST_CASE("BorrowedWorkspace: calls within the call get the executor and the workspace that was borrowed") {
    lutra::Workspace own;
    BorrowedWorkspace borrowed({Executor(nullptr, run_nothing, 3), &own, {}}),
        made({Executor(nullptr, run_nothing, 3), nullptr, {}});
    for (BorrowedWorkspace* outer : {&borrowed, &made}) {
        CHECK(outer->resources().executor.workers() == 3);
        BorrowedWorkspace inner(outer->resources());
        for (std::size_t worker = 0; worker < 3; ++worker) CHECK(&inner.arena(worker) == &outer->arena(worker));
    }
}
