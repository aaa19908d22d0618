/* layer_norm.c -- normalization of each row, of the elements along the last axes (Ba et al. 2016).
 *
 * x as rows x columns; with m and v a row's mean and variance and h = (x - m) / sqrt(v + eps):
 *   y = h weight + bias           gbias = sum g           gweight = sum g h       (over the rows)
 *   gx = (k - mean(k) - h mean(k h)) / sqrt(v + eps)      with k = g weight       (means over the row)
 */
#include <math.h>

#include "ops/ops.h"

enum { CHUNK = 1024 }; /* elements that are summed in float before the sum goes into a total in double */

typedef struct row_job {
  int64_t rows, columns;
  const gl_real *x, *g, *weight, *bias; /* bias may be NULL */
  gl_real *y, *moments;                 /* y, or gx, or NULL; rows x 2: m and 1 / sqrt(v + eps) */
  double *sums;                         /* parts x 2 x columns: of gweight and gbias, or NULL */
  double eps;
} row_job;

/* ---- forward ---- */

/* About the first element, so that what does not vary has the variance 0. */
static double row_mean(const gl_real *x, int64_t n) {
  double total = 0;
  for (int64_t k = 0; k < n; k += CHUNK) {
    const int64_t end = k + CHUNK < n ? k + CHUNK : n;
    gl_real s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t i = k; i < end; i++)
      s += x[i] - x[0];
    total += (double)s;
  }
  if (isfinite(total))
    return (double)x[0] + total / (double)n;
  total = 0; /* sums that leave float32, or elements that are not finite */
  for (int64_t i = 0; i < n; i++)
    total += (double)x[i] / (double)n;
  return total;
}

static double row_variance(const gl_real *x, int64_t n, gl_real mean) {
  double total = 0;
  for (int64_t k = 0; k < n; k += CHUNK) {
    const int64_t end = k + CHUNK < n ? k + CHUNK : n;
    gl_real s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t i = k; i < end; i++)
      s += (x[i] - mean) * (x[i] - mean);
    total += (double)s;
  }
  if (isfinite(total))
    return total / (double)n;
  total = 0;
  for (int64_t i = 0; i < n; i++)
    total += ((double)x[i] - (double)mean) * ((double)x[i] - (double)mean);
  return total / (double)n;
}

static void normalize_rows(int64_t first, int64_t last, void *context) {
  const row_job *j = context;
  for (int64_t r = first; r < last; r++) {
    const gl_real *x = j->x + r * j->columns;
    gl_real *y = j->y + r * j->columns;
    const gl_real mean = (gl_real)row_mean(x, j->columns);
    const gl_real rstd = (gl_real)(1 / sqrt(row_variance(x, j->columns, mean) + j->eps));
    j->moments[2 * r] = mean;
    j->moments[2 * r + 1] = rstd;
    for (int64_t i = 0; i < j->columns; i++)
      y[i] = (x[i] - mean) * rstd * j->weight[i] + (j->bias ? j->bias[i] : 0);
  }
}

/* Is t's shape the end of x's? */
static bool is_end(const gl_tensor *t, const gl_tensor *x) {
  bool same = t->ndim >= 1 && t->ndim <= x->ndim;
  for (int i = 1; same && i <= t->ndim; i++)
    same = t->shape[t->ndim - i] == x->shape[x->ndim - i];
  return same;
}

static bool layer_norm_forward(gl_node *n) {
  gl_tensor *x = n->in[0], *weight = n->in[1], *bias = n->in[2];
  if (!is_end(weight, x))
    return gl_fail("weight is %s, which are not the last sizes of the input (%s)", gl_tensor_text(weight),
                   gl_tensor_text(x));
  if (bias && !gl_same_shape(weight, bias))
    return gl_fail("bias is %s, weight %s: these are alike", gl_tensor_text(bias), gl_tensor_text(weight));
  row_job j = {.columns = gl_tensor_numel(weight), .eps = n->arg[0].f};
  j.rows = gl_tensor_numel(x) / j.columns;
  n->saved[0] = gl_tensor_new(GL_FLOAT, 2, (int64_t[]){j.rows, 2});
  gl_tensor *cx = gl_tensor_contiguous(x), *cw = gl_tensor_contiguous(weight);
  gl_tensor *cb = bias ? gl_tensor_contiguous(bias) : NULL;
  if (n->saved[0] && cx && cw && (cb || !bias) && (n->out = gl_tensor_like(cx))) {
    j.x = gl_tensor_data(cx);
    j.weight = gl_tensor_data(cw);
    j.bias = cb ? gl_tensor_data(cb) : NULL;
    j.y = gl_tensor_data(n->out);
    j.moments = gl_tensor_data(n->saved[0]);
    gl_parallel(j.rows, (int)(j.columns < GL_GRAIN ? 3 * j.columns : GL_GRAIN), normalize_rows, &j);
  }
  gl_tensor_release(cx);
  gl_tensor_release(cw);
  gl_tensor_release(cb);
  return n->out;
}

/* ---- backward ---- */

/* mean(k) and mean(k h) of a row */
static void row_means(const row_job *j, int64_t r, double *mean_k, double *mean_kh) {
  const gl_real *x = j->x + r * j->columns, *g = j->g + r * j->columns, mean = j->moments[2 * r];
  double total_k = 0, total_kd = 0;
  for (int64_t c = 0; c < j->columns; c += CHUNK) {
    const int64_t end = c + CHUNK < j->columns ? c + CHUNK : j->columns;
    gl_real sum_k = 0, sum_kd = 0;
#pragma omp simd reduction(+ : sum_k, sum_kd)
    for (int64_t i = c; i < end; i++) {
      const gl_real k = g[i] * j->weight[i];
      sum_k += k;
      sum_kd += k * (x[i] - mean);
    }
    total_k += (double)sum_k;
    total_kd += (double)sum_kd;
  }
  if (!isfinite(total_k) || !isfinite(total_kd)) { /* sums that leave float32 */
    total_k = total_kd = 0;
    for (int64_t i = 0; i < j->columns; i++) {
      const double k = (double)g[i] * (double)j->weight[i];
      total_k += k;
      total_kd += k * ((double)x[i] - (double)mean);
    }
  }
  *mean_k = total_k / (double)j->columns;
  *mean_kh = total_kd / (double)j->columns * (double)j->moments[2 * r + 1];
}

static void gradient_part(int part, int parts, void *context) {
  const row_job *j = context;
  double *sum_w = j->sums ? j->sums + part * 2 * j->columns : NULL, *sum_b = j->sums ? sum_w + j->columns : NULL;
  for (int64_t r = j->rows * part / parts; r < j->rows * (part + 1) / parts; r++) {
    const gl_real *x = j->x + r * j->columns, *g = j->g + r * j->columns;
    const gl_real mean = j->moments[2 * r], rstd = j->moments[2 * r + 1];
    for (int64_t i = 0; j->sums && i < j->columns; i++) {
      sum_w[i] += (double)(g[i] * ((x[i] - mean) * rstd));
      sum_b[i] += (double)g[i];
    }
    if (!j->y)
      continue;
    double mean_k, mean_kh;
    row_means(j, r, &mean_k, &mean_kh);
    const gl_real a = (gl_real)mean_k, b = (gl_real)mean_kh * rstd;
    gl_real *gx = j->y + r * j->columns; /* perhaps g itself */
#pragma omp simd
    for (int64_t i = 0; i < j->columns; i++)
      gx[i] = (g[i] * j->weight[i] - a - (x[i] - mean) * b) * rstd;
  }
}

/* Adds up the parts' sums, which belong to weight (which: 0) and bias (1). */
static gl_tensor *parameter_gradient(const row_job *j, int parts, const gl_tensor *like, int which) {
  gl_tensor *gradient = gl_tensor_like(like);
  for (int64_t i = 0; gradient && i < j->columns; i++) {
    double sum = 0;
    for (int64_t p = 0; p < parts; p++)
      sum += j->sums[(p * 2 + which) * j->columns + i];
    gl_tensor_data(gradient)[i] = (gl_real)sum;
  }
  return gradient;
}

static bool layer_norm_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  row_job j = {.columns = gl_tensor_numel(n->in[1]), .rows = n->saved[0]->shape[0]};
  gl_tensor *x = gl_tensor_contiguous(n->in[0]), *weight = gl_tensor_contiguous(n->in[1]);
  int parts = gl_team(j.rows * j.columns, 4);
  bool ok = x && weight, sums = gl_wants(n, 1) || gl_wants(n, 2);
  if (ok && gl_wants(n, 0))
    ok = (gin[0] = gl_tensor_is_own(gout) ? gl_tensor_retain(gout) : gl_tensor_like(x));
  if (ok && sums)
    ok = (j.sums = gl_calloc_array(parts * 2, j.columns, sizeof(double)));
  if (ok) {
    j.x = gl_tensor_data(x);
    j.g = gl_tensor_data(gout);
    j.weight = gl_tensor_data(weight);
    j.moments = gl_tensor_data(n->saved[0]);
    j.y = gin[0] ? gl_tensor_data(gin[0]) : NULL;
    gl_parallel_parts(parts, gradient_part, &j);
  }
  for (int i = 1; ok && i <= 2; i++)
    if (gl_wants(n, i))
      ok = (gin[i] = parameter_gradient(&j, parts, n->in[i], i - 1));
  gl_free(j.sums);
  gl_tensor_release(x);
  gl_tensor_release(weight);
  return ok;
}
GL_OP(layer_norm, "x:T weight:T bias:T? eps:F=1e-5", GL_SAVES_IN, layer_norm_backward,
      "(x - mean) / sqrt(var + eps) * weight + bias, moments over the last axes, those of weight");
