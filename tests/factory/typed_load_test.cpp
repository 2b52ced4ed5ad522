// Indexes of given types read their own records: the same as load_index() makes of a file, and nothing else.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/coarse/one_list.hpp>
#include <lutra/encodings/flat/flat_file.hpp>
#include <lutra/encodings/pq4fs/pq4fs_file.hpp>
#include <lutra/factory/save_load.hpp>
#include <lutra/ivf/ivf_file.hpp>
#include <lutra/refine/refine_file.hpp>
#include <lutra/transform/transformed.hpp>

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "factory/golden_files.hpp"

namespace {
using TypedFlat = lutra::Ivf<lutra::OneList, lutra::Flat>;
using TypedPq = lutra::Ivf<lutra::OneList, lutra::Pq4FastScan>;
using TypedIvfFlat = lutra::Ivf<lutra::FlatCoarse, lutra::Flat>;
using TypedIvfPq = lutra::Ivf<lutra::FlatCoarse, lutra::Pq4FastScan>;

template <class I>
std::vector<char> bytes_of(const I& index) {
    lutra::MemoryWriter out;
    REQUIRE(index.save(out).ok());
    const auto* const bytes = reinterpret_cast<const char*>(out.bytes().data());
    return {bytes, bytes + out.bytes().size()};
}

template <class I>
lutra::Result<I> load_typed(const std::vector<char>& file) {
    lutra::MemoryReader in(std::as_bytes(std::span(file)));
    lutra::Result<I> index = I::load(in);
    if (index.ok()) CHECK(in.remaining() == 0);
    return index;
}

template <class I>
void check_alike(const I& typed, const lutra::Index& index) {
    CHECK(typed.spec() == index.spec());
    CHECK(typed.is_trained() == index.is_trained());
    CHECK(bytes_of(typed) == bytes_of(index));
    if (!index.is_trained()) return;
    const lutra_test::Matrix q = golden::queries(index.dim());
    const auto want = lutra::search(index, q, 10).value(), got = lutra::search(typed, q, 10).value();
    CHECK(got.ids == want.ids);
    CHECK(got.distances == want.distances);
}

/// Loads every golden file as an I: `fits` of them are one, by the spec of the factory; the others are refused. Returns how many fit.
template <class I, class Fits>
std::size_t check_golden_files(Fits&& fits) {
    std::size_t n = 0;
    for (const auto& entry : std::filesystem::directory_iterator(lutra_test::repository_file("tests/data/golden"))) {
        if (entry.path().extension() != ".index") continue;
        const std::string path = entry.path().string();
        CAPTURE(path);
        const lutra::Index index = lutra::load_index(path).value();
        const lutra::Result<I> typed = load_typed<I>(golden::file_bytes(path));
        REQUIRE(typed.ok() == fits(index.spec()));
        n += typed.ok();
        if (typed.ok())
            check_alike(*typed, index);
        else
            CHECK(typed.status().code() == lutra::Errc::bad_file);
    }
    return n;
}

std::string message_of(const lutra::Status& status) { return std::string(status.message()); }
}  // namespace

TEST_CASE("typed load: Flat and codes without lists") {
    CHECK(check_golden_files<TypedFlat>([](const std::string& spec) { return spec == "Flat"; }) == 6);
    CHECK(check_golden_files<TypedPq>([](const std::string& spec) { return spec.starts_with("PQ") && !spec.ends_with("RFlat"); }) ==
          6);
}

TEST_CASE("typed load: rows and codes in lists") {
    const auto in_lists = [](const std::string& spec) { return spec.starts_with("IVF") && spec.find('(') == std::string::npos; };
    CHECK(check_golden_files<TypedIvfFlat>([&](const std::string& spec) { return in_lists(spec) && spec.ends_with(",Flat"); }) ==
          13);
    CHECK(check_golden_files<TypedIvfPq>([&](const std::string& spec) {
              return in_lists(spec) && spec.find("PQ") != std::string::npos && !spec.ends_with("RFlat");
          }) == 10);
}

TEST_CASE("typed load: a refine stage") {
    using RefinedPq = lutra::Refine<TypedPq>;
    using RefinedIvf = lutra::Refine<TypedIvfPq>;
    CHECK(check_golden_files<RefinedPq>([](const std::string& spec) { return spec == "PQ16x4fs,RFlat"; }) == 1);
    CHECK(check_golden_files<RefinedIvf>([](const std::string& spec) { return spec == "IVF16,PQ16x4fs,RFlat"; }) == 2);
}

TEST_CASE("typed load: a transform, and an id map around it") {
    using Cosine = lutra::Transformed<TypedIvfFlat, lutra::L2norm>;
    CHECK(check_golden_files<Cosine>([](const std::string& spec) { return spec == "L2norm,IVF16,Flat"; }) == 2);
    Cosine index = load_typed<Cosine>(golden::file_bytes(golden::path("l2norm_ivf16_flat.IP", ".index"))).value();
    std::vector<lutra::Id> map(index.ntotal());
    for (std::size_t i = 0; i < map.size(); ++i) map[i] = lutra::Id(7 * i);
    lutra::MemoryWriter out;
    const lutra::IndexHeader header{index.dim(), index.ntotal(), true, lutra::Metric::inner_product};
    REQUIRE(lutra::write_id_map(
                out, lutra::IdMapKind::two_way, header, [&] { return index.save(out); }, [&](std::size_t i) { return map[i]; })
                .ok());
    REQUIRE(index.map_ids(map, std::nullopt).ok());
    lutra::MemoryReader in(out.bytes());
    CHECK(bytes_of(Cosine::load(in).value()) == bytes_of(index));
}

TEST_CASE("typed load: the error says what was found, where, and what is expected") {
    const std::vector<char> flat = golden::file_bytes(golden::path("flat.L2", ".index"));
    const std::vector<char> lists = golden::file_bytes(golden::path("ivf16_flat.L2", ".index"));
    const std::vector<char> refined = golden::file_bytes(golden::path("pq16x4fs_rflat.L2", ".index"));
    CHECK(message_of(load_typed<TypedIvfPq>(lists).status()) ==
          "record \"IwFl\" was found at offset 0 where one of these is expected: IwPf (IVF,PQ..x4fs)");
    CHECK(message_of(load_typed<TypedFlat>(lists).status()) ==
          "record \"IwFl\" was found at offset 0 where one of these is expected: IxF2, IxFI, IxFl (Flat)");
    CHECK(message_of(load_typed<lutra::Refine<TypedIvfPq>>(flat).status()) ==
          "record \"IxF2\" was found at offset 0 where one of these is expected: IxRF (RFlat)");
    CHECK(message_of(load_typed<lutra::Refine<TypedIvfPq>>(refined).status()) ==
          "record \"IPfs\" was found at offset 37 where one of these is expected: IwPf (IVF,PQ..x4fs)");
    CHECK(message_of(load_typed<lutra::Transformed<TypedFlat, lutra::L2norm>>(flat).status()) ==
          "record \"IxF2\" was found at offset 0 where one of these is expected: IxPT (transforms)");
}

TEST_CASE("typed load: id maps in each other are refused before they use up the stack") {
    std::vector<char> file;
    const std::vector<char> flat = golden::file_bytes(golden::path("flat.L2", ".index"));
    for (std::size_t i = 0; i < 100'000; ++i) {
        file.insert(file.end(), {'I', 'x', 'M', 'p'});
        file.insert(file.end(), flat.begin() + 4, flat.begin() + 37);
    }
    const lutra::Result<TypedFlat> index = load_typed<TypedFlat>(file);
    CHECK(message_of(index.status()).starts_with("nested too deep"));
}
