// Tests of core/progress.hpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/progress.hpp>

#include <string>

using lutra::Errc;
using lutra::Progress;
using lutra::ProgressEvent;

TEST_CASE("Progress: the default one reports to nobody and never cancels") { CHECK(Progress().report("add", 1, 2).ok()); }

TEST_CASE("Progress: the function sees the stage and how far it is") {
    std::string text;
    auto write = [&](const ProgressEvent& event) {
        text = std::string(event.stage) + " " + std::to_string(event.done) + "/" + std::to_string(event.total);
        return true;
    };
    CHECK(Progress(write).report("train: k-means", 3, 10).ok());
    CHECK(text == "train: k-means 3/10");
}

TEST_CASE("Progress: false from the function is Errc::cancelled, which names the stage") {
    auto stop_at_5 = [](const ProgressEvent& event) { return event.done < 5; };
    const Progress progress(stop_at_5);
    CHECK(progress.report("add", 4, 10).ok());
    const lutra::Status status = progress.report("add", 5, 10);
    CHECK(status.code() == Errc::cancelled);
    CHECK(status.message().find("add: cancelled") == 0);
    CHECK(status.message().find("5 of 10") != status.message().npos);
}
