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

/* C = alpha * op(A) * op(B) + beta * C, row-major, op(A) m x k, op(B) k x n; cut over rows or columns of C. */
void gl_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, double alpha, const gl_real *a,
             int64_t lda, const gl_real *b, int64_t ldb, double beta, gl_real *c, int64_t ldc);

#endif
