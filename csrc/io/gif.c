/* gif.c -- animations as GIF files, by giflib. */
#include <gif_lib.h>
#include <string.h>

#include "io/io.h"

enum { MAX_SIDE = 65535, MAX_PIXELS = 1 << 26 };

typedef struct job {
  GifFileType *gif;
  gl_output out;
  bool written;      /* as far as the file is concerned: the error slot says why not */
  gl_tensor *frames; /* contiguous bytes */
  int64_t n, height, width;
  int channels;
  uint8_t *index; /* one frame's pixels: their places in the palette */
  int delay;
} job;

static int channels_of(const gl_tensor *t) { return t->ndim == 4 ? (int)t->shape[3] : 1; }

bool gl_gif_check(const gl_tensor *t) {
  bool frames = t->ndim == 3 || (t->ndim == 4 && (t->shape[3] == 1 || t->shape[3] == 3));
  if (!frames)
    return gl_fail("frames are NxHxW, or NxHxWxC with 1 or 3 channels, this tensor is %s", gl_tensor_text(t));
  int64_t height = t->shape[1], width = t->shape[2];
  return (height <= MAX_SIDE && width <= MAX_SIDE && height * width <= MAX_PIXELS) ||
         gl_fail("a frame has sides of at most %d and at most %d pixels, these are %lldx%lld", (int)MAX_SIDE,
                 (int)MAX_PIXELS, (long long)height, (long long)width);
}

/* What giflib calls: a count other than n makes it fail. */
static int on_write(GifFileType *gif, const GifByteType *bytes, int n) {
  job *j = gif->UserData;
  j->written = j->written && gl_output_write(&j->out, bytes, (size_t)n);
  return j->written ? n : 0;
}

/* After a call of giflib's that did not succeed. */
static bool fail_gif(const job *j) {
  const char *text = GifErrorString(j->gif->Error);
  return j->written && gl_fail("giflib: %s", text ? text : "unknown error");
}

/* A palette of 2^k colors that holds the n given; of giflib's memory. */
static ColorMapObject *make_map(uint8_t palette[][3], int n) {
  ColorMapObject *map = GifMakeMapObject(1 << GifBitSize(n), NULL);
  for (int i = 0; map && i < n; i++)
    map->Colors[i] = (GifColorType){palette[i][0], palette[i][1], palette[i][2]};
  if (!map)
    gl_fail("out of memory");
  return map;
}

/* Repeats for ever: the application extension of Netscape's Navigator 2, which every viewer knows. */
static bool put_loop(job *j) {
  return EGifPutExtensionLeader(j->gif, APPLICATION_EXT_FUNC_CODE) == GIF_OK &&
         EGifPutExtensionBlock(j->gif, 11, "NETSCAPE2.0") == GIF_OK &&
         EGifPutExtensionBlock(j->gif, 3, "\1\0\0") == GIF_OK && EGifPutExtensionTrailer(j->gif) == GIF_OK;
}

static bool put_header(job *j) {
  uint8_t grey[GL_PALETTE_MAX][3];
  for (int i = 0; i < GL_PALETTE_MAX; i++)
    memset(grey[i], i, 3);
  ColorMapObject *map = j->channels == 1 ? make_map(grey, GL_PALETTE_MAX) : NULL;
  if (j->channels == 1 && !map)
    return false;
  EGifSetGifVersion(j->gif, true); /* GIF89a, which has delays */
  bool ok = EGifPutScreenDesc(j->gif, (int)j->width, (int)j->height, 8, 0, map) == GIF_OK && put_loop(j);
  GifFreeMapObject(map);
  return ok || fail_gif(j);
}

static bool put_frame(job *j, const ColorMapObject *map) {
  GifByteType control[4];
  EGifGCBToExtension(&(GraphicsControlBlock){.DisposalMode = DISPOSE_DO_NOT,
                                             .DelayTime = j->delay,
                                             .TransparentColor = NO_TRANSPARENT_COLOR},
                     control);
  return (EGifPutExtension(j->gif, GRAPHICS_EXT_FUNC_CODE, sizeof control, control) == GIF_OK &&
          EGifPutImageDesc(j->gif, 0, 0, (int)j->width, (int)j->height, false, map) == GIF_OK &&
          EGifPutLine(j->gif, j->index, (int)(j->width * j->height)) == GIF_OK) ||
         fail_gif(j);
}

static bool put_grey(job *j, const uint8_t *frame) {
  memcpy(j->index, frame, (size_t)(j->width * j->height)); /* giflib may write into it */
  return put_frame(j, NULL);
}

static bool put_color(job *j, const uint8_t *frame) {
  uint8_t palette[GL_PALETTE_MAX][3];
  int used = gl_palette_choose(frame, j->width * j->height, palette, j->index);
  ColorMapObject *map = used > 0 ? make_map(palette, used) : NULL;
  bool ok = map && put_frame(j, map);
  GifFreeMapObject(map);
  return ok;
}

/* The file is open; encodes the frames into it. */
static bool encode(job *j) {
  int error;
  j->written = true;
  j->gif = EGifOpen(j, on_write, &error);
  if (!j->gif)
    return gl_fail("giflib: %s", GifErrorString(error));
  bool ok = put_header(j);
  int64_t size = j->height * j->width * j->channels;
  for (int64_t i = 0; ok && i < j->n; i++) {
    const uint8_t *frame = gl_tensor_bytes(j->frames) + i * size;
    ok = j->channels == 1 ? put_grey(j, frame) : put_color(j, frame);
  }
  bool closed = EGifCloseFile(j->gif, &error) == GIF_OK; /* frees it, and writes the file's last byte */
  if (ok && j->written && !closed)
    return gl_fail("giflib: %s", GifErrorString(error));
  return ok && j->written;
}

bool gl_gif_write(const char *path, gl_tensor *t, int delay) {
  if (!gl_gif_check(t))
    return gl_fail_in(path);
  job j = {.n = t->shape[0], .height = t->shape[1], .width = t->shape[2], .channels = channels_of(t), .delay = delay};
  j.frames = gl_image_bytes(t);
  j.index = j.frames ? gl_alloc((size_t)(j.height * j.width)) : NULL;
  bool ok =
      j.index && gl_output_open(&j.out, path) && gl_output_close(&j.out, encode(&j) && gl_tensor_intact(j.frames));
  gl_free(j.index);
  gl_tensor_release(j.frames);
  return ok || gl_fail_in(path);
}
