/* warp.c -- images N x H x W x C moved, turned, stretched and sheared: sampled bilinearly where an affine map says
 * (Jaderberg et al. 2015, eq. 1 and 5, but in pixels from the image's centre).
 *
 * Backward gives each image to one thread, so that no two threads write to the same place. */
#include <math.h>
#include <string.h>

#include "ops/ops.h"

enum { TAPS = 4, ENTRIES = 6 }; /* of a sample: top left, top right, bottom left, bottom right; of a matrix */

typedef struct warp_job {
  int64_t h, w, c;
  const gl_real *x, *matrix;
  int64_t matrix_step; /* from one image's matrix to the next: ENTRIES, or 0 where they share one */
  gl_real *y;          /* forward */
  const gl_real *g; /* backward: the gradient with respect to y, and those of x and of each image's matrix (or NULL) */
  gl_real *gx;
  double *gm;
} warp_job;

typedef struct sample {
  int64_t at[TAPS]; /* of the pixel's first channel in the image; -1: outside */
  gl_real weight[TAPS];
  gl_real down, right; /* the share of the lower and of the right pixels */
} sample;

/* Pixels from the image's centre. */
static double from_centre(int64_t i, int64_t size) { return (double)i - 0.5 * (double)(size - 1); }

/* Where the output's pixel (row, column) comes from; false where all of that is outside, or not a number. */
static bool find_sample(const warp_job *j, const gl_real *m, int64_t row, int64_t column, sample *s, gl_real *nothing) {
  const double u = from_centre(column, j->w), v = from_centre(row, j->h);
  const double x = (double)m[0] * u + (double)m[1] * v + (double)m[2] - from_centre(0, j->w);
  const double y = (double)m[3] * u + (double)m[4] * v + (double)m[5] - from_centre(0, j->h);
  if (!(x > -1 && x < (double)j->w && y > -1 && y < (double)j->h)) {
    *nothing = isnan(x) || isnan(y) ? (gl_real)NAN : 0;
    return false;
  }
  const int64_t left = (int64_t)floor(x), top = (int64_t)floor(y);
  s->right = (gl_real)(x - (double)left);
  s->down = (gl_real)(y - (double)top);
  for (int k = 0; k < TAPS; k++) {
    const int64_t r = top + k / 2, q = left + k % 2;
    s->at[k] = r >= 0 && r < j->h && q >= 0 && q < j->w ? (r * j->w + q) * j->c : -1;
    s->weight[k] = (k / 2 ? s->down : 1 - s->down) * (k % 2 ? s->right : 1 - s->right);
  }
  return true;
}

static void warp_rows(int64_t first, int64_t last, void *context) {
  const warp_job *j = context;
  const int64_t c = j->c;
  for (int64_t r = first; r < last; r++) {
    const int64_t n = r / j->h;
    const gl_real *x = j->x + n * j->h * j->w * c, *m = j->matrix + n * j->matrix_step;
    gl_real *y = j->y + r * j->w * c;
    for (int64_t q = 0; q < j->w; q++, y += c) {
      sample s;
      gl_real nothing = 0;
      const bool found = find_sample(j, m, r % j->h, q, &s, &nothing);
      for (int64_t i = 0; i < c; i++)
        y[i] = nothing;
      for (int k = 0; found && k < TAPS; k++)
        for (int64_t i = 0; s.at[k] >= 0 && i < c; i++)
          y[i] += s.weight[k] * x[s.at[k] + i];
    }
  }
}

/* Reads shapes; the contiguous inputs go to held[2], which the caller releases. */
static bool read_inputs(const gl_node *n, warp_job *j, gl_tensor **held) {
  const gl_tensor *x = n->in[0], *m = n->in[1];
  if (!gl_is_images(x))
    return false;
  const int64_t *rows = m->shape + (m->ndim == 3); /* and columns */
  if ((m->ndim != 2 && m->ndim != 3) || rows[0] != 2 || rows[1] != 3 || (m->ndim == 3 && m->shape[0] != x->shape[0]))
    return gl_fail("the matrix is 2x3, or %lldx2x3: one for each image; not %s", (long long)x->shape[0],
                   gl_tensor_text(m));
  held[0] = gl_tensor_contiguous(n->in[0]);
  held[1] = held[0] ? gl_tensor_contiguous(n->in[1]) : NULL;
  if (!held[1])
    return false;
  *j = (warp_job){.h = x->shape[1], .w = x->shape[2], .c = x->shape[3], .matrix_step = m->ndim == 3 ? ENTRIES : 0};
  j->x = gl_tensor_data(held[0]);
  j->matrix = gl_tensor_data(held[1]);
  return true;
}

static int weight_of(int64_t work) { return (int)(work < 1 << 20 ? work : 1 << 20); }

static bool warp_affine_forward(gl_node *n) {
  warp_job j;
  gl_tensor *held[2] = {NULL, NULL};
  n->out = read_inputs(n, &j, held) ? gl_tensor_new(GL_FLOAT, 4, n->in[0]->shape) : NULL;
  if (n->out) {
    j.y = gl_tensor_data(n->out);
    gl_parallel(n->in[0]->shape[0] * j.h, weight_of(j.w * (TAPS * j.c + 16)), warp_rows, &j);
  }
  gl_tensor_release(held[0]);
  gl_tensor_release(held[1]);
  return n->out;
}

/* One pixel's share in the gradients; (u, v) are its place from the centre. */
static void add_gradients(const warp_job *j, const sample *s, const gl_real *x, const gl_real *g, gl_real *gx,
                          double *gm, double u, double v) {
  double gx_position = 0, gy_position = 0;
  for (int k = 0; k < TAPS; k++) {
    if (s->at[k] < 0)
      continue;
    double value = 0; /* the gradient with respect to the tap's weight */
    for (int64_t i = 0; gx && i < j->c; i++)
      gx[s->at[k] + i] += s->weight[k] * g[i];
    for (int64_t i = 0; gm && i < j->c; i++)
      value += (double)g[i] * (double)x[s->at[k] + i];
    gx_position += (k % 2 ? value : -value) * (double)(k / 2 ? s->down : 1 - s->down);
    gy_position += (k / 2 ? value : -value) * (double)(k % 2 ? s->right : 1 - s->right);
  }
  if (!gm)
    return;
  const double of_place[ENTRIES / 2] = {u, v, 1};
  for (int e = 0; e < ENTRIES / 2; e++) {
    gm[e] += gx_position * of_place[e];
    gm[e + ENTRIES / 2] += gy_position * of_place[e];
  }
}

static void warp_gradient_images(int64_t first, int64_t last, void *context) {
  const warp_job *j = context;
  const int64_t size = j->h * j->w * j->c;
  for (int64_t n = first; n < last; n++) {
    gl_real *gx = j->gx ? j->gx + n * size : NULL;
    double *gm = j->gm ? j->gm + n * ENTRIES : NULL;
    const gl_real *g = j->g + n * size;
    if (gx)
      memset(gx, 0, sizeof *gx * (size_t)size);
    for (int e = 0; gm && e < ENTRIES; e++)
      gm[e] = 0;
    for (int64_t r = 0; r < j->h; r++)
      for (int64_t q = 0; q < j->w; q++, g += j->c) {
        sample s;
        gl_real nothing;
        if (find_sample(j, j->matrix + n * j->matrix_step, r, q, &s, &nothing))
          add_gradients(j, &s, j->x + n * size, g, gx, gm, from_centre(q, j->w), from_centre(r, j->h));
      }
  }
}

/* The images' gradients with respect to their matrices, as one tensor like the matrix. */
static gl_tensor *gathered(const double *gm, int64_t images, const gl_tensor *matrix) {
  gl_tensor *out = gl_tensor_like(matrix);
  if (!out)
    return NULL;
  gl_real *to = gl_tensor_data(out);
  const int64_t own = gl_tensor_numel(out), shared = images * ENTRIES / own;
  for (int64_t e = 0; e < own; e++) {
    double sum = 0;
    for (int64_t n = 0; n < shared; n++)
      sum += gm[n * ENTRIES + e];
    to[e] = (gl_real)sum;
  }
  return out;
}

static bool warp_affine_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  warp_job j;
  gl_tensor *held[2] = {NULL, NULL};
  const int64_t images = n->in[0]->shape[0];
  bool ok = read_inputs(n, &j, held);
  if (ok && gl_wants(n, 0)) {
    gin[0] = gl_tensor_like(n->in[0]);
    j.gx = gin[0] ? gl_tensor_data(gin[0]) : NULL;
    ok = gin[0];
  }
  if (ok && gl_wants(n, 1)) {
    j.gm = gl_alloc_array(images, ENTRIES, sizeof *j.gm);
    ok = j.gm;
  }
  if (ok) {
    j.g = gl_tensor_data(gout);
    gl_parallel(images, weight_of(j.h * j.w * (2 * TAPS * j.c + 32)), warp_gradient_images, &j);
    if (j.gm) {
      gin[1] = gathered(j.gm, images, n->in[1]);
      ok = gin[1];
    }
    gl_free(j.gm);
  }
  gl_tensor_release(held[0]);
  gl_tensor_release(held[1]);
  return ok;
}
GL_OP(warp_affine, "x:T matrix:T", GL_SAVES_IN, warp_affine_backward,
      "y(p) = x(M p), sampled bilinearly, 0 outside; p = (column, row, 1) in pixels from the image's centre; "
      "N x H x W x C with M N x 2 x 3, or 2 x 3 for all (Jaderberg et al. 2015)");
