// All of this is allowed.
#include <immintrin.h>
#if defined(__AVX2__)
inline __m256i zero() { return _mm256_setzero_si256(); }
#endif
using B = xsimd::batch<float>;
