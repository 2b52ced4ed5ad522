// lutra/io/file.hpp: files as byte streams: FileReader, and FileWriter, which touches its target only when all is written.
// Main path: write_file() -> FileWriter::create() -> write() ... -> commit(): flush, fsync, rename.
// SPDX-License-Identifier: MIT
//
// LUTRA_HAS_POSIX is set by the library; where it is 0 plain C files serve, and commit() cannot ask for an fsync.
#pragma once
#include <lutra/io/stream.hpp>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#if !defined(LUTRA_HAS_POSIX)
#if defined(__unix__) || defined(__APPLE__)
#define LUTRA_HAS_POSIX 1
#else
#define LUTRA_HAS_POSIX 0
#endif
#endif
#if LUTRA_HAS_POSIX
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {
struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using FilePtr = std::unique_ptr<std::FILE, CloseFile>;

/// A file open for reading and its size in bytes.
struct OpenFile {
    FilePtr file;
    std::uint64_t size = 0;
};
Result<OpenFile> open_regular_file(const std::string& path);
}  // namespace detail

/// Reads a regular file from its beginning, buffered. remaining() is exact, so a lying header is caught before memory is
/// taken for it.
class FileReader final : public Reader {
public:
    /// Errc::not_found (no such file), unsupported (a folder, pipe or device) or io_error (with the system's reason).
    static Result<FileReader> open(const std::string& path);

    Status read(void* to, std::size_t n) override;
    std::uint64_t position() const override { return position_; }
    std::uint64_t remaining() const override { return open_.size - position_; }

private:
    FileReader(const std::string& path, detail::OpenFile open) : path_(path), open_(std::move(open)) {}

    std::string path_;
    detail::OpenFile open_;
    std::uint64_t position_ = 0;
};

/// Writes a file that appears under its name only when it is complete.
///
/// Bytes go to a temporary file in the same folder (`path` + ".tmp" + a number). commit() brings them to the disk and
/// renames; without a successful commit the temporary file is removed and whatever was under `path` stays as it was. After
/// a crash at most the temporary file is left over. A symbolic link is followed, the permissions of a replaced file are kept.
class FileWriter final : public Writer {
public:
    /// Errc::not_found (no such folder), unsupported (`path` is a folder, pipe or device) or io_error.
    static Result<FileWriter> create(const std::string& path);

    FileWriter(FileWriter&&) = default;
    FileWriter& operator=(FileWriter&&) = delete;
    ~FileWriter() override { discard(); }

    /// Errc::io_error with the path and the system's reason; from then on every write and the commit fail with it.
    Status write(const void* from, std::size_t n) override;
    /// Puts the file under its name. Call it once, after the last write. Errc::io_error: the old file is untouched.
    Status commit();

private:
    FileWriter(std::string path, std::string temporary, detail::FilePtr file)
        : path_(std::move(path)), temporary_(std::move(temporary)), file_(std::move(file)) {}

    Status failed() const;
    std::error_code finish();
    void discard();

    std::string path_, temporary_;
    detail::FilePtr file_;   // null once committed, given up or moved from
    std::error_code error_;  // the first thing that went wrong
};

/// Creates `path`, calls write(Writer&) -> Status, and commits if that went well.
template <class Write>
Status write_file(const std::string& path, Write write) {
    auto file = FileWriter::create(path);
    if (!file) return file.status();
    LUTRA_TRY(write(static_cast<Writer&>(*file)));
    return file->commit();
}

namespace detail {

/// What the C library just reported; EIO where it gave no reason.
inline std::error_code last_error() { return {errno != 0 ? errno : EIO, std::generic_category()}; }

inline Status file_error(std::string_view action, const std::string& path, std::error_code error) {
    const Errc code = error == std::errc::no_such_file_or_directory ? Errc::not_found : Errc::io_error;
    return {code, "cannot {} {}: {}", action, path, error.message()};
}

/// Refuses what cannot be read or replaced as a file; what does not exist passes.
inline Status check_regular(const std::string& path) {
    std::error_code ignored;
    const auto status = std::filesystem::status(path, ignored);
    if (!std::filesystem::exists(status) || std::filesystem::is_regular_file(status)) return {};
    const bool folder = std::filesystem::is_directory(status);
    return {Errc::unsupported, "{} is a {}; a regular file is accepted", path, folder ? "folder" : "pipe or device"};
}

#if LUTRA_HAS_POSIX
/// Of the file that is open: another one may have been renamed to `path` since.
inline std::error_code size_of(std::FILE* file, const std::string&, std::uint64_t& size) {
    struct ::stat about;
    if (::fstat(::fileno(file), &about) != 0) return last_error();
    size = std::uint64_t(about.st_size);
    return {};
}
inline bool flush_to_disk(std::FILE* file) { return std::fflush(file) == 0 && ::fsync(::fileno(file)) == 0; }

/// Makes a rename in the folder of `path` survive a power cut. A folder that cannot be opened or synced is left to the system.
inline void flush_folder(const std::string& path) {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return;
    ::fsync(descriptor);
    ::close(descriptor);
}
#else
inline std::error_code size_of(std::FILE*, const std::string& path, std::uint64_t& size) {
    std::error_code error;
    size = std::filesystem::file_size(path, error);
    return error;
}
inline bool flush_to_disk(std::FILE* file) { return std::fflush(file) == 0; }
inline void flush_folder(const std::string&) {}
#endif

inline Result<OpenFile> open_regular_file(const std::string& path) {
    LUTRA_TRY(check_regular(path));  // before opening: opening a pipe would wait for its other end
    OpenFile open;
    errno = 0;
    open.file.reset(std::fopen(path.c_str(), "rb"));
    if (!open.file) return file_error("open", path, last_error());
    if (const auto error = size_of(open.file.get(), path, open.size)) return file_error("read the size of", path, error);
    return open;
}

/// Where writing to `path` goes in the end, through symbolic links.
inline std::string final_target(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::is_symlink(std::filesystem::symlink_status(path, error))) return path;
    const auto target = std::filesystem::weakly_canonical(path, error);
    return error ? path : target.string();
}

/// A new file beside `path`: `name` gets its name. Null with errno set if there can be none.
inline FilePtr create_beside(const std::string& path, std::string& name) {
    constexpr int kMostLeftovers = 1000;
    for (int i = 0; i < kMostLeftovers; ++i) {
        name = path + ".tmp" + std::to_string(i);
        errno = 0;
        FilePtr file(std::fopen(name.c_str(), "wbx"));  // x: fails if the name is taken, so no two writers share it
        if (file || errno != EEXIST) return file;
    }
    return nullptr;
}

}  // namespace detail

inline Result<FileReader> FileReader::open(const std::string& path) {
    auto open = detail::open_regular_file(path);
    if (!open) return open.status();
    return FileReader(path, *std::move(open));
}

inline Status FileReader::read(void* to, std::size_t n) {
    if (n > remaining())
        return {Errc::bad_file, "{} is truncated: {} bytes wanted at offset {}, {} are left", path_, n, position_, remaining()};
    if (n == 0) return {};  // `to` may be null
    errno = 0;
    const std::size_t got = std::fread(to, 1, n, open_.file.get());
    position_ += got;
    if (got == n) return {};
    if (std::ferror(open_.file.get()) != 0) return detail::file_error("read", path_, detail::last_error());
    return {Errc::bad_file, "{} became shorter while it was read: it ends at offset {}", path_, position_};
}

inline Result<FileWriter> FileWriter::create(const std::string& path) {
    LUTRA_TRY(detail::check_regular(path));
    std::string target = detail::final_target(path), temporary;
    detail::FilePtr file = detail::create_beside(target, temporary);
    if (!file) return detail::file_error("create", temporary, detail::last_error());
    std::error_code ignored;
    const auto replaced = std::filesystem::status(target, ignored);
    if (std::filesystem::exists(replaced)) std::filesystem::permissions(temporary, replaced.permissions(), ignored);
    return FileWriter(std::move(target), std::move(temporary), std::move(file));
}

inline Status FileWriter::failed() const { return detail::file_error("write", path_, error_); }

inline Status FileWriter::write(const void* from, std::size_t n) {
    if (error_) return failed();
    if (!file_) return {Errc::bad_argument, "{} is already committed; write before commit()", path_};
    errno = 0;
    if (n == 0 || std::fwrite(from, 1, n, file_.get()) == n) return {};
    error_ = detail::last_error();
    return failed();
}

inline Status FileWriter::commit() {
    if (error_) return discard(), failed();
    if (!file_) return {Errc::bad_argument, "{} is already committed; commit() once", path_};
    error_ = finish();
    if (error_) {
        std::remove(temporary_.c_str());
        return failed();
    }
    detail::flush_folder(path_);
    return {};
}

inline std::error_code FileWriter::finish() {
    errno = 0;
    const std::error_code flushed = detail::flush_to_disk(file_.get()) ? std::error_code{} : detail::last_error();
    errno = 0;
    const bool closed = std::fclose(file_.release()) == 0;
    if (flushed) return flushed;
    if (!closed) return detail::last_error();
    std::error_code renamed;
    std::filesystem::rename(temporary_, path_, renamed);
    return renamed;
}

inline void FileWriter::discard() {
    if (!file_) return;
    file_.reset();
    std::remove(temporary_.c_str());
}

}  // namespace lutra::inline LUTRA_ABI_TAG
