// tests/factory/nearest_spec_test.cpp: what is suggested for a wrong factory string, with the encodings of the catalog.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/random.hpp>
#include <lutra/factory/catalog.hpp>
#include <lutra/factory/spec.hpp>

#include <string>
#include <string_view>

#include "factory/spec_message.hpp"

namespace {
using lutra::Metric;

std::string suggested(std::string_view text, std::size_t d, Metric metric) {
    const auto spec = lutra::parse_spec(text, d, metric, lutra::kSpecWords);
    REQUIRE(!spec.ok());
    return spec_test::suggestion(spec.status().message());
}
}  // namespace

TEST_CASE("nearest_spec: a PQ token is mended, not replaced by Flat") {
    struct Row {
        std::string_view wrong, right;
        std::size_t d = 32;
        Metric metric = Metric::l2;
    };
    static constexpr Row kRows[] = {
        // M
        {"IVF16,PQ15x4fs", "IVF16,PQ16x4fs"},
        {"PQ0x4fs", "PQ1x4fs"},
        {"PQ99999999999x4fs", "PQ32x4fs"},
        {"PQ64x4fs", "PQ50x4fs", 100},
        {"PQ24x4fs", "PQ16x4fs"},  // as near as 32
        {"PQ2x4fs", "PQ1x4fs", 31},
        // letter case
        {"Pq16x4fs", "PQ16x4fs"},
        {"ivf16,pq16X4FSR,rflat", "IVF16,PQ16x4fsr,RFlat"},
        // residuals
        {"PQ16x4fsr", "PQ16x4fs"},
        {"L2norm,PQ16x4fsr", "L2norm,PQ16x4fs"},
        {"PQ16x4fsr,IVF16", "IVF16,PQ16x4fsr"},
        // bits, ending
        {"PQ16x5fs", "PQ16x4fs"},
        {"IVF16,PQ16x8fsr", "IVF16,PQ16x4fsr"},
        {"PQ16x4f", "PQ16x4fs"},
        {"PQ16", "PQ16x4fs"},
        {"IVF16,PQ8+16", "IVF16,PQ8x4fs"},
        {"QP16x4fs", "PQ16x4fs"},
        {"P16x4fs,RFlat", "PQ16x4fs,RFlat"},
        // blocks
        {"PQ16x4fs_33", "PQ16x4fs"},
        {"PQ16x4fs_0", "PQ16x4fs"},
        {"PQ16x4fs_", "PQ16x4fs"},
        {"PQ16x4fs_100", "PQ16x4fs_96"},
        {"IVF16,PQ16x4fsr_99999999999", "IVF16,PQ16x4fsr_65536"},
        // score-aware codes
        {"IVF8,pq8x4fsa,RFlat", "IVF8,PQ8x4fsa,RFlat", 32, Metric::inner_product},
        {"IVF8,pq8x4fsa,RFlat", "IVF8,PQ8x4fs,RFlat"},
        {"IVF8,PQ8x4fsa_64", "IVF8,PQ8x4fs_64"},
        {"PQ7x4fsa", "PQ8x4fsa", 32, Metric::inner_product},
        {"PQ7x4fsa", "PQ8x4fs"},
        {"PQ1x4fsa", "PQ1x4fs", 129, Metric::inner_product},
        // and by residual
        {"IVF8,pq8x4fsra,RFlat", "IVF8,PQ8x4fsra,RFlat", 32, Metric::inner_product},
        {"IVF8,PQ8x4fsar", "IVF8,PQ8x4fsra", 32, Metric::inner_product},
        {"IVF8,PQ7x4fsar_60", "IVF8,PQ8x4fsra_64", 32, Metric::inner_product},
        {"IVF8,PQ8x4fsrra", "IVF8,PQ8x4fsra", 32, Metric::inner_product},
        {"IVF8,PQ8x4fsra,Rflat", "IVF8,PQ8x4fsr,RFlat"},
        {"IVF8,PQ8x4fsar", "IVF8,PQ8x4fsr"},
        {"PQ8x4fsra", "PQ8x4fsa", 32, Metric::inner_product},
        {"PQ8x4fsra", "PQ8x4fs"},
        {"PQ8x4fsra,IVF8", "IVF8,PQ8x4fsra", 32, Metric::inner_product},
        {"IVF8,PQ1x4fsra", "IVF8,PQ1x4fsr", 129, Metric::inner_product},
        // around it
        {"IVF16,PQ16x4fs,", "IVF16,PQ16x4fs"},
        {"IVF16PQ16x4fs", "IVF16,PQ16x4fs"},
        {"IVF16,PQ16x4fsRFlat", "IVF16,PQ16x4fs,RFlat"},
        {"IVF16, PQ15x4fs, RFlat", "IVF16,PQ16x4fs,RFlat"},
        // not like one
        {"IVF16", "IVF16,Flat"},
        {"PQ", "Flat"},
        {"SQ8", "Flat"},
        {"OPQ16,Flat", "Flat"},
    };
    for (const Row& row : kRows) {
        CAPTURE(row.wrong);
        CHECK(suggested(row.wrong, row.d, row.metric) == row.right);
    }
}

TEST_CASE("nearest_spec: mutated strings of the catalog's encodings keep the promises") {
    static constexpr std::string_view kStarts[] = {"PQ16x4fs", "IVF16,PQ16x4fsr_64", "L2norm,IVF4,PQ8x4fs,RFlat", "IVF16,Flat",
                                                   "IVF16(IVF4,PQ8x4fsa),PQ16x4fsra"};
    static constexpr std::string_view kPieces[] = {"PQ", "x4fs", "r", "a", "_", "16", "0", "99999999999", ",", "RFlat", "IVF", " "};
    lutra::Rng rng(21);
    for (int i = 0; i < 5000; ++i) {
        std::string text(kStarts[rng.below(std::size(kStarts))]);
        for (std::size_t edits = 1 + rng.below(3); edits > 0; --edits)
            text.replace(rng.below(text.size() + 1), rng.below(4), std::string(kPieces[rng.below(std::size(kPieces))]));
        const std::size_t d = rng.below(2) == 0 ? 32 : 31;
        CAPTURE(text);
        const Metric metric = rng.below(2) == 0 ? Metric::l2 : Metric::inner_product;
        CAPTURE(metric);
        const char* broken = spec_test::broken_promise(text, d, lutra::kSpecWords, metric);
        CHECK_MESSAGE(broken == nullptr, std::string(broken == nullptr ? "" : broken));
    }
}
