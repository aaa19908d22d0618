/* error.c -- the error slot: one message a thread, set by whoever fails first and read by the caller at the top. What a
 * message quotes (names from files, paths, other libraries' words) is shown escaped, here and for all. */
#include <stdarg.h>
#include <string.h>

#include "core/plain.h"
#include "core/text.h"
#include "genlat.h"

enum { MESSAGE_SIZE = 1024 };
static _Thread_local char message[MESSAGE_SIZE];

bool gl_fail(const char *format, ...) {
  char raw[MESSAGE_SIZE];
  va_list args;
  va_start(args, format);
  int n = gl_plain_vprint(raw, sizeof raw, format, args);
  va_end(args);
  size_t length = n < 0 ? 0 : (size_t)n < sizeof raw ? (size_t)n : gl_text_whole(raw, sizeof raw - 1);
  gl_text_show(raw, length, message, sizeof message);
  return false;
}

/* The first bytes of a text, at most `most`, as printf's %.*s takes their number. */
static int at_most(const char *text, size_t most) {
  size_t n = strlen(text);
  return (int)(n <= most ? n : gl_text_whole(text, most));
}

bool gl_fail_in(const char *where) {
  char inner[MESSAGE_SIZE];
  memcpy(inner, message, sizeof inner);
  return gl_fail("%.*s: %.*s", at_most(where, 200), where, at_most(inner, 800), inner);
}

const char *gl_error(void) { return message; }
