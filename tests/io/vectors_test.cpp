// tests/io/vectors_test.cpp.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <lutra/io/vectors.hpp>

#include <string>
#include <utility>
#include <vector>

#include "io/bytes.hpp"
#include "support/temp_dir.hpp"

using lutra::Errc;
using lutra::VectorFile;
using lutra_test::mentions;
using lutra_test::number;
using lutra_test::TempDir;
using lutra_test::write_bytes;

namespace {

using Floats = std::vector<float>;

/// A .npy file of [n, d] counting up from `first`.
void write_counting(const std::string& path, std::size_t n, std::size_t d, float first) {
    Floats x(n * d);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = first + float(i);
    CHECK(lutra::write_file(path, [&](lutra::Writer& out) { return lutra::write_npy(out, {x.data(), n, d}); }).ok());
}

VectorFile open(const std::string& path, bool keep_open = true) {
    auto file = VectorFile::open(path, keep_open);
    INFO(file.status().message());
    REQUIRE(file.ok());
    return *std::move(file);
}

Floats all_of(const VectorFile& file) {
    const auto all = lutra::read_all(file);
    INFO(all.status().message());
    REQUIRE(all.ok());
    return *all;
}

/// Rows 0 ... 7 in four files, whose order by number would be another, and what must be ignored.
void fill_folder(const TempDir& dir) {
    write_counting(dir.file("0_0.npy"), 3, 2, 0);
    write_counting(dir.file("100_0.npy"), 1, 2, 6);
    write_counting(dir.file("10_0.npy"), 0, 2, 0);
    write_counting(dir.file("2_0.npy"), 4, 2, 8);
    write_bytes(dir.file("readme.txt"), "not vectors");
    write_bytes(dir.file("1.npy.bak"), "not vectors");
}
const Floats kFolder{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

}  // namespace

TEST_CASE("VectorFile: every kind of file gives its rows as floats") {
    const TempDir dir;
    const std::string row = number(std::int32_t{2}), shape = number(std::uint32_t{2}) + number(std::uint32_t{2});
    const std::string floats01 = number(0.F) + number(1.F), floats23 = number(2.F) + number(3.F);
    const std::string bytes01("\0\1", 2), bytes23("\2\3", 2);
    write_bytes(dir.file("x.npy"), lutra_test::npy_file(lutra_test::npy_dictionary("<f4", "(2, 2)"), floats01 + floats23));
    write_bytes(dir.file("x.fvecs"), row + floats01 + row + floats23);
    write_bytes(dir.file("x.bvecs"), row + bytes01 + row + bytes23);
    write_bytes(dir.file("x.fbin"), shape + floats01 + floats23);
    write_bytes(dir.file("x.u8bin"), shape + bytes01 + bytes23);
    write_bytes(dir.file("x.i8bin"), shape + bytes01 + bytes23);
    for (const std::string_view ending : {"npy", "fvecs", "bvecs", "fbin", "u8bin", "i8bin"}) {
        CAPTURE(ending);
        const VectorFile file = open(dir.file("x." + std::string(ending)));
        CHECK(file.n() == 2);
        CHECK(file.d() == 2);
        CHECK(all_of(file) == Floats{0, 1, 2, 3});
    }
}

TEST_CASE("VectorFile: a folder is its .npy files in the order of plain string sorting") {
    const TempDir dir;
    write_counting(dir.file("0_0.npy"), 1, 2, 0);
    write_counting(dir.file("100_0.npy"), 1, 2, 2);
    write_counting(dir.file("10_0.npy"), 1, 2, 4);
    write_counting(dir.file("2_0.npy"), 1, 2, 6);
    CHECK(all_of(open(dir.path().string())) == Floats{0, 1, 2, 3, 4, 5, 6, 7});
    CHECK(all_of(open(dir.path().string() + "/")) == Floats{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("VectorFile: a folder's other files and files without rows do not matter") {
    const TempDir dir;
    fill_folder(dir);
    const VectorFile file = open(dir.path().string());
    CHECK(file.n() == 8);
    CHECK(file.d() == 2);
    CHECK(all_of(file) == kFolder);
}

TEST_CASE("VectorFile: read() gives any range, also across files and from files not kept open") {
    const TempDir dir;
    fill_folder(dir);
    write_bytes(dir.file("whole.fbin"), number(std::uint32_t{8}) + number(std::uint32_t{2}) +
                                            std::string(reinterpret_cast<const char*>(kFolder.data()), 4 * kFolder.size()));
    const VectorFile files[] = {open(dir.path().string()), open(dir.file("whole.fbin")), open(dir.file("whole.fbin"), false)};
    for (const VectorFile& file : files) {
        for (std::size_t begin = 0; begin <= 8; ++begin)
            for (std::size_t end = begin; end <= 8; ++end) {
                Floats got((end - begin) * 2);
                CHECK(file.read(begin, end, got.data()).ok());
                CHECK(std::equal(got.begin(), got.end(), kFolder.begin() + std::ptrdiff_t(begin * 2)));
            }
    }
}

TEST_CASE("VectorFile: row_in_file() names the file of a row, and the row in it") {
    const TempDir dir;
    fill_folder(dir);
    const std::vector<std::pair<const char*, std::size_t>> wanted{{"0_0.npy", 0}, {"0_0.npy", 1}, {"0_0.npy", 2}, {"100_0.npy", 0},
                                                                  {"2_0.npy", 0}, {"2_0.npy", 1}, {"2_0.npy", 2}, {"2_0.npy", 3}};
    const VectorFile file = open(dir.path().string());
    for (std::size_t row = 0; row < wanted.size(); ++row) {
        CHECK(file.row_in_file(row).path == dir.file(wanted[row].first));
        CHECK(file.row_in_file(row).row == wanted[row].second);
    }
    CHECK(open(dir.file("2_0.npy")).row_in_file(3).path == dir.file("2_0.npy"));
    CHECK(open(dir.file("2_0.npy")).row_in_file(3).row == 3);
}

TEST_CASE("VectorFile: rows past the end are refused, with the number there are") {
    const TempDir dir;
    write_counting(dir.file("x.npy"), 3, 2, 0);
    const VectorFile file = open(dir.file("x.npy"));
    Floats got(100);
    CHECK(mentions(file.read(1, 4, got.data()).message(), "x.npy has 3 rows"));
    CHECK(file.read(2, 1, got.data()).code() == Errc::bad_argument);
    for (const std::size_t row : {std::size_t{3}, ~std::size_t{0} - 1})
        CHECK(file.read(row, row + 1, got.data()).code() == Errc::bad_argument);
}

TEST_CASE("VectorFile: floats that lie in the file as they are need no copy") {
    const TempDir dir;
    write_counting(dir.file("x.npy"), 3, 2, 10);
    write_bytes(dir.file("x.fbin"), number(std::uint32_t{1}) + number(std::uint32_t{2}) + number(4.F) + number(5.F));
    const VectorFile npy = open(dir.file("x.npy")), fbin = open(dir.file("x.fbin"));
    REQUIRE(npy.view().has_value());
    CHECK(npy.view()->n == 3);
    CHECK(npy.view()->row(2)[1] == 15);
    REQUIRE(fbin.view().has_value());
    CHECK(fbin.view()->row(0)[1] == 5);
    CHECK(!open(dir.file("x.npy"), false).view().has_value());
}

TEST_CASE("VectorFile: what needs conversion, alignment or joining has no view") {
    const TempDir dir;
    const std::string four(16, '\0');
    const auto write = [&](const char* name, const std::string& dictionary, const std::string& values) {
        write_bytes(dir.file(name), lutra_test::npy_file(dictionary, values));
    };
    write("big.npy", lutra_test::npy_dictionary(">f4", "(2, 2)"), four);
    write("fortran.npy", lutra_test::npy_dictionary("<f4", "(2, 2)", true), four);
    write("double.npy", lutra_test::npy_dictionary("<f8", "(1, 2)"), four);
    std::string unaligned = lutra_test::npy_dictionary("<f4", "(2, 2)");
    while ((10 + unaligned.size() + 1) % 4 != 1) unaligned += ' ';
    write("unaligned.npy", unaligned, four);
    for (const char* name : {"big.npy", "fortran.npy", "double.npy", "unaligned.npy"}) {
        CAPTURE(name);
        CHECK(!open(dir.file(name)).view().has_value());
    }
    const TempDir folder;
    fill_folder(folder);
    CHECK(!open(folder.path().string()).view().has_value());
}

TEST_CASE("VectorFile: a folder keeps no file descriptors, and a file none if it is told so") {
    const TempDir dir;
    for (int i = 0; i < 50; ++i) write_counting(dir.file(std::to_string(i) + ".npy"), 1, 2, 0);
    const auto descriptors = [] {
        std::error_code none;
        std::size_t count = 0;
        for (std::filesystem::directory_iterator entry("/proc/self/fd", none), end; !none && entry != end; entry.increment(none))
            ++count;
        return count;
    };
    const std::size_t before = descriptors();
    const VectorFile folder = open(dir.path().string()), file = open(dir.file("7.npy"), false);
    CHECK(folder.n() == 50);
    CHECK(all_of(file) == Floats{0, 1});
    CHECK(descriptors() == before);
}

TEST_CASE("VectorFile: rows come in blocks, whatever their order and type, and none is lost between two") {
    const TempDir dir;
    const std::size_t n = 5000, d = 33;  // more than one block of every kind
    Floats x(n * d);
    std::string rows, columns, bytes, swapped;
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = float(i * 7 % 251);
    for (std::size_t i = 0; i < x.size(); ++i) {
        if (i % d == 0) rows += number(std::int32_t(d)), bytes += number(std::int32_t(d));
        rows += number(x[i]), bytes += char(int(x[i])), swapped += number(double(x[i]), std::endian::big);
        columns += number(x[i % n * d + i / n]);
    }
    const std::string shape = "(5000, 33)";
    write_bytes(dir.file("rows.fvecs"), rows);
    write_bytes(dir.file("bytes.bvecs"), bytes);
    write_bytes(dir.file("columns.npy"), lutra_test::npy_file(lutra_test::npy_dictionary("<f4", shape, true), columns));
    write_bytes(dir.file("swapped.npy"), lutra_test::npy_file(lutra_test::npy_dictionary(">f8", shape), swapped));
    for (const char* name : {"rows.fvecs", "bytes.bvecs", "columns.npy", "swapped.npy"}) {
        CAPTURE(name);
        const VectorFile file = open(dir.file(name));
        CHECK(all_of(file) == x);
        Floats some(1234 * d);
        REQUIRE(file.read(3000, 4234, some.data()).ok());
        CHECK(std::equal(some.begin(), some.end(), x.begin() + 3000 * std::ptrdiff_t(d)));
    }
}

#if LUTRA_HAS_POSIX
TEST_CASE("VectorFile: a file that becomes shorter while it is open is an error of read(), of every kind, and no signal") {
    const TempDir dir;
    const std::size_t n = 9000, d = 4;
    std::string floats, rows, bytes, row_bytes;
    for (std::size_t i = 0; i < n; ++i) {
        floats += number(1.F) + number(2.F) + number(3.F) + number(4.F), bytes += "abcd";
        rows += number(std::int32_t{d}) + floats.substr(0, 16), row_bytes += number(std::int32_t{d}) + "abcd";
    }
    const std::string shape = number(std::uint32_t(n)) + number(std::uint32_t(d));
    write_bytes(dir.file("a.npy"), lutra_test::npy_file(lutra_test::npy_dictionary("<f4", "(9000, 4)"), floats));
    write_bytes(dir.file("b.npy"), lutra_test::npy_file(lutra_test::npy_dictionary("<f4", "(9000, 4)", true), floats));
    write_bytes(dir.file("c.fbin"), shape + floats);
    write_bytes(dir.file("d.u8bin"), shape + bytes);
    write_bytes(dir.file("e.fvecs"), rows);
    write_bytes(dir.file("f.bvecs"), row_bytes);
    for (const char* name : {"a.npy", "b.npy", "c.fbin", "d.u8bin", "e.fvecs", "f.bvecs"}) {
        CAPTURE(name);
        const VectorFile file = open(dir.file(name));
        for (const std::uintmax_t size : {20000U, 100U, 0U}) {
            std::filesystem::resize_file(dir.file(name), size);
            Floats got(n * d);
            const auto status = file.read(0, n, got.data());
            CHECK(status.code() == Errc::bad_file);
            CHECK(
                mentions(status.message(), std::string(name) + ": the file became shorter while it was read: it ends at offset "));
        }
    }
}
#endif

TEST_CASE("VectorFile: a .npy header may be longer than usual, and one that is longer than the file is refused") {
    const TempDir dir;
    const std::string dictionary = lutra_test::npy_dictionary("<f4", "(1, 2)"), values = number(0.F) + number(1.F);
    for (const std::size_t spaces : {5000U, 60000U, 200000U}) {
        const char version = spaces > 65000 ? 2 : 1;
        write_bytes(dir.file("x.npy"), lutra_test::npy_file(dictionary + std::string(spaces, ' '), values, version));
        CHECK(all_of(open(dir.file("x.npy"))) == Floats{0, 1});
    }
    write_bytes(dir.file("x.npy"), lutra_test::npy_file(dictionary + std::string(2000000, ' '), values, 2));
    CHECK(mentions(VectorFile::open(dir.file("x.npy")).status().message(), "header has 2000"));
    std::filesystem::resize_file(dir.file("x.npy"), 5000);
    CHECK(mentions(VectorFile::open(dir.file("x.npy")).status().message(), "truncated: the .npy header"));
}

TEST_CASE("VectorFile: a file with another column count is named along with the first one") {
    const TempDir dir;
    write_counting(dir.file("a.npy"), 1, 2, 0);
    write_counting(dir.file("b.npy"), 1, 3, 0);
    const auto file = VectorFile::open(dir.path().string());
    CHECK(file.status().code() == Errc::bad_file);
    CHECK(mentions(file.status().message(), "b.npy has 3 columns"));
    CHECK(mentions(file.status().message(), "a.npy has 2"));
}

TEST_CASE("VectorFile: a malformed file of a folder is named") {
    const TempDir dir;
    fill_folder(dir);
    write_bytes(dir.file("5.npy"), "junk");
    CHECK(mentions(VectorFile::open(dir.path().string()).status().message(), "5.npy: not a .npy file"));
}

TEST_CASE("VectorFile: a folder's file that changed its shape since open() is refused") {
    const TempDir dir;
    write_counting(dir.file("a.npy"), 2, 2, 0);
    const VectorFile file = open(dir.path().string());
    write_counting(dir.file("a.npy"), 1, 2, 0);
    Floats got(4);
    const auto status = file.read(0, 2, got.data());
    CHECK(status.code() == Errc::bad_file);
    CHECK(mentions(status.message(), "was [2, 2] when it was opened, now it is [1, 2]"));
}

TEST_CASE("VectorFile: a folder without .npy files, an unknown ending, ids and missing files are refused") {
    const TempDir dir;
    CHECK(mentions(VectorFile::open(dir.path().string()).status().message(), "has no .npy files"));
    write_bytes(dir.file("x.csv"), "1,2");
    const auto csv = VectorFile::open(dir.file("x.csv"));
    CHECK(csv.status().code() == Errc::unsupported);
    CHECK(mentions(csv.status().message(), ".npy (f2, f4, f8, u1, i1), .fvecs, .bvecs, .fbin, .u8bin, .i8bin and folders"));
    write_bytes(dir.file("x.ivecs"), number(std::int32_t{1}) + number(std::int32_t{5}));
    CHECK(mentions(VectorFile::open(dir.file("x.ivecs")).status().message(), "x.ivecs holds i4 values; vectors are read from"));
    CHECK(VectorFile::open(dir.file("none.npy")).status().code() == Errc::not_found);
    CHECK(VectorFile::open(dir.file("none")).status().code() == Errc::not_found);
    CHECK(VectorFile::open("").status().code() == Errc::not_found);
}

TEST_CASE("VectorFile: a malformed row is named with its file") {
    const TempDir dir;
    const std::string good = number(std::int32_t{1}) + number(5.F), bad = number(std::int32_t{2}) + number(5.F);
    write_bytes(dir.file("x.fvecs"), good + bad + good);
    const VectorFile file = open(dir.file("x.fvecs"));
    CHECK(mentions(lutra::read_all(file).status().message(), "x.fvecs: row 1 says it has 2 columns, row 0 has 1"));
}

TEST_CASE("read_id_rows: every kind of file gives its ids") {
    const TempDir dir;
    const std::vector<lutra::Id> ids{4, 5, 6, -1};
    const std::string row = number(std::int32_t{2}), shape = number(std::uint32_t{2}) + number(std::uint32_t{2});
    std::string i4, i8;
    for (const lutra::Id id : ids) i4 += number(std::int32_t(id)), i8 += number(id);
    write_bytes(dir.file("x.ivecs"), row + i4.substr(0, 8) + row + i4.substr(8));
    write_bytes(dir.file("x.ibin"), shape + i4);
    write_bytes(dir.file("4.npy"), lutra_test::npy_file(lutra_test::npy_dictionary("<i4", "(2, 2)"), i4));
    write_bytes(dir.file("8.npy"), lutra_test::npy_file(lutra_test::npy_dictionary("<i8", "(2, 2)"), i8));
    for (const char* name : {"x.ivecs", "x.ibin", "4.npy", "8.npy"}) {
        CAPTURE(name);
        const auto rows = lutra::read_id_rows(dir.file(name));
        REQUIRE(rows.ok());
        CHECK(rows->n == 2);
        CHECK(rows->k == 2);
        CHECK(rows->ids == ids);
    }
}

TEST_CASE("read_id_rows: vectors are refused, and what is accepted is named") {
    const TempDir dir;
    write_counting(dir.file("x.npy"), 1, 2, 0);
    const auto rows = lutra::read_id_rows(dir.file("x.npy"));
    CHECK(rows.status().code() == Errc::bad_file);
    CHECK(mentions(rows.status().message(), "x.npy holds f4 values; ids are read from .ivecs, .ibin and .npy (i4, i8)"));
}
