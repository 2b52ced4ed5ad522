// tools/lutra/compress.cpp: lutra compress replaces many vectors by few: the centroids of their clusters.
// Main path: compress() -> by batches from the files, or by k-means of a sample in memory -> RowFile.  SPDX-License-Identifier: MIT
#include "failure.hpp"
#include "flags.hpp"
#include "inputs.hpp"
#include "interrupt.hpp"
#include "json_line.hpp"
#include "outputs.hpp"
#include "progress_bar.hpp"
#include "stopwatch.hpp"
#include "text.hpp"
#include "values.hpp"
#include "verbs.hpp"

#include <lutra/cluster/kmeans.hpp>
#include <lutra/cluster/minibatch_kmeans.hpp>
#include <lutra/cluster/two_level_kmeans.hpp>
#include <lutra/parallel/threads.hpp>

#include <fmt/core.h>

#include <memory>

namespace command {

namespace {
constexpr std::size_t kRowsPerCentroid = 256;  // more are sampled, unless in batches
constexpr std::size_t kLeastForTwoLevels = 1000;

enum class Algorithm { automatic, minibatch, kmeans };

struct CompressFlags {
    std::vector<std::string> inputs;
    std::string output;
    std::size_t centroids = 0, batch = 0, threads = 1;
    std::uint32_t seed = 1234;
    Algorithm algorithm = Algorithm::automatic;
    Seeding seeding = Seeding::random;
    ReportFlags report;
    std::vector<CLI::Option*> of_batches;  // flags that only --algorithm minibatch has a use for
};

/// The inputs, a batch at a time, for minibatch_kmeans().
class BatchedInputs {
public:
    explicit BatchedInputs(const Inputs& inputs) : inputs_(inputs) {}
    std::size_t n() const { return inputs_.n(); }
    std::size_t d() const { return inputs_.d(); }
    Status gather(std::span<const std::size_t> rows, float* out) const {
        const AlignedVector<float> x = inputs_.gather(rows);
        inputs_.check_finite({x.data(), rows.size(), d()}, [&](std::size_t i) { return rows[i]; });
        std::copy(x.begin(), x.end(), out);
        return {};
    }

private:
    const Inputs& inputs_;
};

struct Centroids {
    AlignedVector<float> rows;
    std::string how;
};

Centroids by_batches(const CompressFlags& flags, const Inputs& inputs, const Resources& resources) {
    MiniBatchConfig config;
    if (flags.batch != 0) config.batch = flags.batch;
    config.seeding = flags.seeding, config.seed = flags.seed, config.stage = "compress";
    MiniBatchKMeans made = minibatch_kmeans(BatchedInputs(inputs), flags.centroids, config, resources).value();
    return {std::move(made.centroids), fmt::format("{} batches of {} rows", with_commas(made.steps), with_commas(config.batch))};
}

Centroids by_full_kmeans(const CompressFlags& flags, MatrixView x, const Resources& resources) {
    KMeansConfig config;
    config.seed = flags.seed, config.stage = "compress";
    return {kmeans(x, flags.centroids, config, resources).value().centroids, "k-means"};
}

Centroids on_two_levels(const CompressFlags& flags, MatrixView x, const Resources& resources) {
    TwoLevelConfig config;
    config.seed = flags.seed, config.stage = "compress";
    return {two_level_kmeans(x, flags.centroids, config, resources).value(), "k-means on two levels"};
}

/// All rows, or a sample as large as k-means uses, in a random order.
Centroids in_memory(const CompressFlags& flags, const Inputs& inputs, const Resources& resources) {
    const std::size_t most = flags.centroids > inputs.n() / kRowsPerCentroid ? inputs.n() : flags.centroids * kRowsPerCentroid;
    const std::vector<std::size_t> rows = permutation(inputs.n(), most, flags.seed);
    const AlignedVector<float> sample = inputs.gather(rows);
    const MatrixView x{sample.data(), most, inputs.d()};
    inputs.check_finite(x, [&](std::size_t i) { return rows[i]; });
    const bool full = flags.algorithm == Algorithm::kmeans || flags.centroids < kLeastForTwoLevels;
    Centroids made = full ? by_full_kmeans(flags, x, resources) : on_two_levels(flags, x, resources);
    if (most < inputs.n()) made.how += fmt::format(" of {} rows", with_commas(most));
    return made;
}

void compress(const CompressFlags& flags) {
    const Interrupt interrupt;
    for (const CLI::Option* option : flags.of_batches)
        if (option->count() != 0 && flags.algorithm != Algorithm::minibatch)
            throw BadUsage(Status{Errc::bad_argument, "{} has no effect: only --algorithm minibatch uses it", option->get_name()});
    const Inputs inputs(flags.inputs);
    if (flags.centroids > inputs.n())
        throw Error(
            Status{Errc::too_few_rows, "-n {}: there are {} rows; ask for at most as many centroids", flags.centroids, inputs.n()});
    check_not_input(flags.output, flags.inputs);
    RowFile file(flags.output, RowFile::Holds::vectors, flags.centroids, inputs.d());
    ThreadPool pool(flags.threads);
    ProgressBar bar(flags.report.quiet);
    const Resources resources{pool.executor(), nullptr, Progress(bar)};
    const Stopwatch watch;
    const Centroids made =
        flags.algorithm == Algorithm::minibatch ? by_batches(flags, inputs, resources) : in_memory(flags, inputs, resources);
    file.append(made.rows.data(), flags.centroids);
    file.commit();
    if (flags.report.json)
        print_json({{"path", flags.output},
                    {"n", flags.centroids},
                    {"d", inputs.d()},
                    {"rows", inputs.n()},
                    {"by", made.how},
                    {"seconds", json_measured(watch.seconds())}});
    if (!flags.report.is_text()) return;
    fmt::print("{} rows of {} compressed to {} by {} in {}, written to {}\n", with_commas(inputs.n()), inputs.d(),
               with_commas(flags.centroids), made.how, seconds_text(watch.seconds()), printable(flags.output));
}
}  // namespace

Work add_compress(CLI::App& lutra) {
    const auto flags = std::make_shared<CompressFlags>();
    CLI::App* verb = lutra.add_subcommand("compress", "Replace many vectors by few: the centroids of their clusters");
    add_inputs(verb, flags->inputs);
    verb->add_option("-n", flags->centroids, "Centroids to make, 1 or more")
        ->required()
        ->transform(whole_number(1, std::size_t{1} << 31))
        ->option_text("N");
    add_choice<Algorithm>(verb, "--algorithm", flags->algorithm,
                          {{"auto", Algorithm::automatic}, {"kmeans", Algorithm::kmeans}, {"minibatch", Algorithm::minibatch}},
                          "auto (default): k-means, on two levels from 1,000 centroids on; kmeans; minibatch");
    flags->of_batches = {
        add_choice<Seeding>(verb, "--init", flags->seeding,
                            {{"random", Seeding::random}, {"k-means++", Seeding::kmeans_plus_plus}, {"afk-mc2", Seeding::afk_mc2}},
                            "minibatch: the first centroids: random (default), k-means++, afk-mc2"),
        verb->add_option("--batch", flags->batch, "minibatch: rows of a batch; default: 1,024")
            ->transform(whole_number(1, std::size_t{1} << 31))
            ->option_text("N")};
    add_threads(verb, flags->threads);
    add_seed(verb, flags->seed, "all random choices");
    verb->add_option("-o,--output", flags->output, "The file of centroids to write: .npy (float32) or .fvecs")
        ->required()
        ->option_text("FILE");
    add_report(verb, flags->report);
    verb->footer(
        "auto and kmeans hold up to 256 n random rows in memory. minibatch holds a batch and a sample, whatever the size "
        "of\n"
        "the inputs, and its result depends on the size of a batch.\n\n"
        "Example:\n  lutra compress -n 10000 -o centroids.npy 3_feature256/");
    return [flags] { compress(*flags); };
}

}  // namespace command
