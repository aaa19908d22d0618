/* index.c -- ops that pick elements by the values of another tensor. Indices count from 1. */
#include <string.h>

#include "ops/ops.h"

/* The indices as whole numbers from 0, in row-major order; freed by gl_free. */
static int64_t *indices(const gl_tensor *t, int64_t size) {
  int64_t n = gl_tensor_numel(t), *index = gl_alloc_array(n, 1, sizeof *index);
  for (int64_t i = 0; index && i < n; i++)
    if (!gl_index_value(gl_tensor_get(t, i), size, "index", &index[i])) {
      gl_free(index);
      return NULL;
    }
  return index;
}

/* ---- index_select ---- */

typedef struct rows_job {
  const char *from;
  char *to;
  const int64_t *index;
  int64_t count, size, bytes; /* rows picked of each outer part, rows it has, bytes of a row */
} rows_job;

static void pick_rows(int64_t from, int64_t to, void *context) {
  const rows_job *j = context;
  for (int64_t r = from; r < to; r++) {
    int64_t row = r / j->count * j->size + j->index[r % j->count];
    memcpy(j->to + r * j->bytes, j->from + row * j->bytes, (size_t)j->bytes);
  }
}

static bool index_select_forward(gl_node *n) {
  gl_tensor *index = n->in[1];
  int axis;
  if (!gl_axis(&n->arg[0], n->in[0]->ndim, &axis))
    return false;
  if (index->ndim != 1)
    return gl_fail("the index is a vector, not %s", gl_tensor_text(index));
  gl_tensor *x = gl_tensor_contiguous(n->in[0]);
  int64_t *at = x ? indices(index, x->shape[axis]) : NULL;
  if (at) {
    int64_t shape[GL_MAXDIM];
    memcpy(shape, x->shape, sizeof shape);
    shape[axis] = index->shape[0];
    n->out = gl_tensor_new(x->dtype, x->ndim, shape);
  }
  if (n->out) {
    gl_around v = gl_shape_around(x, axis);
    int64_t element = (int64_t)gl_dtype_size(x->dtype);
    rows_job j = {(char *)x->buffer->data + x->offset * element,
                  n->out->buffer->data,
                  at,
                  index->shape[0],
                  v.size,
                  v.inner * element};
    gl_parallel(v.outer * j.count, (int)(j.bytes < 4096 ? j.bytes / 4 + 1 : 1024), pick_rows, &j);
  }
  gl_free(at);
  gl_tensor_release(x);
  return n->out;
}

static bool index_select_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  const gl_tensor *x = n->in[0];
  int axis;
  gl_axis(&n->arg[0], x->ndim, &axis);
  gl_around v = gl_shape_around(x, axis);
  int64_t *at = indices(n->in[1], v.size), count = gl_tensor_numel(n->in[1]);
  gin[0] = at ? gl_tensor_full(x->ndim, x->shape, 0) : NULL;
  for (int64_t r = 0; gin[0] && r < v.outer * count; r++) {
    gl_real *to = gl_tensor_data(gin[0]) + (r / count * v.size + at[r % count]) * v.inner;
    const gl_real *g = gl_tensor_data(gout) + r * v.inner;
    for (int64_t i = 0; i < v.inner; i++)
      to[i] += g[i];
  }
  gl_free(at);
  return gin[0];
}
GL_OP(index_select, "x:T index:T axis:I=1", GL_SAVES_IN | GL_ANY_DTYPE, index_select_backward,
      "the parts of x at the places index[1], index[2], ... of an axis");

/* ---- gather ---- */

static bool gather_fits(const gl_tensor *x, const gl_tensor *index, int axis) {
  bool fits = x->ndim == index->ndim;
  for (int i = 0; fits && i < x->ndim; i++)
    fits = i == axis || x->shape[i] == index->shape[i];
  return fits || gl_fail("x is %s, the index %s: they may differ along the axis (%d) only", gl_tensor_text(x),
                         gl_tensor_text(index), axis + 1);
}

/* Where in x the k-th element of a gather along v comes from; m entries along the axis. */
static int64_t gather_source(gl_around v, int64_t m, const int64_t *at, int64_t k) {
  return (k / (m * v.inner) * v.size + at[k]) * v.inner + k % v.inner;
}

static bool gather_forward(gl_node *n) {
  int axis;
  if (!gl_axis(&n->arg[0], n->in[0]->ndim, &axis) || !gather_fits(n->in[0], n->in[1], axis))
    return false;
  gl_tensor *x = gl_tensor_contiguous(n->in[0]);
  int64_t *at = x ? indices(n->in[1], x->shape[axis]) : NULL;
  n->out = at ? gl_tensor_new(GL_FLOAT, n->in[1]->ndim, n->in[1]->shape) : NULL;
  if (n->out) {
    gl_around v = gl_shape_around(x, axis);
    for (int64_t k = 0, size = gl_tensor_numel(n->out); k < size; k++)
      gl_tensor_data(n->out)[k] = gl_tensor_data(x)[gather_source(v, n->out->shape[axis], at, k)];
  }
  gl_free(at);
  gl_tensor_release(x);
  return n->out;
}

static bool gather_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  const gl_tensor *x = n->in[0];
  int axis;
  gl_axis(&n->arg[0], x->ndim, &axis);
  gl_around v = gl_shape_around(x, axis);
  int64_t *at = indices(n->in[1], v.size);
  gin[0] = at ? gl_tensor_full(x->ndim, x->shape, 0) : NULL;
  for (int64_t k = 0, size = gl_tensor_numel(gout); gin[0] && k < size; k++)
    gl_tensor_data(gin[0])[gather_source(v, gout->shape[axis], at, k)] += gl_tensor_data(gout)[k];
  gl_free(at);
  return gin[0];
}
GL_OP(gather, "x:T index:T axis:I=-1", GL_SAVES_IN, gather_backward, "y[i][j] = x[i][index[i][j]], for whichever axis");

/* ---- where ---- */

static void choose_map(int64_t n, gl_real *out, const gl_real *mask, const gl_real *a, int64_t sa, const gl_real *b,
                       int64_t sb, const double *p) {
  (void)p;
  for (int64_t i = 0; i < n; i++)
    out[i] = mask[i] != 0 ? a[i * sa] : b[i * sb];
}

/* The condition stretched to the common shape, contiguous; its shape in *shape. */
static gl_tensor *stretched_condition(const gl_node *n, gl_tensor *shape) {
  gl_tensor pair = {0};
  if (!gl_shape_broadcast(n->in[1], n->in[2], &pair.ndim, pair.shape) ||
      !gl_shape_broadcast(n->in[0], &pair, &shape->ndim, shape->shape))
    return NULL;
  gl_tensor *mask = gl_tensor_new(GL_FLOAT, shape->ndim, shape->shape);
  if (mask)
    gl_tensor_copy(mask, n->in[0]);
  return mask;
}

static bool where_forward(gl_node *n) {
  gl_tensor shape = {0}, *mask = stretched_condition(n, &shape);
  n->out = mask ? gl_map(choose_map, 1, NULL, &shape, mask, n->in[1], n->in[2], NULL) : NULL;
  gl_tensor_release(mask);
  return n->out;
}

static bool where_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  gl_tensor shape = {0}, *mask = stretched_condition(n, &shape), *zero = mask ? gl_tensor_scalar(0) : NULL;
  bool ok = zero;
  for (int k = 1; k <= 2 && ok; k++) {
    if (!gl_wants(n, k))
      continue;
    gl_tensor *g = gl_map(choose_map, 1, NULL, gout, mask, k == 1 ? gout : zero, k == 1 ? zero : gout, NULL);
    gin[k] = g ? gl_sum_to(g, n->in[k]) : NULL;
    gl_tensor_release(g);
    ok = gin[k];
  }
  gl_tensor_release(zero);
  gl_tensor_release(mask);
  return ok;
}
GL_OP(where, "condition:T x:T y:T", GL_SAVES_IN, where_backward, "x where the condition is not 0, y elsewhere");

/* ---- one_hot ---- */

static bool one_hot_forward(gl_node *n) {
  const gl_tensor *labels = n->in[0];
  int64_t classes = n->arg[0].i;
  if (labels->ndim != 1 || classes < 1)
    return gl_fail("labels are a vector (here %s) and classes at least 1 (here %lld)", gl_tensor_text(labels),
                   (long long)classes);
  int64_t *at = indices(labels, classes);
  n->out = at ? gl_tensor_full(2, (int64_t[]){labels->shape[0], classes}, 0) : NULL;
  for (int64_t i = 0; n->out && i < labels->shape[0]; i++)
    gl_tensor_data(n->out)[i * classes + at[i]] = 1;
  gl_free(at);
  return n->out;
}
GL_OP(one_hot, "labels:T classes:I", 0, NULL, "N x classes: 1 at each label's place (labels from 1), 0 elsewhere");
