/* table.c -- the table of ops. A new op is its code in its family's file, and one row here. */
#include <string.h>

#include "ops/ops.h"

#define GL_OPS(X)                                                                                                      \
  /* elementwise */                                                                                                    \
  X(neg)                                                                                                               \
  X(abs)                                                                                                               \
  X(sign)                                                                                                              \
  X(floor)                                                                                                             \
  X(round)                                                                                                             \
  X(square)                                                                                                            \
  X(sqrt)                                                                                                              \
  X(exp)                                                                                                               \
  X(log)                                                                                                               \
  X(sin)                                                                                                               \
  X(cos)                                                                                                               \
  X(tanh)                                                                                                              \
  X(sigmoid)                                                                                                           \
  X(softplus)                                                                                                          \
  X(relu)                                                                                                              \
  X(leaky_relu)                                                                                                        \
  X(clamp)                                                                                                             \
  X(elu)                                                                                                               \
  X(silu)                                                                                                              \
  X(gelu)                                                                                                              \
  X(add)                                                                                                               \
  X(sub)                                                                                                               \
  X(mul)                                                                                                               \
  X(div)                                                                                                               \
  X(pow)                                                                                                               \
  X(maximum)                                                                                                           \
  X(minimum)                                                                                                           \
  /* compare */                                                                                                        \
  X(eq)                                                                                                                \
  X(ne)                                                                                                                \
  X(lt)                                                                                                                \
  X(le)                                                                                                                \
  X(gt)                                                                                                                \
  X(ge)                                                                                                                \
  /* reduce */                                                                                                         \
  X(sum)                                                                                                               \
  X(mean)                                                                                                              \
  X(norm)                                                                                                              \
  X(logsumexp)                                                                                                         \
  X(max)                                                                                                               \
  X(min)                                                                                                               \
  X(argmax)                                                                                                            \
  X(argmin)                                                                                                            \
  X(count_nonzero)                                                                                                     \
  X(var)                                                                                                               \
  X(std)                                                                                                               \
  X(softmax)                                                                                                           \
  X(log_softmax)                                                                                                       \
  X(cumsum)                                                                                                            \
  /* linalg */                                                                                                         \
  X(matmul)                                                                                                            \
  X(linear)                                                                                                            \
  /* conv */                                                                                                           \
  X(conv2d)                                                                                                            \
  X(conv_transpose2d)                                                                                                  \
  /* pool */                                                                                                           \
  X(max_pool2d)                                                                                                        \
  X(avg_pool2d)                                                                                                        \
  X(adaptive_avg_pool2d)                                                                                               \
  /* resample */                                                                                                       \
  X(upsample_nearest2d)                                                                                                \
  X(upsample_bilinear2d)                                                                                               \
  X(pixel_shuffle)                                                                                                     \
  X(pixel_unshuffle)                                                                                                   \
  /* warp */                                                                                                           \
  X(warp_affine)                                                                                                       \
  /* norm, layer_norm, spectral_norm */                                                                                \
  X(batch_norm)                                                                                                        \
  X(instance_norm)                                                                                                     \
  X(layer_norm)                                                                                                        \
  X(spectral_norm)                                                                                                     \
  /* shape */                                                                                                          \
  X(reshape)                                                                                                           \
  X(flatten)                                                                                                           \
  X(squeeze)                                                                                                           \
  X(unsqueeze)                                                                                                         \
  X(permute)                                                                                                           \
  X(transpose)                                                                                                         \
  X(slice)                                                                                                             \
  X(select)                                                                                                            \
  X(expand)                                                                                                            \
  X(clone)                                                                                                             \
  X(flip)                                                                                                              \
  X(cat)                                                                                                               \
  X(stack)                                                                                                             \
  /* index */                                                                                                          \
  X(index_select)                                                                                                      \
  X(gather)                                                                                                            \
  X(where)                                                                                                             \
  X(one_hot)                                                                                                           \
  /* loss */                                                                                                           \
  X(bce_with_logits)                                                                                                   \
  X(mse_loss)                                                                                                          \
  X(l1_loss)                                                                                                           \
  X(gaussian_nll)                                                                                                      \
  X(kl_normal)                                                                                                         \
  X(cross_entropy)                                                                                                     \
  /* sample */                                                                                                         \
  X(gaussian_sample)                                                                                                   \
  X(dropout)                                                                                                           \
  X(dropout2d)                                                                                                         \
  X(bernoulli)                                                                                                         \
  /* inplace */                                                                                                        \
  X(add_)                                                                                                              \
  X(sub_)                                                                                                              \
  X(mul_)                                                                                                              \
  X(div_)                                                                                                              \
  X(clamp_)                                                                                                            \
  X(copy_)                                                                                                             \
  X(fill_)                                                                                                             \
  X(zero_)                                                                                                             \
  X(uniform_)                                                                                                          \
  X(normal_)

#define DECLARE(NAME) extern const gl_op gl_##NAME##_op;
GL_OPS(DECLARE)

#define ROW(NAME) &gl_##NAME##_op,
const gl_op *const gl_ops[] = {GL_OPS(ROW) NULL};

const gl_op *gl_op_find(const char *name) {
  for (int i = 0; gl_ops[i]; i++)
    if (strcmp(gl_ops[i]->name, name) == 0)
      return gl_ops[i];
  gl_fail("there is no op called %s", name);
  return NULL;
}
