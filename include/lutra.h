/* lutra.h: approximate nearest-neighbour search from C, and from languages that call C.  SPDX-License-Identifier: MIT
 *
 *     lutra_index* index;
 *     if (lutra_create(128, "IVF256,PQ64x4fs,RFlat", LUTRA_L2, &index) != LUTRA_OK) puts(lutra_last_error());
 *
 * Link liblutra (CMake: lutra::c, lutra::c_shared or lutra::dispatch; pkg-config: lutra-c).
 *
 * Rows are floats [n, d], one after the other; every call that takes rows takes n and d, and refuses a d that is not the
 * index's. A call returns LUTRA_OK or a code; lutra_last_error() then says what was wrong and what is accepted, and the index
 * is as it was. Null pointers are refused, where not said otherwise.
 *
 * Threads: calls on one index may run at the same time if all of them take it as const. Nothing throws, prints or exits; no
 * thread is started. A callback must return: it may not throw or longjmp. */
#ifndef LUTRA_H
#define LUTRA_H

#include <stddef.h>
#include <stdint.h>

#if defined(LUTRA_C_BUILD) && defined(__GNUC__)
#define LUTRA_API __attribute__((visibility("default")))
#else
#define LUTRA_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The codes of calls. The numbers stay as they are. */
enum {
    LUTRA_OK = 0,
    LUTRA_BAD_ARGUMENT = 1, /* a pointer, a size, an id or a parameter is not accepted */
    LUTRA_BAD_SPEC = 2,     /* a factory string does not parse */
    LUTRA_UNSUPPORTED = 3,  /* understood, but nothing this build or this index can do */
    LUTRA_NOT_TRAINED = 4,  /* lutra_train() comes first */
    LUTRA_TOO_FEW_ROWS = 5, /* training needs more rows */
    LUTRA_NOT_FINITE = 6,   /* NaN or infinity in the rows */
    LUTRA_NOT_FOUND = 7,    /* no such id, file or parameter */
    LUTRA_BAD_FILE = 8,     /* truncated, oversized, foreign or inconsistent bytes */
    LUTRA_IO_ERROR = 9,     /* the system refused to read or write */
    LUTRA_CANCELLED = 10,   /* kept for calls with progress */
    LUTRA_OUT_OF_MEMORY = 11,
    LUTRA_INTERNAL = 12     /* an exception that is none of these; its text is in lutra_last_error() */
};

/* Distances: inner products and cosines are largest first, l2 (squared) smallest first. */
enum { LUTRA_INNER_PRODUCT = 0, LUTRA_L2 = 1, LUTRA_COSINE = -1 };

typedef struct lutra_index lutra_index; /* an index; freed by lutra_free() */
typedef struct lutra_hits lutra_hits;   /* the result of a range search; freed by lutra_hits_free() */

/* Search parameters; LUTRA_PARAMS has the index's own. A null pointer to them is the same.
 * Filter: at most one of a bitmap and a function. Only ids that pass are found. */
typedef struct lutra_params {
    size_t size;                 /* sizeof(lutra_params), set by LUTRA_PARAMS: other sizes are refused */
    size_t nprobe;               /* lists a query visits; 0: the index's own setting */
    float k_factor;              /* RFlat compares k * k_factor candidates exactly; 0: the index's own, else 1 or more */
    const uint8_t* filter_bits;  /* id i passes if i < filter_n and bit i % 8 of byte i / 8 is set; null: no bitmap */
    size_t filter_n;             /* bits */
    int (*filter)(void* context, int64_t id); /* id passes if this is not 0 */
    void* filter_context;
} lutra_params;
#define LUTRA_PARAMS { sizeof(lutra_params), 0, 0.0f, NULL, 0, NULL, NULL }

/* "0.1.0"; and the vector instructions this library uses, "avx512bw" or the like. */
LUTRA_API const char* lutra_version(void);
LUTRA_API const char* lutra_isa(void);

/* The text of the last call of this thread that failed; "" if none did. Good until the next call that fails. */
LUTRA_API const char* lutra_last_error(void);

/* An empty, untrained index of vectors [d], as in faiss: "Flat", "IVF1024,PQ64x4fs,RFlat". *out is null after an error. */
LUTRA_API int lutra_create(size_t d, const char* factory, int metric, lutra_index** out);
/* Reads an index file of lutra's or faiss's; writes one that faiss reads, which appears only when it is complete. */
LUTRA_API int lutra_load(const char* path, lutra_index** out);
LUTRA_API int lutra_save(const lutra_index* index, const char* path);
LUTRA_API void lutra_free(lutra_index* index); /* null is accepted */

/* Of a null index: 0 and "". The string of lutra_describe() lives as long as the index. */
LUTRA_API size_t lutra_dim(const lutra_index* index);
LUTRA_API size_t lutra_ntotal(const lutra_index* index);
LUTRA_API size_t lutra_nlist(const lutra_index* index);
LUTRA_API int lutra_is_trained(const lutra_index* index);
LUTRA_API int lutra_metric(const lutra_index* index);
LUTRA_API const char* lutra_describe(const lutra_index* index); /* the factory string */

/* x [n, d]. lutra_add(): ids [n], or null for ntotal, ntotal + 1 ... */
LUTRA_API int lutra_train(lutra_index* index, const float* x, size_t n, size_t d);
LUTRA_API int lutra_add(lutra_index* index, const float* x, size_t n, size_t d, const int64_t* ids);

/* Sets what a search without parameters uses, and lutra_save() keeps: "nprobe=16", "nprobe=16,k_factor=4". */
LUTRA_API int lutra_set(lutra_index* index, const char* params);

/* The k nearest of each query of q [nq, d], best first, into distances [nq, k] and ids [nq, k]; a slot without a neighbour has
 * id -1 and FLT_MAX, by inner product or cosine -FLT_MAX. */
LUTRA_API int lutra_search(const lutra_index* index, const float* q, size_t nq, size_t d, size_t k, const lutra_params* params,
                           float* distances, int64_t* ids);

/* All rows nearer than a radius (by inner product: of a higher one), best first. *out is null after an error. */
LUTRA_API int lutra_range_search(const lutra_index* index, const float* q, size_t nq, size_t d, float radius,
                                 const lutra_params* params, lutra_hits** out);
/* Those of query i: how many, and where they are, which may be null if there are none; 0 if there is no query i. */
LUTRA_API size_t lutra_hits_of(const lutra_hits* hits, size_t i, const int64_t** ids, const float** distances);
LUTRA_API void lutra_hits_free(lutra_hits* hits); /* null is accepted */

/* Removes these ids [n]; those that are not there are left out. *removed, which may be null: how many rows went. */
LUTRA_API int lutra_remove(lutra_index* index, const int64_t* ids, size_t n, size_t* removed);
/* The vector of an id, as it is stored, into out [d]. Behind lists it looks through all of them, unless
 * lutra_make_direct_map() came before: one look-up from then on, for 8 to 45 bytes a vector, which files keep. */
LUTRA_API int lutra_reconstruct(const lutra_index* index, int64_t id, float* out, size_t d);
LUTRA_API int lutra_make_direct_map(lutra_index* index);

#ifdef __cplusplus
}
#endif
#endif /* LUTRA_H */
