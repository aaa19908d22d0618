/* error.c -- the error slot: one message a thread, set by whoever fails first and read by the caller at the top. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "genlat.h"

enum { MESSAGE_SIZE = 1024 };
static _Thread_local char message[MESSAGE_SIZE];

bool gl_fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  return false;
}

bool gl_fail_in(const char *where) {
  char inner[MESSAGE_SIZE];
  memcpy(inner, message, sizeof inner);
  return gl_fail("%.200s: %.800s", where, inner);
}

const char *gl_error(void) { return message; }
