/* layers.c -- the table of layers, their life, and the layers that only hold an op's arguments. */
#include "layers/layers.h"

#include <string.h>

extern const gl_layer_type gl_linear_layer;

/* ---- life ---- */

gl_layer *gl_layer_new(const gl_layer_type *type, const gl_arg *arg) {
  gl_layer *l = gl_calloc(sizeof *l);
  if (!l)
    return NULL;
  l->type = type;
  l->training = true;
  memcpy(l->arg, arg, sizeof l->arg);
  if (type->build && !type->build(l)) {
    gl_fail_in(type->name);
    gl_layer_free(l);
    return NULL;
  }
  return l;
}

void gl_layer_free(gl_layer *l) {
  if (!l)
    return;
  for (int i = 0; i < GL_MAXPARAM; i++)
    gl_tensor_release(l->param[i]);
  gl_free(l);
}

gl_tensor *gl_layer_forward(gl_layer *l, gl_tensor *x) { return l->type->forward(l, x); }

gl_tensor *gl_layer_apply(const gl_op *op, int nin, gl_tensor *const *in, int narg, const gl_arg *arg) {
  gl_node *n = gl_node_new(op, nin);
  if (!n)
    return NULL;
  for (int i = 0; i < nin; i++)
    n->in[i] = in[i] ? gl_tensor_retain(in[i]) : NULL;
  if (narg > 0)
    memcpy(n->arg, arg, sizeof *arg * (size_t)narg);
  return gl_apply(n);
}

/* ---- layers without parameters ---- */

#define ACTIVATION(NAME, OP, SIGNATURE, DOC)                                                                           \
  extern const gl_op gl_##OP##_op;                                                                                     \
  static gl_tensor *OP##_layer_forward(gl_layer *l, gl_tensor *x) {                                                    \
    return gl_layer_apply(&gl_##OP##_op, 1, &x, sizeof(SIGNATURE) > 1, l->arg);                                        \
  }                                                                                                                    \
  static const gl_layer_type OP##_layer = {NAME, SIGNATURE, DOC, {NULL}, NULL, OP##_layer_forward}

ACTIVATION("ReLU", relu, "", "max(x, 0)");
ACTIVATION("LeakyReLU", leaky_relu, "slope:F=0.01", "x where x > 0, else slope * x");
ACTIVATION("Tanh", tanh, "", "(e^x - e^-x) / (e^x + e^-x)");
ACTIVATION("Sigmoid", sigmoid, "", "1 / (1 + e^-x)");
ACTIVATION("Softplus", softplus, "", "log(1 + e^x)");
ACTIVATION("Softmax", softmax, "axis:I=-1", "e^x / sum e^x along an axis");
ACTIVATION("Flatten", flatten, "axis:I=2", "the axes from `axis` on made one: N x H x W x C to N x HWC");

extern const gl_op gl_dropout_op, gl_reshape_op;

static bool dropout_build(gl_layer *l) {
  double p = l->arg[0].f;
  return (p >= 0 && p < 1) || gl_fail("p is the share to drop, at least 0 and less than 1, not %g", p);
}

static gl_tensor *dropout_layer_forward(gl_layer *l, gl_tensor *x) {
  return l->training ? gl_layer_apply(&gl_dropout_op, 1, &x, 1, l->arg) : gl_tensor_retain(x);
}
static const gl_layer_type dropout_layer = {
    "Dropout", "p:F=0.5", "in training, 0 with probability p, else x / (1 - p)", {NULL}, dropout_build,
    dropout_layer_forward};

/* The sizes are those of one image; the batch stays as it is. */
static gl_tensor *reshape_layer_forward(gl_layer *l, gl_tensor *x) {
  gl_arg sizes = {.given = true, .list = {.n = l->arg[0].list.n + 1, .v = {x->ndim > 0 ? x->shape[0] : 1}}};
  memcpy(sizes.list.v + 1, l->arg[0].list.v, sizeof *sizes.list.v * (size_t)l->arg[0].list.n);
  return gl_layer_apply(&gl_reshape_op, 1, &x, 1, &sizes);
}

static bool reshape_build(gl_layer *l) {
  return l->arg[0].list.n < GL_MAXDIM || gl_fail("at most %d sizes", GL_MAXDIM - 1);
}
static const gl_layer_type reshape_layer = {
    "Reshape", "sizes:L", "each of the batch in another shape", {NULL}, reshape_build, reshape_layer_forward};

/* ---- the table ---- */

const gl_layer_type *const gl_layer_types[] = {
    &gl_linear_layer, &relu_layer,    &leaky_relu_layer, &tanh_layer,    &sigmoid_layer, &softplus_layer,
    &softmax_layer,   &dropout_layer, &flatten_layer,    &reshape_layer, NULL,
};
