// Factory strings with PQ{M}x4fs: what is accepted, refused and said, with the encodings of the catalog.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/core/random.hpp>
#include <lutra/factory/catalog.hpp>
#include <lutra/factory/index_factory.hpp>

#include <iterator>
#include <string>
#include <string_view>

#include "factory/spec_message.hpp"

using namespace lutra;
using namespace spec_test;

namespace {

struct Accepted {
    std::string_view text, described;
    std::size_t code_size;
};
constexpr Accepted kAccepted[] = {
    {"PQ16x4fs", "PQ16x4fs", 8},
    {"PQ1x4fs", "PQ1x4fs", 1},
    {"PQ32x4fs", "PQ32x4fs", 16},
    {"PQ016x4fs", "PQ16x4fs", 8},
    {"PQ16x4fs_32", "PQ16x4fs", 8},
    {"PQ16x4fs_64", "PQ16x4fs_64", 8},
    {"PQ16x4fs_65536", "PQ16x4fs_65536", 8},
    {"IVF16,PQ16x4fs", "IVF16,PQ16x4fs", 8},
    {"IVF16,PQ16x4fsr", "IVF16,PQ16x4fsr", 8},
    {"IVF1k,PQ8x4fsr_96", "IVF1024,PQ8x4fsr_96", 4},
    {"L2norm,PQ4x4fs", "L2norm,PQ4x4fs", 2},
    {"L2Norm,IVF4,PQ4x4fsr", "L2norm,IVF4,PQ4x4fsr", 2},
};

struct Refused {
    std::string_view text;
    Errc code;
    std::size_t column;
    std::string_view says;
};
constexpr std::string_view kStart = "expected L2norm, IVF{n} or an encoding (Flat, PQ{M}x4fs)";
constexpr Refused kRefused[] = {
    {"PQ0x4fs", Errc::bad_spec, 0, "M = 0 sub-quantizers; accepted: the divisors of d = 32"},
    {"PQ5x4fs", Errc::bad_spec, 0, "M = 5 does not divide d = 32; accepted: the divisors of d"},
    {"PQ64x4fs", Errc::bad_spec, 0, "M = 64 does not divide d = 32"},
    {"IVF16,PQ33x4fs", Errc::bad_spec, 6, "M = 33 does not divide d = 32"},
    {"PQ99999999999999999999x4fs", Errc::bad_spec, 0, "does not divide d = 32"},
    {"PQ18446744073709551632x4fs", Errc::bad_spec, 0, "does not divide d = 32"},  // 2^64 + 16
    {"PQ4294967312x4fs", Errc::bad_spec, 0, "does not divide d = 32"},            // 2^32 + 16
    {"PQ16x4fsr", Errc::bad_spec, 0, "is for lists; expected IVF before it"},
    {"L2norm,PQ16x4fsr", Errc::bad_spec, 7, "is for lists"},
    {"PQ16x4fs_0", Errc::bad_spec, 0, "blocks of 0 vectors; accepted: multiples of 32"},
    {"PQ16x4fs_33", Errc::bad_spec, 0, "blocks of 33 vectors; accepted: multiples of 32"},
    {"PQ16x4fs_31", Errc::bad_spec, 0, "blocks of 31 vectors"},
    {"PQ16x4fs_65568", Errc::bad_spec, 0, "accepted: up to 65536"},
    {"PQ16x4fs_18446744073709551648", Errc::bad_spec, 0, "accepted: up to 65536"},  // 2^64 + 32
    {"IVF16,PQ16x4fsr_48", Errc::bad_spec, 6, "blocks of 48 vectors"},
    {"PQ16x5fs", Errc::unsupported, 0, kStart},
    {"PQ16x8fs", Errc::unsupported, 0, kStart},
    {"PQ16x4", Errc::unsupported, 0, kStart},
    {"PQ16x4f", Errc::unsupported, 0, kStart},
    {"PQ16x4fsx", Errc::unsupported, 0, kStart},
    {"PQ16x4fsrr", Errc::unsupported, 0, kStart},
    {"PQ16x4fs_", Errc::unsupported, 0, kStart},
    {"PQ16x4fs_64r", Errc::unsupported, 0, kStart},
    {"PQ16x4fs_64_64", Errc::unsupported, 0, kStart},
    {"PQx4fs", Errc::bad_spec, 0, kStart},
    {"PQ", Errc::unsupported, 0, kStart},
    {"PQ16", Errc::unsupported, 0, kStart},
    {"PQ-16x4fs", Errc::bad_spec, 2, "this character is not allowed"},
    {"pq16x4fs", Errc::bad_spec, 0, kStart},
    {"PQ16x4FS", Errc::unsupported, 0, kStart},
    {" PQ16x4fs", Errc::bad_spec, 0, "spaces are not allowed"},
    {"PQ16x4fs ", Errc::bad_spec, 8, "spaces are not allowed"},
    {"PQ16x4fs,", Errc::bad_spec, 8, "a comma too many"},
    {"PQ16x4fs,Flat", Errc::bad_spec, 9, "one part too many"},
    {"PQ16x4fs,IVF16", Errc::bad_spec, 9, "one part too many"},
    {"IVF16,PQ16x4fs,PQ16x4fs", Errc::unsupported, 15, "PQ is not part of this version; expected RFlat"},
};

}  // namespace

TEST_CASE("index_factory: PQ{M}x4fs in all its spellings, and describe() gives the string back") {
    for (const Accepted& row : kAccepted)
        for (const Metric metric : {Metric::l2, Metric::inner_product}) {
            CAPTURE(row.text);
            const Result<Index> index = index_factory(32, row.text, metric);
            REQUIRE_MESSAGE(index.ok(), index.status().message());
            CHECK(describe(*index) == row.described);
            CHECK(index->code_size() == row.code_size);
            CHECK(!index->is_trained());
            CHECK(index->ntotal() == 0);
            CHECK(lutra::without_norm(index->metric()) == metric);
            const Result<Index> again = index_factory(32, describe(*index), metric);
            REQUIRE(again.ok());
            CHECK(describe(*again) == row.described);
        }
}

TEST_CASE("index_factory: M may be any divisor of d, also odd, above 256, and d itself") {
    for (const std::size_t m : {1, 3, 5, 75, 100, 150, 300, 600}) {
        CAPTURE(m);
        const std::string text = "PQ" + std::to_string(m) + "x4fs";
        REQUIRE(index_factory(600, text).ok());
        CHECK(describe(*index_factory(600, text)) == text);
        CHECK(index_factory(600, text)->code_size() == (m + 1) / 2);
    }
    CHECK(index_factory(std::size_t{1} << 20, "PQ1048576x4fs").ok());
}

TEST_CASE("index_factory: wrong spellings of PQ{M}x4fs are refused with the place, the reason and what is accepted") {
    for (const Refused& row : kRefused) {
        CAPTURE(row.text);
        const Result<Index> index = index_factory(32, row.text);
        REQUIRE(!index.ok());
        const std::string message(index.status().message());
        CAPTURE(message);
        CHECK(index.status().code() == row.code);
        CHECK(message.find(row.says) != std::string::npos);
        CHECK(caret(message) == row.column);
        CHECK(broken_promise(row.text, 32, kSpecWords) == nullptr);
    }
}

TEST_CASE("index_factory: every cut and 20000 changes of strings with PQ{M}x4fs give a spec or a readable error") {
    for (const Refused& row : kRefused)
        for (std::size_t size = 0; size <= row.text.size(); ++size)
            CHECK(broken_promise(row.text.substr(0, size), 32, kSpecWords) == nullptr);
    constexpr std::string_view kPieces[] = {"PQ", "x4fs", "r", "_", "16", "0", "4", "64", "99999999999999999999",
                                            ",",  "IVF",  "(", " ", "x"};
    Rng rng(21);
    std::size_t broken = 0;
    for (int i = 0; i < 20000; ++i) {
        std::string text(kAccepted[rng.below(std::size(kAccepted))].text);
        for (std::size_t edits = 1 + rng.below(3); edits > 0; --edits)
            text.replace(rng.below(text.size() + 1), rng.below(4), kPieces[rng.below(std::size(kPieces))]);
        broken += broken_promise(text, 32 + rng.below(2), kSpecWords) != nullptr;
    }
    CHECK(broken == 0);
}
