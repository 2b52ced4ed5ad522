// tests/io/mapped_test.cpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/io/mapped.hpp>

#include "io/bytes.hpp"
#include "support/temp_dir.hpp"
#if LUTRA_HAS_POSIX
#include <sys/stat.h>
#endif

using lutra::Errc;
using lutra::MappedFile;
using lutra_test::TempDir;

namespace {
std::string text_of(const MappedFile& file) { return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}; }
}  // namespace

TEST_CASE("MappedFile: has the bytes of the file") {
    const TempDir dir;
    const std::string text = std::string(10'000, 'x') + "end";
    lutra_test::write_bytes(dir.file("a"), text);
    const auto file = MappedFile::open(dir.file("a"));
    REQUIRE(file.ok());
    CHECK(text_of(*file) == text);
}

TEST_CASE("MappedFile: an empty file has no bytes") {
    const TempDir dir;
    lutra_test::write_bytes(dir.file("a"), "");
    const auto file = MappedFile::open(dir.file("a"));
    REQUIRE(file.ok());
    CHECK(file->bytes().empty());
}

TEST_CASE("MappedFile: moving keeps the bytes where they are and empties the source") {
    const TempDir dir;
    lutra_test::write_bytes(dir.file("a"), "abc");
    auto file = MappedFile::open(dir.file("a"));
    REQUIRE(file.ok());
    MappedFile from(*std::move(file));
    const std::byte* where = from.bytes().data();
    const MappedFile to(std::move(from));
    CHECK(to.bytes().data() == where);
    CHECK(text_of(to) == "abc");
    CHECK(from.bytes().empty());
}

TEST_CASE("MappedFile: keeps its bytes when the file is replaced") {
    const TempDir dir;
    lutra_test::write_bytes(dir.file("a"), "old");
    const auto file = MappedFile::open(dir.file("a"));
    REQUIRE(file.ok());
    CHECK(lutra::write_file(dir.file("a"), [](lutra::Writer& out) { return out.write("something new", 13); }).ok());
    CHECK(text_of(*file) == "old");
}

TEST_CASE("MappedFile: a missing file, a folder and a pipe give a Status and do not wait") {
    const TempDir dir;
    CHECK(MappedFile::open(dir.file("none")).status().code() == Errc::not_found);
    CHECK(MappedFile::open(dir.path().string()).status().code() == Errc::unsupported);
#if LUTRA_HAS_POSIX
    REQUIRE(::mkfifo(dir.file("pipe").c_str(), 0600) == 0);
    const auto pipe = MappedFile::open(dir.file("pipe"));
    CHECK(pipe.status().code() == Errc::unsupported);
    CHECK(lutra_test::mentions(pipe.status().message(), "pipe is a pipe or device; a regular file is accepted"));
#endif
}
