// tests/fuzz/npy_fuzz.cpp: any bytes as a .npy file give a reason, or rows that can be read.  SPDX-License-Identifier: MIT
#include "read_rows.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::Copy file(data, size);
    fuzz::read_all(lutra::parse_npy(file.bytes()), size);
    return 0;
}
