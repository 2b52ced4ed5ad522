// Vector code outside of a kernel: xsimd in a comment is no code.
#include <immintrin.h>
#if defined(__AVX2__)
inline __m256i zero() { return _mm256_setzero_si256(); }
#endif
using B = xsimd::batch<float>;
using C = simd::Floats<best>;
inline void ask(const void* p) { __builtin_prefetch(p); }
