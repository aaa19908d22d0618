/* context.c -- what belongs to one user of the core: whether operations are recorded, and the random numbers. */
#include "genlat.h"

static _Thread_local gl_rng thread_rng;
static _Thread_local gl_context thread_context = {.rng = NULL, .recording = true};
static _Thread_local gl_context *current;

static gl_context *context(void) { return current ? current : &thread_context; }

void gl_context_use(gl_context *c) { current = c; }

gl_context *gl_context_used(void) { return current; }

gl_rng *gl_rng_default(void) {
  gl_rng *rng = context()->rng;
  return rng ? rng : &thread_rng;
}

bool gl_recording(void) { return context()->recording; }

bool gl_set_recording(bool on) {
  bool before = gl_recording();
  context()->recording = on;
  return before;
}
