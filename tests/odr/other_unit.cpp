// The second unit of two_units.cpp.  SPDX-License-Identifier: MIT
#include "all_headers.hpp"

const void* permutation_of_other_unit();
const void* permutation_of_other_unit() { return reinterpret_cast<const void*>(&lutra::permutation); }
