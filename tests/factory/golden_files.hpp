// tests/factory/golden_files.hpp: index files that faiss 1.7.3 wrote, with what it answered.  SPDX-License-Identifier: MIT
//
// In tests/data/golden: NAME.index; D, I: search(k = 10) of all queries of queries_<d>.npy; R: reconstruct_n(0, 32); rs_*:
// range search at `radius`.
#pragma once
#include <doctest/doctest.h>

#include <lutra/factory/save_load.hpp>
#include <lutra/io/stream.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "support/matrices.hpp"

namespace golden {

struct Case {
    std::string_view name;
    std::string_view spec;  // what the file is to us
    lutra::Metric metric;
    std::size_t d, ntotal, nprobe;
    float radius;
    bool has_rows;    // a file R
    bool same_bytes;  // saved again, it is the same file: no id map around lists, no hash table (whose order is free)
};
inline std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

inline constexpr auto kL2 = lutra::Metric::l2, kIp = lutra::Metric::inner_product;
inline constexpr Case kCases[] = {
    {"flat.L2", "Flat", kL2, 32, 1000, 0, 38.46324920654297F, true, true},
    {"flat.IP", "Flat", kIp, 32, 1000, 0, 86.41411590576172F, true, true},
    {"ivf16_flat.L2", "IVF16,Flat", kL2, 32, 1000, 4, 38.4632568359375F, true, true},
    {"ivf16_flat.IP", "IVF16,Flat", kIp, 32, 1000, 4, 86.41410827636719F, true, true},
    {"ivf16_flat_dmarray.L2", "IVF16,Flat", kL2, 32, 1000, 4, 38.4632568359375F, true, true},
    {"ivf16_flat_dmarray.IP", "IVF16,Flat", kIp, 32, 1000, 4, 86.41410827636719F, true, true},
    {"ivf16_flat_dmhash.L2", "IVF16,Flat", kL2, 32, 1000, 4, 38.4632568359375F, false, false},
    {"ivf16_flat_dmhash.IP", "IVF16,Flat", kIp, 32, 1000, 4, 86.41410827636719F, false, false},
    {"ivf256_flat_sparse.L2", "IVF256,Flat", kL2, 32, 60, 40, 145.2286376953125F, true, true},
    {"ivf256_flat_sparse.IP", "IVF256,Flat", kIp, 32, 60, 40, 22.47386360168457F, true, true},
    {"idmap_flat.L2", "Flat", kL2, 32, 1000, 0, 38.46324920654297F, false, true},
    {"idmap_flat.IP", "Flat", kIp, 32, 1000, 0, 86.41411590576172F, false, true},
    {"idmap2_ivf16_flat.L2", "IVF16,Flat", kL2, 32, 1000, 4, 38.4632568359375F, false, false},
    {"idmap2_ivf16_flat.IP", "IVF16,Flat", kIp, 32, 1000, 4, 86.41410827636719F, false, false},
    {"l2norm_ivf16_flat.L2", "L2norm,IVF16,Flat", kL2, 32, 1000, 4, 0.3577355146408081F, true, true},
    {"l2norm_ivf16_flat.IP", "L2norm,IVF16,Flat", kIp, 32, 1000, 4, 0.821132242679596F, true, true},
    {"rvc_ivf64_flat.L2", "IVF64,Flat", kL2, 256, 1000, 1, 530.3798828125F, true, true},
};

inline std::string path(std::string_view name, std::string_view ending) {
    return lutra_test::repository_file("tests/data/golden/").append(name).append(ending);
}

inline std::vector<char> file_bytes(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    REQUIRE_MESSAGE(in.good(), path);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline lutra::Index loaded(std::string_view name) {
    lutra::Result<lutra::Index> index = lutra::load_index(path(name, ".index"));
    REQUIRE_MESSAGE(index.ok(), index.status().message());
    return std::move(*index);
}

inline std::vector<char> saved(const lutra::Index& index) {
    lutra::MemoryWriter out;
    REQUIRE(index.save(out).ok());
    const char* bytes = reinterpret_cast<const char*>(out.bytes().data());
    return {bytes, bytes + out.bytes().size()};
}

/// The values of a little-endian C-order .npy file whose elements are T: enough for these files, and not lutra's own reader.
template <class T>
std::vector<T> npy(const std::string& path) {
    const std::vector<char> bytes = file_bytes(path);
    REQUIRE(bytes.size() >= 10);
    const std::size_t header = 10 + std::size_t(std::uint8_t(bytes[8])) + 256 * std::size_t(std::uint8_t(bytes[9]));
    REQUIRE(bytes.size() >= header);
    std::vector<T> values((bytes.size() - header) / sizeof(T));
    if (!values.empty()) std::memcpy(values.data(), bytes.data() + header, values.size() * sizeof(T));
    return values;
}

inline lutra_test::Matrix queries(std::size_t d) {
    const std::vector<float> values = npy<float>(path("queries_" + std::to_string(d), ".npy"));
    lutra_test::Matrix q(values.size() / d, d);
    q.values = values;
    return q;
}

}  // namespace golden
