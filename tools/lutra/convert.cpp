// tools/lutra/convert.cpp: lutra convert writes vectors or ids in another format, and joins several inputs into one file.
// SPDX-License-Identifier: MIT
#include "file_kind.hpp"
#include "flags.hpp"
#include "inputs.hpp"
#include "interrupt.hpp"
#include "json_line.hpp"
#include "outputs.hpp"
#include "progress_bar.hpp"
#include "text.hpp"
#include "verbs.hpp"

#include <fmt/core.h>

#include <memory>

namespace command {

namespace {
struct ConvertFlags {
    std::vector<std::string> inputs;
    std::string output;
    ReportFlags report;
};

void print_report(std::size_t n, std::size_t columns, const ConvertFlags& flags) {
    if (flags.report.json) print_json({{"path", flags.output}, {"n", n}, {"d", columns}});
    if (flags.report.is_text()) fmt::print("{} rows of {} written to {}\n", with_commas(n), columns, printable(flags.output));
}

void convert_vectors(const ConvertFlags& flags) {
    const Inputs inputs(flags.inputs);
    RowFile file(flags.output, RowFile::Holds::vectors, inputs.n(), inputs.d());
    ProgressBar bar(flags.report.quiet);
    inputs.for_batches(inputs.batch(), [&](std::size_t first, MatrixView x) {
        bar.report("convert", first, inputs.n());
        file.append(x.data, x.n);
    });
    bar.report("convert", inputs.n(), inputs.n());
    file.commit();
    print_report(inputs.n(), inputs.d(), flags);
}

void convert_ids(const ConvertFlags& flags) {
    IdRows all = read_id_rows(flags.inputs.front()).value();
    for (std::size_t i = 1; i < flags.inputs.size(); ++i) {
        const IdRows more = read_id_rows(flags.inputs[i]).value();
        if (more.k != all.k)
            throw Error(Status{Errc::bad_argument, "{} has {} columns, {} has {}; all inputs must have the same",
                               path_text(flags.inputs[i]), more.k, path_text(flags.inputs.front()), all.k});
        all.n += more.n;
        all.ids.insert(all.ids.end(), more.ids.begin(), more.ids.end());
    }
    RowFile file(flags.output, RowFile::Holds::ids, all.n, all.k);
    file.append(all.ids.data(), all.n);
    file.commit();
    print_report(all.n, all.k, flags);
}

void convert(const ConvertFlags& flags) {
    const Interrupt interrupt;
    check_not_input(flags.output, flags.inputs);
    kind_of(flags.inputs.front()) == FileKind::ids ? convert_ids(flags) : convert_vectors(flags);
}
}  // namespace

Work add_convert(CLI::App& lutra) {
    const auto flags = std::make_shared<ConvertFlags>();
    CLI::App* verb = lutra.add_subcommand("convert", "Write vectors or ids in another format, or join files into one");
    add_inputs(verb, flags->inputs);
    verb->add_option("-o,--output", flags->output, "Vectors: .npy (float32) or .fvecs; ids: .npy (int64) or .ivecs")
        ->required()
        ->option_text("FILE");
    add_report(verb, flags->report);
    verb->footer(
        "Inputs are all vectors, or all ids (.ivecs .ibin .npy). Vectors may be larger than memory; ids are held in it.\n\n"
        "Example:\n  lutra convert features/ more.bvecs -o base.fvecs");
    return [flags] { convert(*flags); };
}

}  // namespace command
