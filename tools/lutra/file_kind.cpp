// tools/lutra/file_kind.cpp: see file_kind.hpp.  SPDX-License-Identifier: MIT
#include "file_kind.hpp"

#include <lutra/io/mapped.hpp>
#include <lutra/io/npy.hpp>

#include <filesystem>
#include <string_view>

namespace command {

namespace {
using namespace lutra;

FileKind kind_of_npy(const std::string& path) {
    const MappedFile file = MappedFile::open(path).value();
    const Result<RowArray> rows = parse_npy(file.bytes());
    return rows.ok() && holds_ids(rows->scalar) ? FileKind::ids : FileKind::vectors;  // reading it as vectors tells what is wrong
}
}  // namespace

std::string format_of(const std::string& path) {
    if (std::filesystem::is_directory(path)) return "folder";
    const std::string ending = std::filesystem::path(path).extension().string();
    return ending.empty() ? ending : ending.substr(1);
}

FileKind kind_of(const std::string& path) {
    const std::string format = format_of(path);
    if (format == "npy") return kind_of_npy(path);
    if (format == "ivecs" || format == "ibin") return FileKind::ids;
    for (const std::string_view vectors : {"folder", "fvecs", "bvecs", "fbin", "u8bin", "i8bin"})
        if (format == vectors) return FileKind::vectors;
    return FileKind::index;
}

}  // namespace command
