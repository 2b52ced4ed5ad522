// tests/fuzz/replay.cpp: a main for the fuzz targets where there is no libFuzzer: feeds them what is in files, and what is
// nearly that. Prints how many inputs it were; a target aborts where one breaks a promise.
//   PROGRAM PATH...    a folder: its .index files, whole, cut short, and with a byte changed; a .txt file: its lines, likewise
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {
namespace fs = std::filesystem;

std::size_t inputs = 0;

void feed(const std::string& bytes, std::size_t size) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), size);
    ++inputs;
}

/// Places that are looked at: all in the first 64 bytes, where the sizes are, then about a hundred.
std::size_t next_place(std::size_t at, std::size_t size) { return at + (at < 64 ? 1 : std::max<std::size_t>(1, size / 97)); }

void feed_with_neighbours(std::string bytes) {
    const std::size_t size = bytes.size();
    feed(bytes, size);
    for (std::size_t at = 0; at < size; at = next_place(at, size)) {
        feed(bytes, at);
        for (const int change : {0x01, 0x80, 0xFF}) {
            const char was = bytes[at];
            bytes[at] = char(was ^ change);
            feed(bytes, size);
            bytes[at] = was;
        }
    }
}

void feed_path(const fs::path& path) {
    if (fs::is_directory(path)) {
        for (const auto& entry : fs::directory_iterator(path))
            if (entry.path().extension() == ".index") feed_path(entry.path());
        return;
    }
    std::ifstream in(path, std::ios::binary);
    if (path.extension() != ".txt")
        return feed_with_neighbours(std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()));
    for (std::string line; std::getline(in, line);) feed_with_neighbours(line);
}
}  // namespace

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) feed_path(argv[i]);
    std::printf("%zu inputs\n", inputs);
    return inputs == 0;
}
