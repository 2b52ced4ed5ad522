// tests/fuzz/spec_fuzz.cpp: libFuzzer target for factory strings: any bytes give a spec or a readable error.
// SPDX-License-Identifier: MIT
#include <lutra/factory/catalog.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "factory/spec_message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const std::size_t d : {std::size_t{32}, std::size_t{33}}) {
        const char* broken = spec_test::broken_promise(text, d, spec_test::kFlatAndHalf);
        for (const lutra::Metric metric : {lutra::Metric::l2, lutra::Metric::inner_product})
            if (broken == nullptr) broken = spec_test::broken_promise(text, d, lutra::kSpecWords, metric);
        if (broken == nullptr) continue;
        std::fprintf(stderr, "%s: \"%.*s\"\n", broken, int(size), text.data());
        std::abort();
    }
    return 0;
}
