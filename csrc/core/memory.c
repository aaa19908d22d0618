/* memory.c -- every block genlat owns: 64-byte aligned, counted, and pooled by size so that a training step asks the
 * system for memory (and takes its page faults) only the first time round. */
#include <stdlib.h>
#include <string.h>

#include "genlat.h"

enum { ALIGNMENT = 64, STEPS_LOG2 = 3, CLASSES = 64 << STEPS_LOG2 };

typedef struct block { /* stands in the 64 bytes before the memory that the caller sees */
  size_t bytes;        /* the caller's part, rounded up to its size class */
  int size_class;
  struct block *next; /* while it is in the pool */
} block;

_Static_assert(sizeof(block) <= ALIGNMENT, "a block's header fits before its memory");

static block *pool[CLASSES];
static gl_memory_info info;
static long fail_countdown = -1;

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

#if defined(__SANITIZE_ADDRESS__)
static const bool pooling = false; /* let the sanitizer see every use after free */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
static const bool pooling = false;
#else
static const bool pooling = true;
#endif
#else
static const bool pooling = true;
#endif

static block *system_alloc(size_t bytes) {
  void *p = NULL;
  return posix_memalign(&p, ALIGNMENT, ALIGNMENT + bytes) == 0 ? p : NULL;
}

void *gl_alloc(size_t bytes) {
  if (fail_countdown >= 0 && fail_countdown-- == 0)
    return gl_fail("out of memory (%zu bytes wanted)", bytes), NULL;
  if (bytes > SIZE_MAX / 4)
    return gl_fail("out of memory (%zu bytes wanted)", bytes), NULL;
  size_t rounded = bytes;
  int size_class = class_of(&rounded);
  block *b = pool[size_class];
  if (b) {
    pool[size_class] = b->next;
    info.pooled -= rounded;
  } else {
    b = system_alloc(rounded);
    if (!b && info.pooled > 0) {
      gl_memory_trim();
      b = system_alloc(rounded);
    }
    if (!b)
      return gl_fail("out of memory (%zu bytes wanted)", bytes), NULL;
    b->bytes = rounded;
    b->size_class = size_class;
  }
  info.live += rounded;
  if (info.live > info.peak)
    info.peak = info.live;
  return (char *)b + ALIGNMENT;
}

void *gl_calloc(size_t bytes) {
  void *p = gl_alloc(bytes);
  if (p)
    memset(p, 0, bytes);
  return p;
}

void gl_free(void *p) {
  if (!p)
    return;
  block *b = (block *)(void *)((char *)p - ALIGNMENT);
  info.live -= b->bytes;
  if (!pooling || info.pooled + b->bytes > info.peak) {
    free(b);
    return;
  }
  b->next = pool[b->size_class];
  pool[b->size_class] = b;
  info.pooled += b->bytes;
}

void gl_memory_trim(void) {
  for (int i = 0; i < CLASSES; i++)
    while (pool[i]) {
      block *b = pool[i];
      pool[i] = b->next;
      free(b);
    }
  info.pooled = 0;
}

gl_memory_info gl_memory(void) { return info; }

void gl_memory_fail_after(long n) { fail_countdown = n; }
