/* norm.c -- the layers that normalize: each holds weight and bias, BatchNorm also the moments that it has seen. */
#include "layers/layers.h"

extern const gl_op gl_batch_norm_op, gl_instance_norm_op, gl_layer_norm_op;

/* weight: 1, bias: 0 */
static bool make_affine(gl_layer *l, int ndim, const int64_t *shape, bool bias) {
  l->param[0] = gl_tensor_full(ndim, shape, 1);
  l->param[1] = l->param[0] && bias ? gl_tensor_full(ndim, shape, 0) : NULL;
  for (int i = 0; i < 2; i++)
    if (l->param[i])
      l->param[i]->requires_grad = true;
  return l->param[0] && (l->param[1] || !bias);
}

static bool channels_fit(const gl_layer *l) {
  return l->arg[0].i >= 1 || gl_fail("channels are at least 1, not %lld", (long long)l->arg[0].i);
}

/* ---- BatchNorm ---- */

enum { CHANNELS, EPS, MOMENTUM, AFFINE, SLOPE };

static bool batch_norm_build(gl_layer *l) {
  const int64_t *c = &l->arg[CHANNELS].i;
  if (!channels_fit(l) || (l->arg[AFFINE].b && !make_affine(l, 1, c, true)))
    return false;
  l->buffer[0] = gl_tensor_full(1, c, 0);
  l->buffer[1] = l->buffer[0] ? gl_tensor_full(1, c, 1) : NULL;
  return l->buffer[0] && l->buffer[1];
}

static gl_tensor *batch_norm_layer_forward(gl_layer *l, gl_tensor *x) {
  gl_arg training = {.given = true, .b = l->training};
  return gl_layer_apply(&gl_batch_norm_op, 5, (gl_tensor *[]){x, l->param[0], l->param[1], l->buffer[0], l->buffer[1]},
                        4, (gl_arg[]){training, l->arg[MOMENTUM], l->arg[EPS], l->arg[SLOPE]});
}

const gl_layer_type gl_batch_norm_layer = {
    .name = "BatchNorm",
    .signature = "channels:I eps:F=1e-5 momentum:F=0.1 affine:B=true slope:F=1",
    .doc = "each channel (last axis) with mean 0 and variance 1 over the batch, in evaluation by the running moments, "
           "times weight plus bias, then leaky_relu of a slope: 1 none, 0 relu",
    .param = {"weight", "bias"},
    .buffer = {"running_mean", "running_var"},
    .build = batch_norm_build,
    .forward = batch_norm_layer_forward,
};

/* ---- InstanceNorm ---- */

static bool instance_norm_build(gl_layer *l) {
  return channels_fit(l) && (!l->arg[2].b || make_affine(l, 1, &l->arg[0].i, true));
}

static gl_tensor *instance_norm_layer_forward(gl_layer *l, gl_tensor *x) {
  if (x->ndim > 0 && x->shape[x->ndim - 1] != l->arg[0].i) {
    gl_fail("InstanceNorm: input has %lld channels, the layer %lld (input %s)", (long long)x->shape[x->ndim - 1],
            (long long)l->arg[0].i, gl_tensor_text(x));
    return NULL;
  }
  return gl_layer_apply(&gl_instance_norm_op, 3, (gl_tensor *[]){x, l->param[0], l->param[1]}, 1, &l->arg[1]);
}

const gl_layer_type gl_instance_norm_layer = {
    .name = "InstanceNorm",
    .signature = "channels:I eps:F=1e-5 affine:B=false",
    .doc = "each channel of each image with mean 0 and variance 1, times weight plus bias if affine",
    .param = {"weight", "bias"},
    .build = instance_norm_build,
    .forward = instance_norm_layer_forward,
};

/* ---- LayerNorm ---- */

static bool layer_norm_build(gl_layer *l) {
  const gl_list *sizes = &l->arg[0].list;
  return (sizes->n > 0 || gl_fail("sizes are those of the last axes, at least one")) &&
         make_affine(l, sizes->n, sizes->v, l->arg[2].b);
}

static gl_tensor *layer_norm_layer_forward(gl_layer *l, gl_tensor *x) {
  return gl_layer_apply(&gl_layer_norm_op, 3, (gl_tensor *[]){x, l->param[0], l->param[1]}, 1, &l->arg[1]);
}

const gl_layer_type gl_layer_norm_layer = {
    .name = "LayerNorm",
    .signature = "sizes:L eps:F=1e-5 bias:B=true",
    .doc = "the elements of the last axes, which have these sizes, with mean 0 and variance 1, times weight plus bias",
    .param = {"weight", "bias"},
    .build = layer_norm_build,
    .forward = layer_norm_layer_forward,
};
