// Damaged, lying and foreign index files: a Status, never a crash, never more memory than the file is long. Most useful in
// the preset asan.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/factory/save_load.hpp>
#include <lutra/io/record.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "factory/small_files.hpp"
#include "support/count_new.hpp"

namespace {
using lutra::Errc;
using small_files::Bytes;

/// Everything one can do with an index, whatever it holds.
void use(lutra::Index& index) {
    const bool is_wide = index.dim() > 1000;
    lutra_test::Matrix q = is_wide ? lutra_test::Matrix(2, index.dim()) : lutra_test::normal_matrix(9, index.dim(), 5);
    const std::size_t k = 3;
    lutra::Hits hits(q.n, k);
    lutra::RangeHits range;
    lutra::SearchParams params;
    params.nprobe = 2, params.k_factor = 2;
    static_cast<void>(index.search(q, k, hits.view(), params));
    static_cast<void>(index.search(q.view().rows(0, 1), k, hits.view(), params));
    static_cast<void>(index.range_search(q, 10, range));
    static_cast<void>(index.reconstruct(0, q.row(0)));
    static_cast<void>(index.reconstruct_n(0, 2, q.row(0)));
    static_cast<void>(index.add(q));
    const auto even = [](lutra::Id id) { return id % 2 == 0; };
    static_cast<void>(index.remove_ids(lutra::IdFilter::predicate(even)));
    const Bytes again = small_files::saved(index);
    CHECK(small_files::loaded(again).ok());
}

/// The same of one that is used in place, whose ids nobody has checked. The bytes end where memory does, for sanitizers.
void open_and_use(const Bytes& bytes) {
    const Bytes exact(bytes);
    const lutra::Result<lutra::Index> index = lutra::open_index(exact);
    if (!index.ok()) {
        CHECK_FALSE(index.status().message().empty());
        return;
    }
    lutra_test::Matrix q =
        index->dim() > 1000 ? lutra_test::Matrix(2, index->dim()) : lutra_test::normal_matrix(9, index->dim(), 5);
    lutra::Hits hits(q.n, 3);
    lutra::RangeHits range;
    lutra::SearchParams params;
    params.nprobe = 2, params.k_factor = 2;
    const lutra::IdSet few = lutra::IdSet::range(0, 4);
    for (const bool filtered : {false, true}) {
        if (filtered) params.filter = few;
        static_cast<void>(index->search(q, 3, hits.view(), params));
        static_cast<void>(index->search(q.view().rows(0, 1), 3, hits.view(), params));
        static_cast<void>(index->range_search(q, 10, range, params));
    }
    static_cast<void>(index->reconstruct(0, q.row(0)));
    static_cast<void>(index->reconstruct_n(0, 2, q.row(0)));
    lutra::MemoryWriter out;
    CHECK(index->save(out).ok());
}

/// Loads; what loads is used; what does not has a reason that can be read. Says how many bytes were allocated to load it.
std::size_t survive(const Bytes& bytes) {
    const std::size_t before = lutra_test::allocated_bytes();
    lutra::Result<lutra::Index> index = small_files::loaded(bytes);
    const std::size_t taken = lutra_test::allocated_bytes() - before;
    open_and_use(bytes);
    if (index.ok()) {
        use(*index);
    } else {
        const Errc code = index.status().code();
        const bool good = (code == Errc::bad_file || code == Errc::unsupported) && !index.status().message().empty();
        CHECK(good);
    }
    return taken;
}

/// Fields one after the other, as a hostile author would write them.
class FileText {
public:
    FileText& text(std::string_view s) { return add(s.data(), s.size()); }
    template <class T>
    FileText& number(T value) {
        return add(&value, sizeof value);
    }
    FileText& header(std::int32_t d, std::int64_t ntotal, bool is_trained = true, std::int32_t metric = 1,
                     std::int64_t note = lutra::IndexHeader::kNoNote) {
        number(d).number(ntotal).number(std::int64_t{1} << 20).number(note);
        return number(std::uint8_t(is_trained)).number(metric);
    }
    /// A Flat record of n rows of d zeros.
    FileText& flat(std::int32_t d, std::int64_t n) {
        text("IxF2").header(d, n).number(std::uint64_t(n * d));
        for (std::int64_t i = 0; i < n * d; ++i) number(0.F);
        return *this;
    }
    const Bytes& bytes() const { return bytes_; }

private:
    FileText& add(const void* from, std::size_t n) {
        const auto* begin = static_cast<const std::byte*>(from);
        for (std::size_t i = 0; i < n; ++i) bytes_.push_back(begin[i]);
        return *this;
    }
    Bytes bytes_;
};

/// "IwFl" up to the inverted lists: nlist centroids of d zeros, no direct map.
FileText ivf_front(std::int32_t d, std::int64_t ntotal, std::int64_t nlist) {
    FileText file;
    file.text("IwFl").header(d, ntotal).number(nlist).number(std::int64_t{1}).flat(d, nlist);
    file.number(std::int8_t{0}).number(std::uint64_t{0});
    return file;
}

void check_refused(const FileText& file, std::string_view word, Errc code = Errc::bad_file) {
    const std::size_t before = lutra_test::allocated_bytes();
    const lutra::Status status = small_files::loaded(file.bytes()).status();
    CAPTURE(status.message());
    CHECK(lutra_test::allocated_bytes() - before < std::size_t{1} << 20);
    CHECK(status.code() == code);
    CHECK(status.message().find(word) != std::string_view::npos);
}

constexpr std::uint64_t kHuge = std::uint64_t{1} << 60;
}  // namespace

TEST_CASE("load_index: a file cut at any byte is a bad file") {
    for (const small_files::File& file : small_files::all()) {
        CAPTURE(file.name);
        std::size_t wrong = 0;
        for (std::size_t n = 0; n < file.bytes.size(); ++n) {
            const Bytes cut(file.bytes.begin(), file.bytes.begin() + long(n));
            const lutra::Status status = small_files::loaded(cut).status();
            wrong += status.code() != Errc::bad_file || status.message().empty();
        }
        CHECK(wrong == 0);
        CHECK(small_files::loaded(file.bytes).ok());
    }
}

TEST_CASE("load_index: any byte changed to anything gives an index that works or a reason, and takes little memory") {
    for (const small_files::File& file : small_files::all()) {
        CAPTURE(file.name);
        std::size_t most = 0;
        for (std::size_t at = 0; at < file.bytes.size(); ++at)
            for (const int value : {0x00, 0x02, 0x7f, 0x80, 0xff, int(file.bytes[at]) ^ 1}) {
                Bytes bytes = file.bytes;
                bytes[at] = std::byte(value);
                most = std::max(most, survive(bytes));
            }
        CHECK(most < std::size_t{1} << 20);
    }
}

TEST_CASE("load_index: any eight bytes turned into a huge, a negative or a largest number are survived") {
    for (const small_files::File& file : small_files::all()) {
        CAPTURE(file.name);
        std::size_t most = 0;
        for (std::size_t at = 0; at + 8 <= file.bytes.size(); ++at)
            for (const std::uint64_t value : {kHuge, ~std::uint64_t{0}, std::uint64_t{1} << 63, ~std::uint64_t{0} >> 1}) {
                Bytes bytes = file.bytes;
                std::memcpy(bytes.data() + at, &value, sizeof value);
                most = std::max(most, survive(bytes));
            }
        CHECK(most < std::size_t{1} << 20);
    }
}

TEST_CASE("load_index: the largest id there is loads, can be searched, and leaves none to add") {
    for (const lutra::Id last : {std::numeric_limits<lutra::Id>::max(), std::numeric_limits<lutra::Id>::max() - 1}) {
        FileText file = ivf_front(1, 1, 1);
        file.text("ilar").number(std::uint64_t{1}).number(std::uint64_t{4}).text("full").number(std::uint64_t{1});
        file.number(std::uint64_t{1}).number(2.F).number(last);
        lutra::Result<lutra::Index> index = small_files::loaded(file.bytes());
        REQUIRE_MESSAGE(index.ok(), index.status().message());
        const float q = 2;
        lutra::Result<lutra::Hits> hits = lutra::search(*index, {&q, 1, 1}, 1);
        CHECK(hits->ids[0] == last);
        CHECK(index->add({&q, 1, 1}).code() == Errc::bad_argument);
        CHECK(index->ntotal() == 1);
        float rows[3] = {0, 0, 0};
        CHECK(index->reconstruct_n(last, 1, rows).ok());
        CHECK(index->reconstruct_n(last, 3, rows).code() == Errc::not_found);  // ids beyond the largest
        CHECK(rows[0] == 2);
    }
}

TEST_CASE("load_index: counts that lie about what follows are refused before memory is taken") {
    check_refused(FileText().text("IxF2").header(4, std::int64_t(kHuge)).number(4 * kHuge), "");
    check_refused(FileText().text("IxF2").header(4, std::int64_t(kHuge / 4)).number(kHuge), "truncated");
    check_refused(FileText().text("IxF2").header(1 << 20, 1 << 30).number(std::uint64_t{1} << 50), "truncated");
    check_refused(FileText().text("IxF2").header(4, 3).number(std::uint64_t{13}), "12 are needed");
    check_refused(FileText().text("IwFl").header(4, 0).number(kHuge).number(kHuge), "lists");
    check_refused(FileText().text("IwFl").header(4, 0).number(std::uint64_t{0}).number(std::uint64_t{1}), "lists");
    check_refused(FileText().text("IwFl").header(4, 0).number(std::uint64_t{1} << 30).number(std::uint64_t{1}).flat(4, 2),
                  "centroids");
    const auto lists = [](std::int64_t ntotal) { return ivf_front(2, ntotal, 2).text("ilar"); };
    check_refused(lists(0).number(kHuge), "truncated");
    check_refused(lists(0).number(kHuge).number(std::uint64_t{8}).text("sprs").number(std::uint64_t{0}), "lists");
    check_refused(lists(0).number(std::uint64_t{2}).number(kHuge).text("sprs").number(std::uint64_t{0}), "codes of");
    check_refused(lists(0).number(std::uint64_t{2}).number(std::uint64_t{8}).text("sprs").number(kHuge), "truncated");
    check_refused(lists(0).number(std::uint64_t{2}).number(std::uint64_t{8}).text("full").number(kHuge), "truncated");
    const auto sparse = [&](std::uint64_t list, std::uint64_t size) {
        FileText file = lists(std::int64_t(size));
        file.number(std::uint64_t{2}).number(std::uint64_t{8}).text("sprs");
        return file.number(std::uint64_t{2}).number(list).number(size);
    };
    check_refused(sparse(0, kHuge), "truncated");
    check_refused(sparse(0, ~std::uint64_t{0} / 16 + 2), "");  // times 16 bytes it wraps around to a small number
    check_refused(sparse(2, 1), "list number 2");
    check_refused(sparse(kHuge, 1), "list number");
    check_refused(FileText().text("IxMp").header(2, 1).flat(2, 1).number(kHuge), "truncated");
    check_refused(FileText().text("IxMp").header(2, 1).flat(2, 1).number(std::uint64_t{0}), "id map");
    check_refused(FileText().text("IxMp").header(2, 1).flat(2, 1).number(std::uint64_t{1}).number(std::int64_t{-4}), "-4");
}

TEST_CASE("load_index: parts that do not fit together are refused") {
    const std::uint64_t two = 2, eight = 8, one = 1, none = 0;
    check_refused(FileText().text("IwFl").header(2, 0).number(two).number(one).flat(3, 2), "d = 3");
    check_refused(FileText().text("IwFl").header(2, 0).number(two).number(one).flat(2, 0), "0 centroids");
    check_refused(FileText().text("IwFl").header(2, 0, false).number(two).number(one).flat(2, 2), "2 centroids");
    FileText twice = ivf_front(2, 2, 4).text("ilar").number(std::uint64_t{4}).number(eight).text("sprs").number(std::uint64_t{4});
    check_refused(twice.number(one).number(one).number(one).number(one), "list number 1");
    check_refused(ivf_front(2, 0, 2).text("ilar").number(two).number(eight).text("sprs").number(one).number(none), "pairs");
    check_refused(ivf_front(2, 5, 2).text("ilar").number(two).number(eight).text("sprs").number(none), "5 vectors");
    check_refused(ivf_front(2, 0, 2).text("il00"), "il00");
    check_refused(ivf_front(2, 0, 2).text("ilar").number(two).number(eight).text("what").number(none), "what");
    FileText negative = ivf_front(1, 1, 1).text("ilar").number(one).number(std::uint64_t{4}).text("full").number(one).number(one);
    check_refused(negative.number(2.F).number(std::int64_t{-2}), "-2");
    FileText map = FileText().text("IwFl").header(2, 0).number(two).number(one).flat(2, 2);
    check_refused(map.number(std::int8_t{3}).number(none), "direct map of kind 3");
    check_refused(FileText().text("IxPT").header(3, 0).number(0).flat(2, 0), "3 columns");
    check_refused(FileText().text("IxPT").header(2, 0).number(-1).flat(2, 0), "-1 transforms");
    check_refused(FileText().text("IxPT").header(2, 0).number(1 << 30).flat(2, 0), "transforms");
    FileText norm = FileText().text("IxPT").header(2, 0).number(1).text("VNrm").number(2.F).number(2).number(3);
    check_refused(norm.number(std::uint8_t{1}).flat(2, 0), "L2norm from 2 to 3");
    FileText l1 = FileText().text("IxPT").header(2, 0).number(1).text("VNrm").number(1.F).number(2).number(2);
    check_refused(l1.number(std::uint8_t{1}).flat(2, 0), "1-norm", Errc::unsupported);
}

TEST_CASE("load_index: a refine record whose parts do not fit together is refused") {
    const auto refined = [](std::int64_t ntotal, std::int32_t metric = 1) {
        return FileText().text("IxRF").header(2, ntotal, true, metric);
    };
    CHECK(small_files::loaded(refined(3).flat(2, 3).flat(2, 3).number(1.F).bytes()).ok());
    check_refused(refined(3).text("null").flat(2, 3).number(1.F), "null");
    check_refused(refined(3).flat(2, 3).text("null").number(1.F), "null");
    check_refused(refined(3).flat(2, 3).text("IxSQ").header(2, 3).number(1.F), "IxSQ");
    check_refused(refined(3).flat(3, 3).flat(2, 3).number(1.F), "3 vectors of d = 2 (l2) around 3 of d = 3");
    check_refused(refined(3).flat(2, 2).flat(2, 3).number(1.F), "around 2 of d = 2");
    check_refused(refined(3, 0).flat(2, 3).flat(2, 3).number(1.F), "(inner product) around 3 of d = 2 (l2)");
    check_refused(refined(3).flat(2, 3).flat(2, 4).number(1.F), "rows of 4 of d = 2");
    check_refused(refined(3).flat(2, 3).flat(3, 2).number(1.F), "rows of 2 of d = 3");
    check_refused(refined(3).flat(2, 3).flat(2, 2).number(1.F), "rows of 2 of d = 2");
    check_refused(refined(std::int64_t(kHuge)).flat(2, 3).flat(2, 3).number(1.F), "must be alike");
    check_refused(refined(3).flat(2, 3).text("IxFI").header(2, 0, true, 0).number(std::uint64_t{0}).number(1.F), "must be alike");
    for (const float factor :
         {0.F, 0.5F, -1.F, 1001.F, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
        check_refused(refined(3).flat(2, 3).flat(2, 3).number(factor), "accepted: 1 to 1000");
}

TEST_CASE("load_index: a refine record whose base has ids that lead to no row, or twice to one, is refused") {
    const auto with_ids = [](std::initializer_list<std::int64_t> ids) {
        const std::uint64_t n = ids.size(), one = 1;
        FileText file = FileText().text("IxRF").header(2, std::int64_t(n));
        file.text("IwFl").header(2, std::int64_t(n)).number(one).number(one).flat(2, 1).number(std::int8_t{0}).number(one - 1);
        file.text("ilar").number(one).number(std::uint64_t{8}).text("full").number(one).number(n);
        for (std::uint64_t i = 0; i < 2 * n; ++i) file.number(0.F);
        for (const std::int64_t id : ids) file.number(id);
        return file.flat(2, std::int64_t(n)).number(1.F);
    };
    CHECK(small_files::loaded(with_ids({2, 0, 1}).bytes()).ok());
    check_refused(with_ids({3, 0, 1}), "must be 0 to 2, each once");
    check_refused(with_ids({2, 0, 2}), "must be 0 to 2, each once");
    check_refused(with_ids({2, 0, std::numeric_limits<std::int64_t>::max()}), "must be 0 to 2, each once");
    FileText map = FileText().text("IxRF").header(2, 2).text("IxMp").header(2, 2).flat(2, 2).number(std::uint64_t{2});
    check_refused(map.number(std::int64_t{0}).number(std::int64_t{1}).flat(2, 2).number(1.F), "an id map around it");
    FileText bad = FileText().text("IxMp").header(2, 1).text("IxRF").header(2, 1).flat(2, 1).flat(2, 1).number(1.F);
    check_refused(bad.number(std::uint64_t{1}).number(std::int64_t{-4}), "-4");
}

TEST_CASE("load_index: dimensions, metrics and flags out of range are refused") {
    check_refused(FileText().text("IxF2").header(0, 0).number(std::uint64_t{0}), "dimension 0");
    check_refused(FileText().text("IxF2").header(-1, 0).number(std::uint64_t{0}), "dimension -1");
    check_refused(FileText().text("IxF2").header((1 << 20) + 1, 0).number(std::uint64_t{0}), "dimension");
    check_refused(FileText().text("IxF2").header(2, -1).number(std::uint64_t{0}), "-1 vectors");
    for (const int metric : {2, 3, 4, 20, 25, -1})
        check_refused(FileText().text("IxFl").header(2, 0, true, metric).number(0.F).number(std::uint64_t{0}), "metric number",
                      Errc::unsupported);
    Bytes flag = FileText().text("IxF2").header(2, 0).number(std::uint64_t{0}).bytes();
    flag[32] = std::byte{7};
    CHECK(small_files::loaded(flag).status().message().find("flag") != std::string_view::npos);
}

TEST_CASE("load_index: records of faiss's that are not read here are named") {
    for (const std::string_view fourcc : {"IxPq", "IwPQ", "IxSQ", "IwSq", "IHNf", "IxHe", "null", "IvFL"}) {
        CAPTURE(fourcc);
        const lutra::Status alone = small_files::loaded(FileText().text(fourcc).header(2, 0).bytes()).status();
        CHECK((alone.code() == Errc::unsupported || alone.code() == Errc::bad_file));
        CHECK(alone.message().find(fourcc) != std::string_view::npos);
        FileText file = FileText().text("IwFl").header(2, 0).number(std::uint64_t{2}).number(std::uint64_t{1});
        const lutra::Status coarse = small_files::loaded(file.text(fourcc).header(2, 2).bytes()).status();
        CHECK(coarse.message().find(fourcc) != std::string_view::npos);
    }
    const lutra::Status pca = small_files::loaded(FileText().text("IxPT").header(2, 0).number(1).text("Pcam").bytes()).status();
    CHECK(pca.message().find("Pcam") != std::string_view::npos);
    const lutra::Status binary = small_files::loaded(FileText().text("\x7f\x01\xff\n").header(2, 0).bytes()).status();
    CHECK(binary.message().find("????") != std::string_view::npos);
}

TEST_CASE("load_index: 16 records are read in each other and more refused, whatever wraps them") {
    for (const std::string_view wrapper : {"IxPT", "IxMp", "IxRF"})
        for (const std::size_t depth : {std::size_t{15}, std::size_t{16}, std::size_t{60}, std::size_t{100000}}) {
            FileText file;
            for (std::size_t i = 0; i < depth; ++i) {
                file.text(wrapper).header(2, 1);
                if (wrapper == "IxPT") file.number(0);
            }
            file.flat(2, 1);
            for (std::size_t i = 0; wrapper == "IxMp" && i < depth; ++i) file.number(std::uint64_t{1}).number(std::int64_t{0});
            for (std::size_t i = 0; wrapper == "IxRF" && i < depth; ++i) file.flat(2, 1).number(1.F);
            CAPTURE(depth);
            CAPTURE(wrapper);
            lutra::Result<lutra::Index> index = small_files::loaded(file.bytes());
            CHECK(index.ok() == (depth < lutra::kMaxNesting));
            if (index.ok()) use(*index);
            if (!index.ok()) CHECK(index.status().message().find("nested") != std::string_view::npos);
        }
}

TEST_CASE("load_index: values that are not finite load and harm no search") {
    for (const small_files::File& file : small_files::all()) {
        CAPTURE(file.name);
        for (std::size_t at = 0; at + 4 <= file.bytes.size(); ++at)
            for (const float value : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity(), 3e38F}) {
                Bytes bytes = file.bytes;
                std::memcpy(bytes.data() + at, &value, sizeof value);
                survive(bytes);
            }
    }
}

namespace {
/// What a fast-scan record says of itself; the defaults are two vectors of d = 2, M = 2 in one block of 32.
struct FastScanText {
    std::int64_t ntotal = 2;
    bool is_trained = true;
    std::uint64_t d = 2, m = 2, bits = 4, centroids = 32, ntotal2 = 32, m2 = 2, codes = 32;
    std::int32_t implem = 0, bbs = 32, qbs = 0, metric = 1;
    std::int64_t note = lutra::IndexHeader::kNoNote;

    FileText quantizer(FileText file) const {
        file.number(d).number(m).number(bits).number(centroids);
        for (std::uint64_t i = 0; i < std::min<std::uint64_t>(centroids, 64); ++i) file.number(float(i));
        return file;
    }
    FileText text() const {
        FileText file = quantizer(FileText().text("IPfs").header(2, ntotal, is_trained, metric, note));
        file.number(implem).number(bbs).number(qbs).number(ntotal2).number(m2).number(codes);
        for (std::uint64_t i = 0; i < std::min<std::uint64_t>(codes, 100); ++i) file.number(std::uint8_t{0x21});
        return file;
    }
};

/// The same in two lists, both vectors in the second one.
struct FastScanListsText {
    FastScanText fields = {};
    std::uint8_t by_residual = 0, map = 0;
    std::uint64_t code_size = 1, lists = 2, block = 32, block_bytes = 32, ids = 2, coarse = 2;
    std::int64_t first_id = 0;

    FileText text() const {
        FileText file;
        file.text("IwPf").header(2, fields.ntotal, fields.is_trained, fields.metric, fields.note);
        file.number(coarse)
            .number(std::uint64_t{1})
            .flat(2, fields.is_trained ? std::int64_t(coarse) : 0)
            .number(map)
            .number(std::uint64_t{0});
        file.number(by_residual).number(code_size).number(fields.bbs).number(fields.m2).number(fields.implem);
        file.number(std::uint64_t(fields.qbs));
        file = fields.quantizer(file);
        file.text("ilbl").number(lists).number(~std::uint64_t{0}).number(block).number(block_bytes);
        file.number(std::uint64_t{0}).number(std::uint64_t{0}).number(ids);
        for (std::uint64_t i = 0; i < std::min<std::uint64_t>(ids, 64); ++i) file.number(first_id + std::int64_t(i));
        file.number(fields.codes);
        for (std::uint64_t i = 0; i < std::min<std::uint64_t>(fields.codes, 100); ++i) file.number(std::uint8_t{0x21});
        return file;
    }
};

template <class Text, class Change>
void check_changed(std::string_view word, Change change, Errc code = Errc::bad_file) {
    Text text;
    change(text);
    check_refused(text.text(), word, code);
}
}  // namespace

TEST_CASE("load_index: a fast-scan record of true fields loads, whatever implem and qbs say") {
    FastScanText alone;
    alone.implem = 12, alone.qbs = 0x33;
    lutra::Result<lutra::Index> index = small_files::loaded(alone.text().bytes());
    REQUIRE_MESSAGE(index.ok(), index.status().message());
    CHECK(index->spec() == "PQ2x4fs");
    use(*index);
    lutra::Result<lutra::Index> lists = small_files::loaded(FastScanListsText().text().bytes());
    REQUIRE_MESSAGE(lists.ok(), lists.status().message());
    CHECK(lists->spec() == "IVF2,PQ2x4fs");
    use(*lists);
    FastScanText emptied;  // as faiss leaves it after reset()
    emptied.ntotal = 0, emptied.codes = 0, emptied.ntotal2 = 4096;
    REQUIRE(small_files::loaded(emptied.text().bytes()).ok());
    FastScanText noted;
    noted.metric = 0;
    for (const std::int64_t note : {std::int64_t{0}, std::int64_t{-1}, lutra::detail::kScoreAwareNote}) {
        noted.note = note;
        index = small_files::loaded(noted.text().bytes());
        REQUIRE_MESSAGE(index.ok(), index.status().message());
        CHECK(index->spec() == (note == lutra::detail::kScoreAwareNote ? "PQ2x4fsa" : "PQ2x4fs"));
        use(*index);
    }
}

TEST_CASE("load_index: IPfs: fields that lie are refused before memory is taken") {
    using T = FastScanText;
    check_changed<T>("d = 3", [](T& t) { t.d = 3, t.centroids = 48; });
    check_changed<T>("d = 1152921504606846976", [](T& t) { t.d = kHuge; });
    check_changed<T>("M = 0", [](T& t) { t.m = 0; });
    check_changed<T>("M = 3", [](T& t) { t.m = 3; });
    check_changed<T>("M = 4", [](T& t) { t.m = 4; });
    check_changed<T>("M = 1152921504606846976", [](T& t) { t.m = kHuge; });
    for (const std::uint64_t bits : {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{5}, std::uint64_t{8}, kHuge})
        check_changed<T>(
            "bits; accepted: 4", [=](T& t) { t.bits = bits; }, Errc::unsupported);
    check_changed<T>("31 numbers", [](T& t) { t.centroids = 31; });
    check_changed<T>("0 numbers", [](T& t) { t.centroids = 0; });
    check_changed<T>("truncated", [](T& t) { t.centroids = kHuge; });
    check_changed<T>("", [](T& t) { t.centroids = kHuge * 4 + 32; });  // times 4 bytes it wraps around
    for (const std::int32_t bbs : {0, -32, 1, 31, 33, 48, 65568, std::numeric_limits<std::int32_t>::min(), 0x7fffffe0})
        check_changed<T>("multiples of 32", [=](T& t) { t.bbs = bbs; });
    check_changed<T>("do not fit", [](T& t) { t.bbs = 64; });
    check_changed<T>("do not fit", [](T& t) { t.m2 = 4; });
    check_changed<T>("do not fit", [](T& t) { t.m2 = 1; });
    check_changed<T>("do not fit", [](T& t) { t.m2 = kHuge; });
    check_changed<T>("do not fit", [](T& t) { t.ntotal2 = 0; });
    check_changed<T>("do not fit", [](T& t) { t.ntotal2 = 64; });
    check_changed<T>("do not fit", [](T& t) { t.ntotal2 = 33; });
    check_changed<T>("do not fit", [](T& t) { t.ntotal2 = ~std::uint64_t{0}; });
    check_changed<T>("do not fit", [](T& t) { t.ntotal = 33; });
    check_changed<T>("do not fit", [](T& t) { t.ntotal = std::numeric_limits<std::int64_t>::max(); });
    check_changed<T>("do not fit", [](T& t) { t.ntotal = 0; });
    check_changed<T>("do not fit", [](T& t) { t.codes = 31; });
    check_changed<T>("do not fit", [](T& t) { t.codes = 33; });
    check_changed<T>("do not fit", [](T& t) { t.codes = 64; });
    check_changed<T>("do not fit", [](T& t) { t.codes = 0; });
    check_changed<T>("truncated", [](T& t) { t.codes = kHuge; });
    check_changed<T>("untrained", [](T& t) { t.is_trained = false; });
    check_changed<T>("score-aware codes for L2", [](T& t) { t.note = lutra::detail::kScoreAwareNote; });
}

TEST_CASE("load_index: IwPf: fields that lie are refused before memory is taken") {
    using T = FastScanListsText;
    check_changed<T>("flag", [](T& t) { t.by_residual = 2; });
    check_changed<T>("score-aware codes for L2", [](T& t) { t.fields.note = lutra::detail::kScoreAwareNote; });
    check_changed<T>("score-aware codes for L2", [](T& t) { t.fields.note = lutra::detail::kScoreAwareNote, t.by_residual = 1; });
    check_changed<T>("direct map of kind 3", [](T& t) { t.map = 3; });
    check_changed<T>("code size 2", [](T& t) { t.code_size = 2; });
    check_changed<T>("code size 0", [](T& t) { t.code_size = 0; });
    check_changed<T>("do not fit M = 2", [](T& t) { t.fields.m2 = 4; });
    check_changed<T>("do not fit M = 2", [](T& t) { t.code_size = kHuge, t.fields.m2 = 2 * kHuge; });
    check_changed<T>("M = 0", [](T& t) { t.fields.m = 0; });
    check_changed<T>("d = 4", [](T& t) { t.fields.d = 4; });
    check_changed<T>(
        "bits", [](T& t) { t.fields.bits = 8; }, Errc::unsupported);
    check_changed<T>("truncated", [](T& t) { t.fields.centroids = kHuge; });
    check_changed<T>("multiples of 32", [](T& t) { t.fields.bbs = 0; });
    check_changed<T>("multiples of 32", [](T& t) { t.fields.bbs = -64; });
    check_changed<T>("blocks of 32 vectors and 32 bytes; this index has 64 and 64", [](T& t) { t.fields.bbs = 64; });
    check_changed<T>("blocks of 64", [](T& t) { t.block = 64; });
    check_changed<T>("blocks of 0", [](T& t) { t.block = 0; });
    check_changed<T>("and 0 bytes", [](T& t) { t.block_bytes = 0; });
    check_changed<T>("blocks of", [](T& t) { t.block = kHuge, t.block_bytes = kHuge; });
    check_changed<T>("3 lists", [](T& t) { t.lists = 3; });
    check_changed<T>("lists", [](T& t) { t.lists = kHuge; });
    check_changed<T>("1152921504606846976 lists", [](T& t) { t.coarse = kHuge, t.fields.is_trained = false; });
    check_changed<T>("truncated", [](T& t) { t.ids = kHuge; });
    check_changed<T>("", [](T& t) { t.ids = kHuge * 2 + 2; });  // times 8 bytes it wraps around
    check_changed<T>("for 33 vectors", [](T& t) { t.ids = 33, t.fields.ntotal = 33; });
    check_changed<T>("for 0 vectors", [](T& t) { t.ids = 0, t.fields.ntotal = 0; });
    check_changed<T>("31 bytes of codes", [](T& t) { t.fields.codes = 31; });
    check_changed<T>("64 bytes of codes", [](T& t) { t.fields.codes = 64; });
    check_changed<T>("truncated", [](T& t) { t.fields.codes = kHuge; });
    check_changed<T>("the id -1", [](T& t) { t.first_id = -1; });
    check_changed<T>("the id -9223372036854775808", [](T& t) { t.first_id = std::numeric_limits<std::int64_t>::min(); });
    check_changed<T>("says 3 vectors", [](T& t) { t.fields.ntotal = 3; });
    check_changed<T>("untrained", [](T& t) { t.fields.is_trained = false; });
}

TEST_CASE("load_index: IwPf: a count of vectors that the lists do not hold, or exceed, is refused") {
    check_changed<FastScanListsText>("its lists hold 2", [](FastScanListsText& t) { t.fields.ntotal = std::int64_t{1} << 60; });
    check_changed<FastScanListsText>("its lists hold more", [](FastScanListsText& t) { t.fields.ntotal = 0; });
}

TEST_CASE("load_index: IwPf: many lists behind a few bytes take no memory for them") {
    for (const std::uint64_t nlist : {std::uint64_t{1} << 20, std::uint64_t{1} << 30, std::uint64_t{2147483647}}) {
        FileText file;
        file.text("IwPf").header(2, 0, false).number(nlist).number(std::uint64_t{1}).flat(2, 0);
        file.number(std::uint8_t{0}).number(std::uint64_t{0});
        file.number(std::uint8_t{0}).number(std::uint64_t{1}).number(std::int32_t{32}).number(std::uint64_t{2});
        file.number(std::int32_t{0}).number(std::uint64_t{0});
        file = FastScanText().quantizer(file);
        file.text("ilbl").number(nlist).number(~std::uint64_t{0}).number(std::uint64_t{32}).number(std::uint64_t{32});
        for (int i = 0; i < 10; ++i) file.number(std::uint64_t{0}).number(std::uint64_t{0});
        check_refused(file, "truncated");
    }
}

TEST_CASE("load_index: fast scan: ids of any size, the same id twice, and codes of padding that are not 0") {
    FastScanListsText text;
    text.first_id = std::numeric_limits<std::int64_t>::max() - 1;
    lutra::Result<lutra::Index> last = small_files::loaded(text.text().bytes());
    REQUIRE_MESSAGE(last.ok(), last.status().message());
    const float q[] = {1, 2};
    lutra::Result<lutra::Hits> hits = lutra::search(*last, {q, 1, 2}, 5);
    REQUIRE(hits.ok());
    CHECK(std::count(hits->ids.begin(), hits->ids.end(), lutra::kNoId) >= 3);  // the padding holds codes, but no vectors
    CHECK(last->add({q, 1, 2}).code() == Errc::bad_argument);
    const Bytes again = small_files::saved(*last);
    lutra::Result<lutra::Index> clean = small_files::loaded(again);
    REQUIRE(clean.ok());
    CHECK(lutra::search(*clean, {q, 1, 2}, 5)->ids == hits->ids);
    CHECK(again != text.text().bytes());  // padding is written as zeros
}
