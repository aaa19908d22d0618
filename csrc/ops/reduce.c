/* reduce.c -- ops that fold axes into one number: sums, means, extremes; and those that work along one axis. */

#include "core/vmath.h"
#include "ops/ops.h"

gl_around gl_shape_around(const gl_tensor *x, int axis) {
  gl_around v = {1, 1, 1};
  for (int i = 0; i < x->ndim; i++)
    *(i < axis ? &v.outer : i == axis ? &v.size : &v.inner) *= x->shape[i];
  return v;
}

/* ---- folding any axes ---- */

typedef struct folding {
  gl_tensor *x; /* contiguous, the folded axes side by side; belongs to the folding */
  gl_around v;
  bool chosen[GL_MAXDIM]; /* axes of the op's input */
} folding;

/* Reads `axis` (arg[0]) and `keepdim` (arg[1]); makes n->out, undefined as yet. */
static bool fold_begin(gl_node *n, folding *f) {
  gl_tensor *x = n->in[0];
  if (!gl_axes(&n->arg[0], x->ndim, f->chosen))
    return false;
  bool keepdim = n->arg[1].b, apart = false;
  int64_t shape[GL_MAXDIM], order_shape[GL_MAXDIM], order_stride[GL_MAXDIM];
  int ndim = 0, kept = 0, runs = 0, last = -2;
  f->v = (gl_around){1, 1, 1};
  for (int i = 0; i < x->ndim; i++) {
    if (f->chosen[i]) {
      runs += last != i - 1;
      last = i;
      f->v.size *= x->shape[i];
    } else {
      *(last < 0 ? &f->v.outer : &f->v.inner) *= x->shape[i];
      order_shape[kept] = x->shape[i];
      order_stride[kept++] = x->stride[i];
    }
    if (!f->chosen[i] || keepdim)
      shape[ndim++] = f->chosen[i] ? 1 : x->shape[i];
  }
  apart = runs > 1;
  gl_tensor *view = NULL;
  if (apart) { /* bring the folded axes to the end */
    for (int i = 0; i < x->ndim; i++)
      if (f->chosen[i]) {
        order_shape[kept] = x->shape[i];
        order_stride[kept++] = x->stride[i];
      }
    f->v.outer *= f->v.inner;
    f->v.inner = 1;
    view = gl_tensor_view(x, x->ndim, order_shape, order_stride, x->offset);
    f->x = view ? gl_tensor_contiguous(view) : NULL;
  } else {
    f->x = gl_tensor_contiguous(x);
  }
  gl_tensor_release(view);
  n->out = f->x ? gl_tensor_new(GL_FLOAT, ndim, shape) : NULL;
  if (!n->out)
    gl_tensor_release(f->x);
  return n->out;
}

static bool fold_end(folding *f) {
  gl_tensor_release(f->x);
  return true;
}

/* y, of the op's result's shape, as a view stretched to its input's. */
static gl_tensor *unfold(const gl_node *n, const gl_tensor *y) {
  const gl_tensor *x = n->in[0];
  bool chosen[GL_MAXDIM];
  gl_axes(&n->arg[0], x->ndim, chosen);
  int64_t stride[GL_MAXDIM];
  for (int i = 0, k = 0; i < x->ndim; i++) {
    stride[i] = chosen[i] ? 0 : y->stride[k];
    k += !chosen[i] || n->arg[1].b;
  }
  return gl_tensor_view(y, x->ndim, x->shape, stride, y->offset);
}

static int64_t folded_size(const gl_node *n) {
  bool chosen[GL_MAXDIM];
  gl_axes(&n->arg[0], n->in[0]->ndim, chosen);
  int64_t size = 1;
  for (int i = 0; i < n->in[0]->ndim; i++)
    size *= chosen[i] ? n->in[0]->shape[i] : 1;
  return size;
}

#define FOLD_SIGNATURE "x:T axis:L? keepdim:B=false"

static bool scaled_sum(gl_node *n, double scale) {
  folding f;
  if (!fold_begin(n, &f))
    return false;
  gl_sum_middle(gl_tensor_data(f.x), f.v, scale, gl_tensor_data(n->out));
  return fold_end(&f);
}

static bool sum_forward(gl_node *n) { return scaled_sum(n, 1); }

static bool sum_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  gin[0] = unfold(n, gout);
  return gin[0];
}
GL_OP(sum, FOLD_SIGNATURE, 0, sum_backward,
      "sum of x over all axes, or over those given; as a float32, which holds whole numbers up to 2^24: see "
      "count_nonzero");

static bool mean_forward(gl_node *n) {
  bool chosen[GL_MAXDIM];
  return gl_axes(&n->arg[0], n->in[0]->ndim, chosen) && scaled_sum(n, 1.0 / (double)folded_size(n));
}

static bool mean_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  gl_tensor *g = gl_scaled(gout, 1.0 / (double)folded_size(n));
  gin[0] = g ? unfold(n, g) : NULL;
  gl_tensor_release(g);
  return gin[0];
}
GL_OP(mean, FOLD_SIGNATURE, 0, mean_backward, "mean of x over all axes, or over those given");

/* ---- folds that look at each line of elements: x[0], x[stride], ..., x[(n-1) stride] ---- */

typedef double gl_fold(const gl_real *x, int64_t n, int64_t stride, double parameter);

typedef struct fold_job {
  gl_fold *fold;
  const gl_real *x;
  gl_real *out;
  int64_t *places; /* of a place that float32 may not hold; else NULL */
  gl_around v;
  double parameter;
} fold_job;

static void fold_lines(int64_t from, int64_t to, void *context) {
  const fold_job *j = context;
  for (int64_t k = from; k < to; k++) {
    int64_t o = k / j->v.inner, i = k % j->v.inner;
    const double y = j->fold(j->x + o * j->v.size * j->v.inner + i, j->v.size, j->v.inner, j->parameter);
    if (j->places)
      j->places[k] = (int64_t)y;
    else
      j->out[k] = (gl_real)y;
  }
}

/* is_place: the result is a whole number up to how many elements are folded. */
static bool run_fold(gl_node *n, gl_fold *fold, double parameter, bool is_place) {
  folding f;
  if (!fold_begin(n, &f))
    return false;
  const bool far = is_place && f.v.size > GL_WHOLE_MOST;
  if (far) {
    gl_tensor *places = gl_tensor_new(GL_INT64, n->out->ndim, n->out->shape);
    gl_tensor_release(n->out);
    if (!(n->out = places))
      return fold_end(&f), false;
  }
  fold_job j = {fold,     gl_tensor_data(f.x), gl_tensor_data(n->out), far ? gl_tensor_places(n->out) : NULL, f.v,
                parameter};
  gl_parallel(f.v.outer * f.v.inner, (int)(f.v.size < 1024 ? 4 * f.v.size : 4096), fold_lines, &j);
  return fold_end(&f);
}

static bool fold_forward(gl_node *n, gl_fold *fold, double parameter) { return run_fold(n, fold, parameter, false); }

static double fold_variance(const gl_real *x, int64_t n, int64_t stride, double correction) {
  double mean = 0, square = 0;
  for (int64_t i = 0; i < n; i++)
    mean += (double)x[i * stride];
  mean /= (double)n;
  for (int64_t i = 0; i < n; i++) {
    double d = (double)x[i * stride] - mean;
    square += d * d;
  }
  return square / ((double)n - correction);
}

static double fold_deviation(const gl_real *x, int64_t n, int64_t stride, double correction) {
  return sqrt(fold_variance(x, n, stride, correction));
}

static double fold_max(const gl_real *x, int64_t n, int64_t stride, double unused) {
  (void)unused;
  gl_real best = x[0];
  for (int64_t i = 1; i < n; i++)
    best = x[i * stride] > best || x[i * stride] != x[i * stride] ? x[i * stride] : best;
  return (double)best;
}

static double fold_min(const gl_real *x, int64_t n, int64_t stride, double unused) {
  (void)unused;
  gl_real best = x[0];
  for (int64_t i = 1; i < n; i++)
    best = x[i * stride] < best || x[i * stride] != x[i * stride] ? x[i * stride] : best;
  return (double)best;
}

static double fold_argmax(const gl_real *x, int64_t n, int64_t stride, double sign) {
  int64_t at = 0; /* a NaN counts as the extreme, as in max and min */
  for (int64_t i = 1; i < n && x[at * stride] == x[at * stride]; i++)
    if (sign * (double)x[i * stride] > sign * (double)x[at * stride] || x[i * stride] != x[i * stride])
      at = i;
  return (double)at + 1;
}

static double fold_nonzero(const gl_real *x, int64_t n, int64_t stride, double unused) {
  (void)unused;
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++)
    count += x[i * stride] != 0;
  return (double)count;
}

static double fold_logsumexp(const gl_real *x, int64_t n, int64_t stride, double unused) {
  double most = fold_max(x, n, stride, unused), sum = 0;
  if (isinf(most))
    return most;
  for (int64_t i = 0; i < n; i++)
    sum += (double)gl_exp((gl_real)((double)x[i * stride] - most));
  return most + log(sum);
}

static double fold_norm(const gl_real *x, int64_t n, int64_t stride, double unused) {
  (void)unused;
  double square = 0;
  for (int64_t i = 0; i < n; i++)
    square += (double)x[i * stride] * (double)x[i * stride];
  return sqrt(square);
}

static bool norm_forward(gl_node *n) { return fold_forward(n, fold_norm, 0); }
static bool logsumexp_forward(gl_node *n) { return fold_forward(n, fold_logsumexp, 0); }
static bool max_forward(gl_node *n) { return fold_forward(n, fold_max, 0); }
static bool min_forward(gl_node *n) { return fold_forward(n, fold_min, 0); }
static bool argmax_forward(gl_node *n) { return run_fold(n, fold_argmax, 1, true); }
static bool argmin_forward(gl_node *n) { return run_fold(n, fold_argmax, -1, true); }

static bool count_nonzero_forward(gl_node *n) { return run_fold(n, fold_nonzero, 0, true); }

GL_OP(argmax, FOLD_SIGNATURE, 0, NULL, "index, from 1, of the first largest element; of int64 among more than 2^24");
GL_OP(argmin, FOLD_SIGNATURE, 0, NULL, "index, from 1, of the first smallest element; of int64 among more than 2^24");

GL_OP(count_nonzero, FOLD_SIGNATURE, 0, NULL, "how many elements are not 0; of int64 among more than 2^24");

/* kernel(g, x, y), x of the input's shape, with y and g stretched to it. */
static gl_tensor *unfolded(const gl_node *n, gl_tensor *gout, gl_kernel *kernel, const gl_tensor *x,
                           const gl_tensor *y) {
  gl_tensor *wide = unfold(n, gout), *g = wide ? gl_tensor_contiguous(wide) : NULL;
  gl_tensor *ys = g ? unfold(n, y) : NULL;
  gl_tensor *result = ys ? gl_map(kernel, 2, gl_tensor_is_own(g) ? g : NULL, g, g, x, ys, NULL) : NULL;
  gl_tensor_release(ys);
  gl_tensor_release(g);
  gl_tensor_release(wide);
  return result;
}

/* gx = kernel(g, x, y) */
static bool fold_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin, gl_kernel *kernel, const gl_tensor *y) {
  gin[0] = unfolded(n, gout, kernel, n->in[0], y);
  return gin[0];
}

#define FOLD_GRADIENT(NAME, GX)                                                                                        \
  static void NAME##_gradient(int64_t n, gl_real *out, const gl_real *gs, const gl_real *a, int64_t sa,                \
                              const gl_real *b, int64_t sb, const double *p) {                                         \
    (void)p;                                                                                                           \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
      const gl_real g = gs[i], x = a[i * sa], y = b[i * sb];                                                           \
      out[i] = (GX);                                                                                                   \
    }                                                                                                                  \
  }

FOLD_GRADIENT(norm, y > 0 ? g * (x / y) : 0)
FOLD_GRADIENT(logsumexp, g *gl_exp(x - y))
FOLD_GRADIENT(extreme, x == y ? g : 0)
FOLD_GRADIENT(mean_difference, g *(x - y))
FOLD_GRADIENT(share, y > 0 ? g * (x / y) : y == 0 ? 0 : y)

static bool norm_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  return fold_backward(n, gout, gin, norm_gradient, n->out);
}
GL_OP(norm, FOLD_SIGNATURE, GL_SAVES_IN | GL_SAVES_OUT, norm_backward, "sqrt(sum x^2), the Euclidean length");

static bool logsumexp_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  return fold_backward(n, gout, gin, logsumexp_gradient, n->out);
}
GL_OP(logsumexp, FOLD_SIGNATURE, GL_SAVES_IN | GL_SAVES_OUT, logsumexp_backward, "log(sum e^x), without overflow");

/* Elements that tie for the extreme share the gradient. */
static double fold_count(const gl_real *x, int64_t n, int64_t stride, double unused) {
  double most = fold_max(x, n, stride, unused), least = fold_min(x, n, stride, unused), ties[2] = {0, 0};
  for (int64_t i = 0; i < n; i++) {
    ties[0] += (double)x[i * stride] == most;
    ties[1] += (double)x[i * stride] == least;
  }
  return unused > 0 ? ties[0] : ties[1];
}

static bool extreme_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin, double which) {
  gl_tensor *out = n->out;
  n->out = NULL;
  bool ok = fold_forward(n, fold_count, which);
  gl_tensor *count = n->out;
  n->out = out;
  for (int64_t i = 0, size = ok ? gl_tensor_numel(count) : 0; i < size; i++)
    gl_tensor_data(count)[i] = gl_tensor_data(gout)[i] / gl_tensor_data(count)[i];
  ok = ok && fold_backward(n, count, gin, extreme_gradient, out);
  gl_tensor_release(count);
  return ok;
}

static bool max_backward(gl_node *n, gl_tensor *g, gl_tensor **gin) { return extreme_backward(n, g, gin, 1); }
static bool min_backward(gl_node *n, gl_tensor *g, gl_tensor **gin) { return extreme_backward(n, g, gin, -1); }
GL_OP(max, FOLD_SIGNATURE, GL_SAVES_IN | GL_SAVES_OUT, max_backward, "the largest element; ties share the gradient");
GL_OP(min, FOLD_SIGNATURE, GL_SAVES_IN | GL_SAVES_OUT, min_backward, "the smallest element; ties share the gradient");

/* ---- variance ---- */

static bool var_forward(gl_node *n) { return fold_forward(n, fold_variance, (double)n->arg[2].i); }
static bool std_forward(gl_node *n) { return fold_forward(n, fold_deviation, (double)n->arg[2].i); }

/* gout times a number, as a new tensor. */
static gl_tensor *times(const gl_tensor *gout, double factor) {
  gl_tensor *g = gl_tensor_convert(gout, GL_FLOAT);
  for (int64_t i = 0, size = g ? gl_tensor_numel(g) : 0; i < size; i++)
    gl_tensor_data(g)[i] = (gl_real)((double)gl_tensor_data(g)[i] * factor);
  return g;
}

/* g (x - mean) / y in two steps, for 1 / y that leaves float32; 0 where all elements are equal. */
static gl_tensor *deviation_gradient(const gl_node *n, gl_tensor *g, const gl_tensor *mean, const gl_tensor *y) {
  gl_tensor *one = gl_tensor_full(g->ndim, g->shape, 1);
  gl_tensor *difference = one ? unfolded(n, one, mean_difference_gradient, n->in[0], mean) : NULL;
  gl_tensor *gx = difference ? unfolded(n, g, share_gradient, difference, y) : NULL;
  gl_tensor_release(one);
  gl_tensor_release(difference);
  return gx;
}

/* g / y, 0 where y is 0, in place; false where one of them leaves the numbers that float32 has with all digits. */
static bool divide(gl_tensor *g, const gl_tensor *y) {
  bool fits = true;
  for (int64_t i = 0, size = gl_tensor_numel(g); i < size; i++) {
    const double deviation = (double)gl_tensor_data(y)[i], share = (double)gl_tensor_data(g)[i] / deviation;
    fits &= deviation == 0 || (fabs(share) <= 1e37 && (fabs(share) >= 1e-37 || gl_tensor_data(g)[i] == 0));
    gl_tensor_data(g)[i] = deviation == 0 ? 0 : (gl_real)share;
  }
  return fits;
}

/* var: gx = 2 g (x - mean) / (n - correction). std: gx = g (x - mean) / y / (n - correction). */
static bool spread_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin, bool deviation) {
  gl_tensor *out = n->out;
  n->out = NULL;
  bool ok = mean_forward(n);
  gl_tensor *mean = n->out;
  n->out = out;
  const double share = (deviation ? 1 : 2) / ((double)folded_size(n) - (double)n->arg[2].i);
  gl_tensor *g = ok ? times(gout, share) : NULL, *over = g && deviation ? times(g, 1) : NULL;
  if (g && (!deviation || (over && divide(over, out))))
    gin[0] = unfolded(n, deviation ? over : g, mean_difference_gradient, n->in[0], mean);
  else if (over)
    gin[0] = deviation_gradient(n, g, mean, out);
  gl_tensor_release(over);
  gl_tensor_release(g);
  gl_tensor_release(mean);
  return gin[0];
}

static bool var_backward(gl_node *n, gl_tensor *g, gl_tensor **gin) { return spread_backward(n, g, gin, false); }
static bool std_backward(gl_node *n, gl_tensor *g, gl_tensor **gin) { return spread_backward(n, g, gin, true); }
GL_OP(var, FOLD_SIGNATURE " correction:I=1", GL_SAVES_IN, var_backward,
      "sum (x - mean)^2 / (n - correction), the variance");
GL_OP(std, FOLD_SIGNATURE " correction:I=1", GL_SAVES_IN | GL_SAVES_OUT, std_backward, "square root of the variance");

/* ---- along one axis ---- */

typedef struct line_job {
  const gl_real *x, *g;
  gl_real *out;
  gl_around v;
  void (*line)(gl_real *out, const gl_real *x, const gl_real *g, int64_t n, int64_t stride);
} line_job;

static void lines_part(int64_t from, int64_t to, void *context) {
  const line_job *j = context;
  for (int64_t k = from; k < to; k++) {
    int64_t at = k / j->v.inner * j->v.size * j->v.inner + k % j->v.inner;
    j->line(j->out + at, j->x ? j->x + at : NULL, j->g ? j->g + at : NULL, j->v.size, j->v.inner);
  }
}

/* Runs `line` over every line of x along axis arg[0] (g alongside, where given); x and g contiguous. */
static gl_tensor *along(const gl_node *n, const gl_tensor *x, const gl_tensor *g,
                        void (*line)(gl_real *, const gl_real *, const gl_real *, int64_t, int64_t)) {
  const gl_tensor *shape = x ? x : g;
  int axis;
  if (!gl_axis(&n->arg[0], shape->ndim, &axis))
    return NULL;
  gl_tensor *out = gl_tensor_like(shape);
  if (!out)
    return NULL;
  line_job j = {.x = x ? gl_tensor_data(x) : NULL, .g = g ? gl_tensor_data(g) : NULL, .out = gl_tensor_data(out)};
  j.v = gl_shape_around(shape, axis);
  j.line = line;
  gl_parallel(j.v.outer * j.v.inner, (int)(j.v.size < 512 ? 8 * j.v.size : 4096), lines_part, &j);
  return out;
}

static bool along_forward(gl_node *n, void (*line)(gl_real *, const gl_real *, const gl_real *, int64_t, int64_t)) {
  gl_tensor *x = gl_tensor_contiguous(n->in[0]);
  n->out = x ? along(n, x, NULL, line) : NULL;
  gl_tensor_release(x);
  return n->out;
}

static void softmax_line(gl_real *out, const gl_real *x, const gl_real *g, int64_t n, int64_t s) {
  (void)g;
  gl_real most = (gl_real)fold_max(x, n, s, 0), sum = 0;
  for (int64_t i = 0; i < n; i++)
    sum += out[i * s] = gl_exp(x[i * s] - most);
  for (int64_t i = 0; i < n; i++)
    out[i * s] /= sum;
}

/* gx = y (g - sum g y) */
static void softmax_gradient_line(gl_real *out, const gl_real *y, const gl_real *g, int64_t n, int64_t s) {
  gl_real dot = 0;
  for (int64_t i = 0; i < n; i++)
    dot += g[i * s] * y[i * s];
  for (int64_t i = 0; i < n; i++)
    out[i * s] = y[i * s] * (g[i * s] - dot);
}

static bool softmax_forward(gl_node *n) { return along_forward(n, softmax_line); }
static bool softmax_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  gin[0] = along(n, n->out, gout, softmax_gradient_line);
  return gin[0];
}
GL_OP(softmax, "x:T axis:I=-1", GL_SAVES_OUT, softmax_backward, "e^x / sum e^x along an axis");

static void log_softmax_line(gl_real *out, const gl_real *x, const gl_real *g, int64_t n, int64_t s) {
  (void)g;
  double all = fold_logsumexp(x, n, s, 0);
  for (int64_t i = 0; i < n; i++)
    out[i * s] = (gl_real)((double)x[i * s] - all);
}

/* gx = g - e^y sum g */
static void log_softmax_gradient_line(gl_real *out, const gl_real *y, const gl_real *g, int64_t n, int64_t s) {
  gl_real sum = 0;
  for (int64_t i = 0; i < n; i++)
    sum += g[i * s];
  for (int64_t i = 0; i < n; i++)
    out[i * s] = g[i * s] - gl_exp(y[i * s]) * sum;
}

static bool log_softmax_forward(gl_node *n) { return along_forward(n, log_softmax_line); }
static bool log_softmax_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  gin[0] = along(n, n->out, gout, log_softmax_gradient_line);
  return gin[0];
}
GL_OP(log_softmax, "x:T axis:I=-1", GL_SAVES_OUT, log_softmax_backward, "x - log(sum e^x) along an axis");

static void cumsum_line(gl_real *out, const gl_real *x, const gl_real *g, int64_t n, int64_t s) {
  (void)g;
  double sum = 0;
  for (int64_t i = 0; i < n; i++)
    out[i * s] = (gl_real)(sum += (double)x[i * s]);
}

static void cumsum_gradient_line(gl_real *out, const gl_real *x, const gl_real *g, int64_t n, int64_t s) {
  (void)x;
  double sum = 0;
  for (int64_t i = n - 1; i >= 0; i--)
    out[i * s] = (gl_real)(sum += (double)g[i * s]);
}

static bool cumsum_forward(gl_node *n) { return along_forward(n, cumsum_line); }
static bool cumsum_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  gin[0] = along(n, NULL, gout, cumsum_gradient_line);
  return gin[0];
}
GL_OP(cumsum, "x:T axis:I=-1", 0, cumsum_backward, "x[1], x[1] + x[2], ... along an axis");
