/* fuzz_io.c -- feeds bytes to the readers of genlat's files; for libFuzzer (make fuzz).
 *
 * The first byte chooses the reader, the second lets one allocation fail or none; the rest is the file. Besides what
 * the sanitizers see, each run must give all its memory back, and an error must come with a message.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "io/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FAILING = 64 }; /* a second byte below this is the number of allocations that succeed */

static char path[32]; /* of a file in memory */
static int fd = -1;

static void require(bool condition) {
  if (!condition)
    abort();
}

static void put_file(const uint8_t *bytes, size_t n) {
  if (fd < 0) {
    fd = memfd_create("fuzz", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  }
  require(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, n, 0) == (ssize_t)n);
}

static void take(gl_tensor *t) {
  require(t || gl_error()[0]);
  if (t && t->dtype == GL_UINT8) { /* every value is defined: the sanitizers look at each */
    unsigned sum = 0;
    for (int64_t i = 0; i < gl_tensor_numel(t); i++)
      sum += gl_tensor_bytes(t)[i];
    require(sum <= 255u * (unsigned)gl_tensor_numel(t));
  }
  gl_tensor_release(t);
}

/* ---- one function for each first byte ---------------------------------------------------------------------------- */

static void png(const uint8_t *data, size_t n) {
  put_file(data, n);
  take(gl_png_read(path));
}

/* The same with the checksums of the chunks put right, for a changed byte to get further. */
static void png_repaired(const uint8_t *data, size_t n) {
  uint8_t *copy = malloc(n + 1);
  memcpy(copy, data, n);
  for (size_t at = 8; at + 12 <= n;) {
    size_t length = (size_t)copy[at] << 24 | (size_t)copy[at + 1] << 16 | (size_t)copy[at + 2] << 8 | copy[at + 3];
    if (length > n - at - 12)
      break;
    uLong sum = crc32(0, copy + at + 4, (uInt)length + 4);
    for (int b = 0; b < 4; b++)
      copy[at + 8 + length + (size_t)b] = (uint8_t)(sum >> (24 - 8 * b));
    at += 12 + length;
  }
  png(copy, n);
  free(copy);
}

static void idx(const uint8_t *data, size_t n) { /* plain or gzip */
  put_file(data, n);
  take(gl_idx_read(path));
}

/* Compressed here, so that any values arrive with the right checksum. */
static void idx_compressed(const uint8_t *data, size_t n) {
  z_stream z = {0};
  require(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK); /* + 16: gzip */
  uLong room = deflateBound(&z, n);
  uint8_t *packed = malloc(room);
  z.next_in = (Bytef *)(uintptr_t)data;
  z.avail_in = (uInt)n;
  z.next_out = packed;
  z.avail_out = (uInt)room;
  require(deflate(&z, Z_FINISH) == Z_STREAM_END);
  idx(packed, z.total_out);
  deflateEnd(&z);
  free(packed);
}

/* The header's text is Lua's to read; here its first bytes stand for what could have been in it. */
static void safetensors(const uint8_t *data, size_t n) {
  static const char *const dtype[] = {"F32", "F64", "F16", "BF16", "U8",   "I64",     "I32",     "I16",
                                      "I8",  "U64", "U32", "U16",  "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0"};
  enum { DTYPES = sizeof dtype / sizeof *dtype };
  put_file(data, n);
  gl_safetensors *f = gl_safetensors_open(path);
  require(f || gl_error()[0]);
  enum { NUMBERS = 2 + 4 };
  if (f && f->header_bytes >= 2 + NUMBERS * 8) {
    int64_t number[NUMBERS];
    memcpy(number, f->header + 2, sizeof number);
    take(gl_safetensors_tensor(f, dtype[(uint8_t)f->header[0] % DTYPES], (uint8_t)f->header[1] % 5, number + 2,
                               number[0], number[1]));
  }
  gl_safetensors_close(f);
}

/* A PNG in a form that the first four bytes say. */
static void image(const uint8_t *data, size_t n) {
  if (n < 4)
    return;
  gl_form form = {.height = 1 + data[0] % 64,
                  .width = 1 + data[1] % 64,
                  .channels = data[2] & 1 ? 3 : 1,
                  .convert = data[2] & 2,
                  .fit = (gl_fit)(data[2] >> 2 & 3) % 3,
                  .background = data[3]};
  gl_image_report report;
  uint8_t to[64 * 64 * 3];
  put_file(data + 4, n - 4);
  int64_t good = gl_png_read_all(1, (const char *const[]){path}, &form, to, &report);
  require(good == (report.state == GL_IMAGE_GOOD) && (good == 1 || report.message[0]));
  unsigned sum = 0;
  for (int64_t i = 0; good && i < form.height * form.width * form.channels; i++)
    sum += to[i];
  require(sum <= 255u * sizeof to);
}

/* Records of CIFAR-10: the bytes, again and again to a whole number of them, unless there are fewer than 8. */
static void cifar10(const uint8_t *data, size_t n) {
  enum { RECORD = 3073 };
  size_t whole = n < 8 ? n : (n / RECORD + 1) * RECORD;
  uint8_t *copy = malloc(whole + 1);
  for (size_t i = 0; i < whole; i++)
    copy[i] = data[i % n];
  put_file(copy, whole);
  free(copy);
  gl_tensor *images, *labels;
  bool ok = gl_cifar10_read(1, (const char *const[]){path}, &images, &labels);
  take(ok ? images : NULL);
  take(ok ? labels : NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static void (*const readers[])(const uint8_t *, size_t) = {png,         png_repaired, idx,    idx_compressed,
                                                             safetensors, image,        cifar10};
  if (size < 2)
    return 0;
  gl_memory_fail_after(data[1] < FAILING ? data[1] : -1);
  readers[data[0] % (sizeof readers / sizeof *readers)](data + 2, size - 2);
  gl_memory_fail_after(-1);
  require(gl_memory().live == 0);
  return 0;
}
