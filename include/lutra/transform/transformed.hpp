// lutra/transform/transformed.hpp: "L2norm,...": an index behind a transform of its rows and queries.
// SPDX-License-Identifier: MIT
//
// Main path: rows(), blocks of rows over the executor, then the base. Record: "IxPT", header, the number of transforms, each
// transform's record, first applied first, the base's record.
#pragma once
#include <lutra/core/concepts.hpp>
#include <lutra/core/guarded.hpp>
#include <lutra/core/validate.hpp>
#include <lutra/io/id_map_record.hpp>
#include <lutra/transform/l2norm.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

inline constexpr Fourcc kTransformsRecord = "IxPT";

/// What a record of transforms says before the first of them.
struct TransformsHeader {
    std::size_t d = 0;  ///< columns of the rows
    std::size_t n = 0;  ///< transforms that follow
};

inline Status read_transforms_header(Reader& in, std::size_t depth, TransformsHeader& to) {
    IndexHeader header;
    std::int32_t n = 0;
    LUTRA_TRY(read_header(in, header));
    LUTRA_TRY(read_value(in, n));
    if (n < 0) return {Errc::bad_file, "{} transforms; accepted: 0 or more", n};
    if (std::size_t(n) > kMaxNesting - depth) return nested_too_deep();
    to = {header.d, std::size_t(n)};
    return {};
}

/// d: the columns of the last transform's output; index_d: of the index behind it.
inline Status check_transformed_columns(std::size_t d, std::size_t index_d) {
    if (index_d == d) return {};
    return {Errc::bad_file, "transform to {} columns before an index of d = {}", d, index_d};
}

/// See SearchIndex for the calls. reconstruct() returns the stored row, or its reverse() if the transform has one; then nothing is
/// written on not_found. train() and add() allocate the transformed rows, 4 dim_out bytes each; search() takes them from the
/// workspace.
template <SearchIndex Base, Transform T>
class Transformed {
public:
    /// The base takes vectors of transform.dim_out() columns.
    Transformed(T transform, Base base) : transform_(std::move(transform)), base_(std::move(base)) {
        LUTRA_ASSERT(base_.dim() == transform_.dim_out());
    }
    Transformed untrained() const { return Transformed(transform_.untrained(), base_.untrained()); }

    const T& transform() const { return transform_; }
    const Base& base() const { return base_; }
    std::size_t dim() const { return transform_.dim_in(); }
    std::size_t ntotal() const { return base_.ntotal(); }
    /// cosine behind a transform to unit rows, if the base compares by inner product.
    Metric metric() const {
        const Metric metric = without_norm(base_.metric());
        return T::kUnitRows && metric == Metric::inner_product ? Metric::cosine : metric;
    }
    bool is_trained() const { return transform_.is_trained() && base_.is_trained(); }
    std::size_t nlist() const { return base_.nlist(); }
    std::size_t nprobe() const { return base_.nprobe(); }
    Status set_nprobe(std::size_t nprobe) { return base_.set_nprobe(nprobe); }
    float k_factor() const { return base_.k_factor(); }
    Status set_k_factor(float k_factor) { return base_.set_k_factor(k_factor); }
    std::size_t code_size() const { return base_.code_size(); }
    Storage storage() const { return base_.storage(); }
    std::size_t training_rows() const { return std::max(transform_.training_rows(), base_.training_rows()); }
    std::string spec() const { return transform_.token() + "," + base_.spec(); }

    Status train(MatrixView x, const Resources& resources = {}) {
        return guarded("train", [&]() -> Status {
            LUTRA_TRY(check_some_rows("train", x, dim()));
            LUTRA_TRY(check_finite("train", x));
            T transform = transform_.untrained();
            LUTRA_TRY(transform.train(x, resources));
            const AlignedVector<float> y = rows(transform, x, resources.executor);
            LUTRA_TRY(base_.train({y.data(), x.n, transform.dim_out()}, resources));
            transform_ = std::move(transform);
            return {};
        });
    }
    Status add(MatrixView x, const Resources& resources = {}) {
        return with_rows(x, resources, [&](MatrixView y) { return base_.add(y, resources); });
    }
    Status add_with_ids(MatrixView x, const Id* ids, const Resources& resources = {}) {
        return with_rows(x, resources, [&](MatrixView y) { return base_.add_with_ids(y, ids, resources); });
    }

    Status search(MatrixView q, std::size_t k, HitsView out, const SearchParams& params = {},
                  const Resources& resources = {}) const {
        return with_queries(q, resources, [&](MatrixView y, const Resources& r) { return base_.search(y, k, out, params, r); });
    }
    std::size_t search_bytes(std::size_t nq, std::size_t k, const SearchParams& params = {}) const {
        return rows_bytes(nq) + base_.search_bytes(nq, k, params);
    }
    Status range_search(MatrixView q, float radius, RangeHits& out, const SearchParams& params = {},
                        const Resources& resources = {}) const {
        return with_queries(q, resources,
                            [&](MatrixView y, const Resources& r) { return base_.range_search(y, radius, out, params, r); });
    }

    Status visit_range(MatrixView q, float radius, const RangeSink& sink, const SearchParams& params = {},
                       const Resources& resources = {}) const {
        return with_queries(q, resources,
                            [&](MatrixView y, const Resources& r) { return base_.visit_range(y, radius, sink, params, r); });
    }

    Status reconstruct(Id id, float* out) const {
        if constexpr (!T::kReverses)
            return base_.reconstruct(id, out);
        else
            return reversed(1, out, [&](float* y, std::size_t) { return base_.reconstruct(id, y); });
    }
    Status reconstruct_n(Id first, std::size_t n, float* out) const {
        if constexpr (!T::kReverses)
            return base_.reconstruct_n(first, n, out);
        else
            return reversed(n, out, [&](float* y, std::size_t rows) { return base_.reconstruct_n(first, rows, y); });
    }
    Result<std::size_t> remove_ids(const IdFilter& filter) { return base_.remove_ids(filter); }
    Status merge_from(Transformed& other, Id shift) {
        if (transform_.same(other.transform_)) return base_.merge_from(other.base_, shift);
        return guarded("merge", [&] {
            return Status{Errc::bad_argument, "merge: the transforms {} differ; both indexes must come from the same training",
                          transform_.token()};
        });
    }
    void reset() { base_.reset(); }

    Status save(Writer& out) const {
        return guarded("save", [&]() -> Status {
            LUTRA_TRY(write_fourcc(out, kTransformsRecord));
            LUTRA_TRY(write_header(out, {dim(), ntotal(), is_trained(), without_norm(metric())}));
            LUTRA_TRY(write_value(out, std::int32_t{1}));
            LUTRA_TRY(transform_.save(out));
            return base_.save(out);
        });
    }
    /// Reads the record of one transform, a T, before that of a Base, or of an id map around both. Errors: bad_file (also a record of
    /// another index or transform), unsupported, io_error.
    static Result<Transformed> load(Reader& in, IndexOptions options = {}) { return read_index<Transformed>(in, options); }
    /// What follows the fourcc of the record. depth: records and transforms around it (io/id_map_record.hpp).
    static Result<Transformed> load_record(Fourcc fourcc, Reader& in, std::size_t depth, IndexOptions options) {
        if (fourcc != kTransformsRecord) return unexpected_record(fourcc, "IxPT (transforms)", in.position());
        TransformsHeader header;
        LUTRA_TRY(read_transforms_header(in, depth, header));
        if (header.n != 1) return Status{Errc::bad_file, "{} transforms where one is expected: {}", header.n, T::kName};
        LUTRA_TRY(read_fourcc(in, fourcc));
        if (fourcc != T::kRecord) return unexpected_record(fourcc, T::kRecord.view(), in.position());
        Result<T> transform = T::load(in, header.d);
        LUTRA_TRY(transform.status());
        Result<Base> base = read_record<Base>(in, depth + 1, options);
        LUTRA_TRY(base.status());
        LUTRA_TRY(check_transformed_columns(transform->dim_out(), base->dim()));
        return Transformed(std::move(*transform), std::move(*base));
    }
    Status map_ids(IdList map, std::optional<IdMapKind> kind) { return base_.map_ids(map, kind); }
    Status make_direct_map() { return base_.make_direct_map(); }
    bool ids_are_places() const { return base_.ids_are_places(); }

private:
    // Transforms x into y; each task has some thousand floats, as waking a worker costs as much.
    static void apply(const T& transform, MatrixView x, float* y, const Executor& executor) {
        constexpr std::size_t kFloatsPerTask = std::size_t{1} << 16;
        const std::size_t grain = std::max<std::size_t>(1, kFloatsPerTask / transform.dim_in());
        executor.for_ranges(x.n, grain, [&](std::size_t begin, std::size_t end, std::size_t) {
            transform.apply(x.rows(begin, end), y + begin * transform.dim_out());
        });
    }
    static AlignedVector<float> rows(const T& transform, MatrixView x, const Executor& executor) {
        AlignedVector<float> y(x.n * transform.dim_out());
        apply(transform, x, y.data(), executor);
        return y;
    }

    // Reverses n rows from stored(y, n). Of more rows than there are one is missing among the first.
    template <class F>
    Status reversed(std::size_t n, float* out, F&& stored) const {
        return guarded("reconstruct", [&]() -> Status {
            const std::size_t rows = std::min(n, ntotal() + 1);
            AlignedVector<float> y(rows * transform_.dim_out());
            LUTRA_TRY(stored(y.data(), rows));
            transform_.reverse({y.data(), rows, transform_.dim_out()}, out);
            return {};
        });
    }

    template <class F>
    Status with_rows(MatrixView x, const Resources& resources, F&& f) {
        return guarded("add", [&]() -> Status {
            LUTRA_TRY(check_shape("add", x, dim()));
            if (!transform_.is_trained())
                return {Errc::not_trained, "add: {} is not trained; call train() first", transform_.token()};
            LUTRA_TRY(check_finite("add", x));
            const AlignedVector<float> y = rows(transform_, x, resources.executor);
            return f(MatrixView{y.data(), x.n, transform_.dim_out()});
        });
    }

    std::size_t rows_bytes(std::size_t n) const { return arena_bytes<float>(n * transform_.dim_out()); }

    template <class F>
    Status with_queries(MatrixView q, const Resources& resources, F&& f) const {
        return guarded("search", [&]() -> Status {
            LUTRA_TRY(check_shape("search", q, dim()));
            if (!transform_.is_trained())
                return {Errc::not_trained, "search: {} is not trained; call train() first", transform_.token()};
            BorrowedWorkspace workspace(resources);
            LUTRA_TRY(workspace.check_room("search", [&] { return rows_bytes(q.n); }));  // for these; the base asks for its own
            Arena& arena = workspace.arena(0);
            const Arena::Frame frame(arena);
            const auto y = arena.take<float>(q.n * transform_.dim_out());
            apply(transform_, q, y.data(), resources.executor);
            return f(MatrixView{y.data(), q.n, transform_.dim_out()}, workspace.resources());
        });
    }

    T transform_;
    Base base_;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
