/* elementwise.c -- ops that act on each element alone, or on pairs of elements of two broadcast tensors. */
#include "core/vmath.h"
#include "ops/ops.h"

enum { CHEAP = 1, COSTLY = 8, VERY_COSTLY = 40 }; /* rough cost of an element: arithmetic, exp or log, a library call */

/* ---- mapping ---- */

typedef struct map_job {
  gl_kernel *kernel;
  gl_nest nest; /* operands: out, a, b */
  gl_real *out;
  const gl_real *g, *a, *b;
  const double *p;
} map_job;

static void map_part(int64_t from, int64_t to, void *context) {
  const map_job *j = context;
  int last = j->nest.ndim - 1;
  int64_t sa = j->nest.stride[1][last], sb = j->nest.stride[2][last];
  j->kernel(to - from, j->out + from, j->g ? j->g + from : NULL, j->a ? j->a + from * sa : NULL, sa,
            j->b ? j->b + from * sb : NULL, sb, j->p);
}

static void map_rows(int64_t from, int64_t to, void *context) {
  const map_job *j = context;
  int last = j->nest.ndim - 1;
  int64_t o[GL_NEST_MAX];
  for (int64_t row = from; row < to; row++) {
    gl_nest_offsets(&j->nest, row, o);
    j->kernel(j->nest.shape[last], j->out + o[0], j->g ? j->g + o[0] : NULL, j->a ? j->a + o[1] : NULL,
              j->nest.stride[1][last], j->b ? j->b + o[2] : NULL, j->nest.stride[2][last], j->p);
  }
}

gl_tensor *gl_map(gl_kernel *kernel, int weight, gl_tensor *into, const gl_tensor *shape, const gl_tensor *g,
                  const gl_tensor *a, const gl_tensor *b, const double *p) {
  gl_tensor *out = into ? gl_tensor_retain(into) : gl_tensor_new(GL_FLOAT, shape->ndim, shape->shape);
  if (!out)
    return NULL;
  map_job j = {.kernel = kernel, .out = gl_tensor_data(out), .p = p};
  j.g = g ? gl_tensor_data(g) : NULL;
  j.a = a ? gl_tensor_data(a) : NULL;
  j.b = b ? gl_tensor_data(b) : NULL;
  gl_nest_make(&j.nest, out->ndim, out->shape, 3, (const gl_tensor *const[]){out, a ? a : out, b ? b : out});
  int64_t row = j.nest.shape[j.nest.ndim - 1];
  if (j.nest.rows == 1)
    gl_parallel(row, weight, map_part, &j);
  else
    gl_parallel(j.nest.rows, (int)(row < 4096 ? row : 4096) * weight, map_rows, &j);
  return out;
}

gl_tensor *gl_sum_to(gl_tensor *g, const gl_tensor *like) {
  if (gl_same_shape(g, like))
    return gl_tensor_retain(g);
  gl_tensor *sum = gl_tensor_retain(g);
  int extra = g->ndim - like->ndim;
  for (int i = 0; sum && i < g->ndim; i++) { /* neighbours that go together are summed in one pass */
    int end = i;
    while (end < g->ndim && (end < extra || like->shape[end - extra] == 1))
      end++;
    if (end == i)
      continue;
    gl_around v = {1, 1, 1};
    int64_t shape[GL_MAXDIM];
    for (int k = 0; k < g->ndim; k++) {
      *(k < i ? &v.outer : k < end ? &v.size : &v.inner) *= sum->shape[k];
      shape[k] = k >= i && k < end ? 1 : sum->shape[k];
    }
    gl_tensor *next = gl_tensor_new(GL_FLOAT, g->ndim, shape);
    if (next)
      gl_sum_middle(gl_tensor_data(sum), v, 1, gl_tensor_data(next));
    gl_tensor_release(sum);
    sum = next;
    i = end - 1;
  }
  if (!sum)
    return NULL;
  int64_t stride[GL_MAXDIM];
  gl_shape_strides(like->ndim, like->shape, stride);
  gl_tensor *view = gl_tensor_view(sum, like->ndim, like->shape, stride, sum->offset);
  gl_tensor_release(sum);
  return view;
}

/* ---- one argument ---- */

/* LOOPS(name, y, gx): the kernels name_map and name_gradient. y in terms of x and the numbers p0, p1; gx in terms of g,
 * the gradient with respect to y, and v, which is x or, with GL_SAVES_OUT, y. */
#define LOOPS(NAME, Y, GX)                                                                                             \
  static void NAME##_map(int64_t n, gl_real *out, const gl_real *g, const gl_real *a, int64_t sa, const gl_real *b,    \
                         int64_t sb, const double *numbers) {                                                          \
    const gl_real p0 = (gl_real)numbers[0], p1 = (gl_real)numbers[1];                                                  \
    (void)p0, (void)p1, (void)g, (void)b, (void)sb;                                                                    \
    if (sa == 1)                                                                                                       \
      for (int64_t i = 0; i < n; i++) {                                                                                \
        const gl_real x = a[i];                                                                                        \
        out[i] = (Y);                                                                                                  \
      }                                                                                                                \
    else                                                                                                               \
      for (int64_t i = 0; i < n; i++) {                                                                                \
        const gl_real x = a[i * sa];                                                                                   \
        out[i] = (Y);                                                                                                  \
      }                                                                                                                \
  }                                                                                                                    \
  static void NAME##_gradient(int64_t n, gl_real *out, const gl_real *gs, const gl_real *a, int64_t sa,                \
                              const gl_real *b, int64_t sb, const double *numbers) {                                   \
    const gl_real p0 = (gl_real)numbers[0], p1 = (gl_real)numbers[1];                                                  \
    (void)p0, (void)p1, (void)b, (void)sb;                                                                             \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
      const gl_real g = gs[i], v = a[i * sa];                                                                          \
      (void)v, (void)g;                                                                                                \
      out[i] = (GX);                                                                                                   \
    }                                                                                                                  \
  }

static bool unary_forward(gl_node *n, gl_kernel *kernel, int cost) {
  n->out = gl_map(kernel, cost, NULL, n->in[0], NULL, n->in[0], NULL, (double[]){n->arg[0].f, n->arg[1].f});
  return n->out;
}

static bool unary_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin, gl_kernel *gradient, int cost) {
  gin[0] = gl_map(gradient, cost, gl_tensor_is_own(gout) ? gout : NULL, gout, gout,
                  n->op->flags & GL_SAVES_OUT ? n->out : n->in[0], NULL, (double[]){n->arg[0].f, n->arg[1].f});
  return gin[0];
}

/* UNARY(name, signature, cost, flags, doc, y, gx): an op; the numbers are its first two arguments. */
#define UNARY(NAME, SIGNATURE, COST, FLAGS, DOC, Y, GX)                                                                \
  LOOPS(NAME, Y, GX)                                                                                                   \
  static bool NAME##_forward(gl_node *n) { return unary_forward(n, NAME##_map, COST); }                                \
  static bool NAME##_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {                                          \
    return unary_backward(n, gout, gin, NAME##_gradient, COST);                                                        \
  }                                                                                                                    \
  GL_OP(NAME, SIGNATURE, FLAGS, NAME##_backward, DOC)

UNARY(neg, "x:T", CHEAP, 0, "-x", -x, -g);
UNARY(abs, "x:T", CHEAP, GL_SAVES_IN, "|x|", gl_abs(x), v > 0 ? g : v < 0 ? -g : 0);
UNARY(sign, "x:T", CHEAP, 0, "1, 0 or -1", (gl_real)((x > 0) - (x < 0)), 0 * g);
UNARY(floor, "x:T", CHEAP, 0, "the largest whole number <= x; gradient 0", (gl_real)floor(x), 0 * g);
UNARY(round, "x:T", CHEAP, 0, "the nearest whole number, halves to even; gradient 0", (gl_real)nearbyint(x), 0 * g);
UNARY(square, "x:T", CHEAP, GL_SAVES_IN, "x^2", x *x, 2 * v * g);
UNARY(sqrt, "x:T", CHEAP, GL_SAVES_OUT, "square root of x", gl_sqrt(x), g / (2 * v));
UNARY(exp, "x:T", COSTLY, GL_SAVES_OUT, "e^x", gl_exp(x), g *v);
UNARY(log, "x:T", COSTLY, GL_SAVES_IN, "natural logarithm of x", gl_log(x), g / v);
UNARY(sin, "x:T", VERY_COSTLY, GL_SAVES_IN, "sine of x (radians)", (gl_real)sin(x), (gl_real)(g *cos(v)));
UNARY(cos, "x:T", VERY_COSTLY, GL_SAVES_IN, "cosine of x (radians)", (gl_real)cos(x), (gl_real)(-g *sin(v)));
UNARY(tanh, "x:T", COSTLY, GL_SAVES_OUT, "(e^x - e^-x) / (e^x + e^-x)", gl_tanh(x), g *(1 - v * v));
UNARY(sigmoid, "x:T", COSTLY, GL_SAVES_OUT, "1 / (1 + e^-x)", gl_sigmoid(x), g *v *(1 - v));
UNARY(softplus, "x:T", COSTLY, GL_SAVES_IN, "log(1 + e^x)", gl_softplus(x), g *gl_sigmoid(v));
UNARY(relu, "x:T", CHEAP, GL_SAVES_OUT, "max(x, 0)", x > 0 ? x : x != x ? x : 0, v > 0 ? g : 0);
UNARY(leaky_relu, "x:T slope:F=0.01", CHEAP, GL_SAVES_IN, "x where x > 0, else slope * x", x > 0 ? x : p0 * x,
      v > 0 ? g : p0 * g);
UNARY(clamp, "x:T min:F=-inf max:F=inf", CHEAP, GL_SAVES_IN, "x kept within min..max", x<p0 ? p0 : x> p1 ? p1 : x,
      v<p0 || v> p1 ? 0 : g);
UNARY(elu, "x:T alpha:F=1", COSTLY, GL_SAVES_IN, "x where x > 0, else alpha * (e^x - 1)", x > 0 ? x : p0 * gl_expm1(x),
      v > 0 ? g : p0 * g * gl_exp(v));
UNARY(silu, "x:T", COSTLY, GL_SAVES_IN, "x / (1 + e^-x)", x *gl_sigmoid(x),
      g *gl_sigmoid(v) * (1 + v * (1 - gl_sigmoid(v))));

/* gelu: x P(X < x) for X ~ N(0, 1) (Hendrycks & Gimpel 2016), exactly or by their approximation with tanh. */

static inline gl_real normal_cdf(gl_real x) { return (1 + gl_erf(x * (gl_real)0.70710678118654752)) / 2; }
static inline gl_real normal_density(gl_real x) { return gl_exp(-x * x / 2) * (gl_real)0.39894228040143268; }
LOOPS(gelu_exact, x *normal_cdf(x), g *(normal_cdf(v) + v * normal_density(v)))

/* tanh(sqrt(2 / pi) (x + 0.044715 x^3)) */
static inline gl_real gelu_tanh(gl_real x) {
  return gl_tanh((gl_real)0.79788456080286536 * (x + (gl_real)0.044715 * x * x * x));
}
static inline gl_real gelu_tanh_slope(gl_real v) {
  const gl_real x = v < -10 ? -10 : v > 10 ? 10 : v; /* beyond: 0 and 1, and x^2 may leave float32 */
  const gl_real t = gelu_tanh(x), inner = (gl_real)0.79788456080286536 * (1 + (gl_real)0.134145 * x * x);
  return (1 + t + x * (1 - t * t) * inner) / 2;
}
LOOPS(gelu_near, x *(1 + gelu_tanh(x)) / 2, g *gelu_tanh_slope(v))

static bool gelu_forward(gl_node *n) { return unary_forward(n, n->arg[0].i ? gelu_near_map : gelu_exact_map, COSTLY); }
static bool gelu_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  return unary_backward(n, gout, gin, n->arg[0].i ? gelu_near_gradient : gelu_exact_gradient, COSTLY);
}
GL_OP(gelu, "x:T approximate:W=none|tanh", GL_SAVES_IN, gelu_backward,
      "x (1 + erf(x / sqrt 2)) / 2; tanh: x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2");

/* ---- two arguments ---- */

#define BINARY_LOOP(KERNEL, RESULT)                                                                                    \
  static void KERNEL(int64_t n, gl_real *out, const gl_real *gs, const gl_real *a, int64_t sa, const gl_real *b,       \
                     int64_t sb, const double *numbers) {                                                              \
    (void)numbers;                                                                                                     \
    if (sa == 1 && sb == 1)                                                                                            \
      for (int64_t i = 0; i < n; i++) {                                                                                \
        const gl_real x = a[i], y = b[i], g = gs ? gs[i] : 0;                                                          \
        (void)x, (void)y, (void)g;                                                                                     \
        out[i] = (RESULT);                                                                                             \
      }                                                                                                                \
    else if (sa == 1 && sb == 0)                                                                                       \
      for (int64_t i = 0; i < n; i++) {                                                                                \
        const gl_real x = a[i], y = b[0], g = gs ? gs[i] : 0;                                                          \
        (void)x, (void)y, (void)g;                                                                                     \
        out[i] = (RESULT);                                                                                             \
      }                                                                                                                \
    else                                                                                                               \
      for (int64_t i = 0; i < n; i++) {                                                                                \
        const gl_real x = a[i * sa], y = b[i * sb], g = gs ? gs[i] : 0;                                                \
        (void)x, (void)y, (void)g;                                                                                     \
        out[i] = (RESULT);                                                                                             \
      }                                                                                                                \
  }

static bool binary_forward(gl_node *n, gl_kernel *kernel, int cost) {
  gl_tensor shape = {0};
  if (!gl_shape_broadcast(n->in[0], n->in[1], &shape.ndim, shape.shape))
    return false;
  n->out = gl_map(kernel, cost, NULL, &shape, NULL, n->in[0], n->in[1], NULL);
  return n->out;
}

static bool binary_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin, gl_kernel *const gradient[2], int cost) {
  for (int i = 0; i < 2; i++) {
    if (!gl_wants(n, i))
      continue;
    gl_tensor *g =
        gradient[i] ? gl_map(gradient[i], cost, NULL, gout, gout, n->in[0], n->in[1], NULL) : gl_tensor_retain(gout);
    gin[i] = g ? gl_sum_to(g, n->in[i]) : NULL;
    gl_tensor_release(g);
    if (!gin[i])
      return false;
  }
  return true;
}

/* BINARY(name, cost, flags, doc, result, gx, gy) in terms of x, y and g, the gradient with respect to the result. */
#define BINARY(NAME, COST, FLAGS, DOC, RESULT, GX, GY)                                                                 \
  BINARY_LOOP(NAME##_map, RESULT)                                                                                      \
  BINARY_LOOP(NAME##_gradient_x, GX)                                                                                   \
  BINARY_LOOP(NAME##_gradient_y, GY)                                                                                   \
  static bool NAME##_forward(gl_node *n) { return binary_forward(n, NAME##_map, COST); }                               \
  static bool NAME##_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {                                          \
    return binary_backward(n, gout, gin, (gl_kernel *const[]){NAME##_gradient_x, NAME##_gradient_y}, COST);            \
  }                                                                                                                    \
  GL_OP(NAME, "x:T y:T", FLAGS, NAME##_backward, DOC)

/* Powers, and their products, are made in double precision: x^(y - 1) may leave float32 where y x^(y - 1) does not. */
static gl_real power(gl_real x, gl_real y) { return y == 2 ? x * x : (gl_real)pow((double)x, (double)y); }
static gl_real power_slope(gl_real x, gl_real y, gl_real g) {
  return y == 0 ? 0 : (gl_real)((double)g * (double)y * (y == 2 ? (double)x : pow((double)x, (double)y - 1)));
}
/* x^y log x, taken as 0 at x = 0 for y >= 0 */
static gl_real power_log(gl_real x, gl_real y, gl_real g) {
  return x == 0 && y >= 0 ? 0 : (gl_real)((double)g * pow((double)x, (double)y) * log((double)x));
}

BINARY(mul, CHEAP, GL_SAVES_IN, "x * y", x *y, g *y, g *x);
BINARY(div, CHEAP, GL_SAVES_IN, "x / y", x / y, g / y, -g *(x / y / y));
BINARY(pow, VERY_COSTLY, GL_SAVES_IN, "x^y", power(x, y), power_slope(x, y, g), power_log(x, y, g));
BINARY(maximum, CHEAP, GL_SAVES_IN, "the larger of x and y", x > y || x != x ? x : y,
       x > y    ? g
       : x == y ? g / 2
                : 0,
       y > x    ? g
       : x == y ? g / 2
                : 0);
BINARY(minimum, CHEAP, GL_SAVES_IN, "the smaller of x and y", x < y || x != x ? x : y,
       x < y    ? g
       : x == y ? g / 2
                : 0,
       y < x    ? g
       : x == y ? g / 2
                : 0);

/* Addition passes the gradient on as it is, so it needs no kernel for it. */
BINARY_LOOP(add_map, x + y)
BINARY_LOOP(sub_map, x - y)
BINARY_LOOP(negative_map, -g)

static bool add_forward(gl_node *n) { return binary_forward(n, add_map, CHEAP); }
static bool add_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  return binary_backward(n, gout, gin, (gl_kernel *const[]){NULL, NULL}, CHEAP);
}
GL_OP(add, "x:T y:T", 0, add_backward, "x + y");

static bool sub_forward(gl_node *n) { return binary_forward(n, sub_map, CHEAP); }
static bool sub_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  return binary_backward(n, gout, gin, (gl_kernel *const[]){NULL, negative_map}, CHEAP);
}
GL_OP(sub, "x:T y:T", 0, sub_backward, "x - y");

/* ---- scaling, for other families ---- */

static void scale_map(int64_t n, gl_real *out, const gl_real *g, const gl_real *a, int64_t sa, const gl_real *b,
                      int64_t sb, const double *p) {
  (void)a, (void)sa, (void)b, (void)sb;
  const gl_real scale = (gl_real)p[0];
  for (int64_t i = 0; i < n; i++)
    out[i] = scale * g[i];
}

gl_tensor *gl_scaled(gl_tensor *g, double scale) {
  return gl_map(scale_map, CHEAP, gl_tensor_is_own(g) ? g : NULL, g, g, NULL, NULL, (double[]){scale});
}
