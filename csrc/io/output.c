/* output.c -- writing files: a regular file is replaced as a whole or not at all (another file in its folder, sync,
 * rename); what is no file, a pipe or a device, is written into. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_TMPFILE */
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io/io.h"

static bool fail_write(void) {
  return gl_fail("cannot be written: %s", errno == ENOENT ? "its folder does not exist" : strerror(errno));
}

/* ---- where to ---------------------------------------------------------------------------------------------------- */

/* Puts name in place of the last name in path, which has room for PATH_MAX. */
static bool replace_name(char *path, const char *name) {
  const char *slash = strrchr(path, '/');
  size_t keep = *name == '/' || !slash ? 0 : (size_t)(slash - path) + 1;
  if (keep + strlen(name) >= PATH_MAX)
    return errno = ENAMETOOLONG, false;
  memmove(path + keep, name, strlen(name) + 1);
  return true;
}

/* Follows the links at path, the last of which leads to nothing yet: that is where the file goes. */
static bool follow(char *path) {
  enum { MOST_LINKS = 40 };
  char link[PATH_MAX];
  for (int i = 0; i < MOST_LINKS; i++) {
    ssize_t n = readlink(path, link, sizeof link - 1);
    if (n < 0)
      return true;
    link[n] = '\0';
    if (!replace_name(path, link))
      return false;
  }
  return errno = ELOOP, false;
}

/* Finds the place that path stands for, and what is there: st->st_mode is 0 where nothing is. */
static bool find_target(const char *path, char *target, struct stat *st) {
  if (stat(path, st) == 0)
    return !S_ISREG(st->st_mode) || realpath(path, target) || fail_write();
  if (errno != ENOENT)
    return fail_write();
  *st = (struct stat){0};
  if (strlen(path) >= PATH_MAX)
    return errno = ENAMETOOLONG, fail_write();
  strcpy(target, path);
  return follow(target) || fail_write();
}

/* ---- pipes and devices ------------------------------------------------------------------------------------------- */

/* Opens a pipe for writing, which takes somebody who reads: waits for one a little, not for ever. */
static int open_pipe(const char *path) {
  enum { TRIES = 50, PAUSE = 10 * 1000 * 1000 };
  int fd = -1;
  for (int i = 0; i < TRIES && fd < 0; i++) {
    fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno != ENXIO)
      return -1;
    if (fd < 0)
      nanosleep(&(struct timespec){.tv_nsec = PAUSE}, NULL);
  }
  if (fd >= 0)
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
  return fd;
}

/* The open file that a path such as /dev/stdout or /dev/fd/3 means, or -1. What it is makes no difference: it is
 * written into from where it stands, as all that is sent there. */
static int open_descriptor(const char *path) {
  static const char *const folder[] = {"/dev/fd/", "/proc/self/fd/"};
  int number = strcmp(path, "/dev/stdout") == 0 ? STDOUT_FILENO : strcmp(path, "/dev/stderr") == 0 ? STDERR_FILENO : -1;
  for (int i = 0; i < 2; i++) {
    size_t n = strlen(folder[i]), digits = strncmp(path, folder[i], n) == 0 ? strspn(path + n, "0123456789") : 0;
    if (digits >= 1 && digits <= 9 && path[n + digits] == '\0')
      number = atoi(path + n);
  }
  return number < 0 ? -1 : fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

static int open_special(const gl_output *out, mode_t mode) {
  if (!S_ISFIFO(mode) && !S_ISCHR(mode))
    return gl_fail("cannot be written: it is %s", S_ISDIR(mode)   ? "a folder"
                                                  : S_ISBLK(mode) ? "a disk"
                                                                  : "no regular file, pipe or device"),
           -1;
  int fd = S_ISFIFO(mode) ? open_pipe(out->path) : open(out->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0 && errno == ENXIO)
    gl_fail("cannot be written: nobody reads from this pipe");
  else if (fd < 0)
    fail_write();
  return fd;
}

static bool use_special(gl_output *out, int fd) {
  out->special = true;
  out->file = fd < 0 ? NULL : fdopen(fd, "wb");
  if (!out->file && fd >= 0) {
    fail_write();
    close(fd);
  }
  return out->file;
}

/* Where nobody reads from a pipe any more, writing must fail and not end the process: between these two, SIGPIPE is
 * held back from this thread, and then forgotten where it came. */
typedef struct held {
  bool special, pending;
  sigset_t before;
} held;

static sigset_t sigpipe(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  return set;
}

static bool is_pending(void) {
  sigset_t set;
  return sigpending(&set) == 0 && sigismember(&set, SIGPIPE);
}

static held hold_sigpipe(const gl_output *out) {
  held h = {.special = out->special};
  sigset_t set = sigpipe();
  if (h.special) {
    h.pending = is_pending();
    pthread_sigmask(SIG_BLOCK, &set, &h.before);
  }
  return h;
}

static void drop_sigpipe(const held *h) {
  sigset_t set = sigpipe();
  int signal, reason = errno;
  if (!h->special)
    return;
  if (!h->pending && is_pending())
    sigwait(&set, &signal);
  pthread_sigmask(SIG_SETMASK, &h->before, NULL);
  errno = reason;
}

/* ---- the file beside its place ----------------------------------------------------------------------------------- */

/* A name in the target's folder that nobody else has chosen; each call gives another one. */
static bool name_temporary(gl_output *out) {
  static _Atomic uint64_t count;
  struct timespec now;
  char name[48];
  clock_gettime(CLOCK_REALTIME, &now);
  int64_t facts[] = {getpid(), now.tv_sec, now.tv_nsec, (int64_t)count++, (int64_t)(intptr_t)out};
  snprintf(name, sizeof name, ".genlat-%016llx.tmp", (unsigned long long)gl_hash(facts, sizeof facts, 0));
  strcpy(out->temporary, out->target);
  return replace_name(out->temporary, name);
}

enum { MOST_NAMES = 100 }; /* that are tried */

/* Where the system can, the file has no name until it is whole: whatever ends the process then leaves nothing. */
static int create_nameless(gl_output *out) {
#ifdef O_TMPFILE
  char link[64];
  strcpy(out->temporary, out->target);
  if (!replace_name(out->temporary, "."))
    return -1;
  int fd = open(out->temporary, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  if (fd >= 0 && access(link, F_OK) == 0) /* by which it gets a name */
    return fd;
  if (fd >= 0)
    close(fd);
#else
  (void)out;
#endif
  return -1;
}

static int create_named(gl_output *out) {
  for (int i = 0; i < MOST_NAMES; i++) {
    int fd = name_temporary(out) ? open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666) : -1;
    if (fd >= 0 || errno != EEXIST)
      return fd;
  }
  return -1;
}

static bool give_name(gl_output *out) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fileno(out->file));
  for (int i = 0; i < MOST_NAMES && !out->named; i++) {
    out->named = name_temporary(out) && linkat(AT_FDCWD, link, AT_FDCWD, out->temporary, AT_SYMLINK_FOLLOW) == 0;
    if (!out->named && errno != EEXIST)
      return false;
  }
  return out->named;
}

/* The owner, where that is allowed, and the permissions of the file that is replaced. */
static bool keep_mode(int fd, const struct stat *old) {
  struct stat new;
  mode_t mode = old->st_mode & 0777;
  if (fstat(fd, &new) != 0)
    return false;
  if ((new.st_uid != old->st_uid || new.st_gid != old->st_gid) && fchown(fd, old->st_uid, old->st_gid) != 0 &&
      fchown(fd, (uid_t)-1, old->st_gid) != 0)
    mode &= ~(mode_t)070; /* the group is another one, for whom they were not meant */
  return (new.st_mode & 0777) == mode || fchmod(fd, mode) == 0;
}

static void abandon(gl_output *out) {
  if (out->named)
    unlink(out->temporary);
}

static bool create_temporary(gl_output *out, const struct stat *old) {
  int fd = create_nameless(out);
  out->named = fd < 0;
  if (fd < 0)
    fd = create_named(out);
  if (fd < 0) {
    out->named = false;
    return fail_write();
  }
  if ((old->st_mode == 0 || keep_mode(fd, old)) && (out->file = fdopen(fd, "wb")))
    return true;
  fail_write();
  close(fd);
  abandon(out);
  return false;
}

/* May a file that is there be replaced? Its folder may let us, but the file can be marked as not to be written. */
static bool is_writable(const char *path) { return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 || fail_write(); }

static void forget(gl_output *out) {
  gl_free(out->target);
  gl_free(out->temporary);
  *out = (gl_output){.path = out->path};
}

static bool open_file(gl_output *out, const struct stat *old) {
  return (old->st_mode == 0 || is_writable(out->target)) && create_temporary(out, old);
}

bool gl_output_open(gl_output *out, const char *path) {
  struct stat old;
  *out = (gl_output){.path = path, .target = gl_alloc(PATH_MAX), .temporary = gl_alloc(PATH_MAX)};
  bool ok = out->target && out->temporary;
  int fd = ok ? open_descriptor(path) : -1;
  if (fd >= 0)
    ok = use_special(out, fd);
  else if (ok && (ok = find_target(path, out->target, &old)))
    ok = old.st_mode != 0 && !S_ISREG(old.st_mode) ? use_special(out, open_special(out, old.st_mode))
                                                   : open_file(out, &old);
  if (!ok)
    forget(out);
  return ok;
}

bool gl_output_write(gl_output *out, const void *bytes, size_t n) {
  held h = hold_sigpipe(out);
  bool ok = fwrite(bytes, 1, n, out->file) == n;
  drop_sigpipe(&h);
  return ok || fail_write();
}

/* Makes the new name last through a power failure. The file is in place whatever comes of it, and some file systems
 * refuse, so there is nothing to report. */
static void sync_folder(char *target) {
  int fd = replace_name(target, ".") ? open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (fd >= 0) {
    fsync(fd);
    close(fd);
  }
}

/* All of it is with the system; of a file, on the disk. */
static bool flush(const gl_output *out) {
  held h = hold_sigpipe(out);
  bool ok = fflush(out->file) == 0;
  drop_sigpipe(&h);
  return (ok && (out->special || fsync(fileno(out->file)) == 0)) || fail_write();
}

bool gl_output_close(gl_output *out, bool ok) {
  ok = ok && flush(out);
  if (ok && !out->special)
    ok = ((out->named || give_name(out)) && rename(out->temporary, out->target) == 0) || fail_write();
  if (!ok)
    abandon(out);
  held h = hold_sigpipe(out); /* what could not be written is tried once more */
  fclose(out->file);
  drop_sigpipe(&h);
  if (ok && !out->special)
    sync_folder(out->target);
  forget(out);
  return ok;
}

bool gl_file_write_atomic(const char *path, const void *bytes, size_t n) {
  gl_output out;
  bool ok = gl_output_open(&out, path) && gl_output_close(&out, gl_output_write(&out, bytes, n));
  return ok || gl_fail_in(path);
}
