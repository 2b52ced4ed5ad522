// tests/io/bytes.hpp: files as strings of bytes, to build good ones and to break them.  SPDX-License-Identifier: MIT
#pragma once
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace lutra_test {

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

template <class T>
std::string number(T value, std::endian endian = std::endian::little) {
    std::string bytes(reinterpret_cast<const char*>(&value), sizeof value);
    if (endian != std::endian::native) std::reverse(bytes.begin(), bytes.end());
    return bytes;
}

/// A .npy file with any dictionary and any bytes after it.
inline std::string npy_file(std::string_view dictionary, std::string_view values, char version = 1) {
    const std::string text = std::string(dictionary) + "\n";
    const std::string size = version == 1 ? number(std::uint16_t(text.size())) : number(std::uint32_t(text.size()));
    return std::string("\x93NUMPY") + version + '\0' + size + text + std::string(values);
}
inline std::string npy_dictionary(std::string_view descr, std::string_view shape, bool fortran = false) {
    return "{'descr': '" + std::string(descr) + "', 'fortran_order': " + (fortran ? "True" : "False") +
           ", 'shape': " + std::string(shape) + ", }";
}

inline void write_bytes(const std::string& path, std::string_view bytes) {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    REQUIRE(file != nullptr);
    CHECK(std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size());
    CHECK(std::fclose(file) == 0);
}

inline std::string read_bytes(const std::string& path) {
    std::FILE* file = std::fopen(path.c_str(), "rb");
    REQUIRE(file != nullptr);
    std::string bytes;
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) bytes.push_back(char(c));
    std::fclose(file);
    return bytes;
}

inline bool mentions(std::string_view message, std::string_view text) { return message.find(text) != std::string_view::npos; }

/// Calls parse(bytes) -> Result<RowArray> with the file cut at every byte: each cut must be refused. The bytes are on the heap
/// and exactly as many as they are, so that a sanitizer sees a read past them.
template <class Parse>
void check_every_truncation(std::string_view file, Parse parse) {
    for (std::size_t size = 0; size < file.size(); ++size) {
        CAPTURE(size);
        const auto copy = std::make_unique<char[]>(size);
        std::copy_n(file.data(), size, copy.get());
        CHECK(!parse(bytes_of({copy.get(), size})).ok());
    }
}

/// Calls use(bytes) with each of the first `header` bytes replaced by each other value.
template <class Use>
void try_every_corruption(std::string_view file, std::size_t header, Use use) {
    const auto copy = std::make_unique<char[]>(file.size());
    for (std::size_t at = 0; at < header; ++at)
        for (int value = 0; value < 256; ++value) {
            std::copy(file.begin(), file.end(), copy.get());
            copy[at] = char(value);
            use(bytes_of({copy.get(), file.size()}));
        }
}

}  // namespace lutra_test
