// lutra/search.hpp: the parts of a program that only searches: indexes of given types, read from memory or a stream, without the
// factory. SPDX-License-Identifier: MIT
//
//   Result<Refine<Ivf<FlatCoarse, Pq4FastScan>>> index = Refine<Ivf<FlatCoarse, Pq4FastScan>>::load(reader);
//
// tools/amalgamate.py --search makes one file of this, lutra_search.hpp, and leaves out what stands under
// #if !defined(LUTRA_SEARCH_ONLY): training. train() of an index or an encoding is then declared and not defined.
#pragma once

#include <lutra/coarse/flat_coarse.hpp>          // IVF{n}
#include <lutra/coarse/one_list.hpp>             // an index without lists
#include <lutra/core/warm.hpp>                   // allocates the memory of searches before the first one
#include <lutra/encodings/flat/flat_file.hpp>    // Flat
#include <lutra/encodings/pq4fs/pq4fs_file.hpp>  // PQ{M}x4fs
#include <lutra/ivf/ivf_file.hpp>                // Ivf<Coarse, Encoding>
#include <lutra/refine/refine_file.hpp>          // RFlat
#include <lutra/transform/transformed.hpp>       // L2norm in front of an index
