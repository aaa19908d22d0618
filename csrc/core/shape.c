/* shape.c -- arithmetic on shapes, strides, axes and indices. */
#include "core/shape.h"

#include <stdio.h>
#include <string.h>

/* ---- sizes ---- */

bool gl_size_add(int64_t a, int64_t b, int64_t *sum) {
  *sum = 0;
  if (a < 0 || b < 0 || a > GL_SIZE_MOST || b > GL_SIZE_MOST - a)
    return gl_fail("%lld + %lld is too large a size", (long long)a, (long long)b);
  *sum = a + b;
  return true;
}

bool gl_size_multiply(int64_t a, int64_t b, int64_t *product) {
  *product = 0;
  if (a < 0 || b < 0 || (a > 0 && b > GL_SIZE_MOST / a))
    return gl_fail("%lld * %lld is too large a size", (long long)a, (long long)b);
  *product = a * b;
  return true;
}

int64_t gl_size_work(int64_t a, int64_t b) { return a > 0 && b > INT64_MAX / a ? INT64_MAX : a * b; }

void *gl_alloc_array(int64_t n, int64_t m, size_t size) {
  int64_t count, bytes;
  if (gl_size_multiply(n, m, &count) && gl_size_multiply(count, (int64_t)size, &bytes))
    return gl_alloc((size_t)bytes);
  return gl_fail("out of memory (%lld * %lld * %zu bytes wanted)", (long long)n, (long long)m, size), NULL;
}

void *gl_calloc_array(int64_t n, int64_t m, size_t size) {
  void *array = gl_alloc_array(n, m, size);
  if (array)
    memset(array, 0, (size_t)(n * m) * size);
  return array;
}

/* ---- shapes ---- */

int64_t gl_shape_numel(int ndim, const int64_t *shape) {
  int64_t n = 1;
  for (int i = 0; i < ndim; i++)
    n *= shape[i];
  return n;
}

void gl_shape_strides(int ndim, const int64_t *shape, int64_t *stride) {
  int64_t step = 1;
  for (int i = ndim - 1; i >= 0; i--) {
    stride[i] = step;
    step *= shape[i];
  }
}

bool gl_shape_check(int ndim, const int64_t *shape) {
  if (ndim < 0 || ndim > GL_MAXDIM)
    return gl_fail("a tensor has at most %d axes, not %d", GL_MAXDIM, ndim);
  int64_t n = 1;
  for (int i = 0; i < ndim; i++) {
    if (shape[i] < 1)
      return gl_fail("size %lld of axis %d: sizes are at least 1", (long long)shape[i], i + 1);
    if (!gl_size_multiply(n, shape[i], &n))
      return gl_fail("shape %s is too large", gl_shape_text(ndim, shape));
  }
  return true;
}

const char *gl_shape_text(int ndim, const int64_t *shape) {
  enum { SIZE = 192, RING = 4 };
  static _Thread_local char ring[RING][SIZE];
  static _Thread_local int turn;
  char *text = ring[turn = (turn + 1) % RING];
  if (ndim == 0)
    return "scalar";
  size_t used = 0;
  for (int i = 0; i < ndim && used < SIZE; i++)
    used += (size_t)snprintf(text + used, SIZE - used, i ? "x%lld" : "%lld", (long long)shape[i]);
  return text;
}

const char *gl_tensor_text(const gl_tensor *t) { return gl_shape_text(t->ndim, t->shape); }

bool gl_same_shape(const gl_tensor *a, const gl_tensor *b) {
  return a->ndim == b->ndim && memcmp(a->shape, b->shape, sizeof(int64_t) * (size_t)a->ndim) == 0;
}

bool gl_shape_broadcast(const gl_tensor *a, const gl_tensor *b, int *ndim, int64_t *shape) {
  *ndim = a->ndim > b->ndim ? a->ndim : b->ndim;
  for (int i = 1; i <= *ndim; i++) {
    int64_t sa = i <= a->ndim ? a->shape[a->ndim - i] : 1, sb = i <= b->ndim ? b->shape[b->ndim - i] : 1;
    if (sa != sb && sa != 1 && sb != 1)
      return gl_fail("shapes %s and %s do not fit together (axes are matched from the last; sizes must be equal or 1)",
                     gl_tensor_text(a), gl_tensor_text(b));
    shape[*ndim - i] = sa > sb ? sa : sb;
  }
  return true;
}

bool gl_writable(const gl_tensor *t) {
  if (t->buffer->backing)
    return gl_fail("this tensor (%s) is a file in memory, which cannot be changed: clone it first", gl_tensor_text(t));
  for (int i = 0; i < t->ndim; i++)
    if (t->shape[i] > 1 && t->stride[i] == 0)
      return gl_fail("a stretched tensor (%s, by expand) cannot be changed: its elements share memory; clone it first",
                     gl_tensor_text(t));
  return true;
}

static bool normal_axis(int64_t typed, int ndim, int *axis) {
  int64_t a = typed < 0 ? typed + ndim : typed - 1;
  if (typed == 0 || a < 0 || a >= ndim)
    return gl_fail("there is no axis %lld: the tensor has %d %s", (long long)typed, ndim, ndim == 1 ? "axis" : "axes");
  *axis = (int)a;
  return true;
}

bool gl_axis(const gl_arg *arg, int ndim, int *axis) { return normal_axis(arg->i, ndim, axis); }

bool gl_axes(const gl_arg *arg, int ndim, bool *chosen) {
  for (int i = 0; i < ndim; i++)
    chosen[i] = !arg->given || arg->list.n == 0;
  for (int k = 0; arg->given && k < arg->list.n; k++) {
    int axis = 0;
    if (!normal_axis(arg->list.v[k], ndim, &axis))
      return false;
    if (chosen[axis])
      return gl_fail("axis %d is given twice", axis + 1);
    chosen[axis] = true;
  }
  return true;
}

bool gl_index(int64_t typed, int64_t size, const char *what, int64_t *index) {
  int64_t i = typed < 0 ? typed + size : typed - 1;
  if (typed == 0 || i < 0 || i >= size)
    return gl_fail("%s %lld is not in 1..%lld", what, (long long)typed, (long long)size);
  *index = i;
  return true;
}

bool gl_index_value(double value, int64_t size, const char *what, int64_t *index) {
  const double beyond =
      9223372036854775808.0; /* 2^63: what is less is an int64_t's, and no number more than its floor */
  int64_t i = value >= 1 && value < beyond ? (int64_t)value : 0;
  if (i < 1 || i > size || (double)i != value)
    return gl_fail("%s %.9g is not a whole number in 1..%lld", what, value, (long long)size);
  *index = i - 1;
  return true;
}

bool gl_is_images(const gl_tensor *x) {
  return x->ndim == 4 || gl_fail("the input is images N x H x W x C, not %s", gl_tensor_text(x));
}

bool gl_pair(const gl_arg *arg, int64_t least, const char *what, int64_t pair[2]) {
  pair[0] = arg->list.v[0];
  pair[1] = arg->list.n > 1 ? arg->list.v[1] : pair[0];
  return (arg->list.n >= 1 && arg->list.n <= 2 && pair[0] >= least && pair[1] >= least) ||
         gl_fail("%s is one whole number from %lld or two (height, width), not %s", what, (long long)least,
                 gl_shape_text(arg->list.n, arg->list.v));
}

bool gl_window_size(int64_t n, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation, const char *what,
                    int64_t *out) {
  const int64_t most = 1 << 30; /* keeps the arithmetic in range */
  if (kernel < 1 || stride < 1 || dilation < 1 || padding < 0 || kernel > most || stride > most || dilation > most ||
      padding > most)
    return gl_fail(
        "%s: kernel %lld, stride %lld, padding %lld, dilation %lld: kernel, stride and dilation are at least "
        "1, padding at least 0, all at most %lld",
        what, (long long)kernel, (long long)stride, (long long)padding, (long long)dilation, (long long)most);
  int64_t room = n + 2 * padding - dilation * (kernel - 1) - 1;
  *out = (room >= 0 ? room / stride : -((stride - 1 - room) / stride)) + 1;
  if (*out >= 1)
    return true;
  char extent[48]; /* of the window */
  if (dilation == 1)
    snprintf(extent, sizeof extent, "%lld", (long long)kernel);
  else
    snprintf(extent, sizeof extent, "(%lld*(%lld - 1) + 1)", (long long)dilation, (long long)kernel);
  return gl_fail("%s floor((%lld + 2*%lld - %s) / %lld) + 1 = %lld: at least 1 is wanted", what, (long long)n,
                 (long long)padding, extent, (long long)stride, (long long)*out);
}

/* The stride of operand t along axis i of the common shape: 0 where t is stretched. */
static int64_t stretched_stride(const gl_tensor *t, int ndim, int i) {
  int own = i - (ndim - t->ndim);
  return own < 0 || t->shape[own] == 1 ? 0 : t->stride[own];
}

void gl_nest_make(gl_nest *nest, int ndim, const int64_t *shape, int noperands, const gl_tensor *const *operand) {
  int kept = 0;
  nest->noperands = noperands;
  for (int i = 0; i < ndim; i++) {
    if (shape[i] == 1)
      continue;
    bool merge = kept > 0;
    for (int k = 0; k < noperands && merge; k++)
      merge = nest->stride[k][kept - 1] == stretched_stride(operand[k], ndim, i) * shape[i];
    int at = merge ? kept - 1 : kept++;
    nest->shape[at] = merge ? nest->shape[at] * shape[i] : shape[i];
    for (int k = 0; k < noperands; k++)
      nest->stride[k][at] = stretched_stride(operand[k], ndim, i);
  }
  if (kept == 0) {
    nest->shape[0] = 1;
    for (int k = 0; k < noperands; k++)
      nest->stride[k][0] = 0;
    kept = 1;
  }
  nest->ndim = kept;
  nest->rows = gl_shape_numel(kept - 1, nest->shape);
}

void gl_nest_offsets(const gl_nest *nest, int64_t row, int64_t *offset) {
  for (int k = 0; k < nest->noperands; k++)
    offset[k] = 0;
  for (int i = nest->ndim - 2; i >= 0; i--) {
    int64_t index = row % nest->shape[i];
    row /= nest->shape[i];
    for (int k = 0; k < nest->noperands; k++)
      offset[k] += index * nest->stride[k][i];
  }
}
