/* chance.h -- inside synth/: the random numbers of one image. */
#ifndef GENLAT_CHANCE_H
#define GENLAT_CHANCE_H

#include "genlat.h"

typedef struct gl_chance { /* set seed and stream; counter is the next block */
  uint64_t seed, stream, counter;
  uint32_t word[4];
  int left;
} gl_chance;

static inline uint32_t gl_chance_draw(gl_chance *c) {
  if (c->left == 0) {
    gl_philox(c->seed, c->stream, c->counter++, c->word);
    c->left = 4;
  }
  return c->word[--c->left];
}

static inline float gl_chance_uniform(gl_chance *c, float low, float high) {
  return low + (high - low) * ((float)(gl_chance_draw(c) >> 8) * (1.0f / 16777216.0f));
}

/* 0 .. n - 1 */
static inline int gl_chance_choose(gl_chance *c, int n) {
  return (int)((uint64_t)gl_chance_draw(c) * (uint64_t)n >> 32);
}

#endif
