// bench/index/ivf_flat.cpp: IVF,Flat beside the machine's limits, in one run: memory for lone queries, arithmetic for batches,
// one thread and two for train and add.  SPDX-License-Identifier: MIT
//   ivf_flat [n = 1000000] [d = 128] [nlist = 1024]
#include "support/measure.hpp"
#include "support/peaks.hpp"

#include <cstdio>
#include <cstdlib>
#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/encodings/flat/flat.hpp>
#include <lutra/ivf/ivf.hpp>
#include <lutra/lutra.hpp>
#include <lutra/parallel/threads.hpp>
#include <numeric>
#include <vector>

namespace {

using namespace lutra;
using namespace lutra_bench;

// Rows around 1,000 centres: lists of unequal size, as real data has.
AlignedVector<float> clustered_rows(std::size_t n, std::size_t d, std::uint32_t seed) {
    Rng centres(1), rng(seed);
    const std::vector<float> centre = centres.normal(1000 * d);
    AlignedVector<float> x(n * d);
    for (std::size_t i = 0; i < n; ++i) {
        const float* c = centre.data() + rng.below(1000) * d;
        for (std::size_t t = 0; t < d; ++t) x[i * d + t] = c[t] + rng.uniform() - 0.5F;
    }
    return x;
}

void scaling(MatrixView x, const std::string& spec) {
    ThreadPool pool(2);
    const Resources one, two{.executor = pool.executor()};
    const MatrixView sample = x.rows(0, std::min<std::size_t>(x.n, 65536));
    Index a = index_factory(x.d, spec).value(), b = index_factory(x.d, spec).value();
    const auto train = alternate(3, {[&] { a.train(sample, one).ok(); }, [&] { b.train(sample, two).ok(); }});
    const MatrixView rows = x.rows(0, std::min<std::size_t>(x.n, 200000));
    const auto add = alternate(3, {[&] { a.reset(), a.add(rows, one).ok(); }, [&] { b.reset(), b.add(rows, two).ok(); }});
    std::printf("train %zu rows: 1 thread %.2f s, 2 threads %.2f s: x%.2f\n", sample.n, train[0], train[1], train[0] / train[1]);
    std::printf("add %zu rows:   1 thread %.2f s, 2 threads %.2f s: x%.2f\n", rows.n, add[0], add[1], add[0] / add[1]);
}

// Rows in the nprobe lists of each query, all together.
std::size_t rows_visited(const Ivf<FlatCoarse, Flat>& index, MatrixView q, std::size_t nprobe) {
    Arena arena;
    std::vector<Id> lists(q.n * nprobe);
    index.coarse().probe(q, nprobe, lists.data(), nullptr, arena);
    std::size_t n = 0;
    for (const Id list : lists) n += index.lists().size(std::size_t(list));
    return n;
}

}  // namespace

int main(int argc, char** argv) {
    const auto arg = [&](int i, std::size_t otherwise) {
        return argc > i ? std::size_t(std::strtoull(argv[i], nullptr, 10)) : otherwise;
    };
    const std::size_t n = arg(1, 1000000), d = arg(2, 128), nlist = arg(3, 1024), nq = 2000, k = 10;
    const AlignedVector<float> base = clustered_rows(n, d, 2), queries = clustered_rows(nq, d, 3);
    const MatrixView x{base.data(), n, d}, q{queries.data(), nq, d};
    const std::string spec = "IVF" + std::to_string(nlist) + ",Flat";
    std::printf("%s, n = %zu, d = %zu, %.*s\n", spec.c_str(), n, d, int(isa_name().size()), isa_name().data());
    scaling(x, spec);

    Ivf index(d, Metric::l2, nlist, FlatCoarse{}, Flat(d));  // typed, so that its lists can be looked at
    index.train(x.rows(0, std::min(n, 64 * nlist))).ok();
    index.add(x).ok();
    Workspace workspace;
    const Resources resources{.workspace = &workspace};
    Hits hits(nq, k);

    // Lone queries, every list: the bytes a scan reads of each row. Beside it, a plain read of as many bytes.
    const std::span<const std::uint64_t> memory(reinterpret_cast<const std::uint64_t*>(base.data()), n * d / 2);
    const InvertedLists& lists = index.lists();
    const std::size_t row_bytes = lists.block_bytes() != 0 ? lists.block_bytes() / lists.block() : lists.row_bytes();
    const double bytes = double(n * row_bytes);
    const auto scan = alternate(5, {[&] { read_all(memory.first(n * row_bytes / 8)); },
                                    [&] { index.search(q.rows(0, 1), k, hits.view(), {.nprobe = nlist}, resources).ok(); }});
    std::printf("scan of all lists, %zu bytes a row: %.1f GB/s; plain read %.1f GB/s: %.2f of it\n", row_bytes,
                bytes / scan[1] / 1e9, bytes / scan[0] / 1e9, scan[0] / scan[1]);

    // One list: a query reads the centroids and one list. Beside it, a plain read of as many bytes, at other places each time.
    const std::size_t n_lone = 500;
    const auto words_of = [&](std::size_t i) {
        return (nlist * d * sizeof(float) + rows_visited(index, q.rows(i, i + 1), 1) * row_bytes) / 8;
    };
    std::vector<std::size_t> words(n_lone);
    for (std::size_t i = 0; i < n_lone; ++i) words[i] = words_of(i);
    const auto lone = alternate(5, {[&] {
                                        for (std::size_t i = 0; i < n_lone; ++i)
                                            read_all(memory.subspan(i * 7919 * 64 % (memory.size() - words[i]), words[i]));
                                    },
                                    [&] {
                                        for (std::size_t i = 0; i < n_lone; ++i)
                                            index.search(q.rows(i, i + 1), k, hits.view(), {.nprobe = 1}, resources).ok();
                                    }});
    const double kilobytes = double(std::accumulate(words.begin(), words.end(), std::size_t{0})) * 8 / 1024 / double(n_lone);
    std::printf("one query, nprobe 1: %.1f us; plain read of its %.0f KB %.1f us: x%.2f\n", lone[1] / double(n_lone) * 1e6,
                kilobytes, lone[0] / double(n_lone) * 1e6, lone[1] / lone[0]);

#if !defined(LUTRA_SCALAR_ONLY)
    // A batch, 32 lists each: the multiply-adds of all pairs. Beside it, as many in registers.
    const double flops = 2.0 * double(d) * (double(nq * nlist) + double(rows_visited(index, q, 32)));
    const std::size_t rounds = std::size_t(flops / kFlopsPerRound<best>);
    const auto batch = alternate(
        3, {[&] { multiply_add<best>(rounds); }, [&] { index.search(q, k, hits.view(), {.nprobe = 32}, resources).ok(); }});
    std::printf("batch of %zu, nprobe 32: %.0f queries/s, %.1f us each; %.1f GFLOP/s, peak %.1f: %.2f of it\n", nq,
                double(nq) / batch[1], batch[1] / double(nq) * 1e6, flops / batch[1] / 1e9, flops / batch[0] / 1e9,
                batch[0] / batch[1]);
#endif
}
