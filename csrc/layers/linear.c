/* linear.c -- the dense layer: y = x W' + b. */
#include <math.h>

#include "layers/layers.h"

extern const gl_op gl_linear_op;

/* PyTorch's default: W and b uniform in -k..k, k = 1 / sqrt(inputs) (He et al. 2015 with a = sqrt 5). */
static gl_tensor *uniform_parameter(int ndim, const int64_t *shape, double k) {
  gl_tensor *p = gl_tensor_new(GL_FLOAT, ndim, shape);
  if (p) {
    gl_rng_uniform(gl_rng_default(), gl_tensor_data(p), gl_tensor_numel(p), -k, k);
    p->requires_grad = true;
  }
  return p;
}

static bool linear_build(gl_layer *l) {
  int64_t inputs = l->arg[0].i, outputs = l->arg[1].i;
  if (inputs < 1 || outputs < 1)
    return gl_fail("inputs and outputs are at least 1, not %lld and %lld", (long long)inputs, (long long)outputs);
  double k = 1 / sqrt((double)inputs);
  l->param[0] = uniform_parameter(2, (int64_t[]){outputs, inputs}, k);
  if (l->arg[2].b)
    l->param[1] = uniform_parameter(1, &outputs, k);
  return l->param[0] && (l->param[1] || !l->arg[2].b);
}

static gl_tensor *linear_layer_forward(gl_layer *l, gl_tensor *x) {
  return gl_layer_apply(&gl_linear_op, 3, (gl_tensor *[]){x, l->param[0], l->param[1]}, 0, NULL);
}

const gl_layer_type gl_linear_layer = {
    "Linear", "inputs:I outputs:I bias:B=true", "x W' + b; x: ... x inputs, W: outputs x inputs, b: outputs",
    {"weight", "bias"}, linear_build, linear_layer_forward};
