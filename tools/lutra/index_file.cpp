// tools/lutra/index_file.cpp: see index_file.hpp.  SPDX-License-Identifier: MIT
#include "index_file.hpp"

#include "failure.hpp"
#include "values.hpp"

#include <lutra/factory/index_factory.hpp>
#include <lutra/factory/save_load.hpp>
#include <lutra/factory/search_params.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace command {

namespace {
template <class T>
T or_bad_usage(Result<T> result) {
    if (!result) throw BadUsage(result.status());
    return *std::move(result);
}

/// "nprobe=1k,k_factor=2" -> "nprobe=1000,k_factor=2": numbers as everywhere in the command.
std::string plain_numbers(std::string text) {
    for (std::size_t equals = text.find('='); equals != text.npos; equals = text.find('=', equals + 1)) {
        const std::size_t end = std::min(text.find_first_of(", \t\r\n", equals), text.size());
        const std::string value = text.substr(equals + 1, end - equals - 1);
        const std::optional<double> number = parse_number(value);
        if (!number)
            throw BadUsage(Status{Errc::bad_argument,
                                  "--param {}: \"{}\" is not a number; numbers from 1 on are accepted, as 8, 2.5 or 1k",
                                  path_text(text.substr(0, end)), path_text(value)});
        text.replace(equals + 1, value.size(), fmt::format("{}", *number));
    }
    return text;
}
}  // namespace

Index make_index(std::size_t d, const std::string& spec, Metric metric, IndexOptions options) {
    return or_bad_usage(index_factory(d, spec, metric, options));
}

Index open_index(const std::string& path, IndexOptions options) { return load_index(path, options).value(); }

void check_queries(const Index& index, const std::string& index_path, std::size_t d, const std::string& queries_path) {
    if (d != index.dim())
        throw Error(Status{Errc::bad_argument, "{} has {} columns; {} takes d = {}", path_text(queries_path), d,
                           path_text(index_path), index.dim()});
}

BaseVectors base_vectors(const Inputs& base, const Index& index, const std::string& index_path) {
    check_queries(index, index_path, base.d(), base.path());
    if (base.n() != index.ntotal())
        throw Error(Status{Errc::bad_argument, "{} has {} rows, {} holds {}; --base must be the rows that are in the index",
                           path_text(base.path()), base.n(), path_text(index_path), index.ntotal()});
    if (!index.ids_are_places())
        throw Error(Status{Errc::unsupported, "{} has ids of its own, not row numbers, so --base does not tell which rows they are",
                           path_text(index_path)});
    return {base.n(), [&base](std::size_t first, std::size_t n, float* out) {
                base.read(first, first + n, out);
                return Status{};
            }};
}

SearchParams read_params(const Index& index, const std::string& text) {
    return or_bad_usage(parse_search_params(index, plain_numbers(text)));
}

}  // namespace command
