// lutra/core/storage.hpp: how an index keeps its vectors in memory: the choice there is, and what it says of itself.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/config.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace lutra::inline LUTRA_ABI_TAG {

/// A choice of the one who makes or loads an index, index_factory() and load_index(), for as long as the index lives: through
/// add(), removals, merges, reset() and untrained(). Results and files do not depend on it.
struct IndexOptions {
    /// Flat, alone or in lists, keeps 8-bit copies beside the floats of rows of 32 to 65,536 columns: about d + 12 bytes a row,
    /// a quarter more memory, for faster searches. False: memory first. All else is the same either way: rows of whole
    /// numbers 0 to 255, which Flat and RFlat keep as bytes alone, other encodings, and the copies of centroids, except those of
    /// an index over them, as in IVF{n}(IVF{m},Flat), which has the same options. LUTRA_NO_BYTES (core/config.hpp) leaves out all.
    bool byte_copies = true;
    /// load_index() of a path only: the file is mapped into memory and used in place, as open_index() does with bytes. All
    /// processes that map a file share one copy of it.
    bool mmap = false;
};

/// What form says of vectors that are used in place, and are in no memory of the index.
inline constexpr std::string_view kInPlaceForm = ", in place";

/// What an index keeps of its vectors.
struct Storage {
    std::string form;  ///< of each stage: "floats", "floats, 8-bit copies beside them", "whole numbers as bytes", "4-bit codes"
    std::size_t bytes = 0;  ///< allocated for vectors and their ids, with room for more where add() has made some; not centroids
};

}  // namespace lutra::inline LUTRA_ABI_TAG
