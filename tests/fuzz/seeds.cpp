// tests/fuzz/seeds.cpp: small inputs to begin with.  SPDX-License-Identifier: MIT
//   seeds FOLDER    fills load_index_fuzz/, npy_fuzz/ and vectors_fuzz/ in it
#include <lutra/factory/index_factory.hpp>
#include <lutra/factory/save_load.hpp>
#include <lutra/io/vectors.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "promise.hpp"

namespace {
namespace fs = std::filesystem;

void keep(const fs::path& path, const lutra::MemoryWriter& from) {
    fs::create_directories(path.parent_path());
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(from.bytes().data()), std::streamsize(from.bytes().size()));
    fuzz::require(out.good(), "a seed can be written");
}

enum class Fill { none, trained, rows, ids, map };

void keep_index(const fs::path& folder, const std::string& spec, lutra::Metric metric, Fill fill) {
    constexpr std::size_t n = 20, d = 4;
    const std::vector<float> values = fuzz::values(n * d);
    const std::vector<lutra::Id> ids{900, 7, 7, 0, 3};
    const lutra::MatrixView x{values.data(), n, d};
    lutra::Result<lutra::Index> index = lutra::index_factory(d, spec, metric);
    if (!index.ok() || (fill != Fill::none && !index->train(x).ok())) return;  // score-aware codes are for inner product
    if (fill >= Fill::rows) fuzz::require(index->add(x).ok(), "a trained index takes rows");
    if (fill >= Fill::ids) fuzz::require(index->add_with_ids(x.rows(0, ids.size()), ids.data()).ok(), "and rows with ids");
    if (fill == Fill::map && !index->make_direct_map().ok()) return;
    lutra::MemoryWriter out;
    fuzz::require(index->save(out).ok(), "an index can be saved");
    keep(folder / (spec + '.' + std::string(lutra::metric_name(metric)) + std::to_string(int(fill)) + ".index"), out);
}

void keep_indexes(const fs::path& folder) {
    for (const std::string spec :
         {"Flat", "L2norm,Flat", "PQ2x4fs", "PQ4x4fsa", "IVF3,Flat", "IVF12,Flat", "IVF3,PQ2x4fs", "IVF3,PQ4x4fsr",
          "IVF3,PQ4x4fsra", "Flat,RFlat", "PQ2x4fs_64,RFlat", "L2norm,IVF3,PQ2x4fsr,RFlat", "IVF3(IVF2,Flat),Flat",
          "IVF17(L2norm,PQ2x4fs,RFlat),PQ2x4fs", "L2norm,L2norm,IVF2(IVF2(IVF1,Flat),Flat),Flat,RFlat,RFlat"})
        for (const lutra::Metric metric : {lutra::Metric::l2, lutra::Metric::inner_product})
            for (const Fill fill : {Fill::none, Fill::trained, Fill::rows, Fill::ids, Fill::map})
                keep_index(folder, spec, metric, fill);
}

void keep_vectors(const fs::path& folder) {
    constexpr std::size_t n = 3, d = 2;
    const std::vector<float> values = fuzz::values(n * d);
    const std::vector<lutra::Id> ids{1, 2, 3, 4, 5, 6};
    const lutra::MatrixView x{values.data(), n, d};
    lutra::MemoryWriter npy, npy_ids, fvecs, ivecs, bigann, empty;
    const bool written = lutra::write_npy(npy, x).ok() && lutra::write_npy(npy_ids, ids.data(), n, d).ok() &&
                         lutra::write_fvecs(fvecs, x).ok() && lutra::write_ivecs(ivecs, ids.data(), n, d).ok();
    fuzz::require(written, "vectors can be written");
    const std::uint32_t sizes[] = {n, d};
    fuzz::require(bigann.write(sizes, sizeof sizes).ok() && bigann.write(values.data(), sizeof(float) * n * d).ok(), "and .fbin");
    keep(folder / "npy_fuzz/floats.npy", npy);
    keep(folder / "npy_fuzz/ids.npy", npy_ids);
    keep(folder / "vectors_fuzz/rows.fvecs", fvecs);
    keep(folder / "vectors_fuzz/rows.ivecs", ivecs);
    keep(folder / "vectors_fuzz/rows.fbin", bigann);
    keep(folder / "vectors_fuzz/empty", empty);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    keep_indexes(fs::path(argv[1]) / "load_index_fuzz");
    keep_vectors(argv[1]);
    return 0;
}
