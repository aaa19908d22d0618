/* cifar10.c -- CIFAR-10's binary files: records of a label, 0 to 9, and an image of 32 x 32 pixels, all reds, then all
 * greens, then all blues, row by row. https://www.cs.toronto.edu/~kriz/cifar.html */
#include "core/shape.h"
#include "io/io.h"

enum { SIDE = 32, PLANE = SIDE * SIDE, RECORD = 1 + 3 * PLANE, CLASSES = 10, AT_A_TIME = 100 };
static const int64_t MAX_RECORDS = 1 << 24; /* labels and orders are floats, which count so far */

/* How many records a file has. */
static bool count_records(const char *path, int64_t *count) {
  gl_input in;
  if (!gl_input_open(&in, path))
    return gl_fail_in(path);
  gl_input_close(&in);
  *count = in.bytes / RECORD;
  return (*count > 0 && in.bytes % RECORD == 0 && *count <= MAX_RECORDS) ||
         gl_fail("%s: %lld bytes, expected a multiple of the %d bytes of a record", path, (long long)in.bytes,
                 (int)RECORD);
}

/* Three planes to RGB pixels. */
static void interleave(const uint8_t *plane, uint8_t *image) {
  for (int i = 0; i < PLANE; i++)
    for (int c = 0; c < 3; c++)
      image[3 * i + c] = plane[c * PLANE + i];
}

static bool read_records(const gl_input *in, int64_t count, uint8_t *raw, gl_real *label, uint8_t *image) {
  for (int64_t i = 0; i < count; i++) {
    const uint8_t *record = raw + i % AT_A_TIME * RECORD;
    int64_t piece = count - i < AT_A_TIME ? count - i : AT_A_TIME;
    if (i % AT_A_TIME == 0 && !gl_input_read(in, i * RECORD, raw, (size_t)(piece * RECORD)))
      return false;
    if (record[0] >= CLASSES)
      return gl_fail("the label of record %lld is %d, expected 0 to %d", (long long)(i + 1), record[0], CLASSES - 1);
    label[i] = (gl_real)(record[0] + 1);
    interleave(record + 1, image + i * 3 * PLANE);
  }
  return true;
}

static bool read_file(const char *path, int64_t count, gl_real *label, uint8_t *image) {
  gl_input in;
  uint8_t *raw = gl_alloc(AT_A_TIME * RECORD);
  if (!raw || !gl_input_open(&in, path)) {
    gl_free(raw);
    return gl_fail_in(path);
  }
  bool ok = read_records(&in, count, raw, label, image);
  gl_input_close(&in);
  gl_free(raw);
  return ok || gl_fail_in(path);
}

static bool read_all(int n, const char *const *path, int64_t *count, gl_tensor **images, gl_tensor **labels) {
  int64_t total = 0, done = 0;
  for (int i = 0; i < n; i++) {
    if (!count_records(path[i], &count[i]))
      return false;
    if (!gl_size_add(total, count[i], &total))
      return false;
  }
  *images = gl_tensor_new(GL_UINT8, 4, (int64_t[]){total, SIDE, SIDE, 3});
  *labels = *images ? gl_tensor_new(GL_FLOAT, 1, &total) : NULL;
  bool ok = *labels;
  for (int i = 0; ok && i < n; done += count[i++])
    ok = read_file(path[i], count[i], gl_tensor_data(*labels) + done, gl_tensor_bytes(*images) + done * 3 * PLANE);
  return ok;
}

bool gl_cifar10_read(int n, const char *const *path, gl_tensor **images, gl_tensor **labels) {
  int64_t *count = gl_alloc_array(n, 1, sizeof *count);
  *images = *labels = NULL;
  bool ok = count && read_all(n, path, count, images, labels);
  gl_free(count);
  if (!ok) {
    gl_tensor_release(*images);
    gl_tensor_release(*labels);
  }
  return ok;
}
