/* png.c -- images to and from PNG files, by libpng. */
#include <png.h>
#include <setjmp.h>
#include <string.h>

#include "io/io.h"

enum { MAX_SIDE = 1000000, MAX_PIXELS = 1 << 28 };

/* Everything that libpng works on stands here, outside the function that calls setjmp, so that it is intact after a
 * longjmp and can be freed. Reading makes no tensor: it goes on on several threads at a time. */
typedef struct job {
  png_structp png;
  png_infop info;
  jmp_buf escape;
  gl_input in;      /* reading */
  int64_t position; /* of the next byte to read */
  gl_output out;    /* writing */
  bool in_memory;   /* writing into memory, not into `out` */
  uint8_t *bytes;   /* what was written into memory: `used` bytes, of room for `room` */
  size_t used, room;
  gl_pixels pixels;  /* what was read */
  bool no_memory;    /* that is why it failed */
  gl_tensor *tensor; /* to be written: contiguous bytes */
} job;

/* ---- what libpng calls ------------------------------------------------------------------------------------------- */

static void on_error(png_structp png, png_const_charp text) {
  job *j = png_get_error_ptr(png);
  gl_fail("libpng: %s", text);
  longjmp(j->escape, 1);
}

static void on_warning(png_structp png, png_const_charp text) { (void)png, (void)text; }

static png_voidp on_alloc(png_structp png, png_alloc_size_t bytes) {
  job *j = png_get_mem_ptr(png);
  void *block = gl_alloc(bytes);
  if (!block)
    j->no_memory = true;
  return block;
}

static void on_free(png_structp png, png_voidp block) {
  (void)png;
  gl_free(block);
}

/* As png_error, but with the message that is in the error slot. */
static void stop(job *j) { longjmp(j->escape, 1); }

static void on_read(png_structp png, png_bytep to, size_t n) {
  job *j = png_get_io_ptr(png);
  if (!gl_input_read(&j->in, j->position, to, n))
    stop(j);
  j->position += (int64_t)n;
}

static void on_write(png_structp png, png_bytep from, size_t n) {
  job *j = png_get_io_ptr(png);
  if (!gl_output_write(&j->out, from, n))
    stop(j);
}

/* Appends to j->bytes. */
static void on_gather(png_structp png, png_bytep from, size_t n) {
  job *j = png_get_io_ptr(png);
  if (n > j->room - j->used) {
    size_t room = 2 * j->room + n + 1024;
    uint8_t *more = gl_alloc(room);
    if (!more)
      stop(j);
    if (j->used)
      memcpy(more, j->bytes, j->used);
    gl_free(j->bytes);
    j->bytes = more, j->room = room;
  }
  memcpy(j->bytes + j->used, from, n);
  j->used += n;
}

static void on_flush(png_structp png) { (void)png; }

/* Runs the steps; a libpng error anywhere in them ends up here. */
static bool guarded(job *j, void (*steps)(job *)) {
  if (setjmp(j->escape))
    return false;
  steps(j);
  return true;
}

static void make_info(job *j) {
  j->info = j->png ? png_create_info_struct(j->png) : NULL;
  if (!j->info) {
    gl_fail("libpng cannot begin: no memory, or it is not version " PNG_LIBPNG_VER_STRING);
    stop(j);
  }
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* Refuses sizes that the file cannot hold, before anything is allocated for them. */
static void check_size(job *j, int64_t width, int64_t height) {
  int64_t bits = png_get_bit_depth(j->png, j->info) * png_get_channels(j->png, j->info);
  if (width * height > MAX_PIXELS)
    gl_fail("%lldx%lld pixels are more than the limit of %d", (long long)height, (long long)width, (int)MAX_PIXELS);
  else if (width * height * bits / 8 > gl_inflated_limit(j->in.bytes))
    gl_fail("truncated: %lldx%lld pixels cannot be in %lld bytes", (long long)height, (long long)width,
            (long long)j->in.bytes);
  else
    return;
  stop(j);
}

/* Palette to RGB, grey of 1, 2, 4 bits to 8, a transparent colour to alpha, 16 bits to 8. */
static void ask_for_bytes(job *j) {
  png_set_expand(j->png);
  png_set_scale_16(j->png);
}

static void read_steps(job *j) {
  j->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, j, on_error, on_warning, j, on_alloc, on_free);
  make_info(j);
  png_set_read_fn(j->png, j, on_read);
  png_set_user_limits(j->png, MAX_SIDE, MAX_SIDE);
  /* A wrong checksum anywhere is damage, which libpng by default overlooks in what it could do without: transparency,
   * and from 1.6.45 on the end. */
  png_set_crc_action(j->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  /* Leave out text, colour profiles and the like: nobody wants them, and each could be inflated to megabytes. */
  png_set_keep_unknown_chunks(j->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  png_read_info(j->png, j->info);
  int64_t width = png_get_image_width(j->png, j->info), height = png_get_image_height(j->png, j->info);
  check_size(j, width, height);
  ask_for_bytes(j);
  int passes = png_set_interlace_handling(j->png);
  png_read_update_info(j->png, j->info);
  int64_t channels = png_get_channels(j->png, j->info), stride = width * channels;
  if (png_get_rowbytes(j->png, j->info) != (size_t)stride)
    png_error(j->png, "its rows are not of the expected size");
  uint8_t *pixels = gl_alloc((size_t)(height * stride));
  if (!pixels) {
    j->no_memory = true;
    stop(j);
  }
  j->pixels = (gl_pixels){pixels, height, width, (int)channels};
  for (int pass = 0; pass < passes; pass++)
    for (int64_t y = 0; y < height; y++)
      png_read_row(j->png, pixels + y * stride, NULL);
  png_read_end(j->png, NULL); /* to the last checksum, so that a cut file is noticed */
}

gl_image_state gl_png_decode(const char *path, gl_pixels *p) {
  job j = {0};
  if (!gl_input_open(&j.in, path))
    return gl_fail_in(path), GL_IMAGE_BROKEN;
  bool ok = guarded(&j, read_steps);
  png_destroy_read_struct(&j.png, &j.info, NULL);
  gl_input_close(&j.in);
  *p = j.pixels;
  if (ok)
    return GL_IMAGE_GOOD;
  gl_free(j.pixels.data);
  gl_fail_in(path);
  return j.no_memory ? GL_IMAGE_NO_MEMORY : GL_IMAGE_BROKEN;
}

gl_tensor *gl_png_read(const char *path) {
  gl_pixels p;
  if (gl_png_decode(path, &p) != GL_IMAGE_GOOD)
    return NULL;
  int64_t shape[] = {p.height, p.width, p.channels};
  gl_tensor *t = gl_tensor_over(GL_UINT8, 3, shape, p.data, (size_t)(p.height * p.width * p.channels), NULL);
  if (t)
    return t;
  gl_free(p.data);
  return gl_fail_in(path), NULL;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static int64_t channels_of(const gl_tensor *t) { return t->ndim == 3 ? t->shape[2] : 1; }

bool gl_png_check(const gl_tensor *t) {
  bool image = t->ndim == 2 || (t->ndim == 3 && t->shape[2] >= 1 && t->shape[2] <= 4);
  if (!image)
    return gl_fail("an image is HxW or HxWxC with 1 to 4 channels, this tensor is %s", gl_tensor_text(t));
  int64_t height = t->shape[0], width = t->shape[1];
  if (height < 1 || width < 1 || height > MAX_SIDE || width > MAX_SIDE || height * width > MAX_PIXELS)
    return gl_fail("an image has sides of 1 to %d and at most %d pixels, this one is %s", (int)MAX_SIDE,
                   (int)MAX_PIXELS, gl_tensor_text(t));
  return true;
}

static void write_steps(job *j) {
  static const int color_type[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                   PNG_COLOR_TYPE_RGB_ALPHA};
  int64_t height = j->tensor->shape[0], width = j->tensor->shape[1], channels = channels_of(j->tensor);
  j->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, j, on_error, on_warning, j, on_alloc, on_free);
  make_info(j);
  png_set_write_fn(j->png, j, j->in_memory ? on_gather : on_write, on_flush);
  png_set_IHDR(j->png, j->info, (png_uint_32)width, (png_uint_32)height, 8, color_type[channels - 1],
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(j->png, j->info);
  for (int64_t y = 0; y < height; y++)
    png_write_row(j->png, gl_tensor_bytes(j->tensor) + y * width * channels);
  png_write_end(j->png, NULL);
}

/* Encodes the image into the open file or into memory. */
static bool encode(job *j) {
  bool ok = guarded(j, write_steps);
  png_destroy_write_struct(&j->png, &j->info);
  return ok;
}

bool gl_png_write(const char *path, gl_tensor *t) {
  job j = {0};
  if (!gl_png_check(t))
    return gl_fail_in(path);
  j.tensor = gl_image_bytes(t);
  bool ok =
      j.tensor && gl_output_open(&j.out, path) && gl_output_close(&j.out, encode(&j) && gl_tensor_intact(j.tensor));
  gl_tensor_release(j.tensor);
  return ok || gl_fail_in(path);
}

gl_tensor *gl_png_encode(gl_tensor *t) {
  job j = {.in_memory = true};
  if (!gl_png_check(t))
    return NULL;
  j.tensor = gl_image_bytes(t);
  bool ok = j.tensor && encode(&j) && gl_tensor_intact(j.tensor);
  gl_tensor_release(j.tensor);
  gl_tensor *bytes = ok ? gl_tensor_over(GL_UINT8, 1, (int64_t[]){(int64_t)j.used}, j.bytes, j.room, NULL) : NULL;
  if (!bytes)
    gl_free(j.bytes);
  return bytes;
}
