/* 10_c_api.c: lutra from C: makes an index, filters, finds all within a radius, saves and loads.  SPDX-License-Identifier: MIT */
#include <lutra.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 5000, D = 16, K = 3 };

static int failed(const char* what) {
    printf("%s: %s\n", what, lutra_last_error());
    return 1;
}

static int is_even(void* context, int64_t id) {
    (void)context;
    return id % 2 == 0;
}

int main(void) {
    static float x[N * D];
    for (size_t i = 0; i < N * D; ++i) x[i] = (float)rand() / (float)RAND_MAX;

    lutra_index *index, *loaded;
    if (lutra_create(D, "IVF32,Flat", LUTRA_L2, &index) != LUTRA_OK) return failed("create");
    if (lutra_train(index, x, N, D) != LUTRA_OK) return failed("train");
    if (lutra_add(index, x, N, D, NULL) != LUTRA_OK) return failed("add");

    float distances[2 * K];
    int64_t ids[2 * K];
    lutra_params params = LUTRA_PARAMS;
    params.nprobe = 8;
    params.filter = is_even;
    if (lutra_search(index, x, 2, D, K, &params, distances, ids) != LUTRA_OK) return failed("search");
    for (int i = 0; i < 2 * K; ++i) printf("query %d: row %d at %g\n", i / K, (int)ids[i], distances[i]);
    if (ids[0] != 0 || ids[K] == 1) return puts("row 0 is nearest to itself, and 1 is odd"), 1;

    lutra_hits* hits;
    const int64_t* near_ids;
    if (lutra_range_search(index, x, 1, D, 0.5f, NULL, &hits) != LUTRA_OK) return failed("range search");
    printf("%d rows within a squared distance of 0.5\n", (int)lutra_hits_of(hits, 0, &near_ids, NULL));
    lutra_hits_free(hits);

    if (lutra_save(index, "10_c_api.index") != LUTRA_OK) return failed("save");
    if (lutra_load("10_c_api.index", &loaded) != LUTRA_OK) return failed("load");
    printf("loaded: %s, %d rows\n", lutra_describe(loaded), (int)lutra_ntotal(loaded));
    remove("10_c_api.index");

    /* What goes wrong is a code and a text that says what is accepted. */
    if (lutra_set(loaded, "nprobe=many") == LUTRA_OK) return 1;
    printf("refused: %s\n", lutra_last_error());
    lutra_free(index);
    lutra_free(loaded);
    return 0;
}
