/* parallel.c -- genlat's threads: one pool (OpenMP), with OpenBLAS single-threaded inside it. */
#include "core/parallel.h"

#include "core/reserve.h"
#include "core/shape.h"

#include <limits.h>
#include <omp.h>
#include <pthread.h>

#include "core/blas.h"

extern char *openblas_get_corename(void);
extern char *openblas_get_config(void);
extern void openblas_set_num_threads(int);

static _Atomic int threads; /* 0: not yet known */

/* ---- fork ---- */

/* libgomp's threads are not there in a child, and its first team would wait for them for ever. So they are ended before
 * a fork, and both processes start new ones when they need them. LLVM's library does so by itself. That of GCC before 9
 * cannot, and none can within a team: the child then keeps to one thread. */
#if defined(__clang__)
static bool end_team(void) { return true; }
#elif __GNUC__ >= 9
static bool end_team(void) { return omp_pause_resource_all(omp_pause_soft) == 0; }
#else
static bool end_team(void) { return false; }
#endif

static bool ended, alone; /* alone: in a child that has no team and cannot make one */
static void before_fork(void) { ended = !alone && end_team(); }
static void in_child(void) { alone = !ended; }

/* ---- how many threads ---- */

static int default_threads(void) {
  int n = omp_get_num_procs();
  int limit = omp_get_max_threads(); /* OMP_NUM_THREADS */
  return limit < n ? limit : n;
}

/* OpenBLAS's own threads are never used: genlat calls it from each of its own. */
__attribute__((constructor)) static void set_up(void) {
  openblas_set_num_threads(1);
  pthread_atfork(before_fork, NULL, in_child);
}

int gl_threads(void) {
  int n = threads;
  if (n == 0)
    threads = n = default_threads();
  return n;
}

bool gl_set_threads(int n) {
  int limit = gl_reserve_limit(), wanted = n < limit ? n : limit;
  if (gl_reserve(wanted, true) < wanted)
    return gl_fail("the system has no memory for %d threads: each needs a stack, and 128 MiB of addresses for OpenBLAS",
                   n);
  threads = n;
  return true;
}

bool gl_parallel_start(void) {
  return gl_reserve(1, true) == 1 ||
         gl_fail("the system refuses the 128 MiB of addresses that OpenBLAS needs (ulimit -v "
                 "shows the limit of this process)");
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
  int64_t parts = gl_size_work(n, weight) / GL_GRAIN;
  int limit = gl_threads();
  return parts < 2 ? 1 : parts < limit ? (int)parts : limit;
}

/* The i-th of `parts` cuts of 0 .. n, on a multiple of `unit`. */
static int64_t cut(int64_t n, int64_t unit, int parts, int i) {
  if (i == parts)
    return n;
  return n / unit * i / parts * unit;
}

void gl_parallel_parts(int parts, gl_part_body *body, void *context) {
  if (parts == 1) {
    body(0, 1, context);
    return;
  }
  int team = gl_reserve(parts, false); /* where that is fewer, a thread takes several parts */
#pragma omp parallel for num_threads(team) schedule(static, 1) if (!alone && team > 1)
  for (int i = 0; i < parts; i++)
    body(i, parts, context);
}

typedef struct range_job {
  int64_t n, unit;
  gl_range_body *body;
  void *context;
} range_job;

static void run_range(int part, int parts, void *context) {
  const range_job *j = context;
  int64_t from = cut(j->n, j->unit, parts, part), to = cut(j->n, j->unit, parts, part + 1);
  if (from < to)
    j->body(from, to, j->context);
}

void gl_parallel(int64_t n, int weight, gl_range_body *body, void *context) {
  range_job j = {n, weight < 64 ? 16 : 1, body, context}; /* elements share cache lines, rows do not */
  gl_parallel_parts(gl_team(n, weight), run_range, &j);
}

#ifdef GL_FLOAT64
#define GEMM cblas_dgemm
#else
#define GEMM cblas_sgemm
#endif

enum {
  BAND = 16,
  WORTH_A_TEAM = 200000
}; /* rows or columns; multiply-adds, below which a team costs more than it saves */

bool gl_gemm_fits(int64_t m, int64_t n, int64_t k) {
  int64_t most = m > n ? m : n;
  most = most > k ? most : k;
  return most <= INT_MAX || gl_fail("a matrix with a side of %lld: they have at most %d", (long long)most, INT_MAX);
}

bool gl_gemm_band(const gl_product *p, int part, int parts, int64_t *from, int64_t *to) {
  bool by_columns = p->n > p->m;
  int64_t longest = by_columns ? p->n : p->m;
  *from = cut(longest, BAND, parts, part);
  *to = cut(longest, BAND, parts, part + 1);
  return by_columns;
}

int gl_gemm_team(const gl_product *p) {
  int64_t bands = (p->n > p->m ? p->n : p->m) / BAND;
  int team = gl_threads(); /* makes sure, too, that OpenBLAS keeps to one thread */
  if (gl_size_work(gl_size_work(p->m, p->n), p->k) < WORTH_A_TEAM || bands < 2)
    return 1;
  return team > bands ? (int)bands : team;
}

void gl_gemm_part(const gl_product *p, int part, int parts) {
  CBLAS_TRANSPOSE opa = p->transpose_a ? CblasTrans : CblasNoTrans, opb = p->transpose_b ? CblasTrans : CblasNoTrans;
  int64_t from, to, m = p->m, n = p->n;
  const gl_real *a = p->a, *b = p->b;
  gl_real *c = p->c;
  if (gl_gemm_band(p, part, parts, &from, &to)) {
    n = to - from;
    b += p->transpose_b ? from * p->ldb : from;
    c += from;
  } else {
    m = to - from;
    a += p->transpose_a ? from : from * p->lda;
    c += from * p->ldc;
  }
  if (from < to)
    GEMM(CblasRowMajor, opa, opb, (int)m, (int)n, (int)p->k, 1, a, (int)p->lda, b, (int)p->ldb, (gl_real)p->beta, c,
         (int)p->ldc);
}

static void gemm_parts(int part, int parts, void *context) { gl_gemm_part(context, part, parts); }

void gl_gemm(const gl_product *p) {
  gl_product own = *p;
  gl_parallel_parts(gl_gemm_team(p), gemm_parts, &own);
}
