// tests/io/file_test.cpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/io/file.hpp>

#include <algorithm>
#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "io/bytes.hpp"
#include "support/temp_dir.hpp"
#if LUTRA_HAS_POSIX
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#endif

using lutra::Errc;
using lutra::FileReader;
using lutra::FileWriter;
using lutra::Status;
using lutra_test::mentions;
using lutra_test::read_bytes;
using lutra_test::TempDir;
using lutra_test::write_bytes;

namespace {

std::size_t count_files(const TempDir& dir) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir.path())) count += entry.exists() ? 1 : 0;
    return count;
}

#if LUTRA_HAS_POSIX
/// While it lives, no file can grow past `bytes`: as on a full disk, writing fails halfway.
class FullDisk {
public:
    explicit FullDisk(rlim_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &old_);
        const rlimit limit{bytes, old_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FullDisk() {
        ::setrlimit(RLIMIT_FSIZE, &old_);
        std::signal(SIGXFSZ, old_handler_);
    }

private:
    rlimit old_{};
    void (*old_handler_)(int);
};

/// While it lives, new files get the mode that this umask leaves.
class Umask {
public:
    explicit Umask(mode_t mask) : old_(::umask(mask)) {}
    ~Umask() { ::umask(old_); }

private:
    mode_t old_;
};

/// Runs work() in a process that is killed at its end, if not before; the number it had.
template <class Work>
pid_t run_and_kill(Work work) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        work();
        ::raise(SIGKILL);
    }
    int status = 0;
    CHECK(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    return child;
}

struct stat about(const std::string& path) {
    struct stat found;
    REQUIRE(::stat(path.c_str(), &found) == 0);
    return found;
}
int mode_of(const std::string& path) { return int(about(path).st_mode & 07777); }

/// The one file in the folder that is none of `others`.
std::string only_other(const TempDir& dir, const std::vector<std::string>& others) {
    std::string found;
    for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
        const std::string name = entry.path().filename().string();
        if (std::find(others.begin(), others.end(), name) != others.end()) continue;
        CHECK(found.empty());
        found = entry.path().string();
    }
    return found;
}
#endif

Status write_text(const std::string& path, std::string_view text) {
    return lutra::write_file(path, [&](lutra::Writer& out) { return out.write(text.data(), text.size()); });
}

}  // namespace

TEST_CASE("FileWriter: the file appears with commit(), not before, and nothing else is left") {
    const TempDir dir;
    const std::string path = dir.file("a.index");
    auto out = FileWriter::create(path);
    REQUIRE(out.ok());
    CHECK(out->write("hello", 5).ok());
    CHECK(!std::filesystem::exists(path));
    CHECK(out->commit().ok());
    CHECK(read_bytes(path) == "hello");
    CHECK(count_files(dir) == 1);
}

TEST_CASE("FileWriter: without commit() the old file stays and the temporary one goes") {
    const TempDir dir;
    const std::string path = dir.file("a.index");
    write_bytes(path, "old");
    {
        auto out = FileWriter::create(path);
        REQUIRE(out.ok());
        CHECK(out->write("new", 3).ok());
        CHECK(count_files(dir) == 2);
        CHECK(read_bytes(path) == "old");
    }
    CHECK(read_bytes(path) == "old");
    CHECK(count_files(dir) == 1);
}

TEST_CASE("FileWriter: two writers of one file do not disturb each other; the last commit wins") {
    const TempDir dir;
    const std::string path = dir.file("a.index");
    auto first = FileWriter::create(path), second = FileWriter::create(path);
    REQUIRE(first.ok());
    REQUIRE(second.ok());
    CHECK(first->write("first", 5).ok());
    CHECK(second->write("second", 6).ok());
    CHECK(second->commit().ok());
    CHECK(read_bytes(path) == "second");
    CHECK(first->commit().ok());
    CHECK(read_bytes(path) == "first");
    CHECK(count_files(dir) == 1);
}

TEST_CASE("FileWriter: a file may be replaced while another writer of it begins") {
    const TempDir dir;
    const std::string path = dir.file("x"), next = dir.file("next");
    write_bytes(path, "0");
    std::atomic<bool> done = false;
    std::thread other([&] {
        while (!done) {
            write_bytes(next, "1");
            std::filesystem::rename(next, path);
        }
    });
    int made = 0;
    for (int i = 0; i < 5000; ++i) made += FileWriter::create(path).ok() ? 1 : 0;
    done = true;
    other.join();
    CHECK(made == 5000);
}

TEST_CASE("FileWriter: files of others that only look alike are neither used nor in the way") {
    const TempDir dir;
    const std::vector<std::string> names{"a.index.tmp0",
                                         "a.index.lutra-0-0.tmp",
                                         "a.index.lutra--5-0.tmp",
                                         "a.lutra-99999999-0",
                                         "a.lutra-99999999.tmp",
                                         "a.lutra-99999999-0x.tmp",
                                         "a.lutra-9x9-0.tmp",
                                         "a.lutra-.tmp",
                                         "a.lutra-99999999-.tmp",
                                         "99999999-0.tmp",
                                         ".tmp",
                                         "a.lutra-99999999999999999999-0.tmp"};
    for (const std::string& name : names) write_bytes(dir.file(name), "not ours");
    CHECK(write_text(dir.file("a.index"), "x").ok());
    CHECK(read_bytes(dir.file("a.index")) == "x");
    for (const std::string& name : names) CHECK(read_bytes(dir.file(name)) == "not ours");
}

TEST_CASE("FileWriter: nothing can be written after commit(), and there is one commit") {
    const TempDir dir;
    auto out = FileWriter::create(dir.file("a"));
    REQUIRE(out.ok());
    CHECK(out->commit().ok());
    CHECK(out->write("x", 1).code() == Errc::bad_argument);
    CHECK(out->commit().code() == Errc::bad_argument);
    CHECK(read_bytes(dir.file("a")).empty());
}

TEST_CASE("FileWriter: complete() changes nothing under the name, and more may be written before commit()") {
    const TempDir dir;
    write_bytes(dir.file("a"), "old");
    auto out = FileWriter::create(dir.file("a"));
    REQUIRE(out.ok());
    CHECK(out->write("ne", 2).ok());
    CHECK(out->complete().ok());
    CHECK(read_bytes(dir.file("a")) == "old");
    CHECK(out->write("w", 1).ok());
    CHECK(out->commit().ok());
    CHECK(read_bytes(dir.file("a")) == "new");
    CHECK(out->complete().code() == Errc::bad_argument);
}

TEST_CASE("FileWriter: a moved writer commits, the one it came from does nothing") {
    const TempDir dir;
    auto out = FileWriter::create(dir.file("a"));
    REQUIRE(out.ok());
    CHECK(out->write("x", 1).ok());
    {
        FileWriter moved(*std::move(out));
        CHECK(moved.commit().ok());
    }
    CHECK(read_bytes(dir.file("a")) == "x");
}

TEST_CASE("FileWriter: a folder, a device and a missing folder are refused before anything is written") {
    const TempDir dir;
    const auto folder = FileWriter::create(dir.path().string());
    CHECK(folder.status().code() == Errc::unsupported);
    CHECK(mentions(folder.status().message(), "is a folder"));
    const auto missing = FileWriter::create(dir.file("no/such.index"));
    CHECK(missing.status().code() == Errc::not_found);
    CHECK(mentions(missing.status().message(), "no/such.index"));
#if LUTRA_HAS_POSIX
    CHECK(FileWriter::create("/dev/null").status().code() == Errc::unsupported);
#endif
    CHECK(count_files(dir) == 0);
}

TEST_CASE("write_file: an error of what writes leaves the old file") {
    const TempDir dir;
    write_bytes(dir.file("a"), "old");
    const Status status = lutra::write_file(dir.file("a"), [](lutra::Writer& out) {
        LUTRA_TRY(out.write("new", 3));
        return Status{Errc::cancelled, "stop"};
    });
    CHECK(status.code() == Errc::cancelled);
    CHECK(read_bytes(dir.file("a")) == "old");
    CHECK(count_files(dir) == 1);
}

#if LUTRA_HAS_POSIX
TEST_CASE("FileWriter: when the disk is full the old file stays and the error names path and reason") {
    const TempDir dir;
    const std::string path = dir.file("a.index"), much(100'000, 'x');
    write_bytes(path, "old");
    for (const std::size_t limit : {std::size_t{0}, std::size_t{10}, std::size_t{5'000}, much.size() - 1}) {
        CAPTURE(limit);
        const Status status = [&] {
            const FullDisk full(limit);
            return lutra::write_file(path, [&](lutra::Writer& out) { return out.write(much.data(), much.size()); });
        }();
        CHECK(status.code() == Errc::io_error);
        CHECK(mentions(status.message(), path + ": File too large"));
        CHECK(read_bytes(path) == "old");
        CHECK(count_files(dir) == 1);
    }
}

TEST_CASE("FileWriter: complete() finds the full disk, before another file is put in place") {
    const TempDir dir;
    write_bytes(dir.file("a"), "old");
    {
        auto out = FileWriter::create(dir.file("a"));
        REQUIRE(out.ok());
        const FullDisk full(10);
        CHECK(out->write("more than ten bytes", 19).ok());  // fits the buffer
        CHECK(out->complete().code() == Errc::io_error);
        CHECK(out->commit().code() == Errc::io_error);
    }
    CHECK(read_bytes(dir.file("a")) == "old");
    CHECK(count_files(dir) == 1);
}

TEST_CASE("FileWriter: an error while flushing, and one that the caller passed over, fail the commit") {
    const TempDir dir;
    const std::string path = dir.file("a.index");
    write_bytes(path, "old");
    for (const std::size_t size : {std::size_t{100}, std::size_t{100'000}}) {  // fits the buffer, and does not
        auto out = FileWriter::create(path);
        REQUIRE(out.ok());
        const std::string text(size, 'x');
        const Status commit = [&] {
            const FullDisk full(10);
            static_cast<void>(out->write(text.data(), text.size()));
            return out->commit();
        }();
        CHECK(commit.code() == Errc::io_error);
        CHECK(read_bytes(path) == "old");
        CHECK(count_files(dir) == 1);
    }
}

TEST_CASE("FileWriter: what a killed process left over is removed by the next one, also of other targets") {
    const TempDir dir;
    write_bytes(dir.file("other.index"), "other");
    for (const std::string name : {"a.index", "b.index"})
        run_and_kill([&] {
            auto out = FileWriter::create(dir.file(name));
            static_cast<void>(out->write("half", 4));
            ::raise(SIGKILL);
        });
    CHECK(count_files(dir) == 2);  // other.index, and what the second process left: it has removed the first one's
    CHECK(write_text(dir.file("a.index"), "whole").ok());
    CHECK(count_files(dir) == 2);
    CHECK(read_bytes(dir.file("a.index")) == "whole");
    CHECK(read_bytes(dir.file("other.index")) == "other");
}

TEST_CASE("FileWriter: what another process of this one's number left over is removed, what this one writes is not") {
    const TempDir dir;
    const std::string left = dir.file("x.lutra-" + std::to_string(::getpid()) + "-7.tmp");
    auto first = FileWriter::create(dir.file("x"));
    REQUIRE(first.ok());
    write_bytes(left, "left over");
    auto second = FileWriter::create(dir.file("x"));
    REQUIRE(second.ok());
    CHECK(!std::filesystem::exists(left));
    CHECK(count_files(dir) == 2);
    CHECK(first->commit().ok());
    CHECK(second->commit().ok());
    CHECK(count_files(dir) == 1);
}

TEST_CASE("FileWriter: writers in several threads sweep nothing of each other's") {
    const TempDir dir;
    std::vector<int> committed(4, 0);
    std::vector<std::thread> threads;
    for (int& n : committed)
        threads.emplace_back([&] {
            for (int i = 0; i < 50; ++i) {
                auto writer = FileWriter::create(dir.file("x"));
                n += writer.ok() && writer->write("x", 1).ok() && writer->commit().ok() ? 1 : 0;
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(committed == std::vector<int>(4, 50));
    CHECK(count_files(dir) == 1);
}

TEST_CASE("FileWriter: the temporary file of a process that runs is not removed") {
    const TempDir dir;
    auto first = FileWriter::create(dir.file("a"));
    REQUIRE(first.ok());
    CHECK(first->write("first", 5).ok());
    run_and_kill([&] { static_cast<void>(write_text(dir.file("b"), "second")); });
    CHECK(first->commit().ok());
    CHECK(read_bytes(dir.file("a")) == "first");
    CHECK(read_bytes(dir.file("b")) == "second");
    const std::string unlocked = dir.file("a.lutra-" + std::to_string(::getppid()) + "-7.tmp");  // where there are no locks
    write_bytes(unlocked, "half");
    CHECK(write_text(dir.file("c"), "third").ok());
    CHECK(read_bytes(unlocked) == "half");
}

TEST_CASE("FileWriter: a temporary file that is locked stays, whatever process it names") {
    const TempDir dir;
    const pid_t gone = run_and_kill([] {});
    auto writer = FileWriter::create(dir.file("a"));
    REQUIRE(writer.ok());
    const std::string foreign = dir.file("a.lutra-" + std::to_string(gone) + "-0.tmp");  // as in another container
    std::filesystem::rename(only_other(dir, {}), foreign);
    CHECK(write_text(dir.file("b"), "x").ok());
    CHECK(std::filesystem::exists(foreign));
}

TEST_CASE("FileWriter: a temporary file is its user's alone, and a new file gets the usual mode at the end") {
    const TempDir dir;
    for (const mode_t mask : {0022, 0077, 0000, 0027}) {
        const Umask umask(mask);
        const std::string path = dir.file("new");
        auto out = FileWriter::create(path);
        REQUIRE(out.ok());
        CHECK(mode_of(only_other(dir, {})) == 0600);
        CHECK(out->write("x", 1).ok());
        CHECK(mode_of(only_other(dir, {})) == 0600);
        CHECK(out->commit().ok());
        CHECK(mode_of(path) == int(0666 & ~mask));
        std::filesystem::remove(path);
    }
}

TEST_CASE("FileWriter: what replaces a file has its mode, owner and group before the first byte") {
    const TempDir dir;
    const std::string path = dir.file("a");
    for (const int mode : {0600, 0640, 0664, 0644, 0666}) {
        write_bytes(path, "old");
        REQUIRE(::chmod(path.c_str(), mode_t(mode)) == 0);
        const bool given = ::chown(path.c_str(), 1234, 4321) == 0;  // only the superuser may
        auto out = FileWriter::create(path);
        REQUIRE(out.ok());
        for (const std::string& name : {only_other(dir, {"a"}), path}) {
            CHECK(mode_of(name) == mode);
            if (given) CHECK((about(name).st_uid == 1234 && about(name).st_gid == 4321));
            if (name != path) CHECK(out->commit().ok());
        }
    }
}

TEST_CASE("FileWriter: a file that may not be written is not replaced") {
    const TempDir dir;
    write_bytes(dir.file("a"), "old");
    std::filesystem::permissions(dir.file("a"), std::filesystem::perms::owner_read);
    if (::geteuid() != 0) {
        const Status status = write_text(dir.file("a"), "new");
        CHECK(status.code() == Errc::io_error);
        CHECK(mentions(status.message(), "a: Permission denied"));
        CHECK(read_bytes(dir.file("a")) == "old");
    }
    CHECK(count_files(dir) == 1);
}

TEST_CASE("FileWriter: a symbolic link stays one, and its target is written, made if need be") {
    const TempDir dir;
    std::filesystem::create_directory(dir.file("disk"));
    std::filesystem::create_symlink("disk/real", dir.file("link"));
    std::filesystem::create_symlink("link", dir.file("link to link"));
    std::filesystem::create_symlink(dir.file("disk/absolute"), dir.file("absolute"));
    for (const std::string link : {"link", "link to link", "link", "absolute"}) {  // not there yet, there, not there yet
        CHECK(write_text(dir.file(link), link).ok());
        CHECK(std::filesystem::is_symlink(dir.file(link)));
        CHECK(read_bytes(dir.file(link)) == link);
    }
    CHECK(read_bytes(dir.file("disk/real")) == "link");
    CHECK(read_bytes(dir.file("disk/absolute")) == "absolute");
    CHECK(std::distance(std::filesystem::directory_iterator(dir.file("disk")), {}) == 2);
}

TEST_CASE("FileWriter: a loop of links, and a link into a missing folder or to one, are refused") {
    const TempDir dir;
    std::filesystem::create_symlink("b", dir.file("a"));
    std::filesystem::create_symlink("a", dir.file("b"));
    std::filesystem::create_symlink("no/such", dir.file("lost"));
    std::filesystem::create_symlink(".", dir.file("folder"));
    CHECK(mentions(write_text(dir.file("a"), "x").message(), "symbolic links"));
    CHECK(write_text(dir.file("a"), "x").code() == Errc::io_error);
    CHECK(mentions(FileReader::open(dir.file("a")).status().message(), "symbolic links"));
    CHECK(write_text(dir.file("lost"), "x").code() == Errc::not_found);
    CHECK(mentions(write_text(dir.file("lost"), "x").message(), "lost -> "));
    CHECK(mentions(write_text(dir.file("folder"), "x").message(), "is a folder"));
    for (const char* name : {"a", "b", "lost", "folder"}) CHECK(std::filesystem::is_symlink(dir.file(name)));
}

TEST_CASE("FileWriter: a link of the system's to a file that is gone is refused") {
    const TempDir dir;
    const int file = ::open(dir.file("gone").c_str(), O_WRONLY | O_CREAT, 0600);
    REQUIRE(file >= 0);
    const std::string path = "/proc/self/fd/" + std::to_string(file);  // as /dev/stdout is one
    if (std::filesystem::exists(path)) {
        CHECK(write_text(path, "x").ok());
        std::filesystem::remove(dir.file("gone"));
        CHECK(!write_text(path, "x").ok());
        CHECK(count_files(dir) == 0);
    }
    ::close(file);
}

TEST_CASE("FileWriter: another hard link of a replaced file keeps the old content") {
    const TempDir dir;
    write_bytes(dir.file("a"), "old");
    std::filesystem::create_hard_link(dir.file("a"), dir.file("b"));
    CHECK(write_text(dir.file("a"), "new").ok());
    CHECK(read_bytes(dir.file("a")) == "new");
    CHECK(read_bytes(dir.file("b")) == "old");
}

TEST_CASE("FileWriter: a name may be as long as the system allows, and one that is longer is refused before anything is written") {
    const TempDir dir;
    std::string music;
    for (int i = 0; i < 63; ++i) music += "\xF0\x9F\x8E\xB5";  // four bytes each
    for (const std::string& name : {std::string(255, 'n'), std::string(240, 'n'), music + "abc"}) {
        CHECK(write_text(dir.file(name), "x").ok());
        CHECK(read_bytes(dir.file(name)) == "x");
    }
    CHECK(count_files(dir) == 3);
    const Status status = write_text(dir.file(std::string(256, 'n')), "x");
    CHECK(status.code() == Errc::io_error);
    CHECK(status.message().ends_with(": File name too long"));
    CHECK(count_files(dir) == 3);
}
#endif

TEST_CASE("FileWriter: a path that names no file is refused, and so is one below a file") {
    const TempDir dir;
    write_bytes(dir.file("file"), "old");
    for (const std::string& path : {std::string(), dir.file("new/"), dir.file("no/such/")}) {
        const Status status = write_text(path, "x");
        CHECK(status.code() == Errc::unsupported);
        CHECK(mentions(status.message(), "names no file"));
    }
    CHECK(!write_text(dir.file("file/"), "x").ok());
    CHECK(!write_text(dir.file("file/below"), "x").ok());
    CHECK(read_bytes(dir.file("file")) == "old");
    CHECK(count_files(dir) == 1);
}

TEST_CASE("errors of files keep the reason, however long the path is, and no name forges a line of output") {
    const TempDir dir;
    std::string deep = dir.path().string();
    for (int i = 0; i < 10; ++i) deep += "/" + std::string(200, 'd');
    for (const Status& status : {FileReader::open(deep).status(), write_text(deep, "x")}) {
        CHECK(status.code() == Errc::not_found);
        CHECK(status.message().ends_with(": No such file or directory"));
    }
    const Status status = FileReader::open(dir.file("a\nlutra: \x1b[2J")).status();
    CHECK(mentions(status.message(), "a\\nlutra: \\x1b[2J: No such file"));
}

TEST_CASE("FileReader: gives the bytes and knows how many are left") {
    const TempDir dir;
    write_bytes(dir.file("a"), "abcdef");
    auto in = FileReader::open(dir.file("a"));
    REQUIRE(in.ok());
    CHECK(in->remaining() == 6);
    std::string text(4, ' ');
    CHECK(in->read(text.data(), 4).ok());
    CHECK(text == "abcd");
    CHECK(in->position() == 4);
    CHECK(in->remaining() == 2);
}

TEST_CASE("FileReader: reading past the end is a truncated file, named, and takes nothing") {
    const TempDir dir;
    write_bytes(dir.file("short"), "abc");
    auto in = FileReader::open(dir.file("short"));
    REQUIRE(in.ok());
    char text[4] = {};
    const Status status = in->read(text, 4);
    CHECK(status.code() == Errc::bad_file);
    CHECK(mentions(status.message(), "short is truncated: 4 bytes wanted at offset 0, 3 are left"));
    CHECK(in->position() == 0);
}

TEST_CASE("FileReader: a file that becomes shorter while it is read is a bad file, not garbage") {
    const TempDir dir;
    write_bytes(dir.file("a"), std::string(50'000, 'x'));
    auto in = FileReader::open(dir.file("a"));
    REQUIRE(in.ok());
    std::filesystem::resize_file(dir.file("a"), 100);
    std::string text(50'000, ' ');
    CHECK(in->read(text.data(), text.size()).code() == Errc::bad_file);
}

TEST_CASE("FileReader: a missing file, a folder and a device are told apart") {
    const TempDir dir;
    CHECK(FileReader::open(dir.file("none")).status().code() == Errc::not_found);
    CHECK(FileReader::open(dir.path().string()).status().code() == Errc::unsupported);
#if LUTRA_HAS_POSIX
    CHECK(mentions(FileReader::open("/dev/null").status().message(), "is a pipe or device"));
#endif
}
