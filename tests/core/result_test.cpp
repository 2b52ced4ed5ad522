// Tests of core/result.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/result.hpp>

#include <memory>
#include <string>
#include <utility>

namespace {
using lutra::Errc;
using lutra::Result;
using lutra::Status;

Status refuse_odd(int i) {
    if (i % 2 != 0) return {Errc::bad_argument, "{} is odd: even numbers are accepted", i};
    return {};
}
Status refuse_odd_twice(int a, int b) {
    LUTRA_TRY(refuse_odd(a));
    LUTRA_TRY(refuse_odd(b));
    return {};
}
Result<std::unique_ptr<int>> half(int i) {
    LUTRA_TRY(refuse_odd(i));
    return std::make_unique<int>(i / 2);
}
}  // namespace

TEST_CASE("Status: a default one is ok and has no text") {
    const Status status;
    CHECK(status.ok());
    CHECK(bool(status));
    CHECK(status.code() == Errc::ok);
    CHECK(status.message().empty());
}

TEST_CASE("Status: an error has its code and its formatted text") {
    const Status status = refuse_odd(3);
    CHECK_FALSE(status.ok());
    CHECK(status.code() == Errc::bad_argument);
    CHECK(status.message() == "3 is odd: even numbers are accepted");
    CHECK(std::string(status.c_str()) == status.message());
}

TEST_CASE("LUTRA_TRY: leaves with the first error and goes on when there is none") {
    CHECK(refuse_odd_twice(2, 4).ok());
    CHECK(refuse_odd_twice(1, 3).message().substr(0, 1) == "1");
    CHECK(refuse_odd_twice(2, 3).message().substr(0, 1) == "3");
}

TEST_CASE("Result: holds a value that can only be moved") {
    Result<std::unique_ptr<int>> result = half(8);
    REQUIRE(result.ok());
    CHECK(**result == 4);
    const std::unique_ptr<int> taken = std::move(result).value();
    CHECK(*taken == 4);
}

TEST_CASE("Result: holds the Status that says why there is no value") {
    const auto result = half(7);
    CHECK_FALSE(result.ok());
    CHECK_FALSE(bool(result));
    CHECK(result.status().code() == Errc::bad_argument);
}

TEST_CASE("Result: members of the value are reached with ->") {
    const Result<std::string> result(std::string("abc"));
    CHECK(result->size() == 3);
    CHECK(result.status().ok());
}

#if LUTRA_HAS_EXCEPTIONS
TEST_CASE("Result: value() of an error throws its text") {
    CHECK_THROWS_WITH_AS(static_cast<void>(half(7).value()), "7 is odd: even numbers are accepted", lutra::Error);
    CHECK_NOTHROW(static_cast<void>(half(8).value()));
}
#endif

TEST_CASE("errc_name: every code has its name") {
    CHECK(std::string_view(lutra::errc_name(lutra::Errc::ok)) == "ok");
    CHECK(std::string_view(lutra::errc_name(lutra::Errc::bad_file)) == "bad_file");
    CHECK(std::string_view(lutra::errc_name(lutra::Errc::out_of_memory)) == "out_of_memory");
}
