// lutra/factory/catalog.hpp: the lists of all encodings and transforms, from which the factory parses, makes, explains and loads
// them. SPDX-License-Identifier: MIT
//
// index_factory(), load_index() and explain() know them only through these lists. advise() still proposes PQ{M}x4fs by name.
#pragma once
#include <lutra/encodings/flat/flat.hpp>
#include <lutra/encodings/pq4fs/pq4fs_file.hpp>
#include <lutra/factory/any_coarse.hpp>
#include <lutra/factory/index.hpp>
#include <lutra/factory/words.hpp>
#include <lutra/ivf/ivf_file.hpp>
#include <lutra/transform/l2norm.hpp>
#include <lutra/transform/transformed.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

template <StoredEncoding... E>
struct EncodingList {};
template <Transform... T>
struct TransformList {};

using Encodings = EncodingList<Flat, Pq4FastScan>;
using Transforms = TransformList<L2norm>;

namespace detail {

template <StoredEncoding E>
std::optional<Status> check_word(std::string_view token, std::size_t d, Metric metric, bool in_lists) {
    const std::optional<Result<E>> parsed = E::parse(token, d, in_lists, {});
    if (!parsed) return std::nullopt;
    return parsed->ok() ? (*parsed)->check_metric(metric) : parsed->status();
}

/// An encoding may offer repair(token, d, metric, in_lists); see EncodingWord.
template <StoredEncoding E>
constexpr auto repair_of() -> decltype(EncodingWord::repair) {
    if constexpr (kHasMessages && requires { &E::repair; }) return &E::repair;
    return nullptr;
}

template <class... E>
constexpr std::array<EncodingWord, sizeof...(E)> make_words(EncodingList<E...>) {
    return {EncodingWord{E::kName, check_word<E>, repair_of<E>()}...};
}
template <class... T>
constexpr std::array<TransformWord, sizeof...(T)> make_words(TransformList<T...>) {
    return {transform_word<T>()...};
}

inline constexpr auto kEncodingWords = make_words(Encodings{});
inline constexpr auto kTransformWords = make_words(Transforms{});

}  // namespace detail

/// The encodings and transforms as the parser sees them.
inline constexpr SpecWords kSpecWords{detail::kEncodingWords, detail::kTransformWords};

namespace detail {

/// f(part) of the first part that was parsed; none if there is no such part.
template <class F, class First, class... Others>
auto of_parsed(F&& f, std::optional<Result<First>> first, std::optional<Result<Others>>... others) {
    std::optional<decltype(f(std::move(**first)))> made;
    const auto attempt = [&](auto& parsed) {
        if (!made && parsed && parsed->ok()) made = f(std::move(**parsed));
    };
    attempt(first), (attempt(others), ...);
    return made;
}

}  // namespace detail

/// f(transform) of the transform that parses `token`, for rows of d columns; none if there is none: the parser has checked.
template <class F, class... T>
auto with_transform(std::string_view token, std::size_t d, F&& f, TransformList<T...>) {
    return detail::of_parsed(f, T::parse(token, d)...);
}

/// f(encoding) of the encoding that parses `token`, likewise.
template <class F, class... E>
auto with_encoding(std::string_view token, std::size_t d, bool in_lists, IndexOptions options, F&& f, EncodingList<E...>) {
    return detail::of_parsed(f, E::parse(token, d, in_lists, options)...);
}

/// Reads a record behind its fourcc; depth: number of records and transforms around it.
using LoadRecord = Result<Index> (*)(Fourcc fourcc, Reader& in, std::size_t depth, IndexOptions options);

namespace detail {

template <class I>
Result<Index> as_index(Result<I> loaded) {
    LUTRA_TRY(loaded.status());
    return Index(std::move(*loaded));
}

/// The LoadRecord of an index of type I.
template <class I>
Result<Index> load_as_index(Fourcc fourcc, Reader& in, std::size_t depth, IndexOptions options) {
    return as_index(I::load_record(fourcc, in, depth, options));
}

}  // namespace detail

/// The loader of the record with this fourcc, an encoding's index alone or in lists; null if no encoding has it.
template <class... E>
LoadRecord find_loader(Fourcc fourcc, EncodingList<E...>) {
    LoadRecord found = nullptr;
    const auto look_at = [&]<class One>(std::type_identity<One>) {
        if (Ivf<AnyCoarse, One>::reads(fourcc)) found = detail::load_as_index<Ivf<AnyCoarse, One>>;
    };
    (look_at(std::type_identity<E>{}), ...);
    return found;
}

/// The records of encodings, for errors: "IxF2, IxFI, IxFl (Flat), IwFl (IVF,Flat), ...".
template <class... E>
Message encoding_records(EncodingList<E...>) {
    Message text;
    (Ivf<AnyCoarse, E>::append_records(text), ...);
    return text;
}

/// A transform from a file: wraps itself around the index behind it.
using PutBefore = std::function<Index(Index)>;

/// Reads the record of a transform behind its fourcc. d: the columns of its rows, and on return those of its output. Errors: the
/// transform's own, and bad_file for a fourcc of no transform.
template <class... T>
Result<PutBefore> load_transform(Fourcc fourcc, Reader& in, std::size_t& d, TransformList<T...>) {
    std::optional<Result<PutBefore>> found;
    const auto look_at = [&]<class One>(std::type_identity<One>) {
        if (found || fourcc != One::kRecord) return;
        Result<One> transform = One::load(in, d);
        if (transform.ok()) d = transform->dim_out();
        found = transform.ok() ? Result<PutBefore>([transform = std::move(*transform)](Index index) {
            return Index(Transformed<Index, One>(transform, std::move(index)));
        })
                               : Result<PutBefore>(transform.status());
    };
    (look_at(std::type_identity<T>{}), ...);
    if (found) return std::move(*found);
    const auto accepted = [] {
        Message text;
        (append_records(text, std::span(&T::kRecord, 1), T::kName), ...);
        return text;
    };
    return unexpected_record(fourcc, accepted, in.position());
}

}  // namespace lutra::inline LUTRA_ABI_TAG
