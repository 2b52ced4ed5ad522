// tools/lutra/info.cpp: lutra info describes an index or a file of vectors.  SPDX-License-Identifier: MIT
#include "failure.hpp"
#include "file_kind.hpp"
#include "flags.hpp"
#include "index_file.hpp"
#include "json_line.hpp"
#include "text.hpp"
#include "verbs.hpp"

#include <lutra/io/vectors.hpp>

#include <fmt/core.h>

#include <filesystem>
#include <memory>

namespace command {

namespace {
struct InfoFlags {
    std::vector<std::string> paths;
    bool json = false;
    IndexOptions options;
};

/// The bytes of a file, or of the .npy files of a folder.
std::uint64_t size_of(const std::string& path) {
    std::error_code gone;  // meanwhile
    const std::uint64_t whole = std::filesystem::file_size(path, gone);
    if (!gone) return whole;
    std::uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path, gone)) {
        const std::uint64_t part = entry.path().extension() == ".npy" ? entry.file_size(gone) : 0;
        if (!gone) bytes += part;
    }
    return bytes;
}

Json describe_index(const std::string& path, IndexOptions options) {
    const Index index = open_index(path, options);
    const Storage storage = index.storage();
    return {{"path", path},
            {"kind", "index"},
            {"factory", index.spec()},
            {"metric", metric_word(index.metric())},
            {"d", index.dim()},
            {"n", index.ntotal()},
            {"trained", index.is_trained()},
            {"nlist", index.nlist()},
            {"nprobe", index.nprobe()},
            {"k_factor", json_number(index.k_factor())},
            {"bytes_per_vector", index.code_size()},
            {"bytes", size_of(path)},
            {"form", storage.form},
            {"memory", storage.bytes}};
}

Json describe_rows(const std::string& path, std::string_view kind, std::size_t n, std::size_t columns) {
    return {{"path", path}, {"kind", kind}, {"format", format_of(path)}, {"n", n}, {"d", columns}, {"bytes", size_of(path)}};
}

Json describe(const std::string& path, IndexOptions options) {
    const FileKind kind = kind_of(path);
    if (kind == FileKind::index) return describe_index(path, options);
    if (kind == FileKind::vectors) {
        const VectorFile file = VectorFile::open(path).value();
        return describe_rows(path, "vectors", file.n(), file.d());
    }
    const IdRows ids = read_id_rows(path).value();
    return describe_rows(path, "ids", ids.n, ids.k);
}

std::string text_of(const std::string& name, const Json& value) {
    if (name == "bytes") return bytes_text(value);
    if (name == "memory") return bytes_text(value) + " of vectors and ids";
    if (name == "bytes_per_vector") return with_commas(value) + (" and an id");
    if (value.is_boolean()) return value ? "yes" : "no";
    if (value.is_number_float()) return value.dump();
    return value.is_string() ? value.get<std::string>() : with_commas(value);
}

void print_text(const Json& about) {
    for (const auto& [name, value] : about.items()) {
        if ((name == "nlist" || name == "nprobe" || name == "k_factor") && value == 0) continue;  // the index has no such stage
        if ((name == "form" || name == "memory") && about["n"] == 0) continue;                    // the first rows will choose
        print_field(name == "bytes" ? "size" : name == "bytes_per_vector" ? "bytes/vector" : name, text_of(name, value));
    }
}

void info(const InfoFlags& flags) {
    for (const std::string& path : flags.paths) {
        const Json about = describe(path, flags.options);
        if (flags.json) {
            print_json(about);
            continue;
        }
        if (&path != &flags.paths.front()) fmt::print("\n");
        print_text(about);
    }
}
}  // namespace

Work add_info(CLI::App& lutra) {
    const auto flags = std::make_shared<InfoFlags>();
    CLI::App* verb = lutra.add_subcommand("info", "Describe indexes, or files of vectors or ids");
    verb->add_option("PATH", flags->paths, "Indexes, files of vectors or ids, folders of .npy files")
        ->required()
        ->option_text("...");
    add_no_byte_copies(verb, flags->options);
    add_mmap(verb, flags->options);
    add_json(verb, flags->json);
    verb->footer(
        "form and memory: how an index keeps vectors once it is loaded, and what they take there with their ids, without "
        "centroids;\n"
        "bytes/vector and size are those of the file.\n\n"
        "Example:\n  lutra info base.index base.fvecs --json");
    return [flags] { info(*flags); };
}

}  // namespace command
