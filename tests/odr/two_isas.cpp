// A unit for any machine and one for AVX2 in one program: each must run its own body of an inline function, or main()
// would meet an instruction the machine does not have. The ABI tag in the namespace keeps them apart.
// SPDX-License-Identifier: MIT
#include "all_headers.hpp"

const void* permutation_for_avx2();
std::vector<std::size_t> run_permutation_for_avx2();

int main() {
    if (reinterpret_cast<const void*>(&lutra::permutation) == permutation_for_avx2()) return 1;
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 0;
    return lutra::permutation(100, 100, 1) == run_permutation_for_avx2() ? 0 : 2;
}
