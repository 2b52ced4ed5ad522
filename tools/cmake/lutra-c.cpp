// The library of lutra.h: each function checks its pointers, calls the index, and turns what goes wrong into a code and a text.
// SPDX-License-Identifier: MIT
#define LUTRA_C_BUILD
#include <lutra.h>

#include <lutra/factory/index_factory.hpp>
#include <lutra/factory/save_load.hpp>
#include <lutra/factory/search_params.hpp>

#include <algorithm>
#include <array>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

struct __attribute__((visibility("hidden"))) lutra_index {
    lutra::Index index;
    std::string spec;
};

struct __attribute__((visibility("hidden"))) lutra_hits {
    lutra::RangeHits hits;
};

namespace {

using lutra::Errc;
using lutra::Id;
using lutra::Index;
using lutra::MatrixView;
using lutra::Result;
using lutra::SearchParams;
using lutra::Status;

static_assert(int(Errc::bad_argument) == LUTRA_BAD_ARGUMENT && int(Errc::not_found) == LUTRA_NOT_FOUND &&
              int(Errc::out_of_memory) == LUTRA_OUT_OF_MEMORY);

thread_local std::array<char, lutra::Message::kCapacity + 1> last_error;

int fail(int code, std::string_view text) noexcept {
    const std::size_t n = std::min(text.size(), last_error.size() - 1);
    *std::copy_n(text.data(), n, last_error.data()) = '\0';
    return code;
}

/// Returns the code of f(), a Status, and keeps its text; nothing is thrown beyond here.
template <class F>
int called(F&& f) noexcept {
#if LUTRA_HAS_EXCEPTIONS
    try {
#endif
        const Status status = f();
        return status.ok() ? LUTRA_OK : fail(int(status.code()), status.message());
#if LUTRA_HAS_EXCEPTIONS
    } catch (const std::bad_alloc&) {
        return fail(LUTRA_OUT_OF_MEMORY, "memory ran out");
    } catch (const std::exception& e) {
        return fail(LUTRA_INTERNAL, e.what());
    } catch (...) {
        return fail(LUTRA_INTERNAL, "an exception of an unknown type");
    }
#endif
}

Status check(std::string_view call, std::string_view what, const void* pointer) {
    if (pointer != nullptr) return {};
    return {Errc::bad_argument, "{}: {} is a null pointer", call, what};
}

/// An array [n, d] of values of some bytes that a null pointer or a size beyond the address space cannot be.
Status check_array(std::string_view call, std::string_view what, const void* pointer, std::size_t n, std::size_t d,
                   std::size_t bytes) {
    constexpr std::size_t kMost = ~std::size_t{0} / 2;
    if (d > 0 && n > kMost / d / bytes) return {Errc::bad_argument, "{}: {} [{}, {}] is more than there can be", call, what, n, d};
    return n > 0 && d > 0 ? check(call, what, pointer) : Status();
}

Status check_rows(std::string_view call, const lutra_index* index, const float* x, std::size_t n, std::size_t d) {
    LUTRA_TRY(check(call, "index", index));
    if (d != index->index.dim()) return {Errc::bad_argument, "{}: d = {}; this index takes d = {}", call, d, index->index.dim()};
    return check_array(call, "the array of rows", x, n, d, sizeof(float));
}

constexpr lutra_params kOwn = LUTRA_PARAMS;

/// The function of the caller, as a predicate.
struct Filter {
    const lutra_params* params;
    bool operator()(Id id) const { return params->filter(params->filter_context, id) != 0; }
};

Status check_params(std::string_view call, const Index& index, const lutra_params& p) {
    if (p.size != sizeof(lutra_params))
        return {Errc::bad_argument, "{}: params of size {}; accepted: {}, as LUTRA_PARAMS sets it", call, p.size,
                sizeof(lutra_params)};
    if (p.nprobe != 0 && index.nlist() == 0) return lutra::no_lists(index, p.nprobe);
    if (p.k_factor != 0 && !(p.k_factor >= 1 && p.k_factor <= float(lutra::kMaxLists)))
        return {Errc::bad_argument, "{}: k_factor = {}; accepted: 0, or 1 to {}", call, p.k_factor, lutra::kMaxLists};
    if (p.k_factor > 1 && index.k_factor() == 0) return lutra::no_refine_stage(index, p.k_factor);
    if (p.filter_bits != nullptr && p.filter != nullptr)
        return {Errc::bad_argument, "{}: a bitmap and a function; at most one filters", call};
    return p.filter_n > 0 ? check(call, "filter_bits", p.filter_bits) : Status();
}

SearchParams to_params(const lutra_params& p, const Filter& filter) {
    SearchParams out{.nprobe = p.nprobe, .k_factor = p.k_factor};
    if (p.filter != nullptr) out.filter = lutra::IdFilter::predicate(filter);
    if (p.filter_bits != nullptr) out.filter = lutra::IdFilter::bitmap(p.filter_bits, p.filter_n);
    return out;
}

/// Hands an index over to the caller.
Status give(Result<Index> made, lutra_index** out) {
    if (!made.ok()) return made.status();
    std::string spec = made->spec();
    *out = new lutra_index{*std::move(made), std::move(spec)};
    return {};
}

}  // namespace

extern "C" {

#define LUTRA_TEXT2(x) #x
#define LUTRA_TEXT(x) LUTRA_TEXT2(x)
const char* lutra_version(void) {
    return LUTRA_TEXT(LUTRA_VERSION_MAJOR) "." LUTRA_TEXT(LUTRA_VERSION_MINOR) "." LUTRA_TEXT(LUTRA_VERSION_PATCH);
}
#if defined(LUTRA_SCALAR_ONLY)
const char* lutra_isa(void) { return "scalar"; }
#else
const char* lutra_isa(void) { return LUTRA_TEXT(LUTRA_TAG_ISA); }
#endif
const char* lutra_last_error(void) { return last_error.data(); }

int lutra_create(size_t d, const char* factory, int metric, lutra_index** out) {
    return called([&]() -> Status {
        LUTRA_TRY(check("create", "out", out));
        *out = nullptr;
        LUTRA_TRY(check("create", "the factory string", factory));
        if (metric != LUTRA_L2 && metric != LUTRA_INNER_PRODUCT && metric != LUTRA_COSINE)
            return {Errc::bad_argument, "create: metric {}; accepted: LUTRA_L2, LUTRA_INNER_PRODUCT, LUTRA_COSINE", metric};
        return give(lutra::index_factory(d, factory, lutra::Metric(metric)), out);
    });
}

int lutra_load(const char* path, lutra_index** out) {
    return called([&]() -> Status {
        LUTRA_TRY(check("load", "out", out));
        *out = nullptr;
        LUTRA_TRY(check("load", "path", path));
#if defined(LUTRA_NO_FILES)
        return {Errc::unsupported, "load: this library is built without files"};
#else
        return give(lutra::load_index(std::string(path)), out);
#endif
    });
}

int lutra_save(const lutra_index* index, const char* path) {
    return called([&]() -> Status {
        LUTRA_TRY(check("save", "index", index));
        LUTRA_TRY(check("save", "path", path));
#if defined(LUTRA_NO_FILES)
        return {Errc::unsupported, "save: this library is built without files"};
#else
        return lutra::save_index(index->index, path);
#endif
    });
}

void lutra_free(lutra_index* index) { delete index; }

size_t lutra_dim(const lutra_index* index) { return index == nullptr ? 0 : index->index.dim(); }
size_t lutra_ntotal(const lutra_index* index) { return index == nullptr ? 0 : index->index.ntotal(); }
size_t lutra_nlist(const lutra_index* index) { return index == nullptr ? 0 : index->index.nlist(); }
int lutra_is_trained(const lutra_index* index) { return index != nullptr && index->index.is_trained() ? 1 : 0; }
int lutra_metric(const lutra_index* index) { return index == nullptr ? 0 : int(index->index.metric()); }
const char* lutra_describe(const lutra_index* index) { return index == nullptr ? "" : index->spec.c_str(); }

int lutra_train(lutra_index* index, const float* x, size_t n, size_t d) {
    return called([&]() -> Status {
        LUTRA_TRY(check_rows("train", index, x, n, d));
        return index->index.train({x, n, d});
    });
}

int lutra_add(lutra_index* index, const float* x, size_t n, size_t d, const int64_t* ids) {
    return called([&]() -> Status {
        LUTRA_TRY(check_rows("add", index, x, n, d));
        const MatrixView rows{x, n, d};
        return ids == nullptr ? index->index.add(rows) : index->index.add_with_ids(rows, ids);
    });
}

int lutra_set(lutra_index* index, const char* params) {
    return called([&]() -> Status {
        LUTRA_TRY(check("set", "index", index));
        LUTRA_TRY(check("set", "params", params));
        const Result<SearchParams> parsed = lutra::parse_search_params(index->index, params);
        if (!parsed.ok()) return parsed.status();
        if (parsed->nprobe != 0) LUTRA_TRY(index->index.set_nprobe(parsed->nprobe));
        if (parsed->k_factor != 0 && index->index.k_factor() != 0) LUTRA_TRY(index->index.set_k_factor(parsed->k_factor));
        return {};
    });
}

int lutra_search(const lutra_index* index, const float* q, size_t nq, size_t d, size_t k, const lutra_params* params,
                 float* distances, int64_t* ids) {
    return called([&]() -> Status {
        const lutra_params& p = params == nullptr ? kOwn : *params;
        LUTRA_TRY(check_rows("search", index, q, nq, d));
        LUTRA_TRY(check_params("search", index->index, p));
        LUTRA_TRY(check_array("search", "distances", distances, nq, k, sizeof(float)));
        LUTRA_TRY(check_array("search", "ids", ids, nq, k, sizeof(Id)));
        const Filter filter{&p};
        return index->index.search({q, nq, d}, k, {distances, ids}, to_params(p, filter));
    });
}

int lutra_range_search(const lutra_index* index, const float* q, size_t nq, size_t d, float radius, const lutra_params* params,
                       lutra_hits** out) {
    return called([&]() -> Status {
        LUTRA_TRY(check("range search", "out", out));
        *out = nullptr;
        const lutra_params& p = params == nullptr ? kOwn : *params;
        LUTRA_TRY(check_rows("range search", index, q, nq, d));
        LUTRA_TRY(check_params("range search", index->index, p));
        const Filter filter{&p};
        auto hits = std::make_unique<lutra_hits>();
        LUTRA_TRY(index->index.range_search({q, nq, d}, radius, hits->hits, to_params(p, filter)));
        *out = hits.release();
        return {};
    });
}

size_t lutra_hits_of(const lutra_hits* hits, size_t i, const int64_t** ids, const float** distances) {
    if (hits == nullptr || hits->hits.lims.size() < 2 || i > hits->hits.lims.size() - 2) return 0;
    const lutra::HitRow row = hits->hits.row(i);
    if (ids != nullptr) *ids = row.ids.data();
    if (distances != nullptr) *distances = row.distances.data();
    return row.size();
}

void lutra_hits_free(lutra_hits* hits) { delete hits; }

int lutra_remove(lutra_index* index, const int64_t* ids, size_t n, size_t* removed) {
    return called([&]() -> Status {
        LUTRA_TRY(check("remove", "index", index));
        LUTRA_TRY(check_array("remove", "ids", ids, n, 1, sizeof(Id)));
        const Result<std::size_t> went = index->index.remove_ids(lutra::IdSet::of({ids, n}));
        if (!went.ok()) return went.status();
        if (removed != nullptr) *removed = *went;
        return {};
    });
}

int lutra_reconstruct(const lutra_index* index, int64_t id, float* out, size_t d) {
    return called([&]() -> Status {
        LUTRA_TRY(check_rows("reconstruct", index, out, 1, d));
        return index->index.reconstruct(id, out);
    });
}

int lutra_make_direct_map(lutra_index* index) {
    return called([&]() -> Status {
        LUTRA_TRY(check("direct map", "index", index));
        return index->index.make_direct_map();
    });
}

}  // extern "C"
