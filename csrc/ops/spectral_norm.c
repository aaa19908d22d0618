/* spectral_norm.c -- a weight divided by its largest singular value (Miyato et al. 2018, algorithm 1).
 *
 * The weight is seen as a matrix A, whose rows are along one axis and whose columns are all others. In training, one
 * step of power iteration moves u, the estimate of the first left singular vector, on:
 *   v = A'u / |A'u|        u = A v / |A v| (in training)        sigma = u'A v
 * Backward takes u and v as constants: gA = (g - <g, A / sigma> u v') / sigma.
 */
#include <math.h>

#include "core/vmath.h"
#include "ops/ops.h"

/* Weights beyond these are multiplied by a power of two first, so that no square leaves float32. */
static const double SMALL = 1e-12, LARGE = 1e12;

typedef struct matrix {
  const gl_real *data; /* row-major p x q */
  int64_t p, q;
  bool transposed; /* A is the transpose of what is stored */
} matrix;

/* A's rows are along `axis`, which is the first or the last of the weight. */
static bool read_matrix(const gl_tensor *weight, const gl_arg *arg, matrix *a) {
  int axis;
  if (weight->ndim < 2)
    return gl_fail("the weight has at least 2 axes, this is %s", gl_tensor_text(weight));
  if (!gl_axis(arg, weight->ndim, &axis))
    return false;
  if (axis != 0 && axis != weight->ndim - 1)
    return gl_fail("the axis is the weight's first or last, not %d", axis + 1);
  a->transposed = axis != 0;
  a->q = a->transposed ? weight->shape[axis] : gl_tensor_numel(weight) / weight->shape[0];
  a->p = gl_tensor_numel(weight) / a->q;
  return gl_gemm_fits(a->p, 1, a->q);
}

static int64_t rows_of(const matrix *a) { return a->transposed ? a->q : a->p; }
static int64_t columns_of(const matrix *a) { return a->transposed ? a->p : a->q; }

/* y = A x, or A'x */
static void times(const matrix *a, bool transpose, const gl_real *x, gl_real *y) {
  if (transpose == a->transposed)
    gl_gemm(&(gl_product){.m = a->p, .n = 1, .k = a->q, .a = a->data, .lda = a->q, .b = x, .ldb = 1, .c = y, .ldc = 1});
  else
    gl_gemm(&(gl_product){
        .m = 1, .n = a->q, .k = a->p, .a = x, .lda = a->p, .b = a->data, .ldb = a->q, .c = y, .ldc = a->q});
}

/* x / |x|; returns |x| */
static double normalize(gl_real *x, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++)
    sum += (double)x[i] * (double)x[i];
  double length = sqrt(sum), divisor = length > 1e-12 ? length : 1e-12; /* PyTorch's eps */
  for (int64_t i = 0; i < n; i++)
    x[i] = (gl_real)((double)x[i] / divisor);
  return length;
}

/* The largest |w[i]|: of LANES at a time, as compilers do not reorder comparisons by themselves. */
static gl_real largest_of(const gl_real *w, int64_t size) {
  enum { LANES = 16 };
  gl_real lane[LANES] = {0}, largest = 0;
  int64_t i = 0;
  for (; i <= size - LANES; i += LANES)
#pragma omp simd
    for (int k = 0; k < LANES; k++)
      lane[k] = gl_abs(w[i + k]) > lane[k] ? gl_abs(w[i + k]) : lane[k];
  for (; i < size; i++)
    largest = gl_abs(w[i]) > largest ? gl_abs(w[i]) : largest;
  for (int k = 0; k < LANES; k++)
    largest = lane[k] > largest ? lane[k] : largest;
  return largest;
}

/* The power of two that brings the largest element to 1 .. 2, or 1 where there is no need. */
static double unit_of(const gl_tensor *weight) {
  const gl_real largest = largest_of(gl_tensor_data(weight), gl_tensor_numel(weight));
  int exponent;
  if (largest == 0 || !isfinite(largest) || ((double)largest >= SMALL && (double)largest <= LARGE))
    return 1;
  frexp((double)largest, &exponent);
  return ldexp(1, exponent - 1);
}

/* weight / unit, and unit */
static gl_tensor *in_units(gl_tensor *weight, double *unit) {
  gl_tensor *held = gl_tensor_contiguous(weight), *scaled = NULL;
  if (!held || (*unit = unit_of(held)) == 1)
    return held;
  if ((scaled = gl_tensor_like(held)))
    for (int64_t i = 0, size = gl_tensor_numel(held); i < size; i++)
      gl_tensor_data(scaled)[i] = (gl_real)((double)gl_tensor_data(held)[i] / *unit);
  gl_tensor_release(held);
  return scaled;
}

static bool spectral_norm_forward(gl_node *n) {
  gl_tensor *weight = n->in[0], *u = n->in[1];
  matrix a;
  if (!read_matrix(weight, &n->arg[0], &a))
    return false;
  int64_t rows = rows_of(&a), columns = columns_of(&a);
  if (u->ndim != 1 || u->shape[0] != rows)
    return gl_fail("u is %s, the weight (%s) needs %lld", gl_tensor_text(u), gl_tensor_text(weight), (long long)rows);
  double unit = 1;
  gl_tensor *held = in_units(weight, &unit);
  n->saved[0] =
      held ? gl_tensor_new(GL_FLOAT, 1, (int64_t[]){rows + columns + 2}) : NULL; /* u, v, sigma / unit, unit */
  if (n->saved[0]) {
    gl_real *left = gl_tensor_data(n->saved[0]), *right = left + rows, *sigma = right + columns;
    a.data = gl_tensor_data(held);
    sigma[1] = (gl_real)unit;
    for (int64_t i = 0; i < rows; i++)
      left[i] = (gl_real)gl_tensor_get(u, i);
    times(&a, true, left, right);
    *sigma = (gl_real)normalize(right, columns); /* |A'u| = u'A v */
    if (n->arg[1].b) {
      times(&a, false, right, left);
      *sigma = (gl_real)normalize(left, rows);
    }
    n->out = gl_scaled(held, 1 / (double)*sigma);
    /* No backward reads u itself, so its change is not counted: two forwards may come before a backward. */
    for (int64_t i = 0; n->out && n->arg[1].b && i < rows; i++)
      gl_tensor_set(u, i, (double)left[i]);
  }
  gl_tensor_release(held);
  return n->out;
}

typedef struct gradient_job {
  const gl_real *g, *u, *v; /* of stored rows and columns */
  gl_real *out;
  int64_t q;
  double inner; /* <g, A / sigma> */
  double sigma;
} gradient_job;

static void gradient_rows(int64_t first, int64_t last, void *context) {
  const gradient_job *j = context;
  const gl_real scale = (gl_real)(1 / j->sigma);
  for (int64_t r = first; r < last; r++) {
    const gl_real weight = (gl_real)j->inner * j->u[r];
    const gl_real *g = j->g + r * j->q;
    gl_real *out = j->out + r * j->q;
#pragma omp simd
    for (int64_t i = 0; i < j->q; i++)
      out[i] = (g[i] - weight * j->v[i]) * scale;
  }
}

static bool spectral_norm_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  matrix a;
  read_matrix(n->in[0], &n->arg[0], &a);
  const gl_real *u = gl_tensor_data(n->saved[0]), *v = u + rows_of(&a), *g = gl_tensor_data(gout);
  const gl_real *normal = gl_tensor_data(n->out);
  gin[0] = gl_tensor_is_own(gout) ? gl_tensor_retain(gout) : gl_tensor_like(gout);
  if (!gin[0])
    return false;
  gradient_job j = {.g = g,
                    .u = a.transposed ? v : u,
                    .v = a.transposed ? u : v,
                    .out = gl_tensor_data(gin[0]),
                    .q = a.q,
                    .sigma = (double)v[columns_of(&a)] * (double)v[columns_of(&a) + 1]};
  for (int64_t r = 0; r < a.p; r++) {
    gl_real s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t i = 0; i < a.q; i++)
      s += g[r * a.q + i] * normal[r * a.q + i];
    j.inner += (double)s;
  }
  gl_parallel(a.p, (int)(a.q < GL_GRAIN ? a.q : GL_GRAIN), gradient_rows, &j);
  return true;
}
GL_OP(spectral_norm, "weight:T u:T axis:I=1 training:B=true", GL_SAVES_OUT, spectral_norm_backward,
      "weight / (u'A v), A: weight as `axis` x rest, v = A'u / |A'u|, in training then u = A v / |A v| (Miyato et al. "
      "2018)");
