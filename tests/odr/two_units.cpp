// Two translation units include everything and are linked: a function that is not inline is a linker error, and one that
// is exists once.  SPDX-License-Identifier: MIT
#include "all_headers.hpp"

const void* permutation_of_other_unit();

int main() { return reinterpret_cast<const void*>(&lutra::permutation) == permutation_of_other_unit() ? 0 : 1; }
