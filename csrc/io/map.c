/* map.c -- tensors whose values are a file's, mapped into memory: for data sets that are larger than it. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/shape.h"
#include "io/io.h"

static size_t page(void) { return (size_t)sysconf(_SC_PAGESIZE); }

/* A mapping begins where a page of the file does; data is in its first page. */
static void unmap(void *data, size_t bytes) {
  size_t before = (uintptr_t)data % page();
  munmap((char *)data - before, bytes + before);
}

static bool check_range(const gl_input *in, int64_t offset, int ndim, const int64_t *shape) {
  if (!gl_shape_check(ndim, shape))
    return false;
  if (offset < 0 || offset > in->bytes || gl_shape_numel(ndim, shape) > in->bytes - offset)
    return gl_fail("truncated: %s bytes at %lld expected, the file has %lld", gl_shape_text(ndim, shape),
                   (long long)offset, (long long)in->bytes);
  return true;
}

static gl_tensor *map(const gl_input *in, int64_t offset, int ndim, const int64_t *shape) {
  if (!check_range(in, offset, ndim, shape))
    return NULL;
  size_t bytes = (size_t)gl_shape_numel(ndim, shape), before = (size_t)offset % page();
  /* Only to be read, so that no system counts it as memory that it might have to find. */
  char *start = mmap(NULL, bytes + before, PROT_READ, MAP_SHARED, in->fd, (off_t)offset - (off_t)before);
  if (start == MAP_FAILED)
    return gl_fail("cannot be mapped: %s", strerror(errno)), NULL;
  gl_tensor *t = gl_tensor_over(GL_UINT8, ndim, shape, start + before, bytes, unmap);
  if (!t)
    unmap(start + before, bytes);
  return t;
}

gl_tensor *gl_map_file(const char *path, int64_t offset, int ndim, const int64_t *shape) {
  gl_input in;
  if (!gl_input_open(&in, path))
    return gl_fail_in(path), NULL;
  gl_tensor *t = map(&in, offset, ndim, shape);
  gl_input_close(&in); /* the mapping stays */
  if (!t)
    gl_fail_in(path);
  return t;
}
