/* conv.c -- the convolutional layers: weights O x KH x KW x C/groups on images N x H x W x C. */
#include <math.h>
#include <string.h>

#include "layers/layers.h"

extern const gl_op gl_conv2d_op, gl_conv_transpose2d_op;

enum { INPUTS, OUTPUTS, KERNEL, STRIDE, PADDING, THIRD, GROUPS, BIAS, SPECTRAL };

/* small, big: the channels at the two ends of the convolution that the weight belongs to; axis: that of its outputs. */
static bool build(gl_layer *l, int64_t small, int64_t big, int axis) {
  const gl_list *kernel = &l->arg[KERNEL].list;
  int64_t kh = kernel->n > 0 ? kernel->v[0] : 0, kw = kernel->n > 1 ? kernel->v[1] : kh, groups = l->arg[GROUPS].i;
  if (small < 1 || big < 1)
    return gl_fail("inputs and outputs are at least 1, not %lld and %lld", (long long)l->arg[INPUTS].i,
                   (long long)l->arg[OUTPUTS].i);
  if (kernel->n > 2 || kh < 1 || kw < 1)
    return gl_fail("kernel is one whole number from 1 or two (height, width), not %s",
                   gl_shape_text(kernel->n, kernel->v));
  if (groups < 1 || small % groups != 0 || big % groups != 0)
    return gl_fail("%lld groups do not divide %lld inputs and %lld outputs", (long long)groups,
                   (long long)l->arg[INPUTS].i, (long long)l->arg[OUTPUTS].i);
  /* PyTorch's default: uniform in -k..k, k = 1 / sqrt(numbers in a patch) */
  double k = 1 / sqrt((double)kh * (double)kw * (double)(big / groups));
  l->param[0] = gl_layer_uniform(4, (int64_t[]){small, kh, kw, big / groups}, k);
  if (l->param[0] && l->arg[BIAS].b)
    l->param[1] = gl_layer_uniform(1, &l->arg[OUTPUTS].i, k);
  return l->param[0] && (l->param[1] || !l->arg[BIAS].b) && (!l->arg[SPECTRAL].b || gl_layer_add_spectral(l, axis));
}

static gl_tensor *forward(gl_layer *l, gl_tensor *x, const gl_op *op, int axis) {
  gl_tensor *weight = gl_layer_weight(l, axis), *y = NULL;
  if (weight)
    y = gl_layer_apply(op, 3, (gl_tensor *[]){x, weight, l->param[1]}, 4,
                       (gl_arg[]){l->arg[STRIDE], l->arg[PADDING], l->arg[THIRD], l->arg[GROUPS]});
  gl_tensor_release(weight);
  return y;
}

static bool conv2d_build(gl_layer *l) { return build(l, l->arg[OUTPUTS].i, l->arg[INPUTS].i, 1); }
static gl_tensor *conv2d_layer_forward(gl_layer *l, gl_tensor *x) { return forward(l, x, &gl_conv2d_op, 1); }

const gl_layer_type gl_conv2d_layer = {
    .name = "Conv2d",
    .signature = "inputs:I outputs:I kernel:L stride:L=1 padding:L=0 dilation:L=1 groups:I=1 bias:B=true "
                 "spectral:B=false",
    .doc = "convolution: N x H x W x inputs to N x H' x W' x outputs, H' = floor((H + 2p - d(k - 1) - 1) / s) + 1",
    .param = {"weight", "bias"},
    .buffer = {"weight_u"},
    .build = conv2d_build,
    .forward = conv2d_layer_forward,
};

static bool conv_transpose2d_build(gl_layer *l) { return build(l, l->arg[INPUTS].i, l->arg[OUTPUTS].i, -1); }
static gl_tensor *conv_transpose2d_layer_forward(gl_layer *l, gl_tensor *x) {
  return forward(l, x, &gl_conv_transpose2d_op, -1);
}

const gl_layer_type gl_conv_transpose2d_layer = {
    .name = "ConvTranspose2d",
    .signature = "inputs:I outputs:I kernel:L stride:L=1 padding:L=0 output_padding:L=0 groups:I=1 bias:B=true "
                 "spectral:B=false",
    .doc = "transposed convolution: N x H x W x inputs to N x H' x W' x outputs, H' = (H - 1) s - 2p + k + "
           "output_padding",
    .param = {"weight", "bias"},
    .buffer = {"weight_u"},
    .build = conv_transpose2d_build,
    .forward = conv_transpose2d_layer_forward,
};
