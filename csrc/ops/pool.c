/* pool.c -- the largest or the mean value of windows of images N x H x W x C.
 *
 * A window is the product of a span of rows and a span of columns. Backward works on one row of the input at a time and
 * gathers from the windows that it is in, so that threads never write to the same place. */
#include <math.h>
#include <string.h>

#include "ops/ops.h"

enum { SQUARES_WIDTH = 4096 }; /* numbers in a row of an image that max_squares takes, at most */

typedef struct span {
  int64_t from, to; /* the positions from .. to - 1 of the input that one position of the output looks at */
} span;

typedef struct pool {
  int64_t n, h, w, c;     /* input */
  int64_t size[2];        /* output: height, width */
  int64_t kernel_columns; /* of the largest window */
  span *rows, *columns;   /* size[0], size[1] spans, in one block of memory */
  bool squares;           /* 2 x 2 windows side by side, and few channels */
  gl_real share;          /* of one element in the mean; 0: one over the number of elements of its window */
} pool;

typedef struct pool_job {
  pool p;
  const gl_real *from; /* x, or the gradient with respect to y */
  gl_real *to;         /* y, or the gradient with respect to x */
  gl_real *place;      /* of max_pool2d: of the shape of y, the place of the largest in its window, or NULL */
} pool_job;

/* ---- geometry ---- */

static bool read_images(const gl_tensor *x, pool *p) {
  if (!gl_is_images(x))
    return false;
  *p = (pool){.n = x->shape[0], .h = x->shape[1], .w = x->shape[2], .c = x->shape[3]};
  return true;
}

static bool make_spans(pool *p) {
  p->rows = gl_alloc_array(p->size[0] + p->size[1], 1, sizeof(span));
  p->columns = p->rows ? p->rows + p->size[0] : NULL;
  return p->rows;
}

/* The parts of n windows on `size` positions that are not padding. */
static void window_spans(span *s, int64_t n, int64_t size, int64_t kernel, int64_t stride, int64_t padding) {
  for (int64_t i = 0; i < n; i++) {
    int64_t from = i * stride - padding, to = from + kernel;
    s[i] = (span){from < 0 ? 0 : from, to > size ? size : to};
  }
}

/* The windows of arguments kernel, stride (the kernel's, where not given) and padding. */
static bool windows(const gl_node *n, pool *p) {
  int64_t kernel[2], stride[2], padding[2];
  const gl_arg *arg = n->arg;
  if (!read_images(n->in[0], p) || !gl_pair(&arg[0], 1, "kernel", kernel) ||
      !gl_pair(arg[1].given ? &arg[1] : &arg[0], 1, "stride", stride) || !gl_pair(&arg[2], 0, "padding", padding))
    return false;
  if (padding[0] > kernel[0] / 2 || padding[1] > kernel[1] / 2)
    return gl_fail("padding %s is more than half of kernel %s", gl_shape_text(2, padding), gl_shape_text(2, kernel));
  if (!gl_window_size(p->h, kernel[0], stride[0], padding[0], 1, "output height", &p->size[0]) ||
      !gl_window_size(p->w, kernel[1], stride[1], padding[1], 1, "output width", &p->size[1]) || !make_spans(p))
    return false;
  window_spans(p->rows, p->size[0], p->h, kernel[0], stride[0], padding[0]);
  window_spans(p->columns, p->size[1], p->w, kernel[1], stride[1], padding[1]);
  p->kernel_columns = kernel[1];
  p->squares = p->c < 16 && p->w * p->c <= SQUARES_WIDTH && kernel[0] == 2 && kernel[1] == 2 && stride[0] == 2 &&
               stride[1] == 2 && padding[0] == 0 && padding[1] == 0;
  p->share = 1 / ((gl_real)kernel[0] * (gl_real)kernel[1]); /* of the padding's zeros too, as in PyTorch */
  return true;
}

/* Runs body over the rows of the output (forward) or of the input (backward). */
static void over_rows(gl_range_body *body, pool_job *j, bool forward) {
  int64_t rows = j->p.n * (forward ? j->p.size[0] : j->p.h), work = j->p.h * j->p.w * j->p.c / j->p.size[0] + 1;
  gl_parallel(rows, (int)(work < 1 << 20 ? work : 1 << 20), body, j);
}

static gl_tensor *new_output(const pool *p) {
  return gl_tensor_new(GL_FLOAT, 4, (int64_t[]){p->n, p->size[0], p->size[1], p->c});
}

/* ---- max_pool2d ---- */

/* The larger of what is there and a further element, the `place`-th of the window; NaN is larger than all. */
static void take_larger(int64_t c, gl_real *y, gl_real *place, gl_real here, const gl_real *x) {
  for (int64_t i = 0; i < c; i++) {
    bool larger = x[i] > y[i] || x[i] != x[i];
    y[i] = larger ? x[i] : y[i];
    place[i] = larger ? here : place[i];
  }
}

static void take_larger_value(int64_t c, gl_real *y, const gl_real *x) {
  for (int64_t i = 0; i < c; i++)
    y[i] = x[i] > y[i] || x[i] != x[i] ? x[i] : y[i];
}

/* A row of 2 x 2 windows side by side: the larger of each column, all along the row, and then of each pair of columns.
 * For few channels, loops over the channels of a pixel alone are too short. The first of equals wins, as in reading. */
static void max_squares(const pool *p, const gl_real *top, gl_real *y, gl_real *place) {
  const int64_t c = p->c, row = p->w * c, n = p->size[1] * c;
  gl_real larger[SQUARES_WIDTH], lower[SQUARES_WIDTH];
  int32_t left[SQUARES_WIDTH / 2];
  for (int64_t i = 0; i < 2 * n; i++) {
    const gl_real a = top[i], b = top[row + i];
    const bool down = b > a || (b != b && a == a);
    larger[i] = down ? b : a;
    lower[i] = down;
  }
  for (int64_t k = 0, q = 0; k < p->size[1]; k++)
    for (int64_t i = 0; i < c; i++, q++)
      left[q] = (int32_t)(2 * k * c + i);
  for (int64_t q = 0; q < n; q++) {
    const gl_real a = larger[left[q]], b = larger[left[q] + c], la = lower[left[q]], lb = lower[left[q] + c];
    const bool right = b > a || (b != b && a == a) || (b == a && lb < la);
    y[q] = right ? b : a;
    if (place)
      place[q] = right ? 2 * lb + 1 : 2 * la;
  }
}

static void max_rows(int64_t first, int64_t last, void *context) {
  const pool_job *j = context;
  const pool *p = &j->p;
  const int64_t c = p->c;
  for (int64_t r = first; r < last; r++) {
    const span rows = p->rows[r % p->size[0]];
    const gl_real *image = j->from + r / p->size[0] * p->h * p->w * c;
    if (p->squares) {
      const int64_t at = r * p->size[1] * c;
      max_squares(p, image + rows.from * p->w * c, j->to + at, j->place ? j->place + at : NULL);
      continue;
    }
    for (int64_t k = 0; k < p->size[1]; k++) {
      const span columns = p->columns[k];
      const int64_t at = (r * p->size[1] + k) * c;
      gl_real *y = j->to + at, *place = j->place ? j->place + at : NULL;
      for (int64_t i = 0; i < c; i++)
        y[i] = -INFINITY;
      for (int64_t i = 0; place && i < c; i++)
        place[i] = 0;
      for (int64_t h = rows.from; h < rows.to; h++)
        for (int64_t w = columns.from; w < columns.to; w++) {
          const gl_real *x = image + (h * p->w + w) * c;
          if (place)
            take_larger(c, y, place, (gl_real)((h - rows.from) * p->kernel_columns + w - columns.from), x);
          else
            take_larger_value(c, y, x);
        }
    }
  }
}

static bool max_pool2d_forward(gl_node *n) {
  pool_job j = {0};
  gl_tensor *x = NULL;
  if (windows(n, &j.p) && (x = gl_tensor_contiguous(n->in[0]))) {
    bool differentiable = gl_recording() && gl_wants(n, 0);
    gl_tensor *place = differentiable ? new_output(&j.p) : NULL,
              *out = !differentiable || place ? new_output(&j.p) : NULL;
    n->saved[0] = place;
    n->out = out;
    if (out) {
      j.from = gl_tensor_data(x);
      j.to = gl_tensor_data(out);
      j.place = place ? gl_tensor_data(place) : NULL;
      over_rows(max_rows, &j, true);
    }
  }
  gl_tensor_release(x);
  gl_free(j.p.rows);
  return n->out;
}

static void max_gradient_rows(int64_t first, int64_t last, void *context) {
  const pool_job *j = context;
  const pool *p = &j->p;
  const int64_t c = p->c;
  for (int64_t r = first; r < last; r++) {
    const int64_t h = r % p->h, top = r / p->h * p->size[0];
    gl_real *row = j->to + r * p->w * c;
    for (int64_t i = 0; i < p->w * c; i++)
      row[i] = 0;
    for (int64_t o = 0; o < p->size[0]; o++) {
      const span rows = p->rows[o];
      if (h < rows.from || h >= rows.to)
        continue;
      for (int64_t k = 0; k < p->size[1]; k++) {
        const int64_t at = ((top + o) * p->size[1] + k) * c;
        const gl_real *g = j->from + at, *place = j->place + at;
        for (int64_t w = p->columns[k].from; w < p->columns[k].to; w++) {
          const gl_real here = (gl_real)((h - rows.from) * p->kernel_columns + w - p->columns[k].from);
          gl_real *to = row + w * c;
          for (int64_t i = 0; i < c; i++)
            to[i] += place[i] == here ? g[i] : 0;
        }
      }
    }
  }
}

/* The same for a row of 2 x 2 windows: each window's gradient goes to one of its four places. */
static void square_gradient_rows(int64_t first, int64_t last, void *context) {
  const pool_job *j = context;
  const pool *p = &j->p;
  const int64_t c = p->c, row = p->w * c;
  const int64_t offset[4] = {0, c, row, row + c};
  for (int64_t r = first; r < last; r++) {
    const int64_t o = r % p->size[0], end = o + 1 < p->size[0] ? 2 * o + 2 : p->h;
    gl_real *to = j->to + (r / p->size[0] * p->h + 2 * o) * row;
    const gl_real *g = j->from + r * p->size[1] * c, *place = j->place + r * p->size[1] * c;
    memset(to, 0, sizeof *to * (size_t)((end - 2 * o) * row));
    for (int64_t k = 0; k < p->size[1]; k++, to += 2 * c)
      for (int64_t i = 0; i < c; i++)
        to[offset[(int)*place++] + i] = *g++;
  }
}

static bool max_pool2d_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  pool_job j = {0};
  if (windows(n, &j.p) && (gin[0] = gl_tensor_like(n->in[0]))) {
    j.from = gl_tensor_data(gout);
    j.to = gl_tensor_data(gin[0]);
    j.place = gl_tensor_data(n->saved[0]);
    over_rows(j.p.squares ? square_gradient_rows : max_gradient_rows, &j, j.p.squares);
  }
  gl_free(j.p.rows);
  return gin[0];
}
GL_OP(max_pool2d, "x:T kernel:L stride:L? padding:L=0", 0, max_pool2d_backward,
      "the largest element of each window; N x H x W x C to N x H' x W' x C, H' = floor((H + 2p - k) / s) + 1");

/* ---- avg_pool2d, adaptive_avg_pool2d ---- */

static gl_real share_of(const pool *p, span rows, span columns) {
  return p->share > 0 ? p->share : 1 / ((gl_real)(rows.to - rows.from) * (gl_real)(columns.to - columns.from));
}

/* to[i] += sum over m pixels of share * x[pixel][i]. Pixels are summed first, a few channels at a time. */
static void add_pixels(gl_real *to, const gl_real *x, int64_t m, int64_t c, gl_real share) {
  enum { STRIP = 64 };
  gl_real s[STRIP];
  for (int64_t i = 0; i < c; i += STRIP) {
    const int64_t width = c - i < STRIP ? c - i : STRIP;
    for (int64_t l = 0; l < width; l++)
      s[l] = share * x[i + l];
    for (int64_t k = 1; k < m; k++)
      for (int64_t l = 0; l < width; l++)
        s[l] += share * x[k * c + i + l];
    for (int64_t l = 0; l < width; l++)
      to[i + l] += s[l];
  }
}

static void mean_rows(int64_t first, int64_t last, void *context) {
  const pool_job *j = context;
  const pool *p = &j->p;
  const int64_t c = p->c;
  for (int64_t r = first; r < last; r++) {
    const span rows = p->rows[r % p->size[0]];
    const gl_real *image = j->from + r / p->size[0] * p->h * p->w * c;
    for (int64_t k = 0; k < p->size[1]; k++) {
      const span columns = p->columns[k];
      const gl_real share = share_of(p, rows, columns);
      gl_real *y = j->to + (r * p->size[1] + k) * c;
      for (int64_t i = 0; i < c; i++)
        y[i] = 0;
      for (int64_t h = rows.from; h < rows.to; h++)
        add_pixels(y, image + (h * p->w + columns.from) * c, columns.to - columns.from, c, share);
    }
  }
}

static void mean_gradient_rows(int64_t first, int64_t last, void *context) {
  const pool_job *j = context;
  const pool *p = &j->p;
  const int64_t c = p->c;
  for (int64_t r = first; r < last; r++) {
    const int64_t h = r % p->h, top = r / p->h * p->size[0];
    gl_real *row = j->to + r * p->w * c;
    for (int64_t i = 0; i < p->w * c; i++)
      row[i] = 0;
    for (int64_t o = 0; o < p->size[0]; o++) {
      if (h < p->rows[o].from || h >= p->rows[o].to)
        continue;
      for (int64_t k = 0; k < p->size[1]; k++) {
        const gl_real *g = j->from + ((top + o) * p->size[1] + k) * c, share = share_of(p, p->rows[o], p->columns[k]);
        for (int64_t w = p->columns[k].from; w < p->columns[k].to; w++)
          for (int64_t i = 0; i < c; i++)
            row[w * c + i] += share * g[i];
      }
    }
  }
}

/* Both take over the spans. */
static bool mean_forward(gl_node *n, pool p) {
  gl_tensor *x = gl_tensor_contiguous(n->in[0]);
  n->out = x ? new_output(&p) : NULL;
  if (n->out)
    over_rows(mean_rows, &(pool_job){.p = p, .from = gl_tensor_data(x), .to = gl_tensor_data(n->out)}, true);
  gl_tensor_release(x);
  gl_free(p.rows);
  return n->out;
}

static bool mean_backward(gl_node *n, pool p, gl_tensor *gout, gl_tensor **gin) {
  gin[0] = gl_tensor_like(n->in[0]);
  if (gin[0])
    over_rows(mean_gradient_rows, &(pool_job){.p = p, .from = gl_tensor_data(gout), .to = gl_tensor_data(gin[0])},
              false);
  gl_free(p.rows);
  return gin[0];
}

static bool avg_pool2d_forward(gl_node *n) {
  pool p;
  return windows(n, &p) && mean_forward(n, p);
}

static bool avg_pool2d_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  pool p;
  return windows(n, &p) && mean_backward(n, p, gout, gin);
}
GL_OP(avg_pool2d, "x:T kernel:L stride:L? padding:L=0", 0, avg_pool2d_backward,
      "the mean of each window, padding counted as zeros; N x H x W x C to N x H' x W' x C, "
      "H' = floor((H + 2p - k) / s) + 1");

/* Window i of n on `size` positions: floor(i size / n) .. ceil((i + 1) size / n) - 1. */
static void adaptive_spans(span *s, int64_t n, int64_t size) {
  for (int64_t i = 0; i < n; i++)
    s[i] = (span){i * size / n, ((i + 1) * size + n - 1) / n};
}

static bool adaptive_windows(const gl_node *n, pool *p) {
  if (!read_images(n->in[0], p) || !gl_pair(&n->arg[0], 1, "sizes", p->size))
    return false;
  if (p->size[0] > 1 << 20 || p->size[1] > 1 << 20)
    return gl_fail("sizes are at most 1048576, not %s", gl_shape_text(2, p->size));
  int64_t most; /* what adaptive_spans computes */
  if (!gl_size_multiply(p->size[0] + 1, p->h, &most) || !gl_size_multiply(p->size[1] + 1, p->w, &most) ||
      !make_spans(p))
    return false;
  adaptive_spans(p->rows, p->size[0], p->h);
  adaptive_spans(p->columns, p->size[1], p->w);
  return true;
}

static bool adaptive_avg_pool2d_forward(gl_node *n) {
  pool p;
  return adaptive_windows(n, &p) && mean_forward(n, p);
}

static bool adaptive_avg_pool2d_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  pool p;
  return adaptive_windows(n, &p) && mean_backward(n, p, gout, gin);
}
GL_OP(adaptive_avg_pool2d, "x:T sizes:L", 0, adaptive_avg_pool2d_backward,
      "the mean of each part, with images cut into h x w parts; N x H x W x C to N x h x w x C");
