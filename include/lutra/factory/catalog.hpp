// lutra/factory/catalog.hpp: the lists of all encodings and transforms, from which the factory parses, makes, explains and loads
// them. SPDX-License-Identifier: MIT
//
// index_factory(), load_index() and explain() know them only through these lists. advise() still proposes PQ{M}x4fs by name.
#pragma once
#include <lutra/coarse/one_list.hpp>
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
#include <string>
#include <string_view>
#include <tuple>
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
    const std::optional<Result<E>> parsed = E::parse(token, d, in_lists);
    if (!parsed) return std::nullopt;
    return parsed->ok() ? (*parsed)->check_metric(metric) : parsed->status();
}

/// An encoding may offer repair(token, d, metric, in_lists); see EncodingWord.
template <StoredEncoding E>
constexpr auto repair_of() -> decltype(EncodingWord::repair) {
    if constexpr (requires { &E::repair; }) return &E::repair;
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

/// Calls f(transform) with the first transform that parses `token`, for rows of d columns; the parser has checked that one does.
template <class F, class... T>
auto with_transform(std::string_view token, std::size_t d, F&& f, TransformList<T...>) {
    std::optional<decltype(f(std::declval<std::tuple_element_t<0, std::tuple<T...>>>()))> made;
    const auto attempt = [&](auto parsed) {
        if (!made && parsed && parsed->ok()) made = f(std::move(**parsed));
    };
    (attempt(T::parse(token, d)), ...);
    LUTRA_ASSERT(made);
    return std::move(*made);
}

/// Calls make(encoding) with the first encoding that parses `token`; the parser has checked that there is one.
template <class Make, class... E>
Result<Index> make_with_encoding(std::string_view token, std::size_t d, bool in_lists, Make&& make, EncodingList<E...>) {
    std::optional<Result<Index>> made;
    const auto attempt = [&]<class One>(std::optional<Result<One>> parsed) {
        if (made || !parsed) return;
        made = parsed->ok() ? Result<Index>(make(std::move(**parsed))) : Result<Index>(parsed->status());
    };
    (attempt(E::parse(token, d, in_lists)), ...);
    return made ? std::move(*made) : Result<Index>(Status{Errc::bad_spec, "no encoding is called {}", token});
}

namespace detail {

/// Returns cost(encoding) of the first encoding that parses `token`.
template <class Cost, class... E>
PartCost encoding_cost(std::string_view token, std::size_t d, bool in_lists, Cost&& cost, EncodingList<E...>) {
    std::optional<PartCost> found;
    const auto attempt = [&](auto parsed) {
        if (!found && parsed && parsed->ok()) found = cost(**parsed);
    };
    (attempt(E::parse(token, d, in_lists)), ...);
    LUTRA_ASSERT(found);
    return std::move(*found);
}

}  // namespace detail

/// Reads a record behind its fourcc; depth: number of records and transforms around it.
using LoadRecord = Result<Index> (*)(Reader& in, std::size_t depth);

namespace detail {

template <class I>
Result<Index> load_as(Reader& in, std::size_t depth) {
    Result<I> index = I::load(in, depth);
    LUTRA_TRY(index.status());
    return Index(std::move(*index));
}

}  // namespace detail

/// The loader of the record with this fourcc, an encoding's index alone or in lists; null if no encoding has it.
template <class... E>
LoadRecord find_loader(Fourcc fourcc, EncodingList<E...>) {
    LoadRecord found = nullptr;
    const auto look_at = [&]<class One>(std::type_identity<One>) {
        if (std::ranges::find(One::kAloneRecords, fourcc) != One::kAloneRecords.end()) found = detail::load_as<Ivf<OneList, One>>;
        if (fourcc == One::kIvfRecord) found = detail::load_as<Ivf<AnyCoarse, One>>;
    };
    (look_at(std::type_identity<E>{}), ...);
    return found;
}

/// The records of encodings, for errors: "IxF2, IxFI, IxFl (Flat), IwFl (IVF,Flat), ...".
template <class... E>
std::string encoding_records(EncodingList<E...>) {
    std::string text;
    const auto append = [&](const auto& records, std::string_view before, std::string_view name) {
        for (const Fourcc& fourcc : records) text.append(text.empty() ? "" : ", ").append(fourcc.text.begin(), fourcc.text.end());
        text.append(" (").append(before).append(name).append(")");
    };
    ((append(E::kAloneRecords, "", E::kRecordName), append(std::array{Fourcc(E::kIvfRecord)}, "IVF,", E::kRecordName)), ...);
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
    std::string accepted;
    const auto append = [&](const Fourcc& record, std::string_view name) {
        accepted.append(accepted.empty() ? "" : ", ").append(record.text.begin(), record.text.end());
        accepted.append(" (").append(name).append(")");
    };
    (append(T::kRecord, T::kName), ...);
    return unexpected_record(fourcc, accepted, in.position());
}

}  // namespace lutra::inline LUTRA_ABI_TAG
