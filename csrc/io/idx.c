/* idx.c -- IDX files, the format of MNIST: two zeros, a type, the number of axes, each size as four bytes (big-endian),
 * then the values. Here the type is always unsigned byte. http://yann.lecun.com/exdb/mnist/ */
#include <string.h>
#include <zlib.h>

#include "io/io.h"

enum { UNSIGNED_BYTE = 0x08, HEADER_MAX = 4 + 4 * GL_MAXDIM, PIECE = 1 << 24 };
static const int64_t MAX_BYTES = (int64_t)1 << 32;

typedef struct header {
  int ndim;
  int64_t shape[GL_MAXDIM];
  int64_t promised; /* bytes of the whole file, uncompressed */
} header;

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static const char *type_name(uint8_t type) {
  static const char *const name[] = {[0x09] = "signed bytes",
                                     [0x0B] = "16-bit integers",
                                     [0x0C] = "32-bit integers",
                                     [0x0D] = "32-bit floats",
                                     [0x0E] = "64-bit floats"};
  return type < sizeof name / sizeof *name && name[type] ? name[type] : "an unknown type";
}

static bool check_magic(const uint8_t *magic) {
  if (magic[0] != 0 || magic[1] != 0)
    return gl_fail("not an IDX file: it begins with %02x %02x, expected 00 00", magic[0], magic[1]);
  if (magic[2] != UNSIGNED_BYTE)
    return gl_fail("holds %s (type 0x%02x), expected unsigned bytes (0x08)", type_name(magic[2]), magic[2]);
  if (magic[3] < 1 || magic[3] > GL_MAXDIM)
    return gl_fail("has %d axes, expected 1 to %d", magic[3], (int)GL_MAXDIM);
  return true;
}

static bool read_header(gl_stream *file, header *h) {
  uint8_t raw[HEADER_MAX];
  int64_t came;
  if (!gl_stream_read(file, raw, 4, &came))
    return false;
  if (came < 4)
    return gl_fail("truncated: a header of at least 8 bytes expected, %d came", (int)came);
  if (!check_magic(raw))
    return false;
  h->ndim = raw[3];
  if (!gl_stream_read(file, raw, 4 * h->ndim, &came))
    return false;
  if (came < 4 * h->ndim)
    return gl_fail("truncated: a header of %d bytes expected, %d came", 4 + 4 * h->ndim, 4 + (int)came);
  int64_t values = 1;
  for (int i = 0; i < h->ndim; i++) {
    const uint8_t *b = raw + 4 * i;
    h->shape[i] = (int64_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
    if (h->shape[i] < 1 || h->shape[i] > MAX_BYTES / values)
      return gl_fail("axis %d has size %lld, expected at least 1 and at most %lld values in all", i + 1,
                     (long long)h->shape[i], (long long)MAX_BYTES);
    values *= h->shape[i];
  }
  h->promised = 4 + 4 * h->ndim + values;
  return true;
}

static bool fail_truncated(const header *h, int64_t came) {
  return gl_fail("truncated: the header promises %lld bytes, %lld came", (long long)h->promised, (long long)came);
}

/* Can so many bytes be in this file? Asked before they are allocated. */
static bool check_promise(const gl_stream *file, const gl_input *in, const header *h) {
  if (!gl_stream_is_packed(file))
    return h->promised <= in->bytes || fail_truncated(h, in->bytes);
  return h->promised <= gl_inflated_limit(in->bytes) ||
         gl_fail("truncated: the header promises %lld bytes, %lld compressed bytes cannot hold them",
                 (long long)h->promised, (long long)in->bytes);
}

/* After the values: nothing more, and the gzip checksum is there and right. */
static bool check_end(gl_stream *file, const header *h) {
  char extra;
  int64_t came;
  if (!gl_stream_read(file, &extra, 1, &came))
    return false;
  if (came > 0)
    return gl_fail("has more than the %lld bytes that its header promises", (long long)h->promised);
  return gl_stream_ended(file) || gl_fail("truncated: the gzip checksum at its end is missing");
}

static gl_tensor *read_tensor(gl_stream *file, const gl_input *in) {
  header h = {0};
  int64_t came;
  if (!read_header(file, &h) || !check_promise(file, in, &h))
    return NULL;
  gl_tensor *t = gl_tensor_new(GL_UINT8, h.ndim, h.shape);
  if (!t)
    return NULL;
  int64_t values = gl_tensor_numel(t);
  bool ok = gl_stream_read(file, gl_tensor_bytes(t), values, &came);
  if (ok && came < values)
    ok = fail_truncated(&h, h.promised - values + came);
  if (ok && check_end(file, &h))
    return t;
  gl_tensor_release(t);
  return NULL;
}

gl_tensor *gl_idx_read(const char *path) {
  gl_input in;
  if (!gl_input_open(&in, path))
    return gl_fail_in(path), NULL;
  gl_stream *file = gl_stream_new(&in);
  gl_tensor *t = file ? read_tensor(file, &in) : NULL;
  gl_stream_free(file);
  gl_input_close(&in);
  if (!t)
    gl_fail_in(path);
  return t;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static size_t make_header(const gl_tensor *t, uint8_t *raw) {
  memcpy(raw, (uint8_t[]){0, 0, UNSIGNED_BYTE, (uint8_t)t->ndim}, 4);
  for (int i = 0; i < t->ndim; i++)
    for (int b = 0; b < 4; b++)
      raw[4 + 4 * i + b] = (uint8_t)(t->shape[i] >> (24 - 8 * b));
  return (size_t)(4 + 4 * t->ndim);
}

static bool ends_in(const char *s, const char *end) {
  size_t n = strlen(s), m = strlen(end);
  return n >= m && strcmp(s + n - m, end) == 0;
}

static bool write_plain(gl_output *out, const void *head, size_t n, const void *values, size_t count) {
  return gl_output_write(out, head, n) && gl_output_write(out, values, count);
}

/* Compresses n bytes and writes what comes out, with `flush` Z_FINISH the end too. */
static bool deflate_some(gl_output *out, z_stream *z, const void *bytes, size_t n, int flush) {
  uint8_t packed[1 << 14];
  z->next_in = (Bytef *)(uintptr_t)bytes;
  z->avail_in = (uInt)n;
  do {
    z->next_out = packed;
    z->avail_out = sizeof packed;
    if (deflate(z, flush) == Z_STREAM_ERROR)
      return gl_fail("cannot be written: zlib failed");
    if (!gl_output_write(out, packed, sizeof packed - z->avail_out))
      return false;
  } while (z->avail_out == 0);
  return true;
}

static bool write_gzip(gl_output *out, const void *head, size_t n, const void *values, size_t count) {
  enum { GZIP = 16, MEMORY_LEVEL = 8 }; /* MEMORY_LEVEL: zlib's usual one */
  z_stream z = {0};
  if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + GZIP, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
    return gl_fail("cannot be written: out of memory");
  bool ok = deflate_some(out, &z, head, n, Z_NO_FLUSH);
  const char *from = values;
  for (size_t done = 0, piece; ok && done < count; done += piece) {
    piece = count - done < PIECE ? count - done : PIECE;
    ok = deflate_some(out, &z, from + done, piece, Z_NO_FLUSH);
  }
  ok = ok && deflate_some(out, &z, NULL, 0, Z_FINISH);
  deflateEnd(&z);
  return ok;
}

bool gl_idx_check(const gl_tensor *t) {
  bool ok = t->dtype == GL_UINT8 && t->ndim >= 1;
  for (int i = 0; i < t->ndim; i++)
    ok = ok && t->shape[i] >= 1 && t->shape[i] <= UINT32_MAX;
  return (ok && gl_tensor_numel(t) <= MAX_BYTES) ||
         gl_fail("an IDX file holds 1 to %lld values of uint8 with 1 to %d axes, this is a %s tensor of %s",
                 (long long)MAX_BYTES, (int)GL_MAXDIM, gl_dtype_name(t->dtype), gl_tensor_text(t));
}

bool gl_idx_write(const char *path, gl_tensor *t) {
  uint8_t head[HEADER_MAX];
  gl_output out;
  gl_tensor *c = gl_idx_check(t) ? gl_tensor_contiguous(t) : NULL;
  bool ok = c && gl_output_open(&out, path);
  if (ok) {
    size_t n = make_header(c, head), count = (size_t)gl_tensor_numel(c);
    bool (*write_it)(gl_output *, const void *, size_t, const void *, size_t) =
        ends_in(path, ".gz") ? write_gzip : write_plain;
    ok = gl_output_close(&out, write_it(&out, head, n, gl_tensor_bytes(c), count) && gl_tensor_intact(c));
  }
  gl_tensor_release(c);
  return ok || gl_fail_in(path);
}
