// Tests of factory/save_load.hpp on files of our own; golden_test.cpp has faiss's, hostile_file_test.cpp damaged ones.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/factory/index_factory.hpp>
#include <lutra/factory/save_load.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "factory/small_files.hpp"
#include "support/temp_dir.hpp"

namespace {
using lutra::Errc;
using small_files::Bytes;

void write(const std::string& path, const Bytes& bytes) {
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
}

std::vector<Bytes> in_id_maps() {
    namespace files = small_files;
    return {files::saved(files::small_flat(true)), files::saved(files::small_odd_fast_scan(true)),
            files::saved(lutra::Transformed(lutra::L2norm(2), files::small_flat(true))),
            files::saved(files::small_refined(files::small_flat(false), true)),
            files::saved(files::small_refined(files::small_ivf(false), true))};
}

/// Where the first id map's record begins.
std::size_t find_id_map(const Bytes& bytes) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return std::min(text.find("IxMp"), text.find("IxM2"));
}
std::string kind_of(const Bytes& bytes) {
    const std::size_t at = find_id_map(bytes);
    return at >= bytes.size() ? "none" : std::string(reinterpret_cast<const char*>(bytes.data()) + at, 4);
}
Bytes with_kind(Bytes bytes, std::string_view kind) {
    std::memcpy(bytes.data() + find_id_map(bytes), kind.data(), 4);
    return bytes;
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

TEST_CASE("an id map is saved as the kind it was loaded as; one of lutra's own as IxM2, of which faiss gives rows by their ids") {
    for (const Bytes& own : in_id_maps()) {
        REQUIRE(kind_of(own) == "IxM2");
        for (const std::string_view kind : {"IxMp", "IxM2"}) {
            CAPTURE(kind);
            const Bytes bytes = with_kind(own, kind);
            lutra::Index index = small_files::loaded(bytes).value();
            CHECK(small_files::saved(index) == bytes);
            const auto seven = [](lutra::Id id) { return id % 7 == 0; };
            REQUIRE(index.remove_ids(lutra::IdFilter::predicate(seven)).ok());
            CHECK(kind_of(small_files::saved(index)) == kind);
        }
    }
}

TEST_CASE("an id map keeps its kind when other vectors come, and gives it to an index without one") {
    for (const Bytes& own : in_id_maps())
        for (const std::string_view kind : {"IxMp", "IxM2"}) {
            CAPTURE(kind);
            lutra::Index index = small_files::loaded(with_kind(own, kind)).value(), more = small_files::loaded(own).value();
            REQUIRE(index.merge_from(more, 1000).ok());
            CHECK(kind_of(small_files::saved(index)) == kind);
            REQUIRE(more.ntotal() == 0);
            REQUIRE(more.merge_from(index, 0).ok());
            CHECK(kind_of(small_files::saved(more)) == kind);
            index.reset();
            const lutra_test::Matrix x = lutra_test::normal_matrix(2, index.dim(), 9);
            const lutra::Id ids[] = {90, 9};
            REQUIRE(index.add_with_ids(x, ids).ok());
            CHECK(kind_of(small_files::saved(index)) == kind);
        }
}

TEST_CASE("an id map around a refined index is kept, also where the ids in it are places") {
    const Bytes record = small_files::saved(small_files::small_refined(small_files::small_ivf(false), false));
    for (const char* kind : {"IxMp", "IxM2"}) {
        constexpr std::size_t kHeader = 33;
        lutra::MemoryWriter file;
        REQUIRE(file.write(kind, 4).ok());
        REQUIRE(file.write(record.data() + 4, kHeader).ok());
        REQUIRE(file.write(record.data(), record.size()).ok());
        for (const std::int64_t v : {4, 0, 1, 2, 3}) REQUIRE(lutra::write_value(file, v).ok());
        const Bytes bytes(file.bytes().begin(), file.bytes().end());
        CHECK(small_files::saved(small_files::loaded(bytes).value()) == bytes);
    }
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
