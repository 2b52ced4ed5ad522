// A program that only searches, with the one file lutra_search.hpp or with lutra/search.hpp: both print the same.
// SPDX-License-Identifier: MIT
#if defined(LUTRA_SINGLE_INCLUDE)
#include <lutra_search.hpp>
#else
#include <lutra/search.hpp>
#endif

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {
std::vector<char> file(const char* name) {
    std::ifstream in(std::string(GOLDEN "/") + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// The last n rows of a .npy of floats.
std::vector<float> queries(std::size_t n, std::size_t d) {
    const std::vector<char> bytes = file("queries_32.npy");
    std::vector<float> rows(n * d);
    std::memcpy(rows.data(), bytes.data() + bytes.size() - 4 * rows.size(), 4 * rows.size());
    return rows;
}

template <class I>
bool print_neighbours(const char* name) {
    const std::vector<char> bytes = file(name);
    lutra::MemoryReader in(std::as_bytes(std::span(bytes)));
    const lutra::Result<I> index = I::load(in);
    if (!index.ok()) return std::puts(index.status().c_str()), false;
    const std::vector<float> q = queries(20, 32);
    const lutra::Result<lutra::Hits> hits = lutra::search(*index, {q, 32}, 5, {.nprobe = 8, .k_factor = 4});
    if (!hits.ok()) return std::puts(hits.status().c_str()), false;
    for (std::size_t i = 0; i < hits->ids.size(); ++i)
        std::printf("%s %d %a\n", name, int(hits->ids[i]), double(hits->distances[i]));
    return true;
}
}  // namespace

int main() {
    using Codes = lutra::Ivf<lutra::FlatCoarse, lutra::Pq4FastScan>;
    const bool good = print_neighbours<lutra::Ivf<lutra::OneList, lutra::Flat>>("idmap_flat.L2.index") &&
                      print_neighbours<lutra::Ivf<lutra::FlatCoarse, lutra::Flat>>("ivf16_flat.IP.index") &&
                      print_neighbours<lutra::Refine<Codes>>("ivf16_pq16x4fs_rflat.L2.index");
    return good ? 0 : 1;
}
