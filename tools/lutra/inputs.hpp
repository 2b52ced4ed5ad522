// tools/lutra/inputs.hpp: several files and folders as one matrix [n, d], read in batches.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/aligned.hpp>
#include <lutra/core/types.hpp>
#include <lutra/core/validate.hpp>
#include <lutra/io/vectors.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace command {
using namespace lutra;

/// The rows of all inputs joined, numbered from 0. Only headers are read at the start. What goes wrong throws Error.
class Inputs {
public:
    enum class Rows { needed, may_be_none };

    /// Every path must hold vectors, all with the same number of columns. Where there may be no rows, a .fvecs or .bvecs file may
    /// have no bytes.
    explicit Inputs(const std::vector<std::string>& paths, Rows rows = Rows::needed);

    std::size_t n() const { return n_; }
    std::size_t d() const { return files_.empty() ? 0 : files_.front().d(); }  ///< 0 if nothing says: no bytes, no columns
    const std::string& path() const { return files_.front().path(); }          ///< of the first

    /// Rows [begin, end) into out [end - begin, d].
    void read(std::size_t begin, std::size_t end, float* out) const;
    /// Every row, [n, d]. Throws if one is not finite.
    AlignedVector<float> read_all() const;
    /// The given rows in the given order; the files are read from front to back.
    AlignedVector<float> gather(std::span<const std::size_t> rows) const;
    /// Row i of x is number row_of(i) of all. Throws if one is not finite, and names its file and its row there.
    template <class RowOf>
    void check_finite(MatrixView x, RowOf row_of) const {
        if (lutra::check_finite("", x)) return;
        for (std::size_t i = 0; i < x.n; ++i)
            for (std::size_t t = 0; t < x.d; ++t)
                if (!std::isfinite(x.row(i)[t])) refuse(row_of(i), t, x.row(i)[t]);
    }

    /// "FILE: row 3", the file and the row in it, of a folder too; as path_text().
    std::string row_text(std::size_t row) const;

    /// Rows that make a batch of about 64 MB.
    std::size_t batch() const;
    /// use(first, x) for batches x of at most `size` rows, which cover all rows in order.
    template <class Use>
    void for_batches(std::size_t size, Use use) const {
        AlignedVector<float> rows(std::min(size, n_) * d());
        for (std::size_t begin = 0; begin < n_; begin += size) {
            const std::size_t end = std::min(n_, begin + size);
            read(begin, end, rows.data());
            use(begin, MatrixView{rows.data(), end - begin, d()});
        }
    }

private:
    std::size_t file_of(std::size_t row) const;
    bool is_near(std::size_t first, std::size_t last, std::size_t row) const;
    [[noreturn]] void refuse(std::size_t row, std::size_t column, float value) const;

    std::vector<VectorFile> files_;
    std::vector<std::size_t> first_;  // [files] the number of each file's first row
    std::size_t n_ = 0;
};

/// Queries of one file, in memory.
struct Queries {
    explicit Queries(const std::string& path, Inputs::Rows = Inputs::Rows::needed);
    MatrixView view() const { return {rows.data(), file.n(), file.d()}; }

    Inputs file;
    AlignedVector<float> rows;
};

}  // namespace command
