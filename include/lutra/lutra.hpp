// lutra/lutra.hpp: everything, and a map of it. Include this, or only the parts you use.  SPDX-License-Identifier: MIT
//
//   Result<Index> index = lutra::index_factory(256, "IVF1024,Flat", lutra::Metric::l2);
//
// The pipeline of a factory string "L2norm,IVF1024,Flat,RFlat" is the list of folders: transform, partition, encoding, refine.
// README.md beside this file draws it.
#pragma once

#include <lutra/cluster/kmeans.hpp>            // Lloyd's k-means
#include <lutra/cluster/minibatch_kmeans.hpp>  // k-means on random batches, of more rows than fit in memory
#include <lutra/cluster/two_level_kmeans.hpp>  // many centroids, fast
#include <lutra/coarse/flat_coarse.hpp>        // which list: compare every centroid
#include <lutra/coarse/one_list.hpp>           // which list: there is one
#include <lutra/coarse/scanned_coarse.hpp>     // which list, of thousands: 4-bit codes of the centroids first
#include <lutra/core/concepts.hpp>             // the three contracts: CoarseQuantizer, Encoding, SearchIndex
#include <lutra/core/params.hpp>               // what a call may be told: nprobe, id filter; threads, memory, progress
#include <lutra/core/result.hpp>               // how calls fail: Status, Result
#include <lutra/core/warm.hpp>                 // memory for searches, taken before the first of them
#include <lutra/encodings/flat/flat.hpp>       // rows as they are
#include <lutra/encodings/pq4fs/pq4fs.hpp>     // 4-bit product quantization, scanned by look-ups in registers
#include <lutra/factory/index_factory.hpp>     // index_factory(d, "IVF1024,Flat", metric)
#include <lutra/factory/save_load.hpp>         // save_index, load_index: faiss's own files
#include <lutra/factory/search_params.hpp>     // "nprobe=8,k_factor=4" as SearchParams
#include <lutra/io/vectors.hpp>                // vectors from files and folders: .npy .fvecs .bvecs .fbin .u8bin
#include <lutra/ivf/ivf.hpp>                   // inverted lists: train, add, search
#include <lutra/kernels/distance.hpp>          // exact distances, and what they are defined as
#include <lutra/kernels/nearest.hpp>           // nearest centroid, fused into a matrix product
#include <lutra/kernels/query_tile.hpp>        // queries against rows: only pairs under a threshold come out
#include <lutra/refine/refine.hpp>             // exact distances of what a base proposes: RFlat
#include <lutra/transform/transformed.hpp>     // L2norm in front of an index
// opt-in, not included here:
//   lutra/embedding/blend.hpp               // each query mixed with its nearest, for audio threads
//   lutra/embedding/query_expansion.hpp     // each row a mean of its nearest, weighted by similarity^alpha
//   lutra/tune/advise.hpp                   // which index for n vectors; explain.hpp: what a factory string means for them
//   lutra/tune/recall.hpp                   // the share of the true neighbours found, equally near ones alike
//   lutra/tune/autotune.hpp                 // the fastest nprobe and k_factor that reach a recall, measured
//   lutra/parallel/threads.hpp              // ThreadPool
