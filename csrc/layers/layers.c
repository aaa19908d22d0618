/* layers.c -- the table of layers, their life, and the layers that only hold an op's arguments. */
#include <string.h>

#include "core/shape.h"
#include "layers/layers.h"

extern const gl_layer_type gl_linear_layer, gl_conv2d_layer, gl_conv_transpose2d_layer, gl_embedding_layer,
    gl_batch_norm_layer, gl_instance_norm_layer, gl_layer_norm_layer;

extern const gl_op gl_spectral_norm_op;

/* ---- life ---- */

gl_layer *gl_layer_new(const gl_layer_type *type, const gl_arg *arg) {
  gl_layer *l = gl_calloc(sizeof *l);
  if (!l)
    return NULL;
  l->type = type;
  l->training = true;
  memcpy(l->arg, arg, sizeof l->arg);
  const gl_rng before = *gl_rng_default();
  if (type->build && !type->build(l)) {
    *gl_rng_default() = before;
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
  for (int i = 0; i < GL_MAXBUFFER; i++)
    gl_tensor_release(l->buffer[i]);
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

gl_tensor *gl_layer_uniform(int ndim, const int64_t *shape, double k) {
  gl_tensor *p = gl_tensor_new(GL_FLOAT, ndim, shape);
  if (p) {
    gl_rng_uniform(gl_rng_default(), gl_tensor_data(p), gl_tensor_numel(p), -k, k);
    p->requires_grad = true;
  }
  return p;
}

/* ---- spectral normalization ---- */

bool gl_layer_add_spectral(gl_layer *l, int axis) {
  const gl_tensor *weight = l->param[0];
  gl_tensor *u = gl_tensor_new(GL_FLOAT, 1, &weight->shape[axis < 0 ? axis + weight->ndim : axis - 1]);
  if (!u)
    return false;
  gl_rng_normal(gl_rng_default(), gl_tensor_data(u), gl_tensor_numel(u), 0, 1);
  l->buffer[0] = u;
  return true;
}

gl_tensor *gl_layer_weight(gl_layer *l, int axis) {
  if (!l->buffer[0])
    return gl_tensor_retain(l->param[0]);
  return gl_layer_apply(&gl_spectral_norm_op, 2, (gl_tensor *[]){l->param[0], l->buffer[0]}, 2,
                        (gl_arg[]){{.given = true, .i = axis}, {.given = true, .b = l->training}});
}

/* ---- layers without parameters ---- */

/* A layer that only holds the arguments of an op, which has the same ones, checked by `build`. */
#define HOLDER(NAME, OP, SIGNATURE, NARG, BUILD, DOC)                                                                  \
  extern const gl_op gl_##OP##_op;                                                                                     \
  static gl_tensor *OP##_layer_forward(gl_layer *l, gl_tensor *x) {                                                    \
    return gl_layer_apply(&gl_##OP##_op, 1, &x, NARG, l->arg);                                                         \
  }                                                                                                                    \
  static const gl_layer_type OP##_layer = {                                                                            \
      .name = NAME, .signature = SIGNATURE, .doc = DOC, .build = BUILD, .forward = OP##_layer_forward}
#define ACTIVATION(NAME, OP, SIGNATURE, DOC) HOLDER(NAME, OP, SIGNATURE, sizeof(SIGNATURE) > 1, NULL, DOC)

ACTIVATION("ReLU", relu, "", "max(x, 0)");
ACTIVATION("LeakyReLU", leaky_relu, "slope:F=0.01", "x where x > 0, else slope * x");
ACTIVATION("Tanh", tanh, "", "(e^x - e^-x) / (e^x + e^-x)");
ACTIVATION("Sigmoid", sigmoid, "", "1 / (1 + e^-x)");
ACTIVATION("Softplus", softplus, "", "log(1 + e^x)");
ACTIVATION("ELU", elu, "alpha:F=1", "x where x > 0, else alpha * (e^x - 1)");
ACTIVATION("SiLU", silu, "", "x / (1 + e^-x)");
ACTIVATION("GELU", gelu, "approximate:W=none|tanh",
           "x P(X < x), X ~ N(0, 1), exactly or by its approximation with tanh");
ACTIVATION("Softmax", softmax, "axis:I=-1", "e^x / sum e^x along an axis");
ACTIVATION("Flatten", flatten, "axis:I=2", "the axes from `axis` on made one: N x H x W x C to N x HWC");

extern const gl_op gl_dropout_op, gl_dropout2d_op, gl_reshape_op, gl_upsample_nearest2d_op, gl_upsample_bilinear2d_op;

static bool dropout_build(gl_layer *l) {
  double p = l->arg[0].f;
  return (p >= 0 && p < 1) || gl_fail("p is the share to drop, at least 0 and less than 1, not %g", p);
}

static gl_tensor *dropout_layer_forward(gl_layer *l, gl_tensor *x) {
  return l->training ? gl_layer_apply(&gl_dropout_op, 1, &x, 1, l->arg) : gl_tensor_retain(x);
}
static const gl_layer_type dropout_layer = {
    .name = "Dropout",
    .signature = "p:F=0.5",
    .doc = "in training, 0 with probability p, else x / (1 - p)",
    .build = dropout_build,
    .forward = dropout_layer_forward,
};

static gl_tensor *dropout2d_layer_forward(gl_layer *l, gl_tensor *x) {
  return l->training ? gl_layer_apply(&gl_dropout2d_op, 1, &x, 1, l->arg) : gl_tensor_retain(x);
}
static const gl_layer_type dropout2d_layer = {
    .name = "Dropout2d",
    .signature = "p:F=0.5",
    .doc = "in training, whole channels of each image 0 with probability p, the others x / (1 - p)",
    .build = dropout_build,
    .forward = dropout2d_layer_forward,
};

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
    .name = "Reshape",
    .signature = "sizes:L",
    .doc = "each of the batch in another shape",
    .build = reshape_build,
    .forward = reshape_layer_forward,
};

static bool pool_build(gl_layer *l) {
  int64_t pair[2];
  if (!l->arg[1].given)
    l->arg[1] = l->arg[0];
  return gl_pair(&l->arg[0], 1, "kernel", pair) && gl_pair(&l->arg[1], 1, "stride", pair) &&
         gl_pair(&l->arg[2], 0, "padding", pair);
}
HOLDER("MaxPool2d", max_pool2d, "kernel:L stride:L? padding:L=0", 3, pool_build,
       "the largest element of each window; the stride is the kernel's size where it is not given");
HOLDER("AvgPool2d", avg_pool2d, "kernel:L stride:L? padding:L=0", 3, pool_build,
       "the mean of each window; the stride is the kernel's size where it is not given");

static bool adaptive_build(gl_layer *l) { return gl_pair(&l->arg[0], 1, "sizes", (int64_t[2]){0}); }
HOLDER("AdaptiveAvgPool2d", adaptive_avg_pool2d, "sizes:L", 1, adaptive_build,
       "the mean of each of h x w parts of an image");

static bool shuffle_build(gl_layer *l) {
  return l->arg[0].i >= 1 || gl_fail("factor is at least 1, not %lld", (long long)l->arg[0].i);
}
HOLDER("PixelShuffle", pixel_shuffle, "factor:I", 1, shuffle_build,
       "N x H x W x C r^2 to N x H r x W r x C: channels laid out as r x r pixels");

static bool upsample_build(gl_layer *l) {
  if (l->arg[2].b && !l->arg[1].i)
    return gl_fail("align_corners goes with mode = 'bilinear'");
  return gl_pair(&l->arg[0], 1, "scale", (int64_t[2]){0});
}

static gl_tensor *upsample_forward(gl_layer *l, gl_tensor *x) {
  if (l->arg[1].i == 0)
    return gl_layer_apply(&gl_upsample_nearest2d_op, 1, &x, 1, l->arg);
  return gl_layer_apply(&gl_upsample_bilinear2d_op, 1, &x, 2, (gl_arg[]){l->arg[0], l->arg[2]});
}
static const gl_layer_type upsample_layer = {
    .name = "Upsample",
    .signature = "scale:L mode:W=nearest|bilinear align_corners:B=false",
    .doc = "images enlarged by whole factors",
    .build = upsample_build,
    .forward = upsample_forward,
};

/* ---- the table ---- */

const gl_layer_type *const gl_layer_types[] = {
    &gl_linear_layer,
    &gl_conv2d_layer,
    &gl_conv_transpose2d_layer,
    &gl_embedding_layer,
    &gl_batch_norm_layer,
    &gl_instance_norm_layer,
    &gl_layer_norm_layer,
    &relu_layer,
    &leaky_relu_layer,
    &elu_layer,
    &silu_layer,
    &gelu_layer,
    &tanh_layer,
    &sigmoid_layer,
    &softplus_layer,
    &softmax_layer,
    &dropout_layer,
    &dropout2d_layer,
    &max_pool2d_layer,
    &avg_pool2d_layer,
    &adaptive_avg_pool2d_layer,
    &upsample_layer,
    &pixel_shuffle_layer,
    &flatten_layer,
    &reshape_layer,
    NULL,
};
