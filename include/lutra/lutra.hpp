// lutra/lutra.hpp: includes the whole library (with lutra::compiled: what that target holds), one line a part. Include this, or
// only the parts you use. SPDX-License-Identifier: MIT
//
//   Result<Index> index = lutra::index_factory(256, "IVF1024,Flat", lutra::Metric::l2);
//
// A factory string "L2norm,IVF1024,Flat,RFlat" is a pipeline, and its parts are folders: transform, coarse, encodings, refine.
// README.md beside this file draws it and says where to start reading.
#pragma once

#include <lutra/cluster/kmeans.hpp>         // Lloyd's k-means
#include <lutra/core/concepts.hpp>          // the contracts CoarseQuantizer, Encoding, Transform, SearchIndex
#include <lutra/core/id_set.hpp>            // sets of ids that combine, for filters and removal
#include <lutra/core/params.hpp>            // arguments of a call: nprobe, k_factor, id filter; threads, memory, progress
#include <lutra/core/result.hpp>            // errors as values: Status, Result
#include <lutra/core/storage.hpp>           // memory first: IndexOptions; what vectors take: Storage
#include <lutra/core/warm.hpp>              // allocates the memory of searches before the first one
#include <lutra/factory/index_factory.hpp>  // index_factory(d, "IVF1024,Flat", metric)
#include <lutra/factory/save_load.hpp>      // save_index, load_index: faiss's own files
#include <lutra/factory/search_params.hpp>  // "nprobe=8,k_factor=4" as SearchParams
#if !defined(LUTRA_NO_FILES)
#include <lutra/io/vectors.hpp>  // vectors from files and folders: .npy .fvecs .bvecs .fbin .u8bin
#endif
#include <lutra/simd/cpu.hpp>  // whether this processor runs what a unit was compiled for

// Parts as types, for Ivf<FlatCoarse, Pq4FastScan> and the like, kernels, other k-means: not with the target lutra::compiled, whose
// programs include what they name.
#if !defined(LUTRA_COMPILED)
#include <lutra/cluster/minibatch_kmeans.hpp>  // k-means on random batches, for more rows than fit in memory
#include <lutra/cluster/two_level_kmeans.hpp>  // hierarchical k-means, for many centroids
#include <lutra/coarse/flat_coarse.hpp>        // coarse quantizer: compares every centroid
#include <lutra/coarse/one_list.hpp>           // coarse quantizer of an index with one list
#include <lutra/encodings/flat/flat.hpp>       // uncompressed rows
#include <lutra/encodings/pq4fs/pq4fs.hpp>     // 4-bit product quantization, scanned by table look-ups in registers
#include <lutra/ivf/ivf.hpp>                   // inverted lists: train, add, search
#include <lutra/kernels/distance.hpp>          // exact distances: their definition
#include <lutra/kernels/nearest.hpp>           // nearest centroid, by bytes or fused into a matrix product
#include <lutra/kernels/query_tile.hpp>        // queries against rows: finds the pairs under a threshold
#include <lutra/refine/refine.hpp>             // compares the candidates of a base index exactly: RFlat
#include <lutra/transform/transformed.hpp>     // L2norm in front of an index
#endif

// opt-in, not included here:
//   lutra/embedding/blend.hpp               // blends queries with their neighbours, for audio threads
//   lutra/embedding/query_expansion.hpp     // alpha query expansion: replaces rows by weighted means of their neighbours
//   lutra/tune/advise.hpp                   // recommends an index for n vectors; explain.hpp explains a factory string for them
//   lutra/tune/recall.hpp                   // recall, with ties counted by distance
//   lutra/tune/autotune.hpp                 // finds the fastest nprobe and k_factor that reach a recall, by measuring
//   lutra/parallel/threads.hpp              // ThreadPool
