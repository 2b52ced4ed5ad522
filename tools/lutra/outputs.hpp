// tools/lutra/outputs.hpp: result files written row by row, so that they may be larger than memory.  SPDX-License-Identifier: MIT
#pragma once
#include "interrupt.hpp"

#include <lutra/core/types.hpp>
#include <lutra/io/file.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace command {

/// A file [n, columns] of vectors (.npy, .fvecs) or ids (.npy, .ivecs). It appears under its name at commit(); without a commit
/// nothing is left behind. Errors are thrown as Error.
class RowFile {
public:
    enum class Holds { vectors, ids };

    /// Errors: unsupported (the name's ending), and those of FileWriter::create(), before any work is done.
    RowFile(const std::string& path, Holds holds, std::size_t n, std::size_t columns);

    void append(const float* rows, std::size_t n);
    void append(const Id* rows, std::size_t n);
    /// After the last row: all of it is on the disk, so that of several files a full disk leaves all or none.
    void complete();
    /// Cannot be interrupted, so that all of several files committed in a row appear.
    void commit();

private:
    FileWriter file_;
    std::size_t columns_;
    bool npy_;
};

/// Throws BadUsage if `output` is one of the files that are read, or a .npy file in a folder that is read.
void check_not_input(const std::string& output, const std::vector<std::string>& inputs);

}  // namespace command
