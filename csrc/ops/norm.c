/* norm.c -- normalization of each channel: batch_norm (Ioffe & Szegedy 2015), instance_norm (Ulyanov et al. 2016).
 *
 * Both see x as groups x rows x channels, and give each channel of a group mean 0 and variance 1: the batch is one
 * group, or each image is one. With m and v the mean and variance, d = x - m, s = weight / sqrt(v + eps):
 *   z = s d + bias                           y = z where z > 0, else slope z
 *   gz = gy where z > 0, else slope gy       gbias = sum gz       gweight = sum gz d / sqrt(v + eps)
 *   gx = s (gz - mean(gz) - d mean(gz d) / (v + eps))             (the means: 0 where m and v are no function of x)
 */
#include <math.h>
#include <string.h>

#include "ops/ops.h"

enum { BLOCK = 32, STRIP = 256 }; /* rows and columns that are worked on at a time: they fit the L1 cache */

/* Numbers for each channel of a group: m, s, bias, and the two means in gx, the second over v + eps. */
enum { MEAN, SCALE, BIAS, MEAN_G, MEAN_GD, COEFFICIENTS };

typedef struct norm {
  int64_t groups, rows, c;
  int splits; /* parts of a group's rows, each summed on its own */
  const gl_real *x, *g;
  gl_real *y;       /* or gx */
  gl_real *moments; /* groups x 2 x c: m and 1 / sqrt(v + eps) */
  gl_real *coef;    /* groups x COEFFICIENTS x c */
  double *sums;     /* groups x splits x 2 x c: of forward, mean and sum of d^2; of backward, sums of gz and gz d */
  double eps;
  gl_real slope;
} norm;

static gl_real *coefficient(const norm *j, int64_t group, int which) {
  return j->coef + (group * COEFFICIENTS + which) * j->c;
}

static int64_t split_row(const norm *j, int64_t split) { return j->rows * split / j->splits; }

static void release_scratch(norm *j) {
  gl_free(j->coef);
  gl_free(j->sums);
}

static bool make_scratch(norm *j) {
  int64_t team = gl_team(j->rows * j->c, 2);
  j->splits = j->groups > 1 ? 1 : (int)(team < j->rows ? team : j->rows);
  j->coef = gl_calloc_array(j->groups * COEFFICIENTS, j->c, sizeof(gl_real));
  j->sums = gl_calloc_array(j->groups * j->splits * 2, j->c, sizeof(double));
  return j->coef && j->sums;
}

/* Runs body over the groups' splits, and over groups, one thread for each while there are enough. */
static void over_splits(gl_range_body *body, norm *j) {
  int64_t work = j->rows * j->c / j->splits * 2;
  gl_parallel(j->groups * j->splits, (int)(work < GL_GRAIN ? work : GL_GRAIN), body, j);
}

static void over_groups(gl_range_body *body, norm *j) {
  gl_parallel(j->groups, (int)(j->c < GL_GRAIN / 64 ? 64 * j->c : GL_GRAIN), body, j);
}

static void over_rows(gl_range_body *body, norm *j) {
  gl_parallel(j->groups * j->rows, (int)(j->c < GL_GRAIN ? 2 * j->c : GL_GRAIN), body, j);
}

/* ---- forward ---- */

/* Means and sums of squared deviations of n rows, at most BLOCK, of `width` columns. About the first row, so that what
 * does not vary has the variance 0. */
static void block_moments(const gl_real *x, int64_t n, int64_t width, int64_t stride, gl_real *mean, gl_real *squares) {
  for (int64_t i = 0; i < width; i++)
    mean[i] = squares[i] = 0;
  for (int64_t r = 1; r < n; r++)
    for (int64_t i = 0; i < width; i++)
      mean[i] += x[r * stride + i] - x[i];
  for (int64_t i = 0; i < width; i++)
    mean[i] = x[i] + mean[i] / (gl_real)n;
  for (int64_t r = 0; r < n; r++)
    for (int64_t i = 0; i < width; i++) {
      const gl_real d = x[r * stride + i] - mean[i];
      squares[i] += d * d;
    }
}

/* The same in double precision, for squares that leave float32. */
static void wide_moments(const gl_real *x, int64_t n, int64_t width, int64_t stride, double *mean, double *squares) {
  for (int64_t i = 0; i < width; i++) {
    mean[i] = squares[i] = 0;
    for (int64_t r = 0; r < n; r++)
      mean[i] += (double)x[r * stride + i] / (double)n;
    for (int64_t r = 0; r < n; r++) {
      const double d = (double)x[r * stride + i] - mean[i];
      squares[i] += d * d;
    }
  }
}

/* Adds the moments of nb further values to those of n: Chan, Golub & LeVeque 1979, eq. 2.1. */
static void merge_moments(int64_t c, double n, double *mean, double *squares, double nb, const double *mean_b,
                          const double *squares_b) {
  const double share = nb / (n + nb), weight = n * share;
  for (int64_t i = 0; i < c; i++) {
    const double d = mean_b[i] - mean[i];
    mean[i] += d * share;
    squares[i] += squares_b[i] + d * d * weight;
  }
}

static void split_moments(int64_t first, int64_t last, void *context) {
  const norm *j = context;
  gl_real block_mean[STRIP], block_squares[STRIP];
  double mean_b[STRIP], squares_b[STRIP];
  for (int64_t k = first; k < last; k++) {
    const int64_t from = split_row(j, k % j->splits), to = split_row(j, k % j->splits + 1);
    const gl_real *x = j->x + k / j->splits * j->rows * j->c;
    double *mean = j->sums + k * 2 * j->c, *squares = mean + j->c;
    for (int64_t r = from; r < to; r += BLOCK)
      for (int64_t i = 0; i < j->c; i += STRIP) {
        const int64_t n = r + BLOCK < to ? BLOCK : to - r, width = i + STRIP < j->c ? STRIP : j->c - i;
        block_moments(x + r * j->c + i, n, width, j->c, block_mean, block_squares);
        if (!gl_all_finite(block_squares, width))
          wide_moments(x + r * j->c + i, n, width, j->c, mean_b, squares_b);
        else
          for (int64_t l = 0; l < width; l++) {
            mean_b[l] = (double)block_mean[l];
            squares_b[l] = (double)block_squares[l];
          }
        merge_moments(width, (double)(r - from), mean + i, squares + i, (double)n, mean_b, squares_b);
      }
  }
}

/* Merges the moments of a group's splits into those of the first, and writes down what is needed of them. */
static void group_moments(int64_t first, int64_t last, void *context) {
  const norm *j = context;
  for (int64_t k = first; k < last; k++) {
    double *mean = j->sums + k * j->splits * 2 * j->c, *squares = mean + j->c;
    for (int64_t s = 1; s < j->splits; s++)
      merge_moments(j->c, (double)split_row(j, s), mean, squares, (double)(split_row(j, s + 1) - split_row(j, s)),
                    mean + s * 2 * j->c, squares + s * 2 * j->c);
    gl_real *to = j->moments + k * 2 * j->c;
    for (int64_t i = 0; i < j->c; i++) {
      to[i] = (gl_real)mean[i];
      to[j->c + i] = (gl_real)(1 / sqrt(squares[i] / (double)j->rows + j->eps));
    }
  }
}

/* weight and bias may be NULL: 1 and 0. */
static void set_coefficients(norm *j, const gl_tensor *weight, const gl_tensor *bias) {
  for (int64_t k = 0; k < j->groups; k++) {
    const gl_real *mean = j->moments + k * 2 * j->c, *rstd = mean + j->c;
    memcpy(coefficient(j, k, MEAN), mean, sizeof *mean * (size_t)j->c);
    for (int64_t i = 0; i < j->c; i++) {
      coefficient(j, k, SCALE)[i] = rstd[i] * (weight ? gl_tensor_data(weight)[i] : 1);
      coefficient(j, k, BIAS)[i] = bias ? gl_tensor_data(bias)[i] : 0;
    }
  }
}

static void normalize_rows(int64_t first, int64_t last, void *context) {
  const norm *j = context;
  const int64_t c = j->c;
  const gl_real slope = j->slope;
  for (int64_t r = first; r < last; r++) {
    const gl_real *mean = coefficient(j, r / j->rows, MEAN), *scale = mean + SCALE * c, *bias = mean + BIAS * c;
    const gl_real *x = j->x + r * c;
    gl_real *y = j->y + r * c;
#pragma omp simd
    for (int64_t i = 0; i < c; i++) {
      const gl_real z = (x[i] - mean[i]) * scale[i] + bias[i];
      y[i] = z > 0 ? z : z * slope;
    }
  }
}

static bool is_per_channel(const gl_tensor *t, int64_t c, const char *what, const gl_tensor *x) {
  return !t || (t->ndim == 1 && t->shape[0] == c) ||
         gl_fail("%s is %s, the input (%s) needs %lld", what, gl_tensor_text(t), gl_tensor_text(x), (long long)c);
}

/* Fills the output of a forward whose moments, saved[0], are there or, if `compute`, are to be computed. */
static bool norm_forward(gl_node *n, norm *j, bool compute) {
  gl_tensor *x = gl_tensor_contiguous(n->in[0]);
  gl_tensor *weight = n->in[1] ? gl_tensor_contiguous(n->in[1]) : NULL;
  gl_tensor *bias = n->in[2] ? gl_tensor_contiguous(n->in[2]) : NULL;
  if (x && (weight || !n->in[1]) && (bias || !n->in[2]) && make_scratch(j) && (n->out = gl_tensor_like(x))) {
    j->x = gl_tensor_data(x);
    j->y = gl_tensor_data(n->out);
    j->moments = gl_tensor_data(n->saved[0]);
    if (compute) {
      over_splits(split_moments, j);
      over_groups(group_moments, j);
    }
    set_coefficients(j, weight, bias);
    over_rows(normalize_rows, j);
  }
  gl_tensor_release(x);
  gl_tensor_release(weight);
  gl_tensor_release(bias);
  return n->out;
}

/* ---- backward ---- */

/* Adds the sums of gz and gz d over rows from .. to - 1 of `width` columns in double precision, for those that leave
 * float32. */
static void wide_sums(const norm *j, int64_t group, int64_t from, int64_t to, int64_t at, int64_t width, double *sums) {
  const gl_real *mean = coefficient(j, group, MEAN) + at, *scale = mean + SCALE * j->c, *bias = mean + BIAS * j->c;
  for (int64_t row = from; row < to; row++)
    for (int64_t i = 0; i < width; i++) {
      const gl_real d = j->x[row * j->c + at + i] - mean[i], g = j->g[row * j->c + at + i];
      const double gz = d * scale[i] + bias[i] > 0 ? (double)g : (double)g * (double)j->slope;
      sums[at + i] += gz;
      sums[j->c + at + i] += gz * (double)d;
    }
}

static void split_sums(int64_t first, int64_t last, void *context) {
  const norm *j = context;
  const int64_t c = j->c;
  const gl_real slope = j->slope;
  gl_real sum_g[STRIP], sum_gd[STRIP];
  for (int64_t k = first; k < last; k++) {
    const int64_t group = k / j->splits, from = group * j->rows + split_row(j, k % j->splits),
                  to = group * j->rows + split_row(j, k % j->splits + 1);
    double *sums = j->sums + k * 2 * c;
    for (int64_t r = from; r < to; r += BLOCK)
      for (int64_t at = 0; at < c; at += STRIP) {
        const int64_t end = r + BLOCK < to ? r + BLOCK : to, width = at + STRIP < c ? STRIP : c - at;
        const gl_real *mean = coefficient(j, group, MEAN) + at, *scale = mean + SCALE * c, *bias = mean + BIAS * c;
        for (int64_t i = 0; i < width; i++)
          sum_g[i] = sum_gd[i] = 0;
        for (int64_t row = r; row < end; row++) {
          const gl_real *x = j->x + row * c + at, *g = j->g + row * c + at;
          for (int64_t i = 0; i < width; i++) {
            const gl_real d = x[i] - mean[i], gz = d * scale[i] + bias[i] > 0 ? g[i] : g[i] * slope;
            sum_g[i] += gz;
            sum_gd[i] += gz * d;
          }
        }
        if (gl_all_finite(sum_g, width) && gl_all_finite(sum_gd, width))
          for (int64_t i = 0; i < width; i++) {
            sums[at + i] += (double)sum_g[i];
            sums[c + at + i] += (double)sum_gd[i];
          }
        else
          wide_sums(j, group, r, end, at, width, sums);
      }
  }
}

/* Adds up the sums of a group's splits in those of the first. */
static void group_sums(int64_t first, int64_t last, void *context) {
  const norm *j = context;
  for (int64_t k = first; k < last; k++) {
    double *sums = j->sums + k * j->splits * 2 * j->c;
    for (int64_t s = 1; s < j->splits; s++)
      for (int64_t i = 0; i < 2 * j->c; i++)
        sums[i] += sums[s * 2 * j->c + i];
    const gl_real *rstd = j->moments + (k * 2 + 1) * j->c;
    for (int64_t i = 0; i < j->c; i++) {
      coefficient(j, k, MEAN_G)[i] = (gl_real)(sums[i] / (double)j->rows);
      coefficient(j, k, MEAN_GD)[i] = (gl_real)(sums[j->c + i] / (double)j->rows * (double)rstd[i] * (double)rstd[i]);
    }
  }
}

static void gradient_rows(int64_t first, int64_t last, void *context) {
  const norm *j = context;
  const int64_t c = j->c;
  const gl_real slope = j->slope;
  for (int64_t r = first; r < last; r++) {
    const gl_real *mean = coefficient(j, r / j->rows, MEAN), *scale = mean + SCALE * c, *bias = mean + BIAS * c,
                  *mean_g = mean + MEAN_G * c, *mean_gd = mean + MEAN_GD * c;
    const gl_real *x = j->x + r * c, *g = j->g + r * c;
    gl_real *gx = j->y + r * c; /* perhaps g itself */
#pragma omp simd
    for (int64_t i = 0; i < c; i++) {
      const gl_real d = x[i] - mean[i], gz = d * scale[i] + bias[i] > 0 ? g[i] : g[i] * slope;
      gx[i] = scale[i] * (gz - mean_g[i] - d * mean_gd[i]);
    }
  }
}

/* The gradients with respect to weight (which: 1) and bias (0) from the groups' sums. */
static gl_tensor *parameter_gradient(const norm *j, int which) {
  gl_tensor *gradient = gl_tensor_new(GL_FLOAT, 1, &j->c);
  for (int64_t i = 0; gradient && i < j->c; i++) {
    double sum = 0;
    for (int64_t k = 0; k < j->groups; k++) {
      const double total = j->sums[(k * j->splits * 2 + which) * j->c + i];
      sum += which ? total * (double)j->moments[(k * 2 + 1) * j->c + i] : total;
    }
    gl_tensor_data(gradient)[i] = (gl_real)sum;
  }
  return gradient;
}

/* constant: the moments are no function of x. */
static bool norm_backward(gl_node *n, norm *j, bool constant, gl_tensor *gout, gl_tensor **gin) {
  gl_tensor *x = gl_tensor_contiguous(n->in[0]);
  gl_tensor *weight = n->in[1] ? gl_tensor_contiguous(n->in[1]) : NULL;
  gl_tensor *bias = n->in[2] ? gl_tensor_contiguous(n->in[2]) : NULL;
  bool ok = x && (weight || !n->in[1]) && (bias || !n->in[2]) && make_scratch(j);
  if (ok) {
    j->x = gl_tensor_data(x);
    j->g = gl_tensor_data(gout);
    j->moments = gl_tensor_data(n->saved[0]);
    set_coefficients(j, weight, bias);
    if (!constant || gl_wants(n, 1) || gl_wants(n, 2)) {
      over_splits(split_sums, j);
      over_groups(group_sums, j);
    }
    if (constant)
      memset(coefficient(j, 0, MEAN_G), 0, sizeof(gl_real) * (size_t)(2 * j->c));
  }
  for (int i = 1; ok && i <= 2; i++)
    if (gl_wants(n, i))
      ok = (gin[i] = parameter_gradient(j, i == 1));
  if (ok && gl_wants(n, 0)) {
    gin[0] = gl_tensor_is_own(gout) ? gl_tensor_retain(gout) : gl_tensor_like(x);
    if ((ok = gin[0])) {
      j->y = gl_tensor_data(gin[0]);
      over_rows(gradient_rows, j);
    }
  }
  gl_tensor_release(x);
  gl_tensor_release(weight);
  gl_tensor_release(bias);
  return ok;
}

/* ---- batch_norm ---- */

enum { TRAINING, MOMENTUM, EPS, SLOPE }; /* arguments */

static norm batch_shape(const gl_node *n) {
  const gl_tensor *x = n->in[0];
  int64_t c = x->shape[x->ndim - 1];
  return (norm){
      .groups = 1, .rows = gl_tensor_numel(x) / c, .c = c, .eps = n->arg[EPS].f, .slope = (gl_real)n->arg[SLOPE].f};
}

static bool batch_norm_fits(const gl_node *n) {
  const gl_tensor *x = n->in[0];
  if (x->ndim < 2)
    return gl_fail("the input is N x C or N x H x W x C, not %s", gl_tensor_text(x));
  int64_t c = x->shape[x->ndim - 1];
  if (!is_per_channel(n->in[1], c, "weight", x) || !is_per_channel(n->in[2], c, "bias", x) ||
      !is_per_channel(n->in[3], c, "running_mean", x) || !is_per_channel(n->in[4], c, "running_var", x))
    return false;
  if (!n->arg[TRAINING].b)
    return (n->in[3] && n->in[4]) || gl_fail("evaluation (training = false) needs running_mean and running_var");
  return gl_tensor_numel(x) > c ||
         gl_fail("training needs more than one value of each channel, the input is %s", gl_tensor_text(x));
}

static void use_running(const gl_node *n, norm *j) {
  gl_real *to = gl_tensor_data(n->saved[0]);
  for (int64_t i = 0; i < j->c; i++) {
    to[i] = (gl_real)gl_tensor_get(n->in[3], i);
    to[j->c + i] = (gl_real)(1 / sqrt(gl_tensor_get(n->in[4], i) + j->eps));
  }
}

/* running += momentum (batch - running), with the unbiased variance. No backward reads these tensors, so the change is
 * not counted: two forwards may come before a backward. */
static void update_running(const gl_node *n, const norm *j) {
  const double momentum = n->arg[MOMENTUM].f, *mean = j->sums, *squares = mean + j->c;
  for (int64_t i = 0; i < j->c; i++) {
    if (n->in[3])
      gl_tensor_set(n->in[3], i, (1 - momentum) * gl_tensor_get(n->in[3], i) + momentum * mean[i]);
    if (n->in[4])
      gl_tensor_set(n->in[4], i,
                    (1 - momentum) * gl_tensor_get(n->in[4], i) + momentum * squares[i] / (double)(j->rows - 1));
  }
}

static bool batch_norm_forward(gl_node *n) {
  if (!batch_norm_fits(n))
    return false;
  norm j = batch_shape(n);
  n->saved[0] = gl_tensor_new(GL_FLOAT, 2, (int64_t[]){2, j.c});
  if (!n->saved[0])
    return false;
  bool training = n->arg[TRAINING].b;
  if (!training)
    use_running(n, &j);
  if (norm_forward(n, &j, training) && training)
    update_running(n, &j);
  release_scratch(&j);
  return n->out;
}

static bool batch_norm_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  norm j = batch_shape(n);
  bool ok = norm_backward(n, &j, !n->arg[TRAINING].b, gout, gin);
  release_scratch(&j);
  return ok;
}
GL_OP(batch_norm,
      "x:T weight:T? bias:T? running_mean:T? running_var:T? training:B=true momentum:F=0.1 eps:F=1e-5 slope:F=1",
      GL_SAVES_IN, batch_norm_backward,
      "z = (x - mean) / sqrt(var + eps) * weight + bias for each channel (last axis), z where z > 0, else slope * z; "
      "in training, moments of x, and running += momentum * (batch - running)");

/* ---- instance_norm ---- */

static norm instance_shape(const gl_node *n) {
  const gl_tensor *x = n->in[0];
  return (norm){
      .groups = x->shape[0], .rows = x->shape[1] * x->shape[2], .c = x->shape[3], .eps = n->arg[0].f, .slope = 1};
}

static bool instance_norm_forward(gl_node *n) {
  const gl_tensor *x = n->in[0];
  if (!gl_is_images(x) || !is_per_channel(n->in[1], x->shape[3], "weight", x) ||
      !is_per_channel(n->in[2], x->shape[3], "bias", x))
    return false;
  norm j = instance_shape(n);
  if (j.rows < 2)
    return gl_fail("an image has more than one pixel, the input is %s", gl_tensor_text(x));
  n->saved[0] = gl_tensor_new(GL_FLOAT, 3, (int64_t[]){j.groups, 2, j.c});
  if (n->saved[0])
    norm_forward(n, &j, true);
  release_scratch(&j);
  return n->out;
}

static bool instance_norm_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  norm j = instance_shape(n);
  bool ok = norm_backward(n, &j, false, gout, gin);
  release_scratch(&j);
  return ok;
}
GL_OP(instance_norm, "x:T weight:T? bias:T? eps:F=1e-5", GL_SAVES_IN, instance_norm_backward,
      "(x - mean) / sqrt(var + eps) * weight + bias, moments of each channel of each image N x H x W x C");
