// Vector code outside of a kernel: xsimd in a comment is no code.
#include <immintrin.h>
#if defined(__AVX2__)
inline __m256i zero() { return _mm256_setzero_si256(); }
#endif
using B = xsimd::batch<float>;
using C = simd::Floats<best>;
inline void ask(const void* p) { __builtin_prefetch(p); }
inline auto twice(const float* p) { return vaddq_f32(vld1q_f32(p), vld1q_f32(p)); }
using D = float __attribute__((vector_size(32)));
using E = float __attribute__((ext_vector_type(8)));
inline D turned(D x) { return __builtin_shufflevector(x, x, 7, 6, 5, 4, 3, 2, 1, 0); }
[[gnu::target("avx2")]] void fast();
__attribute__((__target__("avx2"))) void faster();
#pragma GCC target("avx2")
_Pragma("omp simd") for (;;) {}
#pragma omp simd
#include <experimental/simd>
inline std::uint64_t bits(std::uint64_t x) { return _pext_u64(x, 3); }
#if defined(__BMI2__)
#elif defined(__F16C__)
#elif defined(__x86_64__)
#endif
/* xsimd in a comment of
   two lines: _mm256_add_ps(), // and
*/ inline const char* text() { return "/*"; }
using F = svfloat32_t; /* the line before is still code */
