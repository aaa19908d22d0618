/* compare.c -- comparisons: 1 where they hold, 0 elsewhere. Not differentiable. */
#include "ops/ops.h"

#define COMPARISON(NAME, OPERATOR, DOC)                                                                                \
  static void NAME##_map(int64_t n, gl_real *out, const gl_real *g, const gl_real *a, int64_t sa, const gl_real *b,    \
                         int64_t sb, const double *p) {                                                                \
    (void)g, (void)p;                                                                                                  \
    for (int64_t i = 0; i < n; i++)                                                                                    \
      out[i] = (gl_real)(a[i * sa] OPERATOR b[i * sb]);                                                                \
  }                                                                                                                    \
  static bool NAME##_forward(gl_node *n) {                                                                             \
    gl_tensor shape = {0};                                                                                             \
    if (!gl_shape_broadcast(n->in[0], n->in[1], &shape.ndim, shape.shape))                                             \
      return false;                                                                                                    \
    n->out = gl_map(NAME##_map, 1, NULL, &shape, NULL, n->in[0], n->in[1], NULL);                                      \
    return n->out;                                                                                                     \
  }                                                                                                                    \
  GL_OP(NAME, "x:T y:T", 0, NULL, DOC)

COMPARISON(eq, ==, "1 where x == y, else 0");
COMPARISON(ne, !=, "1 where x ~= y, else 0");
COMPARISON(lt, <, "1 where x < y, else 0");
COMPARISON(le, <=, "1 where x <= y, else 0");
COMPARISON(gt, >, "1 where x > y, else 0");
COMPARISON(ge, >=, "1 where x >= y, else 0");
