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
        throw BadUsage(Status{Errc::unsupported, "-o {}: {}", path,
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
    check(npy_ ? write_values(file_, rows, n * columns_) : write_fvecs(file_, {rows, n, columns_}));
}

void RowFile::append(const Id* rows, std::size_t n) {
    check_interrupt();
    check(npy_ ? write_values(file_, rows, n * columns_) : write_ivecs(file_, rows, n, columns_));
}

void RowFile::commit() {
    check_interrupt();
    check(file_.commit());
}

void check_not_input(const std::string& output, const std::vector<std::string>& inputs) {
    for (const std::string& input : inputs) {
        std::error_code different;
        if (std::filesystem::equivalent(output, input, different))
            throw BadUsage(Status{Errc::bad_argument, "-o {} is an input too; give the result a name of its own", output});
    }
}

}  // namespace command
