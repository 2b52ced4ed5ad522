// tools/lutra/autotune.hpp: what both ways of lutra autotune share: to tune an index in its file, and to find one among factory
// strings.
// SPDX-License-Identifier: MIT
#pragma once
#include "flags.hpp"
#include "json_line.hpp"

#include <lutra/core/aligned.hpp>
#include <lutra/core/params.hpp>
#include <lutra/factory/index.hpp>
#include <lutra/io/file.hpp>
#include <lutra/tune/autotune.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace command {
using namespace lutra;

struct AutotuneFlags {
    std::string index, queries, truth, output;
    std::vector<std::string> base;
    bool search_factory = false;
    Metric metric = Metric::l2;
    CLI::Option* metric_given = nullptr;
    AutotuneConfig config;
    std::size_t threads = 1;
    IndexOptions options;
    ReportFlags report;
};

/// Queries and their true neighbours, [n, d] and [n, k].
struct Questions {
    AlignedVector<float> rows;
    std::size_t n = 0, d = 0, k = 0;
    std::vector<Id> truth;

    MatrixView view() const { return {rows.data(), n, d}; }
};

/// The first queries of a file.
Questions read_queries(const std::string& path);

/// Their true neighbours among the rows of base.
void find_truth(Questions& q, MatrixView base, Metric metric, std::size_t k, const Resources& resources);

/// "nprobe=8,k_factor=4"
std::string settings_text(const OperatingPoint& point);

/// nprobe, k_factor, recall and queries/s, for a table.
std::vector<std::string> cells_of(const OperatingPoint& p);
Json point_json(const std::string& spec, const OperatingPoint& p);

/// Where the index goes.
const std::string& output_path(const AutotuneFlags& flags);
void keep_settings(Index& index, const OperatingPoint& point);
void save_to(const Index& index, FileWriter& file);

/// After the table of the points that were measured.
void print_choice(const AutotuneFlags& flags, const std::string& spec, const Tuned& tuned, const Json& points);

/// --index: finds the settings, and saves them in the file.
void tune_file(const AutotuneFlags& flags, const Resources& resources);

/// --search-factory: builds and tunes an index of each of several factory strings on --base, and saves the best. Without queries
/// some rows are held out of the trial indexes and serve as queries; the saved index holds all rows.
void tune_factory(const AutotuneFlags& flags, const Resources& resources);

}  // namespace command
