// How deep indexes may stand in each other, in strings and in files: kMaxNesting of io/record.hpp, and the stack that the
// deepest need.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/factory/catalog.hpp>
#include <lutra/factory/index_factory.hpp>
#include <lutra/factory/nearest_spec.hpp>
#include <lutra/factory/save_load.hpp>
#include <lutra/transform/l2norm.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "factory/small_files.hpp"
#include "support/small_stack.hpp"

namespace {

struct Nest {
    std::string_view before, after;  // around an index
    std::size_t layers;              // that these make
};

const Nest kNests[] = {
    {"L2norm,", "", 1},
    {"", ",RFlat", 1},
    {"IVF20(", "),Flat", 1},
    {"IVF20(", "),PQ2x4fsr", 1},
    {"L2norm,", ",RFlat", 2},
    {"IVF20(", "),Flat,RFlat", 2},
    {"L2norm,IVF20(", "),PQ2x4fs", 2},
    {"L2norm,IVF20(", "),PQ2x4fsr,RFlat", 3},
    {"L2norm,L2norm,IVF20(", "),Flat,RFlat,Refine(Flat)", 5},
};

/// "PQ2x4fs" with so many layers around it.
std::string nested(const Nest& nest, std::size_t layers) {
    std::string spec = "PQ2x4fs";
    for (; layers >= nest.layers; layers -= nest.layers) spec.insert(0, nest.before).append(nest.after);
    for (; layers > 0; --layers) spec += ",RFlat";
    return spec;
}

/// Every call on the index of a string; the first that fails.
lutra::Status use_nested(const std::string& spec, lutra::MatrixView x) {
    lutra::Result<lutra::Index> index = lutra::index_factory(x.d, spec);
    LUTRA_TRY(index.status());
    LUTRA_TRY(index->train(x));
    LUTRA_TRY(index->add(x));
    lutra::Hits hits(x.n, 3);
    lutra::RangeHits range;
    std::vector<float> rows(2 * x.d);
    std::vector<lutra::Id> ids(x.n, 1000);
    LUTRA_TRY(index->search(x, 3, hits.view(), {2}));
    LUTRA_TRY(index->search(x.rows(0, 1), 3, hits.view(), {2}));
    LUTRA_TRY(index->range_search(x, 1, range, {2}));
    LUTRA_TRY(index->reconstruct_n(0, 2, rows.data()));
    LUTRA_TRY(index->add_with_ids(x, ids.data()));
    lutra::Result<lutra::Index> loaded = small_files::loaded(small_files::saved(*index));
    LUTRA_TRY(loaded.status());
    if (loaded->spec() != index->spec()) return {lutra::Errc::bad_file, "saved {}, loaded {}", index->spec(), loaded->spec()};
    LUTRA_TRY(loaded->search(x, 3, hits.view(), {2}));
    LUTRA_TRY(loaded->range_search(x, 1, range, {2}));
    LUTRA_TRY(index->merge_from(*loaded, 5000));
    LUTRA_TRY(index->add(x));
    const auto even = [](lutra::Id id) { return id % 2 == 0; };
    LUTRA_TRY(index->remove_ids(lutra::IdFilter::predicate(even)).status());
    index->reset();
    return index->train(x);  // an index over centroids makes itself anew
}

}  // namespace

TEST_CASE("the deepest strings build, and all calls on them, and load their files, in 256 KB of stack") {
    const lutra_test::Matrix x = lutra_test::normal_matrix(60, 4, 1);
    for (const Nest& nest : kNests) {
        const std::string spec = nested(nest, lutra::kMaxNesting - 2);  // PQ is one, ids are one
        CAPTURE(spec);
        lutra::Status status;
        CHECK(lutra_test::on_small_stack([&] { status = use_nested(spec, x); }));
        CHECK_MESSAGE(status.ok(), status.message());
    }
}

TEST_CASE("a string of one layer too many is refused with the limit, in 256 KB of stack") {
    for (const Nest& nest : kNests)
        for (const std::size_t more : {std::size_t{1}, std::size_t{2}, std::size_t{50}}) {
            const std::string spec = nested(nest, lutra::kMaxNesting - 2 + more);
            CAPTURE(spec);
            lutra::Status status;
            CHECK(lutra_test::on_small_stack([&] { status = lutra::index_factory(4, spec).status(); }));
            CHECK(status.code() == lutra::Errc::bad_spec);
            if (spec.size() <= lutra::kMaxSpecLength)
                CHECK(status.message().find(std::to_string(lutra::kMaxNesting)) != std::string_view::npos);
        }
}

TEST_CASE("any string of parentheses is refused in 256 KB of stack") {
    for (const std::string_view word : {"Refine(", "IVF1(", "IVF(", "(", "L2norm,IVF2("}) {
        std::string open;
        while (open.size() + word.size() <= lutra::kMaxSpecLength / 2) open += word;
        for (const std::string& spec : {open, open + "Flat", "Flat," + open, open + std::string(open.size() / word.size(), ')')}) {
            CAPTURE(spec);
            lutra::Status status;
            CHECK(lutra_test::on_small_stack([&] { status = lutra::index_factory(4, spec).status(); }));
            CHECK(!status.ok());
        }
    }
}

TEST_CASE("a suggested string is not nested too deep") {
    std::string spec = "flat";
    for (int i = 0; i < 20; ++i) spec = "L2norm," + spec + ",RFlat";
    const std::string nearest = lutra::nearest_spec(spec, 4, lutra::Metric::l2, lutra::kSpecWords);
    CHECK(lutra::index_factory(4, nearest).ok());
}

namespace {

/// A record's beginning: d = 2, `n` vectors, L2.
small_files::Bytes nest_header(std::string_view fourcc, std::int64_t n) {
    lutra::MemoryWriter out;
    static_cast<void>(out.write(fourcc.data(), 4));
    static_cast<void>(lutra::write_header(out, {2, std::size_t(n), true, lutra::Metric::l2}));
    return {out.bytes().begin(), out.bytes().end()};
}

/// "IxPT" records with so many transforms each, around a Flat index.
small_files::Bytes transform_records(std::size_t records, std::int32_t transforms) {
    lutra::MemoryWriter out;
    for (std::size_t i = 0; i < records; ++i) {
        const small_files::Bytes header = nest_header("IxPT", 3);
        static_cast<void>(out.write(header.data(), header.size()));
        static_cast<void>(lutra::write_value(out, transforms));
        for (std::int32_t t = 0; t < transforms; ++t) static_cast<void>(lutra::L2norm(2).save(out));
    }
    static_cast<void>(small_files::small_flat(false).save(out));
    return {out.bytes().begin(), out.bytes().end()};
}

}  // namespace

TEST_CASE("load_index: records and their transforms count together") {
    struct Case {
        std::size_t records;
        std::int32_t transforms;
        bool loads;
    };
    for (const Case c : {Case{1, 15, true},
                         {15, 1, true},
                         {3, 5, true},
                         {15, 0, true},
                         {1, 16, false},
                         {16, 1, false},
                         {4, 4, false},
                         {16, 0, false},
                         {50, 50, false},
                         {1, 2147483647, false},
                         {1, -1, false}}) {
        CAPTURE(c.records);
        CAPTURE(c.transforms);
        lutra::Status status;
        const small_files::Bytes bytes = transform_records(c.records, std::min(c.transforms, 50));
        CHECK(lutra_test::on_small_stack([&] {
            const lutra::Result<lutra::Index> index = small_files::loaded(bytes);
            status = index.status();
            if (!index.ok()) return;
            const float q[] = {1, 2};
            lutra::Hits hits(1, 2);
            lutra::RangeHits range;
            status = index->search({q, 1, 2}, 2, hits.view());
            if (status.ok()) status = index->range_search({q, 1, 2}, 2, range);
        }));
        CHECK(status.ok() == c.loads);
        if (!c.loads && c.transforms >= 0) CHECK(status.message().find("16 records") != std::string_view::npos);
    }
}
