// tests/fuzz/load_index_fuzz.cpp: libFuzzer target for index files: any bytes give an index that works or a reason.
//   clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -Iinclude tests/fuzz/load_index_fuzz.cpp -o load_index_fuzz
//   ./load_index_fuzz -rss_limit_mb=512 -malloc_limit_mb=64 -max_len=4096 FOLDER tests/data/golden
// SPDX-License-Identifier: MIT
#include <lutra/factory/save_load.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

namespace {
void require(bool good) {
    if (!good) std::abort();
}

lutra::Result<lutra::Index> load(std::span<const std::byte> bytes) {
    lutra::MemoryReader in(bytes);
    return lutra::load_index(in);
}

void use(lutra::Index& index) {
    const std::size_t n = 9, k = 4;
    std::vector<float> values(n * index.dim(), 0.5F);
    const lutra::MatrixView q{values.data(), n, index.dim()};
    lutra::SearchParams params;
    params.nprobe = 3;
    lutra::Hits hits(n, k);
    lutra::RangeHits range;
    require(index.search(q, k, hits.view(), params).ok() == index.is_trained());
    require(index.search(q.rows(0, 1), k, hits.view(), params).ok() == index.is_trained());
    require(index.range_search(q, 1, range).ok() == index.is_trained());
    static_cast<void>(index.reconstruct(1, values.data()));
    static_cast<void>(index.add(q.rows(0, 2)));
    const auto even = [](lutra::Id id) { return id % 2 == 0; };
    require(index.remove_ids(lutra::IdFilter::predicate(even)).ok());
    lutra::MemoryWriter out;
    require(index.save(out).ok());
    require(load(out.bytes()).ok());
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    lutra::Result<lutra::Index> index = load(std::as_bytes(std::span(data, size)));
    require(index.ok() || !index.status().message().empty());
    if (index.ok() && index->dim() <= 4096) use(*index);
    return 0;
}
