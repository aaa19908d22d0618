/* resample.c -- ops that change the height and width of images N x H x W x C and keep what they show. */
#include <string.h>

#include "ops/ops.h"

enum { MOST_SCALE = 1 << 20 }; /* keeps sizes in range; gl_tensor_new says where a tensor is too large */

typedef struct resample_job {
  const gl_real *from; /* x, or the gradient with respect to y */
  gl_real *to;         /* y, or the gradient with respect to x */
  int64_t h, w, c;     /* of x */
  int64_t scale[2];
  const struct tap *rows, *columns; /* of upsample_bilinear2d: one for each row and column of y */
  bool inverse;                     /* of pixel_shuffle */
} resample_job;

static bool read_images(const gl_tensor *x, resample_job *j) {
  if (!gl_is_images(x))
    return false;
  *j = (resample_job){.h = x->shape[1], .w = x->shape[2], .c = x->shape[3]};
  return true;
}

static bool read_scale(const gl_node *n, resample_job *j) {
  return read_images(n->in[0], j) && gl_pair(&n->arg[0], 1, "scale", j->scale) &&
         ((j->scale[0] <= MOST_SCALE && j->scale[1] <= MOST_SCALE) ||
          gl_fail("scale is at most %d, not %s", MOST_SCALE, gl_shape_text(2, j->scale)));
}

static gl_tensor *new_scaled(const gl_tensor *x, const resample_job *j) {
  int64_t height, width;
  if (!gl_size_multiply(j->h, j->scale[0], &height) || !gl_size_multiply(j->w, j->scale[1], &width))
    return NULL;
  return gl_tensor_new(GL_FLOAT, 4, (int64_t[]){x->shape[0], height, width, j->c});
}

/* Runs body over `rows` rows; y has `elements`. */
static void over_rows(gl_range_body *body, resample_job *j, int64_t rows, int64_t elements) {
  int64_t work = elements / rows;
  gl_parallel(rows, (int)(work < 1 << 20 ? work : 1 << 20), body, j);
}

/* ---- upsample_nearest2d ---- */

static void repeat_rows(int64_t first, int64_t last, void *context) {
  const resample_job *j = context;
  const size_t pixel = sizeof(gl_real) * (size_t)j->c;
  const int64_t width = j->w * j->scale[1] * j->c; /* of a row of y */
  for (int64_t r = first; r < last; r++) {
    gl_real *top = j->to + r * j->scale[0] * width, *to = top;
    for (int64_t w = 0; w < j->w; w++)
      for (int64_t k = 0; k < j->scale[1]; k++, to += j->c)
        memcpy(to, j->from + (r * j->w + w) * j->c, pixel);
    for (int64_t k = 1; k < j->scale[0]; k++)
      memcpy(top + k * width, top, sizeof(gl_real) * (size_t)width);
  }
}

static bool upsample_nearest2d_forward(gl_node *n) {
  resample_job j;
  gl_tensor *x = read_scale(n, &j) ? gl_tensor_contiguous(n->in[0]) : NULL;
  n->out = x ? new_scaled(x, &j) : NULL;
  if (n->out) {
    j.from = gl_tensor_data(x);
    j.to = gl_tensor_data(n->out);
    over_rows(repeat_rows, &j, x->shape[0] * j.h, gl_tensor_numel(n->out));
  }
  gl_tensor_release(x);
  return n->out;
}

static void gather_rows(int64_t first, int64_t last, void *context) {
  const resample_job *j = context;
  const int64_t width = j->w * j->scale[1] * j->c;
  for (int64_t r = first; r < last; r++) {
    gl_real *row = j->to + r * j->w * j->c;
    for (int64_t i = 0; i < j->w * j->c; i++)
      row[i] = 0;
    for (int64_t k = 0; k < j->scale[0]; k++) {
      const gl_real *g = j->from + (r * j->scale[0] + k) * width;
      for (int64_t w = 0; w < j->w; w++)
        for (int64_t l = 0; l < j->scale[1]; l++, g += j->c)
          for (int64_t i = 0; i < j->c; i++)
            row[w * j->c + i] += g[i];
    }
  }
}

static bool upsample_nearest2d_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  resample_job j;
  gin[0] = read_scale(n, &j) ? gl_tensor_like(n->in[0]) : NULL;
  if (gin[0]) {
    j.from = gl_tensor_data(gout);
    j.to = gl_tensor_data(gin[0]);
    over_rows(gather_rows, &j, n->in[0]->shape[0] * j.h, gl_tensor_numel(gout));
  }
  return gin[0];
}
GL_OP(upsample_nearest2d, "x:T scale:L", 0, upsample_nearest2d_backward,
      "each pixel `scale` times in each direction; N x H x W x C to N x sH x sW x C");

/* ---- upsample_bilinear2d ---- */

/* Where a position of y comes from: (1 - weight) x[low] + weight x[high]. */
typedef struct tap {
  int64_t low, high;
  gl_real weight;
} tap;

/* With align_corners the first and last pixels of x and y have the same centres, else their outer edges meet. */
static void make_taps(tap *t, int64_t size, int64_t scale, bool align_corners) {
  int64_t n = size * scale;
  for (int64_t i = 0; i < n; i++) {
    double at = align_corners ? n > 1 ? (double)i * (double)(size - 1) / (double)(n - 1) : 0
                              : ((double)i + 0.5) / (double)scale - 0.5;
    at = at > 0 ? at : 0;
    int64_t low = (int64_t)at;
    low = low < size ? low : size - 1;
    t[i] = (tap){low, low + 1 < size ? low + 1 : low, (gl_real)(at - (double)low)};
  }
}

/* The taps of y's rows, followed by those of its columns. */
static tap *new_taps(const gl_node *n, resample_job *j) {
  tap *taps = gl_alloc_array(j->h * j->scale[0] + j->w * j->scale[1], 1, sizeof *taps);
  if (taps) {
    make_taps(taps, j->h, j->scale[0], n->arg[1].b);
    make_taps(taps + j->h * j->scale[0], j->w, j->scale[1], n->arg[1].b);
    j->rows = taps;
    j->columns = taps + j->h * j->scale[0];
  }
  return taps;
}

static void blend_rows(int64_t first, int64_t last, void *context) {
  const resample_job *j = context;
  const int64_t height = j->h * j->scale[0], width = j->w * j->scale[1], c = j->c;
  for (int64_t r = first; r < last; r++) {
    const tap row = j->rows[r % height];
    const gl_real *low = j->from + (r / height * j->h + row.low) * j->w * c,
                  *high = low + (row.high - row.low) * j->w * c;
    gl_real *y = j->to + r * width * c;
    for (int64_t k = 0; k < width; k++, y += c) {
      const tap t = j->columns[k];
      const gl_real d = row.weight * t.weight, b = t.weight - d, e = row.weight - d, a = 1 - t.weight - e;
      const gl_real *low2 = low + t.high * c, *high2 = high + t.high * c, *low1 = low + t.low * c,
                    *high1 = high + t.low * c;
      for (int64_t i = 0; i < c; i++)
        y[i] = a * low1[i] + b * low2[i] + e * high1[i] + d * high2[i];
    }
  }
}

static bool upsample_bilinear2d_forward(gl_node *n) {
  resample_job j;
  gl_tensor *x = read_scale(n, &j) ? gl_tensor_contiguous(n->in[0]) : NULL, *y = x ? new_scaled(x, &j) : NULL;
  tap *taps = y ? new_taps(n, &j) : NULL;
  n->out = y;
  if (taps) {
    j.from = gl_tensor_data(x);
    j.to = gl_tensor_data(y);
    over_rows(blend_rows, &j, y->shape[0] * y->shape[1], gl_tensor_numel(y));
  }
  gl_tensor_release(x);
  gl_free(taps);
  return taps;
}

/* Adds weight * g, the gradient of one row of y, to a row of that of x. */
static void add_row(const resample_job *j, gl_real *row, const gl_real *g, gl_real weight) {
  const int64_t c = j->c;
  for (int64_t k = 0; k < j->w * j->scale[1]; k++, g += c) {
    const tap t = j->columns[k];
    const gl_real high = weight * t.weight, low = weight - high;
    for (int64_t i = 0; i < c; i++)
      row[t.low * c + i] += low * g[i];
    for (int64_t i = 0; i < c; i++)
      row[t.high * c + i] += high * g[i];
  }
}

static void spread_rows(int64_t first, int64_t last, void *context) {
  const resample_job *j = context;
  const int64_t height = j->h * j->scale[0], width = j->w * j->scale[1] * j->c;
  for (int64_t r = first; r < last; r++) {
    const int64_t h = r % j->h;
    gl_real *row = j->to + r * j->w * j->c;
    for (int64_t i = 0; i < j->w * j->c; i++)
      row[i] = 0;
    for (int64_t k = 0; k < height; k++) {
      const tap t = j->rows[k];
      const gl_real weight = (t.low == h ? 1 - t.weight : 0) + (t.high == h ? t.weight : 0);
      if (weight > 0)
        add_row(j, row, j->from + (r / j->h * height + k) * width, weight);
    }
  }
}

static bool upsample_bilinear2d_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  resample_job j;
  tap *taps = read_scale(n, &j) ? new_taps(n, &j) : NULL;
  gin[0] = taps ? gl_tensor_like(n->in[0]) : NULL;
  if (gin[0]) {
    j.from = gl_tensor_data(gout);
    j.to = gl_tensor_data(gin[0]);
    over_rows(spread_rows, &j, n->in[0]->shape[0] * j.h, 2 * gl_tensor_numel(gout));
  }
  gl_free(taps);
  return gin[0];
}
GL_OP(upsample_bilinear2d, "x:T scale:L align_corners:B=false", 0, upsample_bilinear2d_backward,
      "images enlarged by linear interpolation in both directions; N x H x W x C to N x sH x sW x C");

/* ---- pixel_shuffle: Shi et al. 2016, eq. 4 ---- */

/* Rows of the small side: y[h r + i][w r + j][c] = x[h][w][c r^2 + i r + j], or the inverse. */
static void shuffle_rows(int64_t first, int64_t last, void *context) {
  const resample_job *j = context;
  const int64_t r = j->scale[0], c = j->c, pixel = c * r * r;
  for (int64_t row = first; row < last; row++)
    for (int64_t w = 0; w < j->w; w++)
      for (int64_t k = 0; k < r * r; k++) {
        const int64_t small = (row * j->w + w) * pixel + k;
        const int64_t large = ((row * r + k / r) * j->w * r + w * r + k % r) * c;
        if (j->inverse)
          for (int64_t i = 0; i < c; i++)
            j->to[small + i * r * r] = j->from[large + i];
        else
          for (int64_t i = 0; i < c; i++)
            j->to[large + i] = j->from[small + i * r * r];
      }
}

/* The other side of `from`, which is images N x H x W x C r^2, or with `inverse` N x H r x W r x C. */
static gl_tensor *shuffled(gl_tensor *from, int64_t r, bool inverse) {
  gl_tensor *x = gl_tensor_contiguous(from);
  if (!x)
    return NULL;
  int64_t n = x->shape[0], h = x->shape[1], w = x->shape[2], c = x->shape[3];
  resample_job j = {.from = gl_tensor_data(x), .h = h, .w = w, .c = c / r / r, .scale = {r, r}, .inverse = inverse};
  if (inverse) {
    j.h = h / r;
    j.w = w / r;
    j.c = c;
  }
  int64_t shape[] = {n, j.h, j.w, inverse ? c * r * r : j.c}; /* c r r: no more than all of x, as r divides h and w */
  bool fits = inverse || (gl_size_multiply(h, r, &shape[1]) && gl_size_multiply(w, r, &shape[2]));
  gl_tensor *y = fits ? gl_tensor_new(GL_FLOAT, 4, shape) : NULL;
  if (y) {
    j.to = gl_tensor_data(y);
    over_rows(shuffle_rows, &j, n * j.h, 2 * gl_tensor_numel(y));
  }
  gl_tensor_release(x);
  return y;
}

static bool read_factor(const gl_node *n, resample_job *j) {
  int64_t r = n->arg[0].i;
  return read_images(n->in[0], j) &&
         ((r >= 1 && r <= MOST_SCALE) || gl_fail("factor is within 1..%d, not %lld", MOST_SCALE, (long long)r));
}

static bool pixel_shuffle_forward(gl_node *n) {
  resample_job j;
  int64_t r = n->arg[0].i;
  if (!read_factor(n, &j))
    return false;
  if (j.c % (r * r) != 0)
    return gl_fail("%lld channels are not a multiple of factor^2 = %lld (input %s)", (long long)j.c, (long long)(r * r),
                   gl_tensor_text(n->in[0]));
  n->out = shuffled(n->in[0], r, false);
  return n->out;
}

static bool pixel_shuffle_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  gin[0] = shuffled(gout, n->arg[0].i, true);
  return gin[0];
}
GL_OP(pixel_shuffle, "x:T factor:I", 0, pixel_shuffle_backward,
      "channels laid out as r x r pixels; N x H x W x C r^2 to N x H r x W r x C (Shi et al. 2016)");

static bool pixel_unshuffle_forward(gl_node *n) {
  resample_job j;
  int64_t r = n->arg[0].i;
  if (!read_factor(n, &j))
    return false;
  if (j.h % r != 0 || j.w % r != 0)
    return gl_fail("height and width are not multiples of factor = %lld (input %s)", (long long)r,
                   gl_tensor_text(n->in[0]));
  n->out = shuffled(n->in[0], r, true);
  return n->out;
}

static bool pixel_unshuffle_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  gin[0] = shuffled(gout, n->arg[0].i, false);
  return gin[0];
}
GL_OP(pixel_unshuffle, "x:T factor:I", 0, pixel_unshuffle_backward,
      "r x r pixels made channels, the inverse of pixel_shuffle; N x H r x W r x C to N x H x W x C r^2");
