// lutra/io/file.hpp: files as byte streams: FileReader, and FileWriter, which touches its target only when all is written.
// Main path: write_file() -> FileWriter::create() -> write() ... -> commit(): flush, fsync, rename.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/io/stream.hpp>
#include <lutra/io/temporary_file.hpp>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {
/// A file open for reading and its size in bytes.
struct OpenFile {
    FilePtr file;
    std::uint64_t size = 0;
};
Result<OpenFile> open_regular_file(const std::string& path);
}  // namespace detail

/// Reads a regular file from its beginning, buffered. remaining() is exact, so a wrong header is caught before memory is allocated
/// for it.
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
/// Bytes go to a temporary file in the same folder, "x.index.lutra-PID-0.tmp". commit() brings them to the disk and renames;
/// without a successful commit the temporary file is removed and whatever was under `path` stays as it was. What a killed
/// process or a power cut left over, the next create() in that folder removes.
///
///   links     a symbolic link stays one: its target is written, and made if it is not there. Other hard links of a replaced
///             file keep the old content
///   rights    nobody but this user can read an unfinished file, unless it replaces one: then it has that one's mode, and its owner
///             and group as far as this process may give them away, before the first byte. A new file gets the usual mode (umask)
class FileWriter final : public Writer {
public:
    /// Errc::not_found (no such folder), unsupported (`path` is a folder, pipe or device, or names no file) or io_error (a file
    /// that is read-only, a loop of links, a name that is too long ...).
    static Result<FileWriter> create(const std::string& path);

    FileWriter(FileWriter&&) = default;
    FileWriter& operator=(FileWriter&&) = delete;
    ~FileWriter() override { discard(); }

    /// Errc::io_error with the path and the system's reason; from then on every write and the commit fail with it.
    Status write(const void* from, std::size_t n) override;
    /// Brings all bytes to the disk: what commit() does first. Of several files, complete() all before the first commit(): then a
    /// full disk leaves all of the old ones. Errors as commit().
    Status complete();
    /// Renames the file to its name. Call it once, after the last write. Errc::io_error: the old file is untouched.
    Status commit();

private:
    FileWriter(std::string path, detail::TemporaryFile temporary) : path_(std::move(path)), temporary_(std::move(temporary)) {}

    bool is_open() const { return temporary_.file != nullptr; }  // false once committed, given up or moved from
    Status failed() const;
    std::error_code put_in_place(const std::filesystem::path& from, const std::filesystem::path& to);
    void discard();

    std::string path_;
    detail::TemporaryFile temporary_;
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

/// The last error of the C library; EIO if it gave no reason.
inline std::error_code last_error() { return {errno != 0 ? errno : EIO, std::generic_category()}; }

inline Status file_error(std::string_view action, const std::string& path, std::error_code error) {
    const Errc code = error == std::errc::no_such_file_or_directory ? Errc::not_found : Errc::io_error;
    return {code, "cannot {} {}: {}", action, path_text(path), error.message()};
}

/// Refuses anything that cannot be read or replaced as a file; a path that does not exist passes.
inline Status check_regular(std::string_view action, const std::string& path) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (status.type() == std::filesystem::file_type::not_found || std::filesystem::is_regular_file(status)) return {};
    if (!std::filesystem::exists(status)) return file_error(action, path, error);
    const bool folder = std::filesystem::is_directory(status);
    return {Errc::unsupported, "{} is a {}; a regular file is accepted", path_text(path), folder ? "folder" : "pipe or device"};
}

#if LUTRA_HAS_POSIX
/// The size of the open file; another file may have been renamed to `path` since.
inline std::error_code size_of(std::FILE* file, const std::string&, std::uint64_t& size) {
    struct ::stat about;
    if (::fstat(::fileno(file), &about) != 0) return last_error();
    size = std::uint64_t(about.st_size);
    return {};
}
#else
inline std::error_code size_of(std::FILE*, const std::string& path, std::uint64_t& size) {
    std::error_code error;
    size = std::filesystem::file_size(path, error);
    return error;
}
#endif

inline Result<OpenFile> open_regular_file(const std::string& path) {
    LUTRA_TRY(check_regular("open", path));  // before opening: opening a pipe would wait for its other end
    OpenFile open;
    errno = 0;
    open.file.reset(std::fopen(path.c_str(), "rb"));
    if (!open.file) return file_error("open", path, last_error());
    if (const auto error = size_of(open.file.get(), path, open.size)) return file_error("read the size of", path, error);
    return open;
}

/// Resolves symbolic links of `path`; the target need not exist.
inline Status follow_links(const std::string& path, std::filesystem::path& target) {
    constexpr int kMostLinks = 40;  // a loop that is longer has been refused by check_regular()
    target = path;
    for (int i = 0; i < kMostLinks; ++i) {
        std::error_code error;
        if (!std::filesystem::is_symlink(std::filesystem::symlink_status(target, error))) return {};
        const std::filesystem::path next = std::filesystem::read_symlink(target, error);
        if (error) return file_error("follow the link", path, error);
        target = target.parent_path() / next;  // an absolute one replaces the whole
    }
    return file_error("write", path, std::make_error_code(std::errc::too_many_symbolic_link_levels));
}

/// True if a path and the target of its links are one file. Another process may put a new file there between the two checks.
inline bool is_same_file(const std::string& path, const std::filesystem::path& target) {
    constexpr int kMostLooks = 8;
    bool same = target == path;
    std::error_code ignored;
    for (int i = 0; i < kMostLooks && !same; ++i) same = std::filesystem::equivalent(path, target, ignored);
    return same;
}

/// Everything that can be known before the first byte: the work whose result is written may take hours.
inline Status check_replaceable(const std::string& path, const std::filesystem::path& target) {
    if (!target.has_filename())
        return {Errc::unsupported, "\"{}\" names no file; a path that ends in the name of a file is accepted", path_text(path)};
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored) && !std::filesystem::exists(target, ignored)) return {};
    if (!is_same_file(path, target))  // such as /dev/stdout where that is a file that is gone
        return {Errc::unsupported, "{} leads to no file with a name; a regular file is accepted", path_text(path)};
    const int refused = refusal_to_write(target);
    return refused == 0 ? Status{} : file_error("write", path, {refused, std::generic_category()});
}

}  // namespace detail

inline Result<FileReader> FileReader::open(const std::string& path) {
    return guarded("open", [&]() -> Result<FileReader> {
        auto open = detail::open_regular_file(path);
        if (!open) return open.status();
        return FileReader(path, *std::move(open));
    });
}

inline Status FileReader::read(void* to, std::size_t n) {
    return guarded("read", [&]() -> Status {
        if (n > remaining())
            return {Errc::bad_file, "{} is truncated: {} bytes wanted at offset {}, {} are left", path_text(path_), n, position_,
                    remaining()};
        if (n == 0) return {};  // `to` may be null
        errno = 0;
        const std::size_t got = std::fread(to, 1, n, open_.file.get());
        position_ += got;
        if (got == n) return {};
        if (std::ferror(open_.file.get()) != 0) return detail::file_error("read", path_, detail::last_error());
        return {Errc::bad_file, "{} became shorter while it was read: it ends at offset {}", path_text(path_), position_};
    });
}

inline Result<FileWriter> FileWriter::create(const std::string& path) {
    return guarded("create", [&]() -> Result<FileWriter> {
        std::filesystem::path target;
        LUTRA_TRY(detail::check_regular("write", path));
        LUTRA_TRY(detail::follow_links(path, target));
        LUTRA_TRY(detail::check_replaceable(path, target));
        std::string name = target.string();  // before there is a file that would be left behind
        errno = 0;
        detail::TemporaryFile temporary = detail::create_temporary(target);
        if (!temporary.file) {
            const std::error_code error = detail::last_error();
            return detail::file_error("create", target == path ? path : path + " -> " + target.string(), error);
        }
        return FileWriter(std::move(name), std::move(temporary));
    });
}

inline Status FileWriter::failed() const { return detail::file_error("write", path_, error_); }

inline Status FileWriter::write(const void* from, std::size_t n) {
    return guarded("write", [&]() -> Status {
        if (error_) return failed();
        if (!is_open()) return {Errc::bad_argument, "{} is already committed; write before commit()", path_text(path_)};
        errno = 0;
        if (n == 0 || std::fwrite(from, 1, n, temporary_.file.get()) == n) return {};
        error_ = detail::last_error();
        return failed();
    });
}

inline Status FileWriter::complete() {
    return guarded("write", [&]() -> Status {
        if (error_) return discard(), failed();
        if (!is_open()) return {Errc::bad_argument, "{} is already committed; commit() once", path_text(path_)};
        errno = 0;
        if (detail::complete_file(temporary_)) return {};
        error_ = detail::last_error();
        return discard(), failed();
    });
}

inline Status FileWriter::commit() {
    return guarded("write", [&]() -> Status {
        LUTRA_TRY(complete());
        const std::filesystem::path from(temporary_.name), to(path_),
            folder = to.parent_path();  // then no memory is needed any more
        error_ = put_in_place(from, to);
        if (error_) {
            std::remove(temporary_.name.c_str());
            return failed();
        }
        detail::flush_folder(folder);
        return {};
    });
}

inline std::error_code FileWriter::put_in_place(const std::filesystem::path& from, const std::filesystem::path& to) {
    errno = 0;
    if (!detail::kRenamesOpenFiles && std::fclose(temporary_.file.release()) != 0) return detail::last_error();
    std::error_code renamed;
    std::filesystem::rename(from, to, renamed);
    temporary_.file.reset();
    return renamed;
}

inline void FileWriter::discard() {
    if (!is_open()) return;
    temporary_.file.reset();
    std::remove(temporary_.name.c_str());
}

}  // namespace lutra::inline LUTRA_ABI_TAG
