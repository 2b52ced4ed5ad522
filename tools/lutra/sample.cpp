// tools/lutra/sample.cpp: lutra sample draws rows at random, without replacement.  SPDX-License-Identifier: MIT
#include "failure.hpp"
#include "flags.hpp"
#include "inputs.hpp"
#include "interrupt.hpp"
#include "json_line.hpp"
#include "outputs.hpp"
#include "progress_bar.hpp"
#include "text.hpp"
#include "values.hpp"
#include "verbs.hpp"

#include <lutra/core/random.hpp>

#include <fmt/core.h>

#include <memory>

namespace command {

namespace {
struct SampleFlags {
    std::vector<std::string> inputs;
    std::string output;
    std::size_t rows = 0;
    std::uint32_t seed = 1234;
    ReportFlags report;
};

void sample(const SampleFlags& flags) {
    const Interrupt interrupt;
    const Inputs inputs(flags.inputs);
    if (flags.rows > inputs.n())
        throw Error(Status{Errc::too_few_rows, "-n {}: there are {} rows; ask for at most as many", flags.rows, inputs.n()});
    check_not_input(flags.output, flags.inputs);
    RowFile file(flags.output, RowFile::Holds::vectors, flags.rows, inputs.d());
    const std::vector<std::size_t> rows = permutation(inputs.n(), flags.rows, flags.seed);
    ProgressBar bar(flags.report.quiet);
    for (std::size_t begin = 0; begin < rows.size(); begin += inputs.batch()) {
        bar.report("sample", begin, rows.size());
        const std::span some = std::span(rows).subspan(begin, std::min(inputs.batch(), rows.size() - begin));
        const AlignedVector<float> x = inputs.gather(some);
        inputs.check_finite({x.data(), some.size(), inputs.d()}, [&](std::size_t i) { return some[i]; });
        file.append(x.data(), some.size());
    }
    bar.report("sample", rows.size(), rows.size());
    file.commit();
    if (flags.report.json) print_json({{"path", flags.output}, {"n", flags.rows}, {"d", inputs.d()}, {"rows", inputs.n()}});
    if (!flags.report.is_text()) return;
    fmt::print("{} of {} rows of {} written to {}\n", with_commas(flags.rows), with_commas(inputs.n()), inputs.d(),
               printable(flags.output));
}
}  // namespace

Work add_sample(CLI::App& lutra) {
    const auto flags = std::make_shared<SampleFlags>();
    CLI::App* verb = lutra.add_subcommand("sample", "Draw rows at random, without replacement");
    add_inputs(verb, flags->inputs);
    verb->add_option("-n", flags->rows, "Rows to draw, 1 or more")->required()->transform(whole_number(1))->option_text("N");
    add_seed(verb, flags->seed, "the order");
    verb->add_option("-o,--output", flags->output, "The file to write: .npy (float32) or .fvecs")->required()->option_text("FILE");
    add_report(verb, flags->report);
    verb->footer(
        "Rows are written in the order of drawing, so -n as large as the inputs shuffles them. A larger -n with the same seed\n"
        "begins with the same rows. Inputs may be larger than memory.\n\n"
        "Example:\n  lutra sample -n 10000 --seed 7 -o some.npy 3_feature256/");
    return [flags] { sample(*flags); };
}

}  // namespace command
