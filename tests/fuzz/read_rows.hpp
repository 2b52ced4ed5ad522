// tests/fuzz/read_rows.hpp: all that can be done with rows from a file.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/io/vectors.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "promise.hpp"

namespace fuzz {

/// The input in memory of just its size, so that one byte too many is seen.
class Copy {
public:
    Copy(const std::uint8_t* data, std::size_t size) : bytes_(new std::byte[size]), size_(size) {
        if (size != 0) std::memcpy(bytes_.get(), data, size);
    }
    std::span<const std::byte> bytes() const { return {bytes_.get(), size_}; }

private:
    std::unique_ptr<std::byte[]> bytes_;
    std::size_t size_;
};

inline lutra::Status write_rows(lutra::Writer& out, const std::vector<float>& rows, std::size_t n, std::size_t d) {
    return lutra::write_npy(out, lutra::MatrixView{rows.data(), n, d});
}
inline lutra::Status write_rows(lutra::Writer& out, const std::vector<lutra::Id>& rows, std::size_t n, std::size_t d) {
    return lutra::write_npy(out, rows.data(), n, d);
}

template <class T>
bool equal_bits(const std::vector<T>& a, const std::vector<T>& b) {
    return std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

/// In one go and in two, and once through a file of lutra's.
template <class T>
void read_as(const lutra::RowArray& rows) {
    const std::size_t half = rows.n / 2;
    std::vector<T> whole(rows.n * rows.d, T(-7)), parts(whole), again(whole);
    const bool good = read_rows(rows, 0, rows.n, whole.data()).ok();
    const bool good_parts =
        read_rows(rows, 0, half, parts.data()).ok() && read_rows(rows, half, rows.n, parts.data() + half * rows.d).ok();
    require(good == good_parts, "rows can be read in one go if they can in two");
    if (!good) return;
    require(equal_bits(whole, parts), "rows are the same in one go and in two");
    lutra::MemoryWriter out;
    require(write_rows(out, whole, rows.n, rows.d).ok(), "rows can be written");
    const lutra::Result<lutra::RowArray> file = lutra::parse_npy(out.bytes());
    require(file.ok() && file->n == rows.n && file->d == rows.d, "what was written can be read");
    require(read_rows(*file, 0, file->n, again.data()).ok() && equal_bits(whole, again), "what was written is read alike");
}

inline void read_all(const lutra::Result<lutra::RowArray>& rows, std::size_t size) {
    require_reason(rows.status());
    if (!rows.ok() || rows->n == 0) return;
    require(rows->d >= 1 && rows->n <= size / rows->d, "rows lie within the file");
    if (holds_ids(rows->scalar))
        read_as<lutra::Id>(*rows);
    else
        read_as<float>(*rows);
}

}  // namespace fuzz
