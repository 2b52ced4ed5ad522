// Bad arguments to a SearchIndex: a Status that says what is accepted, and the index as it was. For every kind of index.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "contracts/contract_cases.hpp"

using namespace contracts;
using lutra::Errc;

namespace {
void check_refused(const lutra::Status& status, Errc code, std::initializer_list<std::string_view> words) {
    CHECK(status.code() == code);
    for (const std::string_view word : words) {
        CAPTURE(status.message());
        CAPTURE(word);
        CHECK(status.message().find(word) != std::string_view::npos);
    }
}
}  // namespace

TEST_CASE("train, add, search: rows of the wrong width and null pointers are refused, and training on no rows") {
    for_each_case([](const Case& c) {
        lutra::Index index = filled(c, rows_with_ties(20, c.d)), fresh = trained(c);
        const auto before = saved(index), fresh_before = saved(fresh);
        const Matrix wide = rows_with_ties(400, c.d + 1), good = rows_with_ties(400, c.d);
        const lutra::MatrixView none{good.row(0), 0, c.d}, null{nullptr, 5, c.d};
        std::vector<Id> ids(400, 1);
        lutra::Hits hits(400, 3);
        lutra::RangeHits range;
        const std::string has = std::to_string(c.d + 1), wants = std::to_string(c.d);
        check_refused(fresh.train(wide), Errc::bad_argument, {"train", has, wants});
        check_refused(index.add(wide), Errc::bad_argument, {"add", has, wants});
        check_refused(index.add_with_ids(wide, ids.data()), Errc::bad_argument, {"add", has, wants});
        check_refused(index.search(wide, 3, hits.view()), Errc::bad_argument, {"search", has, wants});
        check_refused(index.range_search(wide, 3, range), Errc::bad_argument, {has, wants});
        CHECK(fresh.train(none).code() == Errc::bad_argument);
        CHECK(fresh.train(null).code() == Errc::bad_argument);
        CHECK(index.add(null).code() == Errc::bad_argument);
        CHECK(index.add_with_ids(null, ids.data()).code() == Errc::bad_argument);
        CHECK(index.search(null, 3, hits.view()).code() == Errc::bad_argument);
        CHECK(index.range_search(null, 3, range).code() == Errc::bad_argument);
        check_refused(index.search(good, 0, hits.view()), Errc::bad_argument, {"k = 0"});
        CHECK(saved(index) == before);
        CHECK(saved(fresh) == fresh_before);
    });
}

TEST_CASE("set_nprobe: 0 lists are refused, any number is where there are none, and what was set stays") {
    for_each_case([](const Case& c) {
        lutra::Index index = untrained(c);
        const std::size_t before = index.nprobe();
        CHECK(before == (c.has_lists() ? 1 : 0));
        if (c.has_lists())
            check_refused(index.set_nprobe(0), Errc::bad_argument, {"nprobe = 0", "1 to " + std::to_string(index.nlist())});
        else
            for (const std::size_t nprobe : {0, 1, 7})
                check_refused(index.set_nprobe(nprobe), Errc::unsupported, {"nprobe = " + std::to_string(nprobe), "no lists"});
        CHECK(index.nprobe() == before);
    });
}

TEST_CASE("train, add: a NaN or an infinity is refused with its row, and the index stays as it was") {
    for_each_case([](const Case& c) {
        for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                                -std::numeric_limits<float>::infinity()}) {
            Matrix x = rows_with_ties(300, c.d);
            x.row(217)[c.d / 2] = bad;
            lutra::Index fresh = untrained(c), index = filled(c, rows_with_ties(20, c.d));
            const auto fresh_before = saved(fresh), before = saved(index);
            std::vector<Id> ids(300, 1);
            check_refused(fresh.train(x), Errc::not_finite, {"row 217"});
            check_refused(index.add(x), Errc::not_finite, {"row 217"});
            check_refused(index.add_with_ids(x, ids.data()), Errc::not_finite, {"row 217"});
            CHECK(saved(fresh) == fresh_before);
            CHECK(saved(index) == before);
        }
    });
}

TEST_CASE("add_with_ids: an id below 0, one too large and null ids are refused, all rows or none") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(20, c.d);
        lutra::Index index = filled(c, x);
        const auto before = saved(index);
        for (const Id bad : {Id(-1), std::numeric_limits<Id>::min(), std::numeric_limits<Id>::max()}) {
            std::vector<Id> ids(20, 5);
            ids[13] = bad;
            check_refused(index.add_with_ids(x, ids.data()), Errc::bad_argument, {"row 13", std::to_string(bad)});
        }
        CHECK(index.add_with_ids(x, nullptr).code() == Errc::bad_argument);
        CHECK(saved(index) == before);
    });
}

TEST_CASE("add: after the largest id there are no more to give") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(3, c.d);
        const Id most = std::numeric_limits<Id>::max() - 1;
        for (const Id last : {most, most - 1, most - 2}) {
            std::vector<Id> ids{last, 0, 1};
            lutra::Index index = trained(c);
            require_ok(index.add_with_ids(x, ids.data()));
            const auto before = saved(index);
            check_refused(index.add(x), Errc::bad_argument, {"add"});
            CHECK(saved(index) == before);
            lutra::Index other = filled(c, x);
            check_refused(other.merge_from(index, 3), Errc::bad_argument, {"merge"});
        }
    });
}

TEST_CASE("train: too few rows names the stage, n, nlist and the largest nlist that would work") {
    for_each_case([](const Case& c) {
        if (c.spec.find("IVF16") == std::string_view::npos || c.has_codes()) return;  // codebooks: pq4fs_contract_test.cpp
        lutra::Index index = untrained(c);
        check_refused(index.train(rows_with_ties(15, c.d)), Errc::too_few_rows,
                      {"train", "nlist = 16", "n = 15", "largest nlist that would work is 15"});
        CHECK(!index.is_trained());
        CHECK(index.train(rows_with_ties(16, c.d)).ok());
    });
}

TEST_CASE("untrained: add, search, range_search, merge are refused; nothing is stored; reconstruct finds nothing") {
    for_each_case([](const Case& c) {
        if (!c.needs_training()) return;
        const Matrix x = rows_with_ties(20, c.d);
        lutra::Index index = untrained(c), other = untrained(c), full = filled(c, x);
        std::vector<Id> ids(20, 1);
        lutra::Hits hits(20, 3);
        lutra::RangeHits range;
        check_refused(index.add(x), Errc::not_trained, {"train()"});
        check_refused(index.add_with_ids(x, ids.data()), Errc::not_trained, {"train()"});
        check_refused(index.search(x, 3, hits.view()), Errc::not_trained, {"train()"});
        check_refused(index.range_search(x, 3, range), Errc::not_trained, {"train()"});
        CHECK(index.merge_from(other, 0).code() == Errc::not_trained);
        CHECK(full.merge_from(index, 0).code() == Errc::not_trained);
        CHECK(full.ntotal() == 20);
        CHECK(index.ntotal() == 0);
        CHECK(index.reconstruct(0, hits.distances.data()).code() == Errc::not_found);
        CHECK(index.remove_ids({}).value() == 0);
    });
}

TEST_CASE("train, add: cancelled at any report, the index is as it was before the call") {
    for_each_case([](const Case& c) {
        if (c.d != 3) return;
        const Matrix x = rows_with_ties(300, c.d), other = lutra_test::normal_matrix(300, c.d, 9);
        for (std::size_t stop_at : {1, 2, 5, 9}) {
            std::size_t calls = 0;
            auto stop = [&](const lutra::ProgressEvent&) { return ++calls < stop_at; };
            lutra::Resources resources;
            resources.progress = lutra::Progress(stop);
            lutra::Index fresh = untrained(c), retrained = trained(c), index = filled(c, x);
            const auto fresh_before = saved(fresh), trained_before = saved(retrained), before = saved(index);
            if (const lutra::Status status = fresh.train(other, resources); !status.ok()) {
                CHECK(status.code() == Errc::cancelled);
                CHECK(saved(fresh) == fresh_before);
            }
            calls = 0;
            if (!retrained.train(other, resources).ok()) CHECK(saved(retrained) == trained_before);
            calls = 0;
            if (const lutra::Status status = index.add(other, resources); !status.ok()) {
                CHECK(status.code() == Errc::cancelled);
                CHECK(saved(index) == before);
            } else {
                CHECK(index.ntotal() == 600);
                CHECK(stop_at > 1);
            }
        }
    });
}
