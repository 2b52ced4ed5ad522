// tests/fuzz/factory_fuzz.cpp: any text as a factory string gives a reason, or an index that describes itself, can be saved and
// loaded, and, if it is small, trained, filled and searched.  SPDX-License-Identifier: MIT
#include <lutra/factory/index_factory.hpp>
#include <lutra/factory/save_load.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "promise.hpp"

namespace {
using fuzz::require;
using lutra::Index;

Index saved_and_loaded(const Index& index) {
    lutra::MemoryWriter out;
    require(index.save(out).ok(), "what builds can be saved");
    lutra::MemoryReader in(out.bytes());
    lutra::Result<Index> again = lutra::load_index(in);
    require(again.ok(), "what builds, loads");
    require(again->spec() == index.spec() && again->ntotal() == index.ntotal(), "a file holds the index it was made from");
    return std::move(*again);
}

void fill(Index& index, std::size_t n) {
    const std::vector<float> values = fuzz::values(n * index.dim());
    const lutra::MatrixView x{values.data(), n, index.dim()}, q = x.rows(0, n < 3 ? n : 3);
    fuzz::require_reason(index.train(x));
    require(index.add(x).ok() == index.is_trained(), "a trained index takes rows");
    if (!index.is_trained()) return;
    lutra::Hits hits(q.n, 3), loaded(q.n, 3);
    require(index.search(q, 3, hits.view(), {2}).ok(), "a trained index can be searched");
    require(saved_and_loaded(index).search(q, 3, loaded.view(), {2}).ok(), "a loaded index can be searched");
    require(fuzz::same_bits(hits, loaded), "a loaded index answers the same bits");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t kDims[] = {1,  2, 3, 4, 6, 8, 16, 24, 33, 64, 0, std::size_t{1} << 20, (std::size_t{1} << 20) + 1,
                                     12, 5, 32};
    const unsigned choice = fuzz::sum(std::span(data, size));
    const std::size_t d = kDims[choice % 16];
    constexpr lutra::Metric kMetrics[] = {lutra::Metric::inner_product, lutra::Metric::l2, lutra::Metric::cosine};
    const lutra::Metric metric = kMetrics[choice / 16 % 3];
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    lutra::Result<Index> index = lutra::index_factory(d, text, metric);
    fuzz::require_reason(index.status());
    if (!index.ok()) return 0;
    const bool by_metric = index->metric() == metric || (index->metric() == lutra::Metric::cosine && metric == kMetrics[0]);
    require(index->dim() == d && by_metric && index->ntotal() == 0, "an index is what was asked for");
    const lutra::Result<Index> again = lutra::index_factory(d, index->spec(), index->metric());
    require(again.ok() && again->spec() == index->spec() && again->metric() == index->metric(), "a description builds");
    if (d > 64 || index->code_size() > 1000 || index->nlist() > 1000) return 0;  // a file has 16 numbers for each column
    static_cast<void>(saved_and_loaded(*index));
    if (index->nlist() <= 32) fill(*index, choice / 48 % 48);
    return 0;
}
