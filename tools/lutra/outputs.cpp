// tools/lutra/outputs.cpp: see outputs.hpp.  SPDX-License-Identifier: MIT
#include "outputs.hpp"

#include <lutra/io/npy.hpp>
#include <lutra/io/texmex.hpp>

#include <filesystem>

namespace command {

namespace {
/// The writer of a file whose ending fits what it holds.
FileWriter create(const std::string& path, RowFile::Holds holds) {
    const bool vectors = holds == RowFile::Holds::vectors;
    if (!path.ends_with(".npy") && !path.ends_with(vectors ? ".fvecs" : ".ivecs"))
        throw BadUsage(Status{Errc::unsupported, "-o {}: {}", path_text(path),
                              vectors ? "vectors are written as .npy or .fvecs" : "ids are written as .npy or .ivecs"});
    return FileWriter::create(path).value();
}
}  // namespace

RowFile::RowFile(const std::string& path, Holds holds, std::size_t n, std::size_t columns)
    : file_(create(path, holds)), columns_(columns), npy_(path.ends_with(".npy")) {
    if (npy_) check(detail::write_npy_header(file_, holds == Holds::vectors ? "<f4" : "<i8", n, columns));
}

void RowFile::append(const float* rows, std::size_t n) {
    check_interrupt();
    if (n == 0) return;  // an .fvecs or .ivecs file of no rows is an empty one
    check(npy_ ? write_values(file_, rows, n * columns_) : write_fvecs(file_, {rows, n, columns_}));
}

void RowFile::append(const Id* rows, std::size_t n) {
    check_interrupt();
    if (n == 0) return;
    check(npy_ ? write_values(file_, rows, n * columns_) : write_ivecs(file_, rows, n, columns_));
}

void RowFile::complete() { check(file_.complete()); }

void RowFile::commit() { check(file_.commit()); }

namespace {
namespace fs = std::filesystem;

/// False too where one of them does not exist.
bool is_same(const fs::path& a, const fs::path& b) {
    std::error_code ignored;
    return fs::equivalent(a, b, ignored);
}

/// A folder of vectors is its .npy files, which may be links: none may be replaced, and none may come to them.
void check_not_in_folder(const std::string& path, const fs::path& folder) {
    fs::path output;
    check(lutra::detail::follow_links(path, output));
    if (output.extension() == ".npy" && is_same(output.has_parent_path() ? output.parent_path() : ".", folder))
        throw BadUsage(Status{Errc::bad_argument, "{} would be a file of the input folder {}; write it into another folder",
                              path_text(output.string()), path_text(folder.string())});
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored))
        if (entry.path().extension() == ".npy") check_not_input(output.string(), {entry.path().string()});
}
}  // namespace

void check_not_input(const std::string& output, const std::vector<std::string>& inputs) {
    for (const std::string& input : inputs) {
        if (is_same(output, input))
            throw BadUsage(Status{Errc::bad_argument, "{} is an input too; give the result a name of its own", path_text(output)});
        std::error_code ignored;
        if (fs::is_directory(input, ignored)) check_not_in_folder(output, input);
    }
}

}  // namespace command
