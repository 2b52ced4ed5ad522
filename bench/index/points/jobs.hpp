// bench/index/points/jobs.hpp: what bench_index_points can do: build an index, measure an operating point, cluster.
// main.cpp asks for it from the command line, serve.cpp by lines of JSON.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/core/hits.hpp>
#include <lutra/factory/index.hpp>
#include <lutra/parallel/threads.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace points {
using namespace lutra;

/// Rows of a file or folder as floats [n, d].
struct Rows {
    AlignedVector<float> values;
    std::size_t n = 0, d = 0;

    MatrixView view() const { return {values.data(), n, d}; }
};
Rows load_rows(const std::string& path);

struct BuildJob {
    std::string factory, metric = "l2";  ///< metric: l2, ip or cosine
    std::string base, train;             ///< files; train may be empty: the base
    std::size_t threads = 1;
};

struct Built {
    std::size_t n = 0, d = 0, nlist = 0;
    double train_s = 0, add_s = 0;
    std::size_t peak_bytes = 0;   ///< most memory while training and adding, less what was there with the vectors loaded
    double bytes_per_vector = 0;  ///< of the saved index
};

/// Searches in one call each, cut from the queries in order and over again.
struct MeasureJob {
    std::string params;     ///< "nprobe=8,k_factor=1"; empty: the index's own
    std::size_t batch = 0;  ///< queries a call; 0: all
    std::size_t k = 10;
    double seconds = 1;  ///< of timed calls; the pass before them, untimed, takes about as long at most
};

struct Measured {
    std::vector<Id> ids;  ///< [answered, k] the first queries' answers, from the untimed pass
    std::size_t answered = 0, calls = 0;
    double batch_qps = 0, p50_us = 0, p99_us = 0;  ///< of a call; the rate is that of the median call
};

struct KMeansJob {
    std::string base;
    std::size_t k = 0, iterations = 25, threads = 1;
    std::uint32_t seed = 1234;
    std::string kind = "full";  ///< or "minibatch" (iterations: passes over the rows), or "two-level" (iterations do not matter)
    std::size_t batch = 1024;   ///< rows of a step of minibatch
};

struct Clustered {
    AlignedVector<float> centroids;  ///< [k, d]
    std::size_t k = 0, d = 0;
    double seconds = 0;
};

/// One index and the threads it works with. What goes wrong throws Error.
class Bench {
public:
    /// Frees the index of the last job first.
    Built build(const BuildJob& job);
    /// After build(), as all that follows but kmeans().
    const Index& index() const;
    Measured measure(const MeasureJob& job, MatrixView queries);
    /// In three steps, so that only the second needs timing: queries ready, all of them searched in one call, the answers.
    void prepare(const MeasureJob& job, Rows queries);
    double search_prepared();                                     ///< seconds
    const Hits& prepared_hits() const { return prepared_.hits; }  ///< of the last search
    /// All rows take part. The rows are loaded once and kept.
    Clustered kmeans(const KMeansJob& job);

private:
    void use_threads(std::size_t threads);
    Resources resources() { return {pool_->executor(), &workspace_, {}}; }

    struct Prepared {
        Rows queries;
        SearchParams params;
        Hits hits;
    };

    std::unique_ptr<ThreadPool> pool_;
    Workspace workspace_;
    std::optional<Index> index_;
    Prepared prepared_;
    std::string clustered_file_;
    Rows clustered_;
};

/// The k true neighbours of each query: exact search in rows of the file.
std::vector<Id> exact_neighbours(const std::string& base, const std::string& metric, MatrixView queries, std::size_t k,
                                 std::size_t threads);

}  // namespace points
