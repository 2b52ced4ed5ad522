// Tests of factory/save_load.hpp on files of our own; golden_test.cpp has faiss's, hostile_file_test.cpp damaged ones.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/factory/index_factory.hpp>
#include <lutra/factory/save_load.hpp>

#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <string>

#include "factory/small_files.hpp"
#include "support/temp_dir.hpp"

namespace {
using lutra::Errc;
using small_files::Bytes;

void write(const std::string& path, const Bytes& bytes) {
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
}
}  // namespace

TEST_CASE("save_index, load_index: through a file, for every record kind") {
    const lutra_test::TempDir folder;
    for (const small_files::File& file : small_files::all()) {
        CAPTURE(file.name);
        REQUIRE(!file.bytes.empty());
        write(folder.file("a.index"), file.bytes);
        lutra::Result<lutra::Index> index = lutra::load_index(folder.file("a.index"));
        REQUIRE_MESSAGE(index.ok(), index.status().message());
        REQUIRE(lutra::save_index(*index, folder.file("b.index")).ok());
        lutra::Result<lutra::Index> again = lutra::load_index(folder.file("b.index"));
        REQUIRE(again.ok());
        CHECK(small_files::saved(*again) == file.bytes);
    }
}

TEST_CASE("save_index: a typed index is saved as the handle is, and the handle reads it") {
    const small_files::IvfFlat typed = small_files::small_ivf(false);
    lutra::Result<lutra::Index> index = small_files::loaded(small_files::saved(typed));
    REQUIRE(index.ok());
    CHECK(index->spec() == typed.spec());
    CHECK(index->spec() == "IVF2,Flat");
}

TEST_CASE("load_index: a file that is not there, and bytes behind the record, are refused by name") {
    const lutra_test::TempDir folder;
    CHECK(lutra::load_index(folder.file("none.index")).status().code() == Errc::not_found);
    Bytes bytes = small_files::saved(small_files::small_flat(false));
    bytes.push_back(std::byte{0});
    write(folder.file("long.index"), bytes);
    const lutra::Status status = lutra::load_index(folder.file("long.index")).status();
    CHECK(status.code() == Errc::bad_file);
    CHECK(status.message().find("long.index") != std::string_view::npos);
    CHECK(status.message().find("1 bytes follow") != std::string_view::npos);
}

TEST_CASE("load_index: from a stream, records behind one another are read one by one") {
    Bytes both = small_files::saved(small_files::small_ivf(false));
    const Bytes second = small_files::saved(small_files::small_flat(true));
    both.insert(both.end(), second.begin(), second.end());
    lutra::MemoryReader in(both);
    lutra::Result<lutra::Index> first = lutra::load_index(in);
    REQUIRE(first.ok());
    CHECK(first->spec() == "IVF2,Flat");
    lutra::Result<lutra::Index> next = lutra::load_index(in);
    REQUIRE(next.ok());
    CHECK(next->spec() == "Flat");
    CHECK(in.remaining() == 0);
}

TEST_CASE("load_index: another program reads the files and finds the same records in them") {
    if (std::system("python3 -c pass > /dev/null 2>&1") != 0) return;
    const lutra_test::TempDir folder;
    std::string command = "python3 " + lutra_test::repository_file("tests/data/parse_faiss.py");
    int number = 0;
    for (const small_files::File& file : small_files::all()) {
        const std::string path = folder.file(std::to_string(number++) + ".index");
        write(path, file.bytes);
        command += " " + path;
    }
    for (const char* spec : {"IVF16,Flat", "L2norm,Flat", "L2norm,IVF3,Flat", "PQ17x4fs", "PQ1x4fs_96", "IVF16,PQ17x4fsr",
                             "L2norm,IVF3,PQ17x4fs_64", "Flat,RFlat", "L2norm,IVF3,Flat,RFlat"}) {
        lutra::Result<lutra::Index> index = lutra::index_factory(17, spec);
        const lutra_test::Matrix x = lutra_test::normal_matrix(200, 17, 9);
        REQUIRE(index->train(x).ok());
        REQUIRE(index->add(x).ok());
        const std::string path = folder.file(std::to_string(number++) + ".index");
        REQUIRE(lutra::save_index(*index, path).ok());
        command += " " + path;
    }
    CHECK(std::system((command + " > " + folder.file("log")).c_str()) == 0);
}
