/* safetensors.c -- the bytes of safetensors files: the header's length (8 bytes, little-endian), the header (JSON), and
 * the tensors' values (little-endian, row-major). https://github.com/huggingface/safetensors, "Format" */
#include <math.h>
#include <string.h>

#include "core/shape.h"
#include "io/io.h"

enum { LENGTH_BYTES = 8, MAX_HEADER = 100000000, PIECE = 4096 };

/* ---- values as bytes --------------------------------------------------------------------------------------------- */

static uint64_t get_le(const uint8_t *b, int n) {
  uint64_t v = 0;
  for (int i = 0; i < n; i++)
    v |= (uint64_t)b[i] << (8 * i);
  return v;
}

static void put_le(uint8_t *b, int n, uint64_t v) {
  for (int i = 0; i < n; i++)
    b[i] = (uint8_t)(v >> (8 * i));
}

static double get_float(uint32_t bits) {
  float v;
  memcpy(&v, &bits, sizeof v);
  return v;
}

static double from_f64(const uint8_t *b) {
  uint64_t bits = get_le(b, 8);
  double v;
  memcpy(&v, &bits, sizeof v);
  return v;
}

static double from_f32(const uint8_t *b) { return get_float((uint32_t)get_le(b, 4)); }

static double from_bf16(const uint8_t *b) { return get_float((uint32_t)get_le(b, 2) << 16); }

/* IEEE 754's way for few bits: a sign, `e` bits of exponent, m of mantissa. */
static double get_small(const uint8_t *b, int e, int m) {
  int bits = (int)get_le(b, (1 + e + m) / 8), most = (1 << e) - 1, bias = most >> 1;
  int exponent = bits >> m & most, mantissa = bits & ((1 << m) - 1);
  double v = exponent == 0     ? ldexp(mantissa, 1 - bias - m)
             : exponent < most ? ldexp(mantissa + (1 << m), exponent - bias - m)
             : mantissa == 0   ? HUGE_VAL
                               : (double)NAN;
  return bits >> (e + m) & 1 ? -v : v;
}

static double from_f16(const uint8_t *b) { return get_small(b, 5, 10); }

static double from_f8_e5m2(const uint8_t *b) { return get_small(b, 5, 2); }

/* Without infinities: the largest exponent is one more, but for its last number, NaN. */
static double from_f8_e4m3(const uint8_t *b) {
  if ((*b & 0x78) != 0x78)
    return get_small(b, 4, 3);
  double v = (*b & 7) == 7 ? (double)NAN : (8 + (*b & 7)) * 32;
  return *b & 0x80 ? -v : v;
}

/* A power of two alone. */
static double from_f8_e8m0(const uint8_t *b) { return *b == 255 ? (double)NAN : ldexp(1, *b - 127); }

typedef enum kind { FRACTION, SIGNED, UNSIGNED, BYTE, BOOLEAN } kind;

typedef struct format {
  const char *name;
  int size;
  kind kind;
  double (*get)(const uint8_t *); /* of a FRACTION */
} format;

static const format formats[] = {
    {"F32", 4, FRACTION, from_f32},
    {"F64", 8, FRACTION, from_f64},
    {"F16", 2, FRACTION, from_f16},
    {"BF16", 2, FRACTION, from_bf16},
    {"F8_E4M3", 1, FRACTION, from_f8_e4m3},
    {"F8_E5M2", 1, FRACTION, from_f8_e5m2},
    {"F8_E8M0", 1, FRACTION, from_f8_e8m0},
    {"I8", 1, SIGNED, NULL},
    {"I16", 2, SIGNED, NULL},
    {"I32", 4, SIGNED, NULL},
    {"I64", 8, SIGNED, NULL},
    {"U8", 1, BYTE, NULL},
    {"U16", 2, UNSIGNED, NULL},
    {"U32", 4, UNSIGNED, NULL},
    {"U64", 8, UNSIGNED, NULL},
    {"BOOL", 1, BOOLEAN, NULL},
};

static const format *find_format(const char *name) {
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
    if (strcmp(formats[i].name, name) == 0)
      return &formats[i];
  return gl_fail("its dtype %.20s is not one that genlat reads", name), NULL;
}

/* A number that keeps its value: false where gl_real does not hold the whole number, or where a finite number is
 * beyond gl_real's largest. */
static bool get_value(const format *from, const uint8_t *b, gl_real *to) {
  if (from->kind == FRACTION) {
    double v = from->get(b);
    *to = (gl_real)v;
    return isfinite(*to) || !isfinite(v);
  }
  uint64_t bits = get_le(b, from->size), sign = (uint64_t)1 << (8 * from->size - 1);
  bool negative = from->kind == SIGNED && bits & sign;
  uint64_t magnitude = negative ? sign - (bits ^ sign) : bits;
  gl_real v = (gl_real)magnitude;
  *to = negative ? -v : v;
  return v < (gl_real)0x1p64 && (uint64_t)v == magnitude;
}

/* Says which number it was that get_value refused. */
static bool refuse_value(const format *from, const uint8_t *b, int64_t i) {
  const char *type = gl_dtype_name(GL_FLOAT);
  if (from->kind == FRACTION)
    return gl_fail("its element %lld is %g, beyond the largest number of %s", (long long)i + 1, from->get(b), type);
  uint64_t bits = get_le(b, from->size), sign = (uint64_t)1 << (8 * from->size - 1);
  if (from->kind == SIGNED)
    return gl_fail("its element %lld is %lld, which %s does not hold", (long long)i + 1,
                   (long long)((bits ^ sign) - sign), type);
  return gl_fail("its element %lld is %llu, which %s does not hold", (long long)i + 1, (unsigned long long)bits, type);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static bool read_header(gl_safetensors *f) {
  uint8_t raw[LENGTH_BYTES];
  if (!gl_input_read(&f->in, 0, raw, sizeof raw))
    return false;
  uint64_t length = get_le(raw, LENGTH_BYTES);
  if (length > MAX_HEADER)
    return gl_fail("not a safetensors file: a header of %llu bytes, the limit is %d", (unsigned long long)length,
                   (int)MAX_HEADER);
  f->header_bytes = (int64_t)length;
  f->data_bytes = f->in.bytes - LENGTH_BYTES - f->header_bytes;
  if (f->data_bytes < 0)
    return gl_fail("truncated: a header of %lld bytes expected, %lld came", (long long)f->header_bytes,
                   (long long)(f->in.bytes - LENGTH_BYTES));
  f->header = gl_alloc((size_t)length + 1);
  if (!f->header || !gl_input_read(&f->in, LENGTH_BYTES, f->header, (size_t)length))
    return false;
  f->header[length] = '\0';
  return true;
}

gl_safetensors *gl_safetensors_open(const char *path) {
  gl_safetensors *f = gl_calloc(sizeof *f);
  if (!f || !gl_input_open(&f->in, path)) {
    gl_free(f);
    return gl_fail_in(path), NULL;
  }
  if (read_header(f))
    return f;
  gl_safetensors_close(f);
  return gl_fail_in(path), NULL;
}

void gl_safetensors_close(gl_safetensors *f) {
  if (!f)
    return;
  gl_input_close(&f->in);
  gl_free(f->header);
  gl_free(f);
}

/* Do the bytes begin .. end lie in the file, and are they as many as the shape needs? */
static bool check_range(const gl_safetensors *f, int size, int ndim, const int64_t *shape, int64_t begin, int64_t end) {
  if (ndim < 0 || ndim > GL_MAXDIM)
    return gl_fail("has %d axes, the limit is %d", ndim, (int)GL_MAXDIM);
  if (begin < 0 || begin > end || end > f->data_bytes)
    return gl_fail("its data at bytes %lld to %lld are not in the %lld bytes of data", (long long)begin, (long long)end,
                   (long long)f->data_bytes);
  int64_t bytes = size;
  for (int i = 0; i < ndim; i++) {
    if (shape[i] == 0)
      return gl_fail("its shape %s has no elements", gl_shape_text(ndim, shape));
    if (shape[i] < 0 || !gl_size_multiply(bytes, shape[i], &bytes))
      return gl_fail("its shape %s has too many elements", gl_shape_text(ndim, shape));
  }
  return bytes == end - begin || gl_fail("its shape %s needs %lld bytes, it has %lld", gl_shape_text(ndim, shape),
                                         (long long)bytes, (long long)(end - begin));
}

static bool read_bytes(const gl_safetensors *f, const format *from, int64_t offset, gl_tensor *t) {
  int64_t n = gl_tensor_numel(t);
  if (!gl_input_read(&f->in, offset, gl_tensor_bytes(t), (size_t)n))
    return false;
  for (int64_t i = 0; from->kind == BOOLEAN && i < n; i++)
    if (gl_tensor_bytes(t)[i] > 1)
      return gl_fail("its element %lld is %d: a BOOL is 0 or 1", (long long)i + 1, gl_tensor_bytes(t)[i]);
  return true;
}

static bool read_values(const gl_safetensors *f, const format *from, int64_t offset, gl_tensor *t) {
  int64_t n = gl_tensor_numel(t);
  uint8_t raw[PIECE * 8];
  gl_real *to = gl_tensor_data(t);
  for (int64_t done = 0; done < n;) {
    int64_t piece = n - done < PIECE ? n - done : PIECE;
    if (!gl_input_read(&f->in, offset + done * from->size, raw, (size_t)(piece * from->size)))
      return false;
    for (int64_t i = 0; i < piece; i++)
      if (!get_value(from, raw + i * from->size, &to[done + i]))
        return refuse_value(from, raw + i * from->size, done + i);
    done += piece;
  }
  return true;
}

gl_tensor *gl_safetensors_tensor(const gl_safetensors *f, const char *dtype, int ndim, const int64_t *shape,
                                 int64_t begin, int64_t end) {
  const format *from = find_format(dtype);
  if (!from || !check_range(f, from->size, ndim, shape, begin, end))
    return NULL;
  bool bytes = from->kind == BYTE || from->kind == BOOLEAN;
  gl_tensor *t = gl_tensor_new(bytes ? GL_UINT8 : GL_FLOAT, ndim, shape);
  if (t && (bytes ? read_bytes : read_values)(f, from, LENGTH_BYTES + f->header_bytes + begin, t))
    return t;
  gl_tensor_release(t);
  return NULL;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

const char *gl_safetensors_dtype(const gl_tensor *t) {
  if (t->dtype != GL_FLOAT)
    return t->dtype == GL_UINT8 ? "U8" : "I64";
  return sizeof(gl_real) == 8 ? "F64" : "F32";
}

static bool write_floats(gl_output *out, const gl_real *from, int64_t n) {
  uint8_t raw[PIECE * sizeof(gl_real)];
  for (int64_t done = 0; done < n; done += PIECE) {
    int64_t piece = n - done < PIECE ? n - done : PIECE;
    for (int64_t i = 0; i < piece; i++) {
#ifdef GL_FLOAT64
      uint64_t bits;
#else
      uint32_t bits;
#endif
      memcpy(&bits, &from[done + i], sizeof bits);
      put_le(raw + i * (int64_t)sizeof bits, (int)sizeof bits, bits);
    }
    if (!gl_output_write(out, raw, (size_t)piece * sizeof(gl_real)))
      return false;
  }
  return true;
}

static bool write_places(gl_output *out, const int64_t *from, int64_t n) {
  uint8_t raw[sizeof *from];
  for (int64_t i = 0; i < n; i++) {
    put_le(raw, (int)sizeof raw, (uint64_t)from[i]);
    if (!gl_output_write(out, raw, sizeof raw))
      return false;
  }
  return true;
}

static bool write_tensor(gl_output *out, gl_tensor *t) {
  gl_tensor *c = gl_tensor_contiguous(t);
  if (!c)
    return false;
  int64_t n = gl_tensor_numel(c);
  bool ok = c->dtype == GL_UINT8   ? gl_output_write(out, gl_tensor_bytes(c), (size_t)n)
            : c->dtype == GL_INT64 ? write_places(out, gl_tensor_places(c), n)
                                   : write_floats(out, gl_tensor_data(c), n);
  ok = gl_tensor_intact(c) && ok;
  gl_tensor_release(c);
  return ok;
}

bool gl_safetensors_write(const char *path, const char *header, size_t header_bytes, int n, gl_tensor *const *tensor) {
  uint8_t raw[LENGTH_BYTES];
  gl_output out;
  put_le(raw, LENGTH_BYTES, header_bytes);
  if (header_bytes > MAX_HEADER)
    return gl_fail("%s: a header of %zu bytes, the limit is %d", path, header_bytes, (int)MAX_HEADER);
  if (!gl_output_open(&out, path))
    return gl_fail_in(path);
  bool ok = gl_output_write(&out, raw, sizeof raw) && gl_output_write(&out, header, header_bytes);
  for (int i = 0; ok && i < n; i++)
    ok = write_tensor(&out, tensor[i]);
  return gl_output_close(&out, ok) || gl_fail_in(path);
}
