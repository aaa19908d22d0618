/* batch.c -- turns images kept as uint8 into float32 batches: picked by index, scaled to 0..1, binarized if asked. */
#include "core/parallel.h"
#include "genlat.h"

typedef struct batch_job {
  const uint8_t *images;
  const gl_real *order;
  gl_real *out;
  int64_t size; /* bytes of an image */
  bool threshold;
} batch_job;

static void pick_images(int64_t from, int64_t to, void *context) {
  const batch_job *j = context;
  const gl_real scale = (gl_real)(1.0 / 255);
  for (int64_t i = from; i < to; i++) {
    const uint8_t *x = j->images + ((int64_t)j->order[i] - 1) * j->size;
    gl_real *y = j->out + i * j->size;
    if (j->threshold)
      for (int64_t k = 0; k < j->size; k++)
        y[k] = x[k] >= 128;
    else
      for (int64_t k = 0; k < j->size; k++)
        y[k] = (gl_real)x[k] * scale;
  }
}

gl_tensor *gl_batch(const gl_tensor *images, const gl_tensor *order, int64_t first, int64_t count, gl_binarize how) {
  if (images->dtype != GL_UINT8 || images->ndim < 2 || !gl_tensor_is_contiguous(images))
    return gl_fail("batch: images are an uint8 tensor N x ... whose elements lie in a row, not %s of %s",
                   gl_tensor_text(images), gl_dtype_name(images->dtype)),
           NULL;
  if (order->dtype != GL_FLOAT || order->ndim != 1 || !gl_tensor_is_contiguous(order) || first < 1 || count < 1 ||
      first - 1 > order->shape[0] - count)
    return gl_fail("batch: %lld indices from %lld on are not in the order (%s)", (long long)count, (long long)first,
                   gl_tensor_text(order)),
           NULL;
  const gl_real *index = gl_tensor_data(order) + first - 1;
  for (int64_t i = 0; i < count; i++)
    if (!(index[i] >= 1 && index[i] <= (gl_real)images->shape[0]))
      return gl_fail("batch: index %g is not in 1..%lld", (double)index[i], (long long)images->shape[0]), NULL;
  int64_t shape[GL_MAXDIM];
  for (int i = 0; i < images->ndim; i++)
    shape[i] = i == 0 ? count : images->shape[i];
  gl_tensor *out = gl_tensor_new(GL_FLOAT, images->ndim, shape);
  if (!out)
    return NULL;
  int64_t total = gl_tensor_numel(out);
  batch_job j = {gl_tensor_bytes(images), index, gl_tensor_data(out), total / count, how == GL_BINARIZE_THRESHOLD};
  gl_parallel(count, (int)(j.size < 4096 ? j.size : 4096), pick_images, &j);
  if (how == GL_BINARIZE_DYNAMIC)
    gl_rng_bernoulli(gl_rng_default(), gl_tensor_data(out), gl_tensor_data(out), total);
  return out;
}
