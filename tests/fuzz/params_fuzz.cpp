// tests/fuzz/params_fuzz.cpp: any text as search parameters gives a reason, or values within their ranges.
// SPDX-License-Identifier: MIT
#include <lutra/factory/index_factory.hpp>
#include <lutra/factory/search_params.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "promise.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const lutra::Index indexes[] = {*lutra::index_factory(4, "Flat"), *lutra::index_factory(4, "IVF4,Flat"),
                                           *lutra::index_factory(4, "Flat,RFlat"), *lutra::index_factory(4, "IVF4,PQ2x4fs,RFlat")};
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const lutra::Index& index : indexes) {
        const lutra::Result<lutra::SearchParams> params = lutra::parse_search_params(index, text);
        fuzz::require_reason(params.status());
        if (!params.ok()) continue;
        fuzz::require(params->nprobe <= lutra::kMaxLists, "nprobe within its range");
        fuzz::require(params->k_factor == 0 || (params->k_factor >= 1 && params->k_factor <= 2147483648.F),
                      "k_factor within its range");
    }
    return 0;
}
