/* vmath.h -- inside the core: exp, log and their kin without branches or calls, so that compilers turn loops over them
 * into vector code. float: within 2 units in the last place of the true value (4 for tanh and log1p); the build with
 * double uses the C library. */
#ifndef GENLAT_VMATH_H
#define GENLAT_VMATH_H

#include <math.h>
#include <stdint.h>

#include "genlat.h"

#ifdef GL_FLOAT64

static inline gl_real gl_exp(gl_real x) { return exp(x); }
static inline gl_real gl_log(gl_real x) { return log(x); }
static inline gl_real gl_log1p_unit(gl_real t) { return log1p(t); }
static inline gl_real gl_tanh(gl_real x) { return tanh(x); }
static inline gl_real gl_expm1(gl_real x) { return expm1(x); }
static inline gl_real gl_erf(gl_real x) { return erf(x); }
static inline gl_real gl_sqrt(gl_real x) { return sqrt(x); }
static inline gl_real gl_abs(gl_real x) { return fabs(x); }

#else

typedef union gl_bits {
  float f;
  int32_t i;
} gl_bits;

/* exp x = 2^n exp r with n = round(x / ln 2); exp r by its series to the 7th power on |r| <= ln 2 / 2. */
static inline float gl_exp(float x) {
  const float log2e = 1.44269504f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f, magic = 12582912.0f;
  float c = x < -104.0f ? -104.0f : x > 89.0f ? 89.0f : x; /* beyond: 0 and infinity; NaN passes */
  gl_bits n = {.f = c * log2e + magic};                    /* 1.5 * 2^23: its low bits are the rounded number */
  float k = n.f - magic;
  float r = c - k * ln2_high;
  r -= k * ln2_low;
  float p = 1.9841270e-4f;
  p = p * r + 1.3888889e-3f;
  p = p * r + 8.3333333e-3f;
  p = p * r + 4.1666667e-2f;
  p = p * r + 1.6666667e-1f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  int32_t e = n.i - 0x4B400000, half = e >> 1; /* in two factors, as 2^128 and 2^-150 are no floats */
  gl_bits a = {.i = (half + 127) * (1 << 23)}, b = {.i = (e - half + 127) * (1 << 23)};
  float y = p * a.f * b.f;
  return x != x ? x : y;
}

/* log x = n ln 2 + log m with m in [sqrt(1/2), sqrt 2); log m = 2 artanh s, s = (m - 1) / (m + 1), by its series. */
static inline float gl_log(float x) {
  const float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
  float tiny = x < 1.17549435e-38f ? 16777216.0f : 1.0f; /* lift denormals */
  gl_bits u = {.f = x * tiny};
  int32_t shifted = (int32_t)((uint32_t)u.i - 0x3F3504F3u); /* sqrt(1/2); wraps round for x < 0, which has no log */
  int32_t n = shifted >> 23;
  gl_bits m = {.i = (int32_t)((uint32_t)u.i - ((uint32_t)n << 23))};
  float k = (float)n - (tiny != 1.0f ? 24.0f : 0.0f);
  float d = m.f - 1.0f, s = d / (m.f + 1.0f), z = s * s;
  float p = 2.0f / 9.0f;
  p = p * z + 2.0f / 7.0f;
  p = p * z + 2.0f / 5.0f;
  p = p * z + 2.0f / 3.0f;
  float h = 0.5f * d * d; /* 2s = d - s d = d - h + s h: keeps the low bits of d */
  float y = k * ln2_low + s * (h + z * p);
  y = y - h + d + k * ln2_high;
  y = x == 0.0f ? -INFINITY : x < 0.0f ? NAN : y;
  return x == INFINITY || x != x ? x : y;
}

/* log(1 + t) for t in [0, 1]: Kahan's correction for what 1 + t rounds away. */
static inline float gl_log1p_unit(float t) {
  float u = 1.0f + t;
  return gl_log(u) - ((u - 1.0f) - t) / u;
}

/* tanh x = (1 - e) / (1 + e) with e = exp(-2|x|); near 0, where that cancels, by its series. */
static inline float gl_tanh(float x) {
  float a = x < 0 ? -x : x, z = x * x;
  float e = gl_exp(-2.0f * a), far = (1.0f - e) / (1.0f + e);
  float p = 62.0f / 2835.0f - z * (1382.0f / 155925.0f);
  p = p * z - 17.0f / 315.0f;
  p = p * z + 2.0f / 15.0f;
  p = p * z - 1.0f / 3.0f;
  float near = x + x * z * p;
  return a < 0.4f ? near : x < 0 ? -far : far;
}

/* e^x - 1 = 2 t / (1 - t) with t = tanh(x / 2), for x <= 0 */
static inline float gl_expm1(float x) {
  float t = gl_tanh(0.5f * x);
  return 2.0f * t / (1.0f - t);
}

/* The error function, to 1.2e-7: near 0 x p(x^2), else 1 - exp(-|x| q(|x|)), which is 1 from |x| = 4 on. p and q are
 * polynomials with the smallest largest error (2e-9) on their ranges. */
static inline float gl_erf(float x) {
  float a = x < 0 ? -x : x, z = x * x;
  float p = -6.76109570e-4f;
  p = p * z + 5.11598170e-3f;
  p = p * z - 2.68354346e-2f;
  p = p * z + 1.12833930e-1f;
  p = p * z - 3.76126199e-1f;
  p = p * z + 1.12837917f;
  float c = a > 4.0f ? 4.0f : a;
  float q = 3.52821809e-6f;
  q = q * c - 2.48525524e-4f;
  q = q * c + 3.35237057e-3f;
  q = q * c - 2.31745419e-2f;
  q = q * c + 1.05585689e-1f;
  q = q * c + 6.35526116e-1f;
  q = q * c + 1.12856088f;
  float far = 1.0f - gl_exp(-c * q);
  return a < 0.75f ? x * p : x < 0 ? -far : far;
}

static inline float gl_sqrt(float x) { return sqrtf(x); }
static inline float gl_abs(float x) { return fabsf(x); }

#endif

static inline gl_real gl_sigmoid(gl_real x) { return 1 / (1 + gl_exp(-x)); }

/* log(1 + exp x) = max(x, 0) + log(1 + exp(-|x|)) */
static inline gl_real gl_softplus(gl_real x) { return (x > 0 ? x : 0) + gl_log1p_unit(gl_exp(-gl_abs(x))); }

#endif
