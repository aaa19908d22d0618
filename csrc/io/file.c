/* file.c -- what there is, folders that are made, and opening files that are to be read. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/io.h"

/* "what: No such file or directory" */
static bool fail_errno(const char *what) { return gl_fail("%s: %s", what, strerror(errno)); }

/* ---- folders ----------------------------------------------------------------------------------------------------- */

gl_file_kind gl_file_find(const char *path) {
  struct stat st;
  if (stat(path, &st) != 0)
    return GL_KIND_NONE;
  return S_ISDIR(st.st_mode) ? GL_KIND_FOLDER : GL_KIND_FILE;
}

/* A copy of the first n bytes of s with room for the text that follows it. */
static char *copy_text(const char *s, size_t n, const char *suffix) {
  size_t m = strlen(suffix) + 1;
  char *copy = gl_alloc(n + m);
  if (copy) {
    memcpy(copy, s, n);
    memcpy(copy + n, suffix, m);
  }
  return copy;
}

static bool make_folder(const char *path) {
  if (mkdir(path, 0777) == 0)
    return true;
  int reason = errno; /* EEXIST, and for folders above one's own also EACCES, EROFS, EISDIR: it may be there already */
  gl_file_kind kind = gl_file_find(path);
  if (kind == GL_KIND_FOLDER)
    return true;
  return gl_fail("%s: cannot make this folder: %s", path,
                 kind == GL_KIND_FILE ? "a file is in its place" : strerror(reason));
}

bool gl_file_mkdirs(const char *path) {
  char *part = copy_text(path, strlen(path), "");
  if (!part)
    return gl_fail_in(path);
  bool ok = true;
  for (char *slash = part; ok && slash;) {
    slash = *slash ? strchr(slash + 1, '/') : NULL; /* from + 1, for the root is no folder to make */
    if (slash)
      *slash = '\0';
    ok = make_folder(part);
    if (slash)
      *slash = '/';
  }
  gl_free(part);
  return ok;
}

/* ---- input ------------------------------------------------------------------------------------------------------- */

bool gl_input_open(gl_input *in, const char *path) {
  struct stat st;
  in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* O_NONBLOCK: a named pipe shall not keep us waiting */
  if (in->fd < 0)
    return fail_errno("cannot be opened");
  bool ok = fstat(in->fd, &st) == 0 || fail_errno("cannot be opened");
  if (ok && !S_ISREG(st.st_mode))
    ok = gl_fail(S_ISDIR(st.st_mode) ? "is a folder, not a file" : "is not a regular file");
  if (ok)
    in->bytes = (int64_t)st.st_size;
  else
    gl_input_close(in);
  return ok;
}

bool gl_input_read(const gl_input *in, int64_t offset, void *out, size_t n) {
  if (n > (uint64_t)(in->bytes - offset))
    return gl_fail("truncated: at least %lld bytes expected, %lld came", (long long)offset + (long long)n,
                   (long long)in->bytes);
  for (char *to = out; n > 0;) {
    ssize_t got = pread(in->fd, to, n, (off_t)offset);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return fail_errno("cannot be read");
    if (got == 0)
      return gl_fail("truncated while it was read: it had %lld bytes and now ends at %lld", (long long)in->bytes,
                     (long long)offset);
    to += got;
    offset += got;
    n -= (size_t)got;
  }
  return true;
}

void gl_input_close(gl_input *in) {
  close(in->fd);
  in->fd = -1;
}

int64_t gl_inflated_limit(int64_t compressed) {
  /* A match of at most 258 bytes takes at least two bits: zlib's technical details, "maximum compression factor". */
  return compressed > INT64_MAX / 2048 ? INT64_MAX : compressed * 1032 + 1024;
}
