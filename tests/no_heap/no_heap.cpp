// A program without a heap: its operator new (aborting_new.cpp) ends it. It opens indexes that faiss wrote where they lie, searches
// them, and compares the ids with faiss's; range searches end in fixed room.   no_heap FOLDER, that of the golden files.
// SPDX-License-Identifier: MIT
#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/coarse/one_list.hpp>
#include <lutra/encodings/flat/flat.hpp>
#include <lutra/encodings/pq4fs/pq4fs_file.hpp>
#include <lutra/ivf/ivf_file.hpp>
#include <lutra/refine/refine_file.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <span>

namespace {
using lutra::Id;
constexpr std::size_t kDim = 32, kQueries = 20, kNeighbours = 10;

std::array<std::byte, 1 << 20> flash, memory, scratch;
std::array<float, kQueries * kDim> queries;
std::array<Id, kQueries * kNeighbours> wanted;

// The file's bytes; of a .npy file those of its values are the last.
std::span<const std::byte> read(const char* folder, const char* name, const char* ending) {
    char path[512];
    std::snprintf(path, sizeof path, "%s/%s%s", folder, name, ending);
    std::FILE* const file = std::fopen(path, "rb");
    if (file == nullptr) return {};
    const std::size_t n = std::fread(flash.data(), 1, flash.size(), file);
    std::fclose(file);
    return std::span<const std::byte>(flash).first(n);
}
template <class Values>
bool read_values(const char* folder, const char* name, const char* ending, Values& values) {
    constexpr std::size_t kHeader = 128;  // of these files
    const std::span<const std::byte> file = read(folder, name, ending);
    if (file.size() < kHeader + sizeof values) return false;
    std::memcpy(values.data(), file.data() + kHeader, sizeof values);
    return true;
}

template <class I>
bool check(const char* folder, const char* name, float radius) {
    if (!read_values(folder, "queries_32", ".npy", queries) || !read_values(folder, name, ".I.npy", wanted)) return false;
    lutra::Room room(memory);
    const lutra::Result<I> index = lutra::open_in_place<I>(read(folder, name, ".index"), room);
    if (!index.ok()) return std::puts(index.status().c_str()), false;
    const std::size_t bytes = lutra::workspace_bytes(*index, kNeighbours);
    if (bytes > scratch.size()) return false;
    lutra::Workspace small{std::span<std::byte>(scratch).first(bytes / 2)}, workspace{std::span<std::byte>(scratch).first(bytes)};
    lutra::Resources resources;
    std::array<float, kNeighbours> distances;
    std::array<Id, kNeighbours> ids;
    std::size_t same = 0, near = 0;
    for (std::size_t i = 0; i < kQueries; ++i) {
        const float* const q = queries.data() + i * kDim;
        resources.workspace = &small;
        if (index->search({q, 1, kDim}, kNeighbours, {distances.data(), ids.data()}, {}, resources).code() !=
            lutra::Errc::out_of_memory)
            return false;
        resources.workspace = &workspace;
        if (!index->search({q, 1, kDim}, kNeighbours, {distances.data(), ids.data()}, {}, resources).ok()) return false;
        for (std::size_t j = 0; j < kNeighbours; ++j) same += ids[j] == wanted[i * kNeighbours + j];
        const auto found = lutra::range_search(*index, q, radius, kNeighbours, {distances.data(), ids.data()}, {}, resources);
        if (!found.ok()) return false;
        near += *found;
    }
    std::printf("%s: room %zu, workspace %zu bytes, %zu of %zu ids as faiss, %zu in range\n", name, room.used(), bytes, same,
                kQueries * kNeighbours, near);
    return same >= kQueries * kNeighbours - 2 && near != 0;
}
}  // namespace

int main(int argc, char** argv) {
    using FlatAlone = lutra::Ivf<lutra::OneList, lutra::Flat>;
    using IvfFlat = lutra::Ivf<lutra::FlatCoarse, lutra::Flat>;
    using RefinedPq = lutra::Refine<lutra::Ivf<lutra::FlatCoarse, lutra::Pq4FastScan>>;
    if (argc != 2) return 2;
    const bool good = check<FlatAlone>(argv[1], "flat.L2", 38) & check<FlatAlone>(argv[1], "idmap_flat.L2", 38) &
                      check<IvfFlat>(argv[1], "ivf16_flat.L2", 38) & check<RefinedPq>(argv[1], "ivf16_pq16x4fs_rflat.L2", 38);
    return good ? 0 : 1;
}
