// Memory that runs out while files are read and written: a Status, the old file, and nothing left over.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/io/vectors.hpp>

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "support/each_failure.hpp"
#include "support/matrices.hpp"
#include "support/temp_dir.hpp"

#if LUTRA_HAS_EXCEPTIONS
namespace {
using lutra::Status;

/// Rows in a .npy file, and what there is in its folder.
struct Rows {
    lutra_test::TempDir folder;
    std::string path = folder.file("a name that is too long for a short string.npy");
    lutra_test::Matrix x = lutra_test::normal_matrix(40, 3, 1);

    Rows() { REQUIRE(write(x).ok()); }
    Status write(lutra::MatrixView rows) const {
        return lutra::write_file(path, [&](lutra::Writer& out) { return lutra::write_npy(out, rows); });
    }
    void check() const {
        const auto files = std::filesystem::directory_iterator(folder.path());
        CHECK(std::distance(begin(files), end(files)) == 1);
        const auto file = lutra::VectorFile::open(path);
        REQUIRE(file.ok());
        CHECK(lutra::read_all(*file).value() == x.values);
    }
};
}  // namespace

TEST_CASE("out of memory: a file that is written stays the old one, and no temporary is left") {
    const Rows rows;
    const lutra_test::Matrix other = lutra_test::normal_matrix(50, 3, 2);
    CHECK(lutra_test::each_allocation_fails([] {}, [&] { return rows.write(other); }, [&] { rows.check(); }) > 0);
}

TEST_CASE("out of memory: reading vectors and ids says so") {
    const Rows rows;
    const std::string path = rows.folder.file("ids with a name as long as that of the others.ivecs");
    const std::vector<lutra::Id> ids{1, 2, 3, 4, 5, 6};
    REQUIRE(lutra::write_file(path, [&](lutra::Writer& out) { return lutra::write_ivecs(out, ids.data(), 2, 3); }).ok());
    const auto each = [](auto&& call) { CHECK(lutra_test::each_allocation_fails([] {}, call, [] {}) > 0); };
    each([&] { return lutra::read_id_rows(path).status(); });
    each([&] { return lutra::MappedFile::open(path).status(); });
    each([&] { return lutra::FileReader::open(path).status(); });
    for (const std::string& vectors : {rows.path, rows.folder.path().string()})
        each([&] {
            const auto file = lutra::VectorFile::open(vectors, false);
            return file.ok() ? lutra::read_all(*file).status() : file.status();
        });
}
#endif
