// A macro of an instruction set is allowed in this one, intrinsics are not.
#if defined(__AVX2__)
#include <immintrin.h>
#endif
