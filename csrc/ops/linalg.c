/* linalg.c -- matrix products. */
#include <limits.h>
#include <string.h>

#include "ops/ops.h"

/* A matrix as OpenBLAS reads it: rows one after the other, or, transposed, columns one after the other. */
typedef struct matrix {
  gl_tensor *held; /* a contiguous copy where neither fits, else NULL */
  const gl_real *data;
  int64_t leading, step; /* step: from one matrix of a batch to the next */
  bool transposed;
} matrix;

/* x: M x K, or B x M x K. */
static bool matrix_of(gl_tensor *x, matrix *m) {
  int r = x->ndim - 2, c = x->ndim - 1;
  *m = (matrix){0};
  bool by_rows = (x->stride[c] == 1 || x->shape[c] == 1) && x->stride[r] >= x->shape[c] && x->stride[r] <= INT_MAX;
  bool by_columns = (x->stride[r] == 1 || x->shape[r] == 1) && x->stride[c] >= x->shape[r] && x->stride[c] <= INT_MAX;
  if (!by_rows && !by_columns) {
    m->held = gl_tensor_convert(x, GL_FLOAT);
    if (!m->held)
      return false;
    x = m->held;
    by_rows = true;
  }
  m->transposed = !by_rows;
  m->data = gl_tensor_data(x);
  m->leading = by_rows ? x->stride[r] : x->stride[c];
  m->step = x->ndim == 3 && x->shape[0] > 1 ? x->stride[0] : 0;
  return true;
}

/* C = op(A) op(B) for each matrix of the batch. */
static gl_tensor *product(gl_tensor *a, bool ta, gl_tensor *b, bool tb, int ndim, const int64_t *shape) {
  matrix ma = {0}, mb = {0};
  gl_tensor *c = NULL;
  const int64_t *sa = a->shape + a->ndim - 2, *sb = b->shape + b->ndim - 2;
  int64_t m = sa[ta], k = sa[!ta], n = sb[!tb];
  if (gl_gemm_fits(m, n, k) && gl_shape_check(ndim, shape) && matrix_of(a, &ma) && matrix_of(b, &mb) &&
      (c = gl_tensor_new(GL_FLOAT, ndim, shape))) {
    int64_t batch = ndim == 3 ? shape[0] : 1;
    for (int64_t i = 0; i < batch; i++)
      gl_gemm(&(gl_product){ta != ma.transposed, tb != mb.transposed, m, n, k, ma.data + i * ma.step, ma.leading,
                            mb.data + i * mb.step, mb.leading, 0, gl_tensor_data(c) + i * m * n, n});
  }
  gl_tensor_release(ma.held);
  gl_tensor_release(mb.held);
  return c;
}

/* A vector on the left is a row, one on the right a column. */
static gl_tensor *as_matrix(const gl_tensor *x, bool left) {
  if (x->ndim != 1)
    return gl_detach(x);
  int64_t n = x->shape[0], s = x->stride[0];
  return left ? gl_tensor_view(x, 2, (int64_t[]){1, n}, (int64_t[]){n * s, s}, x->offset)
              : gl_tensor_view(x, 2, (int64_t[]){n, 1}, (int64_t[]){s, 1}, x->offset);
}

/* The shape of the product of matrices a and b. */
static bool product_shape(const gl_tensor *a, const gl_tensor *b, int *ndim, int64_t *shape) {
  if (a->shape[a->ndim - 1] != b->shape[b->ndim - 2])
    return false;
  *ndim = a->ndim > b->ndim ? a->ndim : b->ndim;
  if (*ndim == 3) {
    int64_t na = a->ndim == 3 ? a->shape[0] : 1, nb = b->ndim == 3 ? b->shape[0] : 1;
    if (na != nb && na != 1 && nb != 1)
      return false;
    shape[0] = na > nb ? na : nb;
  }
  shape[*ndim - 2] = a->shape[a->ndim - 2];
  shape[*ndim - 1] = b->shape[b->ndim - 1];
  return true;
}

static bool matmul_forward(gl_node *n) {
  const gl_tensor *x = n->in[0], *y = n->in[1];
  if (x->ndim < 1 || y->ndim < 1 || x->ndim > 3 || y->ndim > 3)
    return gl_fail("x and y are vectors, matrices or batches of matrices, not %s and %s", gl_tensor_text(x),
                   gl_tensor_text(y));
  gl_tensor *a = as_matrix(x, true), *b = a ? as_matrix(y, false) : NULL;
  int ndim;
  int64_t shape[GL_MAXDIM];
  if (b && !product_shape(a, b, &ndim, shape))
    gl_fail("x (%s) has rows of %lld, y (%s) columns of %lld%s", gl_tensor_text(x), (long long)a->shape[a->ndim - 1],
            gl_tensor_text(y), (long long)b->shape[b->ndim - 2],
            a->shape[a->ndim - 1] == b->shape[b->ndim - 2] ? ", and their batches differ" : ": these must be equal");
  else if (b)
    n->out = product(a, false, b, false, ndim, shape);
  gl_tensor_release(a);
  gl_tensor_release(b);
  if (!n->out || (x->ndim > 1 && y->ndim > 1))
    return n->out;
  gl_tensor *out = n->out; /* drop the axes that the vectors were given */
  if (x->ndim == 1) {
    memmove(out->shape + out->ndim - 2, out->shape + out->ndim - 1, sizeof out->shape[0]);
    out->ndim--;
  }
  if (y->ndim == 1)
    out->ndim--;
  gl_shape_strides(out->ndim, out->shape, out->stride);
  return true;
}

/* The gradient with respect to a matrix that was used for a whole batch is the sum over it. */
static gl_tensor *fit(gl_tensor *g, const gl_tensor *like) {
  gl_tensor *sum = NULL;
  if (!g)
    return NULL;
  if (like->ndim == 1) { /* the extra axis has size 1 */
    int64_t batch = g->ndim == 3 ? g->shape[0] : 1, n = like->shape[0];
    gl_tensor *flat = gl_tensor_view(g, 2, (int64_t[]){batch, n}, (int64_t[]){n, 1}, g->offset);
    sum = flat ? gl_sum_to(flat, like) : NULL;
    gl_tensor_release(flat);
  } else {
    sum = gl_sum_to(g, like);
  }
  gl_tensor_release(g);
  return sum;
}

/* gx = g y', gy = x' g */
static bool matmul_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  gl_tensor *x = n->in[0], *y = n->in[1];
  gl_tensor *a = as_matrix(x, true), *b = a ? as_matrix(y, false) : NULL, *g = NULL;
  int ndim = 0;
  int64_t shape[GL_MAXDIM], stride[GL_MAXDIM];
  if (b) {
    product_shape(a, b, &ndim, shape);
    gl_shape_strides(ndim, shape, stride);
    g = gl_tensor_view(gout, ndim, shape, stride, gout->offset);
  }
  bool ok = g;
  int64_t batch = ndim == 3 ? shape[0] : 1, rows = b ? a->shape[a->ndim - 2] : 0, inner = b ? b->shape[b->ndim - 2] : 0,
          columns = b ? b->shape[b->ndim - 1] : 0;
  int skip = 3 - ndim;
  if (ok && gl_wants(n, 0)) {
    gin[0] = fit(product(g, false, b, true, ndim, (int64_t[]){batch, rows, inner} + skip), x);
    ok = gin[0];
  }
  if (ok && gl_wants(n, 1)) {
    gin[1] = fit(product(a, true, g, false, ndim, (int64_t[]){batch, inner, columns} + skip), y);
    ok = gin[1];
  }
  gl_tensor_release(g);
  gl_tensor_release(a);
  gl_tensor_release(b);
  return ok;
}
GL_OP(matmul, "x:T y:T", GL_SAVES_IN, matmul_backward,
      "matrix product of x and y; vectors and batches (B x M x K) too");

/* ---- linear: y = x W' + b; x: ... x I, W: O x I, b: O, y: ... x O ---- */

typedef struct linear_job {
  gl_product y, gx, gw; /* those without a c are not wanted */
  const gl_real *bias;
  gl_real *gb;
} linear_job;

/* One thread's band of y: the bias, and the product added to it. */
static void linear_part(int part, int parts, void *context) {
  const linear_job *j = context;
  const gl_product *p = &j->y;
  int64_t from, to;
  bool by_columns = gl_gemm_band(p, part, parts, &from, &to);
  int64_t row0 = by_columns ? 0 : from, row1 = by_columns ? p->m : to;
  int64_t first = by_columns ? from : 0, count = by_columns ? to - from : p->n;
  for (int64_t r = row0; j->bias && r < row1; r++)
    memcpy(p->c + r * p->ldc + first, j->bias + first, sizeof(gl_real) * (size_t)count);
  gl_gemm_part(p, part, parts);
}

static bool linear_forward(gl_node *n) {
  gl_tensor *x = n->in[0], *w = n->in[1], *b = n->in[2];
  if (w->ndim != 2)
    return gl_fail("the weight is outputs x inputs, not %s", gl_tensor_text(w));
  if (x->ndim < 1 || x->shape[x->ndim - 1] != w->shape[1])
    return gl_fail("input has %lld features, weight needs %lld (input %s, weight %s)",
                   x->ndim ? (long long)x->shape[x->ndim - 1] : 0LL, (long long)w->shape[1], gl_tensor_text(x),
                   gl_tensor_text(w));
  if (b && (b->ndim != 1 || b->shape[0] != w->shape[0]))
    return gl_fail("bias is %s, the weight (%s) needs %lld", gl_tensor_text(b), gl_tensor_text(w),
                   (long long)w->shape[0]);
  int64_t shape[GL_MAXDIM], inputs = w->shape[1], outputs = w->shape[0], rows = gl_tensor_numel(x) / inputs;
  if (!gl_gemm_fits(rows, outputs, inputs))
    return false;
  memcpy(shape, x->shape, sizeof shape);
  shape[x->ndim - 1] = outputs;
  gl_tensor *cx = gl_tensor_contiguous(x), *cw = gl_tensor_contiguous(w), *cb = b ? gl_tensor_contiguous(b) : NULL;
  if (cx && cw && (!b || cb) && (n->out = gl_tensor_new(GL_FLOAT, x->ndim, shape))) {
    linear_job j = {.bias = cb ? gl_tensor_data(cb) : NULL};
    j.y = (gl_product){false,
                       true,
                       rows,
                       outputs,
                       inputs,
                       gl_tensor_data(cx),
                       inputs,
                       gl_tensor_data(cw),
                       inputs,
                       b ? 1 : 0,
                       gl_tensor_data(n->out),
                       outputs};
    gl_parallel_parts(gl_gemm_team(&j.y), linear_part, &j);
  }
  gl_tensor_release(cx);
  gl_tensor_release(cw);
  gl_tensor_release(cb);
  return n->out;
}

/* One thread's bands of gW = g' x, gx = g W, and gb, the sum of g over its rows: all in one go of the team. */
static void linear_backward_part(int part, int parts, void *context) {
  const linear_job *j = context;
  if (j->gw.c)
    gl_gemm_part(&j->gw, part, parts);
  if (j->gx.c)
    gl_gemm_part(&j->gx, part, parts);
  if (j->gb)
    gl_sum_columns(j->gw.a, j->gw.k, j->gw.m, j->gw.m * part / parts, j->gw.m * (part + 1) / parts, j->gb);
}

static bool linear_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  int64_t inputs = n->in[1]->shape[1], outputs = n->in[1]->shape[0], rows = gl_tensor_numel(gout) / outputs;
  const gl_real *g = gl_tensor_data(gout);
  gl_tensor *cx = gl_tensor_contiguous(n->in[0]), *cw = gl_tensor_contiguous(n->in[1]);
  bool ok = cx && cw;
  for (int i = 0; i < 3 && ok; i++)
    if (gl_wants(n, i))
      ok = (gin[i] = gl_tensor_like(n->in[i]));
  if (ok) {
    linear_job j = {.gb = gin[2] ? gl_tensor_data(gin[2]) : NULL};
    j.gw = (gl_product){true,
                        false,
                        outputs,
                        inputs,
                        rows,
                        g,
                        outputs,
                        gl_tensor_data(cx),
                        inputs,
                        0,
                        gin[1] ? gl_tensor_data(gin[1]) : NULL,
                        inputs};
    j.gx = (gl_product){false,
                        false,
                        rows,
                        inputs,
                        outputs,
                        g,
                        outputs,
                        gl_tensor_data(cw),
                        inputs,
                        0,
                        gin[0] ? gl_tensor_data(gin[0]) : NULL,
                        inputs};
    int team = gl_gemm_team(&j.gw), other = gl_gemm_team(&j.gx);
    gl_parallel_parts(team < other ? team : other, linear_backward_part, &j);
  }
  gl_tensor_release(cx);
  gl_tensor_release(cw);
  return ok;
}
GL_OP(linear, "x:T weight:T bias:T?", GL_SAVES_IN, linear_backward, "x W' + b; x: ... x I, W: O x I, b: O");
