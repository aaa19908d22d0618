/* reserve.c -- a buffer of OpenBLAS's and a stack for each thread, taken before they are needed.
 *
 * OpenBLAS keeps a list of buffers. Each call takes the first that is free and, where that is not there yet, maps it,
 * in a loop that a refusal does not end (driver/others/memory.c, blas_memory_alloc). A buffer that is there is never
 * given back to the system, so what is made here serves for good. */
#include "core/reserve.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "core/fork.h"

enum {
  BUFFER = (128 << 20) + (1 << 16), /* OpenBLAS's BUFFER_SIZE and what it adds to it, on x86-64 and 64-bit Arm */
  SPARE = 256 << 20,                /* what a thread that nobody asked for has to leave */
  MOST = 1024                       /* threads */
};

#ifdef __APPLE__
#define MAY_BE_MISSING __attribute__((weak_import))
#else
#define MAY_BE_MISSING __attribute__((weak))
#endif

/* Not in every BLAS; where they are missing nothing is reserved. */
extern void *blas_memory_alloc(int) MAY_BE_MISSING;
extern void blas_memory_free(void *) MAY_BE_MISSING;
extern char *openblas_get_config(void);

static _Atomic int ready; /* threads that have what they need */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
GL_FREE_AT_FORK(lock)
static int refused = MOST + 1; /* so many threads, for which nobody asked, were too many */

static bool can_map(size_t bytes) {
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
  return p != MAP_FAILED && munmap(p, bytes) == 0;
}

/* Takes n buffers at once, and gives them back: the first ones are there, the others are made and leave so many bytes.
 */
static bool make_buffers(int n, int there, size_t spare) {
  if (n == 0)
    return true;
  if (there <= 0 && !can_map(BUFFER + spare))
    return false;
  void *buffer = blas_memory_alloc(0);
  bool ok = make_buffers(n - 1, there - 1, spare);
  blas_memory_free(buffer);
  return ok;
}

static void *wait_for(void *gate) {
  pthread_mutex_lock(gate);
  pthread_mutex_unlock(gate);
  return NULL;
}

/* Can n threads be started? */
static bool can_start(int n) {
  static pthread_t thread[MOST];
  pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  int started = 0;
  pthread_mutex_lock(&gate);
  while (started < n && pthread_create(&thread[started], NULL, wait_for, &gate) == 0)
    started++;
  pthread_mutex_unlock(&gate);
  for (int i = 0; i < started; i++)
    pthread_join(thread[i], NULL);
  return started == n;
}

int gl_reserve_limit(void) {
  static const char key[] = "MAX_THREADS=";
  const char *at = strstr(openblas_get_config(), key);
  int most;
  return at && sscanf(at + strlen(key), "%d", &most) == 1 && most >= 1 && most < MOST ? most : MOST;
}

/* Is there all that n threads need, of which `ready` have it? */
static bool can_serve(int n, size_t spare) {
  return (!blas_memory_alloc || make_buffers(n, ready, spare)) && (n == 1 || can_start(n - 1));
}

/* Makes `ready` larger, up to `most`: at once, or thread by thread where there is not enough for all. */
static void prepare(int most, bool asked) {
  size_t spare = asked ? 0 : SPARE;
  if (can_serve(most, spare))
    ready = most;
  while (ready < most && can_serve(ready + 1, ready == 0 ? 0 : spare))
    ready++;
  if (ready < most)
    refused = ready + 1;
}

int gl_reserve(int threads, bool asked) {
  if (threads <= ready)
    return threads;
  pthread_mutex_lock(&lock);
  int most = gl_reserve_limit();
  if (!asked && most >= refused)
    most = refused - 1;
  if (most > threads)
    most = threads;
  if (most > ready)
    prepare(most, asked);
  int there = ready;
  pthread_mutex_unlock(&lock);
  return there < threads ? there : threads;
}
