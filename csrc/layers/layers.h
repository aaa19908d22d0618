/* layers.h -- what the layers share. */
#ifndef GENLAT_LAYERS_H
#define GENLAT_LAYERS_H

#include "genlat.h"

/* Applies an op: `in` is borrowed, NULL for an optional tensor left out; the first narg arguments are given. */
gl_tensor *gl_layer_apply(const gl_op *op, int nin, gl_tensor *const *in, int narg, const gl_arg *arg);

/* A parameter with numbers drawn from U[-k, k). */
gl_tensor *gl_layer_uniform(int ndim, const int64_t *shape, double k);

/* Spectral normalization of param[0]. In build, once that is there: buffer[0], "weight_u", one number for each row of
 * the weight seen as `axis` x rest (1: the first, -1: the last; that of the outputs). */
bool gl_layer_add_spectral(gl_layer *l, int axis);
/* In forward: a new reference to the weight, or, for a layer with that buffer, to the weight over its largest singular
 * value. */
gl_tensor *gl_layer_weight(gl_layer *l, int axis);

#endif
