/* batch.c -- turns images kept as uint8 into float32 batches: picked by index, scaled to 0..1, binarized if asked. */
#include <string.h>

#include "core/parallel.h"
#include "core/shape.h"
#include "genlat.h"

typedef struct batch_job {
  const uint8_t *images;
  const int64_t *place; /* of each image, from 0 */
  gl_real *out;
  int64_t size; /* bytes of an image */
  bool threshold;
} batch_job;

static void pick_images(int64_t from, int64_t to, void *context) {
  const batch_job *j = context;
  const gl_real scale = (gl_real)(1.0 / 255);
  for (int64_t i = from; i < to; i++) {
    const uint8_t *x = j->images + j->place[i] * j->size;
    gl_real *y = j->out + i * j->size;
    if (j->threshold)
      for (int64_t k = 0; k < j->size; k++)
        y[k] = x[k] >= 128;
    else
      for (int64_t k = 0; k < j->size; k++)
        y[k] = (gl_real)x[k] * scale;
  }
}

/* Places, from 0, of the images that the order names from `first` on; freed by gl_free. */
static int64_t *read_places(const gl_tensor *images, const gl_tensor *order, int64_t first, int64_t count) {
  if (order->dtype == GL_UINT8 || order->ndim != 1 || !gl_tensor_is_contiguous(order) || first < 1 || count < 1 ||
      first - 1 > order->shape[0] - count)
    return gl_fail("batch: %lld indices from %lld on are not in the order (%s)", (long long)count, (long long)first,
                   gl_tensor_text(order)),
           NULL;
  int64_t *place = gl_alloc_array(count, 1, sizeof *place);
  for (int64_t i = 0; place && i < count; i++)
    if (!gl_index_value(gl_tensor_get(order, first - 1 + i), images->shape[0], "batch: index", &place[i])) {
      gl_free(place);
      return NULL;
    }
  return place;
}

gl_tensor *gl_batch(const gl_tensor *images, const gl_tensor *order, int64_t first, int64_t count, gl_binarize how) {
  if (images->dtype != GL_UINT8 || images->ndim < 2 || !gl_tensor_is_contiguous(images))
    return gl_fail("batch: images are a contiguous uint8 tensor N x ..., not %s of %s", gl_tensor_text(images),
                   gl_dtype_name(images->dtype)),
           NULL;
  int64_t shape[GL_MAXDIM], *place = read_places(images, order, first, count);
  for (int i = 0; i < images->ndim; i++)
    shape[i] = i == 0 ? count : images->shape[i];
  gl_tensor *out = place ? gl_tensor_new(GL_FLOAT, images->ndim, shape) : NULL;
  if (out) {
    batch_job j = {gl_tensor_bytes(images), place, gl_tensor_data(out), gl_tensor_numel(out) / count,
                   how == GL_BINARIZE_THRESHOLD};
    gl_parallel(count, (int)(j.size < 4096 ? j.size : 4096), pick_images, &j);
  }
  gl_free(place);
  if (out && !gl_tensor_intact(images)) {
    gl_fail_in("batch");
    gl_tensor_release(out);
    return NULL;
  }
  if (out && how == GL_BINARIZE_DYNAMIC)
    gl_rng_bernoulli(gl_rng_default(), gl_tensor_data(out), gl_tensor_data(out), gl_tensor_numel(out));
  return out;
}

typedef struct shift_job {
  const gl_real *x;
  gl_real *y;
  int64_t h, w, c, most;
  gl_rng rng;
} shift_job;

/* Each image has its own block of random numbers. */
static void shift_images(int64_t from, int64_t to, void *context) {
  const shift_job *j = context;
  int64_t row = j->w * j->c, span = 2 * j->most + 1;
  for (int64_t n = from; n < to; n++) {
    uint32_t bits[4];
    gl_philox(j->rng.seed, 0, j->rng.counter + (uint64_t)n, bits);
    int64_t down = (int64_t)(((uint64_t)bits[0] * (uint64_t)span) >> 32) - j->most;
    int64_t right = (int64_t)(((uint64_t)bits[1] * (uint64_t)span) >> 32) - j->most;
    int64_t first = right > 0 ? right : 0, last = right > 0 ? j->w : j->w + right;
    gl_real *y = j->y + n * j->h * row;
    memset(y, 0, sizeof *y * (size_t)(j->h * row));
    for (int64_t i = 0; i < j->h; i++)
      if (i - down >= 0 && i - down < j->h && first < last)
        memcpy(y + i * row + first * j->c, j->x + (n * j->h + i - down) * row + (first - right) * j->c,
               sizeof *y * (size_t)((last - first) * j->c));
  }
}

gl_tensor *gl_shift(const gl_tensor *x, int64_t most) {
  if (x->dtype != GL_FLOAT || x->ndim != 4 || !gl_tensor_is_contiguous(x))
    return gl_fail("shift: images are contiguous floats N x H x W x C, not %s", gl_tensor_text(x)), NULL;
  if (most < 0 || most > GL_SHIFT_MOST)
    return gl_fail("shift: most is 0 to %d pixels, not %lld", (int)GL_SHIFT_MOST, (long long)most), NULL;
  gl_tensor *y = gl_tensor_like(x);
  if (!y)
    return NULL;
  int64_t size = x->shape[1] * x->shape[2] * x->shape[3];
  shift_job j = {gl_tensor_data(x), gl_tensor_data(y), x->shape[1], x->shape[2], x->shape[3], most, *gl_rng_default()};
  gl_parallel(x->shape[0], (int)(size < 4096 ? size : 4096), shift_images, &j);
  gl_rng_default()->counter += (uint64_t)x->shape[0];
  return y;
}
