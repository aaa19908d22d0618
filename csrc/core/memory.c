/* memory.c -- every block genlat owns: 64-byte aligned, counted, and pooled by size so that a training step asks the
 * system for memory (and takes its page faults) only the first time round.
 *
 * Under a sanitizer nothing is pooled or rounded up: a block ends where its memory ends, its header may not be touched
 * by others, and what is freed is freed, so that a step outside of it or a use after it is seen. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/fork.h"
#include "genlat.h"

enum { ALIGNMENT = 64, STEPS_LOG2 = 3, CLASSES = 64 << STEPS_LOG2 };

typedef struct block { /* stands in the 64 bytes before the memory that the caller sees */
  size_t bytes;        /* the caller's part: where blocks are pooled, rounded up to its size class */
  int size_class;
  struct block *next; /* while it is in the pool */
  void *start;        /* of what malloc gave, less than 64 bytes before the header */
} block;

_Static_assert(sizeof(block) <= ALIGNMENT, "a block's header fits before its memory");

static block *pool[CLASSES];
static gl_memory_info info;
static long fail_countdown = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all that is above */
GL_FREE_AT_FORK(lock)

static _Thread_local size_t allowance = SIZE_MAX; /* bytes that this thread may still ask for */
static _Thread_local bool refused;                /* has it asked for more? */

#ifdef __has_feature
#define HAS_FEATURE(feature) __has_feature(feature)
#else
#define HAS_FEATURE(feature) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define HIDE_HEADER(b) ASAN_POISON_MEMORY_REGION(b, ALIGNMENT)
#define SHOW_HEADER(b) ASAN_UNPOISON_MEMORY_REGION(b, ALIGNMENT)
#define SANITIZED 1
#else
#define HIDE_HEADER(b) (void)(b)
#define SHOW_HEADER(b) (void)(b)
#ifdef __SANITIZE_THREAD__
#define SANITIZED 1
#else
#define SANITIZED (HAS_FEATURE(memory_sanitizer) || HAS_FEATURE(thread_sanitizer))
#endif
#endif

static const bool pooling = !SANITIZED;

/* Eight classes for each power of two, so that at most an eighth of a block is unused. */
static int class_of(size_t *bytes) {
  size_t n = (*bytes + ALIGNMENT - 1) / ALIGNMENT;
  if (n == 0)
    n = 1;
  int log2 = 63 - __builtin_clzll((unsigned long long)n);
  if (log2 <= STEPS_LOG2) {
    *bytes = n * ALIGNMENT;
    return (int)n;
  }
  int shift = log2 - STEPS_LOG2;
  size_t steps = (n + ((size_t)1 << shift) - 1) >> shift; /* 8 .. 16 */
  *bytes = (steps << shift) * ALIGNMENT;
  return (shift << STEPS_LOG2) + (int)steps;
}

/* By malloc, aligned here: many versions of glibc do not find a freed block again for an aligned request of its size,
 * and the process grows by one for each (its bug 14581). A sanitizer's allocator is asked for an aligned block, whose
 * end is the end of the caller's memory. */
static block *system_alloc(size_t bytes) {
  if (!pooling) {
    void *exact = NULL;
    if (posix_memalign(&exact, ALIGNMENT, ALIGNMENT + bytes) != 0)
      return NULL;
    ((block *)exact)->start = exact;
    return exact;
  }
  char *start = malloc(bytes + 2 * ALIGNMENT - 1);
  if (!start)
    return NULL;
  block *b = (block *)(void *)(start + (ALIGNMENT - 1 - ((uintptr_t)start + ALIGNMENT - 1) % ALIGNMENT));
  b->start = start;
  return b;
}

static void trim(void) {
  for (int i = 0; i < CLASSES; i++)
    while (pool[i]) {
      block *b = pool[i];
      pool[i] = b->next;
      free(b->start);
    }
  info.pooled = 0;
}

/* A block with room for at least `bytes`, counted; NULL when there is no memory. */
static block *take(size_t bytes) {
  if ((fail_countdown >= 0 && fail_countdown-- == 0) || bytes > SIZE_MAX / 4)
    return NULL;
  size_t rounded = bytes;
  int size_class = pooling ? class_of(&rounded) : 0;
  block *b = pool[size_class];
  if (b) {
    pool[size_class] = b->next;
    info.pooled -= rounded;
  } else {
    b = system_alloc(rounded);
    if (!b && info.pooled > 0) {
      trim();
      b = system_alloc(rounded);
    }
    if (!b)
      return NULL;
    b->bytes = rounded;
    b->size_class = size_class;
  }
  info.live += rounded;
  if (info.live > info.peak)
    info.peak = info.live;
  HIDE_HEADER(b);
  return b;
}

/* Does the thread's allowance cover the bytes? */
static bool allowed(size_t bytes) {
  if (bytes > allowance) {
    refused = true;
    return gl_fail("%zu bytes wanted, %zu are allowed here", bytes, allowance);
  }
  if (allowance != SIZE_MAX)
    allowance -= bytes;
  return true;
}

bool gl_memory_allow(size_t bytes) {
  bool met = refused;
  allowance = bytes;
  refused = false;
  return met;
}

void *gl_alloc(size_t bytes) {
  if (!allowed(bytes))
    return NULL;
  pthread_mutex_lock(&lock);
  block *b = take(bytes);
  pthread_mutex_unlock(&lock);
  if (!b)
    return gl_fail("out of memory (%zu bytes wanted)", bytes), NULL;
  return (char *)b + ALIGNMENT;
}

void *gl_calloc(size_t bytes) {
  void *p = gl_alloc(bytes);
  if (p)
    memset(p, 0, bytes);
  return p;
}

/* Into the pool, or back to the system. */
static void give_back(block *b) {
  SHOW_HEADER(b);
  info.live -= b->bytes;
  if (!pooling || info.pooled + b->bytes > info.peak) {
    free(b->start);
    return;
  }
  b->next = pool[b->size_class];
  pool[b->size_class] = b;
  info.pooled += b->bytes;
}

void gl_free(void *p) {
  if (!p)
    return;
  pthread_mutex_lock(&lock);
  give_back((block *)(void *)((char *)p - ALIGNMENT));
  pthread_mutex_unlock(&lock);
}

void gl_memory_trim(void) {
  pthread_mutex_lock(&lock);
  trim();
  pthread_mutex_unlock(&lock);
}

gl_memory_info gl_memory(void) {
  pthread_mutex_lock(&lock);
  gl_memory_info now = info;
  pthread_mutex_unlock(&lock);
  return now;
}

long gl_memory_fail_after(long n) {
  pthread_mutex_lock(&lock);
  long left = fail_countdown;
  fail_countdown = n;
  pthread_mutex_unlock(&lock);
  return left;
}
