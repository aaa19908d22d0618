/* ops.h -- what the families of ops share. */
#ifndef GENLAT_OPS_H
#define GENLAT_OPS_H

#include "core/parallel.h"
#include "core/shape.h"
#include "genlat.h"

/* An op's descriptor, gl_NAME_op, for the table in table.c; its forward is NAME_forward. */
#define GL_OP(NAME, SIGNATURE, FLAGS, BACKWARD, DOC)                                                                   \
  extern const gl_op gl_##NAME##_op;                                                                                   \
  const gl_op gl_##NAME##_op = {#NAME, SIGNATURE, DOC, NAME##_forward, BACKWARD, FLAGS}

/* A loop body over n elements: out[i] from a[i * sa] and b[i * sb] (and g[i] in backward), with up to two numbers p. */
typedef void gl_kernel(int64_t n, gl_real *out, const gl_real *g, const gl_real *a, int64_t sa, const gl_real *b,
                       int64_t sb, const double *p);

/* The result of a kernel over a and b (may be NULL) stretched to shape, with g (may be NULL) contiguous of that shape.
 * `weight` is the rough cost of one element. Writes into `into` (contiguous, of that shape) where given. */
gl_tensor *gl_map(gl_kernel *kernel, int weight, gl_tensor *into, const gl_tensor *shape, const gl_tensor *g,
                  const gl_tensor *a, const gl_tensor *b, const double *p);

/* x viewed as outer x size x inner around `axis`. */
typedef struct gl_around {
  int64_t outer, size, inner;
} gl_around;
gl_around gl_shape_around(const gl_tensor *x, int axis);

/* g summed over the axes along which `like` was stretched: the gradient of broadcasting. */
gl_tensor *gl_sum_to(gl_tensor *g, const gl_tensor *like);

/* to[o, i] = scale times the sum over r of from[o, r, i]; partial sums in float, or in double where these leave it,
 * totals in double. */
void gl_sum_middle(const gl_real *from, gl_around v, double scale, gl_real *to);
/* sum[c] = sum over the rows of a matrix of x[r, c], for c = from .. to - 1; on this thread. */
void gl_sum_columns(const gl_real *x, int64_t rows, int64_t columns, int64_t from, int64_t to, gl_real *sum);

/* Are n numbers finite? One pass without branches: 0 times anything else is NaN. */
static inline bool gl_all_finite(const gl_real *x, int64_t n) {
  gl_real zero = 0;
#pragma omp simd reduction(+ : zero)
  for (int64_t i = 0; i < n; i++)
    zero += x[i] * 0;
  return zero == 0;
}

/* A new tensor y = scale * g (g is written into where nobody else sees it). */
gl_tensor *gl_scaled(gl_tensor *g, double scale);

#endif
