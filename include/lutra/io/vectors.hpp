// lutra/io/vectors.hpp: vectors and ids from files of any accepted format, chosen by the name's ending.
// Main path: VectorFile::open() -> map_rows(): map, parse -> read() -> read_rows().  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/io/bigann.hpp>
#include <lutra/io/mapped.hpp>
#include <lutra/io/npy.hpp>
#include <lutra/io/texmex.hpp>

#include <optional>
#include <string>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {
/// A mapped file and the rows in it.
struct MappedRows {
    MappedFile file;
    RowArray rows;
};
}  // namespace detail

/// Vectors [n, d] in a .npy, .fvecs, .bvecs, .fbin, .u8bin or .i8bin file, or in a folder: all its .npy files joined in byte-wise
/// order of their names (Python's sorted(os.listdir(...))); whatever else is in the folder is ignored.
///
/// Files are mapped, not loaded: open() reads headers only, and one larger than memory can be read in batches. All methods
/// are const and thread-safe. The files must not be shortened while they are open (see MappedFile).
class VectorFile {
public:
    /// A folder keeps up to `max_maps` of its files mapped; those past it are opened again by each read.
    /// Errc::not_found, io_error; unsupported (unknown ending, a pipe); bad_file (the file at fault is named): malformed, ids
    /// instead of vectors, files of a folder with different column counts, a folder without .npy files.
    static Result<VectorFile> open(const std::string& path, std::size_t max_maps = 16384);

    std::size_t n() const { return n_; }
    std::size_t d() const { return d_; }
    const std::string& path() const { return path_; }  ///< as given to open()

    /// Rows [begin, end) as floats into out [end - begin, d].
    /// Errc::bad_argument: not begin <= end <= n; bad_file: a malformed row, a file that changed; io_error.
    Status read(std::size_t begin, std::size_t end, float* out) const;

    /// The file that row `row` lies in, and its number in it: another than the whole's in a folder. Needs: row < n().
    struct Place {
        std::string path;
        std::size_t row;
    };
    Place place(std::size_t row) const;

    /// All rows where they lie in the file, without a copy; nothing if they need conversion or joining (anything but one
    /// little-endian, C-order f4 array). Lives as long as this object.
    std::optional<MatrixView> view() const;

private:
    struct Part {
        std::string path;
        std::size_t first = 0, n = 0;            // its rows are [first, first + n) of the whole
        std::optional<detail::MappedRows> kept;  // empty: opened by each read
    };

    explicit VectorFile(const std::string& path) : path_(path) {}
    Status add_part(const std::string& path, std::size_t max_maps);
    const Part& part_of(std::size_t row) const;
    Status check_range(std::size_t begin, std::size_t end) const;
    template <class Use>
    Status with_rows(const Part& part, Use use) const;

    std::string path_;
    std::vector<Part> parts_;  // one for a file; ordered by `first`
    std::size_t n_ = 0, d_ = 0;
};

/// Neighbour lists [n, k], best first.
struct IdRows {
    std::size_t n = 0, k = 0;
    std::vector<Id> ids;
};

/// All ids in a .ivecs, .ibin or (i4 or i8) .npy file.  Errors as VectorFile::open().
Result<IdRows> read_id_rows(const std::string& path);

/// All rows of a file as floats [n, d], in memory.  Errors as VectorFile::read().
Result<std::vector<float>> read_all(const VectorFile& file);

namespace detail {

/// A name's ending, what parses such a file, and the type of its values (a .npy file says its own).
struct Format {
    std::string_view ending;
    Result<RowArray> (*parse)(std::span<const std::byte>, Scalar);
    Scalar scalar;
};
inline Result<RowArray> parse_npy_of_any_type(std::span<const std::byte> bytes, Scalar) { return parse_npy(bytes); }

inline constexpr std::array kFormats{
    Format{".npy", parse_npy_of_any_type, Scalar::f4}, Format{".fvecs", parse_texmex, Scalar::f4},
    Format{".bvecs", parse_texmex, Scalar::u1},        Format{".ivecs", parse_texmex, Scalar::i4},
    Format{".fbin", parse_bigann, Scalar::f4},         Format{".u8bin", parse_bigann, Scalar::u1},
    Format{".i8bin", parse_bigann, Scalar::i1},        Format{".ibin", parse_bigann, Scalar::i4},
};

/// An error with the path before its text; ok stays ok.
inline Status with_path(const std::string& path, const Status& status) {
    if (status.ok()) return {};
    return {status.code(), "{}: {}", path, status.message()};
}

/// Maps and parses one file that must hold ids, or vectors.
inline Result<MappedRows> map_rows(const std::string& path, bool ids) {
    const std::string_view accepted =
        ids ? "ids are read from .ivecs, .ibin and .npy (i4, i8)"
            : "vectors are read from .npy (f2, f4, f8, u1, i1), .fvecs, .bvecs, .fbin, .u8bin, .i8bin and folders of .npy files";
    auto file = MappedFile::open(path);
    if (!file) return file.status();
    const auto fits = [&](const Format& f) { return std::string_view(path).ends_with(f.ending); };
    const auto format = std::find_if(kFormats.begin(), kFormats.end(), fits);
    if (format == kFormats.end()) return Status{Errc::unsupported, "{}: unknown kind of file; {}", path, accepted};
    const auto rows = format->parse(file->bytes(), format->scalar);
    if (!rows) return with_path(path, rows.status());
    if (holds_ids(rows->scalar) != ids)
        return Status{Errc::bad_file, "{} holds {} values; {}", path, scalar_name(rows->scalar), accepted};
    return MappedRows{*std::move(file), *rows};
}

/// Paths of the .npy files of a folder, sorted by name, byte by byte.
inline Result<std::vector<std::string>> list_npy_files(const std::string& folder) {
    std::vector<std::string> paths;
    std::error_code error;
    std::filesystem::directory_iterator entry(folder, error);
    for (; !error && entry != std::filesystem::directory_iterator{}; entry.increment(error)) {
        std::string path = entry->path().string();
        if (path.ends_with(".npy")) paths.push_back(std::move(path));
    }
    if (error) return file_error("list", folder, error);
    if (paths.empty()) return Status{Errc::bad_file, "{} has no .npy files; a folder is accepted if it has some", folder};
    std::sort(paths.begin(), paths.end());  // all begin alike; std::string compares as unsigned bytes
    return paths;
}

}  // namespace detail

inline Result<VectorFile> VectorFile::open(const std::string& path, std::size_t max_maps) {
    VectorFile whole(path);
    std::error_code ignored;
    if (!std::filesystem::is_directory(path, ignored)) {
        LUTRA_TRY(whole.add_part(path, 1));
        return whole;
    }
    const auto paths = detail::list_npy_files(path);
    if (!paths) return paths.status();
    whole.parts_.reserve(paths->size());
    for (const std::string& name : *paths) LUTRA_TRY(whole.add_part(name, max_maps));
    return whole;
}

inline Status VectorFile::add_part(const std::string& path, std::size_t max_maps) {
    auto opened = detail::map_rows(path, false);
    if (!opened) return opened.status();
    const RowArray& rows = opened->rows;
    if (parts_.empty()) d_ = rows.d;
    if (rows.d != d_)
        return {Errc::bad_file,
                "{} has {} columns, {} has {}; all files of a folder must have the same",
                path,
                rows.d,
                parts_.front().path,
                d_};
    Part part{path, n_, rows.n, std::nullopt};
    n_ += rows.n;
    if (parts_.size() < max_maps) part.kept = *std::move(opened);
    parts_.push_back(std::move(part));
    return {};
}

/// Needs: row < n.
inline const VectorFile::Part& VectorFile::part_of(std::size_t row) const {
    const auto after =
        std::upper_bound(parts_.begin(), parts_.end(), row, [](std::size_t r, const Part& p) { return r < p.first; });
    return *(after - 1);  // parts without rows share their `first` with the next one and come before it
}

inline VectorFile::Place VectorFile::place(std::size_t row) const {
    const Part& part = part_of(row);
    return {part.path, row - part.first};
}

inline Status VectorFile::check_range(std::size_t begin, std::size_t end) const {
    if (begin <= end && end <= n_) return {};
    return {Errc::bad_argument, "rows {} to {} wanted; {} has {} rows", begin, end, path_, n_};
}

/// use(rows) with the rows of a part, opening it if it is not kept open.
template <class Use>
Status VectorFile::with_rows(const Part& part, Use use) const {
    if (part.kept) return detail::with_path(part.path, use(part.kept->rows));
    const auto opened = detail::map_rows(part.path, false);
    if (!opened) return opened.status();
    if (opened->rows.n != part.n || opened->rows.d != d_)
        return {Errc::bad_file, "{} was [{}, {}] when it was opened, now it is [{}, {}]", part.path, part.n, d_, opened->rows.n,
                opened->rows.d};
    return detail::with_path(part.path, use(opened->rows));
}

inline Status VectorFile::read(std::size_t begin, std::size_t end, float* out) const {
    LUTRA_TRY(check_range(begin, end));
    while (begin < end) {
        const Part& part = part_of(begin);
        const std::size_t stop = std::min(end, part.first + part.n);
        LUTRA_TRY(
            with_rows(part, [&](const RowArray& rows) { return read_rows(rows, begin - part.first, stop - part.first, out); }));
        out += (stop - begin) * d_;
        begin = stop;
    }
    return {};
}

inline std::optional<MatrixView> VectorFile::view() const {
    const Part& part = parts_.front();
    if (parts_.size() > 1 || !part.kept || !is_float_matrix(part.kept->rows)) return std::nullopt;
    return MatrixView{reinterpret_cast<const float*>(part.kept->rows.data), n_, d_};
}

inline Result<IdRows> read_id_rows(const std::string& path) {
    const auto opened = detail::map_rows(path, true);
    if (!opened) return opened.status();
    const RowArray& rows = opened->rows;
    IdRows all{rows.n, rows.d, std::vector<Id>(rows.n * rows.d)};
    LUTRA_TRY(detail::with_path(path, read_rows(rows, 0, rows.n, all.ids.data())));
    return all;
}

inline Result<std::vector<float>> read_all(const VectorFile& file) {
    std::vector<float> all;
    if (file.n() > all.max_size() / file.d())
        return Status{Errc::unsupported, "{} rows of {} columns are more than memory can address; read them in batches", file.n(),
                      file.d()};
    all.resize(file.n() * file.d());
    LUTRA_TRY(file.read(0, file.n(), all.data()));
    return all;
}

}  // namespace lutra::inline LUTRA_ABI_TAG
