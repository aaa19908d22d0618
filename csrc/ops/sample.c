/* sample.c -- ops that draw random numbers. */
#include "core/vmath.h"
#include "ops/ops.h"

/* ---- gaussian_sample: one fused op for the reparameterization of Kingma & Welling 2014, eq. 10 ---- */

typedef struct sample_job {
  const gl_real *mean, *logvar, *g, *noise;
  gl_real *z, *spread, *out;
} sample_job;

/* spread holds eps on entry, s = e^(logvar/2) eps on return; z = mean + s */
static void sample_part(int64_t from, int64_t to, void *context) {
  const sample_job *j = context;
  for (int64_t i = from; i < to; i++) {
    j->spread[i] *= gl_exp(j->logvar[i] / 2);
    j->z[i] = j->mean[i] + j->spread[i];
  }
}

static bool gaussian_sample_forward(gl_node *n) {
  if (!gl_same_shape(n->in[0], n->in[1]))
    return gl_fail("the mean is %s, the logarithm of the variance %s", gl_tensor_text(n->in[0]),
                   gl_tensor_text(n->in[1]));
  gl_tensor *mean = gl_tensor_contiguous(n->in[0]), *logvar = gl_tensor_contiguous(n->in[1]);
  gl_tensor *spread = gl_tensor_new(GL_FLOAT, n->in[0]->ndim, n->in[0]->shape);
  n->out = mean && logvar && spread ? gl_tensor_new(GL_FLOAT, spread->ndim, spread->shape) : NULL;
  if (n->out) {
    int64_t size = gl_tensor_numel(spread);
    sample_job j = {.mean = gl_tensor_data(mean), .logvar = gl_tensor_data(logvar)};
    j.z = gl_tensor_data(n->out);
    j.spread = gl_tensor_data(spread);
    gl_rng_normal(gl_rng_default(), j.spread, size, 0, 1);
    gl_parallel(size, 8, sample_part, &j);
  }
  n->saved[0] = spread;
  gl_tensor_release(mean);
  gl_tensor_release(logvar);
  return n->out;
}

/* gmean = g, glogvar = g s / 2 */
static void half_product_map(int64_t n, gl_real *out, const gl_real *g, const gl_real *a, int64_t sa, const gl_real *b,
                             int64_t sb, const double *p) {
  (void)b, (void)sb, (void)p;
  for (int64_t i = 0; i < n; i++)
    out[i] = g[i] * a[i * sa] / 2;
}

static bool gaussian_sample_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  if (gl_wants(n, 1) && !(gin[1] = gl_map(half_product_map, 1, NULL, gout, gout, n->saved[0], NULL, NULL)))
    return false;
  if (gl_wants(n, 0))
    gin[0] = gl_tensor_retain(gout);
  return true;
}
GL_OP(gaussian_sample, "mean:T logvar:T", GL_RANDOM, gaussian_sample_backward,
      "mean + e^(logvar/2) * eps, eps ~ N(0, 1)");

/* ---- dropout ---- */

static void keep_map(int64_t n, gl_real *out, const gl_real *g, const gl_real *a, int64_t sa, const gl_real *b,
                     int64_t sb, const double *p) {
  (void)b, (void)sb;
  const gl_real scale = (gl_real)p[0];
  for (int64_t i = 0; i < n; i++)
    out[i] = g[i] * (scale * a[i * sa]);
}

static bool dropout_forward(gl_node *n) {
  double p = n->arg[0].f;
  if (!(p >= 0 && p < 1))
    return gl_fail("p is the share of elements to drop, at least 0 and less than 1, not %g", p);
  gl_tensor *x = gl_tensor_contiguous(n->in[0]), *keep = x ? gl_tensor_like(x) : NULL;
  if (keep) {
    gl_tensor_fill(keep, 1 - p);
    gl_rng_bernoulli(gl_rng_default(), gl_tensor_data(keep), gl_tensor_data(keep), gl_tensor_numel(keep));
    n->out = gl_map(keep_map, 1, NULL, x, x, keep, NULL, (double[]){1 / (1 - p)});
  }
  n->saved[0] = keep;
  gl_tensor_release(x);
  return n->out;
}

static bool dropout_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  gin[0] = gl_map(keep_map, 1, gl_tensor_is_own(gout) ? gout : NULL, gout, gout, n->saved[0], NULL,
                  (double[]){1 / (1 - n->arg[0].f)});
  return gin[0];
}
GL_OP(dropout, "x:T p:F=0.5", GL_RANDOM, dropout_backward,
      "0 with probability p, else x / (1 - p) (Srivastava et al. 2014)");

/* ---- dropout2d ---- */

static bool dropout2d_forward(gl_node *n) {
  double p = n->arg[0].f;
  gl_tensor *x = n->in[0];
  if (!gl_is_images(x))
    return false;
  if (!(p >= 0 && p < 1))
    return gl_fail("p is the share of channels to drop, at least 0 and less than 1, not %g", p);
  gl_tensor *keep = gl_tensor_full(4, (int64_t[]){x->shape[0], 1, 1, x->shape[3]}, 1 - p);
  gl_tensor *cx = keep ? gl_tensor_contiguous(x) : NULL;
  if (cx) {
    gl_rng_bernoulli(gl_rng_default(), gl_tensor_data(keep), gl_tensor_data(keep), gl_tensor_numel(keep));
    n->out = gl_map(keep_map, 1, NULL, cx, cx, keep, NULL, (double[]){1 / (1 - p)});
  }
  n->saved[0] = keep;
  gl_tensor_release(cx);
  return n->out;
}
GL_OP(dropout2d, "x:T p:F=0.5", GL_RANDOM, dropout_backward,
      "whole channels of an image 0 with probability p, the others x / (1 - p) (Tompson et al. 2015)");

/* ---- bernoulli ---- */

static bool bernoulli_forward(gl_node *n) {
  gl_tensor *p = gl_tensor_contiguous(n->in[0]);
  n->out = p ? gl_tensor_like(p) : NULL;
  if (n->out)
    gl_rng_bernoulli(gl_rng_default(), gl_tensor_data(n->out), gl_tensor_data(p), gl_tensor_numel(p));
  gl_tensor_release(p);
  return n->out;
}
GL_OP(bernoulli, "p:T", GL_RANDOM, NULL, "1 with probability p, else 0");
