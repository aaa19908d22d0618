/* conv.c -- two-dimensional convolution and its transpose, on images N x H x W x C.
 *
 * Both are one geometry seen from its two ends. A convolution maps the `big` side (N x H x W x C) to the `small` one
 * (N x OH x OW x O); the transposed convolution maps small to big, which is what the convolution's gradient does. The
 * weight is O x KH x KW x C/groups for both. Per group, with P the patches of the big side, one row for each pixel of
 * the small side and one column for each of the KH KW C/groups numbers under the kernel there ("im2col"):
 *   small = P W'      P = small W, folded back onto the big side      gradient of W = small' P
 * P is made for a few rows of the small side at a time, as many as stay in the cache, each thread on its own.
 */
#include <string.h>

#include "ops/ops.h"

/* Patches at a time on each thread: as many as fit the L2 cache, but not so few that a large W, which every chunk goes
 * through anew, is read for the sake of a few pixels. */
enum { CACHE_FLOATS = 1 << 18, LEAST_PIXELS = 256 };

typedef struct conv {
  int64_t n, h, w, c; /* big */
  int64_t oh, ow, o;  /* small */
  int64_t kernel[2];
  int64_t stride[2], padding[2], dilation[2];
  int64_t groups, cg, og; /* channels of a group on the big and the small side */
  int64_t patch;          /* numbers in a patch of one group */
} conv;

/* ---- patches ---- */

/* n is a few, or a multiple of a few, floats: no call. */
static inline void copy_run(gl_real *to, const gl_real *from, int64_t n) {
  int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    memcpy(to + i, from + i, 4 * sizeof *to);
  for (; i < n; i++)
    to[i] = from[i];
}

static inline void clear_run(gl_real *to, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    to[i] = 0;
}

static inline void add_run(gl_real *to, const gl_real *from, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    to[i] += from[i];
}

/* The part of kernel columns k0 .. k1-1 that lies on the image, for the pixel in column x of the small side. */
static inline void columns_inside(const conv *s, int64_t x, int64_t *left, int64_t *k0, int64_t *k1) {
  *left = x * s->stride[1] - s->padding[1];
  *k0 = *left < 0 ? (-*left + s->dilation[1] - 1) / s->dilation[1] : 0;
  *k1 = (s->w - *left + s->dilation[1] - 1) / s->dilation[1];
  *k1 = *k1 > s->kernel[1] ? s->kernel[1] : *k1;
  if (*k0 > s->kernel[1])
    *k0 = s->kernel[1];
  if (*k1 < *k0)
    *k1 = *k0;
}

/* Calls for each kernel row of each pixel of small rows r0 .. r1-1 (of n * oh): where its patch part is, and where the
 * pixels under it are; NULL where that row is off the image. */
#define EACH_PATCH_ROW(BODY)                                                                                           \
  for (int64_t r = r0; r < r1; r++) {                                                                                  \
    const int64_t image = r / s->oh, top = r % s->oh * s->stride[0] - s->padding[0];                                   \
    for (int64_t x = 0; x < s->ow; x++) {                                                                              \
      int64_t left, k0, k1;                                                                                            \
      columns_inside(s, x, &left, &k0, &k1);                                                                           \
      for (int64_t ky = 0; ky < s->kernel[0]; ky++, p += s->kernel[1] * s->cg) {                                       \
        const int64_t y = top + ky * s->dilation[0];                                                                   \
        const bool inside = y >= 0 && y < s->h;                                                                        \
        const int64_t at = ((image * s->h + y) * s->w + left) * s->c + group * s->cg;                                  \
        BODY                                                                                                           \
      }                                                                                                                \
    }                                                                                                                  \
  }

/* Where the numbers under a kernel row lie side by side in the image: `run` of them, a constant where it is small, as a
 * copy of a known size is a few instructions. */
static inline __attribute__((always_inline)) void unfold_runs(const conv *s, const gl_real *big, int64_t r0, int64_t r1,
                                                              gl_real *p, const int64_t run) {
  const int64_t group = 0, cg = s->cg;
  EACH_PATCH_ROW({
    if (inside && k1 - k0 == s->kernel[1]) {
      memcpy(p, big + at, (size_t)run * sizeof *p);
      continue;
    }
    clear_run(p, run);
    if (inside)
      copy_run(p + k0 * cg, big + at + k0 * cg, (k1 - k0) * cg);
  })
}

static void unfold_apart(const conv *s, const gl_real *big, int64_t group, int64_t r0, int64_t r1, gl_real *p) {
  const int64_t step = s->dilation[1] * s->c, cg = s->cg;
  EACH_PATCH_ROW({
    clear_run(p, s->kernel[1] * cg);
    for (int64_t k = k0; inside && k < k1; k++)
      copy_run(p + k * cg, big + at + k * step, cg);
  })
}

static void unfold(const conv *s, const gl_real *big, int64_t group, int64_t r0, int64_t r1, gl_real *p) {
  if (s->cg != s->c || s->dilation[1] != 1) {
    unfold_apart(s, big, group, r0, r1, p);
    return;
  }
  switch (s->kernel[1] * s->cg) {
  case 3:
    unfold_runs(s, big, r0, r1, p, 3);
    break;
  case 4:
    unfold_runs(s, big, r0, r1, p, 4);
    break;
  case 5:
    unfold_runs(s, big, r0, r1, p, 5);
    break;
  case 9:
    unfold_runs(s, big, r0, r1, p, 9);
    break;
  case 12:
    unfold_runs(s, big, r0, r1, p, 12);
    break;
  default:
    unfold_runs(s, big, r0, r1, p, s->kernel[1] * s->cg);
  }
}

static void fold(const conv *s, gl_real *big, int64_t group, int64_t r0, int64_t r1, const gl_real *p) {
  const int64_t step = s->dilation[1] * s->c, cg = s->cg;
  const bool in_a_row = cg == s->c && s->dilation[1] == 1;
  EACH_PATCH_ROW({
    if (!inside)
      continue;
    if (in_a_row)
      add_run(big + at + k0 * cg, p + k0 * cg, (k1 - k0) * cg);
    else
      for (int64_t k = k0; k < k1; k++)
        add_run(big + at + k * step, p + k * cg, cg);
  })
}

/* A 1 x 1 kernel that moves pixel by pixel: the patches are the image itself. */
static bool is_pointwise(const conv *s) {
  return s->patch == s->c && s->stride[0] == 1 && s->stride[1] == 1 && s->padding[0] == 0 && s->padding[1] == 0;
}

/* Rows of the small side in a chunk. */
static int64_t chunk_rows(const conv *s) {
  int64_t pixels = CACHE_FLOATS / s->patch;
  int64_t rows = (pixels < LEAST_PIXELS ? LEAST_PIXELS : pixels) / s->ow;
  return rows < 1 ? 1 : rows > s->n * s->oh ? s->n * s->oh : rows;
}

/* ---- the three products, for one thread's share ---- */

typedef struct conv_job {
  conv s;
  const gl_real *big, *small, *weight, *bias;
  gl_real *big_out, *small_out; /* results, where wanted */
  gl_real *weight_out;          /* the first part's; the other parts' follow each other in weight_more */
  gl_real *weight_more;
  gl_real *scratch; /* patches, one chunk for each part */
  int parts;
} conv_job;

static gl_real *scratch_of(const conv_job *j, int part) {
  return j->scratch ? j->scratch + part * chunk_rows(&j->s) * j->s.ow * j->s.patch : NULL;
}

static void product(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const gl_real *a, int64_t lda, const gl_real *b,
                    int64_t ldb, double beta, gl_real *c, int64_t ldc) {
  gl_gemm_part(&(gl_product){ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc}, 0, 1);
}

static void fill_rows(gl_real *y, const gl_real *bias, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; r++)
    memcpy(y + r * columns, bias, sizeof *y * (size_t)columns);
}

static gl_real *weight_out_of(const conv_job *j, int part) {
  return part == 0 ? j->weight_out : j->weight_more + (part - 1) * j->s.o * j->s.patch;
}

/* From the patches of small rows r0 .. r1-1: small = P W' + bias, and weight_out += small' P. */
static void from_big(const conv_job *j, int part, int64_t r0, int64_t r1) {
  const conv *s = &j->s;
  int64_t pixels = (r1 - r0) * s->ow, first = r0 * s->ow;
  gl_real *weight_out = j->weight_out ? weight_out_of(j, part) : NULL;
  if (j->small_out && j->bias)
    fill_rows(j->small_out + first * s->o, j->bias, pixels, s->o);
  for (int64_t g = 0; g < s->groups; g++) {
    const gl_real *p = j->big + first * s->c;
    if (!is_pointwise(s)) {
      unfold(s, j->big, g, r0, r1, scratch_of(j, part));
      p = scratch_of(j, part);
    }
    if (j->small_out)
      product(false, true, pixels, s->og, s->patch, p, s->patch, j->weight + g * s->og * s->patch, s->patch,
              j->bias ? 1 : 0, j->small_out + first * s->o + g * s->og, s->o);
    if (weight_out)
      product(true, false, s->og, s->patch, pixels, j->small + first * s->o + g * s->og, s->o, p, s->patch, 1,
              weight_out + g * s->og * s->patch, s->patch);
  }
}

/* big_out += P = small W of small rows r0 .. r1-1, folded. */
static void from_small(const conv_job *j, int part, int64_t r0, int64_t r1) {
  const conv *s = &j->s;
  int64_t pixels = (r1 - r0) * s->ow, first = r0 * s->ow;
  for (int64_t g = 0; g < s->groups; g++) {
    bool straight = is_pointwise(s);
    gl_real *p = straight ? j->big_out + first * s->c : scratch_of(j, part);
    product(false, false, pixels, s->patch, s->og, j->small + first * s->o + g * s->og, s->o,
            j->weight + g * s->og * s->patch, s->patch, straight ? 1 : 0, p, s->patch);
    if (!straight)
      fold(s, j->big_out, g, r0, r1, p);
  }
}

/* Small rows from .. to-1, chunk by chunk. */
static void run_rows(const conv_job *j, int part, int64_t from, int64_t to) {
  int64_t step = chunk_rows(&j->s);
  for (int64_t r = from; r < to; r += step) {
    int64_t end = r + step < to ? r + step : to;
    if (j->small_out || j->weight_out)
      from_big(j, part, r, end);
    if (j->big_out)
      from_small(j, part, r, end);
  }
}

/* Rows may be cut anywhere, but when something is folded onto an image, the image belongs to one thread. */
static void conv_part(int part, int parts, void *context) {
  const conv_job *j = context;
  const conv *s = &j->s;
  if (j->weight_out)
    memset(weight_out_of(j, part), 0, sizeof(gl_real) * (size_t)(s->o * s->patch));
  if (!j->big_out) {
    int64_t rows = s->n * s->oh;
    run_rows(j, part, rows * part / parts, rows * (part + 1) / parts);
    return;
  }
  int64_t i0 = s->n * part / parts, i1 = s->n * (part + 1) / parts, image = s->h * s->w * s->c;
  if (i0 == i1)
    return;
  if (j->bias && !j->small_out)
    fill_rows(j->big_out + i0 * image, j->bias, (i1 - i0) * s->h * s->w, s->c);
  else
    memset(j->big_out + i0 * image, 0, sizeof(gl_real) * (size_t)((i1 - i0) * image));
  run_rows(j, part, i0 * s->oh, i1 * s->oh);
}

/* Adds the other parts' gradients of the weight to the first's. */
static void add_weights(int64_t from, int64_t to, void *context) {
  const conv_job *j = context;
  for (int part = 1; part < j->parts; part++) {
    const gl_real *more = weight_out_of(j, part);
    for (int64_t i = from; i < to; i++)
      j->weight_out[i] += more[i];
  }
}

/* Runs the job; *weight, where not NULL, receives the gradient of the weight, of the shape of `like`. */
static bool conv_run(conv_job *j, gl_tensor **weight, const gl_tensor *like) {
  const conv *s = &j->s;
  int64_t size = s->o * s->patch, most = j->big_out ? s->n : s->n * s->oh, pixels = chunk_rows(s) * s->ow;
  if (!gl_gemm_fits(pixels, s->c > s->o ? s->c : s->o, s->patch))
    return false;
  j->parts = gl_size_work(s->n * s->oh * s->ow, size) < 100000 ? 1 : gl_threads();
  j->parts = j->parts > most ? (int)most : j->parts;
  bool ok = is_pointwise(s) || (j->scratch = gl_alloc_array(j->parts * pixels, s->patch, sizeof(gl_real)));
  if (ok && weight) {
    j->weight_more = gl_alloc_array(j->parts - 1, size, sizeof(gl_real));
    ok = j->weight_more && (*weight = gl_tensor_like(like));
    j->weight_out = ok ? gl_tensor_data(*weight) : NULL;
  }
  if (ok) {
    gl_parallel_parts(j->parts, conv_part, j);
    if (weight && j->parts > 1)
      gl_parallel(size, 1, add_weights, j);
  }
  gl_free(j->weight_more);
  gl_free(j->scratch);
  return ok;
}

/* ---- shapes ---- */

enum { STRIDE, PADDING, THIRD, GROUPS }; /* arguments; the third is the dilation, or the transpose's output padding */

static bool read_weight(conv *s, const gl_tensor *w, int64_t groups) {
  if (w->ndim != 4)
    return gl_fail("the weight is O x KH x KW x C/groups, not %s", gl_tensor_text(w));
  s->o = w->shape[0];
  s->kernel[0] = w->shape[1];
  s->kernel[1] = w->shape[2];
  s->cg = w->shape[3];
  s->groups = groups;
  if (groups < 1 || s->o % groups != 0)
    return gl_fail("%lld groups do not divide the weight's %lld (weight %s)", (long long)groups, (long long)s->o,
                   gl_tensor_text(w));
  s->c = s->cg * groups;
  s->og = s->o / groups;
  s->patch = s->kernel[0] * s->kernel[1] * s->cg;
  return true;
}

static bool check_input(const gl_tensor *x, int64_t channels, const gl_tensor *w, const gl_tensor *b, int64_t out) {
  if (x->ndim != 4)
    return gl_fail("the input is N x H x W x C, not %s", gl_tensor_text(x));
  if (x->shape[3] != channels)
    return gl_fail("input has %lld channels, weight needs %lld (input %s, weight %s)", (long long)x->shape[3],
                   (long long)channels, gl_tensor_text(x), gl_tensor_text(w));
  if (b && (b->ndim != 1 || b->shape[0] != out))
    return gl_fail("bias is %s, %lld is wanted (weight %s)", gl_tensor_text(b), (long long)out, gl_tensor_text(w));
  return true;
}

static bool conv_geometry(const gl_node *n, conv *s) {
  const gl_tensor *x = n->in[0];
  if (!read_weight(s, n->in[1], n->arg[GROUPS].i) || !check_input(x, s->c, n->in[1], n->in[2], s->o) ||
      !gl_pair(&n->arg[STRIDE], 1, "stride", s->stride) || !gl_pair(&n->arg[PADDING], 0, "padding", s->padding) ||
      !gl_pair(&n->arg[THIRD], 1, "dilation", s->dilation))
    return false;
  s->n = x->shape[0], s->h = x->shape[1], s->w = x->shape[2];
  return gl_window_size(s->h, s->kernel[0], s->stride[0], s->padding[0], s->dilation[0], "output height", &s->oh) &&
         gl_window_size(s->w, s->kernel[1], s->stride[1], s->padding[1], s->dilation[1], "output width", &s->ow);
}

/* (n - 1) s - 2p + k + extra, the size of what a transposed convolution makes of n. */
static bool grown_size(int64_t n, int64_t stride, int64_t padding, int64_t kernel, int64_t extra, const char *what,
                       int64_t *out) {
  int64_t whole, cut;
  if (extra >= stride)
    return gl_fail("output padding %lld is not less than the stride %lld", (long long)extra, (long long)stride);
  if (!gl_size_multiply(n - 1, stride, &whole) || !gl_size_add(whole, kernel, &whole) ||
      !gl_size_add(whole, extra, &whole) || !gl_size_multiply(2, padding, &cut))
    return gl_fail_in(what);
  *out = whole - cut;
  return *out >= 1 ||
         gl_fail("%s (%lld - 1) * %lld - 2*%lld + %lld + %lld = %lld: at least 1 is wanted", what, (long long)n,
                 (long long)stride, (long long)padding, (long long)kernel, (long long)extra, (long long)*out);
}

static bool transpose_geometry(const gl_node *n, conv *s) {
  const gl_tensor *x = n->in[0];
  int64_t extra[2];
  if (!read_weight(s, n->in[1], n->arg[GROUPS].i) || !check_input(x, s->o, n->in[1], n->in[2], s->c) ||
      !gl_pair(&n->arg[STRIDE], 1, "stride", s->stride) || !gl_pair(&n->arg[PADDING], 0, "padding", s->padding) ||
      !gl_pair(&n->arg[THIRD], 0, "output padding", extra))
    return false;
  s->dilation[0] = s->dilation[1] = 1;
  s->n = x->shape[0], s->oh = x->shape[1], s->ow = x->shape[2];
  return grown_size(s->oh, s->stride[0], s->padding[0], s->kernel[0], extra[0], "output height", &s->h) &&
         grown_size(s->ow, s->stride[1], s->padding[1], s->kernel[1], extra[1], "output width", &s->w);
}

/* ---- the ops ---- */

typedef struct held { /* the inputs as contiguous tensors */
  gl_tensor *x, *w, *b;
} held;

static bool hold(const gl_node *n, held *t) {
  t->x = gl_tensor_contiguous(n->in[0]);
  t->w = t->x ? gl_tensor_contiguous(n->in[1]) : NULL;
  t->b = t->w && n->in[2] ? gl_tensor_contiguous(n->in[2]) : NULL;
  return t->w && (t->b || !n->in[2]);
}

static void let_go(held *t) {
  gl_tensor_release(t->x);
  gl_tensor_release(t->w);
  gl_tensor_release(t->b);
}

static bool conv2d_forward(gl_node *n) {
  conv_job j = {0};
  held t = {0};
  bool ok = conv_geometry(n, &j.s) && hold(n, &t) &&
            (n->out = gl_tensor_new(GL_FLOAT, 4, (int64_t[]){j.s.n, j.s.oh, j.s.ow, j.s.o}));
  if (ok) {
    j.big = gl_tensor_data(t.x);
    j.weight = gl_tensor_data(t.w);
    j.bias = t.b ? gl_tensor_data(t.b) : NULL;
    j.small_out = gl_tensor_data(n->out);
    ok = conv_run(&j, NULL, NULL);
  }
  let_go(&t);
  return ok;
}

/* The bias's gradient: the sum over all pixels. */
static bool bias_gradient(const gl_node *n, const gl_tensor *gout, gl_tensor **gin) {
  if (!gl_wants(n, 2))
    return true;
  int64_t channels = gout->shape[3];
  gin[2] = gl_tensor_new(GL_FLOAT, 1, &channels);
  if (gin[2])
    gl_sum_middle(gl_tensor_data(gout), (gl_around){1, gl_tensor_numel(gout) / channels, channels}, 1,
                  gl_tensor_data(gin[2]));
  return gin[2];
}

static bool conv2d_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  conv_job j = {0};
  held t = {0};
  bool ok = conv_geometry(n, &j.s) && hold(n, &t) && bias_gradient(n, gout, gin);
  if (ok && gl_wants(n, 0))
    ok = (gin[0] = gl_tensor_like(t.x));
  if (ok && (gl_wants(n, 0) || gl_wants(n, 1))) {
    j.small = gl_tensor_data(gout);
    j.big = gl_tensor_data(t.x);
    j.weight = gl_tensor_data(t.w);
    j.big_out = gin[0] ? gl_tensor_data(gin[0]) : NULL;
    ok = conv_run(&j, gl_wants(n, 1) ? &gin[1] : NULL, t.w);
  }
  let_go(&t);
  return ok;
}
GL_OP(conv2d, "x:T weight:T bias:T? stride:L=1 padding:L=0 dilation:L=1 groups:I=1", GL_SAVES_IN, conv2d_backward,
      "convolution; x: N x H x W x C, weight: O x KH x KW x C/groups; size floor((n + 2p - d(k - 1) - 1) / s) + 1");

static bool conv_transpose2d_forward(gl_node *n) {
  conv_job j = {0};
  held t = {0};
  bool ok = transpose_geometry(n, &j.s) && hold(n, &t) &&
            (n->out = gl_tensor_new(GL_FLOAT, 4, (int64_t[]){j.s.n, j.s.h, j.s.w, j.s.c}));
  if (ok) {
    j.small = gl_tensor_data(t.x);
    j.weight = gl_tensor_data(t.w);
    j.bias = t.b ? gl_tensor_data(t.b) : NULL;
    j.big_out = gl_tensor_data(n->out);
    ok = conv_run(&j, NULL, NULL);
  }
  let_go(&t);
  return ok;
}

static bool conv_transpose2d_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  conv_job j = {0};
  held t = {0};
  bool ok = transpose_geometry(n, &j.s) && hold(n, &t) && bias_gradient(n, gout, gin);
  if (ok && gl_wants(n, 0))
    ok = (gin[0] = gl_tensor_like(t.x));
  if (ok && (gl_wants(n, 0) || gl_wants(n, 1))) {
    j.big = gl_tensor_data(gout);
    j.small = gl_tensor_data(t.x);
    j.weight = gl_tensor_data(t.w);
    j.small_out = gin[0] ? gl_tensor_data(gin[0]) : NULL;
    ok = conv_run(&j, gl_wants(n, 1) ? &gin[1] : NULL, t.w);
  }
  let_go(&t);
  return ok;
}
GL_OP(conv_transpose2d, "x:T weight:T bias:T? stride:L=1 padding:L=0 output_padding:L=0 groups:I=1", GL_SAVES_IN,
      conv_transpose2d_backward,
      "transposed convolution; x: N x H x W x O, weight: O x KH x KW x C/groups; size (n - 1) s - 2p + k + "
      "output_padding");
