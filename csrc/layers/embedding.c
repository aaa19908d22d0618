/* embedding.c -- a vector for each of a number of classes. */
#include <string.h>

#include "layers/layers.h"

extern const gl_op gl_index_select_op, gl_reshape_op;

static bool embedding_build(gl_layer *l) {
  int64_t classes = l->arg[0].i, features = l->arg[1].i;
  if (classes < 1 || features < 1)
    return gl_fail("classes and features are at least 1, not %lld and %lld", (long long)classes, (long long)features);
  l->param[0] = gl_tensor_new(GL_FLOAT, 2, (int64_t[]){classes, features});
  if (!l->param[0])
    return false;
  gl_rng_normal(gl_rng_default(), gl_tensor_data(l->param[0]), gl_tensor_numel(l->param[0]), 0, 1);
  l->param[0]->requires_grad = true;
  return true;
}

static gl_tensor *reshape(gl_tensor *x, gl_list sizes) {
  gl_arg arg = {.given = true, .list = sizes};
  return gl_layer_apply(&gl_reshape_op, 1, &x, 1, &arg);
}

/* index_select takes a vector: an index of any other shape becomes one first, and the result gets the index's shape. */
static gl_tensor *embedding_forward(gl_layer *l, gl_tensor *x) {
  if (x->ndim == GL_MAXDIM) {
    gl_fail("Embedding: the index has at most %d axes, not %d", GL_MAXDIM - 1, x->ndim);
    return NULL;
  }
  gl_list sizes = {.n = x->ndim + 1};
  memcpy(sizes.v, x->shape, sizeof *sizes.v * (size_t)x->ndim);
  sizes.v[x->ndim] = l->arg[1].i;
  gl_tensor *index = x->ndim == 1 ? gl_tensor_retain(x) : reshape(x, (gl_list){.n = 1, .v = {-1}}), *rows = NULL;
  if (index)
    rows = gl_layer_apply(&gl_index_select_op, 2, (gl_tensor *[]){l->param[0], index}, 0, NULL);
  gl_tensor *y = rows && x->ndim != 1 ? reshape(rows, sizes) : rows ? gl_tensor_retain(rows) : NULL;
  gl_tensor_release(index);
  gl_tensor_release(rows);
  return y;
}

const gl_layer_type gl_embedding_layer = {
    .name = "Embedding",
    .signature = "classes:I features:I",
    .doc = "for each class, counted from 1, its row of weight (classes x features)",
    .param = {"weight"},
    .build = embedding_build,
    .forward = embedding_forward,
};
