/* plain.c -- C's functions print and read numbers as the locale has it: with a comma in many, and what a program has
 * set may change at any time. So genlat changes the locale of its thread while it calls them. */
#include "core/plain.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static locale_t plain;

static void make(void) { plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); }

locale_t gl_plain_begin(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make);
  return uselocale(plain); /* where there is none, 0 leaves what is */
}

void gl_plain_end(locale_t before) { uselocale(before); }

int gl_plain_vprint(char *text, size_t size, const char *format, va_list args) {
  locale_t before = gl_plain_begin();
  int n = vsnprintf(text, size, format, args);
  gl_plain_end(before);
  return n;
}

int gl_plain_print(char *text, size_t size, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = gl_plain_vprint(text, size, format, args);
  va_end(args);
  return n;
}

double gl_plain_number(const char *text) {
  locale_t before = gl_plain_begin();
  double v = strtod(text, NULL);
  gl_plain_end(before);
  return v;
}
