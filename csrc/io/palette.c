/* palette.c -- 256 colors for an image of many: boxes of the color cube are split where the colors in them vary most
 * (Wan, Wong & Prusinkiewicz 1988, "An algorithm for multidimensional data clustering"), then each pixel takes the
 * nearest box's mean. An image of up to 256 colors keeps them. */
#include <stdlib.h>

#include "core/shape.h"
#include "io/io.h"

typedef struct color { /* one that is in the image, and how often */
  uint8_t v[3];
  int64_t count;
} color;

typedef struct box {
  color *first;
  int64_t n;
  int axis;      /* along which its colors vary most */
  double mean;   /* along that axis: where it would be split */
  double spread; /* the sum of the squared distances from the mean along it */
} box;

/* ---- the colors of an image ------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* Each pixel as its color above its place, sorted: pixels of one color stand together. */
static void sort_pixels(const uint8_t *rgb, int64_t n, uint64_t *pixel) {
  for (int64_t i = 0; i < n; i++, rgb += 3)
    pixel[i] = ((uint64_t)rgb[0] << 16 | (uint64_t)rgb[1] << 8 | rgb[2]) << 32 | (uint64_t)i;
  qsort(pixel, (size_t)n, sizeof *pixel, by_value);
}

static bool same_color(uint64_t a, uint64_t b) { return a >> 32 == b >> 32; }

static int64_t count_colors(const uint64_t *pixel, int64_t n) {
  int64_t colors = 1;
  for (int64_t i = 1; i < n; i++)
    colors += !same_color(pixel[i - 1], pixel[i]);
  return colors;
}

static void list_colors(const uint64_t *pixel, int64_t n, color *list) {
  int64_t at = -1;
  for (int64_t i = 0; i < n; i++) {
    if (i == 0 || !same_color(pixel[i - 1], pixel[i])) {
      uint64_t rgb = pixel[i] >> 32;
      list[++at] = (color){.v = {(uint8_t)(rgb >> 16), (uint8_t)(rgb >> 8), (uint8_t)rgb}};
    }
    list[at].count++;
  }
}

/* ---- boxes ------------------------------------------------------------------------------------------------------- */

static void measure(box *b) {
  b->spread = 0;
  for (int axis = 0; axis < 3; axis++) {
    double count = 0, sum = 0, squares = 0;
    for (int64_t i = 0; i < b->n; i++) {
      double v = b->first[i].v[axis], weight = (double)b->first[i].count;
      count += weight;
      sum += weight * v;
      squares += weight * v * v;
    }
    double spread = squares - sum * sum / count;
    if (axis == 0 || spread > b->spread) {
      b->axis = axis;
      b->mean = sum / count;
      b->spread = spread;
    }
  }
}

/* Those up to the mean stay in b, the others make a box of their own. Neither is empty: the colors differ along the
 * axis, and a double tells their mean from each of them for far more pixels than there are. */
static box split(box *b) {
  int64_t low = 0, high = b->n;
  while (low < high) {
    if (b->first[low].v[b->axis] <= b->mean) {
      low++;
    } else {
      color c = b->first[low];
      b->first[low] = b->first[--high];
      b->first[high] = c;
    }
  }
  box upper = {.first = b->first + low, .n = b->n - low};
  b->n = low;
  return upper;
}

/* The box whose splitting gains most, or NULL where each holds one color. */
static box *widest(box *list, int n) {
  box *best = NULL;
  for (int i = 0; i < n; i++)
    if (list[i].n > 1 && (!best || list[i].spread > best->spread))
      best = &list[i];
  return best;
}

static int make_boxes(color *list, int64_t colors, box *boxes) {
  int n = 1;
  boxes[0] = (box){.first = list, .n = colors};
  measure(&boxes[0]);
  for (box *b; n < GL_PALETTE_MAX && (b = widest(boxes, n)); n++) {
    boxes[n] = split(b);
    measure(b);
    measure(&boxes[n]);
  }
  return n;
}

static void mean_color(const box *b, uint8_t mean[3]) {
  for (int axis = 0; axis < 3; axis++) {
    int64_t count = 0, sum = 0;
    for (int64_t i = 0; i < b->n; i++) {
      count += b->first[i].count;
      sum += b->first[i].count * b->first[i].v[axis];
    }
    mean[axis] = (uint8_t)((sum + count / 2) / count);
  }
}

/* ---- the choice -------------------------------------------------------------------------------------------------- */

static uint8_t nearest(const uint8_t *v, uint8_t palette[][3], int n) {
  int best = 0, least = INT32_MAX;
  for (int i = 0; i < n; i++) {
    int r = v[0] - palette[i][0], g = v[1] - palette[i][1], b = v[2] - palette[i][2];
    int distance = r * r + g * g + b * b;
    if (distance < least) {
      least = distance;
      best = i;
    }
  }
  return (uint8_t)best;
}

static int choose(const uint64_t *pixel, int64_t n, int64_t colors, color *list, uint8_t palette[][3], uint8_t *index) {
  box boxes[GL_PALETTE_MAX];
  list_colors(pixel, n, list);
  int used = make_boxes(list, colors, boxes);
  for (int i = 0; i < used; i++)
    mean_color(&boxes[i], palette[i]);
  uint8_t at = 0;
  for (int64_t i = 0; i < n; i++) {
    uint64_t rgb = pixel[i] >> 32;
    if (i == 0 || !same_color(pixel[i - 1], pixel[i]))
      at = nearest((const uint8_t[]){(uint8_t)(rgb >> 16), (uint8_t)(rgb >> 8), (uint8_t)rgb}, palette, used);
    index[pixel[i] & UINT32_MAX] = at;
  }
  return used;
}

int gl_palette_choose(const uint8_t *rgb, int64_t n, uint8_t palette[GL_PALETTE_MAX][3], uint8_t *index) {
  int used = 0;
  if (n > UINT32_MAX)
    return gl_fail("an image of %lld pixels is too large for a palette", (long long)n);
  uint64_t *pixel = gl_alloc_array(n, 1, sizeof *pixel);
  if (pixel) {
    sort_pixels(rgb, n, pixel);
    int64_t colors = count_colors(pixel, n);
    color *list = gl_alloc_array(colors, 1, sizeof *list);
    if (list)
      used = choose(pixel, n, colors, list, palette, index);
    gl_free(list);
  }
  gl_free(pixel);
  return used;
}
