// 03_save_load.cpp: an index file, written and read back; faiss reads and writes the same files.  SPDX-License-Identifier: MIT
#include <cstdio>
#include <lutra/lutra.hpp>
#include <string>

int main() {
    constexpr std::size_t n = 5000, d = 16;
    lutra::Rng rng(1);
    const std::vector<float> rows = rng.normal(n * d);
    const lutra::MatrixView x{rows.data(), n, d};

    lutra::Index index = lutra::index_factory(d, "IVF32,Flat", lutra::Metric::inner_product).value();
    if (!index.train(x) || !index.add(x) || !index.set_nprobe(4)) return 1;  // nprobe is kept in the file

    // The file appears under its name only when all of it is on the disk.
    const std::string path = "03_save_load.index";
    if (const lutra::Status s = lutra::save_index(index, path); !s.ok()) return std::puts(s.c_str()), 1;

    lutra::Result<lutra::Index> loaded = lutra::load_index(path);
    if (!loaded.ok()) return std::puts(loaded.status().c_str()), 1;
    std::printf("%s: %s, %zu vectors of %zu dimensions, nprobe %zu\n", path.c_str(), describe(*loaded).c_str(), loaded->ntotal(),
                loaded->dim(), loaded->nprobe());

    const lutra::Hits before = lutra::search(index, x.rows(0, 10), 3).value(),
                      after = lutra::search(*loaded, x.rows(0, 10), 3).value();
    std::remove(path.c_str());

    // A file that is not an index is refused with a reason.
    const lutra::Result<lutra::Index> missing = lutra::load_index(path);
    std::printf("after removing it: %s\n", missing.status().c_str());
    return before.ids == after.ids && before.distances == after.distances && !missing.ok() ? 0 : 1;
}
