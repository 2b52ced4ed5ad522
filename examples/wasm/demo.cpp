// demo.cpp: what page.js calls: two indexes over the voice sample, searched step by step so that each step can be drawn.
//   0   the file `lutra build` wrote, IVF60,PQ64x4fs,RFlat, used in place in the bytes the page brings along
//   1   the same kind of index over what the page draws of the frames, their two leading directions; trained here
// A call returns null, or what was wrong.
// SPDX-License-Identifier: MIT
#include <emscripten.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/core/workspace.hpp>
#include <lutra/encodings/pq4fs/pq4fs_file.hpp>
#include <lutra/ivf/ivf_file.hpp>
#include <lutra/refine/refine_file.hpp>
#include <optional>
#include <string>
#include <vector>

namespace {
using Base = lutra::Ivf<lutra::FlatCoarse, lutra::Pq4FastScan>;
using Voice = lutra::Refine<Base>;

// Ids as the page reads them: JavaScript has arrays of 32-bit numbers.
struct Found {
    std::vector<lutra::Id> wide;
    std::vector<std::int32_t> ids;
    std::vector<float> distances;

    lutra::HitsView room(std::size_t n) {
        wide.assign(n, lutra::kNoId), distances.assign(n, 0);
        return {distances.data(), wide.data()};
    }
    void narrow() { ids.assign(wide.begin(), wide.end()); }
};

struct Demo {
    std::array<std::optional<Voice>, 2> indexes;
    std::array<Found, 3> steps;  // lists visited, candidates of the base index, neighbours
    std::vector<float> query, row;
    std::vector<std::int32_t> lists;
    lutra::Workspace workspace;
    std::string error;
};
Demo demo;

const char* text_of(const lutra::Status& status) {
    demo.error = status.ok() ? "" : status.c_str();
    return status.ok() ? nullptr : demo.error.c_str();
}

lutra::Status trained(Voice& index, lutra::MatrixView rows) {
    LUTRA_TRY(index.train(rows));
    return index.add(rows);
}

// The steps of Voice::search(), each by the call of its part.
lutra::Status search_by_steps(const Voice& index, std::size_t k, const lutra::SearchParams& params) {
    auto& [lists, candidates, neighbours] = demo.steps;
    const lutra::MatrixView q{demo.query.data(), 1, index.dim()};
    const lutra::Resources resources{{}, &demo.workspace, {}};
    const std::size_t nprobe = std::min(params.nprobe, index.nlist());
    const std::size_t wanted = std::min(std::size_t(float(k) * params.k_factor), index.ntotal());
    const lutra::HitsView nearest = lists.room(nprobe);
    demo.workspace.reserve(1);
    index.base().coarse().probe(q, nprobe, nearest.ids, nearest.distances, demo.workspace.arena(0));
    LUTRA_TRY(index.base().search(q, wanted, candidates.room(wanted), {.nprobe = nprobe, .order = lutra::Order::rough}, resources));
    LUTRA_TRY(index.search(q, k, neighbours.room(k), params, resources));
    for (Found& step : demo.steps) step.narrow();
    return {};
}
}  // namespace

extern "C" {
// bytes: of the index file, aligned to 64; they stay where they are.
EMSCRIPTEN_KEEPALIVE const char* demo_open(const std::byte* bytes, std::size_t size) {
    lutra::MemoryReader in({bytes, size}, lutra::FromMemory::in_place);
    lutra::Result<Voice> index = Voice::load(in);
    if (!index.ok()) return text_of(index.status());
    demo.indexes[0].emplace(std::move(*index));
    return nullptr;
}

// rows [n, 2]
EMSCRIPTEN_KEEPALIVE const char* demo_train(const float* rows, std::size_t n, std::size_t nlist) {
    demo.indexes[1].emplace(Base(2, lutra::Metric::l2, nlist, {}, lutra::Pq4FastScan(2, 2)));
    return text_of(trained(*demo.indexes[1], {rows, n, 2}));
}

EMSCRIPTEN_KEEPALIVE std::size_t demo_dim(int which) { return demo.indexes[which]->dim(); }
EMSCRIPTEN_KEEPALIVE std::size_t demo_ntotal(int which) { return demo.indexes[which]->ntotal(); }
EMSCRIPTEN_KEEPALIVE std::size_t demo_nlist(int which) { return demo.indexes[which]->nlist(); }
EMSCRIPTEN_KEEPALIVE const float* demo_centroid(int which, std::size_t list) {
    return demo.indexes[which]->base().coarse().centroid(list);
}
// The row of an id, until the next call; null if there is none.
EMSCRIPTEN_KEEPALIVE const float* demo_row(int which, int id) {
    demo.row.resize(demo_dim(which));
    return demo.indexes[which]->reconstruct(id, demo.row.data()).ok() ? demo.row.data() : nullptr;
}
// [ntotal]: the list each id is in, until the next call.
EMSCRIPTEN_KEEPALIVE const std::int32_t* demo_lists(int which) {
    const lutra::InvertedLists& lists = demo.indexes[which]->base().lists();
    demo.lists.resize(demo_ntotal(which));
    for (std::size_t l = 0; l < lists.nlist(); ++l)
        for (const lutra::Id id : lists.ids(l)) demo.lists[std::size_t(id)] = std::int32_t(l);
    return demo.lists.data();
}

// Where the query of the searches that follow is to be written, [dim].
EMSCRIPTEN_KEEPALIVE float* demo_query(int which) {
    demo.query.resize(demo_dim(which));
    return demo.query.data();
}
EMSCRIPTEN_KEEPALIVE const char* demo_search(int which, std::size_t k, std::size_t nprobe, float k_factor) {
    return text_of(search_by_steps(*demo.indexes[which], k, {.nprobe = nprobe, .k_factor = k_factor}));
}
// What demo_search() left of a step: 0 the lists visited, 1 the candidates in any order, 2 the neighbours, best first.
EMSCRIPTEN_KEEPALIVE std::size_t demo_count(int step) { return demo.steps[step].ids.size(); }
EMSCRIPTEN_KEEPALIVE const std::int32_t* demo_ids(int step) { return demo.steps[step].ids.data(); }
EMSCRIPTEN_KEEPALIVE const float* demo_distances(int step) { return demo.steps[step].distances.data(); }

// The search alone, for the clock.
EMSCRIPTEN_KEEPALIVE void demo_repeat(int which, std::size_t k, std::size_t nprobe, float k_factor, int times) {
    const Voice& index = *demo.indexes[which];
    const lutra::HitsView out = demo.steps[2].room(k);
    for (int i = 0; i < times; ++i)
        (void)index.search({demo.query.data(), 1, index.dim()}, k, out, {.nprobe = nprobe, .k_factor = k_factor},
                           {{}, &demo.workspace, {}});
}
}
