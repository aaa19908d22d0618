/* plain.h -- numbers in texts have a point, whatever the locale of the program that genlat is a part of. */
#ifndef GENLAT_PLAIN_H
#define GENLAT_PLAIN_H

#include <locale.h>
#include <stdarg.h>
#include <stddef.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

#include "genlat.h"

/* From begin to end this thread is in the locale "C"; others, and the program's own setting, are not concerned. */
locale_t gl_plain_begin(void); /* returns what end needs */
void gl_plain_end(locale_t before);

int gl_plain_print(char *text, size_t size, const char *format, ...) GL_PRINTF(3, 4); /* snprintf */
int gl_plain_vprint(char *text, size_t size, const char *format, va_list args) GL_PRINTF(3, 0);
double gl_plain_number(const char *text); /* strtod */

#endif
