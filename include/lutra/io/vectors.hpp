// lutra/io/vectors.hpp: vectors and ids from files of any accepted format, chosen by the name's ending.
// Main path: VectorFile::open() -> open_rows(): headers -> read() -> read_rows().  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/ordered.hpp>
#include <lutra/io/bigann.hpp>
#include <lutra/io/mapped.hpp>
#include <lutra/io/npy.hpp>
#include <lutra/io/positioned_file.hpp>
#include <lutra/io/texmex.hpp>

#include <optional>
#include <string>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {
/// An open file and the rows in it.
struct OpenRows {
    PositionedFile file;
    RowArray rows;
};
}  // namespace detail

/// Vectors [n, d] in a .npy, .fvecs, .bvecs, .fbin, .u8bin or .i8bin file, or in a folder: all its .npy files joined in byte-wise
/// order of their names (Python's sorted(os.listdir(...))); whatever else is in the folder is ignored.
///
/// open() reads headers only; read() what is asked for, so that a file larger than memory can be read in batches. A file that is
/// made shorter meanwhile is an error of read(). All methods are const and thread-safe.
class VectorFile {
public:
    /// A file stays open, unless `keep_open` is false: then, as those of a folder, it is opened again by each read, and a
    /// program can have more files than descriptors.
    /// Errc::not_found, io_error; unsupported (unknown ending, a pipe); bad_file (the file at fault is named): malformed, ids
    /// instead of vectors, files of a folder with different column counts, a folder without .npy files.
    static Result<VectorFile> open(const std::string& path, bool keep_open = true);

    std::size_t n() const { return n_; }
    std::size_t d() const { return d_; }
    const std::string& path() const { return path_; }  ///< as given to open()

    /// Rows [begin, end) as floats into out [end - begin, d].
    /// Errc::bad_argument: not begin <= end <= n; bad_file: a malformed row, a file that changed or became shorter; io_error.
    Status read(std::size_t begin, std::size_t end, float* out) const;

    /// The most unwanted rows between two wanted ones that are cheaper to read along than another call of read().
    std::size_t gap() const { return gap_; }

    /// The file that holds row `row`, and the row's number in that file (of a folder: not that in the whole). Needs: row < n().
    struct RowInFile {
        std::string path;
        std::size_t row;
    };
    RowInFile row_in_file(std::size_t row) const;

    /// All rows where they lie in the file, mapped, without a copy; nothing if they need conversion or joining (anything but one
    /// little-endian, C-order f4 array), or if the file is not kept open. Lives as long as this object. Only for a file that nobody
    /// makes shorter meanwhile: the system stops a process that touches a mapped page that is gone (see MappedFile).
    std::optional<MatrixView> view() const;

private:
    struct Part {
        std::string path;
        std::size_t first = 0, n = 0;  // its rows are [first, first + n) of the whole
    };

    explicit VectorFile(const std::string& path) : path_(path) {}
    Status add_part(const std::string& path, bool keep_open);
    void map(const RowArray& rows);
    const Part& part_of(std::size_t row) const;
    Status check_range(std::size_t begin, std::size_t end) const;
    template <class Use>
    Status with_rows(const Part& part, Use use) const;

    std::string path_;
    std::vector<Part> parts_;  // one for a file; ordered by `first`
    std::size_t n_ = 0, d_ = 0, gap_ = 0;
    std::optional<detail::OpenRows> kept_;  // the only part, if it is kept open
    std::optional<MappedFile> mapped_;      // its bytes, for view()
    const float* view_ = nullptr;           // its rows there
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
    Result<RowArray> (*parse)(const FileFront&, Scalar);
    Scalar scalar;
};
inline Result<RowArray> parse_npy_of_any_type(const FileFront& file, Scalar) { return parse_npy(file); }

inline constexpr std::array kFormats{
    Format{".npy", parse_npy_of_any_type, Scalar::f4}, Format{".fvecs", parse_texmex, Scalar::f4},
    Format{".bvecs", parse_texmex, Scalar::u1},        Format{".ivecs", parse_texmex, Scalar::i4},
    Format{".fbin", parse_bigann, Scalar::f4},         Format{".u8bin", parse_bigann, Scalar::u1},
    Format{".i8bin", parse_bigann, Scalar::i1},        Format{".ibin", parse_bigann, Scalar::i4},
};

/// An error with the path before its text; ok stays ok.
inline Status with_path(const std::string& path, const Status& status) {
    if (status.ok()) return {};
    return {status.code(), "{}: {}", path_text(path), status.message()};
}

/// The beginning of a file with all of its header, unless that is longer than any that numpy writes for an array of numbers.
inline Status read_front(const PositionedFile& file, std::vector<std::byte>& front) {
    constexpr std::size_t kUsual = 4096, kMost = std::size_t{1} << 20;
    const auto read = [&](std::size_t size) {
        front.resize(std::size_t(std::min<std::uint64_t>(size, file.size())));
        return file.read(0, front.data(), front.size());
    };
    LUTRA_TRY(read(kUsual));
    const std::size_t size = npy_front_size({front, file.size()});
    return size <= front.size() ? Status{} : read(std::min(size, kMost));
}

/// Opens and parses one file by its ending; `accepted` is said if there is no such kind.
inline Result<OpenRows> open_any_rows(const std::string& path, std::string_view accepted = "") {
    auto file = PositionedFile::open(path);
    if (!file) return file.status();
    const auto fits = [&](const Format& f) { return std::string_view(path).ends_with(f.ending); };
    const auto format = std::find_if(kFormats.begin(), kFormats.end(), fits);
    if (format == kFormats.end()) return Status{Errc::unsupported, "{}: unknown kind of file; {}", path_text(path), accepted};
    std::vector<std::byte> front;
    LUTRA_TRY(with_path(path, read_front(*file, front)));
    auto rows = format->parse({front, file->size()}, format->scalar);
    if (!rows) return with_path(path, rows.status());
    LUTRA_TRY(with_path(path, check_last_row(*file, *rows)));
    rows->data = nullptr;  // the front goes
    return OpenRows{*std::move(file), *rows};
}

/// The same; it must hold ids, or vectors.
inline Result<OpenRows> open_rows(const std::string& path, bool ids) {
    const std::string_view accepted =
        ids ? "ids are read from .ivecs, .ibin and .npy (i4, i8)"
            : "vectors are read from .npy (f2, f4, f8, u1, i1), .fvecs, .bvecs, .fbin, .u8bin, .i8bin and folders of .npy files";
    auto opened = open_any_rows(path, accepted);
    if (!opened || holds_ids(opened->rows.scalar) == ids) return opened;
    return Status{Errc::bad_file, "{} holds {} values; {}", path_text(path), scalar_name(opened->rows.scalar), accepted};
}

/// Paths of the .npy files of a folder, sorted by name, byte by byte.
inline Result<std::vector<std::string>> list_npy_files(const std::string& folder) {
    std::vector<std::string> paths;
    const std::error_code error = for_each_name(folder, [&](std::string_view name) {
        if (name.ends_with(".npy")) paths.push_back((std::filesystem::path(folder) / name).string());
    });
    if (error) return file_error("list", folder, error);
    if (paths.empty())
        return Status{Errc::bad_file, "{} has no .npy files; a folder is accepted if it has some", path_text(folder)};
    std::sort(paths.begin(), paths.end(), detail::Less());  // all begin alike; std::string compares as unsigned bytes
    return paths;
}

}  // namespace detail

inline Result<VectorFile> VectorFile::open(const std::string& path, bool keep_open) {
    return guarded("open", [&]() -> Result<VectorFile> {
        VectorFile whole(path);
        std::error_code ignored;
        if (!std::filesystem::is_directory(path, ignored)) {
            LUTRA_TRY(whole.add_part(path, keep_open));
            return whole;
        }
        const auto paths = detail::list_npy_files(path);
        if (!paths) return paths.status();
        whole.parts_.reserve(paths->size());
        for (const std::string& name : *paths) LUTRA_TRY(whole.add_part(name, false));
        return whole;
    });
}

inline Status VectorFile::add_part(const std::string& path, bool keep_open) {
    // Measured on a file system in memory: what can be copied in the time of a call; of opening a file first; the same in rows
    // where every column takes a call of its own.
    constexpr std::size_t kCall = 4096, kOpen = 32768, kCallsForRow = 512;
    auto opened = detail::open_rows(path, false);
    if (!opened) return opened.status();
    const RowArray& rows = opened->rows;
    if (parts_.empty()) d_ = rows.d;
    if (rows.d != d_)
        return {Errc::bad_file,
                "{} has {} columns, {} has {}; all files of a folder must have the same",
                path_text(path),
                rows.d,
                path_text(parts_.front().path),
                d_};
    const std::size_t bytes = keep_open ? kCall : kOpen;
    gap_ = std::max(gap_, rows.order == RowOrder::columns ? kCallsForRow : bytes / rows.row_bytes());
    parts_.push_back({path, n_, rows.n});
    n_ += rows.n;
    if (!keep_open) return {};
    map(rows);
    kept_ = *std::move(opened);
    return {};
}

/// Maps the file for view(). A file that cannot be mapped has no view but can be read.
inline void VectorFile::map(const RowArray& rows) {
    if (!is_float_matrix(rows) || rows.offset % alignof(float) != 0) return;
    auto file = MappedFile::open(path_);
    if (!file || file->bytes().size() != rows.offset + std::uint64_t(rows.n) * rows.row_bytes()) return;
    mapped_ = *std::move(file);
    view_ = reinterpret_cast<const float*>(mapped_->bytes().data() + rows.offset);
}

/// Needs: row < n.
inline const VectorFile::Part& VectorFile::part_of(std::size_t row) const {
    const auto after =
        std::upper_bound(parts_.begin(), parts_.end(), row, [](std::size_t r, const Part& p) { return r < p.first; });
    return *(after - 1);  // parts without rows share their `first` with the next one and come before it
}

inline VectorFile::RowInFile VectorFile::row_in_file(std::size_t row) const {
    const Part& part = part_of(row);
    return {part.path, row - part.first};
}

inline Status VectorFile::check_range(std::size_t begin, std::size_t end) const {
    if (begin <= end && end <= n_) return {};
    return {Errc::bad_argument, "rows {} to {} wanted; {} has {} rows", begin, end, path_text(path_), n_};
}

/// use(open rows) with the rows of a part, opening it if it is not kept open.
template <class Use>
Status VectorFile::with_rows(const Part& part, Use use) const {
    if (kept_) return detail::with_path(part.path, use(*kept_));
    const auto opened = detail::open_rows(part.path, false);
    if (!opened) return opened.status();
    if (opened->rows.n != part.n || opened->rows.d != d_)
        return {Errc::bad_file,
                "{} was [{}, {}] when it was opened, now it is [{}, {}]",
                path_text(part.path),
                part.n,
                d_,
                opened->rows.n,
                opened->rows.d};
    return detail::with_path(part.path, use(*opened));
}

inline Status VectorFile::read(std::size_t begin, std::size_t end, float* out) const {
    return guarded("read", [&]() -> Status {
        LUTRA_TRY(check_range(begin, end));
        while (begin < end) {
            const Part& part = part_of(begin);
            const std::size_t stop = std::min(end, part.first + part.n);
            LUTRA_TRY(with_rows(part, [&](const detail::OpenRows& open) {
                return detail::read_rows(open.file, open.rows, begin - part.first, stop - part.first, out);
            }));
            out += (stop - begin) * d_;
            begin = stop;
        }
        return {};
    });
}

inline std::optional<MatrixView> VectorFile::view() const {
    if (view_ == nullptr) return std::nullopt;
    return MatrixView{view_, n_, d_};
}

inline Result<IdRows> read_id_rows(const std::string& path) {
    return guarded("read", [&]() -> Result<IdRows> {
        const auto opened = detail::open_rows(path, true);
        if (!opened) return opened.status();
        const RowArray& rows = opened->rows;
        IdRows all{rows.n, rows.d, std::vector<Id>(rows.n * rows.d)};
        LUTRA_TRY(detail::with_path(path, detail::read_rows(opened->file, rows, 0, rows.n, all.ids.data())));
        return all;
    });
}

inline Result<std::vector<float>> read_all(const VectorFile& file) {
    return guarded("read", [&]() -> Result<std::vector<float>> {
        std::vector<float> all;
        if (file.n() > all.max_size() / file.d())
            return Status{Errc::unsupported, "{} rows of {} columns are more than memory can address; read them in batches",
                          file.n(), file.d()};
        all.resize(file.n() * file.d());
        LUTRA_TRY(file.read(0, file.n(), all.data()));
        return all;
    });
}

}  // namespace lutra::inline LUTRA_ABI_TAG
