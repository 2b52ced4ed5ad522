// The products of bytes against their definition.  SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/core/random.hpp>
#include <lutra/kernels/byte_dots.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace {
using namespace lutra;

std::vector<std::int8_t> random_codes(std::size_t n, Rng& rng) {
    std::vector<std::int8_t> codes(n);
    for (auto& v : codes) v = std::int8_t(int(rng.below(255)) - 127);
    return codes;
}

template <class Arch>
std::vector<std::int32_t> dots_of(const std::vector<std::int8_t>& q, const std::vector<std::int8_t>& codes) {
    std::vector<std::uint8_t> query(q.size());
    for (std::size_t t = 0; t < q.size(); ++t) query[t] = std::uint8_t(q[t] + kByteBias<Arch>);
    std::vector<std::int32_t> dots(codes.size() / q.size());
    byte_dots(Arch{}, query.data(), codes.data(), dots.size() / kByteGroup, q.size(), dots.data());
    return dots;
}

template <class Arch>
void check_same() {
    Rng rng(1);
    for (const std::size_t groups : {0, 1, 3, 4, 9})
        for (const std::size_t padded : {4, 8, 12, 64, 324}) {
            std::vector<std::int8_t> q = random_codes(padded, rng), codes = random_codes(groups * kByteGroup * padded, rng);
            q[2] = q[3] = 127;  // the largest sums of a pair
            for (const std::size_t t : {2, 3})
                if (groups != 0) codes[byte_offset(0, t, padded)] = -127, codes[byte_offset(15, t, padded)] = 127;
            std::vector<std::int32_t> want = dots_of<scalar>(q, codes);
            for (std::size_t j = 0; j < want.size(); ++j)
                for (std::size_t t = 0; t < padded; ++t) want[j] += kByteBias<Arch> * codes[byte_offset(j, t, padded)];
            CHECK(dots_of<Arch>(q, codes) == want);
        }
}
}  // namespace

TEST_CASE("byte_offset: each code of each row has a byte of its own") {
    for (const std::size_t padded : {4, 8, 20}) {
        std::vector<bool> taken(3 * kByteGroup * padded);
        for (std::size_t j = 0; j < 3 * kByteGroup; ++j)
            for (std::size_t t = 0; t < padded; ++t) {
                REQUIRE(byte_offset(j, t, padded) < taken.size());
                CHECK(!taken[byte_offset(j, t, padded)]);
                taken[byte_offset(j, t, padded)] = true;
            }
    }
}

TEST_CASE("byte_dots: the definition sums what a query and a row have in each column") {
    Rng rng(2);
    const std::size_t padded = 12;
    const std::vector<std::int8_t> q = random_codes(padded, rng), row = random_codes(padded, rng);
    std::vector<std::int8_t> codes(2 * kByteGroup * padded);
    std::int32_t want = 0;
    for (std::size_t t = 0; t < padded; ++t)
        codes[byte_offset(17, t, padded)] = row[t], want += std::int32_t(q[t]) * std::int32_t(row[t]);
    std::vector<std::int32_t> all(2 * kByteGroup);
    all[17] = want;
    CHECK(dots_of<scalar>(q, codes) == all);
}

TEST_CASE("byte_dots: the fastest kernel of a build gives the sums of the definition") { check_same<BestBytes>(); }
#if defined(__AVX2__) && !defined(LUTRA_SCALAR_ONLY)
TEST_CASE("byte_dots: AVX2 gives the sums of the definition") { check_same<Avx2Bytes>(); }
#endif
#if defined(__AVX512VNNI__) && defined(__AVX512VBMI__) && !defined(LUTRA_SCALAR_ONLY)
TEST_CASE("byte_dots: VNNI gives the sums of the definition") { check_same<VnniBytes>(); }
#endif
