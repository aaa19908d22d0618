/* map.c -- tensors whose values are a file's, mapped into memory: for data sets that are larger than it.
 *
 * Nobody can keep others from cutting a file short while it is mapped, and what is then read beyond its end ends a
 * process by SIGBUS, in whichever thread reads. So that signal is caught here: zeros take the place of the pages that
 * are gone, the reading goes on, and whoever has read asks gl_tensor_intact before the values are used. Locks would not
 * do, as other programs do not ask for them; a copy would take the time and the room that mapping is there to spare;
 * leaving the read by longjmp would leave OpenMP's threads. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fork.h"
#include "core/shape.h"
#include "io/io.h"

enum { MOST_MAPPINGS = 256 };

/* In an array that is never freed, for a signal may look at it at any moment. */
typedef struct mapping {
  _Atomic uintptr_t start; /* of its first page; 0: not in use */
  size_t bytes;
  atomic_bool cut; /* pages of it were gone */
  int fd;
  struct stat was; /* when it was mapped */
  char *path;
} mapping;

static mapping mappings[MOST_MAPPINGS];
static int in_use;
static struct sigaction before;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the above, but for what the signal reads */
GL_FREE_AT_FORK(lock)

static size_t page(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static mapping *find(uintptr_t address) {
  for (int i = 0; i < MOST_MAPPINGS; i++) {
    uintptr_t start = atomic_load(&mappings[i].start);
    if (start && address >= start && address - start < mappings[i].bytes)
      return &mappings[i];
  }
  return NULL;
}

/* ---- the signal -------------------------------------------------------------------------------------------------- */

/* Puts zeros from the page of the address on to the end of the mapping. */
static bool replace_pages(mapping *m, uintptr_t address) {
  uintptr_t from = address - address % page(), end = atomic_load(&m->start) + m->bytes;
  atomic_store(&m->cut, true);
  return mmap((void *)from, end - from, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}

static void on_sigbus(int number, siginfo_t *info, void *context) {
  int reason = errno;
  mapping *m = find((uintptr_t)info->si_addr);
  bool mended = m && replace_pages(m, (uintptr_t)info->si_addr);
  errno = reason;
  if (mended)
    return;
  if (before.sa_flags & SA_SIGINFO)
    before.sa_sigaction(number, info, context);
  else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
    before.sa_handler(number);
  else
    sigaction(SIGBUS, &before, NULL); /* the read that is tried again ends the process */
}

/* From the first mapping to the last. */
static void catch_sigbus(bool on) {
  struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = (int)(SA_SIGINFO | SA_RESTART)}, now;
  sigemptyset(&action.sa_mask);
  if (on)
    sigaction(SIGBUS, &action, &before);
  else if (sigaction(SIGBUS, NULL, &now) == 0 && now.sa_flags & SA_SIGINFO && now.sa_sigaction == on_sigbus)
    sigaction(SIGBUS, &before, NULL);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void release(void *data, size_t bytes) {
  (void)bytes;
  mapping *m = find((uintptr_t)data);
  pthread_mutex_lock(&lock);
  munmap((void *)atomic_load(&m->start), m->bytes);
  atomic_store(&m->start, 0);
  close(m->fd);
  free(m->path);
  if (--in_use == 0)
    catch_sigbus(false);
  pthread_mutex_unlock(&lock);
}

/* When its bytes were changed last. */
static struct timespec time_of(const struct stat *st) {
#ifdef __APPLE__
  return st->st_mtimespec;
#else
  return st->st_mtim;
#endif
}

static bool intact(const void *data) {
  const mapping *m = find((uintptr_t)data);
  struct stat now;
  if (fstat(m->fd, &now) != 0)
    return gl_fail("%s: cannot be looked at: %s", m->path, strerror(errno));
  struct timespec a = time_of(&m->was), b = time_of(&now);
  if (now.st_size != m->was.st_size || a.tv_sec != b.tv_sec || a.tv_nsec != b.tv_nsec)
    return gl_fail("%s: was changed while it was in use (it had %lld bytes, and has %lld): load the data set again",
                   m->path, (long long)m->was.st_size, (long long)now.st_size);
  return !atomic_load(&m->cut) || gl_fail("%s: cannot be read: the disk has an error there", m->path);
}

static const gl_backing backing = {.release = release, .intact = intact};

/* A mapping that is not in use, which begins at `start`; takes over the file and the path. */
static mapping *take(char *start, size_t bytes, int fd, const struct stat *st, char *path) {
  mapping *m = NULL;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < MOST_MAPPINGS && !m; i++)
    m = atomic_load(&mappings[i].start) ? NULL : &mappings[i];
  if (m) {
    m->bytes = bytes;
    m->fd = fd;
    m->was = *st;
    m->path = path;
    atomic_store(&m->cut, false);
    atomic_store(&m->start, (uintptr_t)start);
    if (in_use++ == 0)
      catch_sigbus(true);
  }
  pthread_mutex_unlock(&lock);
  return m;
}

static bool check_range(const gl_input *in, int64_t offset, int ndim, const int64_t *shape) {
  if (!gl_shape_check(ndim, shape))
    return false;
  if (offset < 0 || offset > in->bytes || gl_shape_numel(ndim, shape) > in->bytes - offset)
    return gl_fail("truncated: %s bytes at %lld expected, the file has %lld", gl_shape_text(ndim, shape),
                   (long long)offset, (long long)in->bytes);
  return true;
}

/* A mapping begins where a page of the file does; *data is in its first page. Takes over the file and the path. */
static mapping *map(const gl_input *in, int64_t offset, int ndim, const int64_t *shape, char *path, char **data) {
  struct stat st;
  if (!check_range(in, offset, ndim, shape) || fstat(in->fd, &st) != 0)
    return NULL;
  size_t before_data = (size_t)offset % page(), bytes = (size_t)gl_shape_numel(ndim, shape) + before_data;
  /* Only to be read, so that no system counts it as memory that it might have to find. */
  char *start = mmap(NULL, bytes, PROT_READ, MAP_SHARED, in->fd, (off_t)offset - (off_t)before_data);
  if (start == MAP_FAILED)
    return gl_fail("cannot be mapped: %s", strerror(errno)), NULL;
  mapping *m = take(start, bytes, in->fd, &st, path);
  *data = start + before_data;
  if (m)
    return m;
  munmap(start, bytes);
  return gl_fail("cannot be mapped: %d files are already", (int)MOST_MAPPINGS), NULL;
}

gl_tensor *gl_map_file(const char *path, int64_t offset, int ndim, const int64_t *shape) {
  gl_input in;
  char *data, *own;
  if (!gl_input_open(&in, path))
    return gl_fail_in(path), NULL;
  if (!(own = strdup(path)) || !map(&in, offset, ndim, shape, own, &data)) {
    if (!own)
      gl_fail("out of memory");
    gl_fail_in(path);
    free(own);
    gl_input_close(&in);
    return NULL;
  }
  size_t bytes = (size_t)gl_shape_numel(ndim, shape);
  gl_tensor *t = gl_tensor_over(GL_UINT8, ndim, shape, data, bytes, &backing);
  if (!t) {
    gl_fail_in(path);
    release(data, bytes);
  }
  return t;
}
