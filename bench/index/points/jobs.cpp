// bench/index/points/jobs.cpp: see jobs.hpp.  SPDX-License-Identifier: MIT
#include "jobs.hpp"

#include "support/measure.hpp"
#include "support/memory.hpp"

#include <lutra/cluster/kmeans.hpp>
#include <lutra/cluster/minibatch_kmeans.hpp>
#include <lutra/cluster/two_level_kmeans.hpp>
#include <lutra/factory/index_factory.hpp>
#include <lutra/factory/search_params.hpp>
#include <lutra/io/vectors.hpp>

#include <algorithm>
#include <utility>

namespace points {

namespace {
using lutra_bench::memory_bytes;
using lutra_bench::seconds;

constexpr std::size_t kMostCalls = 50'000;

void check(const Status& status) {
    if (!status) throw Error(status);
}

AlignedVector<float> centroids_of(MatrixView x, const KMeansJob& job, const Resources& resources) {
    if (job.kind == "full") {
        const KMeansConfig config{.iterations = job.iterations, .seed = job.seed, .max_points_per_centroid = x.n};
        return lutra::kmeans(x, job.k, config, resources).value().centroids;
    }
    if (job.kind == "minibatch") {
        MiniBatchConfig config;
        config.batch = job.batch, config.seed = job.seed, config.max_no_improvement = 0;
        config.max_steps = std::max<std::size_t>(1, job.iterations * x.n / job.batch);
        return minibatch_kmeans(MatrixRows(x), job.k, config, resources).value().centroids;
    }
    if (job.kind != "two-level")
        throw Error(Status{Errc::bad_argument, "kind \"{}\"; full, minibatch and two-level are accepted", job.kind});
    TwoLevelConfig config;
    config.seed = job.seed;
    return two_level_kmeans(x, job.k, config, resources).value();
}

Index make_index(std::size_t d, const BuildJob& job) {
    for (const auto& [word, metric] :
         {std::pair("l2", Metric::l2), std::pair("ip", Metric::inner_product), std::pair("cosine", Metric::cosine)})
        if (job.metric == word) return index_factory(d, job.factory, metric).value();
    throw Error(Status{Errc::bad_argument, "metric \"{}\"; l2, ip and cosine are accepted", job.metric});
}

class CountingWriter final : public Writer {
public:
    Status write(const void*, std::size_t n) override { return bytes += n, Status{}; }
    std::size_t bytes = 0;
};

double saved_bytes(const Index& index) {
    CountingWriter out;
    check(index.save(out));
    return double(out.bytes);
}

/// The queries, and as many of the first ones again as a call may need past the end.
Rows tiled(MatrixView queries, std::size_t batch) {
    Rows rows{{}, queries.n + batch, queries.d};
    rows.values.resize(rows.n * rows.d);
    for (std::size_t i = 0; i < rows.n; ++i) std::copy_n(queries.row(i % queries.n), rows.d, rows.values.data() + i * rows.d);
    return rows;
}

/// The value below which a share of the values lies.
double percentile(std::vector<double>& values, double share) {
    const auto at = values.begin() + std::ptrdiff_t(share * double(values.size() - 1) + 0.5);
    std::nth_element(values.begin(), at, values.end());
    return *at;
}
}  // namespace

Rows load_rows(const std::string& path) {
    const VectorFile file = VectorFile::open(path).value();
    if (file.n() == 0) throw Error(Status{Errc::bad_argument, "{}: no rows; at least one is needed", path});
    Rows rows{AlignedVector<float>(file.n() * file.d()), file.n(), file.d()};
    check(file.read(0, rows.n, rows.values.data()));
    return rows;
}

void Bench::use_threads(std::size_t threads) {
    if (!pool_ || pool_->workers() != threads) pool_ = std::make_unique<ThreadPool>(threads);
}

Built Bench::build(const BuildJob& job) {
    index_.reset();
    use_threads(job.threads);
    const Rows base = load_rows(job.base);
    index_ = make_index(base.d, job);
    const Rows own_train = job.train.empty() ? Rows{} : load_rows(job.train);
    const MatrixView train = job.train.empty() ? base.view() : own_train.view();
    lutra_bench::forget_peak();
    const std::size_t before = memory_bytes("VmRSS");
    Built built{.n = base.n, .d = base.d, .nlist = index_->nlist()};
    if (!index_->is_trained()) built.train_s = seconds([&] { check(index_->train(train, resources())); });
    built.add_s = seconds([&] { check(index_->add(base.view(), resources())); });
    built.peak_bytes = memory_bytes("VmHWM") - std::min(before, memory_bytes("VmHWM"));
    built.bytes_per_vector = saved_bytes(*index_) / double(base.n);
    return built;
}

const Index& Bench::index() const {
    if (!index_) throw Error(Status{Errc::not_trained, "there is no index; build one first"});
    return *index_;
}

Measured Bench::measure(const MeasureJob& job, MatrixView queries) {
    if (job.k == 0) throw Error(Status{Errc::bad_argument, "k = 0; 1 or more is accepted"});
    const SearchParams params = parse_search_params(index(), job.params).value();
    const std::size_t batch = job.batch == 0 ? queries.n : job.batch;
    const Rows rows = tiled(queries, batch);
    Hits hits(batch, job.k);
    const auto search = [&](std::size_t first, std::size_t n) {
        return seconds([&] { check(index_->search(rows.view().rows(first, first + n), job.k, hits.view(), params, resources())); });
    };
    Measured m;
    double used = 0;
    while (m.answered < queries.n && (m.answered == 0 || used < job.seconds)) {
        const std::size_t n = std::min(batch, queries.n - m.answered);
        used += search(m.answered, n);
        m.ids.insert(m.ids.end(), hits.ids.begin(), hits.ids.begin() + std::ptrdiff_t(n * job.k));
        m.answered += n;
    }
    std::vector<double> times;
    for (used = 0; times.empty() || (times.size() < kMostCalls && used + times.back() < job.seconds); used += times.back())
        times.push_back(search(times.size() * batch % queries.n, batch));
    m.calls = times.size();
    m.p50_us = 1e6 * percentile(times, 0.5), m.p99_us = 1e6 * percentile(times, 0.99);
    m.batch_qps = 1e6 * double(batch) / m.p50_us;
    return m;
}

void Bench::prepare(const MeasureJob& job, Rows queries) {
    const SearchParams params = parse_search_params(index(), job.params).value();
    const std::size_t n = queries.n;
    prepared_ = {std::move(queries), params, Hits(n, job.k)};
}

double Bench::search_prepared() {
    const Prepared& p = prepared_;  // clang 14 captures no structured bindings
    const HitsView out = prepared_.hits.view();
    return seconds([&] { check(index().search(p.queries.view(), p.hits.k, out, p.params, resources())); });
}

Clustered Bench::kmeans(const KMeansJob& job) {
    use_threads(job.threads);
    if (clustered_file_ != job.base) clustered_ = load_rows(job.base), clustered_file_ = job.base;
    Clustered done;
    done.k = job.k, done.d = clustered_.d;
    done.seconds = seconds([&] { done.centroids = centroids_of(clustered_.view(), job, resources()); });
    return done;
}

std::vector<Id> exact_neighbours(const std::string& base, const std::string& metric, MatrixView queries, std::size_t k,
                                 std::size_t threads) {
    Bench bench;
    bench.build({.factory = "Flat", .metric = metric, .base = base, .train = {}, .threads = threads});
    return bench.measure({.params = {}, .batch = 0, .k = k, .seconds = 0}, queries).ids;
}

}  // namespace points
