/* random.c -- counter-based random numbers: Philox4x32-10, "Parallel random numbers: as easy as 1, 2, 3", Salmon,
 * Moraes, Dror, Shaw, SC 2011. Element i of a call uses block counter + i/4, so the numbers do not depend on the number
 * of threads. */
#include <math.h>

#include "core/parallel.h"
#include "genlat.h"

#ifdef GL_FLOAT64
#define GL_NEXT nextafter
#else
#define GL_NEXT nextafterf
#endif

static inline void philox(uint32_t k0, uint32_t k1, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3,
                          uint32_t out[4]) {
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
    uint32_t hi0 = (uint32_t)(p0 >> 32), lo0 = (uint32_t)p0, hi1 = (uint32_t)(p1 >> 32), lo1 = (uint32_t)p1;
    c0 = hi1 ^ c1 ^ k0;
    c2 = hi0 ^ c3 ^ k1;
    c1 = lo1;
    c3 = lo0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

void gl_philox(uint64_t seed, uint64_t stream, uint64_t counter, uint32_t out[4]) {
  philox((uint32_t)seed, (uint32_t)(seed >> 32), (uint32_t)counter, (uint32_t)(counter >> 32), (uint32_t)stream,
         (uint32_t)(stream >> 32), out);
}

/* 32 random bits to [0, 1): the 24 highest (53 of a pair would be needed for a full double; one 32-bit number is
 * enough for what sampling needs). */
static inline double unit(uint32_t bits) { return (double)(bits >> 8) * (1.0 / 16777216.0); }

typedef struct job {
  gl_rng rng;
  gl_real *out;
  const gl_real *p;
  double a, b;
  gl_real below; /* the largest number below b, where rounding must not reach b */
  int64_t n;
} job;

enum { BLOCKS = 64 }; /* blocks made in a row, so that the rounds run in vector registers */

/* The words of `count` blocks from `counter` on; word w of block j is out[j][w]. */
static void philox_blocks(const gl_rng *rng, uint64_t counter, int count, uint32_t (*out)[4]) {
  for (int j = 0; j < count; j++)
    gl_philox(rng->seed, 0, counter + (uint64_t)j, out[j]);
}

static void uniform_blocks(int64_t from, int64_t to, void *context) {
  const job *j = context;
  uint32_t bits[BLOCKS][4];
  for (int64_t b = from; b < to; b += BLOCKS) {
    int count = to - b < BLOCKS ? (int)(to - b) : BLOCKS;
    philox_blocks(&j->rng, j->rng.counter + (uint64_t)b, count, bits);
    const uint32_t *flat = bits[0];
    int64_t first = b * 4, last = first + count * 4 < j->n ? first + count * 4 : j->n;
    for (int64_t i = first; i < last; i++) {
      double u = unit(flat[i - first]);
      gl_real x = (gl_real)(j->a + u * (j->b - j->a));
      j->out[i] = j->p ? (u < j->p[i] ? 1 : 0) : x < j->below ? x : j->below;
    }
  }
}

/* Box & Muller 1958: two normal numbers from two uniform ones. */
static void normal_blocks(int64_t from, int64_t to, void *context) {
  const job *j = context;
  const double two_pi = 6.283185307179586;
  for (int64_t b = from; b < to; b++) {
    uint32_t bits[4];
    gl_philox(j->rng.seed, 0, j->rng.counter + (uint64_t)b, bits);
    double z[4];
    for (int h = 0; h < 4; h += 2) {
      double r = sqrt(-2.0 * log(((double)bits[h] + 0.5) * (1.0 / 4294967296.0)));
      double angle = two_pi * ((double)bits[h + 1] * (1.0 / 4294967296.0));
      z[h] = r * cos(angle);
      z[h + 1] = r * sin(angle);
    }
    for (int64_t i = b * 4; i < b * 4 + 4 && i < j->n; i++)
      j->out[i] = (gl_real)(j->a + j->b * z[i - b * 4]);
  }
}

static void run(gl_rng *rng, job j, int weight, gl_range_body *body) {
  int64_t blocks = (j.n + 3) / 4;
  j.rng = *rng;
  gl_parallel(blocks, weight, body, &j);
  rng->counter += (uint64_t)blocks;
}

void gl_rng_uniform(gl_rng *rng, gl_real *out, int64_t n, double low, double high) {
  gl_real top = (gl_real)high, below = top > (gl_real)low ? GL_NEXT(top, (gl_real)low) : top;
  run(rng, (job){.out = out, .a = low, .b = high, .below = below, .n = n}, 24, uniform_blocks);
}

void gl_rng_normal(gl_rng *rng, gl_real *out, int64_t n, double mean, double std) {
  run(rng, (job){.out = out, .a = mean, .b = std, .n = n}, 150, normal_blocks);
}

void gl_rng_bernoulli(gl_rng *rng, gl_real *out, const gl_real *p, int64_t n) {
  run(rng, (job){.out = out, .p = p, .n = n}, 24, uniform_blocks);
}

void gl_rng_permutation(uint64_t seed, uint64_t stream, uint32_t *out, uint32_t n) {
  for (uint32_t i = 0; i < n; i++)
    out[i] = i;
  for (uint32_t i = n; i > 1; i--) { /* Fisher-Yates; 64 random bits make the bias of the remainder negligible */
    uint32_t bits[4];
    gl_philox(seed, stream, i, bits);
    uint32_t k = (uint32_t)(((uint64_t)bits[0] << 32 | bits[1]) % i), t = out[i - 1];
    out[i - 1] = out[k];
    out[k] = t;
  }
}
