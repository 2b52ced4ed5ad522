// tools/lutra/inputs.cpp: see inputs.hpp.  SPDX-License-Identifier: MIT
#include "inputs.hpp"

#include "failure.hpp"

#include <algorithm>
#include <filesystem>
#include <numeric>

namespace command {

namespace {
constexpr std::size_t kMostOpen = 64;  // a process may have 256 or 1,024 files open, and inputs may be thousands

/// A file of no rows in a format that has nothing else.
bool has_no_bytes(const std::string& path) {
    std::error_code ignored;  // opening it tells what is wrong
    return (path.ends_with(".fvecs") || path.ends_with(".bvecs")) && std::filesystem::is_regular_file(path, ignored) &&
           std::filesystem::file_size(path, ignored) == 0;
}
}  // namespace

Inputs::Inputs(const std::vector<std::string>& paths, Rows rows) {
    for (const std::string& path : paths) {
        if (rows == Rows::may_be_none && has_no_bytes(path)) continue;
        files_.push_back(VectorFile::open(path, paths.size() <= kMostOpen).value());
        const VectorFile& file = files_.back();
        if (file.d() != d())
            throw Error(Status{Errc::bad_argument, "{} has {} columns, {} has {}; all inputs must have the same", path_text(path),
                               file.d(), path_text(files_.front().path()), d()});
        first_.push_back(n_);
        n_ += file.n();
    }
    if (n_ == 0 && rows == Rows::needed)
        throw Error(Status{Errc::bad_argument, "{}: no rows; at least one is needed", path_text(path())});
}

/// The last one that begins at or before the row: files without rows share their start with the next.
std::size_t Inputs::file_of(std::size_t row) const {
    return std::size_t(std::upper_bound(first_.begin(), first_.end(), row) - first_.begin()) - 1;
}

void Inputs::read(std::size_t begin, std::size_t end, float* out) const {
    while (begin < end) {
        const std::size_t i = file_of(begin), stop = std::min(end, first_[i] + files_[i].n());
        check(files_[i].read(begin - first_[i], stop - first_[i], out));
        out += (stop - begin) * d();
        begin = stop;
    }
}

AlignedVector<float> Inputs::read_all() const {
    AlignedVector<float> rows(n() * d());
    read(0, n(), rows.data());
    check_finite({rows.data(), n(), d()}, [](std::size_t i) { return i; });
    return rows;
}

AlignedVector<float> Inputs::gather(std::span<const std::size_t> rows) const {
    std::vector<std::size_t> order(rows.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return rows[a] < rows[b]; });
    AlignedVector<float> out(rows.size() * d()), near;
    for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
        const std::size_t first = rows[order[begin]];
        for (end = begin + 1; end < order.size() && is_near(first, rows[order[end - 1]], rows[order[end]]);) ++end;
        const std::size_t stop = rows[order[end - 1]] + 1;
        near.resize(std::max(near.size(), (stop - first) * d()));
        read(first, stop, near.data());
        for (std::size_t i = begin; i < end; ++i)
            std::copy_n(near.data() + (rows[order[i]] - first) * d(), d(), out.data() + order[i] * d());
    }
    return out;
}

/// True if a row is read in one call with the ones before it, of which the first and the last are given.
bool Inputs::is_near(std::size_t first, std::size_t last, std::size_t row) const {
    constexpr std::size_t kMost = std::size_t{1} << 18;  // floats
    return row - last <= files_[file_of(last)].gap() + 1 && (row - first + 1) * d() <= kMost;
}

void Inputs::refuse(std::size_t row, std::size_t column, float value) const {
    throw Error(Status{Errc::not_finite, "{} has {} in column {}; every value must be finite", row_text(row), value, column});
}

std::string Inputs::row_text(std::size_t row) const {
    const std::size_t i = file_of(row);
    const VectorFile::RowInFile found = files_[i].row_in_file(row - first_[i]);
    return path_text(found.path) + ": row " + std::to_string(found.row);
}

std::size_t Inputs::batch() const { return std::max<std::size_t>(1, (std::size_t{16} << 20) / std::max<std::size_t>(1, d())); }

Queries::Queries(const std::string& path, Inputs::Rows needed) : file({path}, needed), rows(file.n() * file.d()) {
    file.read(0, file.n(), rows.data());
}

}  // namespace command
