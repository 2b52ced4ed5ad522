// lutra/io/temporary_file.hpp: temporary files, which replace their target when complete: names, rights, and the removal of those
// that killed processes left behind.  Main path: create_temporary() -> sweep_leftovers(), create_hidden(), take_over_rights().
// SPDX-License-Identifier: MIT
//
// LUTRA_HAS_POSIX is set by the library; where it is 0 plain C files serve: no owners, no sweeping, no fsync.
#pragma once
#include <lutra/core/digits.hpp>
#include <lutra/io/folder.hpp>
#include <lutra/io/path_text.hpp>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#if LUTRA_HAS_POSIX
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using FilePtr = std::unique_ptr<std::FILE, CloseFile>;

/// A new file open for writing. Nobody but its owner can read it until it has the rights of the file it will replace; where
/// there is none, it gets those of a new file (new_mode) when it is complete.
struct TemporaryFile {
    std::string name;
    FilePtr file;  // null: it could not be made, errno has the reason
    std::optional<unsigned> new_mode = {};
};

inline constexpr std::string_view kTemporaryMark = ".lutra-", kTemporaryEnd = ".tmp";

/// "x.index" -> "x.index.lutra-4711-0.tmp" in the same folder: process 4711's first. Long names are cut: a target may have a name
/// as long as the system allows, and its temporary needs one too.
inline std::string temporary_name(const std::filesystem::path& target, long process, int number) {
    constexpr std::size_t kLongestName = 255;
    const std::string end = std::string(kTemporaryMark) + std::to_string(process) + "-" + std::to_string(number) + ".tmp";
    const std::string name = target.filename().string();
    return (target.parent_path() / (std::string(cut_text(name, kLongestName - end.size())) + end)).string();
}

/// The process in a temporary's name; nothing if the name is no temporary's.
inline std::optional<long> process_of(std::string_view name) {
    const std::size_t mark = name.rfind(kTemporaryMark);
    if (mark == name.npos || !name.ends_with(kTemporaryEnd)) return std::nullopt;
    constexpr auto kMost = std::uint64_t(std::numeric_limits<long>::max());
    name.remove_prefix(mark + kTemporaryMark.size());
    const auto process = read_digits(name, kMost);
    if (!process || *process == 0 || !name.starts_with('-')) return std::nullopt;
    name.remove_prefix(1);
    if (!read_digits(name, kMost) || name.size() != kTemporaryEnd.size()) return std::nullopt;
    return long(*process);
}

#if LUTRA_HAS_POSIX
inline long own_process() { return ::getpid(); }

inline bool is_running(long process) { return ::kill(pid_t(process), 0) == 0 || errno != ESRCH; }

/// Removes a temporary file unless it is being written. Its writer holds a lock until the rename; the process number alone does not
/// tell, as a writer may run in a container that shares the folder and has other numbers. The lock is exclusive, so of several
/// sweepers one removes the file, and none removes the next file of that name. `surely`: also where there are no locks.
inline void remove_unlocked(const std::string& path, bool surely) {
    const int file = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return;
    struct ::stat about, there;
    const bool regular = ::fstat(file, &about) == 0 && S_ISREG(about.st_mode);
    const bool unlocked = regular && (::flock(file, LOCK_EX | LOCK_NB) == 0 || (surely && errno != EWOULDBLOCK));
    // The opened file may have been renamed meanwhile, and a new file may have its old name.
    if (unlocked && ::lstat(path.c_str(), &there) == 0 && there.st_ino == about.st_ino) ::unlink(path.c_str());
    ::close(file);
}

/// Removes the temporaries in a folder whose process is gone, killed or by a power cut. A file with this process's number may be an
/// earlier process's, too: in a container that restarts, processes get the same numbers again.
inline void sweep_leftovers(const std::filesystem::path& folder) {
    static_cast<void>(for_each_name(folder, [&](std::string_view name) {
        const std::optional<long> process = process_of(name);
        if (!process) return;
        const bool gone = !is_running(*process);
        if (gone || *process == own_process()) remove_unlocked((folder / name).string(), gone);
    }));
}

/// Locks a new file; false if another process has locked it meanwhile, as a leftover.
inline bool lock_new(int file) {
    struct ::stat about;
    return (::flock(file, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) && ::fstat(file, &about) == 0 && about.st_nlink != 0;
}

/// Creates a new empty file, locked; `name` is set to the first free name. -1 with errno set if that fails.
inline int create_new(const std::filesystem::path& target, mode_t mode, std::string& name) {
    constexpr int kMostNames = 1000;
    for (int i = 0; i < kMostNames; ++i) {
        name = temporary_name(target, own_process(), i);
        const int file = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (file >= 0 && lock_new(file)) return file;
        if (file < 0 && errno != EEXIST) return -1;
        if (file >= 0) ::close(file);
    }
    errno = EEXIST;
    return -1;
}

/// The mode that the system gives a new file in this folder, taken from an empty file. (Reading umask() means setting it, for all
/// threads.)
inline std::optional<unsigned> mode_of_new_file(const std::filesystem::path& target) {
    std::string name;
    struct ::stat about;
    const int file = create_new(target, 0666, name);
    if (file < 0) return std::nullopt;
    const bool known = ::fstat(file, &about) == 0;
    ::unlink(name.c_str());
    ::close(file);
    return known ? std::optional<unsigned>(about.st_mode & 0777U) : std::nullopt;
}

/// Sets owner, group and mode of the replaced file, as far as this process may give them away. If the group stays another one, it
/// gets only the rights of everyone.
inline void take_over_rights(int file, const struct ::stat& replaced) {
    mode_t mode = replaced.st_mode & 07777;
    if (::fchown(file, replaced.st_uid, replaced.st_gid) != 0) {
        mode &= 0777;  // no set-id bit for another owner
        if (::fchown(file, uid_t(-1), replaced.st_gid) != 0) mode &= ~mode_t(070) | (mode << 3);
    }
    static_cast<void>(::fchmod(file, mode));  // where there are no modes there is nothing to keep
}

/// A file that will replace `target`, or be it if there is none yet.
inline TemporaryFile create_temporary(const std::filesystem::path& target) {
    sweep_leftovers(target.parent_path());
    struct ::stat replaced;
    const bool replaces = ::stat(target.c_str(), &replaced) == 0;
    TemporaryFile made;
    if (!replaces) made.new_mode = mode_of_new_file(target);
    const int file = create_new(target, 0600, made.name);
    if (file < 0) return made;
    if (replaces) take_over_rights(file, replaced);
    made.file.reset(::fdopen(file, "wb"));
    if (!made.file) ::close(file), ::unlink(made.name.c_str());
    return made;
}

/// True if a file can be renamed while it is open, and so stay locked until then.
inline constexpr bool kRenamesOpenFiles = true;

/// Flushes all bytes to the disk and sets the rights of a complete file.
inline bool complete_file(const TemporaryFile& temporary) {
    const int file = ::fileno(temporary.file.get());
    if (std::fflush(temporary.file.get()) != 0) return false;
    if (temporary.new_mode) static_cast<void>(::fchmod(file, mode_t(*temporary.new_mode)));
    return ::fsync(file) == 0;
}

/// Makes a rename in the folder survive a power cut. A folder that cannot be opened or synced is left to the system.
inline void flush_folder(const std::filesystem::path& folder) {
    const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return;
    ::fsync(descriptor);
    ::close(descriptor);
}

/// 0, or the error that forbids changing the file.
inline int refusal_to_write(const std::filesystem::path& path) {
    return ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0 ? 0 : errno;
}
#else
inline TemporaryFile create_temporary(const std::filesystem::path& target) {
    constexpr int kMostNames = 1000;
    TemporaryFile made;
    for (int i = 0; i < kMostNames && !made.file; ++i) {
        made.name = temporary_name(target, 0, i);
        errno = 0;
        made.file.reset(std::fopen(made.name.c_str(), "wbx"));  // x: fails if the name is taken, so no two writers share it
        if (!made.file && errno != EEXIST) break;
    }
    std::error_code ignored;
    const auto replaced = std::filesystem::status(target, ignored);
    if (made.file && std::filesystem::exists(replaced)) std::filesystem::permissions(made.name, replaced.permissions(), ignored);
    return made;
}
inline constexpr bool kRenamesOpenFiles = false;
inline bool complete_file(const TemporaryFile& temporary) { return std::fflush(temporary.file.get()) == 0; }
inline void flush_folder(const std::filesystem::path&) {}
inline int refusal_to_write(const std::filesystem::path&) { return 0; }
#endif

}  // namespace detail

}  // namespace lutra::inline LUTRA_ABI_TAG
