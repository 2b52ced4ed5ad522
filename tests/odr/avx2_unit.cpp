// The AVX2 unit of two_isas.cpp.  SPDX-License-Identifier: MIT
#include "all_headers.hpp"

const void* permutation_for_avx2();
std::vector<std::size_t> run_permutation_for_avx2();

const void* permutation_for_avx2() { return reinterpret_cast<const void*>(&lutra::permutation); }
std::vector<std::size_t> run_permutation_for_avx2() { return lutra::permutation(100, 100, 1); }
