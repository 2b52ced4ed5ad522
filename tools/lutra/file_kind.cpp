// tools/lutra/file_kind.cpp: see file_kind.hpp.  SPDX-License-Identifier: MIT
#include "file_kind.hpp"

#include <lutra/io/vectors.hpp>

#include <filesystem>
#include <string_view>

namespace command {

namespace {
using namespace lutra;

FileKind kind_of_npy(const std::string& path) {
    const auto opened = lutra::detail::open_any_rows(path);
    return opened.ok() && holds_ids(opened->rows.scalar) ? FileKind::ids : FileKind::vectors;  // whose reading tells what is wrong
}
}  // namespace

std::string format_of(const std::string& path) {
    std::error_code ignored;  // opening it tells what is wrong
    if (std::filesystem::is_directory(path, ignored)) return "folder";
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
