/* stream.c -- the bytes of a file one after the other, inflated where they are gzip-compressed: by zlib's inflate, as
 * what its gzread makes of damaged files differs from release to release. */
#include <string.h>
#include <zlib.h>

#include "io/io.h"

enum { PIECE = 1 << 16, GZIP = 16, MAGIC_BYTES = 2 };
static const uint8_t MAGIC[MAGIC_BYTES] = {0x1F, 0x8B};

struct gl_stream {
  const gl_input *in;
  int64_t position; /* in the file, of the next byte to read */
  bool packed, ended;
  z_stream z; /* its input is what was read into `piece` and not used yet */
  uint8_t piece[PIECE];
};

/* Reads on, behind what is not used yet. */
static bool fetch(gl_stream *s) {
  if (s->z.avail_in > 0)
    memmove(s->piece, s->z.next_in, s->z.avail_in);
  int64_t left = s->in->bytes - s->position, room = PIECE - s->z.avail_in, n = left < room ? left : room;
  if (!gl_input_read(s->in, s->position, s->piece + s->z.avail_in, (size_t)n))
    return false;
  s->position += n;
  s->z.next_in = s->piece;
  s->z.avail_in += (uInt)n;
  return true;
}

gl_stream *gl_stream_new(const gl_input *in) {
  gl_stream *s = gl_calloc(sizeof *s);
  if (!s)
    return NULL;
  s->in = in;
  if (!fetch(s)) {
    gl_free(s);
    return NULL;
  }
  s->packed = s->z.avail_in >= MAGIC_BYTES && memcmp(s->piece, MAGIC, MAGIC_BYTES) == 0;
  if (s->packed && inflateInit2(&s->z, MAX_WBITS + GZIP) != Z_OK) {
    gl_free(s);
    gl_fail("out of memory");
    return NULL;
  }
  return s;
}

void gl_stream_free(gl_stream *s) {
  if (s && s->packed)
    inflateEnd(&s->z);
  gl_free(s);
}

bool gl_stream_is_packed(const gl_stream *s) { return s->packed; }

/* After a member: begins the next one, as where files were compressed apart and put together, or has come to the end.
 * What else may follow is left alone, as gzip does. */
static bool end_member(gl_stream *s) {
  if (s->z.avail_in < MAGIC_BYTES && !fetch(s))
    return false;
  s->ended = s->z.avail_in < MAGIC_BYTES || memcmp(s->z.next_in, MAGIC, MAGIC_BYTES) != 0;
  return s->ended || inflateReset(&s->z) == Z_OK;
}

/* Inflates into what is left of z's output; sets `ended` after the last member's checksum. */
static bool inflate_some(gl_stream *s) {
  int code = inflate(&s->z, Z_NO_FLUSH);
  if (code == Z_STREAM_END)
    return end_member(s);
  if (code == Z_MEM_ERROR)
    return gl_fail("out of memory");
  if (code != Z_OK && code != Z_BUF_ERROR) /* which says that it waits for input */
    return gl_fail("damaged gzip data: %s", s->z.msg ? s->z.msg : "needs a dictionary");
  return true;
}

static bool read_packed(gl_stream *s, uint8_t *out, int64_t n, int64_t *came) {
  for (*came = 0; *came < n && !s->ended;) {
    if (s->z.avail_in == 0) {
      if (!fetch(s))
        return false;
      if (s->z.avail_in == 0)
        break;
    }
    uInt room = (uInt)(n - *came < (1 << 30) ? n - *came : 1 << 30);
    s->z.next_out = out + *came;
    s->z.avail_out = room;
    if (!inflate_some(s))
      return false;
    *came += room - s->z.avail_out;
  }
  return true;
}

static bool read_plain(gl_stream *s, uint8_t *out, int64_t n, int64_t *came) {
  int64_t held = s->z.avail_in < n ? s->z.avail_in : n;
  memcpy(out, s->z.next_in, (size_t)held);
  s->z.next_in += held;
  s->z.avail_in -= (uInt)held;
  int64_t left = s->in->bytes - s->position, rest = n - held < left ? n - held : left;
  *came = held + rest;
  if (!gl_input_read(s->in, s->position, out + held, (size_t)rest))
    return false;
  s->position += rest;
  return true;
}

bool gl_stream_read(gl_stream *s, void *out, int64_t n, int64_t *came) {
  return (s->packed ? read_packed : read_plain)(s, out, n, came);
}

bool gl_stream_ended(const gl_stream *s) { return s->packed ? s->ended : s->position == s->in->bytes; }
