/* optim.c -- the optimizers: each step is one pass over all elements of all parameters. */
#include <math.h>
#include <string.h>

#include "core/parallel.h"
#include "genlat.h"
#include "ops/signature.h"

/* ---- kinds ---- */

/* Stochastic gradient descent, with momentum as PyTorch defines it (Sutskever et al. 2013, lr outside the velocity). */
enum { SGD_LR, SGD_MOMENTUM, SGD_DECAY, SGD_NESTEROV };

static void sgd_prepare(const gl_optimizer *o, int64_t t, double *number) {
  (void)t;
  number[SGD_LR] = o->hyper[0].f;
  number[SGD_MOMENTUM] = o->hyper[1].f;
  number[SGD_DECAY] = o->hyper[2].f;
  number[SGD_NESTEROV] = o->hyper[3].b;
}

static void sgd_update(const double *number, int64_t n, gl_real *p, const gl_real *g, gl_real *velocity,
                       gl_real *unused) {
  (void)unused;
  const gl_real lr = (gl_real)number[SGD_LR], momentum = (gl_real)number[SGD_MOMENTUM],
                decay = (gl_real)number[SGD_DECAY];
  const bool nesterov = number[SGD_NESTEROV] != 0;
  for (int64_t i = 0; i < n; i++) {
    gl_real d = g[i] + decay * p[i];
    gl_real v = momentum * velocity[i] + d;
    velocity[i] = v;
    p[i] -= lr * (nesterov ? d + momentum * v : v);
  }
}

static const gl_optimizer_type sgd = {
    "SGD",
    "lr:F=0.01 momentum:F=0 weight_decay:F=0 nesterov:B=false",
    "v = momentum v + g + weight_decay p; p = p - lr v (nesterov: p - lr (g + momentum v))",
    {"momentum_buffer"},
    sgd_prepare,
    sgd_update};

/* Adam: Kingma & Ba 2015, algorithm 1; AdamW: Loshchilov & Hutter 2019, algorithm 2. */
enum { ADAM_BETA1, ADAM_BETA2, ADAM_EPS, ADAM_STEP, ADAM_ROOT, ADAM_DECAY, ADAM_SHRINK };

static void adam_numbers(const gl_optimizer *o, int64_t step, double *number) {
  double lr = o->hyper[0].f, beta1 = o->hyper[1].pair[0], beta2 = o->hyper[1].pair[1], t = (double)step;
  number[ADAM_BETA1] = beta1;
  number[ADAM_BETA2] = beta2;
  number[ADAM_EPS] = o->hyper[2].f;
  number[ADAM_STEP] = lr / (1 - pow(beta1, t));
  number[ADAM_ROOT] = 1 / sqrt(1 - pow(beta2, t));
  number[ADAM_DECAY] = 0;
  number[ADAM_SHRINK] = 1;
}

static void adam_prepare(const gl_optimizer *o, int64_t t, double *number) {
  adam_numbers(o, t, number);
  number[ADAM_DECAY] = o->hyper[3].f;
}

static void adamw_prepare(const gl_optimizer *o, int64_t t, double *number) {
  adam_numbers(o, t, number);
  number[ADAM_SHRINK] = 1 - o->hyper[0].f * o->hyper[3].f;
}

static void adam_update(const double *number, int64_t n, gl_real *p, const gl_real *g, gl_real *m, gl_real *v) {
  const gl_real beta1 = (gl_real)number[ADAM_BETA1], beta2 = (gl_real)number[ADAM_BETA2];
  const gl_real new1 = (gl_real)(1 - number[ADAM_BETA1]), new2 = (gl_real)(1 - number[ADAM_BETA2]);
  const gl_real eps = (gl_real)number[ADAM_EPS], step = (gl_real)number[ADAM_STEP], root = (gl_real)number[ADAM_ROOT];
  const gl_real decay = (gl_real)number[ADAM_DECAY], shrink = (gl_real)number[ADAM_SHRINK];
  for (int64_t i = 0; i < n; i++) {
    gl_real d = g[i] + decay * p[i];
    gl_real mi = beta1 * m[i] + new1 * d, vi = beta2 * v[i] + new2 * d * d;
    m[i] = mi;
    v[i] = vi;
    p[i] = shrink * p[i] - step * mi / ((gl_real)sqrt(vi) * root + eps);
  }
}

#define ADAM_DOC "m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p = p - lr m^ / (sqrt(v^) + eps), "

static const gl_optimizer_type adam = {"Adam",
                                       "lr:F=0.001 betas:P=0.9,0.999 eps:F=1e-8 weight_decay:F=0",
                                       ADAM_DOC "g with weight_decay p added",
                                       {"exp_avg", "exp_avg_sq"},
                                       adam_prepare,
                                       adam_update};

static const gl_optimizer_type adamw = {"AdamW",
                                        "lr:F=0.001 betas:P=0.9,0.999 eps:F=1e-8 weight_decay:F=0.01",
                                        ADAM_DOC "after p = (1 - lr weight_decay) p",
                                        {"exp_avg", "exp_avg_sq"},
                                        adamw_prepare,
                                        adam_update};

/* RMSprop: Tieleman & Hinton 2012, lecture 6.5, with PyTorch's momentum. */
enum { RMS_LR, RMS_ALPHA, RMS_EPS, RMS_DECAY, RMS_MOMENTUM };

static void rmsprop_prepare(const gl_optimizer *o, int64_t t, double *number) {
  (void)t;
  for (int k = RMS_LR; k <= RMS_MOMENTUM; k++)
    number[k] = o->hyper[k].f;
}

static void rmsprop_update(const double *number, int64_t n, gl_real *p, const gl_real *g, gl_real *square,
                           gl_real *velocity) {
  const gl_real lr = (gl_real)number[RMS_LR], alpha = (gl_real)number[RMS_ALPHA], eps = (gl_real)number[RMS_EPS],
                decay = (gl_real)number[RMS_DECAY], momentum = (gl_real)number[RMS_MOMENTUM],
                fresh = (gl_real)(1 - number[RMS_ALPHA]);
  for (int64_t i = 0; i < n; i++) {
    gl_real d = g[i] + decay * p[i];
    gl_real s = alpha * square[i] + fresh * d * d;
    gl_real v = momentum * velocity[i] + d / ((gl_real)sqrt(s) + eps);
    square[i] = s;
    velocity[i] = v;
    p[i] -= lr * v;
  }
}

static const gl_optimizer_type rmsprop = {
    "RMSprop",
    "lr:F=0.01 alpha:F=0.99 eps:F=1e-8 weight_decay:F=0 momentum:F=0",
    "s = alpha s + (1 - alpha) g^2; v = momentum v + g / (sqrt(s) + eps); p = p - lr v",
    {"square_avg", "momentum_buffer"},
    rmsprop_prepare,
    rmsprop_update};

const gl_optimizer_type *const gl_optimizer_types[] = {&sgd, &adam, &adamw, &rmsprop, NULL};

/* ---- life ---- */

static bool make_state(gl_optimizer *o) {
  o->taken = gl_calloc(sizeof *o->taken * (size_t)o->nparam);
  if (!o->taken)
    return false;
  for (int k = 0; k < GL_MAXSTATE && o->type->state[k]; k++) {
    o->state[k] = gl_calloc(sizeof(gl_tensor *) * (size_t)o->nparam);
    for (int i = 0; i < o->nparam; i++)
      if (!o->state[k] || !(o->state[k][i] = gl_tensor_full(o->param[i]->ndim, o->param[i]->shape, 0)))
        return false;
  }
  return true;
}

bool gl_optimizer_check(const gl_optimizer_type *type, const gl_arg *hyper) {
  const char *cursor = type->signature;
  gl_parameter p;
  for (int k = 0; gl_signature_next(&cursor, &p); k++) {
    if (p.type == 'F' && !(hyper[k].f >= 0 && hyper[k].f < INFINITY))
      return gl_fail("%s: %s is a number from 0, not %g", type->name, p.name, hyper[k].f);
    for (int i = 0; p.type == 'P' && i < 2; i++)
      if (!(hyper[k].pair[i] >= 0 && hyper[k].pair[i] < 1))
        return gl_fail("%s: %s are at least 0 and less than 1, not %g", type->name, p.name, hyper[k].pair[i]);
  }
  return true;
}

static bool check_parameters(const char *name, int nparam, gl_tensor **param) {
  if (nparam == 0)
    return gl_fail("%s: there are no parameters to train", name);
  for (int i = 0; i < nparam; i++) {
    if (param[i]->dtype != GL_FLOAT || !gl_tensor_is_contiguous(param[i]) || param[i]->node)
      return gl_fail("%s: parameter %d is not a float32 leaf that is contiguous", name, i + 1);
    for (int k = 0; k < i; k++)
      if (param[k] == param[i])
        return gl_fail("%s: parameters %d and %d are the same tensor", name, k + 1, i + 1);
  }
  return true;
}

gl_optimizer *gl_optimizer_new(const gl_optimizer_type *type, const gl_arg *hyper, int nparam, gl_tensor **param) {
  if (!check_parameters(type->name, nparam, param) || !gl_optimizer_check(type, hyper))
    return NULL;
  gl_optimizer *o = gl_calloc(sizeof *o);
  if (!o)
    return NULL;
  o->type = type;
  memcpy(o->hyper, hyper, sizeof o->hyper);
  o->param = gl_calloc(sizeof *o->param * (size_t)nparam);
  if (o->param) {
    o->nparam = nparam;
    for (int i = 0; i < nparam; i++)
      o->param[i] = gl_tensor_retain(param[i]);
  }
  if (!o->param || !make_state(o)) {
    gl_optimizer_free(o);
    return NULL;
  }
  return o;
}

void gl_optimizer_free(gl_optimizer *o) {
  if (!o)
    return;
  for (int i = 0; i < o->nparam; i++) {
    gl_tensor_release(o->param[i]);
    for (int k = 0; k < GL_MAXSTATE; k++)
      if (o->state[k])
        gl_tensor_release(o->state[k][i]);
  }
  for (int k = 0; k < GL_MAXSTATE; k++)
    gl_free(o->state[k]);
  gl_free(o->taken);
  gl_free(o->param);
  gl_free(o);
}

/* ---- step ---- */

/* Elements from .. to-1 of all parameters laid end to end. */
static void step_part(int64_t from, int64_t to, void *context) {
  const gl_optimizer *o = context;
  for (int64_t i = 0, first = 0; i < o->nparam && first < to; i++) {
    const gl_tensor *p = o->param[i];
    int64_t n = gl_tensor_numel(p), a = from > first ? from - first : 0, b = to - first < n ? to - first : n;
    first += n;
    if (a >= b || !p->grad)
      continue;
    gl_real *s0 = o->state[0] ? gl_tensor_data(o->state[0][i]) + a : NULL;
    gl_real *s1 = o->state[1] ? gl_tensor_data(o->state[1][i]) + a : NULL;
    double number[GL_MAXNUMBER];
    o->type->prepare(o, o->taken[i], number);
    o->type->update(number, b - a, gl_tensor_data(p) + a, gl_tensor_data(p->grad) + a, s0, s1);
  }
}

void gl_optimizer_step(gl_optimizer *o) {
  int64_t total = 0;
  o->steps++;
  for (int i = 0; i < o->nparam; i++) {
    total += gl_tensor_numel(o->param[i]);
    o->taken[i] += o->param[i]->grad != NULL;
  }
  gl_parallel(total, 4, step_part, o);
  for (int i = 0; i < o->nparam; i++)
    if (o->param[i]->grad)
      gl_tensor_touch(o->param[i]);
}

/* ---- clipping ---- */

double gl_clip_grad_norm(int nparam, gl_tensor **param, double max) {
  double square = 0;
  for (int i = 0; i < nparam; i++)
    for (int64_t k = 0, n = param[i]->grad ? gl_tensor_numel(param[i]) : 0; k < n; k++)
      square += (double)gl_tensor_data(param[i]->grad)[k] * (double)gl_tensor_data(param[i]->grad)[k];
  double norm = sqrt(square);
  double scale = max / (norm + 1e-6); /* as PyTorch does, so that the result stays below max */
  for (int i = 0; i < nparam && scale < 1; i++)
    for (int64_t k = 0, n = param[i]->grad ? gl_tensor_numel(param[i]) : 0; k < n; k++)
      gl_tensor_data(param[i]->grad)[k] = (gl_real)(gl_tensor_data(param[i]->grad)[k] * scale);
  return norm;
}

void gl_clip_grad_value(int nparam, gl_tensor **param, double max) {
  gl_real limit = (gl_real)max;
  for (int i = 0; i < nparam; i++)
    for (int64_t k = 0, n = param[i]->grad ? gl_tensor_numel(param[i]) : 0; k < n; k++) {
      gl_real *g = gl_tensor_data(param[i]->grad) + k;
      *g = *g > limit ? limit : *g < -limit ? -limit : *g;
    }
}
