// tests/factory/search_params_test.cpp: what search parameters may be written as.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/core/random.hpp>
#include <lutra/factory/index_factory.hpp>
#include <lutra/factory/search_params.hpp>

#include <string>
#include <string_view>

using namespace lutra;

namespace {
Index make(std::string_view spec) { return index_factory(4, spec).value(); }

bool mentions(const Status& status, std::string_view words) { return status.message().find(words) != std::string_view::npos; }
}  // namespace

TEST_CASE("parse_search_params: no items mean the index's own settings") {
    for (const std::string_view text : {"", " ", ",", " ,\t\n,"}) {
        const auto params = parse_search_params(make("IVF16,Flat"), text);
        REQUIRE(params.ok());
        CHECK(params->nprobe == 0);
    }
}

TEST_CASE("parse_search_params: items are separated by commas or blanks") {
    for (const std::string_view text : {"nprobe=8", "nprobe=8,k_factor=1", "k_factor=1 nprobe=8", " nprobe=8 , k_factor=1, "}) {
        CAPTURE(text);
        const auto params = parse_search_params(make("IVF16,Flat"), text);
        REQUIRE(params.ok());
        CHECK(params->nprobe == 8);
    }
}

TEST_CASE("parse_search_params: nprobe beyond nlist is left to the search to clamp") {
    CHECK(parse_search_params(make("IVF16,Flat"), "nprobe=1").value().nprobe == 1);
    CHECK(parse_search_params(make("IVF16,Flat"), "nprobe=17").value().nprobe == 17);
    CHECK(parse_search_params(make("IVF16,Flat"), "nprobe=2147483647").value().nprobe == 2147483647);
}

TEST_CASE("parse_search_params: nprobe is a whole number from 1") {
    for (const std::string_view value : {"", "0", "-1", "+1", "1.5", "8x", "1e3", "2147483648", "99999999999999999999999"}) {
        CAPTURE(value);
        const auto params = parse_search_params(make("IVF16,Flat"), "nprobe=" + std::string(value));
        CHECK(params.status().code() == Errc::bad_argument);
        CHECK(mentions(params.status(), "1 to 2147483647"));
    }
}

TEST_CASE("parse_search_params: an unknown name is not found, and the known ones are named") {
    for (const std::string_view text : {"nprobes=8", "ef=8", "=8", "Nprobe=8", "nprobe=8,ef=2"}) {
        CAPTURE(text);
        const Status status = parse_search_params(make("IVF16,Flat"), text).status();
        CHECK(status.code() == Errc::not_found);
        CHECK(mentions(status, "IVF16,Flat takes nprobe"));
    }
}

TEST_CASE("parse_search_params: an index without lists takes no nprobe") {
    const Status status = parse_search_params(make("L2norm,Flat"), "nprobe=8").status();
    CHECK(status.code() == Errc::not_found);
    CHECK(mentions(status, "L2norm,Flat takes no parameters"));
    CHECK(parse_search_params(make("Flat"), "k_factor=1").ok());
}

TEST_CASE("parse_search_params: without a refine stage k_factor is 1") {
    for (const std::string_view value : {"4", "0", "", "x", "1.5", "0.5"}) {
        const Status status = parse_search_params(make("IVF16,Flat"), "k_factor=" + std::string(value)).status();
        CHECK(status.code() == Errc::unsupported);
        CHECK(mentions(status, "no refine stage"));
    }
}

TEST_CASE("parse_search_params: with a refine stage k_factor is a number from 1 on, under both of its names") {
    struct {
        std::string_view text;
        float want;
    } const rows[] = {{"k_factor=4", 4},         {"k_factor=1", 1},    {"k_factor=2.5", 2.5F},
                      {"k_factor_rf=1.1", 1.1F}, {"k_factor=007.", 7}, {"nprobe=8,k_factor=1.25", 1.25F},
                      {"k_factor=1000000", 1e6F}};
    const Index index = make("IVF16,Flat,RFlat");
    for (const auto& row : rows) {
        CAPTURE(row.text);
        const auto params = parse_search_params(index, row.text);
        REQUIRE_MESSAGE(params.ok(), params.status().message());
        CHECK(params->k_factor == row.want);
    }
    CHECK(parse_search_params(index, "nprobe=3").value().k_factor == 0);
    CHECK(parse_search_params(make("L2norm,Flat,RFlat"), "k_factor=3").value().k_factor == 3);
    for (const std::string_view value : {"", ".", "0", "0.99", "-1", "+2", "1e3", "1.2.3", "nan", "inf", "4x", "0x4",
                                         "9999999999999999999999999999999999999999999999999"}) {
        CAPTURE(value);
        const Status status = parse_search_params(index, "k_factor=" + std::string(value)).status();
        CHECK(status.code() == Errc::bad_argument);
        CHECK(mentions(status, "a number from 1 to"));
    }
    CHECK(mentions(parse_search_params(index, "ef=1").status(), "IVF16,Flat,RFlat takes nprobe, k_factor"));
    CHECK(mentions(parse_search_params(make("Flat,RFlat"), "nprobe=1").status(), "Flat,RFlat takes k_factor"));
    CHECK(mentions(parse_search_params(index, "k_factor=2,k_factor_rf=2").status(), "twice"));
}

TEST_CASE("parse_search_params: a parameter may be given once") {
    for (const std::string_view text : {"nprobe=8,nprobe=8", "k_factor=1,k_factor=1"}) {
        const Status status = parse_search_params(make("IVF16,Flat"), text).status();
        CHECK(status.code() == Errc::bad_argument);
        CHECK(mentions(status, "twice"));
    }
}

TEST_CASE("parse_search_params: an item without = is refused") {
    for (const std::string_view text : {"nprobe", "nprobe = 8", "8", "nprobe:8"}) {
        CAPTURE(text);
        const Status status = parse_search_params(make("IVF16,Flat"), text).status();
        CHECK_FALSE(status.ok());
    }
    CHECK(mentions(parse_search_params(make("IVF16,Flat"), "nprobe").status(), "name=value"));
}

TEST_CASE("parse_search_params: any bytes give an answer") {
    constexpr std::string_view kBytes("nprobek_factor=1,2 \0\xff-", 22);
    const Index index = make("IVF16,Flat");
    Rng rng(3);
    for (int i = 0; i < 2000; ++i) {
        std::string text;
        for (std::size_t n = rng.below(24); n > 0; --n) text += kBytes[rng.below(kBytes.size())];
        const auto params = parse_search_params(index, text);
        CHECK((params.ok() || !params.status().message().empty()));
    }
}
