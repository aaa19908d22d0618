/* tensor.c -- tensors: shape and strides over a reference-counted buffer that views share. */
#include <math.h>
#include <string.h>

#include "core/parallel.h"
#include "core/shape.h"
#include "genlat.h"

size_t gl_dtype_size(gl_dtype dtype) {
  return dtype == GL_UINT8 ? 1 : dtype == GL_INT64 ? sizeof(int64_t) : sizeof(gl_real);
}

const char *gl_dtype_name(gl_dtype dtype) {
  if (dtype != GL_FLOAT)
    return dtype == GL_UINT8 ? "uint8" : "int64";
  return sizeof(gl_real) == sizeof(float) ? "float32" : "float64";
}

/* ---- life ---- */

static void buffer_release(gl_buffer *b) {
  if (!b || --b->refs > 0)
    return;
  if (b->backing)
    b->backing->release(b->data, b->bytes);
  else
    gl_free(b->data);
  gl_free(b);
}

gl_tensor *gl_tensor_over(gl_dtype dtype, int ndim, const int64_t *shape, void *data, size_t bytes,
                          const gl_backing *backing) {
  gl_tensor *t = gl_calloc(sizeof *t);
  gl_buffer *b = t ? gl_alloc(sizeof *b) : NULL;
  if (!b) {
    gl_free(t);
    return NULL;
  }
  *b = (gl_buffer){.data = data, .bytes = bytes, .refs = 1, .backing = backing};
  t->buffer = b;
  t->dtype = dtype;
  t->ndim = ndim;
  t->refs = 1;
  memcpy(t->shape, shape, sizeof(int64_t) * (size_t)ndim);
  gl_shape_strides(ndim, shape, t->stride);
  return t;
}

bool gl_tensor_intact(const gl_tensor *t) { return !t->buffer->backing || t->buffer->backing->intact(t->buffer->data); }

gl_tensor *gl_tensor_new(gl_dtype dtype, int ndim, const int64_t *shape) {
  if (!gl_shape_check(ndim, shape))
    return NULL;
  size_t bytes = (size_t)gl_shape_numel(ndim, shape) * gl_dtype_size(dtype);
  void *data = gl_alloc(bytes);
  gl_tensor *t = data ? gl_tensor_over(dtype, ndim, shape, data, bytes, NULL) : NULL;
  if (!t)
    gl_free(data);
  return t;
}

gl_tensor *gl_tensor_like(const gl_tensor *t) { return gl_tensor_new(t->dtype, t->ndim, t->shape); }

gl_tensor *gl_tensor_full(int ndim, const int64_t *shape, double value) {
  gl_tensor *t = gl_tensor_new(GL_FLOAT, ndim, shape);
  if (t)
    gl_tensor_fill(t, value);
  return t;
}

gl_tensor *gl_tensor_scalar(double value) { return gl_tensor_full(0, (const int64_t[GL_MAXDIM]){0}, value); }

gl_tensor *gl_tensor_view(const gl_tensor *t, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset) {
  gl_tensor *v = gl_calloc(sizeof *v);
  if (!v)
    return NULL;
  v->buffer = t->buffer;
  v->buffer->refs++;
  v->offset = offset;
  v->dtype = t->dtype;
  v->ndim = ndim;
  v->refs = 1;
  memcpy(v->shape, shape, sizeof(int64_t) * (size_t)ndim);
  memcpy(v->stride, stride, sizeof(int64_t) * (size_t)ndim);
  return v;
}

gl_tensor *gl_detach(const gl_tensor *t) { return gl_tensor_view(t, t->ndim, t->shape, t->stride, t->offset); }

gl_tensor *gl_tensor_retain(gl_tensor *t) {
  t->refs++;
  return t;
}

/* Freeing a tensor frees its node, which frees its inputs, and so on along a tape that may be a million ops long: hence
 * a list of what is to be freed, linked through `pending`, instead of recursion. */
void gl_tensor_release(gl_tensor *t) {
  static _Thread_local gl_tensor *dead;
  static _Thread_local bool freeing;
  if (!t || --t->refs > 0)
    return;
  gl_tensor *gathered = t->pending;
  t->pending = dead;
  dead = t;
  if (!freeing) {
    freeing = true;
    while (dead) {
      gl_tensor *d = dead;
      dead = d->pending;
      gl_node_free(d->node);
      gl_tensor_release(d->grad);
      buffer_release(d->buffer);
      gl_free(d);
    }
    freeing = false;
  }
  gl_tensor_release(gathered);
}

/* ---- facts ---- */

int64_t gl_tensor_numel(const gl_tensor *t) { return gl_shape_numel(t->ndim, t->shape); }

bool gl_tensor_is_contiguous(const gl_tensor *t) {
  int64_t step = 1;
  for (int i = t->ndim - 1; i >= 0; i--) {
    if (t->shape[i] != 1 && t->stride[i] != step)
      return false;
    step *= t->shape[i];
  }
  return true;
}

bool gl_tensor_is_own(const gl_tensor *t) {
  return t->refs == 1 && t->buffer->refs == 1 && t->dtype == GL_FLOAT && gl_tensor_is_contiguous(t);
}

gl_real *gl_tensor_data(const gl_tensor *t) { return (gl_real *)t->buffer->data + t->offset; }
int64_t *gl_tensor_places(const gl_tensor *t) { return (int64_t *)t->buffer->data + t->offset; }
uint8_t *gl_tensor_bytes(const gl_tensor *t) { return (uint8_t *)t->buffer->data + t->offset; }

void gl_tensor_touch(gl_tensor *t) { t->buffer->version++; }

/* ---- elements ---- */

static int64_t element_offset(const gl_tensor *t, int64_t i) {
  int64_t offset = 0;
  for (int a = t->ndim - 1; a >= 0; a--) {
    offset += i % t->shape[a] * t->stride[a];
    i /= t->shape[a];
  }
  return offset;
}

static uint8_t to_byte(double x) { return (uint8_t)(x > 0 ? x < 255 ? lrint(x) : 255 : 0); /* NaN becomes 0 */ }

static uint8_t place_to_byte(int64_t x) { return (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x); }

/* Within 2^53, where a double, as which elements are set and read, is exact. NaN becomes 0. */
static int64_t to_whole(double x) {
  return x >= 0x1p53 ? (int64_t)1 << 53 : x > -0x1p53 ? (int64_t)nearbyint(x) : x == x ? -((int64_t)1 << 53) : 0;
}

double gl_tensor_get(const gl_tensor *t, int64_t i) {
  int64_t at = element_offset(t, i);
  if (t->dtype == GL_INT64)
    return (double)gl_tensor_places(t)[at];
  return t->dtype == GL_UINT8 ? gl_tensor_bytes(t)[at] : (double)gl_tensor_data(t)[at];
}

void gl_tensor_set(gl_tensor *t, int64_t i, double value) {
  int64_t at = element_offset(t, i);
  if (t->dtype == GL_UINT8)
    gl_tensor_bytes(t)[at] = to_byte(value);
  else if (t->dtype == GL_INT64)
    gl_tensor_places(t)[at] = to_whole(value);
  else
    gl_tensor_data(t)[at] = (gl_real)value;
}

typedef struct copy_job {
  gl_nest nest;
  gl_tensor *to;
  const gl_tensor *from;
} copy_job;

#define COPY_LOOP(TO, FROM, CONVERT)                                                                                   \
  do {                                                                                                                 \
    TO;                                                                                                                \
    FROM;                                                                                                              \
    if (st == 1 && sf == 1)                                                                                            \
      for (int64_t i = 0; i < n; i++)                                                                                  \
        y[i] = CONVERT(x[i]);                                                                                          \
    else                                                                                                               \
      for (int64_t i = 0; i < n; i++)                                                                                  \
        y[i * st] = CONVERT(x[i * sf]);                                                                                \
  } while (0)

#define TO_REAL gl_real *y = gl_tensor_data(job->to) + offset[0] + from * st
#define TO_BYTE uint8_t *y = gl_tensor_bytes(job->to) + offset[0] + from * st
#define FROM_REAL const gl_real *x = gl_tensor_data(job->from) + offset[1] + from * sf
#define TO_PLACE int64_t *y = gl_tensor_places(job->to) + offset[0] + from * st
#define FROM_PLACE const int64_t *x = gl_tensor_places(job->from) + offset[1] + from * sf
#define FROM_BYTE const uint8_t *x = gl_tensor_bytes(job->from) + offset[1] + from * sf

/* Copies elements from .. to-1 of one row of the nest. */
static void copy_row(const copy_job *job, const int64_t *offset, int64_t from, int64_t to) {
  int last = job->nest.ndim - 1;
  int64_t st = job->nest.stride[0][last], sf = job->nest.stride[1][last], n = to - from;
  bool to_bytes = job->to->dtype == GL_UINT8, from_bytes = job->from->dtype == GL_UINT8;
  bool to_places = job->to->dtype == GL_INT64, from_places = job->from->dtype == GL_INT64;
  if (to_places && from_places)
    COPY_LOOP(TO_PLACE, FROM_PLACE, (int64_t));
  else if (to_places && from_bytes)
    COPY_LOOP(TO_PLACE, FROM_BYTE, (int64_t));
  else if (to_places)
    COPY_LOOP(TO_PLACE, FROM_REAL, to_whole);
  else if (from_places && to_bytes)
    COPY_LOOP(TO_BYTE, FROM_PLACE, place_to_byte);
  else if (from_places)
    COPY_LOOP(TO_REAL, FROM_PLACE, (gl_real));
  else if (to_bytes && from_bytes)
    COPY_LOOP(TO_BYTE, FROM_BYTE, (uint8_t));
  else if (to_bytes)
    COPY_LOOP(TO_BYTE, FROM_REAL, to_byte);
  else if (from_bytes)
    COPY_LOOP(TO_REAL, FROM_BYTE, (gl_real));
  else
    COPY_LOOP(TO_REAL, FROM_REAL, (gl_real));
}

static void copy_rows(int64_t from, int64_t to, void *context) {
  const copy_job *job = context;
  int64_t offset[GL_NEST_MAX];
  for (int64_t row = from; row < to; row++) {
    gl_nest_offsets(&job->nest, row, offset);
    copy_row(job, offset, 0, job->nest.shape[job->nest.ndim - 1]);
  }
}

static void copy_part(int64_t from, int64_t to, void *context) {
  copy_row(context, (int64_t[GL_NEST_MAX]){0}, from, to);
}

/* to and from do not overlap, and from stretches to to's shape. */
static void copy_elements(gl_tensor *to, const gl_tensor *from) {
  copy_job job = {.to = to, .from = from};
  gl_nest_make(&job.nest, to->ndim, to->shape, 2, (const gl_tensor *const[]){to, from});
  int64_t row = job.nest.shape[job.nest.ndim - 1];
  if (job.nest.rows == 1)
    gl_parallel(row, 1, copy_part, &job);
  else
    gl_parallel(job.nest.rows, (int)(row < 4096 ? row : 4096), copy_rows, &job);
}

bool gl_tensor_copy(gl_tensor *to, const gl_tensor *from) {
  int ndim;
  int64_t shape[GL_MAXDIM];
  if (!gl_writable(to) || !gl_shape_broadcast(to, from, &ndim, shape))
    return false;
  if (ndim != to->ndim || memcmp(shape, to->shape, sizeof(int64_t) * (size_t)ndim) != 0)
    return gl_fail("shape %s does not fit into %s", gl_tensor_text(from), gl_tensor_text(to));
  /* A copy first, where both look at one buffer, or where `from` may turn out not to be intact or not to fit. */
  bool rounds = from->dtype == GL_INT64 && to->dtype == GL_FLOAT;
  gl_tensor *apart = NULL;
  if (to->buffer == from->buffer || from->buffer->backing || rounds) {
    apart = rounds ? gl_tensor_float(from) : gl_tensor_convert(from, from->dtype);
    if (!apart)
      return false;
  }
  copy_elements(to, apart ? apart : from);
  gl_tensor_touch(to);
  gl_tensor_release(apart);
  return true;
}

gl_tensor *gl_tensor_convert(const gl_tensor *t, gl_dtype dtype) {
  gl_tensor *c = gl_tensor_new(dtype, t->ndim, t->shape);
  if (!c)
    return NULL;
  copy_elements(c, t);
  if (gl_tensor_intact(t))
    return c;
  gl_tensor_release(c);
  return NULL;
}

gl_tensor *gl_tensor_float(const gl_tensor *t) {
  for (int64_t i = 0, n = t->dtype == GL_INT64 ? gl_tensor_numel(t) : 0; i < n; i++) {
    const double value = gl_tensor_get(t, i);
    if ((double)(gl_real)value != value)
      return gl_fail("element %lld is %.0f, which %s does not hold", (long long)i + 1, value, gl_dtype_name(GL_FLOAT)),
             NULL;
  }
  return gl_tensor_convert(t, GL_FLOAT);
}

gl_tensor *gl_tensor_contiguous(gl_tensor *t) {
  return gl_tensor_is_contiguous(t) ? gl_tensor_retain(t) : gl_tensor_convert(t, t->dtype);
}

bool gl_tensor_fill(gl_tensor *t, double value) {
  if (!gl_writable(t))
    return false;
  if (gl_tensor_is_contiguous(t) && t->dtype == GL_FLOAT) {
    gl_real *p = gl_tensor_data(t), v = (gl_real)value;
    for (int64_t i = 0, n = gl_tensor_numel(t); i < n; i++)
      p[i] = v;
  } else if (gl_tensor_is_contiguous(t) && t->dtype == GL_UINT8) {
    memset(gl_tensor_bytes(t), to_byte(value), (size_t)gl_tensor_numel(t));
  } else {
    for (int64_t i = 0, n = gl_tensor_numel(t); i < n; i++)
      gl_tensor_set(t, i, value);
  }
  gl_tensor_touch(t);
  return true;
}
