// tools/lutra/index_file.hpp: makes, loads, saves and describes indexes, for all verbs. The only unit that includes the factory.
// SPDX-License-Identifier: MIT
#pragma once
#include "flags.hpp"
#include "inputs.hpp"

#include <lutra/core/params.hpp>
#include <lutra/factory/index.hpp>
#include <lutra/tune/recall.hpp>

#include <string>

namespace command {
using namespace lutra;

/// BadUsage if the factory string is wrong.
Index make_index(std::size_t d, const std::string& spec, Metric metric, IndexOptions options = {});
Index open_index(const std::string& path, IndexOptions options = {});
/// Of an index that is built for its file, which holds no 8-bit copies, and not searched.
inline constexpr IndexOptions kForFile{.byte_copies = false};
/// Throws Error if the index holds rows of another dimension.
void check_queries(const Index& index, const std::string& index_path, std::size_t d, const std::string& queries_path);
/// The vectors of --base, in their order in the index, by their row numbers. Throws Error unless the index holds as many rows, of
/// the same dimension and called by their numbers. `base` must outlive what is returned.
BaseVectors base_vectors(const Inputs& base, const Index& index, const std::string& index_path);
/// BadUsage if the parameters are wrong.
SearchParams read_params(const Index& index, const std::string& text);

}  // namespace command
