/* image.c -- brings decoded images to one form: channels, size, bytes. */
#include <math.h>
#include <string.h>

#include "core/shape.h"
#include "io/io.h"

enum { MAX_SIDE = 1 << 16, MAX_VALUES = 1 << 30 };

bool gl_form_check(const gl_form *form) {
  if (form->channels != 1 && form->channels != 3)
    return gl_fail("channels are 1 or 3, not %d", form->channels);
  if (form->height < 1 || form->width < 1 || form->height > MAX_SIDE || form->width > MAX_SIDE ||
      form->height * form->width * form->channels > MAX_VALUES)
    return gl_fail("a size has sides of 1 to %d and at most %d values, this one is %lldx%lld", (int)MAX_SIDE,
                   (int)MAX_VALUES, (long long)form->height, (long long)form->width);
  return true;
}

/* ---- channels ---------------------------------------------------------------------------------------------------- */

/* value over background, where value covers alpha / 255 of it; to the nearest */
static uint8_t blend(int value, int alpha, int background) {
  return (uint8_t)((value * alpha + background * (255 - alpha) + 127) / 255);
}

/* Luma of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B, in parts of 65536. */
static uint8_t luma(const uint8_t *rgb) {
  return (uint8_t)((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 32768u) >> 16);
}

/* One pixel after the other: over the background where there is alpha, then to the number of channels. */
static void convert_pixels(const gl_pixels *from, const gl_form *form, uint8_t *to) {
  int channels = from->channels, colors = channels < 3 ? 1 : 3;
  const uint8_t *x = from->data;
  for (int64_t i = 0, n = from->height * from->width; i < n; i++, x += channels, to += form->channels) {
    uint8_t color[3];
    for (int c = 0; c < colors; c++)
      color[c] = channels == colors ? x[c] : blend(x[c], x[colors], form->background);
    if (form->channels == 1)
      to[0] = colors == 1 ? color[0] : luma(color);
    else
      for (int c = 0; c < 3; c++)
        to[c] = color[colors == 1 ? 0 : c];
  }
}

/* ---- size -------------------------------------------------------------------------------------------------------- */

/* One axis of a resampling: place i of the new axis is the sum of weight[i][k] * old[first[i] + k], k < count[i]. */
typedef struct axis {
  int64_t taps; /* room for each place */
  int64_t *first, *count;
  float *weight;
} axis;

static void axis_free(axis *a) {
  gl_free(a->first);
  gl_free(a->count);
  gl_free(a->weight);
}

/* Down: a place covers n / m old ones, and is their mean, those at its ends counting by the part that is in it. */
static void average_areas(axis *a, int64_t n, int64_t m) {
  double scale = (double)n / (double)m;
  for (int64_t i = 0; i < m; i++) {
    double from = (double)i * scale, to = (double)(i + 1) * scale;
    int64_t first = (int64_t)from, last = (int64_t)ceil(to - 1e-9);
    last = last < n ? last : n;
    a->first[i] = first;
    a->count[i] = last - first < a->taps ? last - first : a->taps;
    for (int64_t k = 0; k < a->count[i]; k++)
      a->weight[i * a->taps + k] =
          (float)((fmin(to, (double)(first + k + 1)) - fmax(from, (double)(first + k))) / scale);
  }
}

/* Up: a place's middle lies between the middles of two old ones. */
static void interpolate(axis *a, int64_t n, int64_t m) {
  double scale = (double)n / (double)m;
  for (int64_t i = 0; i < m; i++) {
    double middle = fmin(fmax(((double)i + 0.5) * scale - 0.5, 0), (double)(n - 1));
    int64_t first = (int64_t)middle;
    double part = middle - (double)first;
    a->first[i] = first;
    a->count[i] = part > 0 ? 2 : 1;
    a->weight[i * a->taps] = (float)(1 - part);
    a->weight[i * a->taps + 1] = (float)part;
  }
}

/* From n places to m. */
static bool axis_make(axis *a, int64_t n, int64_t m) {
  a->taps = n > m ? (n + m - 1) / m + 1 : 2;
  a->first = gl_alloc_array(m, 1, sizeof *a->first);
  a->count = gl_alloc_array(m, 1, sizeof *a->count);
  a->weight = gl_alloc_array(m, a->taps, sizeof *a->weight);
  if (!a->first || !a->count || !a->weight)
    return false;
  if (n > m)
    average_areas(a, n, m);
  else
    interpolate(a, n, m);
  return true;
}

typedef struct window { /* a part of an image: height x width pixels, its rows `stride` bytes apart */
  const uint8_t *data;
  int64_t height, width, stride;
  int channels;
} window;

/* line: the weighted sum of the rows that make row y of the result. */
static void mix_rows(const window *w, const axis *a, int64_t y, float *line) {
  int64_t n = w->width * w->channels;
  for (int64_t k = 0; k < a->count[y]; k++) {
    const uint8_t *row = w->data + (a->first[y] + k) * w->stride;
    float weight = a->weight[y * a->taps + k];
    for (int64_t i = 0; i < n; i++)
      line[i] = (k == 0 ? 0 : line[i]) + weight * (float)row[i];
  }
}

static void mix_columns(const float *line, const axis *a, int64_t width, int channels, uint8_t *to) {
  for (int64_t x = 0; x < width; x++)
    for (int c = 0; c < channels; c++) {
      float sum = 0.5f; /* to the nearest */
      for (int64_t k = 0; k < a->count[x]; k++)
        sum += a->weight[x * a->taps + k] * line[(a->first[x] + k) * channels + c];
      *to++ = sum < 255 ? (uint8_t)sum : 255;
    }
}

static bool resize(const window *w, int64_t height, int64_t width, uint8_t *to) {
  axis rows = {0}, columns = {0};
  float *line = gl_alloc_array(w->width, w->channels, sizeof *line);
  bool ok = line && axis_make(&rows, w->height, height) && axis_make(&columns, w->width, width);
  for (int64_t y = 0; ok && y < height; y++) {
    mix_rows(w, &rows, y, line);
    mix_columns(line, &columns, width, w->channels, to + y * width * w->channels);
  }
  axis_free(&rows);
  axis_free(&columns);
  gl_free(line);
  return ok;
}

static void copy(const window *w, uint8_t *to) {
  size_t n = (size_t)(w->width * w->channels);
  for (int64_t y = 0; y < w->height; y++)
    memcpy(to + (size_t)y * n, w->data + y * w->stride, n);
}

/* The largest part of the proportions wanted, in the middle, in whole pixels. */
static void crop(window *w, const gl_form *form) {
  int64_t height = w->height, width = w->width;
  if (height * form->width > width * form->height)
    height = (width * form->height + form->width / 2) / form->width;
  else
    width = (height * form->width + form->height / 2) / form->height;
  height = height > 0 ? height : 1;
  width = width > 0 ? width : 1;
  w->data += (w->height - height) / 2 * w->stride + (w->width - width) / 2 * w->channels;
  w->height = height;
  w->width = width;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

bool gl_image_fits(const gl_pixels *from, const gl_form *form) {
  static const char *const kind[] = {[1] = "grey", [2] = "grey", [3] = "in color", [4] = "in color"};
  if (form->fit == GL_FIT_NONE && (from->height != form->height || from->width != form->width))
    return gl_fail("is %lldx%lld", (long long)from->height, (long long)from->width);
  return form->convert || (from->channels < 3) == (form->channels == 1) || gl_fail("is %s", kind[from->channels]);
}

bool gl_image_bring(const gl_pixels *from, const gl_form *form, uint8_t *to) {
  uint8_t *converted = NULL;
  window w = {from->data, from->height, from->width, from->width * form->channels, form->channels};
  if (from->channels != form->channels) {
    converted = gl_alloc_array(from->height, w.stride, 1);
    if (!converted)
      return false;
    convert_pixels(from, form, converted);
    w.data = converted;
  }
  if (form->fit == GL_FIT_CROP)
    crop(&w, form);
  bool ok = true;
  if (w.height == form->height && w.width == form->width)
    copy(&w, to);
  else
    ok = resize(&w, form->height, form->width, to);
  gl_free(converted);
  return ok;
}

gl_tensor *gl_image_bytes(gl_tensor *t) {
  gl_tensor *c = t->dtype == GL_INT64 ? gl_tensor_convert(t, GL_FLOAT) : gl_tensor_contiguous(t);
  if (!c || c->dtype == GL_UINT8)
    return c;
  gl_tensor *bytes = gl_tensor_new(GL_UINT8, c->ndim, c->shape);
  if (bytes) {
    const gl_real *from = gl_tensor_data(c);
    uint8_t *to = gl_tensor_bytes(bytes);
    for (int64_t i = 0, n = gl_tensor_numel(c); i < n; i++) {
      double v = (double)from[i];
      to[i] = !(v > 0) ? 0 : v >= 1 ? 255 : (uint8_t)(v * 255 + 0.5); /* NaN is 0 */
    }
  }
  gl_tensor_release(c);
  return bytes;
}
