// lutra/transform/transformed.hpp: Transformed<Base>, an index behind a transform (L2norm).  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/concepts.hpp>
#include <lutra/core/guarded.hpp>
#include <lutra/core/validate.hpp>
#include <lutra/transform/l2norm.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

/// See SearchIndex for the calls. reconstruct() returns the transformed row. train() and add() allocate a copy of their rows;
/// search() takes it from the workspace.
template <SearchIndex Base>
class Transformed {
public:
    explicit Transformed(Base base, L2norm transform = {}) : base_(std::move(base)), transform_(transform) {}

    const Base& base() const { return base_; }
    std::size_t dim() const { return base_.dim(); }
    std::size_t ntotal() const { return base_.ntotal(); }
    Metric metric() const { return base_.metric(); }
    bool is_trained() const { return base_.is_trained(); }
    std::size_t nlist() const { return base_.nlist(); }
    std::size_t nprobe() const { return base_.nprobe(); }
    Status set_nprobe(std::size_t nprobe) { return base_.set_nprobe(nprobe); }
    float k_factor() const { return base_.k_factor(); }
    Status set_k_factor(float k_factor) { return base_.set_k_factor(k_factor); }
    std::size_t code_size() const { return base_.code_size(); }
    std::size_t training_rows() const { return base_.training_rows(); }
    std::string spec() const { return transform_.token() + "," + base_.spec(); }

    Status train(MatrixView x, const Resources& resources = {}) {
        return with_rows("train", x, [&](MatrixView y) { return base_.train(y, resources); });
    }
    Status add(MatrixView x, const Resources& resources = {}) {
        return with_rows("add", x, [&](MatrixView y) { return base_.add(y, resources); });
    }
    Status add_with_ids(MatrixView x, const Id* ids, const Resources& resources = {}) {
        return with_rows("add", x, [&](MatrixView y) { return base_.add_with_ids(y, ids, resources); });
    }

    Status search(MatrixView q, std::size_t k, HitsView out, const SearchParams& params = {},
                  const Resources& resources = {}) const {
        return with_queries(q, resources, [&](MatrixView y, const Resources& r) { return base_.search(y, k, out, params, r); });
    }
    Status range_search(MatrixView q, float radius, RangeHits& out, const SearchParams& params = {},
                        const Resources& resources = {}) const {
        return with_queries(q, resources,
                            [&](MatrixView y, const Resources& r) { return base_.range_search(y, radius, out, params, r); });
    }

    Status reconstruct(Id id, float* out) const { return base_.reconstruct(id, out); }
    Status reconstruct_n(Id first, std::size_t n, float* out) const { return base_.reconstruct_n(first, n, out); }
    Result<std::size_t> remove_ids(const IdFilter& filter) { return base_.remove_ids(filter); }
    Status merge_from(Transformed& other, Id shift) { return base_.merge_from(other.base_, shift); }
    void reset() { base_.reset(); }

    Status save(Writer& out) const {
        return guarded("save", [&]() -> Status {
            LUTRA_TRY(write_fourcc(out, "IxPT"));
            LUTRA_TRY(write_header(out, {dim(), ntotal(), is_trained(), metric()}));
            LUTRA_TRY(write_value(out, std::int32_t{1}));
            LUTRA_TRY(transform_.save(out, dim()));
            return base_.save(out);
        });
    }
    Status map_ids(std::span<const Id> map, std::optional<IdMapKind> kind) { return base_.map_ids(map, kind); }
    Status make_direct_map() { return base_.make_direct_map(); }
    bool ids_are_places() const { return base_.ids_are_places(); }

private:
    template <class F>
    Status with_rows(std::string_view call, MatrixView x, F&& f) {
        return guarded(call, [&]() -> Status {
            LUTRA_TRY(check_shape(call, x, dim()));
            LUTRA_TRY(check_finite(call, x));
            AlignedVector<float> y(x.n * x.d);
            transform_.apply(x, y.data());
            return f(MatrixView{y.data(), x.n, x.d});
        });
    }

    template <class F>
    Status with_queries(MatrixView q, const Resources& resources, F&& f) const {
        return guarded("search", [&]() -> Status {
            LUTRA_TRY(check_shape("search", q, dim()));
            BorrowedWorkspace workspace(resources);
            Arena& arena = workspace.arena(0);
            const Arena::Frame frame(arena);
            const auto y = arena.take<float>(q.n * q.d);
            transform_.apply(q, y.data());
            return f(MatrixView{y.data(), q.n, q.d}, workspace.resources());
        });
    }

    Base base_;
    L2norm transform_;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
