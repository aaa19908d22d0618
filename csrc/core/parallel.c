/* parallel.c -- genlat's threads: one pool (OpenMP), with OpenBLAS single-threaded inside it. */
#include "core/parallel.h"

#include <omp.h>

#if defined(__has_include)
#if __has_include(<cblas.h>)
#include <cblas.h>
#elif __has_include(<openblas/cblas.h>)
#include <openblas/cblas.h>
#else
#error "cblas.h is missing: install OpenBLAS's development package"
#endif
#else
#include <cblas.h>
#endif

extern char *openblas_get_corename(void);
extern char *openblas_get_config(void);
extern void openblas_set_num_threads(int);

static int threads;

static int default_threads(void) {
  int n = omp_get_num_procs();
  int limit = omp_get_max_threads(); /* OMP_NUM_THREADS */
  return limit < n ? limit : n;
}

int gl_threads(void) {
  if (threads == 0)
    gl_set_threads(default_threads());
  return threads;
}

void gl_set_threads(int n) {
  threads = n;
  openblas_set_num_threads(1);
}

const char *gl_blas_core(void) { return openblas_get_corename(); }
const char *gl_blas_config(void) { return openblas_get_config(); }

const char *gl_instruction_set(void) {
#if defined(__AVX512F__)
  return "avx512";
#elif defined(__AVX2__)
  return "avx2";
#elif defined(__AVX__)
  return "avx";
#elif defined(__SSE2__)
  return "sse2";
#elif defined(__ARM_NEON)
  return "neon";
#else
  return "scalar";
#endif
}

int gl_team(int64_t n, int weight) {
  int64_t parts = n * weight / GL_GRAIN;
  int limit = gl_threads();
  return parts < 2 ? 1 : parts < limit ? (int)parts : limit;
}

/* The i-th of `parts` cuts of 0 .. n, on a multiple of `unit`. */
static int64_t cut(int64_t n, int64_t unit, int parts, int i) {
  if (i == parts)
    return n;
  return n / unit * i / parts * unit;
}

void gl_parallel(int64_t n, int weight, gl_range_body *body, void *context) {
  int team = gl_team(n, weight);
  int64_t unit = weight < 64 ? 16 : 1; /* elements share cache lines, rows do not */
  if (team == 1) {
    body(0, n, context);
    return;
  }
#pragma omp parallel for num_threads(team) schedule(static, 1)
  for (int i = 0; i < team; i++) {
    int64_t from = cut(n, unit, team, i), to = cut(n, unit, team, i + 1);
    if (from < to)
      body(from, to, context);
  }
}

#ifdef GL_FLOAT64
#define GEMM cblas_dgemm
#else
#define GEMM cblas_sgemm
#endif

void gl_gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const gl_real *a, int64_t lda,
             const gl_real *b, int64_t ldb, double beta, gl_real *c, int64_t ldc) {
  CBLAS_TRANSPOSE opa = ta ? CblasTrans : CblasNoTrans, opb = tb ? CblasTrans : CblasNoTrans;
  int64_t unit = 16;
  bool by_rows = m >= n;
  int64_t longest = by_rows ? m : n;
  int team = m * n * k < 200000 ? 1 : gl_threads(); /* below that, starting the team costs more than it saves */
  if (team > longest / unit)
    team = longest < 2 * unit ? 1 : (int)(longest / unit);
  if (team == 1) {
    gl_threads(); /* makes sure that OpenBLAS keeps to one thread */
    GEMM(CblasRowMajor, opa, opb, (int)m, (int)n, (int)k, (gl_real)alpha, a, (int)lda, b, (int)ldb, (gl_real)beta, c,
         (int)ldc);
    return;
  }
#pragma omp parallel for num_threads(team) schedule(static, 1)
  for (int i = 0; i < team; i++) {
    int64_t from = cut(longest, unit, team, i), size = cut(longest, unit, team, i + 1) - from;
    if (size <= 0)
      continue;
    const gl_real *pa = by_rows ? (ta ? a + from : a + from * lda) : a;
    const gl_real *pb = by_rows ? b : (tb ? b + from * ldb : b + from);
    gl_real *pc = by_rows ? c + from * ldc : c + from;
    GEMM(CblasRowMajor, opa, opb, (int)(by_rows ? size : m), (int)(by_rows ? n : size), (int)k, (gl_real)alpha, pa,
         (int)lda, pb, (int)ldb, (gl_real)beta, pc, (int)ldc);
  }
}
