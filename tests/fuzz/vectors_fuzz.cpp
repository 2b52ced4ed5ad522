// tests/fuzz/vectors_fuzz.cpp: any bytes as .fvecs, .bvecs, .ivecs, .fbin, .u8bin, .i8bin or .ibin give a reason, or rows that
// can be read.  SPDX-License-Identifier: MIT
#include "read_rows.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using lutra::Scalar;
    const fuzz::Copy file(data, size);
    for (const Scalar scalar : {Scalar::f4, Scalar::u1, Scalar::i4})
        fuzz::read_all(lutra::parse_texmex(file.bytes(), scalar), size);
    for (const Scalar scalar : {Scalar::f4, Scalar::u1, Scalar::i1, Scalar::i4})
        fuzz::read_all(lutra::parse_bigann(file.bytes(), scalar), size);
    return 0;
}
