/* layers.h -- what the layers share. */
#ifndef GENLAT_LAYERS_H
#define GENLAT_LAYERS_H

#include "genlat.h"

/* Applies an op: `in` is borrowed, NULL for an optional tensor left out; the first narg arguments are given. */
gl_tensor *gl_layer_apply(const gl_op *op, int nin, gl_tensor *const *in, int narg, const gl_arg *arg);

#endif
