/* fork.h -- inside the core: locks of a process that forks. */
#ifndef GENLAT_FORK_H
#define GENLAT_FORK_H

#include <pthread.h>

/* A child takes over a lock as it is at the fork, but not the thread that may hold it: so nobody holds it then. Once a
 * file, for a lock under which no other such lock is taken. */
#define GL_FREE_AT_FORK(LOCK)                                                                                          \
  static void lock_for_fork(void) { pthread_mutex_lock(&(LOCK)); }                                                     \
  static void unlock_after_fork(void) { pthread_mutex_unlock(&(LOCK)); }                                               \
  __attribute__((constructor)) static void survive_forks(void) {                                                       \
    pthread_atfork(lock_for_fork, unlock_after_fork, unlock_after_fork);                                               \
  }

#endif
