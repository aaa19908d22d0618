/* lock.c -- what several processes must not take at once: a new folder, made by one of them alone, and a file that one
 * of them holds. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/io.h"

bool gl_folder_claim(const char *path, bool *made) {
  *made = mkdir(path, 0777) == 0;
  return *made || errno == EEXIST || gl_fail("%s: cannot make this folder: %s", path, strerror(errno));
}

/* The process that holds the file, as it wrote itself there; 0 where that cannot be read. */
static long read_holder(int fd) {
  char text[32] = "";
  ssize_t n = pread(fd, text, sizeof text - 1, 0);
  long process = 0;
  for (ssize_t i = 0; i < n && text[i] >= '0' && text[i] <= '9' && i < 10; i++)
    process = process * 10 + (text[i] - '0');
  return process;
}

/* For people, and for the message of the process that comes second; the lock does not depend on it. */
static void write_holder(int fd) {
  char text[32];
  int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
  if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) != n && ftruncate(fd, 0) != 0)
    return; /* on a full disk the file stays empty */
}

gl_lock gl_file_lock(const char *path) {
  gl_lock lock = {.state = GL_LOCK_FAILED, .fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666)};
  if (lock.fd < 0) {
    gl_fail("%s: cannot be locked: %s", path, strerror(errno));
    return lock;
  }
  if (flock(lock.fd, LOCK_EX | LOCK_NB) == 0) {
    lock.state = GL_LOCK_TAKEN;
    write_holder(lock.fd);
    return lock;
  }
  if (errno == EWOULDBLOCK) {
    lock.state = GL_LOCK_BUSY;
    lock.holder = read_holder(lock.fd);
  } else {
    lock.state = errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS ? GL_LOCK_UNKNOWN : GL_LOCK_FAILED;
    gl_fail("%s: cannot be locked: %s", path, strerror(errno));
  }
  close(lock.fd);
  lock.fd = -1;
  return lock;
}

void gl_file_unlock(gl_lock *lock) {
  if (lock->fd >= 0)
    close(lock->fd);
  lock->fd = -1;
}
