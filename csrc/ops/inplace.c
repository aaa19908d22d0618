/* inplace.c -- ops that change their first argument and return it. Not recorded; x keeps its shape. */
#include "ops/ops.h"

static void add_to_map(int64_t n, gl_real *out, const gl_real *g, const gl_real *a, int64_t sa, const gl_real *b,
                       int64_t sb, const double *p) {
  (void)g;
  const gl_real scale = (gl_real)p[0];
  for (int64_t i = 0; i < n; i++)
    out[i] = a[i * sa] + scale * b[i * sb];
}

static void mul_to_map(int64_t n, gl_real *out, const gl_real *g, const gl_real *a, int64_t sa, const gl_real *b,
                       int64_t sb, const double *p) {
  (void)g, (void)p;
  for (int64_t i = 0; i < n; i++)
    out[i] = a[i * sa] * b[i * sb];
}

static void div_to_map(int64_t n, gl_real *out, const gl_real *g, const gl_real *a, int64_t sa, const gl_real *b,
                       int64_t sb, const double *p) {
  (void)g, (void)p;
  for (int64_t i = 0; i < n; i++)
    out[i] = a[i * sa] / b[i * sb];
}

static void clamp_to_map(int64_t n, gl_real *out, const gl_real *g, const gl_real *a, int64_t sa, const gl_real *b,
                         int64_t sb, const double *p) {
  (void)g, (void)b, (void)sb;
  const gl_real low = (gl_real)p[0], high = (gl_real)p[1];
  for (int64_t i = 0; i < n; i++)
    out[i] = a[i * sa] < low ? low : a[i * sa] > high ? high : a[i * sa];
}

/* x = kernel(x, y). Written straight into x where it is contiguous and y looks at other memory. */
static bool change(gl_node *n, gl_kernel *kernel, const double *p) {
  gl_tensor *x = n->in[0], *y = n->nin > 1 ? n->in[1] : NULL;
  if (x->dtype != GL_FLOAT)
    return gl_fail("changes float32 tensors only, not %s", gl_dtype_name(x->dtype));
  gl_tensor *as_float = y && y->dtype != GL_FLOAT ? gl_tensor_float(y) : NULL;
  if (y && y->dtype != GL_FLOAT && !as_float)
    return false;
  y = as_float ? as_float : y;
  int ndim = x->ndim;
  int64_t shape[GL_MAXDIM];
  bool ok = !y || gl_shape_broadcast(x, y, &ndim, shape);
  for (int i = 0; ok && y && i < ndim; i++)
    ok = (ndim == x->ndim && shape[i] == x->shape[i]) ||
         gl_fail("shape %s does not fit into %s", gl_tensor_text(y), gl_tensor_text(x));
  bool straight = gl_tensor_is_contiguous(x) && !(y && y->buffer == x->buffer);
  gl_tensor *changed = ok ? gl_map(kernel, 1, straight ? x : NULL, x, NULL, x, y, p) : NULL;
  ok = changed && (straight || gl_tensor_copy(x, changed));
  gl_tensor_release(changed);
  gl_tensor_release(as_float);
  if (!ok)
    return false;
  gl_tensor_touch(x);
  n->out = gl_tensor_retain(x);
  return true;
}

#define IN_PLACE (GL_IN_PLACE | GL_ANY_DTYPE)

static bool add__forward(gl_node *n) { return change(n, add_to_map, (double[]){n->arg[0].f}); }
GL_OP(add_, "x:T y:T scale:F=1", IN_PLACE, NULL, "x = x + scale * y");

static bool sub__forward(gl_node *n) { return change(n, add_to_map, (double[]){-n->arg[0].f}); }
GL_OP(sub_, "x:T y:T scale:F=1", IN_PLACE, NULL, "x = x - scale * y");

static bool mul__forward(gl_node *n) { return change(n, mul_to_map, NULL); }
GL_OP(mul_, "x:T y:T", IN_PLACE, NULL, "x = x * y");

static bool div__forward(gl_node *n) { return change(n, div_to_map, NULL); }
GL_OP(div_, "x:T y:T", IN_PLACE, NULL, "x = x / y");

static bool clamp__forward(gl_node *n) { return change(n, clamp_to_map, (double[]){n->arg[0].f, n->arg[1].f}); }
GL_OP(clamp_, "x:T min:F=-inf max:F=inf", IN_PLACE, NULL, "x = x kept within min..max");

static bool copy__forward(gl_node *n) {
  if (!gl_tensor_copy(n->in[0], n->in[1]))
    return false;
  n->out = gl_tensor_retain(n->in[0]);
  return true;
}
GL_OP(copy_, "x:T y:T", IN_PLACE, NULL, "x = y, stretched and converted as needed");

static bool fill__forward(gl_node *n) {
  if (!gl_tensor_fill(n->in[0], n->arg[0].f))
    return false;
  n->out = gl_tensor_retain(n->in[0]);
  return true;
}
GL_OP(fill_, "x:T value:F", IN_PLACE, NULL, "x = value everywhere");

static bool zero__forward(gl_node *n) {
  if (!gl_tensor_fill(n->in[0], 0))
    return false;
  n->out = gl_tensor_retain(n->in[0]);
  return true;
}
GL_OP(zero_, "x:T", IN_PLACE, NULL, "x = 0 everywhere");

/* Random in-place fills go through a contiguous tensor, so that the numbers do not depend on x's strides. */
static bool draw(gl_node *n, void (*fill)(gl_rng *, gl_real *, int64_t, double, double)) {
  gl_tensor *x = n->in[0], *drawn = gl_tensor_new(GL_FLOAT, x->ndim, x->shape);
  if (!drawn)
    return false;
  fill(gl_rng_default(), gl_tensor_data(drawn), gl_tensor_numel(drawn), n->arg[0].f, n->arg[1].f);
  bool ok = gl_tensor_copy(x, drawn);
  gl_tensor_release(drawn);
  n->out = ok ? gl_tensor_retain(x) : NULL;
  return ok;
}

static bool uniform__forward(gl_node *n) { return draw(n, gl_rng_uniform); }
GL_OP(uniform_, "x:T low:F=0 high:F=1", IN_PLACE | GL_RANDOM, NULL, "x = numbers from low up to high, at random");

static bool normal__forward(gl_node *n) { return draw(n, gl_rng_normal); }
GL_OP(normal_, "x:T mean:F=0 std:F=1", IN_PLACE | GL_RANDOM, NULL, "x = numbers from N(mean, std^2)");
