/* canvas.c -- colour pictures painted from shapes with smooth edges, row by row.
 *
 * A part's coverage of a pixel is 1/2 minus the signed distance from its edge over the width of the edge, within 0..1;
 * a shape's is the least among its parts'. Rows are painted at twice the resolution and averaged, so that edges that
 * meet within a pixel do not mix. The loops along a row are plain, for the compiler to vectorize.
 */
#include "synth/canvas.h"

#include <math.h>
#include <string.h>

enum { FINER = 2, ROW = FINER * GL_CANVAS_MAX };

static inline float clamp01(float v) { return v < 0 ? 0 : v > 1 ? 1 : v; }
static inline float least(float a, float b) { return a < b ? a : b; }
static inline float most(float a, float b) { return a > b ? a : b; }

gl_colour gl_mix(gl_colour a, gl_colour b, float t) {
  t = clamp01(t);
  return (gl_colour){a.r + t * (b.r - a.r), a.g + t * (b.g - a.g), a.b + t * (b.b - a.b)};
}

gl_part gl_line(float x1, float y1, float x2, float y2, float r1, float r2) {
  float dx = x2 - x1, dy = y2 - y1;
  return (gl_part){
      .kind = GL_LINE, .x = x1, .y = y1, .a = sqrtf(dx * dx + dy * dy), .b = r1, .c = r2, .angle = atan2f(dy, dx)};
}

/* ---- sketch ----------------------------------------------------------------------------------------------------- */

static void place_point(const gl_frame *f, float *x, float *y) {
  float cosine = f->scale * cosf(f->angle), sine = f->scale * sinf(f->angle), px = *x, py = *y;
  *x = f->x + cosine * px - sine * py;
  *y = f->y + sine * px + cosine * py;
}

static gl_part place_part(const gl_frame *f, gl_part p) {
  float k = f->scale;
  place_point(f, &p.x, &p.y);
  if (p.kind == GL_ABOVE) {
    p.b /= k; /* the slope stays */
  } else {
    p.a *= k;
    p.b *= k;
    p.c *= k;
  }
  p.grow *= k;
  p.soft *= k;
  p.ring *= k;
  p.angle += f->angle;
  p.cosine = cosf(p.angle);
  p.sine = sinf(p.angle);
  return p;
}

void gl_sketch_add(gl_sketch *s, gl_fill fill, int n, const gl_part *parts) {
  if (s->shapes == GL_SKETCH_SHAPES)
    return;
  gl_shape *shape = &s->shape[s->shapes++];
  shape->parts = n;
  for (int i = 0; i < n; i++)
    shape->part[i] = place_part(&s->frame, parts[i]);
  place_point(&s->frame, &fill.x1, &fill.y1);
  place_point(&s->frame, &fill.x2, &fill.y2);
  shape->fill = fill;
}

/* ---- distances: of n points of a row from a part's edge, below 0 within ---------------------------------------------
 */

typedef struct span { /* the i-th point, seen from the part's centre and along its own axes: (u + i du, v + i dv) */
  float u, v, du, dv;
  int n;
} span;

/* f / |grad f| with f = (x/rx)^2 + (y/ry)^2 - 1 would be too far near the centre; this form (k the square root of f +
 * 1) is exact on circles. */
static void ellipse_distance(const gl_part *p, const span *s, float *d) {
  const float a = p->a, up = 1 / p->b, down = 1 / p->c, tiny = 1e-8f; /* keeps the centre from being 0 / 0 */
  for (int i = 0; i < s->n; i++) {
    float u = s->u + (float)i * s->du, v = s->v + (float)i * s->dv;
    float height = v < 0 ? up : down, y = v * height;
    float low = v < 0 ? 0 : least(y, 1);
    float width = 1 / (a * (1 - p->taper * low * low)), x = (u - p->lean * most(v, 0)) * width;
    float k = sqrtf(x * x + y * y + tiny), gx = x * width, gy = y * height;
    d[i] = k * (k - 1) / sqrtf(gx * gx + gy * gy + tiny * width * width);
  }
}

static void box_distance(const gl_part *p, const span *s, float *d) {
  const float a = p->a - p->c, b = p->b - p->c;
  for (int i = 0; i < s->n; i++) {
    float x = fabsf(s->u + (float)i * s->du) - a, y = fabsf(s->v + (float)i * s->dv) - b;
    float ox = most(x, 0), oy = most(y, 0);
    d[i] = sqrtf(ox * ox + oy * oy) + least(most(x, y), 0) - p->c;
  }
}

static void line_distance(const gl_part *p, const span *s, float *d) {
  const float scale = 1 / most(p->a, 1e-6f);
  for (int i = 0; i < s->n; i++) {
    float u = s->u + (float)i * s->du, v = s->v + (float)i * s->dv;
    float t = clamp01(u * scale), x = u - t * p->a;
    d[i] = sqrtf(x * x + v * v) - p->b - t * (p->c - p->b);
  }
}

static void above_distance(const gl_part *p, const span *s, float *d) {
  for (int i = 0; i < s->n; i++) {
    float u = s->u + (float)i * s->du, v = s->v + (float)i * s->dv;
    float slope = p->a + 2 * p->b * u;
    d[i] = (v - (p->a + p->b * u) * u) / sqrtf(1 + slope * slope);
  }
}

/* ---- coverage and colour ---------------------------------------------------------------------------------------- */

/* From distances to coverage: cover[i] becomes the lesser of what it is and the part's. */
static void cover_part(const gl_part *p, float pixel, int n, const float *d, float *cover) {
  const float width = 1 / most(p->soft, pixel), half = p->ring / 2;
  const float sign = p->outside ? -width : width;
  if (p->ring > 0)
    for (int i = 0; i < n; i++) {
      float e = d[i] - p->grow;
      cover[i] = least(cover[i], clamp01(0.5f - (e - half) * width) - clamp01(0.5f - (e + half) * width));
    }
  else if (p->soft > pixel)
    for (int i = 0; i < n; i++) {
      float c = clamp01(0.5f - (d[i] - p->grow) * sign);
      cover[i] = least(cover[i], c * c * (3 - 2 * c));
    }
  else
    for (int i = 0; i < n; i++)
      cover[i] = least(cover[i], clamp01(0.5f - (d[i] - p->grow) * sign));
}

typedef struct box { /* pixels that a shape may touch, ends not included */
  int left, top, right, bottom;
} box;

static int to_pixel(float x, float pixel, int size) {
  float i = (x + 1) / pixel;
  return i < 0 ? 0 : i > (float)size ? size : (int)i;
}

/* The bounds of a shape's first part. */
static box bounds(const gl_part *p, float pixel, int size) {
  float extra = most(p->grow, 0) + p->ring / 2 + most(p->soft, pixel) / 2, cosine = p->cosine, sine = p->sine;
  float left, right, top, bottom;
  if (p->kind == GL_LINE) {
    float dx = p->a * cosine, dy = p->a * sine, r = most(p->b, p->c);
    left = p->x + least(dx, 0) - r, right = p->x + most(dx, 0) + r;
    top = p->y + least(dy, 0) - r, bottom = p->y + most(dy, 0) + r;
  } else {
    float high = p->kind == GL_BOX ? p->b : most(p->b, p->c), wide = p->a + fabsf(p->lean) * p->c;
    float across = fabsf(cosine) * wide + fabsf(sine) * high, along = fabsf(sine) * wide + fabsf(cosine) * high;
    left = p->x - across, right = p->x + across, top = p->y - along, bottom = p->y + along;
  }
  return (box){to_pixel(left - extra, pixel, size), to_pixel(top - extra, pixel, size),
               to_pixel(right + extra + pixel, pixel, size), to_pixel(bottom + extra + pixel, pixel, size)};
}

typedef struct canvas { /* FINER rows, FINER times as fine as the picture */
  float r[FINER][ROW], g[FINER][ROW], b[FINER][ROW];
} canvas;

/* Lays a fill over n pixels of a row from the point (x, y) on. */
static void lay(const gl_fill *f, float x, float y, float pixel, int n, const float *cover, float *r, float *g,
                float *b) {
  float dx = f->x2 - f->x1, dy = f->y2 - f->y1, length2 = dx * dx + dy * dy;
  float scale = length2 > 0 ? 1 / length2 : 0;
  float t0 = ((x - f->x1) * dx + (y - f->y1) * dy) * scale, step = pixel * dx * scale;
  gl_colour from = f->from, more = {f->to.r - from.r, f->to.g - from.g, f->to.b - from.b};
  for (int i = 0; i < n; i++) {
    float t = clamp01(t0 + (float)i * step), c = cover[i] * f->opacity;
    r[i] += c * (from.r + t * more.r - r[i]);
    g[i] += c * (from.g + t * more.g - g[i]);
    b[i] += c * (from.b + t * more.b - b[i]);
  }
}

/* Paints row `at` of the finer picture (its middle at height y) with one shape. */
static void paint_row(const gl_shape *s, const box *in, float y, float pixel, int at, canvas *to) {
  typedef void distance(const gl_part *, const span *, float *);
  static distance *const measure[] = {ellipse_distance, box_distance, line_distance, above_distance};
  float cover[ROW], d[ROW];
  int n = in->right - in->left;
  float x = ((float)in->left + 0.5f) * pixel - 1;
  for (int i = 0; i < n; i++)
    cover[i] = 1;
  for (int k = 0; k < s->parts; k++) {
    const gl_part *p = &s->part[k];
    float cosine = p->cosine, sine = p->sine, dx = x - p->x, dy = y - p->y;
    span points = {cosine * dx + sine * dy, cosine * dy - sine * dx, cosine * pixel, -sine * pixel, n};
    measure[p->kind](p, &points, d);
    cover_part(p, pixel, n, d, cover);
  }
  lay(&s->fill, x, y, pixel, n, cover, to->r[at] + in->left, to->g[at] + in->left, to->b[at] + in->left);
}

static uint8_t average(const float row[FINER][ROW], int x) {
  float sum = 0;
  for (int j = 0; j < FINER; j++)
    for (int i = 0; i < FINER; i++)
      sum += row[j][FINER * x + i];
  return (uint8_t)(clamp01(sum / (FINER * FINER)) * 255 + 0.5f);
}

void gl_sketch_paint(const gl_sketch *s, int side, uint8_t *image) {
  canvas fine;
  box in[GL_SKETCH_SHAPES];
  int size = side * FINER;
  float pixel = 2 / (float)size;
  for (int k = 0; k < s->shapes; k++)
    in[k] = bounds(&s->shape[k].part[0], pixel, size);
  memset(&fine, 0, sizeof fine); /* black where no shape is */
  for (int y = 0; y < size; y++) {
    for (int k = 0; k < s->shapes; k++)
      if (y >= in[k].top && y < in[k].bottom)
        paint_row(&s->shape[k], &in[k], ((float)y + 0.5f) * pixel - 1, pixel, y % FINER, &fine);
    if (y % FINER < FINER - 1)
      continue;
    uint8_t *row = image + y / FINER * side * 3;
    for (int x = 0; x < side; x++) {
      row[3 * x] = average(fine.r, x);
      row[3 * x + 1] = average(fine.g, x);
      row[3 * x + 2] = average(fine.b, x);
    }
  }
}
