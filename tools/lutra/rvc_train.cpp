// tools/lutra/rvc_train.cpp: lutra rvc-train makes the three files that RVC looks for from a folder of voice features.
// Main path: rvc_train() -> features(): joined, shuffled, compressed -> total_fea.npy -> train -> trained_*.index -> add ->
// added_*.index -> a link to it where RVC looks.  SPDX-License-Identifier: MIT
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
#include "verbs.hpp"

#include <lutra/cluster/two_level_kmeans.hpp>
#include <lutra/core/random.hpp>
#include <lutra/io/temporary_file.hpp>
#include <lutra/parallel/threads.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>

namespace command {

namespace {
namespace fs = std::filesystem;

constexpr std::size_t kMostRows = 200'000, kCentroids = 10'000;  // more rows than these are compressed to so many
constexpr std::size_t kRowsPerList = 39;

struct RvcFlags {
    std::string folder, output, name;
    bool fast = false, guide_nprobe = false;
    std::size_t threads = 1;
    std::uint32_t seed = 1234;
    ReportFlags report;
};

struct Files {
    std::string total, trained, added;
    std::string link;  ///< to `added`, or "" outside a folder of RVC
};

std::size_t lists_for(std::size_t n) {
    return std::max<std::size_t>(1, std::min(std::size_t(16 * std::sqrt(double(n))), n / kRowsPerList));
}

/// The version of RVC, by the columns of its HuBERT features.
std::string version_of(const Inputs& inputs) {
    if (inputs.d() == 256) return "v1";
    if (inputs.d() == 768) return "v2";
    throw Error(Status{Errc::bad_argument, "{} has {} columns; accepted: features of 256 (v1) or 768 (v2)",
                       path_text(inputs.path()), inputs.d()});
}

/// The folder of the voice, as RVC has it: the parent of the folder of features.
fs::path voice_folder(const std::string& features) {
    const fs::path path = fs::absolute(features).lexically_normal();
    return (path.has_filename() ? path : path.parent_path()).parent_path();
}

/// The folder where RVC looks for the indexes of its voices, if `voice` is logs/NAME of an RVC folder, or "".
fs::path indices_folder(const fs::path& voice) {
    const fs::path logs = fs::absolute(voice / "").lexically_normal().parent_path().parent_path();
    const fs::path indices = logs.parent_path() / "assets" / "indices";
    std::error_code ignored;
    return logs.filename() == "logs" && fs::is_directory(indices, ignored) ? indices : fs::path();
}

Files file_names(const RvcFlags& flags, const Index& index, const std::string& version) {
    const fs::path folder = flags.output.empty() ? voice_folder(flags.folder) : fs::path(flags.output);
    std::string spec = index.spec();
    std::replace(spec.begin(), spec.end(), ',', '_');
    const std::string name = flags.name.empty() ? voice_folder(flags.folder).filename().string() : flags.name;
    const std::string end = fmt::format("{}_nprobe_{}_{}_{}.index", spec, index.nprobe(), name, version);
    const fs::path indices = indices_folder(folder);
    const std::string link = indices.empty() ? "" : (indices / fmt::format("{}_{}", name, end)).string();
    return {(folder / "total_fea.npy").string(), (folder / ("trained_" + end)).string(), (folder / ("added_" + end)).string(),
            link};
}

Index index_for(const RvcFlags& flags, std::size_t n, std::size_t d) {
    const std::size_t nlist = lists_for(n);
    const std::string codes = flags.fast ? fmt::format("PQ{}x4fs,RFlat", d / 2) : "Flat";
    Index index = make_index(d, fmt::format("IVF{},{}", nlist, codes), Metric::l2, kForFile);
    check(index.set_nprobe(flags.guide_nprobe ? std::size_t(std::pow(double(nlist), 0.3)) : 1));
    if (flags.fast) check(index.set_k_factor(4));
    return index;
}

/// All rows in the random order of the seed, or their centroids if there are too many.
AlignedVector<float> features(const RvcFlags& flags, const Inputs& inputs, std::size_t n, const Resources& resources) {
    const std::vector<std::size_t> rows = permutation(inputs.n(), inputs.n(), flags.seed);
    AlignedVector<float> x = inputs.gather(rows);
    inputs.check_finite({x.data(), inputs.n(), inputs.d()}, [&](std::size_t i) { return rows[i]; });
    if (n == inputs.n()) return x;
    TwoLevelConfig config;
    config.seed = flags.seed, config.stage = "compress";
    return two_level_kmeans({x.data(), inputs.n(), inputs.d()}, n, config, resources).value();
}

void save(const Index& index, FileWriter& file) {
    InterruptibleWriter out(file);
    check(index.save(out));
}

/// An earlier link is replaced, but no file: RVC would go on to take that one.
void check_link(const std::string& link) {
    std::error_code ignored;
    const fs::file_status there = fs::symlink_status(link, ignored);
    if (fs::exists(there) && !fs::is_symlink(there))
        throw BadUsage(
            Status{Errc::bad_argument, "{} is a file, and RVC would take it for the new index; move it away", path_text(link)});
}

/// Makes it under a name that only this process gives, and only if nothing has that name.
fs::path make_temporary_link(const fs::path& target, const fs::path& link, std::error_code& failed) {
    for (int number = 0;; ++number) {
        const fs::path temporary = lutra::detail::temporary_name(link, lutra::detail::own_process(), number);
        fs::create_symlink(target, temporary, failed);
        if (failed != std::errc::file_exists) return temporary;
    }
}

/// Replaces an earlier link at once. The link is relative: the folder of RVC can be moved.
void link_to(const std::string& added, const fs::path& link, std::error_code& failed) {
    const fs::path target = fs::relative(added, link.parent_path(), failed);
    if (failed) return;
    const fs::path temporary = make_temporary_link(target, link, failed);
    if (failed) return;
    fs::rename(temporary, link, failed);
    std::error_code ignored;
    if (failed) fs::remove(temporary, ignored);
}

void make_link(const Files& names) {
    std::error_code failed;
    link_to(names.added, names.link, failed);
    if (failed)
        throw Error(Status{Errc::io_error, "{} is written, but no link to it: {}: {}", path_text(names.added),
                           path_text(names.link), failed.message()});
}

void print_report_json(const Index& index, const Files& names, std::size_t rows, double seconds) {
    print_json({{"path", names.added},
                {"trained", names.trained},
                {"total", names.total},
                {"linked", names.link.empty() ? Json() : Json(names.link)},
                {"factory", index.spec()},
                {"nprobe", index.nprobe()},
                {"k_factor", json_number(index.k_factor())},
                {"n", index.ntotal()},
                {"d", index.dim()},
                {"rows", rows},
                {"seconds", json_measured(seconds)}});
}

void print_report(const Index& index, const Files& names, double seconds) {
    print_field("index", fmt::format("{}, nprobe {}, {} vectors of d = {}, in {}", index.spec(), index.nprobe(),
                                     with_commas(index.ntotal()), index.dim(), seconds_text(seconds)));
    for (const std::string& name : {names.total, names.trained, names.added}) print_field("saved", name);
    if (!names.link.empty()) print_field("linked", names.link);
}

void rvc_train(const RvcFlags& flags) {
    const Interrupt interrupt;
    if (flags.name.find('/') != std::string::npos)
        throw BadUsage(Status{Errc::bad_argument, "--name {}: it becomes part of file names; accepted: any without '/'",
                              path_text(flags.name)});
    const Inputs inputs({flags.folder});
    const std::size_t n = inputs.n() > kMostRows ? kCentroids : inputs.n();
    const std::string version = version_of(inputs);
    Index index = index_for(flags, n, inputs.d());
    const Files names = file_names(flags, index, version);
    check_not_input(names.total, {flags.folder});
    check_link(names.link);
    RowFile total(names.total, RowFile::Holds::vectors, n, inputs.d());
    FileWriter trained = FileWriter::create(names.trained).value(), added = FileWriter::create(names.added).value();
    ThreadPool pool(flags.threads);
    ProgressBar bar(flags.report.quiet);
    const Resources resources{pool.executor(), nullptr, Progress(bar)};
    const Stopwatch watch;
    const AlignedVector<float> x = features(flags, inputs, n, resources);
    if (n != inputs.n() && flags.report.is_text())
        print_field("compressed",
                    fmt::format("{} rows to {}: {}", with_commas(inputs.n()), with_commas(n), seconds_text(watch.seconds())));
    total.append(x.data(), n);
    check(index.train({x.data(), n, inputs.d()}, resources));
    save(index, trained);
    check(index.add({x.data(), n, inputs.d()}, resources));
    save(index, added);
    total.complete();
    check(trained.complete());
    check(added.complete());
    total.commit();
    check(trained.commit());
    check(added.commit());
    if (!names.link.empty()) make_link(names);
    if (flags.report.json) print_report_json(index, names, inputs.n(), watch.seconds());
    if (flags.report.is_text()) print_report(index, names, watch.seconds());
}
}  // namespace

Work add_rvc_train(CLI::App& lutra) {
    const auto flags = std::make_shared<RvcFlags>();
    CLI::App* verb = lutra.add_subcommand("rvc-train", "Make the index of a voice from its features, as RVC does");
    verb->add_option("DIR", flags->folder, "Folder of .npy features, 256 or 768 columns")->required()->option_text(" ");
    verb->add_option("-o,--output", flags->output, "Folder to write to; default: the one that DIR lies in")->option_text("OUT");
    verb->add_option("--name", flags->name, "The voice's name in file names; default: that of the folder DIR lies in")
        ->option_text("NAME");
    verb->add_flag("--fast", flags->fast, "IVF{n},PQ{d/2}x4fs,RFlat in place of IVF{n},Flat, k_factor 4");
    verb->add_flag("--guide-nprobe", flags->guide_nprobe, "nprobe is the whole part of n^0.3 in place of 1");
    add_threads(verb, flags->threads);
    add_seed(verb, flags->seed, "all random choices");
    add_report(verb, flags->report);
    verb->footer(
        "Rows are joined in the order of the file names, shuffled, and from 200,001 on compressed to 10,000 centroids; all are "
        "held\n"
        "in memory. n = min(16 sqrt(rows), rows / 39), at least 1. Writes total_fea.npy, trained_IVF{n}_Flat_nprobe_1_NAME_v1."
        "index\n"
        "and added_IVF{n}_Flat_nprobe_1_NAME_v1.index (v2 for 768 columns). In RVC's own folder, where they are written to "
        "logs/NAME,\n"
        "assets/indices/NAME_IVF{n}_Flat_nprobe_1_NAME_v1.index becomes a link to the added index, for RVC to find it.\n\n"
        "Example:\n  lutra rvc-train logs/alice/3_feature256");
    return [flags] { rvc_train(*flags); };
}

}  // namespace command
