// tools/lutra/dedup.cpp: lutra dedup keeps the first of rows that are equal, or nearer than a threshold.
// Main path: dedup() -> rows of equal values by hash -> if asked for near ones, each batch against the rows kept so far and
// against itself -> the kept rows are read again and written.  SPDX-License-Identifier: MIT
#include "failure.hpp"
#include "flags.hpp"
#include "index_file.hpp"
#include "inputs.hpp"
#include "interrupt.hpp"
#include "json_line.hpp"
#include "outputs.hpp"
#include "progress_bar.hpp"
#include "stopwatch.hpp"
#include "text.hpp"
#include "values.hpp"
#include "verbs.hpp"

#include <lutra/core/hits.hpp>
#include <lutra/kernels/distance.hpp>
#include <lutra/parallel/threads.hpp>

#include <fmt/core.h>

#include <cstring>
#include <memory>
#include <string_view>
#include <unordered_map>

namespace command {

namespace {
struct DedupFlags {
    std::vector<std::string> inputs;
    std::string output;
    float threshold = 0;
    std::size_t threads = 1;
    ReportFlags report;
};

/// Rows seen so far, by their values. -0 equals 0.
class EqualRows {
public:
    explicit EqualRows(const Inputs& inputs) : inputs_(inputs), other_(inputs.d()) {}

    /// False if a row of these values [d] was added before.
    bool add(std::size_t row, float* values) {
        for (std::size_t t = 0; t < inputs_.d(); ++t) values[t] += 0.F;
        const std::string_view bytes(reinterpret_cast<const char*>(values), inputs_.d() * sizeof(float));
        const auto [begin, end] = rows_.equal_range(std::hash<std::string_view>{}(bytes));
        for (auto same = begin; same != end; ++same) {
            inputs_.read(same->second, same->second + 1, other_.data());
            if (std::equal(other_.begin(), other_.end(), values)) return false;
        }
        rows_.emplace(std::hash<std::string_view>{}(bytes), row);
        return true;
    }

private:
    const Inputs& inputs_;
    std::unordered_multimap<std::size_t, std::size_t> rows_;  // hash -> row: rows are compared in the file, not kept
    std::vector<float> other_;
};

/// Rows kept so far, in memory, and whether another is near one of them.
class NearRows {
public:
    NearRows(std::size_t d, float threshold, const Executor& executor)
        : kept_(make_index(d, "Flat", Metric::l2)), squared_(threshold * threshold), resources_{executor, &workspace_, {}} {}

    /// The numbers, among x [n, d], of the rows that stay; these are kept.
    std::vector<std::size_t> keep(MatrixView x) {
        std::vector<bool> near(x.n, false);
        if (kept_.ntotal() != 0) {
            const Hits hits = search(kept_, x, 1, {}, resources_).value();
            for (std::size_t i = 0; i < x.n; ++i) near[i] = hits.distances[i] <= squared_;
        }
        std::vector<std::size_t> stay;
        AlignedVector<float> rows;
        for (std::size_t i = 0; i < x.n; ++i) {
            if (near[i] || near_one_of(rows, x.row(i), x.d)) continue;
            stay.push_back(i);
            rows.insert(rows.end(), x.row(i), x.row(i) + x.d);
        }
        check(kept_.add({rows.data(), stay.size(), x.d}, resources_));
        return stay;
    }

private:
    bool near_one_of(const AlignedVector<float>& rows, const float* row, std::size_t d) {
        distances_.resize(rows.size() / d);
        score_rows(Metric::l2, row, rows.data(), distances_.size(), d, distances_.data());
        return std::any_of(distances_.begin(), distances_.end(), [this](float distance) { return distance <= squared_; });
    }

    Index kept_;
    float squared_;
    Workspace workspace_;
    Resources resources_;
    std::vector<float> distances_;
};

struct Found {
    std::vector<std::size_t> kept;
    std::size_t equal = 0, near = 0;
};

Found find(const DedupFlags& flags, const Inputs& inputs) {
    Found found;
    ThreadPool pool(flags.threads);
    EqualRows equal(inputs);
    NearRows near(inputs.d(), flags.threshold, pool.executor());
    ProgressBar bar(flags.report.quiet);
    inputs.for_batches(std::min<std::size_t>(inputs.batch(), 2048), [&](std::size_t first, MatrixView x) {
        bar.report("dedup", first, inputs.n());
        inputs.check_finite(x, [&](std::size_t i) { return first + i; });
        AlignedVector<float> fresh, values(x.d);
        std::vector<std::size_t> numbers;
        for (std::size_t i = 0; i < x.n; ++i) {
            std::copy_n(x.row(i), x.d, values.data());
            if (!equal.add(first + i, values.data())) continue;
            numbers.push_back(first + i);
            fresh.insert(fresh.end(), values.begin(), values.end());
        }
        found.equal += x.n - numbers.size();
        if (flags.threshold == 0 || numbers.empty())
            return void(found.kept.insert(found.kept.end(), numbers.begin(), numbers.end()));
        const std::vector<std::size_t> stay = near.keep({fresh.data(), numbers.size(), x.d});
        for (const std::size_t i : stay) found.kept.push_back(numbers[i]);
        found.near += numbers.size() - stay.size();
    });
    bar.report("dedup", inputs.n(), inputs.n());
    return found;
}

void write(const DedupFlags& flags, const Inputs& inputs, const std::vector<std::size_t>& rows) {
    RowFile file(flags.output, RowFile::Holds::vectors, rows.size(), inputs.d());
    for (std::size_t begin = 0; begin < rows.size(); begin += inputs.batch()) {
        const std::span some = std::span(rows).subspan(begin, std::min(inputs.batch(), rows.size() - begin));
        file.append(inputs.gather(some).data(), some.size());
    }
    file.commit();
}

void dedup(const DedupFlags& flags) {
    const Interrupt interrupt;
    const Inputs inputs(flags.inputs);
    check_not_input(flags.output, flags.inputs);
    RowFile(flags.output, RowFile::Holds::vectors, 0, inputs.d());  // now: a folder that is missing must not cost the search
    const Stopwatch watch;
    const Found found = find(flags, inputs);
    write(flags, inputs, found.kept);
    if (flags.report.json)
        print_json({{"path", flags.output},
                    {"n", found.kept.size()},
                    {"d", inputs.d()},
                    {"rows", inputs.n()},
                    {"equal", found.equal},
                    {"near", found.near},
                    {"seconds", json_measured(watch.seconds())}});
    if (!flags.report.is_text()) return;
    fmt::print("{} of {} rows kept in {}, written to {}: {} equal to an earlier one", with_commas(found.kept.size()),
               with_commas(inputs.n()), seconds_text(watch.seconds()), printable(flags.output), with_commas(found.equal));
    if (flags.threshold > 0) fmt::print(", {} more within {} of one that was kept", with_commas(found.near), flags.threshold);
    fmt::print("\n");
}
}  // namespace

Work add_dedup(CLI::App& lutra) {
    const auto flags = std::make_shared<DedupFlags>();
    CLI::App* verb = lutra.add_subcommand("dedup", "Drop rows that are equal, or nearly equal, to an earlier one");
    add_inputs(verb, flags->inputs);
    verb->add_option("--threshold", flags->threshold, "L2 distance up to which rows are duplicates; default: 0, equal rows only")
        ->transform(number(0))
        ->option_text("X");
    add_threads(verb, flags->threads);
    verb->add_option("-o,--output", flags->output, "The file to write: .npy (float32) or .fvecs")->required()->option_text("FILE");
    add_report(verb, flags->report);
    verb->footer(
        "Of duplicates the first is kept, in the order of the inputs; a row is compared with kept rows only. Equal rows are found\n"
        "in one pass; with a threshold every row is compared with all kept rows, which are held in memory.\n\n"
        "Example:\n  lutra dedup --threshold 0.5 -o unique.npy 3_feature256/");
    return [flags] { dedup(*flags); };
}

}  // namespace command
