// A program for builds with LUTRA_NO_FILES, LUTRA_NO_MESSAGES and the other switches (core/config.hpp): typed indexes and the factory
// train, add, save to memory, load and find the same; errors keep their codes.  SPDX-License-Identifier: MIT
#include <lutra/encodings/pq4fs/pq4fs_file.hpp>
#include <lutra/ivf/ivf_file.hpp>
#include <lutra/lutra.hpp>
#include <lutra/refine/refine_file.hpp>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#if defined(LUTRA_NO_FILES) && defined(_GLIBCXX_FILESYSTEM)
#error "LUTRA_NO_FILES includes <filesystem>"
#endif

namespace {
using lutra::Errc;
constexpr std::size_t kD = 16, kRows = 600;
const std::vector<float> kX = lutra::Rng(1).normal(kRows * kD);
const lutra::MatrixView kPoints(kX, kD);

template <class I, class Load>
bool works(I index, Load&& load) {
    lutra::MemoryWriter out;
    if (!index.train(kPoints).ok() || !index.add(kPoints).ok() || !lutra::save_index(index, out).ok()) return false;
    lutra::MemoryReader in(out.bytes());
    const auto loaded = load(in);
    if (!loaded.ok()) return false;
    const lutra::Hits want = lutra::search(index, kPoints, 3).value(), got = lutra::search(*loaded, kPoints, 3).value();
    return got.ids == want.ids && got.ids[0] == 0 && got.distances == want.distances;
}

bool typed_works() {
    using Rows = lutra::Ivf<lutra::FlatCoarse, lutra::Flat>;
    using Codes = lutra::Refine<lutra::Ivf<lutra::FlatCoarse, lutra::Pq4FastScan>>;
    const std::vector<std::byte> nothing(100);
    lutra::MemoryReader in(nothing);
    return works(Rows(kD, lutra::Metric::l2, 4, {}, lutra::Flat(kD)), [](lutra::Reader& r) { return Rows::load(r); }) &&
           works(Codes({kD, lutra::Metric::l2, 4, {}, lutra::Pq4FastScan(kD, 8)}),
                 [](lutra::Reader& r) { return Codes::load(r); }) &&
           Codes::load(in).status().code() == Errc::bad_file;
}

bool factory_works() {
    for (const char* text : {"Flat", "L2norm,IVF4,Flat", "IVF4,PQ8x4fs,RFlat"})
        if (!works(lutra::index_factory(kD, text).value(), [](lutra::Reader& r) { return lutra::load_index(r); })) return false;
    const lutra::Status refused = lutra::index_factory(kD, "IVF4,flat").status();
    std::printf("%s\n", refused.c_str());
    return refused.code() == Errc::bad_spec && lutra::index_factory(kD, "HNSW32").status().code() == Errc::unsupported &&
           (refused.message() == "bad_spec") == !lutra::kHasMessages;
}

/// The status of a reader of the program's own; its text is no literal.
bool takes_own_text() {
    const std::string text = "the flash does not answer";
    const lutra::Status own(Errc::io_error, text);
    const lutra::Status with_argument(Errc::io_error, std::string_view(text), 5);
    return own.code() == Errc::io_error && own.message() == (lutra::kHasMessages ? text : "io_error") && !with_argument.ok();
}

/// The program's own file has no sentence of the library.
[[maybe_unused]] bool is_silent(const char* program) {
    std::ifstream in(program, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    const std::string sentence = std::string("; acc") + "epted: ";
    return bytes.size() > 1000 && bytes.find(sentence) == std::string::npos;
}
}  // namespace

int main(int, char** arguments) {
    if (!typed_works()) return std::puts("a typed index fails"), 1;
    if (!takes_own_text()) return std::puts("a status of the program's own fails"), 1;
    if (!factory_works()) return std::puts("an index of the factory fails"), 1;
#if defined(LUTRA_NO_MESSAGES)
    static_assert(sizeof(lutra::Status) == 1);
#if defined(__OPTIMIZE__)
    if (!is_silent(arguments[0])) return std::puts("the program has sentences of the library"), 1;
#endif
#endif
    static_cast<void>(arguments);
    return 0;
}
