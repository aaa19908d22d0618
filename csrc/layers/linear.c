/* linear.c -- the dense layer: y = x W' + b. */
#include <math.h>

#include "layers/layers.h"

extern const gl_op gl_linear_op;

static bool linear_build(gl_layer *l) {
  int64_t inputs = l->arg[0].i, outputs = l->arg[1].i;
  if (inputs < 1 || outputs < 1)
    return gl_fail("inputs and outputs are at least 1, not %lld and %lld", (long long)inputs, (long long)outputs);
  double k = 1 / sqrt((double)inputs); /* PyTorch's default: uniform in -k..k (He et al. 2015 with a = sqrt 5) */
  l->param[0] = gl_layer_uniform(2, (int64_t[]){outputs, inputs}, k);
  if (l->param[0] && l->arg[2].b)
    l->param[1] = gl_layer_uniform(1, &outputs, k);
  return l->param[0] && (l->param[1] || !l->arg[2].b) && (!l->arg[3].b || gl_layer_add_spectral(l, 1));
}

static gl_tensor *linear_layer_forward(gl_layer *l, gl_tensor *x) {
  gl_tensor *weight = gl_layer_weight(l, 1), *y = NULL;
  if (weight)
    y = gl_layer_apply(&gl_linear_op, 3, (gl_tensor *[]){x, weight, l->param[1]}, 0, NULL);
  gl_tensor_release(weight);
  return y;
}

const gl_layer_type gl_linear_layer = {
    .name = "Linear",
    .signature = "inputs:I outputs:I bias:B=true spectral:B=false",
    .doc = "x W' + b; x: ... x inputs, W: outputs x inputs, b: outputs; spectral: with W over its largest singular "
           "value (Miyato et al. 2018)",
    .param = {"weight", "bias"},
    .buffer = {"weight_u"},
    .build = linear_build,
    .forward = linear_layer_forward,
};
