// bench/index/list_order.cpp: recall and rows visited under inner product, for several orders of the lists; no codes, no times.
// SPDX-License-Identifier: MIT
//   list_order BASE QUERIES [nlist = 1024] [queries = 2000]      any file of vectors that lutra reads
//
// Reach r: lists by <q, c> + r |q| rms / sqrt(d) (coarse/list_order.hpp); the last but one line takes for r what the best of n
// normal numbers has, sqrt(2 ln(n + 1)), n the rows of the list; the last one is a partition by direction, as faiss makes it:
// centroids of length 1, rows to the largest <x, c>, lists by <q, c>.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <lutra/cluster/kmeans.hpp>
#include <lutra/factory/index_factory.hpp>
#include <lutra/io/vectors.hpp>
#include <lutra/kernels/nearest.hpp>
#include <lutra/kernels/normalize.hpp>
#include <numeric>
#include <vector>

namespace {

using namespace lutra;

AlignedVector<float> read_rows(const char* path, std::size_t most, std::size_t& n, std::size_t& d) {
    const VectorFile file = VectorFile::open(path).value();
    n = std::min(file.n(), most), d = file.d();
    AlignedVector<float> rows(n * d);
    if (const Status status = file.read(0, n, rows.data()); !status.ok()) throw Error(status);
    return rows;
}

struct Partition {
    AlignedVector<float> centroids;
    std::vector<std::size_t> list_of, size;  // of each row; of each list
    std::vector<double> rms;                 // of each list
};

Partition part(MatrixView x, std::size_t nlist, bool by_direction) {
    KMeansConfig config{.iterations = 10};
    if (by_direction) config.metric = Metric::inner_product, config.spherical = true;
    Partition p{kmeans(x, nlist, config).value().centroids, {}, std::vector<std::size_t>(nlist), std::vector<double>(nlist)};
    const Centroids centroids(config.metric, p.centroids, nlist, x.d);
    std::vector<std::int32_t> lists(x.n);
    Arena arena;
    nearest(best{}, x, centroids.view(), arena, lists.data(), nullptr);
    p.list_of.assign(lists.begin(), lists.end());
    for (std::size_t i = 0; i < x.n; ++i) {
        const std::size_t l = p.list_of[i];
        ++p.size[l], p.rms[l] += double(score_row(Metric::l2, x.row(i), centroids.row(l), x.d));
    }
    for (std::size_t l = 0; l < nlist; ++l) p.rms[l] = std::sqrt(p.rms[l] / double(std::max<std::size_t>(1, p.size[l])));
    return p;
}

/// One line: for each number of lists visited, rows visited and the share of the ten largest inner products that are among them.
void print_line(const char* name, const Partition& p, MatrixView q, const std::vector<Id>& truth,
                const std::function<double(std::size_t)>& reach) {
    const std::size_t nlist = p.size.size(), probes[] = {8, 16, 32, 64};
    std::vector<std::vector<double>> score(q.n, std::vector<double>(nlist));
    std::printf("%-24s", name);
    for (const std::size_t nprobe : probes) {
        double rows = 0, found = 0;
        for (std::size_t i = 0; i < q.n; ++i) {
            const double scale = double(length(q.row(i), q.d)) / std::sqrt(double(q.d));
            std::vector<std::size_t> order(nlist), rank(nlist);
            for (std::size_t l = 0; l < nlist; ++l)
                score[i][l] = double(score_row(Metric::inner_product, q.row(i), p.centroids.data() + l * q.d, q.d)) -
                              reach(l) * scale * p.rms[l];
            std::iota(order.begin(), order.end(), std::size_t{0});
            std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return score[i][a] < score[i][b]; });
            for (std::size_t j = 0; j < nlist; ++j) rank[order[j]] = j;
            for (std::size_t j = 0; j < std::min(nprobe, nlist); ++j) rows += double(p.size[order[j]]);
            for (std::size_t j = 0; j < 10; ++j) found += rank[p.list_of[std::size_t(truth[i * 10 + j])]] < nprobe;
        }
        std::printf("  %.4f at %6.0f", found / double(q.n) / 10, rows / double(q.n));
    }
    std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return std::fprintf(stderr, "usage: list_order BASE QUERIES [nlist] [queries]\n"), 2;
    const auto arg = [&](int i, std::size_t otherwise) {
        return argc > i ? std::size_t(std::strtoull(argv[i], nullptr, 10)) : otherwise;
    };
    std::size_t n = 0, d = 0, nq = 0, dq = 0;
    const AlignedVector<float> base = read_rows(argv[1], ~std::size_t{0}, n, d), queries = read_rows(argv[2], arg(4, 2000), nq, dq);
    const MatrixView x{base.data(), n, d}, q{queries.data(), nq, dq};
    const std::size_t nlist = arg(3, 1024);
    Index flat = index_factory(d, "Flat", Metric::inner_product).value();
    if (!flat.add(x).ok()) return 1;
    const std::vector<Id> truth = search(flat, q, 10).value().ids;

    const Partition by_length = part(x, nlist, false);
    std::printf("recall@10 at rows visited, in 8, 16, 32 and 64 of %zu lists\n", nlist);
    for (const double reach : {0.0, 1.0, 2.0, 3.0}) {
        const std::string name = "reach " + std::to_string(int(reach));
        print_line(name.c_str(), by_length, q, truth, [=](std::size_t) { return reach; });
    }
    print_line("reach of the best of n", by_length, q, truth,
               [&](std::size_t l) { return std::sqrt(2 * std::log(double(by_length.size[l] + 1))); });
    print_line("by direction", part(x, nlist, true), q, truth, [](std::size_t) { return 0.0; });
}
