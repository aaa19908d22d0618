/* digits.c -- the built-in data set of handwritten-like digits. */
#include <math.h>
#include <string.h>

#include "core/parallel.h"
#include "synth/digit_ways.h"
#include "synth/strokes.h"
#include "synth/synth.h"

const char *const gl_digits_factor_names[] = {"style",   "slant",     "rotation", "width", "size",  "shift_x",
                                              "shift_y", "thickness", "pressure", "taper", "wobble"};
_Static_assert(sizeof gl_digits_factor_names / sizeof *gl_digits_factor_names == GL_DIGITS_FACTORS, "a name a factor");

enum { SIDE = GL_DIGITS_SIDE, CANVAS = 44, DOTS = 256 };
static const uint64_t STREAM = 0x6469676974730000u; /* image i draws from gl_philox's stream STREAM + i */
static const float DEGREE = 0.017453293f, STEP = 0.085f;

/* ---- chance ----------------------------------------------------------------------------------------------------- */

typedef struct chance { /* one image's random numbers */
  uint64_t seed, stream, counter;
  uint32_t word[4];
  int left;
} chance;

static uint32_t draw(chance *c) {
  if (c->left == 0) {
    gl_philox(c->seed, c->stream, c->counter++, c->word);
    c->left = 4;
  }
  return c->word[--c->left];
}

static float uniform(chance *c, float low, float high) {
  return low + (high - low) * ((float)(draw(c) >> 8) * (1.0f / 16777216.0f));
}

/* Nearly normal, and never further than 3.45 deviations out: the sum of four bytes (the deviation of one is 73.9). */
static float normal(chance *c, float mean, float deviation) {
  uint32_t w = draw(c);
  float sum = (float)((w & 255) + (w >> 8 & 255) + (w >> 16 & 255) + (w >> 24));
  return mean + deviation * (sum - 510) * (1.0f / 147.80f);
}

/* ---- shape: a way of writing becomes knots around (0, 0), about 1 high ------------------------------------------- */

static const gl_digit_way *choose_way(chance *c, int digit, int *style) {
  const gl_digit_way *way = gl_digit_ways, *end = gl_digit_ways + gl_digit_ways_count;
  while (way->digit != digit)
    way++;
  const gl_digit_way *first = way;
  int total = 0;
  for (const gl_digit_way *w = first; w < end && w->digit == digit; w++)
    total += w->weight;
  int rest = (int)(draw(c) % (uint32_t)total);
  while (rest >= way->weight)
    rest -= way++->weight;
  *style = (int)(way - first) + 1;
  return way;
}

/* A random mixture of the way's shapes, reaching a little beyond them. */
static int mix_shapes(chance *c, const gl_digit_way *way, gl_dot *knot) {
  const float beyond = 0.25f;
  float share[GL_WAY_SHAPES], sum = 0;
  for (int s = 0; s < way->shapes; s++) {
    float u = uniform(c, 0.05f, 1);
    float cube = u * u * u;
    sum += share[s] = cube * cube * u; /* so that one or two shapes prevail */
  }
  for (int s = 0; s < way->shapes; s++)
    share[s] = (1 + beyond) * share[s] / sum - beyond / (float)way->shapes;
  int n = (int)strlen(way->movement);
  for (int i = 0; i < n; i++) {
    float x = 0, y = 0;
    for (int s = 0; s < way->shapes; s++) {
      x += share[s] * (float)way->shape[s][i].x;
      y += share[s] * (float)way->shape[s][i].y;
    }
    char m = way->movement[i];
    knot[i] = (gl_dot){x / 100 - 0.5f, y / 100 - 0.5f, 1, m == 's' ? GL_START : m == 'c' ? GL_CORNER : GL_SMOOTH};
  }
  return n;
}

/* The hand's unsteadiness at each knot. An offset remembers half of the one before, so that lines bend and do not
 * shake; a ring's end misses its beginning. */
static void wobble(chance *c, float deviation, gl_dot *knot, int n) {
  const float memory = 0.5f, fresh = 0.866f; /* memory^2 + fresh^2 = 1 */
  float x = normal(c, 0, deviation), y = normal(c, 0, deviation);
  for (int i = 0; i < n; i++) {
    knot[i].x += x;
    knot[i].y += y;
    x = memory * x + fresh * normal(c, 0, deviation);
    y = memory * y + fresh * normal(c, 0, deviation);
  }
}

/* Bends the paper under the figure by a few random waves, most of them longer than the figure is high. */
static void swell(chance *c, float deviation, gl_dot *knot, int n) {
  enum { WAVES = 4 };
  float wide[WAVES], high[WAVES], phase[WAVES], x[WAVES], y[WAVES];
  float most = deviation * sqrtf(6.0f / WAVES); /* U(-1, 1) has variance 1/3, a cosine 1/2 */
  for (int w = 0; w < WAVES; w++) {
    wide[w] = normal(c, 0, 3.5f); /* radians a height */
    high[w] = normal(c, 0, 3.5f);
    phase[w] = uniform(c, 0, 6.2831853f);
    x[w] = uniform(c, -most, most);
    y[w] = uniform(c, -most, most);
  }
  for (int i = 0; i < n; i++) {
    float dx = 0, dy = 0;
    for (int w = 0; w < WAVES; w++) {
      float wave = cosf(wide[w] * knot[i].x + high[w] * knot[i].y + phase[w]);
      dx += x[w] * wave;
      dy += y[w] * wave;
    }
    knot[i].x += dx;
    knot[i].y += dy;
  }
}

/* A smooth change of the whole figure, u and v going from -1 to 1 over its box: the parts' proportions (the waist
 * moves up or down, the top or the bottom gets wider), arched verticals and horizontals. */
static void warp(chance *c, gl_dot *knot, int n) {
  float waist = normal(c, 0, 0.11f), flare = normal(c, 0, 0.14f), bow = normal(c, 0, 0.1f), twist = normal(c, 0, 0.1f);
  float lean = normal(c, 0, 0.07f), sag = normal(c, 0, 0.06f), crowd = normal(c, 0, 0.07f);
  for (int i = 0; i < n; i++) {
    float u = 2 * knot[i].x, v = 2 * knot[i].y;
    float x = u + flare * u * v + bow * (v * v - 0.5f) + twist * v * (1 - v * v) + crowd * (u * u - 0.5f);
    float y = v + waist * (v * v - 1) + lean * u * v + sag * (u * u - 0.5f);
    knot[i].x = x / 2;
    knot[i].y = y / 2;
  }
}

static void slant_and_turn(gl_dot *knot, int n, const float *factor) {
  float shear = tanf(factor[GL_DIGITS_SLANT] * DEGREE), angle = factor[GL_DIGITS_ROTATION] * DEGREE;
  float cosine = cosf(angle), sine = sinf(angle);
  for (int i = 0; i < n; i++) {
    float x = factor[GL_DIGITS_WIDTH] * knot[i].x - shear * knot[i].y, y = knot[i].y;
    knot[i].x = cosine * x - sine * y;
    knot[i].y = sine * x + cosine * y;
  }
}

/* ---- pen: radius, place on the canvas, ink ----------------------------------------------------------------------- */

/* How much of the taper knot i gets: all at a stroke's end, less where the next knot is far (the spline would carry it
 * along half a stem), nothing elsewhere. */
static float taper_at(const gl_dot *knot, int n, int i) {
  const float reach = 0.25f;
  bool first = knot[i].kind == GL_START, last = i + 1 == n || knot[i + 1].kind == GL_START;
  if (!first && !last)
    return 0;
  const gl_dot *next = first ? &knot[i + 1] : &knot[i - 1];
  float distance = hypotf(next->x - knot[i].x, next->y - knot[i].y);
  return distance > reach ? reach / distance : 1;
}

/* Sets each knot's radius in pixels: the pen's, times a pressure that drifts, thinner at the strokes' ends. */
static void press(chance *c, gl_dot *knot, int n, const float *factor) {
  const float memory = 0.7f, fresh = 0.714f; /* memory^2 + fresh^2 = 1 */
  float radius = factor[GL_DIGITS_THICKNESS] / 2, drift = normal(c, 0, factor[GL_DIGITS_PRESSURE]);
  for (int i = 0; i < n; i++) {
    float r = radius * (1 + drift - factor[GL_DIGITS_TAPER] * taper_at(knot, n, i));
    knot[i].r = r > 0.4f ? r : 0.4f;
    drift = memory * drift + fresh * normal(c, 0, factor[GL_DIGITS_PRESSURE]);
  }
}

/* Scales and moves the dots so that the ink's longer side is `size` and its middle the canvas's. */
static void fit(gl_dot *dot, int n, const float *factor) {
  float left = dot[0].x, right = left, top = dot[0].y, bottom = top;
  for (int i = 1; i < n; i++) {
    left = dot[i].x < left ? dot[i].x : left;
    right = dot[i].x > right ? dot[i].x : right;
    top = dot[i].y < top ? dot[i].y : top;
    bottom = dot[i].y > bottom ? dot[i].y : bottom;
  }
  float longer = right - left > bottom - top ? right - left : bottom - top;
  float scale = (factor[GL_DIGITS_SIZE] - factor[GL_DIGITS_THICKNESS]) / longer, middle = 0.5f * (CANVAS - 1);
  for (int i = 0; i < n; i++) {
    dot[i].x = middle + scale * (dot[i].x - 0.5f * (left + right));
    dot[i].y = middle + scale * (dot[i].y - 0.5f * (top + bottom));
  }
}

/* Cuts the image out of the canvas so that the ink's centre of mass comes as near to the asked shift from pixel
 * (14, 14) as whole pixels allow (MNIST was made like that); sets the shift to what it then is. */
static void cut_out(const float *canvas, float *factor, uint8_t *image) {
  float mass = 0, mx = 0, my = 0;
  for (int y = 0; y < CANVAS; y++) {
    float row = 0;
    for (int x = 0; x < CANVAS; x++) {
      row += canvas[y * CANVAS + x];
      mx += canvas[y * CANVAS + x] * (float)x;
    }
    mass += row;
    my += row * (float)y;
  }
  const float centre = SIDE / 2;
  float dx = mx / mass - centre, dy = my / mass - centre;
  int x0 = (int)lroundf(dx - factor[GL_DIGITS_SHIFT_X]), y0 = (int)lroundf(dy - factor[GL_DIGITS_SHIFT_Y]);
  factor[GL_DIGITS_SHIFT_X] = dx - (float)x0;
  factor[GL_DIGITS_SHIFT_Y] = dy - (float)y0;
  for (int y = 0; y < SIDE && image; y++)
    for (int x = 0; x < SIDE; x++) {
      int cy = y + y0, cx = x + x0;
      bool inside = cy >= 0 && cy < CANVAS && cx >= 0 && cx < CANVAS;
      image[y * SIDE + x] = inside ? (uint8_t)(canvas[cy * CANVAS + cx] * 255 + 0.5f) : 0;
    }
}

/* ---- image ------------------------------------------------------------------------------------------------------ */

/* How each digit is usually written: mean and deviation of the slant (degrees), width and the deviation of its
 * logarithm, pen width (pixels), the largest wobble (times the height). */
static const struct usual {
  float slant, slant_deviation, width, width_deviation, thickness, wobble;
} usual[10] = {
    {12, 12, 1.04f, 0.26f, 2.80f, 0.035f}, {14, 13, 1.00f, 0.20f, 2.85f, 0.035f}, {3, 13, 1.16f, 0.26f, 2.60f, 0.055f},
    {3, 13, 1.04f, 0.22f, 2.50f, 0.055f},  {12, 14, 1.02f, 0.20f, 2.45f, 0.055f}, {6, 14, 1.10f, 0.22f, 2.40f, 0.055f},
    {4, 11, 1.02f, 0.25f, 2.50f, 0.055f},  {3, 12, 1.06f, 0.22f, 2.60f, 0.055f},  {6, 13, 1.02f, 0.20f, 2.30f, 0.055f},
    {7, 12, 0.92f, 0.20f, 2.30f, 0.055f},
};

static void choose_factors(chance *c, int digit, float *factor) {
  const struct usual *u = &usual[digit];
  factor[GL_DIGITS_SLANT] = normal(c, u->slant, u->slant_deviation);
  factor[GL_DIGITS_ROTATION] = normal(c, 0, 7);
  factor[GL_DIGITS_WIDTH] = u->width * expf(normal(c, 0, u->width_deviation));
  factor[GL_DIGITS_SIZE] = uniform(c, 19, 20.2f);
  factor[GL_DIGITS_SHIFT_X] = normal(c, 0, 0.2f);
  factor[GL_DIGITS_SHIFT_Y] = normal(c, 0, 0.2f);
  factor[GL_DIGITS_THICKNESS] = u->thickness * expf(normal(c, 0, 0.25f));
  factor[GL_DIGITS_PRESSURE] = uniform(c, 0, 0.16f);
  factor[GL_DIGITS_TAPER] = uniform(c, -0.05f, 0.35f);
  factor[GL_DIGITS_WOBBLE] = uniform(c, 0.01f, u->wobble);
}

static void draw_digit(uint64_t seed, uint64_t index, uint8_t *image, uint8_t *label, float *factor) {
  chance c = {.seed = seed, .stream = STREAM + index};
  gl_dot knot[GL_WAY_KNOTS], dot[DOTS];
  float canvas[CANVAS * CANVAS] = {0};
  int digit = (int)((uint64_t)draw(&c) * 10 >> 32), style;
  const gl_digit_way *way = choose_way(&c, digit, &style);
  choose_factors(&c, digit, factor);
  factor[GL_DIGITS_STYLE] = (float)style;
  int n = mix_shapes(&c, way, knot);
  warp(&c, knot, n);
  swell(&c, factor[GL_DIGITS_WOBBLE], knot, n);
  wobble(&c, factor[GL_DIGITS_WOBBLE] / 2, knot, n);
  slant_and_turn(knot, n, factor);
  press(&c, knot, n, factor);
  int dots = gl_strokes_flatten(knot, n, STEP, dot, DOTS);
  fit(dot, dots, factor);
  gl_strokes_ink(dot, dots, canvas, CANVAS);
  cut_out(canvas, factor, image);
  *label = (uint8_t)(digit + 1);
}

typedef struct job {
  uint64_t seed, first;
  uint8_t *images, *labels;
  float *factors;
} job;

static void draw_range(int64_t from, int64_t to, void *context) {
  const job *j = context;
  for (int64_t i = from; i < to; i++) {
    uint8_t label;
    float factor[GL_DIGITS_FACTORS];
    draw_digit(j->seed, j->first + (uint64_t)i, j->images ? j->images + i * SIDE * SIDE : NULL, &label, factor);
    if (j->labels)
      j->labels[i] = label;
    if (j->factors)
      memcpy(j->factors + i * GL_DIGITS_FACTORS, factor, sizeof factor);
  }
}

bool gl_digits(uint64_t seed, uint64_t first, int64_t count, uint8_t *images, uint8_t *labels, float *factors) {
  if (count < 0)
    return gl_fail("digits: the count is %lld, and cannot be negative", (long long)count);
  job j = {.seed = seed, .first = first, .images = images, .labels = labels, .factors = factors};
  gl_parallel(count, SIDE * SIDE, draw_range, &j);
  return true;
}
