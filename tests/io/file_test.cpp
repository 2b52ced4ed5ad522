// tests/io/file_test.cpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/io/file.hpp>

#include "io/bytes.hpp"
#include "support/temp_dir.hpp"
#if LUTRA_HAS_POSIX
#include <sys/resource.h>

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
#endif

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

TEST_CASE("FileWriter: a leftover of a crash is neither used nor in the way") {
    const TempDir dir;
    write_bytes(dir.file("a.index.tmp0"), "left over");
    CHECK(lutra::write_file(dir.file("a.index"), [](lutra::Writer& out) { return out.write("x", 1); }).ok());
    CHECK(read_bytes(dir.file("a.index")) == "x");
    CHECK(read_bytes(dir.file("a.index.tmp0")) == "left over");
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

TEST_CASE("FileWriter: a symbolic link stays one, and the permissions of the replaced file are kept") {
    const TempDir dir;
    write_bytes(dir.file("real"), "old");
    std::filesystem::permissions(dir.file("real"), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    std::filesystem::create_symlink("real", dir.file("link"));
    CHECK(lutra::write_file(dir.file("link"), [](lutra::Writer& out) { return out.write("new", 3); }).ok());
    CHECK(std::filesystem::is_symlink(dir.file("link")));
    CHECK(read_bytes(dir.file("real")) == "new");
    CHECK(int(std::filesystem::status(dir.file("real")).permissions()) == 0600);
}
#endif

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
