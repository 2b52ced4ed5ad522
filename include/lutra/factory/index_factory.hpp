// lutra/factory/index_factory.hpp: index_factory() makes an index from a factory string.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/part_cost.hpp>
#include <lutra/factory/index.hpp>
#include <lutra/factory/spec.hpp>

#include <cstddef>
#include <string_view>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// An empty, untrained index of vectors [d], described as in faiss: "Flat", "IVF1024,Flat", "L2norm,IVF4k,Flat".
/// With Metric::cosine an L2norm goes in front of all the rest, unless the string begins with one: "IVF1024,PQ64x4fs,RFlat" scales
/// rows and queries to length 1, in RFlat, too, compares by inner product, and distances are cosines. Its spec() is
/// "L2norm,IVF1024,PQ64x4fs,RFlat", which by inner product would refine the rows as they were before L2norm.
/// options: {.byte_copies = false} puts memory before speed (core/storage.hpp).
/// Errors: bad_argument (d, or an encoding that is not for the metric), bad_spec, unsupported. The message has a caret under the
/// part that is wrong (see spec.hpp).
Result<Index> index_factory(std::size_t d, std::string_view text, Metric metric = Metric::l2, IndexOptions options = {});

/// Parses a factory string into its parts; for Metric::cosine the first transform is L2norm. Errors: those of index_factory().
Result<Spec> parse_spec(std::string_view text, std::size_t d, Metric metric);

/// The self-descriptions of the parts of a factory string, for vectors [d] and n training rows.
struct SpecCosts {
    std::vector<PartCost> transforms;  ///< as in the string
    PartCost encoding;
};
SpecCosts spec_costs(const Spec& spec, std::size_t d, Metric metric, std::size_t training_rows, IndexOptions options = {});

}  // namespace lutra::inline LUTRA_ABI_TAG

#if !defined(LUTRA_COMPILED)
#include <lutra/factory/make_index.hpp>
#endif
