// lutra/factory/catalog.hpp: the list of all encodings, from which the factory parses, makes and loads them.
// SPDX-License-Identifier: MIT
//
// index_factory() and load_index() know encodings only through this list. tune/ still names PQ{M}x4fs for its estimates.
#pragma once
#include <lutra/coarse/one_list.hpp>
#include <lutra/encodings/flat/flat.hpp>
#include <lutra/encodings/pq4fs/pq4fs_file.hpp>
#include <lutra/factory/any_coarse.hpp>
#include <lutra/factory/index.hpp>
#include <lutra/factory/words.hpp>
#include <lutra/ivf/ivf_file.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

template <class... E>
struct EncodingList {};

using Encodings = EncodingList<Flat, Pq4FastScan>;

namespace detail {

template <Encoding E>
std::optional<Status> check_word(std::string_view token, std::size_t d, Metric metric, bool in_lists) {
    const std::optional<Result<E>> parsed = E::parse(token, d, in_lists);
    if (!parsed) return std::nullopt;
    return parsed->ok() ? (*parsed)->check_metric(metric) : parsed->status();
}

/// An encoding may offer repair(token, d, metric, in_lists); see EncodingWord.
template <Encoding E>
constexpr auto repair_of() -> decltype(EncodingWord::repair) {
    if constexpr (requires { &E::repair; }) return &E::repair;
    return nullptr;
}

template <class... E>
constexpr std::array<EncodingWord, sizeof...(E)> make_words(EncodingList<E...>) {
    return {EncodingWord{E::kName, check_word<E>, repair_of<E>()}...};
}

}  // namespace detail

/// The encodings as the parser sees them.
inline constexpr auto kEncodingWords = detail::make_words(Encodings{});

/// Calls make.operator()<E>(encoding) with the first encoding that parses `token`; the parser has checked that there is one.
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

/// Reads what follows the fourcc of a record; `depth` counts the records and transforms around it.
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
    const auto look_at = [&]<class I>(std::type_identity<I>) {
        if (I::reads(fourcc)) found = detail::load_as<I>;
    };
    (look_at(std::type_identity<Ivf<OneList, E>>{}), ...);
    (look_at(std::type_identity<Ivf<AnyCoarse, E>>{}), ...);
    return found;
}

}  // namespace lutra::inline LUTRA_ABI_TAG
