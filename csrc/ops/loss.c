/* loss.c -- losses. Each is a value for every element, then reduced:
 *   batch (default)  summed over each image, averaged over the batch (the first axis): nats per image
 *   sum, mean        over all elements
 *   none             not reduced
 */
#include <string.h>

#include "core/vmath.h"
#include "ops/ops.h"

enum { REDUCE_BATCH, REDUCE_SUM, REDUCE_MEAN, REDUCE_NONE };
#define REDUCTION "reduction:W=batch|sum|mean|none"

static double reduction_scale(const gl_tensor *x, int64_t reduction) {
  if (reduction == REDUCE_MEAN)
    return 1.0 / (double)gl_tensor_numel(x);
  return reduction == REDUCE_BATCH && x->ndim > 0 ? 1.0 / (double)x->shape[0] : 1.0;
}

/* ---- losses of up to three tensors, element by element ---- */

enum { LOSS_COST = 12, LOSS_BLOCK = 512, MOST_PARTS = 256 };

typedef struct operands { /* the third's stride is 0 where it has one element */
  const gl_real *a, *b, *c;
  int64_t sc;
} operands;

typedef void gl_loss_values(int64_t n, gl_real *out, operands x);
typedef gl_real gl_loss_sum(int64_t n, operands x); /* of a short block */
typedef void gl_loss_gradient(int64_t n, gl_real *out, const gl_real *g, gl_real scale, operands x);

typedef struct loss_functions {
  gl_loss_values *values;
  gl_loss_sum *sum;
  gl_loss_gradient *gradient[3];
} loss_functions;

typedef struct loss_job {
  const loss_functions *f;
  operands x;
  int which;        /* gradient with respect to this input */
  const gl_real *g; /* the gradient of each element's loss; NULL: it is in scale */
  gl_real scale;
  gl_real *out;
  int64_t n;
  double *part;
  int parts;
} loss_job;

static operands from_element(operands x, int64_t i) {
  return (operands){x.a + i, x.b ? x.b + i : NULL, x.c ? x.c + i * x.sc : NULL, x.sc};
}

static void loss_values_part(int64_t from, int64_t to, void *context) {
  const loss_job *j = context;
  j->f->values(to - from, j->out + from, from_element(j->x, from));
}

/* For blocks whose sum leaves float32, while its elements, or the mean over all blocks, perhaps do not. */
static double sum_in_double(const loss_functions *f, int64_t n, operands x) {
  gl_real value[LOSS_BLOCK];
  double total = 0;
  f->values(n, value, x);
  for (int64_t i = 0; i < n; i++)
    total += (double)value[i];
  return total;
}

static void loss_sum_parts(int64_t from, int64_t to, void *context) {
  const loss_job *j = context;
  for (int64_t p = from; p < to; p++) {
    int64_t end = j->n * (p + 1) / j->parts;
    double total = 0;
    for (int64_t i = j->n * p / j->parts; i < end; i += LOSS_BLOCK) {
      const int64_t n = i + LOSS_BLOCK < end ? LOSS_BLOCK : end - i;
      const gl_real sum = j->f->sum(n, from_element(j->x, i));
      total += isfinite(sum) ? (double)sum : sum_in_double(j->f, n, from_element(j->x, i));
    }
    j->part[p] = total;
  }
}

static void loss_gradient_part(int64_t from, int64_t to, void *context) {
  const loss_job *j = context;
  j->f->gradient[j->which](to - from, j->out + from, j->g ? j->g + from : NULL, j->scale, from_element(j->x, from));
}

static const char *const input_name[] = {"the first argument", "the second", "the third"};

static bool loss_shapes(const gl_node *n) {
  for (int i = 1; i < n->nin; i++) {
    bool one = i == 2 && gl_tensor_numel(n->in[i]) == 1;
    if (!one && !gl_same_shape(n->in[0], n->in[i]))
      return gl_fail("%s is %s, %s %s: shapes must be equal%s", input_name[0], gl_tensor_text(n->in[0]), input_name[i],
                     gl_tensor_text(n->in[i]), i == 2 ? ", or the third one number" : "");
  }
  return true;
}

/* The inputs as contiguous tensors in held[3]. */
static bool loss_operands(const gl_node *n, gl_tensor **held, operands *x) {
  for (int i = 0; i < n->nin; i++)
    if (!(held[i] = gl_tensor_contiguous(n->in[i])))
      return false;
  x->a = gl_tensor_data(held[0]);
  x->b = held[1] ? gl_tensor_data(held[1]) : NULL;
  x->c = held[2] ? gl_tensor_data(held[2]) : NULL;
  x->sc = held[2] && gl_tensor_numel(held[2]) > 1;
  return true;
}

static void loss_let_go(gl_tensor **held) {
  for (int i = 0; i < 3; i++)
    gl_tensor_release(held[i]);
}

static bool loss_forward(gl_node *n, const loss_functions *f) {
  gl_tensor *held[3] = {0};
  double part[MOST_PARTS];
  const gl_tensor *x = n->in[0];
  loss_job j = {.f = f, .n = gl_tensor_numel(x), .part = part};
  if (!loss_shapes(n))
    return false;
  if (!loss_operands(n, held, &j.x)) {
    ;
  } else if (n->arg[0].i == REDUCE_NONE) {
    if ((n->out = gl_tensor_like(x))) {
      j.out = gl_tensor_data(n->out);
      gl_parallel(j.n, LOSS_COST, loss_values_part, &j);
    }
  } else {
    j.parts = gl_team(j.n, LOSS_COST) < MOST_PARTS ? gl_team(j.n, LOSS_COST) : MOST_PARTS;
    gl_parallel(j.parts, GL_GRAIN, loss_sum_parts, &j);
    double total = 0;
    for (int p = 0; p < j.parts; p++)
      total += part[p];
    n->out = gl_tensor_scalar(total * reduction_scale(x, n->arg[0].i));
  }
  loss_let_go(held);
  return n->out;
}

static bool loss_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin, const loss_functions *f) {
  gl_tensor *held[3] = {0};
  bool each = n->arg[0].i == REDUCE_NONE, ok = true;
  loss_job j = {.f = f, .n = gl_tensor_numel(n->in[0]), .g = each ? gl_tensor_data(gout) : NULL, .scale = 1};
  if (!each)
    j.scale = (gl_real)(reduction_scale(n->in[0], n->arg[0].i) * (double)gl_tensor_data(gout)[0]);
  ok = loss_operands(n, held, &j.x);
  for (j.which = 0; ok && j.which < n->nin; j.which++) {
    if (!gl_wants(n, j.which))
      continue;
    gl_tensor *g = gl_tensor_like(n->in[0]);
    if (g) {
      j.out = gl_tensor_data(g);
      gl_parallel(j.n, LOSS_COST, loss_gradient_part, &j);
      gin[j.which] = gl_same_shape(g, n->in[j.which]) ? gl_tensor_retain(g) : gl_sum_to(g, n->in[j.which]);
    }
    gl_tensor_release(g);
    ok = gin[j.which];
  }
  loss_let_go(held);
  return ok;
}

/* A loop over the elements a, b and c of the operands; twice, as compilers make vector code of fixed strides only. */
#define LOSS_LOOP(PRAGMA, BODY)                                                                                        \
  if (x.sc == 1) {                                                                                                     \
    PRAGMA for (int64_t i = 0; i < n; i++) {                                                                           \
      const gl_real a = x.a[i], b = x.b[i], c = x.c[i];                                                                \
      (void)a, (void)b, (void)c;                                                                                       \
      BODY;                                                                                                            \
    }                                                                                                                  \
  } else {                                                                                                             \
    const gl_real c = x.c ? x.c[0] : 0;                                                                                \
    (void)c;                                                                                                           \
    PRAGMA for (int64_t i = 0; i < n; i++) {                                                                           \
      const gl_real a = x.a[i], b = x.b[i];                                                                            \
      (void)a, (void)b;                                                                                                \
      BODY;                                                                                                            \
    }                                                                                                                  \
  }

#define LOSS_GRADIENT(FUNCTION, RESULT)                                                                                \
  static void FUNCTION(int64_t n, gl_real *out, const gl_real *g, gl_real scale, operands x) {                         \
    if (g)                                                                                                             \
      LOSS_LOOP(, const gl_real s = scale * g[i]; (void)s; out[i] = (RESULT))                                          \
    else                                                                                                               \
      LOSS_LOOP(, const gl_real s = scale; (void)s; out[i] = (RESULT))                                                 \
  }

/* LOSS(name, signature, doc, value, ga, gb, gc): the value and its derivatives in terms of the elements a, b and c. s
 * is a factor of the derivatives, which keeps them in float32 where it comes early. */
#define LOSS(NAME, SIGNATURE, DOC, VALUE, GA, GB, GC)                                                                  \
  static void NAME##_values(int64_t n, gl_real *out, operands x) { LOSS_LOOP(, out[i] = (VALUE)) }                     \
  static gl_real NAME##_sum(int64_t n, operands x) {                                                                   \
    gl_real sum = 0;                                                                                                   \
    LOSS_LOOP(_Pragma("omp simd reduction(+ : sum)"), sum += (VALUE))                                                  \
    return sum;                                                                                                        \
  }                                                                                                                    \
  LOSS_GRADIENT(NAME##_ga, GA)                                                                                         \
  LOSS_GRADIENT(NAME##_gb, GB)                                                                                         \
  LOSS_GRADIENT(NAME##_gc, GC)                                                                                         \
  static const loss_functions NAME##_functions = {NAME##_values, NAME##_sum, {NAME##_ga, NAME##_gb, NAME##_gc}};       \
  static bool NAME##_forward(gl_node *n) { return loss_forward(n, &NAME##_functions); }                                \
  static bool NAME##_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {                                          \
    return loss_backward(n, gout, gin, &NAME##_functions);                                                             \
  }                                                                                                                    \
  GL_OP(NAME, SIGNATURE " " REDUCTION, GL_SAVES_IN, NAME##_backward, DOC)

LOSS(bce_with_logits, "x:T target:T",
     "binary cross-entropy of sigmoid(x): -t log s - (1 - t) log(1 - s) = softplus(x) - t x",
     ((a > 0 ? a : 0) - b * a) + gl_log1p_unit(gl_exp(-gl_abs(a))), (gl_sigmoid(a) - b) * s, -a *s, 0);

LOSS(mse_loss, "x:T target:T", "(x - target)^2", (a - b) * (a - b), (a - b) * (2 * s), (b - a) * (2 * s), 0);

LOSS(l1_loss, "x:T target:T", "|x - target|", gl_abs(a - b), (gl_real)((a > b) - (a < b)) * s,
     (gl_real)((b > a) - (b < a)) * s, 0);

#define LOG_2PI ((gl_real)1.8378770664093453)
#define SQUARE(X) ((X) * (X))

/* d e^(-logvar / 2), and s times that times e^(-logvar / 2), by factors e^(-logvar / 4): neither the square of d nor
 * the inverse of the variance has to be in float32. */
static inline gl_real standardized(gl_real d, gl_real logvar) {
  const gl_real root = gl_exp(-logvar / 4);
  return d == 0 ? 0 : d * root * root;
}
static inline gl_real over_variance(gl_real d, gl_real logvar, gl_real s) {
  const gl_real root = gl_exp(-logvar / 4);
  return d == 0 ? 0 : d * root * root * (s * root * root);
}
static inline gl_real half_rest(gl_real t, gl_real s) { return s / 2 - t * (t * (s / 2)); } /* s (1 - t^2) / 2 */

LOSS(gaussian_nll, "x:T mean:T logvar:T",
     "-log N(x; mean, e^logvar) = (log 2 pi + logvar + (x - mean)^2 / e^logvar) / 2",
     (LOG_2PI + c + SQUARE(standardized(a - b, c))) / 2, over_variance(a - b, c, s), over_variance(b - a, c, s),
     half_rest(standardized(a - b, c), s));

LOSS(kl_normal, "mean:T logvar:T",
     "KL(N(mean, e^logvar) || N(0, 1)) = (mean^2 + e^logvar - 1 - logvar) / 2 (Kingma & Welling 2014, app. B)",
     (a * a + gl_exp(b) - 1 - b) / 2, a *s, (gl_exp(b) - 1) / 2 * s, 0);

/* ---- cross_entropy: x N x C, labels N, from 1 ---- */

static bool shapes_fit(const gl_node *n) {
  const gl_tensor *x = n->in[0], *labels = n->in[1];
  return (x->ndim == 2 && labels->ndim == 1 && labels->shape[0] == x->shape[0]) ||
         gl_fail("x is N x classes (here %s) and the labels N (here %s)", gl_tensor_text(x), gl_tensor_text(labels));
}

static bool labels_fit(const gl_node *n) {
  const gl_tensor *x = n->in[0], *labels = n->in[1];
  int64_t place;
  for (int64_t i = 0; i < labels->shape[0]; i++)
    if (!gl_index_value(gl_tensor_get(labels, i), x->shape[1], "label", &place))
      return false;
  return true;
}

/* log(sum e^x) of a row */
static double row_logsumexp(const gl_real *x, int64_t n) {
  gl_real most = x[0];
  double sum = 0;
  for (int64_t i = 1; i < n; i++)
    most = x[i] > most ? x[i] : most;
  for (int64_t i = 0; i < n; i++)
    sum += (double)gl_exp(x[i] - most);
  return (double)most + log(sum);
}

static bool cross_entropy_forward(gl_node *n) {
  gl_tensor *x = shapes_fit(n) ? gl_tensor_contiguous(n->in[0]) : NULL;
  gl_tensor *each = x && labels_fit(n) ? gl_tensor_new(GL_FLOAT, 1, x->shape) : NULL;
  double total = 0;
  for (int64_t i = 0; each && i < x->shape[0]; i++) {
    const gl_real *row = gl_tensor_data(x) + i * x->shape[1];
    double loss = row_logsumexp(row, x->shape[1]) - (double)row[(int64_t)gl_tensor_get(n->in[1], i) - 1];
    gl_tensor_data(each)[i] = (gl_real)loss;
    total += loss;
  }
  if (each && n->arg[0].i == REDUCE_NONE)
    n->out = gl_tensor_retain(each);
  else if (each)
    n->out = gl_tensor_scalar(total * reduction_scale(each, n->arg[0].i));
  gl_tensor_release(each);
  gl_tensor_release(x);
  return n->out;
}

/* gx = g (softmax x - one_hot label) */
static bool cross_entropy_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  gl_tensor *x = gl_tensor_contiguous(n->in[0]);
  gin[0] = x ? gl_tensor_like(x) : NULL;
  bool each = n->arg[0].i == REDUCE_NONE;
  for (int64_t i = 0, classes = gin[0] ? x->shape[1] : 0; gin[0] && i < x->shape[0]; i++) {
    const gl_real *row = gl_tensor_data(x) + i * classes;
    gl_real *out = gl_tensor_data(gin[0]) + i * classes;
    double all = row_logsumexp(row, classes);
    gl_real g = each ? gl_tensor_data(gout)[i]
                     : (gl_real)((double)gl_tensor_data(gout)[0] * reduction_scale(n->in[1], n->arg[0].i));
    for (int64_t c = 0; c < classes; c++)
      out[c] = g * gl_exp((gl_real)((double)row[c] - all));
    out[(int64_t)gl_tensor_get(n->in[1], i) - 1] -= g;
  }
  gl_tensor_release(x);
  return gin[0];
}
GL_OP(cross_entropy, "x:T labels:T " REDUCTION, GL_SAVES_IN, cross_entropy_backward,
      "-log softmax(x)[label], labels from 1");
