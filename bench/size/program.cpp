// A program that only searches an index in memory ("flash"), one for each PROGRAM: what it takes is measured by bench/size/run.
// SPDX-License-Identifier: MIT
//
//   0   nothing                          3   typed IVF{n},PQ{M}x4fs,RFlat
//   1   typed Flat                       4   any index: load_index()
//   2   typed IVF{n},Flat                5   the whole factory: index_factory(), train(), add(), save and load
//
// Typed indexes are opened in place and searched in fixed memory, without a heap.
#include <cstddef>
#include <cstdlib>
#include <new>

#if PROGRAM == 1
#include <lutra/coarse/one_list.hpp>
#include <lutra/encodings/flat/flat_file.hpp>
#include <lutra/ivf/ivf_file.hpp>
using Typed = lutra::Ivf<lutra::OneList, lutra::Flat>;
#elif PROGRAM == 2
#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/encodings/flat/flat_file.hpp>
#include <lutra/ivf/ivf_file.hpp>
using Typed = lutra::Ivf<lutra::FlatCoarse, lutra::Flat>;
#elif PROGRAM == 3
#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/encodings/pq4fs/pq4fs_file.hpp>
#include <lutra/ivf/ivf_file.hpp>
#include <lutra/refine/refine_file.hpp>
using Typed = lutra::Refine<lutra::Ivf<lutra::FlatCoarse, lutra::Pq4FastScan>>;
#elif PROGRAM >= 4
#include <lutra/factory/index_factory.hpp>
#include <lutra/factory/save_load.hpp>
#endif

#if PROGRAM == 0
int main() { return 0; }
#else
// Volatile: what is in them is not known when the program is compiled.
const std::byte* volatile g_file = nullptr;
volatile std::size_t g_size = 0;
const float* volatile g_rows = nullptr;  // [2000, 32], the first one is the query
float g_distances[10];
lutra::Id g_ids[10];
#if PROGRAM <= 3
std::byte g_room[16384];
alignas(64) std::byte g_workspace[16384];

#include "../../tests/no_heap/aborting_new.cpp"
#endif

namespace {
#if PROGRAM == 5
lutra::Result<lutra::Index> made() {
    lutra::MemoryReader in({g_file, g_size});
    lutra::Result<lutra::Index> index = lutra::index_factory(32, "IVF16,PQ8x4fs,RFlat");
    lutra::MemoryWriter out;
    LUTRA_TRY(index.status());
    LUTRA_TRY(index->train({g_rows, 2000, 32}));
    LUTRA_TRY(index->add({g_rows, 2000, 32}));
    LUTRA_TRY(lutra::save_index(*index, out));
    return lutra::load_index(in);
}
#elif PROGRAM == 4
lutra::Result<lutra::Index> made() {
    lutra::MemoryReader in({g_file, g_size});
    return lutra::load_index(in);
}
#else
lutra::Room g_in_room(g_room);
lutra::Result<Typed> made() { return lutra::open_in_place<Typed>({g_file, g_size}, g_in_room); }
#endif
}  // namespace

int main() {
    const auto index = made();
    if (!index.ok()) return 1;
#if PROGRAM <= 3
    lutra::Workspace workspace(g_workspace);
#else
    lutra::Workspace workspace;
#endif
    lutra::Resources resources;
    resources.workspace = &workspace;
    return index->search({g_rows, 1, 32}, 10, {g_distances, g_ids}, {}, resources).ok() ? 0 : 2;
}
#endif
