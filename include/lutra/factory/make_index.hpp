// lutra/factory/make_index.hpp: the definition of index_factory(): parses, then makes the parts through the catalog.
// SPDX-License-Identifier: MIT
//
// A unit that includes this compiles the whole library; index_factory.hpp includes it, except with LUTRA_COMPILED.
#pragma once
#include <lutra/core/guarded.hpp>
#include <lutra/factory/catalog.hpp>
#include <lutra/factory/index_factory.hpp>
#include <lutra/refine/refine_file.hpp>
#include <lutra/transform/transformed.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

/// The coarse quantizer of a spec. An index over centroids is searched once for every row added, so by default it visits an eighth
/// of its lists. Its default k_factor is 16: of 20,000 SIFT rows among 4,096 centroids (IVF64,PQ32x4fs,RFlat) 1 in 1,000 then
/// misses the nearest centroid visited; with 8 it is 7, with 32 0.1, in 0.86 and 1.3 times the time.
inline Result<AnyCoarse> make_coarse(const CoarseSpec& spec, std::size_t d, Metric metric, IndexOptions options) {
    if (spec.index.empty()) return AnyCoarse(FlatCoarse());
    Result<Index> index = index_factory(d, spec.index, metric, options);
    LUTRA_TRY(index.status());
    if (index->nlist() != 0) LUTRA_TRY(index->set_nprobe(std::max<std::size_t>(1, index->nlist() / 8)));
    if (index->k_factor() > 0) LUTRA_TRY(index->set_k_factor(16));
    return AnyCoarse(IndexCoarse(std::move(*index)));
}

inline Index put_before(const TransformSpec& spec, Index index) {
    return with_transform(
               spec.canonical, spec.d,
               [&]<class T>(T transform) { return Index(Transformed<Index, T>(std::move(transform), std::move(index))); },
               Transforms{})
        .value();
}

inline void put_norm_first(std::vector<TransformSpec>& transforms, std::size_t d) {
    TransformSpec norm;
    norm.token.text = norm.canonical = L2norm::kName;
    norm.d = norm.d_out = d;
    transforms.insert(transforms.begin(), std::move(norm));
}

/// Puts transforms and refine stages around the index: RFlat is outermost, but for cosine the first transform is.
inline void wrap(const Spec& spec, Metric metric, Index& index) {
    const std::size_t outside = metric == Metric::cosine ? 1 : 0;
    for (std::size_t i = spec.transforms.size(); i-- > outside;) index = put_before(spec.transforms[i], std::move(index));
    for (std::size_t i = 0; i < spec.refine.size(); ++i) index = Index(Refine<Index>(std::move(index)));
    for (std::size_t i = outside; i-- > 0;) index = put_before(spec.transforms[i], std::move(index));
}

Result<Index> make_index(std::size_t d, std::string_view text, Metric metric, IndexOptions options);

}  // namespace detail

LUTRA_INLINE Result<Spec> parse_spec(std::string_view text, std::size_t d, Metric metric) {
    return guarded("factory string", [&] {
        Result<Spec> spec = parse_spec(text, d, metric, kSpecWords);
        if (spec.ok() && metric == Metric::cosine && !detail::begins_with_norm(text)) detail::put_norm_first(spec->transforms, d);
        return spec;
    });
}

LUTRA_INLINE SpecCosts spec_costs(const Spec& spec, std::size_t d, Metric metric, std::size_t training_rows, IndexOptions options) {
    SpecCosts costs;
    const auto cost = [&](const auto& part) { return part.cost(metric, training_rows); };
    const auto encoding_cost = [&](const auto& part) { return part.cost(without_norm(metric), training_rows); };
    for (const TransformSpec& transform : spec.transforms)
        costs.transforms.push_back(with_transform(transform.canonical, transform.d, cost, Transforms{}).value());
    costs.encoding =
        with_encoding(spec.encoding.text, columns_behind(spec, d), spec.coarse.has_value(), options, encoding_cost, Encodings{})
            .value();
    return costs;
}

LUTRA_INLINE Result<Index> index_factory(std::size_t d, std::string_view text, Metric metric, IndexOptions options) {
    return guarded("index_factory", [&] { return detail::make_index(d, text, metric, options); });
}

inline Result<Index> detail::make_index(std::size_t d, std::string_view text, Metric metric, IndexOptions options) {
    if (d < 1 || d > std::size_t(IndexHeader::kMaxDim))
        return Status{Errc::bad_argument, "index_factory: d = {}; accepted: 1 to {}", d, IndexHeader::kMaxDim};
    if (options.mmap) return Status{Errc::bad_argument, "index_factory: mmap is for load_index() of a path; accepted: false"};
    const Result<Spec> spec = parse_spec(text, d, metric);
    LUTRA_TRY(spec.status());
    d = columns_behind(*spec, d);
    const std::size_t nlist = spec->coarse ? spec->coarse->nlist : 1;
    const Metric scored_by = without_norm(metric);
    Result<AnyCoarse> coarse = spec->coarse ? detail::make_coarse(*spec->coarse, d, scored_by, options) : AnyCoarse(OneList());
    LUTRA_TRY(coarse.status());
    const auto make = [&]<class E>(E encoding) -> Result<Index> {
        return Index(Ivf<AnyCoarse, E>(d, scored_by, nlist, std::move(*coarse), std::move(encoding)));
    };
    auto made = with_encoding(spec->encoding.text, d, spec->coarse.has_value(), options, make, Encodings{});
    if (!made) return Status{Errc::bad_spec, "no encoding is called {}", spec->encoding.text};
    Result<Index> index = std::move(*made);
    if (index.ok()) wrap(*spec, metric, *index);
    return index;
}

}  // namespace lutra::inline LUTRA_ABI_TAG
