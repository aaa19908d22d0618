/* parallel.h -- inside the core: how loops are spread over threads. OpenBLAS runs one thread inside. */
#ifndef GENLAT_PARALLEL_H
#define GENLAT_PARALLEL_H

#include "genlat.h"

/* Work of fewer element-steps than this runs on the caller's thread: starting the team costs more. */
enum { GL_GRAIN = 16384 };

/* Threads for n elements that cost about `weight` simple steps each. */
int gl_team(int64_t n, int weight);

/* Runs body(from, to, context) over 0 .. n-1, cut into one contiguous part for each thread of the team. The cut depends
 * on n, weight and the number of threads only; light parts (weight < 64) begin at multiples of 16. */
typedef void gl_range_body(int64_t from, int64_t to, void *context);
void gl_parallel(int64_t n, int weight, gl_range_body *body, void *context);

/* Runs body(part, parts, context) for part 0 .. parts - 1, each on a thread of its own. */
typedef void gl_part_body(int part, int parts, void *context);
void gl_parallel_parts(int parts, gl_part_body *body, void *context);

/* C = op(A) op(B) + beta C, row-major, op(A) m x k, op(B) k x n. */
typedef struct gl_product {
  bool transpose_a, transpose_b;
  int64_t m, n, k;
  const gl_real *a;
  int64_t lda;
  const gl_real *b;
  int64_t ldb;
  double beta;
  gl_real *c;
  int64_t ldc;
} gl_product;

void gl_gemm(const gl_product *p);
/* Can OpenBLAS, which counts in int, multiply matrices with these sides? To be asked first. */
bool gl_gemm_fits(int64_t m, int64_t n, int64_t k);
/* For callers that spread more than one product over a team of their own: how many parts are worth while, and one of
 * them. A part is a band of C's rows or of its columns, whichever is longer: from .. to - 1, empty if from == to. */
int gl_gemm_team(const gl_product *p);
bool gl_gemm_band(const gl_product *p, int part, int parts, int64_t *from, int64_t *to); /* true: of columns */
void gl_gemm_part(const gl_product *p, int part, int parts);

#endif
